"""Ten-second roll-ups: how they are packed, in 4 to 9 bytes a row where one-minute ones take 30.

They take the place of samples that are no longer kept, so what counts is their size and not, as for
the one-minute ones, the speed of reading. Values are kept as multiples of the tag's step, bit for
bit: `first` as difference to the row before, the others as difference to `first`. The sum of the
samples is a multiple too, but for rounding. The integral over time is kept as difference to what
the plain mean of the samples would give, which is nothing where a tag is sampled regularly. Values
that are no multiples of a step are packed as those of one-minute rows are.
"""

import struct
import zlib
from typing import Any, NamedTuple

import numpy as np

from controller.history import rollup
from controller.history.aggregates import Aggregates
from controller.history.codec import (
    EXACT_INTEGER,
    DamageError,
    Floats,
    Ints,
    ValueCodec,
    integers,
    restored,
    scale_of,
)
from controller.history.planes import pack_ints, unshuffle

TEN_S_NS = 10_000_000_000
STEPS = 16  # first byte of rows in steps; below it lies the packing of a curve
PRECISION_BITS = 36  # of the integral, relative to the largest value times the time
SUM_ERROR = 2.0**-50  # of n floats: off by less than that times n, times n of the largest

HEADER = struct.Struct("<BBBqdq8I")  # STEPS, value codec, packing of the shape, first step, scale
STREAMS = ("step", "first", "low", "high", "last", "total", "excess")

Streams = dict[str, Ints]


class _Values(NamedTuple):
    """Values of rows without gaps: where a row has no Good sample, what held from before it."""

    first: Floats
    minimum: Floats
    maximum: Floats
    last: Floats


def pack(rows: Aggregates, resolution: float) -> bytes:
    """Bytes of one or more rows; `resolution` is only a hint for the choice of steps."""
    values = _filled(rows)
    for step in (resolution, 1.0):
        choice = scale_of(step)
        streams = _streams(rows, values, *choice) if choice is not None else None
        if streams is not None and choice is not None:
            return _in_steps(rows, streams, *choice)
    curve_packing, curve = rollup.packed(rollup.curve_of(rows, TEN_S_NS))
    shape_packing, shape = rollup.packed(rollup.shape_of(rows, TEN_S_NS))
    return rollup.HEADER.pack(curve_packing, shape_packing, len(curve)) + curve + shape


def unpack(blob: bytes) -> Aggregates:
    """The rows; DamageError when the bytes do not add up."""
    if not blob or blob[0] < STEPS:
        return rollup.rows_of(rollup.unpack(blob), TEN_S_NS)
    try:
        return _from_steps(blob)
    except (struct.error, zlib.error, ValueError, TypeError, IndexError, OverflowError) as error:
        raise DamageError(f"ten-second rows cannot be decoded: {error}") from error


def _filled(rows: Aggregates) -> _Values:
    places = np.maximum.accumulate(np.where(rows.good > 0, np.arange(len(rows)), -1))
    last = np.where(places >= 0, rows.last[places], 0.0)
    columns = (rows.first, rows.minimum, rows.maximum, rows.last)
    return _Values(*(np.where(rows.good > 0, column, last) for column in columns))


def _streams(rows: Aggregates, values: _Values, codec: ValueCodec, scale: float) -> Streams | None:
    """Integers that say all of the curve; None when the values are no multiples of the step."""
    found = [integers(column, column.view(np.int64), codec, scale) for column in values]
    if not all(exact.all() for _, exact in found):
        return None
    first, low, high, last = (numbers for numbers, _ in found)
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.rint(rows.total * scale if codec is ValueCodec.DIVIDED else rows.total / scale)
        if not (np.abs(total) < EXACT_INTEGER).all():
            return None
        whole = total.astype(np.int64)
        sums = restored(whole, codec, scale)
        largest = np.maximum(np.abs(values.minimum), np.abs(values.maximum))
        if not (np.abs(sums - rows.total) <= SUM_ERROR * rows.good * rows.good * largest).all():
            return None
        plain, unit = _plain(sums, rows.good, rows.known_ns, values)
        excess = np.zeros(len(rows))
        np.divide(rows.integral - plain, unit, out=excess, where=unit > 0)
        off = (unit == 0) & (rows.integral != plain)
        if off.any() or not (np.abs(excess) < EXACT_INTEGER).all():
            return None
    return {
        "step": rows.first_ns // TEN_S_NS,
        "first": first,
        "low": first - low,
        "high": high - first,
        "last": last - first,
        "total": whole - rows.good * first,
        "excess": np.rint(excess).astype(np.int64),
    }


