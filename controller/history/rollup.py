"""Roll-ups: how they are made of samples, and how those over one minute are packed.

Inside a chunk the time between two rows is divided at the edges of their minutes. So most rows are
about a whole minute, and the times of their ends need no room. Such a row leans on the one before:
when further samples come between or into that one, both are to be taken from samples.

What changes from minute to minute (the curve) and what rarely does (times, counts, qualities: the
shape) are packed apart: of a tag that is sampled regularly the minutes inside a chunk have the same
shape, which is then stored once.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.history.aggregates import Aggregates, aggregate, combine
from controller.history.codec import Columns, DamageError, Floats, Ints
from controller.history.planes import LEVEL, shuffle, unshuffle

MINUTE_NS = 60_000_000_000
WORTH_DEFLATING = 0.6  # share of the plain size; above it reading speed is worth more than bytes

HEADER = struct.Struct("<BBI")  # packing of the curve, packing of the shape, bytes of the curve
ROUNDED_BITS = 16  # of 52: 36 are left, a relative error below 1e-11
FLAT = 2.0**-44  # a smaller excess is nothing but rounding

CURVE_COLUMNS = ("minimum", "maximum", "total", "first", "last")
COUNTS = ("good", "uncertain", "bad")
CURVE = np.dtype(
    [
        ("minute", "<i4"),  # since 1970
        *((name, "<f8") for name in CURVE_COLUMNS),
        ("excess", "<f8"),  # integral above what `first` alone would give: 0 of a steady value
    ]
)
SHAPE = np.dtype(
    [
        *((name, "<u4") for name in COUNTS),
        ("first_ns", "<i8"),  # from the start of the minute on
        ("lasted_ns", "<i8"),  # from first_ns to last_ns
        ("unknown_ns", "<i8"),  # of that; almost always 0
        ("held", "<u1"),
    ]
)


class Packing(IntEnum):
    """How the rows of one section are kept."""

    PLAIN = 0
    DEFLATED = 1
    UNIFORM = 2  # all rows between the first and the last are equal: first, one of them, last


class Minutes(NamedTuple):
    """Plain rows of roll-ups; those of several chunks may be joined before `rows_of`."""

    curve: bytes
    shape: bytes

    def __len__(self) -> int:
        return len(self.curve) // CURVE.itemsize


NO_MINUTES = Minutes(b"", b"")


def rows_over(columns: Columns, step_ns: int, hold_ns: int) -> Aggregates:
    """Roll-ups of a chunk's sorted samples: one row for every whole step that has a sample.

    step_ns: a minute or a part of it. hold_ns: how long a sample of the tag holds at least, in
    whatever query; a minute or more.
    """
    marks = _marks(columns.time_ns // step_ns, step_ns)
    return _to_edges(aggregate(columns, marks, MINUTE_NS), marks, step_ns, hold_ns)


def minutes_over(rows: Aggregates, hold_ns: int) -> Aggregates:
    """Roll-ups over minutes from those over parts of minutes, as if made of the samples."""
    marks = _marks(rows.first_ns // MINUTE_NS, MINUTE_NS)
    return _to_edges(combine(rows, marks, hold_ns), marks, MINUTE_NS, hold_ns)


def _marks(steps: Ints, step_ns: int) -> Ints:
    """Starts of the steps that occur, and the end of the last."""
    present = steps[np.append(True, steps[1:] != steps[:-1])]
    return np.append(present, present[-1] + 1) * step_ns


def _to_edges(rows: Aggregates, marks_ns: Ints, step_ns: int, hold_ns: int) -> Aggregates:
    """Rows that reach to the edges of their steps.

    Not where so much time is between two that the value of the first may no longer hold: how long
    it does only those know who ask.
    """
    starts_ns = marks_ns[:-1]
    near = rows.first_ns[1:] - rows.last_ns[:-1] <= hold_ns
    before_ns = np.where(near, starts_ns[:-1] + step_ns - rows.last_ns[:-1], 0)
    after_ns = np.where(near, rows.first_ns[1:] - starts_ns[1:], 0)
    held = rows.held[:-1]
    value = np.where(held, rows.last[..., :-1], 0.0)
    first_ns, last_ns = rows.first_ns.copy(), rows.last_ns.copy()
    first_ns[1:] -= after_ns
    last_ns[:-1] += before_ns
    integral, known_ns = rows.integral.copy(), rows.known_ns.copy()
    known_ns[:-1] += before_ns * held
    known_ns[1:] += after_ns * held
    with np.errstate(over="ignore", invalid="ignore"):  # close to the largest float64
        integral[..., :-1] += value * before_ns
        integral[..., 1:] += value * after_ns
    return replace(rows, first_ns=first_ns, last_ns=last_ns, integral=integral, known_ns=known_ns)


def pack_over(columns: Columns, step_ns: int, hold_ns: int) -> bytes:
    """Bytes of the roll-ups of a chunk's sorted samples over such steps."""
    return pack(rows_over(columns, step_ns, hold_ns), step_ns)


def pack(rows: Aggregates, step_ns: int = MINUTE_NS) -> bytes:
    """Bytes of roll-ups."""
    return _assembled(packed(curve_of(rows, step_ns)), packed(shape_of(rows, step_ns)))


