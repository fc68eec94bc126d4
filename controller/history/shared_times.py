"""Columns of times that the chunks of several tags share.

What one message or one poll brings has one time, and its tags are sealed together. A shared column
is found by its number, which is made of its content: so it is never written twice, and a reader
that has kept one under its number has the right one whatever happened meanwhile. As many chunks
depend on it, it is stored twice.
"""

import sqlite3
import struct
import zlib
from hashlib import blake2b
from typing import NamedTuple

from controller.history.codec import DamageError, EncodedTimes, Ints, TimeCodec, decode_time

SHARED_FROM = 16  # samples; below it there is little to gain
MOST_KEPT = 16  # columns a reader keeps; one of 16,384 times has 128 KiB

HEADER = struct.Struct("<BIqq")  # codec, number of times, first, unit


class TimesRow(NamedTuple):
    """A shared column as it is stored."""

    number: int
    packed: bytes
    spare: bytes


def pack_times(time_ns: Ints, encoded: EncodedTimes) -> TimesRow:
    """A column of times, encoded already, as a row."""
    head = HEADER.pack(encoded.codec, len(time_ns), int(time_ns[0]), encoded.unit)
    blob = head + encoded.packed
    return TimesRow(_number(blob), blob, blob)


def _number(blob: bytes) -> int:
    """63 bits of a hash: as a row's number, never negative."""
    return int.from_bytes(blake2b(blob, digest_size=8).digest(), "little") >> 1


def unpack_times(number: int, packed: bytes, spare: bytes) -> Ints:
    """The times of a row; DamageError when both of its copies are not what was written."""
    blob = packed if _number(packed) == number else spare
    if _number(blob) != number:
        raise DamageError(f"column of times {number} fails its checksum")
    try:
        codec, n, start, unit = HEADER.unpack_from(blob)
        times = EncodedTimes(TimeCodec(codec), unit, blob[HEADER.size :])
        time_ns = decode_time(times, n, start)
    except (struct.error, zlib.error, ValueError, TypeError, IndexError, OverflowError) as error:
        raise DamageError(f"column of times {number} cannot be decoded: {error}") from error
    time_ns.flags.writeable = False  # several have it
    return time_ns


class SharedTimes:
    """Shared columns of a store, the newest of those that were asked for at hand."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._kept: dict[int, Ints] = {}

    def __call__(self, number: int) -> Ints:
        """The times of a column; DamageError when it is not there or damaged."""
        time_ns = self._kept.pop(number, None)
        if time_ns is None:
            row = self._connection.execute(
                "SELECT packed, spare FROM times WHERE id = ?", (number,)
            ).fetchone()
            if row is None:
                raise DamageError(f"column of times {number} is not there")
            time_ns = unpack_times(number, *row)
        self._kept[number] = time_ns
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return time_ns
