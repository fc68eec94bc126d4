"""How a chunk's columns become bytes: one codec for times, one for values, one for quality.

A chunk holds samples of one tag in strictly increasing time. Every column is restored bit for bit
(NaN payloads and -0.0 included). The codec is chosen per chunk from what the numbers are: decimal
values become scaled integers, and integers become deltas in the narrowest type that holds them,
split into byte planes and deflated. What a codec cannot say exactly is kept beside it as a patch.
"""

import math
import struct
import zlib
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.core.errors import StoreError

FORMAT = 1
LEVEL = 1  # deflate level: higher ones cost 3x the time for 10 % of the size
EXACT_INTEGER = 2.0**52  # scaled integers stay below this, so that float64 holds them exactly
PATCHED_SHARE = 32  # up to one sample in so many may be a patch
PROBE = 64  # values tried before a whole chunk is scaled

HEADER = struct.Struct("<BBBBIqqqqIIII")
WIDTHS = (np.int8, np.int16, np.int32, np.int64)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Octets = NDArray[np.uint8]


class DamageError(StoreError):
    """Stored bytes are not what was written: checksum, length or format is wrong."""


class TimeCodec(IntEnum):
    """How source times are kept."""

    REGULAR = 0  # start and step
    DELTA = 1  # start, unit and the intervals as multiples of the unit


class ValueCodec(IntEnum):
    """How values are kept."""

    CONSTANT = 0
    DIVIDED = 1  # scaled integer divided by the scale: 1234 / 100
    MULTIPLIED = 2  # scaled integer times the scale: 1234 * 5.0
    FLOAT32 = 3
    FLOAT64 = 4


class QualityCodec(IntEnum):
    """How quality bytes are kept."""

    UNIFORM = 0
    DEFLATED = 1


class Columns(NamedTuple):
    """Samples of one tag in columns: UTC nanoseconds, values, quality bytes."""

    time_ns: Ints
    values: Floats
    quality: Octets

    def rows(self, which: slice | NDArray[np.bool_] | NDArray[np.intp]) -> "Columns":
        """Some of the samples."""
        return Columns(self.time_ns[which], self.values[which], self.quality[which])


class EncodedValues(NamedTuple):
    """A value column: codec, scale or constant (as bits), first scaled integer, deltas, patches."""

    codec: ValueCodec
    parameter: int
    first: int
    packed: bytes
    patches: bytes = b""


NO_SAMPLES = Columns(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.uint8))


def scale_of(resolution: float) -> tuple[ValueCodec, float] | None:
    """Codec and scale for a resolution, None for "full precision" (0).

    0.01 divides by 100, because 1234 / 100 is the double a person means by 12.34 and 1234 * 0.01
    is not; 5.0, and steps without a whole inverse such as 0.3, multiply.
    """
    if not (math.isfinite(resolution) and resolution > 0):
        return None
    inverse = round(1.0 / resolution)
    if inverse > 1 and math.isclose(inverse * resolution, 1.0, rel_tol=1e-9):
        return ValueCodec.DIVIDED, float(inverse)
    return ValueCodec.MULTIPLIED, resolution


def encode(columns: Columns, resolution: float) -> bytes:
    """Bytes of a non-empty chunk. `resolution` is only a hint for the choice of codec."""
    time_codec, unit, time_bytes = _encode_time(columns.time_ns)
    quality_codec, quality_bytes = _encode_quality(columns.quality)
    values = _encode_values(columns.values, resolution)
    header = HEADER.pack(
        FORMAT,
        time_codec,
        values.codec,
        quality_codec,
        len(columns.time_ns),
        int(columns.time_ns[0]),
        unit,
        values.parameter,
        values.first,
        len(time_bytes),
        len(quality_bytes),
        len(values.packed),
        len(values.patches),
    )
    return b"".join((header, time_bytes, quality_bytes, values.packed, values.patches))


def decode(blob: bytes) -> Columns:
    """The columns of a chunk; DamageError when the bytes do not add up."""
    try:
        return _decode(blob)
    except (struct.error, zlib.error, ValueError, TypeError, IndexError, OverflowError) as error:
        raise DamageError(f"chunk cannot be decoded: {error}") from error


def value_codec_of(blob: bytes) -> ValueCodec:
    """Which value codec a chunk was written with."""
    return ValueCodec(blob[2])


