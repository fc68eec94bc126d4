"""One-minute roll-ups: how they are made of samples, packed and unpacked.

What changes from minute to minute (the curve) and what rarely does (how many samples, when, of
which quality: the shape) are packed apart: of a tag that is sampled regularly every minute has the
same shape, which is then stored once a chunk.
"""

import struct
import zlib
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.history.aggregates import Aggregates, aggregate
from controller.history.codec import LEVEL, Columns, DamageError, shuffle, unshuffle

MINUTE_NS = 60_000_000_000
WORTH_DEFLATING = 0.6  # share of the plain size; above it reading speed is worth more than bytes

HEADER = struct.Struct("<BBI")  # packing of the curve, packing of the shape, bytes of the curve
CURVE_COLUMNS = ("minimum", "maximum", "total", "integral", "first", "last")
COUNTS = ("good", "uncertain", "bad")
CURVE = np.dtype([("minute", "<i4"), *((name, "<f8") for name in CURVE_COLUMNS)])
SHAPE = np.dtype(
    [
        *((name, "<u4") for name in COUNTS),
        ("first_ns", "<i8"),  # from the start of the minute on
        ("last_ns", "<i8"),
        ("unknown_ns", "<i8"),  # between these two: almost always 0
        ("held", "<u1"),
    ]
)


class Packing(IntEnum):
    """How the rows of one section are kept."""

    PLAIN = 0
    DEFLATED = 1
    UNIFORM = 2  # all rows are equal: one of them


class Minutes(NamedTuple):
    """Plain rows of roll-ups; those of several chunks may be joined before `rows_of`."""

    curve: bytes
    shape: bytes

    def __len__(self) -> int:
        return len(self.curve) // CURVE.itemsize


NO_MINUTES = Minutes(b"", b"")


def minutes_of(columns: Columns) -> Aggregates:
    """Roll-ups of sorted, non-empty samples: one row for every minute that has a sample."""
    minutes = columns.time_ns // MINUTE_NS
    present = minutes[np.append(True, minutes[1:] != minutes[:-1])]
    marks = np.append(present, present[-1] + 1) * MINUTE_NS
    return aggregate(columns, marks, MINUTE_NS)


def pack(rows: Aggregates) -> bytes:
    """Bytes of roll-ups."""
    curve, shape = np.empty(len(rows), CURVE), np.empty(len(rows), SHAPE)
    minute = rows.first_ns // MINUTE_NS
    curve["minute"] = minute
    for name in CURVE_COLUMNS:
        curve[name] = getattr(rows, name)
    for name in COUNTS:
        shape[name] = getattr(rows, name)
    shape["first_ns"] = rows.first_ns - minute * MINUTE_NS
    shape["last_ns"] = rows.last_ns - minute * MINUTE_NS
    shape["unknown_ns"] = rows.last_ns - rows.first_ns - rows.known_ns
    shape["held"] = rows.held
    curve_packing, curve_bytes = _packed(curve)
    shape_packing, shape_bytes = _packed(shape)
    header = HEADER.pack(curve_packing, shape_packing, len(curve_bytes))
    return b"".join((header, curve_bytes, shape_bytes))


def unpack(blob: bytes) -> Minutes:
    """The rows of one packed blob."""
    try:
        curve_packing, shape_packing, length = HEADER.unpack_from(blob)
        at = HEADER.size + length
        curve = _unpacked(curve_packing, blob[HEADER.size : at], 1, CURVE)
        n = len(curve) // CURVE.itemsize
        shape = _unpacked(shape_packing, blob[at:], n, SHAPE)
    except (struct.error, zlib.error, ValueError) as error:
        raise DamageError(f"roll-up cannot be decoded: {error}") from error
    if len(curve) != n * CURVE.itemsize or len(shape) != n * SHAPE.itemsize:
        raise DamageError(f"roll-up has {len(curve)} and {len(shape)} bytes for {n} minutes")
    return Minutes(curve, shape)


def joined(parts: list[Minutes]) -> Minutes:
    """Rows one after the other."""
    return Minutes(b"".join(p.curve for p in parts), b"".join(p.shape for p in parts))


def rows_of(minutes: Minutes) -> Aggregates:
    """Roll-ups from plain rows."""
    curve, shape = np.frombuffer(minutes.curve, CURVE), np.frombuffer(minutes.shape, SHAPE)
    start_ns = curve["minute"].astype(np.int64) * MINUTE_NS
    lasted_ns = shape["last_ns"] - shape["first_ns"]
    columns: dict[str, Any] = {name: shape[name].astype(np.int64) for name in COUNTS}
    columns |= {name: curve[name].copy() for name in CURVE_COLUMNS}  # side by side: faster
    return Aggregates(
        **columns,
        known_ns=lasted_ns - shape["unknown_ns"],
        first_ns=start_ns + shape["first_ns"],
        last_ns=start_ns + shape["last_ns"],
        held=shape["held"] > 0,
    )


def _packed(rows: NDArray[Any]) -> tuple[Packing, bytes]:
    plain = rows.tobytes()
    one = plain[: rows.dtype.itemsize]
    if plain == one * len(rows):
        return Packing.UNIFORM, one
    deflated = zlib.compress(shuffle(rows), LEVEL)
    if len(deflated) < WORTH_DEFLATING * len(plain):
        return Packing.DEFLATED, deflated
    return Packing.PLAIN, plain


def _unpacked(packing: int, packed: bytes, n: int, dtype: "np.dtype[Any]") -> bytes:
    """Plain rows; `n` is their number where the bytes do not tell it."""
    if packing == Packing.PLAIN:
        return packed
    if packing == Packing.UNIFORM:
        return packed * n
    planes = zlib.decompress(packed)
    return unshuffle(planes, len(planes) // dtype.itemsize, dtype).tobytes()
