"""Rows of the store: how batches and chunks are checksummed, written and read back."""

import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from controller.core.sample import FIRST_UNCERTAIN, Samples
from controller.history import batches, rollup, ten_seconds
from controller.history.aggregates import Aggregates
from controller.history.codec import (
    Columns,
    DamageError,
    EncodedTimes,
    Ints,
    TimeCodec,
    decode,
    encode,
    encode_each,
)

WORTH_QUICK = 20  # samples a ten-second row must stand for: 2 Hz and faster
QUICK_FROM = 1024  # samples of a chunk: a smaller one still grows, and is read in no time
IDENTITY = struct.Struct("<qqqq")


class JournalRow(NamedTuple):
    """One committed batch."""

    seq: int
    n: int
    t_min: int
    t_max: int
    crc: int
    columns: bytes


class ChunkRow(NamedTuple):
    """One sealed chunk.

    quick: ten-second roll-ups beside its samples, None of a slow tag. times: number of the column
    of times that it shares, None when it has its own.
    """

    tag: int
    t_min: int
    t_max: int
    n: int
    rollup_crc: int
    crc: int
    rollup: bytes
    samples: bytes
    quick_crc: int | None
    quick: bytes | None
    times: int | None


class Broken(NamedTuple):
    """A row that failed its check: which table, which row, why."""

    origin: str
    row_id: int
    reason: str


def checksum(blob: bytes, a: int, b: int = 0, c: int = 0, d: int = 0) -> int:
    """CRC-32 over a blob and what it claims to be, so that an exchanged blob is found too."""
    return zlib.crc32(blob, zlib.crc32(IDENTITY.pack(a, b, c, d)))


def pack_batch(seq: int, samples: Samples) -> JournalRow:
    """A batch of store tag ids as a journal row."""
    blob = batches.pack(samples)
    n, t_min, t_max = len(samples), int(samples.time_ns.min()), int(samples.time_ns.max())
    return JournalRow(seq, n, t_min, t_max, checksum(blob, seq, n, t_min, t_max), blob)


def unpack_batch(row: JournalRow) -> Samples:
    """The batch of a journal row; DamageError when it is not what was written."""
    if checksum(row.columns, row.seq, row.n, row.t_min, row.t_max) != row.crc:
        raise DamageError(f"journal row {row.seq} fails its checksum")
    try:
        return batches.unpack(row.n, row.columns)
    except DamageError as error:
        raise DamageError(f"journal row {row.seq} has {error}") from error


def pack_chunk(tag: int, columns: Columns, resolution: float, hold_ns: int) -> ChunkRow:
    """Sorted, non-empty samples of one tag, each of which holds so long, as a chunk row."""
    samples = encode(columns, resolution)
    rolled = rollup.pack_over(columns, rollup.MINUTE_NS, hold_ns)
    quick = None
    if _is_fast(columns.time_ns):
        quick = rollup.pack_over(columns, ten_seconds.TEN_S_NS, hold_ns)
    return _chunk_row(tag, columns.time_ns, samples, rolled, quick, None)


def pack_chunks(
    tags: Sequence[int], columns: Columns, times: EncodedTimes, resolution: float, hold_ns: int
) -> list[ChunkRow]:
    """Samples of several tags at the same two or more times as chunk rows.

    columns: values and quality are tags x samples. times: how their times are to be kept.
    """
    m, time_ns = len(tags), columns.time_ns
    number = times.unit if times.codec is TimeCodec.SHARED else None
    rolled = _rolled_up(columns, rollup.MINUTE_NS, hold_ns)
    fast = _is_fast(time_ns)
    quick = _rolled_up(columns, ten_seconds.TEN_S_NS, hold_ns) if fast else [None] * m
    return [
        _chunk_row(tag, time_ns, samples, rolled[k], quick[k], number)
        for k, (tag, samples) in enumerate(
            zip(tags, encode_each(columns, times, resolution), strict=True)
        )
    ]


def _rolled_up(columns: Columns, step_ns: int, hold_ns: int) -> list[bytes]:
    """Bytes of the roll-ups of each of several tags; those that are Good throughout at once."""
    time_ns, values, quality = columns
    plain = ((quality < FIRST_UNCERTAIN) & np.isfinite(values)).all(axis=1)
    rolled = [b""] * len(values)
    if plain.any():
        rows = rollup.rows_over(Columns(time_ns, values[plain], quality[plain]), step_ns, hold_ns)
        blobs = rollup.pack_each(rows, step_ns)
        for k, blob in zip(np.flatnonzero(plain).tolist(), blobs, strict=True):
            rolled[k] = blob
    for k in np.flatnonzero(~plain).tolist():
        rolled[k] = rollup.pack_over(Columns(time_ns, values[k], quality[k]), step_ns, hold_ns)
    return rolled