def _decode(blob: bytes) -> Columns:
    fields = HEADER.unpack_from(blob)
    version, time_codec, value_codec, quality_codec, n, start, unit, parameter, first = fields[:9]
    if version != FORMAT:
        raise DamageError(f"chunk format {version} is unknown; this Dryline knows {FORMAT}")
    sections = []
    at = HEADER.size
    for length in fields[9:]:
        sections.append(blob[at : at + length])
        at += length
    if at != len(blob):
        raise DamageError(f"chunk has {len(blob)} bytes instead of {at}")
    time_bytes, quality_bytes, value_bytes, patches = sections
    return Columns(
        _decode_time(TimeCodec(time_codec), time_bytes, n, start, unit),
        _decode_values(
            EncodedValues(ValueCodec(value_codec), parameter, first, value_bytes, patches), n
        ),
        _decode_quality(QualityCodec(quality_codec), quality_bytes, n),
    )


def shuffle(array: NDArray[Any]) -> bytes:
    """The bytes of an array as planes: all first bytes, then all second bytes, and so on."""
    planes = array.view(np.uint8).reshape(len(array), array.itemsize).T
    return np.ascontiguousarray(planes).tobytes()


def unshuffle(planes: bytes, n: int, dtype: "np.dtype[Any]") -> NDArray[Any]:
    """The array that was shuffled."""
    rows = np.frombuffer(planes, np.uint8).reshape(dtype.itemsize, n).T
    return np.ascontiguousarray(rows).reshape(-1).view(dtype)


def pack_ints(numbers: Ints) -> bytes:
    """Integers in the narrowest type that holds them, deflated; nothing of none."""
    if len(numbers) == 0:
        return b""
    low, high = int(numbers.min()), int(numbers.max())
    width = next(w for w in WIDTHS if np.iinfo(w).min <= low and high <= np.iinfo(w).max)
    narrow = numbers.astype(width)
    return bytes((narrow.itemsize,)) + zlib.compress(shuffle(narrow), LEVEL)


def unpack_ints(packed: bytes, n: int) -> NDArray[Any]:
    """The n integers that were packed."""
    if n == 0:
        return np.empty(0, np.int64)
    dtype = np.dtype(f"<i{packed[0]}")
    return unshuffle(zlib.decompress(packed[1:]), n, dtype)


