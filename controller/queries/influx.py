"""History from an InfluxDB that a sink has filled, with the same answers as from the local store.

Works with everything that answers InfluxQL at /query: InfluxDB 1.6.7 to 1.8, and 2.x through its
1.x-compatible interface where the bucket has a DBRP mapping. Samples are fetched as they are and
aggregated by the code of the local store. Only a window with more of them than EXACT_SAMPLES is
aggregated by the server, see `influx_cells`; the buckets then say so by `inexact`.

What the server does not keep (descriptions, ranges, how often a tag is stored, and with it how long
a value holds) comes from a catalogue: the tags of the line.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from controller.core.closing import Closing
from controller.core.event import Event, EventKind
from controller.core.sample import FIRST_BAD, Quality, Sample
from controller.core.tag import HistoryRule, Kind
from controller.explain import closest
from controller.history.aggregates import Aggregates, aggregate, combine, join
from controller.history.bucketing import buckets_of, checked_edges, equal_edges
from controller.history.codec import Columns, Ints
from controller.history.holding import hold_ns
from controller.history.results import Buckets, Series, StoredTag
from controller.history.source import BEGINNING, END
from controller.queries import influx_events
from controller.queries.influx_cells import cell_ns, cell_statements, cells_of
from controller.queries.influx_wire import NO_INFLUXQL, InfluxWire, Rows
from controller.queries.influxql import (
    QUALITY,
    VALUE,
    Place,
    fields,
    identifier,
    place,
    read_series,
    select,
    series_of,
)
from controller.sinks.layout import EVENTS

EXACT_SAMPLES = 2_000_000
LEAST, GREATEST = np.iinfo(np.uint8).min, np.iinfo(np.uint8).max


class InfluxSource(Closing):
    """A HistorySource. May be shared by threads.

    line: name of the line, as the sink wrote it. catalogue: the tags of the line, as they are now.
    exact_samples: more than so many in a window are aggregated by the server.
    """

    def __init__(
        self,
        wire: InfluxWire,
        line: str,
        catalogue: Callable[[], Iterable[StoredTag]],
        exact_samples: int = EXACT_SAMPLES,
    ) -> None:
        self._wire, self._line, self._catalogue = wire, line, catalogue
        self._exact_samples = exact_samples

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def tags(self) -> tuple[StoredTag, ...]:
        """All tags the server has of this line, as the catalogue describes them."""
        known = {self._place(tag): tag for tag in self._catalogue()}
        (answers,) = self._wire.ask([series_of("line", self._line)])
        found: list[StoredTag] = []
        for key in (str(row[0]) for rows in answers for row in self._of(rows, ("key",))):
            there = read_series(key)
            tags = dict(there.tags)
            if there.measurement == EVENTS or "tag" not in tags:
                continue
            own = {"line": tags["line"], "tag": tags["tag"], "unit": tags.get("unit", "")}
            where = place(there.measurement, own)
            number = len(found) + 1
            found.append(known.get(where) or _undescribed(number, there.measurement, own))
        return tuple(found)

    def tag(self, name: str) -> StoredTag:
        """The tag of a name; one that the catalogue does not know, as the server has it."""
        described = [tag for tag in self._catalogue() if tag.name == name]
        if described:
            return described[-1]
        there = self.tags()
        found = [tag for tag in there if tag.name == name]
        if len(found) > 1:
            found.sort(key=lambda tag: self._newest_ns(self._place(tag)))
        if found:
            return found[-1]
        hint = closest(name, {tag.name for tag in there}).strip()
        raise self._wire.failed(f"no tag {name!r} in this history{'; ' if hint else ''}{hint}")

    def span(self, tag: str) -> tuple[int, int] | None:
        """Times of the oldest and newest sample; None when there are none."""
        where = self._place(self.tag(tag))
        asked = (False, True)
        oldest, newest = self._wire.ask(
            [
                select(fields((QUALITY,)), where, BEGINNING, END, newest_first=newest, limit=1)
                for newest in asked
            ]
        )
        times = [int(row[0]) for rows in (*oldest, *newest) for row in self._of(rows, _TIMES)]
        return (times[0], times[-1]) if times else None

    def raw(self, tag: str, start_ns: int, stop_ns: int, limit: int | None = None) -> Series:
        """The samples of a window, oldest first, at most `limit`; Bad ones have no value."""
        where = self._place(self.tag(tag))
        wanted = None if limit is None else limit + 1
        found = self._samples(select(_SAMPLE, where, start_ns, stop_ns, limit=wanted))
        n = len(found.time_ns)
        kept = found.rows(slice(0, n if limit is None else min(n, limit)))
        return Series(*kept, len(kept.time_ns) < n, 0)

    def buckets(
        self, tag: str, start_ns: int, stop_ns: int, n: int, *, aligned: bool = True
    ) -> Buckets:
        """Aggregates of a window in n buckets, between the same edges as from a local store."""
        return self.buckets_between(tag, equal_edges(start_ns, stop_ns, n, aligned=aligned))

    def buckets_between(self, tag: str, edges_ns: Ints) -> Buckets:
        """Aggregates between edges in their order."""
        edges = checked_edges(edges_ns)
        start_ns, stop_ns = int(edges[0]), int(edges[-1])
        described = self.tag(tag)
        where, limit_ns = self._place(described), hold_ns(described.max_interval_s)
        lead_ns = max(start_ns - limit_ns, BEGINNING)
        before, counted = self._wire.ask(
            [
                select(_SAMPLE, where, lead_ns, start_ns, newest_first=True, limit=1),
                select(f"count({identifier(QUALITY)})", where, start_ns, stop_ns),
            ]
        )
        marks = np.append(lead_ns, edges)
        lead = aggregate(self._columns(before), marks, limit_ns)
        n = sum(int(row[1]) for rows in counted for row in self._of(rows, ("time", "count")))
        if n > self._exact_samples:
            pieces = self._cells(where, start_ns, stop_ns)
            inexact = len(pieces)
        else:
            samples = self._samples(select(_SAMPLE, where, start_ns, stop_ns))
            pieces, inexact = aggregate(samples, marks, limit_ns), 0
        rows = combine(join([lead, pieces]), marks, limit_ns)
        return buckets_of(edges, rows, limit_ns, inexact=inexact)

    def at(self, tag: str, time_ns: int) -> Sample | None:
        """The newest sample not after a time, whatever its quality."""
        return self._newest(self._place(self.tag(tag)), min(time_ns, END - 1) + 1)

    def latest(self, tag: str) -> Sample | None:
        """The newest sample, whatever its quality."""
        return self._newest(self._place(self.tag(tag)), END)

    def events(
        self,
        start_ns: int = BEGINNING,
        stop_ns: int = END,
        *,
        station: str | None = None,
        kind: EventKind | None = None,
        limit: int | None = None,
    ) -> list[Event]:
        """Events of a window in time order, those of one time by station and kind; with a limit
        the newest ones."""
        where = influx_events.events_place(self._line, station, kind)

        def ask(from_ns: int, to_ns: int, most: int | None) -> list[Event]:
            query = influx_events.events_statement(where, from_ns, to_ns, most)
            rows = [
                row
                for piece in self._wire.stream(query)
                for row in self._of(piece, influx_events.COLUMNS)
            ]
            return influx_events.events_of(rows, self._wire.failed)

        found = ask(start_ns, stop_ns, limit)
        if limit is not None and len(found) == limit:
            # The server may have cut through events of one time in another order than ours.
            oldest_ns = found[0].time_ns
            later = [event for event in found if event.time_ns > oldest_ns]
            found = [*ask(oldest_ns, oldest_ns + 1, None), *later][-limit:]
        return found

    def _place(self, tag: StoredTag) -> Place:
        return place(tag.station, {"line": self._line, "tag": tag.name, "unit": tag.unit})

    def _newest(self, where: Place, stop_ns: int) -> Sample | None:
        query = select(_SAMPLE, where, BEGINNING, stop_ns, newest_first=True, limit=1)
        found = self._samples(query)
        if not len(found.time_ns):
            return None
        return Sample(float(found.values[0]), int(found.quality[0]), int(found.time_ns[0]))

    def _newest_ns(self, where: Place) -> int:
        newest = self._newest(where, END)
        return BEGINNING if newest is None else newest.time_ns

    def _samples(self, query: str) -> Columns:
        return self._columns(self._wire.stream(query))

    def _cells(self, where: Place, start_ns: int, stop_ns: int) -> Aggregates:
        length_ns = cell_ns(start_ns, stop_ns)
        answers = self._wire.ask(cell_statements(where, start_ns, stop_ns, length_ns))
        return cells_of(answers, (start_ns, stop_ns), length_ns)

    def _columns(self, pieces: Iterable[Rows]) -> Columns:
        parts = [_sample_columns(self._of(piece, _SAMPLE_COLUMNS)) for piece in pieces]
        empty = _sample_columns([])
        return Columns(*(np.concatenate(column) for column in zip(empty, *parts, strict=True)))

    def _of(self, piece: Rows, columns: tuple[str, ...]) -> list[list[Any]]:
        """The rows of a piece; StoreError when it has other columns than were asked for."""
        if piece.columns != columns:
            raise self._wire.failed(f"{NO_INFLUXQL}: it answers with {', '.join(piece.columns)}")
        return piece.rows


_SAMPLE = fields((VALUE, QUALITY))
_TIMES = ("time", QUALITY)
_SAMPLE_COLUMNS = ("time", VALUE, QUALITY)


def _sample_columns(rows: list[list[Any]]) -> Columns:
    """Columns of rows of time, value, quality; what has no quality of ours is Bad."""
    time_ns, values, codes = zip(*rows, strict=True) if rows else ((), (), ())
    quality = np.array(codes, np.float64)  # None becomes NaN
    quality[~((quality >= LEAST) & (quality <= GREATEST))] = Quality.BAD_PROTOCOL
    number = np.array(values, np.float64)
    number[quality >= FIRST_BAD] = np.nan
    return Columns(np.array(time_ns, np.int64), number, quality.astype(np.uint8))


def _undescribed(number: int, station: str, tags: dict[str, str]) -> StoredTag:
    """A tag that the line does not have any more."""
    return StoredTag(
        id=number,
        name=tags["tag"],
        unit=tags["unit"],
        station=station,
        description="",
        kind=Kind.REAL,
        resolution=0.0,
        low=0.0,
        high=0.0,
        labels=(),
        max_interval_s=HistoryRule().max_interval_s,
    )
