"""Reading the store: raw samples, buckets, single values and events, from any process.

A `Reader` sees one consistent state per call: journal and chunks come from the same read
transaction. Results are sorted by time; a sample written twice with the same time is there once,
as it was written last. Time windows are half-open: start_ns <= time < stop_ns.
"""

import difflib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from controller.core.closing import Closing
from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.core.sample import Sample
from controller.history.aggregates import Aggregates, aggregate, aggregate_parts, combine, join
from controller.history.codec import (
    NO_SAMPLES,
    Columns,
    DamageError,
    Floats,
    Ints,
    between,
    merge,
)
from controller.history.holding import held_after, hold_ns
from controller.history.journal import JournalView
from controller.history.results import Buckets, Series, StoredTag
from controller.history.rollup import MINUTE_NS, NO_MINUTES, Minutes, joined, rows_of
from controller.history.rows import unpack_chunk, unpack_rollup
from controller.history.schema import open_for_reading, snapshot
from controller.history.stored import event_of, tags_of

ALIGNED_FROM_NS = 10 * MINUTE_NS  # buckets this wide get their edges on whole minutes
FAR = 2**62

T = TypeVar("T", np.float64, np.int64)


class _Lying(NamedTuple):
    """Where a chunk lies and whether its samples are still there."""

    chunk_id: int
    t_min: int
    t_max: int
    n: int
    raw: int = 1  # 0: retention let the samples go


