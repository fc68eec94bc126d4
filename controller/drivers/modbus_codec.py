"""How the words and bits of a Modbus device become samples, and how outputs become words.

A batch decodes the answers of several requests in one pass over columns. Everything here is pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from controller.core.errors import WriteFailed
from controller.core.point import READ_BACK, Access, Point, Wire
from controller.core.sample import Quality

INVALID_INT16 = -32768  # the word by which a device says "no valid value"
OUTPUT_ADDRESS = 42  # the first word behind the ticket
_WORD = 65536


class Area(StrEnum):
    """Address space of a point; the text is the prefix of its address."""

    HOLDING = "hr"
    DISCRETE = "di"


@dataclass(frozen=True, slots=True)
class Span:
    """Addresses [start, stop) of one point."""

    area: Area
    start: int
    stop: int
    point: Point

    @property
    def name(self) -> str:
        """The device tag that the addresses carry: of a written point its read-back."""
        return self.point.tag + (READ_BACK if self.point.access is Access.WRITE else "")


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One read request: `count` addresses from `start` on, and what lies there."""

    area: Area
    start: int
    count: int
    spans: tuple[Span, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The device tags in the block, by address."""
        return tuple(s.name for s in self.spans)

    @property
    def payload_bytes(self) -> int:
        """Length of the answer behind its byte count."""
        return 2 * self.count if self.area is Area.HOLDING else (self.count + 7) // 8

    def __str__(self) -> str:
        return f"{self.area}:{self.start}-{self.start + self.count - 1}"


_WIRE_ORDER = {Wire.INT16: 0, Wire.UINT16: 1, Wire.UINT32: 2, Wire.BIT: 3}


class Batch:
    """The decoding table of several blocks that are read one after the other.

    tags: int32[n], table indices of the rows. Rows are ordered int16, uint16, uint32, bit, so that
    each kind is one slice of the columns.
    """

    def __init__(self, blocks: Sequence[Block], tag_index: Mapping[str, int]) -> None:
        self.blocks = tuple(blocks)
        rows: list[tuple[int, int, Span]] = []  # block, place in the joined words or bits, span
        joined = {Area.HOLDING: 0, Area.DISCRETE: 0}
        for k, block in enumerate(self.blocks):
            base = joined[block.area] - block.start
            rows += [(k, base + s.start, s) for s in block.spans]
            words_or_bits = block.count if block.area is Area.HOLDING else 8 * block.payload_bytes
            joined[block.area] += words_or_bits
        rows.sort(key=lambda row: (_WIRE_ORDER[row[2].point.wire], row[:2]))
        points = [span.point for _, _, span in rows]
        order = [_WIRE_ORDER[p.wire] for p in points]
        self.names = tuple(span.name for _, _, span in rows)
        self.tags = np.array([tag_index[name] for name in self.names], np.int32)
        self._block_of = np.array([k for k, _, _ in rows], np.int64)
        place = np.array([p for _, p, _ in rows], np.int64)
        self._int16 = slice(0, order.count(0))
        self._uint16 = slice(self._int16.stop, self._int16.stop + order.count(1))
        self._uint32 = slice(self._uint16.stop, self._uint16.stop + order.count(2))
        self._bits = slice(self._uint32.stop, len(order))
        self._place = place
        self._signed = place[self._int16]
        self._high = place[self._uint32]
        self._gain, self._divisor = scaling(points)
        # Half a step of the wire: a value that was rounded on its way is not out of range.
        slack = np.array([0.5 * p.scale for p in points])
        self._lowest = np.array([p.low for p in points]) - slack
        self._highest = np.array([p.high for p in points]) + slack

    def decode(
        self, payloads: Sequence[bytes], last: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Values and qualities of the rows from one payload a block, each `payload_bytes` long.

        last: float64, by table index. The invalid marker gives Bad (sensor) and keeps that
        number, for the reader's eye; a value outside the declared range gives Uncertain (range).
        """
        words, bits = self._joined(payloads)
        raw = np.empty(len(self.tags), np.float64)
        signed = words.view(np.int16)[self._signed]
        raw[self._int16] = signed
        raw[self._uint16] = words[self._place[self._uint16]]
        raw[self._uint32] = words[self._high] * float(_WORD) + words[self._high + 1]
        raw[self._bits] = bits[self._place[self._bits]]
        values = raw * self._gain / self._divisor
        outside = (values < self._lowest) | (values > self._highest)
        quality = outside * np.uint8(Quality.UNCERTAIN_RANGE)
        invalid = signed == INVALID_INT16
        if invalid.any():
            quality[self._int16][invalid] = Quality.BAD_SENSOR
            values[self._int16][invalid] = last[self.tags[self._int16][invalid]]
        return values, quality

    def _joined(self, payloads: Sequence[bytes]) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
        """All words, in this machine's byte order, and all bits, block after block."""
        pairs = tuple(zip(self.blocks, payloads, strict=True))
        words = b"".join(p for block, p in pairs if block.area is Area.HOLDING)
        bits = b"".join(p for block, p in pairs if block.area is Area.DISCRETE)
        return (
            np.frombuffer(words, ">u2").astype(np.uint16),
            np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little"),
        )

    def times(self, block_ns: Sequence[int]) -> NDArray[np.int64]:
        """Source time of each row from the times of the blocks, UTC nanoseconds."""
        return np.array(block_ns, np.int64)[self._block_of]


_RAW_LIMITS = {
    Wire.INT16: (INVALID_INT16 + 1, 32767),
    Wire.UINT16: (0, 65535),
    Wire.UINT32: (0, 4294967295),
}


class Outputs:
    """How the output image becomes words: `words` of them, from OUTPUT_ADDRESS on."""

    def __init__(self, written: Sequence[Span]) -> None:
        points = [s.point for s in written]
        self.names = tuple(p.tag for p in points)
        self.words = max((s.stop for s in written), default=OUTPUT_ADDRESS) - OUTPUT_ADDRESS
        self._place = np.array([s.start - OUTPUT_ADDRESS for s in written], np.int64)
        self._double = np.array([p.wire is Wire.UINT32 for p in points], np.bool_)
        self._gain, self._divisor = scaling(points)
        self._low = np.array([p.low for p in points])
        self._high = np.array([p.high for p in points])
        limits = np.array([_RAW_LIMITS[p.wire] for p in points], np.float64).reshape(-1, 2)
        self._raw_low, self._raw_high = limits[:, 0], limits[:, 1]

    def encode(self, values: NDArray[np.float64], held: NDArray[np.uint16]) -> list[int]:
        """Words of the whole output area; words that belong to no point stay as `held`.

        values: one a written point, in the order of the points; rounded to the wire's step.
        WriteFailed names the first that is not finite, outside its range or not representable.
        """
        if values.shape != (len(self.names),):
            raise WriteFailed(f"{len(self.names)} outputs expected, {values.shape} given")
        with np.errstate(over="ignore", invalid="ignore"):
            raw = np.rint(values * self._divisor / self._gain)
            rounded = raw * self._gain / self._divisor
            fits = (rounded >= self._low) & (rounded <= self._high)
            fits &= (raw >= self._raw_low) & (raw <= self._raw_high)
        if not fits.all():
            k = int(np.argmin(fits))
            raise WriteFailed(
                f"{self.names[k]} = {values[k]:g}: outside {self._low[k]:g} to {self._high[k]:g}"
            )
        whole = raw.astype(np.int64)
        double = self._double
        words = held.copy()
        words[self._place] = (np.where(double, whole >> 16, whole) & 0xFFFF).astype(np.uint16)
        words[self._place[double] + 1] = (whole[double] & 0xFFFF).astype(np.uint16)
        return [int(w) for w in words]


def scaling(points: Sequence[Point]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gain and divisor: 0.1 becomes 1/10, because 234 / 10 is 23.4 and 234 * 0.1 is not."""
    gain = np.array([p.scale for p in points], np.float64)
    divisor = np.ones(len(points))
    inverse = np.rint(1.0 / gain)
    exact = (inverse >= 1) & (np.abs(inverse * gain - 1.0) < 1e-9)
    divisor[exact] = inverse[exact]
    gain[exact] = 1.0
    return gain, divisor
