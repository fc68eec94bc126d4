"""Chunks as a reader sees them: where they lie, at which level, and what is in them.

What fails its checksum is left out and counted; where it can be, the next coarser level takes its
place.
"""

import math
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.core.sample import Quality, Sample
from controller.history.aggregates import Aggregates
from controller.history.codec import NO_SAMPLES, Columns, DamageError
from controller.history.results import Thinned
from controller.history.rollup import NO_MINUTES, Minutes, joined, pack_over, rows_of, unpack
from controller.history.rows import unpack_chunk, unpack_quick, unpack_rollup, unpack_ten_s
from controller.history.schema import HAS_QUICK, HAS_SAMPLES, HAS_TEN_S, LEVELS_SINCE, QUICK_SINCE
from controller.history.shared_times import SharedTimes
from controller.history.ten_seconds import TEN_S_NS

MOST_KEPT = 8 * 2**20  # bytes of one-minute roll-ups: two months of a tag, whatever its rate


class Lying(NamedTuple):
    """Where a chunk lies, and what it still has besides its one-minute roll-ups."""

    chunk_id: int
    t_min: int
    t_max: int
    n: int
    rollup_crc: int
    raw: int  # 0: its samples were let go
    ten_s: int  # 1: there are ten-second roll-ups in their place
    quick: int = 0  # 1: there are ten-second roll-ups beside its samples