class Reader(Closing):
    """Read access to a store, beside its writer. May be shared by threads: calls take turns."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError when there is no store, or a foreign or newer one."""
        self.path = path
        self._connection = open_for_reading(path)
        self._turn = threading.Lock()
        self._view = JournalView()
        self._damaged = 0

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            self._connection.close()

    def tags(self) -> tuple[StoredTag, ...]:
        """All tags ever stored, in the order they were added."""
        with self._snapshot() as connection:
            return tags_of(connection)

    def span(self, tag: str) -> tuple[int, int] | None:
        """Times of the oldest and newest sample (roll-ups included), None when there are none."""
        with self._snapshot() as connection:
            tag_id = self._id(tag)
            oldest, newest = connection.execute(
                "SELECT min(t_min), max(t_max) FROM chunk WHERE tag = ?", (tag_id,)
            ).fetchone()
            fresh = self._journal(tag_id, -FAR, FAR).time_ns
        times = [t for t in (oldest, newest) if t is not None]
        if len(fresh):
            times += [int(fresh[0]), int(fresh[-1])]
        return (min(times), max(times)) if times else None

    def raw(self, tag: str, start_ns: int, stop_ns: int, limit: int | None = None) -> Series:
        """The samples of a window, oldest first, at most `limit`."""
        with self._snapshot():
            tag_id = self._id(tag)
            parts: list[Columns] = []
            found, reached = 0, stop_ns
            chunks = sorted(self._chunks(tag_id, start_ns, stop_ns), key=lambda c: c.t_min)
            for chunk in chunks:
                if limit is not None and found > limit:
                    reached = min(reached, chunk.t_min)
                    break
                part = between(self._samples(tag_id, chunk), start_ns, stop_ns)
                found += len(part.time_ns)
                parts.append(part)
            parts.append(self._journal(tag_id, start_ns, reached))
            merged = merge(parts)
            damaged = self._damaged
        n = len(merged.time_ns)
        kept = n if limit is None else min(n, limit)
        return Series(
            merged.time_ns[:kept], merged.values[:kept], merged.quality[:kept], kept < n, damaged
        )

    def latest(self, tag: str) -> Sample | None:
        """The newest sample, whatever its quality."""
        return self.at(tag, FAR)

    def at(self, tag: str, time_ns: int) -> Sample | None:
        """The sample that held at a time: the newest one not after it, whatever its quality.

        None before the first sample, and where retention let the raw samples go.
        """
        with self._snapshot() as connection:
            tag_id = self._id(tag)
            found = connection.execute(
                "SELECT id, t_min, t_max, n FROM chunk WHERE tag = ? AND t_min <= ?"
                " AND samples IS NOT NULL ORDER BY t_max DESC LIMIT 1",
                (tag_id, time_ns),
            ).fetchall()
            sealed = [self._samples(tag_id, _Lying(*row)) for row in found]
            fresh = self._journal(tag_id, -FAR, time_ns + 1)
            columns = between(merge([*sealed, fresh]), -FAR, time_ns + 1)
        if not len(columns.time_ns):
            return None
        return Sample(float(columns.values[-1]), int(columns.quality[-1]), int(columns.time_ns[-1]))

    def buckets(
        self, tag: str, start_ns: int, stop_ns: int, n: int, *, aligned: bool = True
    ) -> Buckets:
        """Aggregates of a window in n buckets, exact with respect to the edges returned.

        The value that holds when the window begins is carried in from before it. Whole minutes
        come from roll-ups, minutes cut by an edge from their samples. From ten
        minutes a bucket on, inner edges are put on whole minutes, which makes long windows fast;
        `aligned=False` keeps all buckets equally long at the price of decoding every cut minute.
        """
        if stop_ns <= start_ns or n < 1:
            raise ValueError(f"window {start_ns}..{stop_ns} in {n} buckets: nothing to divide")
        edges = _edges(start_ns, stop_ns, n, aligned=aligned)
        with self._snapshot():
            tag_id = self._id(tag)
            limit_ns = self._limit_ns(tag_id)
            lead_ns = (start_ns - limit_ns) // MINUTE_NS * MINUTE_NS  # what held at the start
            fresh = self._journal(tag_id, lead_ns, stop_ns)
            chunks = _leading(self._chunks(tag_id, lead_ns, stop_ns), start_ns)
            marks = np.append(lead_ns, edges)
            if (stop_ns - start_ns) // n < ALIGNED_FROM_NS and all(chunk.raw for chunk in chunks):
                parts = [self._samples(tag_id, chunk) for chunk in chunks]
                pieces, inexact = aggregate_parts([*parts, fresh], marks, limit_ns), 0
            else:
                pieces, inexact = self._mixed(tag_id, chunks, fresh, marks)
            rows = combine(pieces, marks, limit_ns)
            damaged = self._damaged
        return _buckets(edges, rows, limit_ns, inexact, damaged)

    def events(
        self,
        start_ns: int = -FAR,
        stop_ns: int = FAR,
        *,
        station: str | None = None,
        kind: EventKind | None = None,
        limit: int | None = None,
    ) -> list[Event]:
        """Events of a window in time order; with a limit the newest ones."""
        where, values = ["time_ns >= ?", "time_ns < ?"], [start_ns, stop_ns]
        wanted = (("station", station), ("kind", kind.value if kind else None))
        chosen = [(column, value) for column, value in wanted if value is not None]
        where += [f"{column} = ?" for column, _ in chosen]
        with self._snapshot() as connection:
            rows = connection.execute(
                "SELECT time_ns, kind, station, subject, text, actor, data FROM event"  # noqa: S608
                f" WHERE {' AND '.join(where)} ORDER BY time_ns DESC, id DESC LIMIT ?",
                (*values, *(value for _, value in chosen), -1 if limit is None else limit),
            ).fetchall()
        return [event_of(*row) for row in reversed(rows)]

    def damage(self) -> list[tuple[str, int, int, int, str]]:
        """What lies in quarantine: origin, first and last time, samples, reason."""
        with self._snapshot() as connection:
            return connection.execute(
                "SELECT origin, t_min, t_max, n, reason FROM quarantine ORDER BY id"
            ).fetchall()

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        with self._turn:
            self._damaged = 0
            with snapshot(self._connection, self.path):
                yield self._connection

    def _id(self, name: str) -> int:
        """Store id of a tag: of several units the one a line used last."""
        row = self._connection.execute(
            "SELECT id FROM tag WHERE name = ? ORDER BY opened DESC, id DESC LIMIT 1", (name,)
        ).fetchone()
        if row is not None:
            return int(row[0])
        names = [r[0] for r in self._connection.execute("SELECT DISTINCT name FROM tag")]
        close = difflib.get_close_matches(name, names, 3)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise StoreError(f"{self.path}: no tag {name!r} in this history{hint}")

    def _chunks(self, tag_id: int, start_ns: int, stop_ns: int) -> list[_Lying]:
        rows = self._connection.execute(
            "SELECT id, t_min, t_max, n, samples IS NOT NULL FROM chunk"
            " WHERE tag = ? AND t_max >= ? AND t_min < ? ORDER BY t_max",
            (tag_id, start_ns, stop_ns),
        )
        return [_Lying(*row) for row in rows]

    def _limit_ns(self, tag_id: int) -> int:
        """How long a sample of the tag holds at most."""
        (interval_s,) = self._connection.execute(
            "SELECT max_interval_s FROM tag WHERE id = ?", (tag_id,)
        ).fetchone()
        return hold_ns(interval_s)

    def _samples(self, tag_id: int, chunk: _Lying) -> Columns:
        if not chunk.raw:
            return NO_SAMPLES
        crc, samples = self._connection.execute(
            "SELECT crc, samples FROM chunk WHERE id = ?", (chunk.chunk_id,)
        ).fetchone()
        try:
            return unpack_chunk(tag_id, chunk.t_min, chunk.t_max, chunk.n, crc, samples)
        except DamageError:
            self._damaged += 1
            return NO_SAMPLES

    def _journal(self, tag_id: int, start_ns: int, stop_ns: int) -> Columns:
        """Samples not sealed yet, sorted, of equal times the last written."""
        columns, damaged = self._view.columns(self._connection, tag_id, start_ns, stop_ns)
        self._damaged += damaged
        return columns

    def _mixed(
        self, tag_id: int, chunks: list[_Lying], fresh: Columns, edges: Ints
    ) -> tuple[Aggregates, int]:
        """Roll-ups of whole minutes and aggregates of the others; minutes that are inexact.

        Minutes are taken from samples when an edge cuts them or unsealed samples fall into them;
        the minute after unsealed samples too. edges[0] is the whole minute from which on is read,
        edges[1] the start of the window.
        """
        packed = self._rollups(tag_id, chunks)
        owner = np.repeat(np.arange(len(chunks)), [len(minutes) for minutes in packed])
        raw = np.array([chunk.raw for chunk in chunks], np.bool_)[owner]
        rolled = rows_of(joined(packed))
        minutes = rolled.first_ns // MINUTE_NS
        cut = np.union1d(edges[edges % MINUTE_NS != 0] // MINUTE_NS, _touched(minutes, fresh))
        is_cut = np.isin(minutes, cut)
        opened = np.unique(owner[is_cut & raw])
        parts = [self._samples(tag_id, chunks[k]) for k in opened.tolist()]
        samples = between(merge([*parts, fresh]), int(edges[0]), int(edges[-1]))
        samples = samples.rows(np.isin(samples.time_ns // MINUTE_NS, cut))
        marks = np.union1d(edges, np.concatenate((cut, cut + 1)) * MINUTE_NS)
        marks = marks[(marks >= edges[0]) & (marks <= edges[-1])]
        inside = (rolled.first_ns >= edges[0]) & (rolled.first_ns < edges[-1])
        inexact = inside & is_cut & ~raw & (rolled.last_ns >= edges[1])
        # No stretch is longer than a minute, a sample holds at least as long.
        pieces = aggregate(samples, marks, MINUTE_NS)
        rows = join([rolled.where(inside & ~(is_cut & raw)), pieces])
        return rows, int(np.count_nonzero(inexact))

    def _rollups(self, tag_id: int, chunks: list[_Lying]) -> list[Minutes]:
        """Roll-ups of chunks that follow one another in the order of their ends."""
        if not chunks:
            return []
        found = self._connection.execute(
            "SELECT id, rollup_crc, rollup FROM chunk WHERE tag = ? AND t_max BETWEEN ? AND ?",
            (tag_id, chunks[0].t_max, chunks[-1].t_max),
        )
        packed = {chunk_id: (crc, rolled) for chunk_id, crc, rolled in found}
        return [self._rollup(tag_id, chunk, *packed[chunk.chunk_id]) for chunk in chunks]

    def _rollup(self, tag_id: int, chunk: _Lying, crc: int, rolled: bytes) -> Minutes:
        try:
            return unpack_rollup(tag_id, chunk.t_min, chunk.t_max, crc, rolled)
        except DamageError:
            self._damaged += 1
            return NO_MINUTES


def _leading(chunks: list[_Lying], start_ns: int) -> list[_Lying]:
    """Chunks in the order of their ends; of those before the start only the newest."""
    before = sum(chunk.t_max < start_ns for chunk in chunks)
    return chunks[max(before - 1, 0) :]


def _touched(minutes: Ints, fresh: Columns) -> Ints:
    """Minutes into which samples fall, and the next that has a roll-up, which leans on them."""
    touched = np.unique(fresh.time_ns // MINUTE_NS)
    ordered = np.sort(minutes)
    after = np.searchsorted(ordered, touched, side="right")
    return np.union1d(touched, ordered[after[after < len(ordered)]])


def _edges(start_ns: int, stop_ns: int, n: int, *, aligned: bool) -> Ints:
    span = stop_ns - start_ns
    inner = [start_ns + span * k // n for k in range(1, n)]
    if aligned and span // n >= ALIGNED_FROM_NS:
        inner = [(edge + MINUTE_NS // 2) // MINUTE_NS * MINUTE_NS for edge in inner]
    return np.array([start_ns, *inner, stop_ns], np.int64)


def _buckets(edges: Ints, rows: Aggregates, limit_ns: int, inexact: int, damaged: int) -> Buckets:
    """Buckets from one row for each that has samples, after one for what held before."""
    integral, known_ns = held_after(rows, edges, limit_ns)
    rows = rows.where(rows.first_ns >= edges[0])
    place = np.searchsorted(edges, rows.first_ns, side="right") - 1
    with np.errstate(over="ignore", invalid="ignore"):  # close to the largest float64
        integral[place] += rows.integral
    known_ns[place] += rows.known_ns

    def spread(column: NDArray[T], empty: float) -> NDArray[T]:
        out = np.full(len(edges) - 1, empty, column.dtype)
        out[place] = column
        return out

    return Buckets(
        edges_ns=edges,
        minimum=spread(rows.minimum, np.nan),
        maximum=spread(rows.maximum, np.nan),
        mean=_ratio(integral, known_ns),
        # It is above 1 where an inexact minute went whole to a bucket that has a part of it.
        known=np.nan_to_num(np.minimum(_ratio(known_ns, np.diff(edges)), 1.0)),
        first=spread(rows.first, np.nan),
        last=spread(rows.last, np.nan),
        sample_mean=spread(_ratio(rows.total, rows.good), np.nan),
        count=spread(rows.good, 0),
        uncertain=spread(rows.uncertain, 0),
        bad=spread(rows.bad, 0),
        inexact=inexact,
        damaged=damaged,
    )


def _ratio(total: Floats, of: Floats | Ints) -> Floats:
    """Total divided by `of`, NaN where that is 0."""
    out = np.full(len(of), np.nan)
    np.divide(total, of, out=out, where=of > 0)
    return out