def _encode_time(time_ns: Ints) -> tuple[TimeCodec, int, bytes]:
    steps = np.diff(time_ns)
    if len(steps) == 0:
        return TimeCodec.REGULAR, 0, b""
    if (steps == steps[0]).all():
        return TimeCodec.REGULAR, int(steps[0]), b""
    unit = int(np.gcd.reduce(steps))
    return TimeCodec.DELTA, unit, pack_ints(steps // unit)


def _decode_time(codec: TimeCodec, packed: bytes, n: int, start: int, unit: int) -> Ints:
    if codec is TimeCodec.REGULAR:
        return np.arange(n, dtype=np.int64) * unit + start
    return _running(start, packed, n, unit)


def _encode_quality(quality: Octets) -> tuple[QualityCodec, bytes]:
    if (quality == quality[0]).all():
        return QualityCodec.UNIFORM, bytes((int(quality[0]),))
    return QualityCodec.DEFLATED, zlib.compress(quality.tobytes(), LEVEL)


def _decode_quality(codec: QualityCodec, packed: bytes, n: int) -> Octets:
    if codec is QualityCodec.UNIFORM:
        return np.full(n, packed[0], np.uint8)
    quality = np.frombuffer(zlib.decompress(packed), np.uint8)
    if len(quality) != n:
        raise DamageError(f"chunk has {len(quality)} quality bytes for {n} samples")
    return quality


def _encode_values(values: Floats, resolution: float) -> EncodedValues:
    bits = values.view(np.int64)
    if (bits == bits[0]).all():
        return EncodedValues(ValueCodec.CONSTANT, int(bits[0]), 0, b"")
    for step in (resolution, 1.0):
        choice = scale_of(step)
        if choice is None:
            continue
        scaled = _scaled(values, bits, *choice)
        if scaled is not None:
            return scaled
    with np.errstate(over="ignore", invalid="ignore"):
        single = values.astype(np.float32)
        same = (single.astype(np.float64).view(np.int64) == bits).all()
    if same:
        return EncodedValues(ValueCodec.FLOAT32, 0, 0, zlib.compress(shuffle(single), LEVEL))
    return EncodedValues(ValueCodec.FLOAT64, 0, 0, zlib.compress(shuffle(values), LEVEL))


def _scaled(values: Floats, bits: Ints, codec: ValueCodec, scale: float) -> EncodedValues | None:
    """Values as scaled integers; None when too many of them are no multiples of the step."""
    stride = max(1, len(values) // PROBE)
    _, exact = integers(values[::stride], bits[::stride], codec, scale)
    if np.count_nonzero(exact) < 0.9 * len(exact):
        return None
    numbers, exact = integers(values, bits, codec, scale)
    wrong = np.flatnonzero(~exact)
    if len(wrong) * PATCHED_SHARE > len(values):
        return None
    if len(wrong):
        numbers[wrong] = 0
        followed = np.maximum.accumulate(np.where(exact, np.arange(len(values)), 0))
        numbers = numbers[followed]  # a patched place repeats its neighbour: a delta of 0
    patches = wrong.astype(np.uint32).tobytes() + values[wrong].tobytes()
    parameter = int(np.float64(scale).view(np.int64))
    deltas = pack_ints(np.diff(numbers))
    return EncodedValues(codec, parameter, int(numbers[0]), deltas, patches)


def integers(
    values: Floats, bits: Ints, codec: ValueCodec, scale: float
) -> tuple[Ints, NDArray[np.bool_]]:
    """Values as multiples of the step, and which of them are that bit for bit."""
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = np.rint(values * scale if codec is ValueCodec.DIVIDED else values / scale)
        fits = np.abs(ratio) < EXACT_INTEGER
        numbers = np.where(fits, ratio, 0.0).astype(np.int64)
    return numbers, fits & (restored(numbers, codec, scale).view(np.int64) == bits)


def restored(numbers: Ints, codec: ValueCodec, scale: float) -> Floats:
    """Values from multiples of the step."""
    if codec is ValueCodec.DIVIDED:
        return np.asarray(numbers / scale, np.float64)
    return np.asarray(numbers * scale, np.float64)


def _decode_values(column: EncodedValues, n: int) -> Floats:
    if column.codec is ValueCodec.CONSTANT:
        return np.full(n, column.parameter, np.int64).view(np.float64)
    if column.codec is ValueCodec.FLOAT32:
        single = unshuffle(zlib.decompress(column.packed), n, np.dtype("<f4"))
        return single.astype(np.float64)
    if column.codec is ValueCodec.FLOAT64:
        return unshuffle(zlib.decompress(column.packed), n, np.dtype("<f8"))
    scale = float(np.int64(column.parameter).view(np.float64))
    values = restored(_running(column.first, column.packed, n, 1), column.codec, scale)
    if column.patches:
        count = len(column.patches) // 12
        places = np.frombuffer(column.patches, np.uint32, count)
        values[places] = np.frombuffer(column.patches, np.float64, count, 4 * count)
    return values


def _running(first: int, deltas: bytes, n: int, unit: int) -> Ints:
    """first, and the running sum of packed deltas times unit from there."""
    numbers = np.empty(n, np.int64)
    numbers[0] = first
    np.multiply(unpack_ints(deltas, n - 1), unit, out=numbers[1:], dtype=np.int64)
    return np.cumsum(numbers, out=numbers)


def merge(parts: list[Columns]) -> Columns:
    """Parts in the order they were written, as one: sorted by time, of equal times the last."""
    filled = [part for part in parts if len(part.time_ns)]
    if not filled:
        return NO_SAMPLES
    if len(filled) == 1:
        return in_order(filled[0])
    return in_order(Columns(*(np.concatenate(column) for column in zip(*filled, strict=True))))


def in_order(columns: Columns) -> Columns:
    """Sorted by time; of samples with equal times the one that stands last in `columns`."""
    time_ns = columns.time_ns
    steps = np.diff(time_ns)
    if (steps > 0).all():
        return columns
    order = np.argsort(time_ns, kind="stable")
    ordered = time_ns[order]
    order = order[np.append(ordered[1:] != ordered[:-1], True)]
    return columns.rows(order)


def between(columns: Columns, start_ns: int, stop_ns: int) -> Columns:
    """The samples of sorted columns with start_ns <= time < stop_ns."""
    lo, hi = np.searchsorted(columns.time_ns, (start_ns, stop_ns))
    return columns.rows(slice(lo, hi))