def pack_each(rows: Aggregates, step_ns: int) -> Iterator[bytes]:
    """Bytes of the roll-ups of each of several tags, which have the same shape (`aggregate`)."""
    shape = packed(shape_of(rows, step_ns))
    for curve in curve_of(rows, step_ns):
        yield _assembled(packed(curve), shape)


def _assembled(curve: tuple["Packing", bytes], shape: tuple["Packing", bytes]) -> bytes:
    header = HEADER.pack(curve[0], shape[0], len(curve[1]))
    return b"".join((header, curve[1], shape[1]))


def curve_of(rows: Aggregates, step_ns: int) -> NDArray[Any]:
    """What changes from row to row, as CURVE; its "minute" counts steps."""
    curve = np.empty(rows.first.shape, CURVE)
    curve["minute"] = rows.first_ns // step_ns
    for name in CURVE_COLUMNS:
        curve[name] = getattr(rows, name)
    curve["excess"] = _rounded(rows.integral, _flat(rows.good, rows.first, rows.known_ns))
    return curve


def shape_of(rows: Aggregates, step_ns: int) -> NDArray[Any]:
    """What rarely changes, as SHAPE."""
    shape = np.empty(len(rows), SHAPE)
    for name in COUNTS:
        shape[name] = getattr(rows, name)
    shape["first_ns"] = rows.first_ns % step_ns
    shape["lasted_ns"] = rows.last_ns - rows.first_ns
    shape["unknown_ns"] = shape["lasted_ns"] - rows.known_ns
    shape["held"] = rows.held
    return shape


def unpack(blob: bytes) -> Minutes:
    """The rows of one packed blob."""
    try:
        curve_packing, shape_packing, length = HEADER.unpack_from(blob)
        at = HEADER.size + length
        curve = blob[HEADER.size : at]
        if curve_packing:
            curve = unpacked(curve_packing, curve, 0, CURVE)
        n = len(curve) // CURVE.itemsize
        shape = unpacked(shape_packing, blob[at:], n, SHAPE)
    except (struct.error, zlib.error, ValueError) as error:
        raise DamageError(f"roll-up cannot be decoded: {error}") from error
    if len(curve) != n * CURVE.itemsize or len(shape) != n * SHAPE.itemsize:
        raise DamageError(f"roll-up has {len(curve)} and {len(shape)} bytes for {n} minutes")
    return Minutes(curve, shape)


def joined(parts: list[Minutes]) -> Minutes:
    """Rows one after the other."""
    return Minutes(b"".join(p.curve for p in parts), b"".join(p.shape for p in parts))


def rows_of(plain: Minutes, step_ns: int = MINUTE_NS) -> Aggregates:
    """Roll-ups from plain rows."""
    curve, shape = np.frombuffer(plain.curve, CURVE), np.frombuffer(plain.shape, SHAPE)
    start_ns = curve["minute"].astype(np.int64) * step_ns
    first_ns = start_ns + shape["first_ns"]
    known_ns = shape["lasted_ns"] - shape["unknown_ns"]
    columns: dict[str, Any] = {name: shape[name].astype(np.int64) for name in COUNTS}
    columns |= {name: curve[name].copy() for name in CURVE_COLUMNS}  # side by side: faster
    return Aggregates(
        **columns,
        integral=curve["excess"] + _flat(columns["good"], columns["first"], known_ns),
        known_ns=known_ns,
        first_ns=first_ns,
        last_ns=first_ns + shape["lasted_ns"],
        held=shape["held"] > 0,
    )


def _flat(good: Ints, first: Floats, known_ns: Ints) -> Floats:
    """The integral of a value that does not change."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(good > 0, first, 0.0) * known_ns


def _rounded(integral: Floats, flat: Floats) -> Floats:
    """What the integral has above the flat one, in fewer bits."""
    with np.errstate(over="ignore", invalid="ignore"):
        excess = integral - flat
        excess[np.abs(excess) <= FLAT * np.abs(flat)] = 0.0
    half = 1 << (ROUNDED_BITS - 1)
    bits = (excess.view(np.int64) + half) >> ROUNDED_BITS << ROUNDED_BITS
    return bits.view(np.float64)


def packed(rows: NDArray[Any]) -> tuple[Packing, bytes]:
    """Rows of CURVE or SHAPE in the packing that suits them."""
    plain, size = rows.tobytes(), rows.dtype.itemsize
    if len(rows) > 3 and plain[size:-size] == plain[size : 2 * size] * (len(rows) - 2):
        return Packing.UNIFORM, plain[: 2 * size] + plain[-size:]
    deflated = zlib.compress(shuffle(rows), LEVEL)
    if len(deflated) < WORTH_DEFLATING * len(plain):
        return Packing.DEFLATED, deflated
    return Packing.PLAIN, plain


def unpacked(packing: int, blob: bytes, n: int, dtype: "np.dtype[Any]") -> bytes:
    """Plain rows; `n` is their number where the bytes do not tell it."""
    if packing == Packing.PLAIN:
        return blob
    if packing == Packing.UNIFORM:
        size = dtype.itemsize
        return blob[:size] + blob[size:-size] * (n - 2) + blob[-size:]
    planes = zlib.decompress(blob)
    return unshuffle(planes, len(planes) // dtype.itemsize, dtype).tobytes()
