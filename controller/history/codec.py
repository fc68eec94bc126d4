"""How a chunk's columns become bytes: one codec for times, one for values, one for quality.

A chunk holds samples of one tag in strictly increasing time. Every column is restored bit for bit
(NaN payloads and -0.0 included). The codec is chosen per chunk from what the numbers are: decimal
values become scaled integers, and integers become deltas in the narrowest type that holds them,
split into byte planes and deflated. What a codec cannot say exactly is kept beside it as a patch.

Tags that were sampled together share one column of times, which lies beside their chunks (see
`shared_times`): of an instrument with 16 bits the times would else take more room than the values.
"""

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.core.errors import StoreError
from controller.history.planes import (
    LEVEL,
    WIDTHS,
    pack_ints,
    shuffle,
    shuffle_each,
    unpack_ints,
    unshuffle,
)

FORMAT = 1
EXACT_INTEGER = 2.0**52  # scaled integers stay below this, so that float64 holds them exactly
PATCHED_SHARE = 32  # up to one sample in so many may be a patch
PROBE = 64  # values tried before a whole chunk is scaled

HEADER = struct.Struct("<BBBBIqqqqIIII")

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Octets = NDArray[np.uint8]


class DamageError(StoreError):
    """Stored bytes are not what was written: checksum, length or format is wrong."""


class TimeCodec(IntEnum):
    """How source times are kept."""

    REGULAR = 0  # start and step
    DELTA = 1  # start, unit and the intervals as multiples of the unit
    SHARED = 2  # the number of a column of times; start is its first


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
    """Samples of one tag in columns: UTC nanoseconds, values, quality bytes.

    Of several tags sampled at the same times, values and quality are tags x samples.
    """

    time_ns: Ints
    values: Floats
    quality: Octets

    def rows(self, which: slice | NDArray[np.bool_] | NDArray[np.intp]) -> "Columns":
        """Some of the samples."""
        return Columns(self.time_ns[which], self.values[..., which], self.quality[..., which])


class EncodedValues(NamedTuple):
    """A value column: codec, scale or constant (as bits), first scaled integer, deltas, patches."""

    codec: ValueCodec
    parameter: int
    first: int
    packed: bytes
    patches: bytes = b""


class EncodedTimes(NamedTuple):
    """A column of times: codec, unit (or number of a shared column), packed intervals."""

    codec: TimeCodec
    unit: int
    packed: bytes


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
    values = _encode_values(columns.values, resolution)
    return _assembled(columns.time_ns, encode_time(columns.time_ns), columns.quality, values)


def encode_each(columns: Columns, times: EncodedTimes, resolution: float) -> Iterator[bytes]:
    """Bytes of the chunk of each of several tags, as `encode` makes them, at two or more times."""
    values = _encode_values_of_each(columns.values, resolution)
    for quality, encoded in zip(columns.quality, values, strict=True):
        yield _assembled(columns.time_ns, times, quality, encoded)


def _assembled(time_ns: Ints, times: EncodedTimes, quality: Octets, values: EncodedValues) -> bytes:
    quality_codec, quality_bytes = _encode_quality(quality)
    header = HEADER.pack(
        FORMAT,
        times.codec,
        values.codec,
        quality_codec,
        len(time_ns),
        int(time_ns[0]),
        times.unit,
        values.parameter,
        values.first,
        len(times.packed),
        len(quality_bytes),
        len(values.packed),
        len(values.patches),
    )
    return b"".join((header, times.packed, quality_bytes, values.packed, values.patches))


def not_shared(number: int) -> Ints:
    """Where there are no shared columns of times."""
    raise DamageError(f"chunk shares the times of column {number}, which is not there")


def decode(blob: bytes, shared: Callable[[int], Ints] = not_shared) -> Columns:
    """The columns of a chunk; DamageError when the bytes do not add up.

    shared: the times of a shared column by its number; it raises DamageError where there are none.
    """
    try:
        return _decode(blob, shared)
    except (struct.error, zlib.error, ValueError, TypeError, IndexError, OverflowError) as error:
        raise DamageError(f"chunk cannot be decoded: {error}") from error