def _is_fast(time_ns: Ints) -> bool:
    """Whether ten-second roll-ups of samples at such times spare reading the samples."""
    if len(time_ns) < QUICK_FROM:
        return False
    steps = 1 + np.count_nonzero(np.diff(time_ns // ten_seconds.TEN_S_NS))
    return bool(len(time_ns) >= WORTH_QUICK * steps)


def _chunk_row(
    tag: int, time_ns: Ints, samples: bytes, rolled: bytes, quick: bytes | None, times: int | None
) -> ChunkRow:
    t_min, t_max, n = int(time_ns[0]), int(time_ns[-1]), len(time_ns)
    rollup_crc = checksum(rolled, tag, t_min, t_max)
    crc = checksum(samples, tag, t_min, t_max, n)
    quick_crc = None if quick is None else checksum(quick, tag, t_min, t_max, crc)
    return ChunkRow(tag, t_min, t_max, n, rollup_crc, crc, rolled, samples, quick_crc, quick, times)


def unpack_quick(
    tag: int, t_min: int, t_max: int, crc: int, quick_crc: int, blob: bytes
) -> rollup.Minutes:
    """Plain ten-second rows beside samples whose checksum is `crc`; DamageError when these are
    not the rows of those samples."""
    if checksum(blob, tag, t_min, t_max, crc) != quick_crc:
        raise DamageError(f"quick rows of tag {tag} from {t_min} fail their checksum")
    return rollup.unpack(blob)


def pack_rollup(tag: int, t_min: int, t_max: int, minutes: Aggregates) -> tuple[int, bytes]:
    """Checksum and bytes of the one-minute roll-ups of a chunk."""
    blob = rollup.pack(minutes)
    return checksum(blob, tag, t_min, t_max), blob


def pack_ten_s(
    tag: int, t_min: int, t_max: int, rows: Aggregates, resolution: float
) -> tuple[int, bytes]:
    """Checksum and bytes of the ten-second roll-ups of a chunk."""
    blob = ten_seconds.pack(rows, resolution)
    return checksum(blob, tag, t_min, t_max), blob


def unpack_ten_s(tag: int, t_min: int, t_max: int, crc: int, blob: bytes) -> Aggregates:
    """The ten-second roll-ups of a chunk; DamageError when they are not what was written."""
    if checksum(blob, tag, t_min, t_max) != crc:
        raise DamageError(f"ten-second rows of tag {tag} from {t_min} fail their checksum")
    return ten_seconds.unpack(blob)


def unpack_chunk(
    tag: int,
    t_min: int,
    t_max: int,
    n: int,
    crc: int,
    samples: bytes,
    shared: Callable[[int], Ints],
) -> Columns:
    """The samples of a chunk; DamageError when they are not what was written.

    shared: the columns of times of the store (see `decode`).
    """
    if checksum(samples, tag, t_min, t_max, n) != crc:
        raise DamageError(f"chunk of tag {tag} from {t_min} fails its checksum")
    columns = decode(samples, shared)
    if len(columns.time_ns) != n:
        raise DamageError(f"chunk of tag {tag} from {t_min} holds {len(columns.time_ns)} of {n}")
    return columns


def unpack_rollup(tag: int, t_min: int, t_max: int, crc: int, blob: bytes) -> rollup.Minutes:
    """The plain roll-up rows of a chunk; DamageError when they are not what was written."""
    if checksum(blob, tag, t_min, t_max) != crc:
        raise DamageError(f"roll-up of tag {tag} from {t_min} fails its checksum")
    return rollup.unpack(blob)


def read_journal(
    connection: sqlite3.Connection, broken: list[Broken], upto: int | None = None
) -> Iterator[Samples]:
    """Batches in the order of their commits, up to a sequence number; damaged ones are reported."""
    statement = "SELECT seq, n, t_min, t_max, crc, columns FROM journal WHERE seq <= ? ORDER BY seq"
    for fields in connection.execute(statement, (2**62 if upto is None else upto,)):
        row = JournalRow(*fields)
        try:
            yield unpack_batch(row)
        except DamageError as error:
            broken.append(Broken("journal", row.seq, str(error)))
