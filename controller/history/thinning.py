"""Thinning: from raw samples to ten-second roll-ups, to one-minute roll-ups, to nothing.

A chunk is at exactly one level. Planning reads and computes beside the writer, a piece at a time;
the writer then carries the piece out in one short transaction, so that a commit never waits long
and a kill at any moment leaves every chunk at one level.

Ten-second roll-ups are made when the raw samples go, so that nothing is stored twice while they are
there. Where the samples are not larger than that, they stay for the time of the ten-second level.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from controller.clock import NS
from controller.history import rollup, ten_seconds
from controller.history.aggregates import Aggregates
from controller.history.codec import DamageError
from controller.history.packing import Rule
from controller.history.rows import (
    Broken,
    checksum,
    pack_rollup,
    pack_ten_s,
    unpack_chunk,
    unpack_ten_s,
)
from controller.history.seal import UNKNOWN, rules_of
from controller.history.shared_times import SharedTimes

PIECE_CHUNKS = 64
PIECE_SAMPLES = 250_000  # decoding and packing these takes about 0.1 s
PIECE_BYTES = 2**20  # rewritten in one transaction
DAY_NS = 86_400 * NS
SPARED_NS = DAY_NS  # at the size limit the newest day is thinned last of all
FOR_EVER = 0

OF_LEVEL = (
    "samples IS NOT NULL AND ten_s IS NULL",
    "ten_s IS NOT NULL",
    "samples IS NULL AND ten_s IS NULL",
)  # as the indexes of the schema have it, in the order of `Level`


class Level(IntEnum):
    """How fine what is kept of a stretch is."""

    RAW = 0
    TEN_S = 1
    MINUTE = 2
    NOTHING = 3


LEVEL_TEXT = {
    Level.TEN_S: "thinned to ten seconds",
    Level.MINUTE: "thinned to minutes",
    Level.NOTHING: "deleted with their minutes",
}


class Ages(NamedTuple):
    """How old a chunk may become at each level; of the last, `FOR_EVER` means without end."""

    raw_ns: int
    ten_s_ns: int
    minute_ns: int = FOR_EVER


DEFAULT_AGES = Ages(30 * DAY_NS, 365 * DAY_NS)


@dataclass(frozen=True, slots=True)
class LetGo:
    """What one level lost. samples: those that can no longer be had at it."""

    chunks: int = 0
    samples: int = 0
    from_ns: int = 0
    to_ns: int = 0

    def __add__(self, other: "LetGo") -> "LetGo":
        if not self.chunks or not other.chunks:
            return self if self.chunks else other
        return LetGo(
            self.chunks + other.chunks,
            self.samples + other.samples,
            min(self.from_ns, other.from_ns),
            max(self.to_ns, other.to_ns),
        )


class Change(NamedTuple):
    """What becomes of one chunk that stays. ten_s: None when the chunk goes to minutes."""

    chunk_id: int
    keeps_samples: bool
    ten_s_crc: int | None
    ten_s: bytes | None
    rollup: tuple[int, bytes] | None = None  # a new one in place of a damaged one


@dataclass(slots=True)
class Thinning:
    """One piece of work: chunks that all go to one level, and those found damaged."""

    level: Level = Level.NOTHING
    changes: list[Change] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    gone: LetGo = field(default_factory=LetGo)

    def __bool__(self) -> bool:
        return bool(self.changes or self.deleted or self.broken)


class _Chunk(NamedTuple):
    chunk_id: int
    tag: int
    t_min: int
    t_max: int
    n: int
    rollup_crc: int
    rollup_bytes: int
    bytes: int  # of samples or ten-second rows


def plan_by_age(connection: sqlite3.Connection, ages: Ages, now_ns: int) -> Thinning:
    """The next piece that is due by age; an empty one when nothing is.

    Age counts from now or from the newest sealed sample, whichever is earlier, so that neither a
    clock that is wrong at the start nor a long standstill empties the store.
    """
    newest = _newest(connection)
    if newest is None:
        return Thinning()
    now_ns = min(now_ns, newest)
    direct = Level.TEN_S if ages.ten_s_ns > ages.raw_ns else Level.MINUTE
    rungs = [
        (Level.TEN_S, ages.ten_s_ns, Level.MINUTE),
        (Level.RAW, ages.ten_s_ns, Level.MINUTE),
        (Level.RAW, ages.raw_ns, direct),
    ]
    if ages.minute_ns != FOR_EVER:
        rungs.insert(0, (Level.MINUTE, ages.minute_ns, Level.NOTHING))
    for level, age_ns, to in rungs:
        piece = _piece(connection, _oldest(connection, level, now_ns - age_ns), to)
        if piece:
            return piece
    return Thinning()


def plan_by_size(connection: sqlite3.Connection, ages: Ages, excess_bytes: int) -> Thinning:
    """The next piece to let go so that the store becomes so much smaller; empty: nothing is left.

    First what is oldest in relation to the age its level may reach, so that the levels keep their
    proportion; then the oldest minutes; last of all samples of the newest day, whose minutes stay.
    """
    newest = _newest(connection)
    if newest is None:
        return Thinning()
    spared_ns = newest - SPARED_NS
    order = [*_by_relative_age(connection, ages, newest, spared_ns), (Level.MINUTE, spared_ns)]
    order += [(Level.RAW, newest), (Level.TEN_S, newest)]
    for level, before_ns in order:
        to = Level.TEN_S if level is Level.RAW and ages.ten_s_ns > ages.raw_ns else Level.MINUTE
        to = Level.NOTHING if level is Level.MINUTE else to
        chunks = _oldest(connection, level, before_ns)
        piece = _piece(connection, chunks, to, excess_bytes)
        if piece:
            return piece
    return Thinning()


def carry_out(connection: sqlite3.Connection, thinning: Thinning) -> None:
    """Do what a piece says; a step of a transaction of the store."""
    for chunk_id, keeps_samples, crc, ten_s, renewed in thinning.changes:
        if renewed is not None:
            connection.execute(
                "UPDATE chunk SET rollup_crc = ?, rollup = ? WHERE id = ?", (*renewed, chunk_id)
            )
        gone = (
            ""
            if keeps_samples
            else "samples = NULL, quick_crc = NULL, quick = NULL, times = NULL, "
        )
        connection.execute(
            f"UPDATE chunk SET {gone}ten_s_crc = ?, ten_s = ? WHERE id = ?",  # noqa: S608
            (crc, ten_s, chunk_id),
        )
    connection.executemany(
        "DELETE FROM chunk WHERE id = ?", [(chunk_id,) for chunk_id in thinning.deleted]
    )


def _newest(connection: sqlite3.Connection) -> int | None:
    found = [
        connection.execute(f"SELECT max(t_max) FROM chunk WHERE {of}").fetchone()[0]  # noqa: S608
        for of in OF_LEVEL
    ]
    return max((t for t in found if t is not None), default=None)


def _by_relative_age(
    connection: sqlite3.Connection, ages: Ages, newest: int, before_ns: int
) -> list[tuple[Level, int]]:
    """Raw and ten-second level, the one first whose oldest chunk is nearest to its age."""
    nearness: list[tuple[float, Level]] = []
    for level, age_ns in ((Level.RAW, ages.raw_ns), (Level.TEN_S, ages.ten_s_ns)):
        (oldest,) = connection.execute(
            f"SELECT min(t_max) FROM chunk WHERE {OF_LEVEL[level]}"  # noqa: S608
        ).fetchone()
        if oldest is not None:
            nearness.append(((newest - oldest) / max(age_ns, 1), level))
    return [(level, before_ns) for _, level in sorted(nearness, reverse=True)]


def _oldest(connection: sqlite3.Connection, level: Level, upto_ns: int) -> Iterator[_Chunk]:
    size = "length(ten_s)" if level is Level.TEN_S else "coalesce(length(samples), 0)"
    for row in connection.execute(
        "SELECT id, tag, t_min, t_max, n, rollup_crc, length(rollup),"  # noqa: S608
        f" {size} FROM chunk WHERE {OF_LEVEL[level]} AND t_max <= ? ORDER BY t_max LIMIT ?",
        (upto_ns, PIECE_CHUNKS),
    ):
        yield _Chunk(*row)


def _piece(
    connection: sqlite3.Connection,
    chunks: Iterator[_Chunk],
    to: Level,
    enough_bytes: int | None = None,
) -> Thinning:
    """As many of the chunks as make one piece, or as free enough bytes."""
    piece = Thinning(to)
    rules = rules_of(connection)
    shared = SharedTimes(connection)
    samples = rewritten = freed = 0
    for chunk in chunks:
        if to is Level.NOTHING:
            piece.deleted.append(chunk.chunk_id)
            piece.gone += LetGo(1, chunk.n, chunk.t_min, chunk.t_max)
            freed += chunk.rollup_bytes
        else:
            freed += _thin(connection, shared, chunk, rules.get(chunk.tag, UNKNOWN), piece)
        samples += chunk.n
        rewritten += chunk.rollup_bytes + chunk.bytes
        if samples >= PIECE_SAMPLES or rewritten >= PIECE_BYTES:
            break
        if enough_bytes is not None and freed >= enough_bytes:
            break
    return piece


def _thin(
    connection: sqlite3.Connection, shared: SharedTimes, chunk: _Chunk, rule: Rule, piece: Thinning
) -> int:
    """Add one chunk to the piece; bytes that it frees."""
    to = _to_ten_s if piece.level is Level.TEN_S else _to_minutes
    try:
        change = to(connection, shared, chunk, rule)
    except DamageError as error:
        piece.broken.append(Broken("chunk", chunk.chunk_id, str(error)))
        return chunk.bytes
    piece.changes.append(change)
    if change.keeps_samples:
        return 0
    piece.gone += LetGo(1, chunk.n, chunk.t_min, chunk.t_max)
    return chunk.bytes - len(change.ten_s or b"")


def _to_ten_s(
    connection: sqlite3.Connection, shared: SharedTimes, chunk: _Chunk, rule: Rule
) -> Change:
    crc, samples, rolled = connection.execute(
        "SELECT crc, samples, rollup FROM chunk WHERE id = ?", (chunk.chunk_id,)
    ).fetchone()
    columns = unpack_chunk(chunk.tag, chunk.t_min, chunk.t_max, chunk.n, crc, samples, shared)
    rows = rollup.rows_over(columns, ten_seconds.TEN_S_NS, rule.hold_ns)
    ten_s_crc, ten_s = pack_ten_s(chunk.tag, chunk.t_min, chunk.t_max, rows, rule.resolution)
    keeps = worth_keeping(samples, ten_s)
    if keeps:
        ten_s_crc, ten_s = checksum(b"", chunk.tag, chunk.t_min, chunk.t_max), b""
    return Change(chunk.chunk_id, keeps, ten_s_crc, ten_s, _renewed(chunk, rolled, rows, rule))


def worth_keeping(samples: bytes, ten_s: bytes) -> bool:
    """Samples stay at the ten-second level when its roll-ups would not be smaller."""
    return len(samples) <= len(ten_s)


def _to_minutes(
    connection: sqlite3.Connection, shared: SharedTimes, chunk: _Chunk, rule: Rule
) -> Change:
    crc, samples, ten_s_crc, ten_s, rolled = connection.execute(
        "SELECT crc, samples, ten_s_crc, ten_s, rollup FROM chunk WHERE id = ?", (chunk.chunk_id,)
    ).fetchone()
    change = Change(chunk.chunk_id, keeps_samples=False, ten_s_crc=None, ten_s=None)
    if _is_sound(chunk, rolled):
        return change
    if samples is not None:
        columns = unpack_chunk(chunk.tag, chunk.t_min, chunk.t_max, chunk.n, crc, samples, shared)
        rows = rollup.rows_over(columns, ten_seconds.TEN_S_NS, rule.hold_ns)
    else:
        rows = unpack_ten_s(chunk.tag, chunk.t_min, chunk.t_max, ten_s_crc, ten_s)
    return change._replace(rollup=_renewed(chunk, rolled, rows, rule))


def _renewed(
    chunk: _Chunk, rolled: bytes, rows: Aggregates, rule: Rule
) -> tuple[int, bytes] | None:
    """A roll-up in place of a damaged one; None for a sound one."""
    if _is_sound(chunk, rolled):
        return None
    minutes = rollup.minutes_over(rows, rule.hold_ns)
    return pack_rollup(chunk.tag, chunk.t_min, chunk.t_max, minutes)


def _is_sound(chunk: _Chunk, rolled: bytes) -> bool:
    return checksum(rolled, chunk.tag, chunk.t_min, chunk.t_max) == chunk.rollup_crc