class Chunks:
    """The chunks of a store. `damaged` counts pieces left out since `begin`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._shared = SharedTimes(connection)
        self._ten_s = self._quick = "0"
        self._kept: dict[Lying, Minutes] = {}  # a row is never written anew: see its checksum
        self._room = MOST_KEPT
        self.damaged = 0

    def begin(self) -> None:
        """Inside a new snapshot: the writer may have brought the store to another version."""
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        self._ten_s = f"NOT {HAS_SAMPLES} AND {HAS_TEN_S}" if version >= LEVELS_SINCE else "0"
        self._quick = f"{HAS_SAMPLES} AND {HAS_QUICK}" if version >= QUICK_SINCE else "0"
        self.damaged = 0

    def between(self, tag_id: int, start_ns: int, stop_ns: int) -> list[Lying]:
        """Chunks of a tag that reach into a window, in the order of their ends."""
        return self._select("t_max >= ? AND t_min < ? ORDER BY t_max", tag_id, start_ns, stop_ns)

    def newest_raw(self, tag_id: int, time_ns: int) -> list[Lying]:
        """The last chunk with samples that begins at or before a time, if there is one."""
        return self._select(
            f"t_min <= ? AND {HAS_SAMPLES} ORDER BY t_max DESC LIMIT 1", tag_id, time_ns
        )

    def last_rolled(self, tag_id: int, after_ns: int, time_ns: int) -> Sample | None:
        """The end of the newest roll-up without samples that ends after one time and by another."""
        thinned = self._select(
            f"t_max > ? AND t_min <= ? AND NOT {HAS_SAMPLES} ORDER BY t_max",
            tag_id,
            after_ns,
            time_ns,
        )
        newest: Sample | None = None
        ended = [chunk for chunk in thinned if chunk.t_max <= time_ns]
        for chunk in [*ended[-1:], *thinned[len(ended) :]]:
            rows = self._rolled(tag_id, chunk)
            places = np.flatnonzero((rows.last_ns <= time_ns) & (rows.last_ns > after_ns))
            if not len(places):
                continue
            k = int(places[-1])
            if newest is None or rows.last_ns[k] > newest.time_ns:
                value, quality = float(rows.last[k]), int(Quality.UNCERTAIN)
                if not rows.held[k]:
                    value, quality = math.nan, int(Quality.BAD)
                newest = Sample(value, quality, int(rows.last_ns[k]))
        return newest

    def _rolled(self, tag_id: int, chunk: Lying) -> Aggregates:
        """The finest roll-ups of a chunk."""
        tens = self.ten_seconds(tag_id, chunk) if chunk.ten_s else None
        return rows_of(joined(self.minutes(tag_id, [chunk]))) if tens is None else tens

    def _select(self, where: str, tag_id: int, *limits: int) -> list[Lying]:
        rows = self._connection.execute(
            f"SELECT id, t_min, t_max, n, rollup_crc, {HAS_SAMPLES}, {self._ten_s}, {self._quick}"  # noqa: S608
            f" FROM chunk WHERE tag = ? AND {where}",
            (tag_id, *limits),
        )
        return [Lying(*row) for row in rows]

    def samples(self, tag_id: int, chunk: Lying) -> Columns:
        """Samples of a chunk; none when they were let go."""
        if not chunk.raw:
            return NO_SAMPLES
        crc, samples = self._connection.execute(
            "SELECT crc, samples FROM chunk WHERE id = ?", (chunk.chunk_id,)
        ).fetchone()
        try:
            return unpack_chunk(
                tag_id, chunk.t_min, chunk.t_max, chunk.n, crc, samples, self._shared
            )
        except DamageError:
            self.damaged += 1
            return NO_SAMPLES

    def ten_seconds(self, tag_id: int, chunk: Lying) -> Aggregates | None:
        """Ten-second roll-ups of a chunk that has them; None when they are damaged."""
        crc, blob = self._connection.execute(
            "SELECT ten_s_crc, ten_s FROM chunk WHERE id = ?", (chunk.chunk_id,)
        ).fetchone()
        try:
            return unpack_ten_s(tag_id, chunk.t_min, chunk.t_max, crc, blob)
        except DamageError:
            self.damaged += 1
            return None

    def quick(self, tag_id: int, chunks: Sequence[Lying], hold_ns: int) -> list[Minutes]:
        """Ten-second roll-ups of chunks with samples, in the order of their ends; made of these
        where none that fit them lie beside them. hold_ns: as for `rows_over`."""
        if not chunks:
            return []
        found = self._connection.execute(
            "SELECT id, crc, quick_crc, quick FROM chunk"
            " WHERE tag = ? AND t_max BETWEEN ? AND ? AND quick IS NOT NULL",
            (tag_id, chunks[0].t_max, chunks[-1].t_max),
        )
        packed = {chunk_id: rest for chunk_id, *rest in found}
        return [
            self._quick_rows(tag_id, chunk, packed.get(chunk.chunk_id), hold_ns) for chunk in chunks
        ]

    def _quick_rows(
        self, tag_id: int, chunk: Lying, packed: list[Any] | None, hold_ns: int
    ) -> Minutes:
        if packed is not None:
            try:
                return unpack_quick(tag_id, chunk.t_min, chunk.t_max, *packed)
            except DamageError:
                pass  # nothing is lost: the samples are there
        samples = self.samples(tag_id, chunk)
        if not len(samples.time_ns):
            return NO_MINUTES
        return unpack(pack_over(samples, TEN_S_NS, hold_ns))

    def minutes(self, tag_id: int, chunks: Sequence[Lying]) -> list[Minutes]:
        """One-minute roll-ups of chunks that follow one another in the order of their ends."""
        unread = [chunk for chunk in chunks if chunk not in self._kept]
        packed: dict[int, bytes] = {}
        if unread:
            found = self._connection.execute(
                "SELECT id, rollup FROM chunk WHERE tag = ? AND t_max BETWEEN ? AND ?",
                (tag_id, unread[0].t_max, unread[-1].t_max),
            )
            packed = dict(found)
        fresh = {chunk: self._minutes(tag_id, chunk, packed[chunk.chunk_id]) for chunk in unread}
        rows = [self._kept.get(chunk) or fresh[chunk] for chunk in chunks]
        self._keep(fresh)
        return rows

    def _minutes(self, tag_id: int, chunk: Lying, rolled: bytes) -> Minutes:
        try:
            return unpack_rollup(tag_id, chunk.t_min, chunk.t_max, chunk.rollup_crc, rolled)
        except DamageError:
            self.damaged += 1
            return NO_MINUTES

    def _keep(self, fresh: Mapping[Lying, Minutes]) -> None:
        """Who looks at a month asks for it again; the oldest make room."""
        for chunk, rows in fresh.items():
            if rows:
                self._kept[chunk] = rows
                self._room -= len(rows.curve) + len(rows.shape)
        while self._room < 0:
            oldest = self._kept.pop(next(iter(self._kept)))
            self._room += len(oldest.curve) + len(oldest.shape)


def leading(chunks: list[Lying], start_ns: int) -> list[Lying]:
    """Chunks in the order of their ends; of those before the start only the newest."""
    before = sum(chunk.t_max < start_ns for chunk in chunks)
    return chunks[max(before - 1, 0) :]


def thinned(chunks: Sequence[Lying], start_ns: int, stop_ns: int) -> tuple[Thinned, ...]:
    """Where in a window samples were let go; chunks in the order of their beginnings."""
    found: list[Thinned] = []
    follows = False  # on the last of them, with nothing between
    for chunk in chunks:
        if chunk.raw or chunk.t_min >= stop_ns:
            follows = False
            continue
        step_s = 10 if chunk.ten_s else 60
        to_ns = min(chunk.t_max + 1, stop_ns)
        if follows and found[-1].step_s == step_s:
            found[-1] = found[-1]._replace(to_ns=max(to_ns, found[-1].to_ns))
        else:
            found.append(Thinned(max(chunk.t_min, start_ns), to_ns, step_s))
        follows = True
    return tuple(found)


def late(chunks: Sequence[Lying]) -> NDArray[np.bool_]:
    """Which of the chunks have samples and lie across a thinned one: they came after thinning.

    The chunks are in the order of their ends.
    """
    found = np.zeros(len(chunks), np.bool_)
    thinned = [chunk for chunk in chunks if not chunk.raw]
    if thinned and len(thinned) < len(chunks):
        ends = np.array([chunk.t_max for chunk in thinned])
        starts = np.array([chunk.t_min for chunk in thinned])
        earliest = np.minimum.accumulate(starts[::-1])[::-1]  # of those that end so late, or later
        for k, chunk in enumerate(chunks):
            at = int(np.searchsorted(ends, chunk.t_min))
            found[k] = chunk.raw and at < len(ends) and earliest[at] <= chunk.t_max
    return found