def value_codec_of(blob: bytes) -> ValueCodec:
    """Which value codec a chunk was written with."""
    return ValueCodec(blob[2])


def _decode(blob: bytes, shared: Callable[[int], Ints]) -> Columns:
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
    if time_codec == TimeCodec.SHARED:
        time_ns = shared(unit)
        if len(time_ns) != n or time_ns[0] != start:
            raise DamageError(f"chunk does not fit the times of column {unit}")
    else:
        time_ns = decode_time(EncodedTimes(TimeCodec(time_codec), unit, time_bytes), n, start)
    return Columns(
        time_ns,
        _decode_values(
            EncodedValues(ValueCodec(value_codec), parameter, first, value_bytes, patches), n
        ),
        _decode_quality(QualityCodec(quality_codec), quality_bytes, n),
    )


def encode_time(time_ns: Ints) -> EncodedTimes:
    """A non-empty, increasing column of times."""
    steps = np.diff(time_ns)
    if len(steps) == 0:
        return EncodedTimes(TimeCodec.REGULAR, 0, b"")
    if (steps == steps[0]).all():
        return EncodedTimes(TimeCodec.REGULAR, int(steps[0]), b"")
    unit = int(np.gcd.reduce(steps))
    return EncodedTimes(TimeCodec.DELTA, unit, pack_ints(steps // unit))


def decode_time(times: EncodedTimes, n: int, start: int) -> Ints:
    """The n times from `start` on that were encoded."""
    if times.codec is TimeCodec.REGULAR:
        return np.arange(n, dtype=np.int64) * times.unit + start
    return _running(start, times.packed, n, times.unit)


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


def _encode_values_of_each(values: Floats, resolution: float) -> list[EncodedValues]:
    """Values of several tags (tags x samples), each as `_encode_values` makes it.

    Those that are multiples of the resolution without exception are worked out at once.
    """
    choice = scale_of(resolution)
    found: dict[int, EncodedValues] = {}
    if choice is not None:
        bits = values.view(np.int64)
        numbers, exact = integers(values, bits, *choice)
        plain = exact.all(axis=1) & (bits != bits[:, :1]).any(axis=1)
        found = _deltas_of_each(np.flatnonzero(plain), numbers, *choice)
    return [
        found[k] if k in found else _encode_values(values[k], resolution)
        for k in range(len(values))
    ]


def _deltas_of_each(
    which: NDArray[np.intp], numbers: Ints, codec: ValueCodec, scale: float
) -> dict[int, EncodedValues]:
    deltas = np.diff(numbers[which], axis=1)
    low, high = deltas.min(axis=1, initial=0), deltas.max(axis=1, initial=0)
    parameter = int(np.float64(scale).view(np.int64))
    found = {}
    left = np.ones(len(which), np.bool_)
    for width in WIDTHS:
        limits = np.iinfo(width)
        fits = left & (limits.min <= low) & (high <= limits.max)
        left &= ~fits
        of = np.flatnonzero(fits)
        narrow = deltas[of].astype(width)
        for k, shuffled in zip(which[of].tolist(), shuffle_each(narrow), strict=True):
            packed = bytes((narrow.itemsize,)) + zlib.compress(shuffled, LEVEL)
            found[k] = EncodedValues(codec, parameter, int(numbers[k, 0]), packed)
    return found


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
    if (time_ns[1:] > time_ns[:-1]).all():
        return columns
    order = np.argsort(time_ns, kind="stable")
    ordered = time_ns[order]
    order = order[np.append(ordered[1:] != ordered[:-1], True)]
    return columns.rows(order)


def between(columns: Columns, start_ns: int, stop_ns: int) -> Columns:
    """The samples of sorted columns with start_ns <= time < stop_ns."""
    lo, hi = np.searchsorted(columns.time_ns, (start_ns, stop_ns))
    return columns.rows(slice(lo, hi))
