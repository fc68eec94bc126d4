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

import numpy as np

from controller.core.closing import Closing
from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.core.sample import Sample
from controller.history.aggregates import aggregate_parts, combine
from controller.history.bucketing import (
    ALIGNED_FROM_NS,
    TEN_S_FROM_NS,
    buckets_of,
    checked_edges,
    equal_edges,
)
from controller.history.chunks import Chunks, Lying, leading, thinned
from controller.history.codec import Columns, Ints, between, merge
from controller.history.holding import hold_ns
from controller.history.journal import JournalView
from controller.history.mixed import mixed
from controller.history.results import Buckets, Series, StoredTag
from controller.history.rollup import MINUTE_NS
from controller.history.schema import open_for_reading, snapshot
from controller.history.stored import event_of, tags_of
from controller.history.ten_seconds import TEN_S_NS

FAR = 2**62


class Reader(Closing):
    """Read access to a store, beside its writer. May be shared by threads: calls take turns."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError when there is no store, or a foreign or newer one."""
        self.path = path
        self._connection = open_for_reading(path)
        self._turn = threading.Lock()
        self._view = JournalView()
        self._stored = Chunks(self._connection)

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            self._connection.close()

    def tags(self) -> tuple[StoredTag, ...]:
        """All tags ever stored, in the order they were added."""
        with self._snapshot() as connection:
            return tags_of(connection)

    def knows(self, tag: str) -> bool:
        """Whether a tag of this name has ever been stored."""
        with self._snapshot() as connection:
            found = connection.execute("SELECT 1 FROM tag WHERE name = ? LIMIT 1", (tag,))
            return found.fetchone() is not None

    def tag(self, name: str) -> StoredTag:
        """The tag of a name: of several units the one a line used last."""
        with self._snapshot() as connection:
            return tags_of(connection, self._id(name))[0]

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
        """The samples of a window, oldest first, at most `limit`; `thinned` says where none are."""
        with self._snapshot():
            tag_id = self._id(tag)
            parts: list[Columns] = []
            found, reached = 0, stop_ns
            chunks = self._stored.between(tag_id, start_ns, stop_ns)
            chunks.sort(key=lambda chunk: chunk.t_min)
            for chunk in chunks:
                if limit is not None and found > limit:
                    reached = min(reached, chunk.t_min)
                    break
                part = between(self._stored.samples(tag_id, chunk), start_ns, stop_ns)
                found += len(part.time_ns)
                parts.append(part)
            parts.append(self._journal(tag_id, start_ns, reached))
            merged = merge(parts)
            damaged = self._stored.damaged
        n = len(merged.time_ns)
        kept = n if limit is None else min(n, limit)
        if kept < n:
            reached = int(merged.time_ns[kept])
        return Series(
            merged.time_ns[:kept],
            merged.values[:kept],
            merged.quality[:kept],
            kept < n,
            damaged,
            thinned(chunks, start_ns, reached),
        )

    def latest(self, tag: str) -> Sample | None:
        """The newest sample, whatever its quality."""
        return self.at(tag, FAR)

    def at(self, tag: str, time_ns: int) -> Sample | None:
        """The sample that held at a time: the newest one not after it, whatever its quality.

        Where only roll-ups are left: the last value of the newest one that ends by then, at its
        end, Uncertain; Bad without a value when its last sample was not Good. None before all that.
        """
        with self._snapshot():
            tag_id = self._id(tag)
            raw = self._stored.newest_raw(tag_id, time_ns)
            sealed = [self._stored.samples(tag_id, chunk) for chunk in raw]
            fresh = self._journal(tag_id, -FAR, time_ns + 1)
            columns = between(merge([*sealed, fresh]), -FAR, time_ns + 1)
            after_ns = int(columns.time_ns[-1]) if len(columns.time_ns) else -FAR
            rolled = self._stored.last_rolled(tag_id, after_ns, time_ns)
        if rolled is not None or after_ns == -FAR:
            return rolled
        return Sample(float(columns.values[-1]), int(columns.quality[-1]), after_ns)

    def buckets(
        self, tag: str, start_ns: int, stop_ns: int, n: int, *, aligned: bool = True
    ) -> Buckets:
        """Aggregates of a window in n buckets, exact with respect to the edges returned.

        The value that holds when the window begins is carried in from before it. Whole minutes
        come from roll-ups, minutes cut by an edge from their samples, or from ten-second roll-ups
        where these took their place; `inexact` counts roll-ups that an edge cuts. From ten minutes
        a bucket on, inner edges are put on whole minutes, from one minute on whole ten seconds,
        which makes long windows fast; `aligned=False` keeps all buckets equally long at the price
        of decoding every step that an edge cuts.
        """
        return self.buckets_between(tag, equal_edges(start_ns, stop_ns, n, aligned=aligned))

    def buckets_between(self, tag: str, edges_ns: Ints) -> Buckets:
        """As `buckets`, between edges in their order, as those of local days; none is moved."""
        edges = checked_edges(edges_ns)
        start_ns, stop_ns, n = int(edges[0]), int(edges[-1]), len(edges) - 1
        with self._snapshot():
            tag_id = self._id(tag)
            limit_ns = self._limit_ns(tag_id)
            lead_ns = (start_ns - limit_ns) // MINUTE_NS * MINUTE_NS  # what held at the start
            fresh = self._journal(tag_id, lead_ns, stop_ns)
            chunks = leading(self._stored.between(tag_id, lead_ns, stop_ns), start_ns)
            marks = np.append(lead_ns, edges)
            carried, inexact = None, 0
            if (stop_ns - start_ns) // n >= ALIGNED_FROM_NS or not all(c.raw for c in chunks):
                pieces, carried, inexact = mixed(self._stored, tag_id, chunks, fresh, marks)
            elif _quick(edges, chunks):
                pieces, carried, inexact = mixed(
                    self._stored, tag_id, chunks, fresh, marks, limit_ns
                )
            else:
                parts = [self._stored.samples(tag_id, chunk) for chunk in chunks]
                pieces = aggregate_parts([*parts, fresh], marks, limit_ns)
            rows = combine(pieces, marks, limit_ns)
            damaged = self._stored.damaged
        return buckets_of(edges, rows, limit_ns, carried, inexact=inexact, damaged=damaged)

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
        with self._turn, snapshot(self._connection, self.path):
            self._stored.begin()
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

    def _limit_ns(self, tag_id: int) -> int:
        """How long a sample of the tag holds at most."""
        (interval_s,) = self._connection.execute(
            "SELECT max_interval_s FROM tag WHERE id = ?", (tag_id,)
        ).fetchone()
        return hold_ns(interval_s)

    def _journal(self, tag_id: int, start_ns: int, stop_ns: int) -> Columns:
        """Samples not sealed yet, sorted, of equal times the last written."""
        columns, damaged = self._view.columns(self._connection, tag_id, start_ns, stop_ns)
        self._stored.damaged += damaged
        return columns


def _quick(edges_ns: Ints, chunks: list[Lying]) -> bool:
    """Whether ten-second roll-ups beside samples spare reading most of these."""
    wide = (edges_ns[-1] - edges_ns[0]) // (len(edges_ns) - 1) >= TEN_S_FROM_NS
    whole = not (edges_ns[1:-1] % TEN_S_NS).any()
    return bool(wide and whole and any(chunk.quick for chunk in chunks))
