"""Columns of a batch as the journal has them: one after the other, or as runs where these are less.

A line that is polled whole comes as tags that follow each other, at one time, all of one quality.
Such columns are kept as runs, which is a third of the bytes to write, to sync and to free again.

    plain   tags i32 x n, values f64 x n, quality u8 x n, times i64 x n: 21 n bytes
    short   number of runs of tags, quality and times (u32 each, 0: this column is plain), then the
            columns in the order above; a run is its first item and its length (u32), all firsts
            before all lengths. The tag rises by one inside a run, the others stay.

Which of both it is, the length says: short is used only where it is shorter.
"""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.sample import Samples
from controller.history.codec import DamageError

BYTES_PER_SAMPLE = 21  # int32 tag + float64 value + uint8 quality + int64 time
LENGTH = np.dtype("<u4")
COUNTS = struct.Struct("<III")
TAG, VALUE, QUALITY, TIME = (np.dtype(code) for code in ("<i4", "<f8", "u1", "<i8"))

Column = NDArray[Any]


def pack(samples: Samples) -> bytes:
    """A batch of at least one sample."""
    tags, values, quality, time_ns = (
        samples.tags.astype(TAG, copy=False), samples.values.astype(VALUE, copy=False),
        samples.quality, samples.time_ns.astype(TIME, copy=False),
    )  # fmt: skip
    tag_runs = _runs(tags, tags[1:] != tags[:-1] + 1)
    quality_runs = _runs(quality, quality[1:] != quality[:-1])
    time_runs = _runs(time_ns, time_ns[1:] != time_ns[:-1])
    short = (
        COUNTS.pack(len(tag_runs[1]), len(quality_runs[1]), len(time_runs[1])),
        *_bytes(tags, tag_runs), values.tobytes(), *_bytes(quality, quality_runs),
        *_bytes(time_ns, time_runs),
    )  # fmt: skip
    if sum(map(len, short)) < len(tags) * BYTES_PER_SAMPLE:
        return b"".join(short)
    return b"".join(column.tobytes() for column in (tags, values, quality, time_ns))


def unpack(n: int, blob: bytes) -> Samples:
    """The batch of n samples; DamageError when the bytes are no such batch."""
    if len(blob) == n * BYTES_PER_SAMPLE:
        rest = _Rest(blob, 0)
        return Samples(*(rest.take(kind, n) for kind in (TAG, VALUE, QUALITY, TIME)))
    if len(blob) < COUNTS.size:
        raise DamageError(f"{len(blob)} bytes for {n} samples")
    tag_runs, quality_runs, time_runs = COUNTS.unpack_from(blob)
    rest = _Rest(blob, COUNTS.size)
    tags = rest.column(TAG, n, tag_runs, rising=True)
    values = rest.take(VALUE, n)
    quality = rest.column(QUALITY, n, quality_runs)
    time_ns = rest.column(TIME, n, time_runs)
    rest.end()
    return Samples(tags, values, quality, time_ns)


def _runs(column: Column, breaks: NDArray[np.bool_]) -> tuple[Column, Column]:
    """First items and lengths; nothing when the column is no longer than its runs would be."""
    begins = np.concatenate(([0], np.flatnonzero(breaks) + 1))
    if len(begins) * (column.itemsize + LENGTH.itemsize) >= column.nbytes:
        return column[:0], np.empty(0, LENGTH)
    return column[begins], np.diff(begins, append=len(column)).astype(LENGTH)


def _bytes(column: Column, runs: tuple[Column, Column]) -> tuple[bytes, ...]:
    firsts, lengths = runs
    return (firsts.tobytes(), lengths.tobytes()) if len(lengths) else (column.tobytes(),)


class _Rest:
    """What of the bytes has not been read yet."""

    def __init__(self, blob: bytes, at: int) -> None:
        self._blob, self._at = blob, at

    def take(self, kind: np.dtype[Any], n: int) -> Column:
        """The next n items."""
        at, self._at = self._at, self._at + n * kind.itemsize
        if self._at > len(self._blob):
            raise DamageError(f"{len(self._blob)} bytes are too few")
        found: Column = np.frombuffer(self._blob, kind, n, at)
        return found

    def column(self, kind: np.dtype[Any], n: int, runs: int, *, rising: bool = False) -> Column:
        """The next column, of n items, whether plain (0 runs) or as runs."""
        if not runs:
            return self.take(kind, n)
        firsts, lengths = self.take(kind, runs), self.take(LENGTH, runs).astype(np.int64)
        if int(lengths.sum()) != n:  # before anything is made as long as they say
            raise DamageError(f"runs of {int(lengths.sum())} items for {n} samples")
        if rising:
            begins = np.cumsum(lengths) - lengths
            firsts = firsts - begins
        found: Column = np.repeat(firsts, lengths)
        return (found + np.arange(n)).astype(kind) if rising else found

    def end(self) -> None:
        """DamageError when something is left."""
        if self._at != len(self._blob):
            raise DamageError(f"{len(self._blob) - self._at} bytes are too many")