def _plain(total: Floats, good: Ints, known_ns: Ints, values: _Values) -> tuple[Floats, Floats]:
    """The integral as the plain mean would have it, and the unit in which the rest is counted."""
    mean = np.where(good > 0, total, values.first) / np.maximum(good, 1)
    largest = np.maximum(np.abs(values.minimum), np.abs(values.maximum))
    return mean * known_ns, np.ldexp(largest * known_ns, -PRECISION_BITS)


def _in_steps(rows: Aggregates, streams: Streams, codec: ValueCodec, scale: float) -> bytes:
    starts = int(streams["step"][0]), int(streams["first"][0])
    for name in ("step", "first"):
        streams[name] = np.diff(streams[name], prepend=streams[name][0])
    packed = [pack_ints(streams[name]) for name in STREAMS]
    packing, shape = rollup.packed(rollup.shape_of(rows, TEN_S_NS))
    parts = [*packed, shape]
    lengths = [len(part) for part in parts]
    header = HEADER.pack(STEPS, codec, packing, starts[0], scale, starts[1], *lengths)
    return b"".join((header, *parts))


def _from_steps(blob: bytes) -> Aggregates:
    _, codec, packing, first_step, scale, first_number, *lengths = HEADER.unpack_from(blob)
    parts, at = [], HEADER.size
    for length in lengths:
        parts.append(blob[at : at + length])
        at += length
    found = {name: _ints(part) for name, part in zip(STREAMS, parts, strict=False)}
    n = len(found["step"])
    shape_bytes = rollup.unpacked(packing, parts[-1], n, rollup.SHAPE)
    if at != len(blob) or len(shape_bytes) != n * rollup.SHAPE.itemsize:
        raise ValueError(f"{len(blob)} bytes for {n} rows")
    shape = np.frombuffer(shape_bytes, rollup.SHAPE)
    step = first_step + np.cumsum(found["step"])
    first = first_number + np.cumsum(found["first"])
    good = shape["good"].astype(np.int64)
    numbers = (first, first - found["low"], first + found["high"], first + found["last"])
    kind = ValueCodec(codec)
    values = _Values(*(restored(column, kind, scale) for column in numbers))
    total = restored(found["total"] + good * first, kind, scale)
    first_ns = step * TEN_S_NS + shape["first_ns"]
    known_ns = shape["lasted_ns"] - shape["unknown_ns"]
    with np.errstate(over="ignore", invalid="ignore"):
        plain, unit = _plain(total, good, known_ns, values)
        integral = plain + found["excess"] * unit
    columns: dict[str, Any] = {
        name: np.where(good > 0, column, np.nan) for name, column in values._asdict().items()
    }
    columns |= {name: shape[name].astype(np.int64) for name in rollup.COUNTS}
    return Aggregates(
        **columns,
        total=total,
        integral=integral,
        known_ns=known_ns,
        first_ns=first_ns,
        last_ns=first_ns + shape["lasted_ns"],
        held=shape["held"] > 0,
    )


def _ints(packed: bytes) -> Ints:
    planes = zlib.decompress(packed[1:])
    dtype = np.dtype(f"<i{packed[0]}")
    return unshuffle(planes, len(planes) // dtype.itemsize, dtype).astype(np.int64)
