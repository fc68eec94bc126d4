"""What the OPC UA driver knows of its device, in plain numbers. Knows no library and does no I/O.

Status codes are the numbers of OPC 10000-6, annex A.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from controller.core.errors import WriteFailed
from controller.core.point import Access, Point, Wire
from controller.core.ports import Clock
from controller.core.sample import GOOD, Quality, Samples
from controller.drivers.columns import Columns

TYPE_MISMATCH: Final = 0x80740000  # also said here of a value that is not of the agreed type
FIRST_BAD: Final = 0x80000000

CATCH_UP_S: Final = 2.0  # so long after a read of everything older notifications may come
_NOT_APPLIED: Final = 0x80F10000  # BadTransactionFailed: another element of the write is to blame
_SEQUENCE_USED: Final = 0x80880000  # BadSequenceNumberInvalid
_OVERFLOW: Final = 0x480  # info bits: data value, the server's queue of the point has overflown
_REASON: Final = 0xFFFF0000  # without the info bits
_QUALITY: Final = {
    0x00000000: Quality.GOOD,
    0x40900000: Quality.UNCERTAIN_HELD,  # UncertainLastUsableValue
    0x40910000: Quality.UNCERTAIN_HELD,  # UncertainSubstituteValue
    0x40930000: Quality.UNCERTAIN_SUSPECT,  # UncertainSensorNotAccurate
    0x40940000: Quality.UNCERTAIN_RANGE,  # UncertainEngineeringUnitsExceeded
    0x80310000: Quality.BAD_LINK,  # BadNoCommunication
    0x80320000: Quality.BAD_NO_DATA,  # BadWaitingForInitialData
    TYPE_MISMATCH: Quality.BAD_PROTOCOL,
    0x808C0000: Quality.BAD_SENSOR,  # BadSensorFailure
}
_REFUSALS: Final = {
    0x800A0000: "the ticket came too late",  # BadTimeout
    0x801F0000: "this client may not write",  # BadUserAccessDenied
    0x80340000: "no such node",  # BadNodeIdUnknown
    0x803B0000: "cannot be written",  # BadNotWritable
    0x803C0000: "outside its range or not a number",  # BadOutOfRange
    TYPE_MISMATCH: "of another type",
    _SEQUENCE_USED: "the sequence number was used before",
    0x80AF0000: "the station is switched to local",  # BadInvalidState
}
_BOUNDS: Final = {Wire.INT32: (-(2**31), 2**31 - 1), Wire.UINT32: (0, 2**32 - 1), Wire.BOOL: (0, 1)}
_BUILTIN: Final = {
    Wire.DOUBLE: "Double",
    Wire.FLOAT: "Float",
    Wire.INT32: "Int32",
    Wire.UINT32: "UInt32",
    Wire.BOOL: "Boolean",
}
_WORD: Final = 65536  # sequence numbers and heartbeats are 16 bit


def quality_of(code: int) -> int:
    """Quality of a status code: its reason where we know it, else its severity."""
    known = _QUALITY.get(code & _REASON)
    if known is not None:
        return int(known)
    if code >= FIRST_BAD:
        return int(Quality.BAD)
    return int(Quality.UNCERTAIN) if code >= 0x40000000 else int(Quality.GOOD)


class DeviceImage:
    """Rows of the device's points, its heartbeat, its clock, its count of accepted writes.

    losses: samples or notifications that the device had to drop before they reached us.
    clock_skew_s: the device's clock minus ours, plant seconds, judged by the heartbeat.
    sequence: number of the last accepted write; None when only the device can tell.
    """

    def __init__(
        self,
        points: Sequence[Point],
        tag_index: Mapping[str, int],
        clock: Clock,
        max_skew_s: float,
    ) -> None:
        self.points = tuple(points)
        self.names = [p.tag for p in points]
        heart = next(k for k, name in enumerate(self.names) if name.endswith(".HEART"))
        prefix = self.names[heart].removesuffix("HEART")
        self.ticket = [prefix + "WRITE.SEQ", prefix + "WRITE.BEAT"]
        self.ticket_rows = [self.names.index(prefix + n) for n in ("MAP", "SEQ", "HEART")]
        self.types = [_BUILTIN[p.wire] for p in points]
        self.written = [k for k, p in enumerate(points) if p.access is Access.WRITE]
        self.losses = 0
        self.clock_skew_s = 0.0
        self.heart = 0
        self.sequence: int | None = None
        self._heart_row = heart
        self._message = 0
        self._read_at_s = -CATCH_UP_S
        self._read_ns = np.zeros(len(points), np.int64)
        self._clock = clock
        self._max_skew_s = max_skew_s
        self._start = (clock.utc_ns(), clock.link_s())
        self._columns = Columns(points, tag_index)

    def mismatches(self, types: Iterable[str | None], rights: Iterable[int | None]) -> list[str]:
        """What is wrong with the device's nodes: those of the points, then those of the ticket.

        types: built-in type, "" for a derived one (the values will tell), None for no such node.
        rights: bit 0 read, bit 1 write.
        """
        writes_any = bool(self.written)  # who writes nothing needs no right to the ticket
        writable = [p.access is Access.WRITE for p in self.points] + [writes_any] * 2
        expected = [*self.types, _BUILTIN[Wire.INT32], _BUILTIN[Wire.INT32]]
        problems = []
        for name, wanted, writes, found, right in zip(
            self.names + self.ticket, expected, writable, types, rights, strict=True
        ):
            if found is None:
                problems.append(f"{name}: no such node")
            elif found not in ("", wanted):
                problems.append(f"{name}: is {found}, must be {wanted}")
            elif not (right or 0) & 1:
                problems.append(f"{name}: not readable")
            elif writes and not (right or 0) & 2:
                problems.append(f"{name}: not writable")
        return problems

    def start(self) -> None:
        """From now on source times count."""
        self._columns.start(self._clock.utc_ns())

    def got_message(self, number: int) -> bool:
        """Count what is missing between this notification message and the last; True if complete.

        Sequence numbers are 32 bit: at ten messages a second they wrap after 13 years.
        """
        lost = max(0, number - self._message - 1) if self._message else 0
        self._message = number
        self.losses += lost
        return lost == 0

    def has_heart(self, rows: NDArray[np.int64]) -> bool:
        """True if the heartbeat is among these rows."""
        return bool((rows == self._heart_row).any())

    def samples(
        self,
        rows: NDArray[np.int64],
        raw: NDArray[np.float64],
        status: NDArray[np.uint32],
        source_ns: NDArray[np.int64],
        *,
        stamped: bool,
    ) -> Samples:
        """Columns; source_ns: 0 where the device gave no time.

        stamped False is for a read of everything, which carries the time of arrival. What the
        subscription still delivers from before that read is older than what is known: left out.
        """
        if not stamped:
            self._read_at_s = self._clock.link_s()
            self._read_ns[:] = 0
            self._read_ns[rows] = source_ns
        elif self._clock.link_s() - self._read_at_s < CATCH_UP_S:
            news = (source_ns <= 0) | (source_ns > self._read_ns[rows])
            rows, raw, status, source_ns = rows[news], raw[news], status[news], source_ns[news]
        now_ns = self._clock.utc_ns()
        quality = self._qualities(status)
        beats = np.flatnonzero(rows == self._heart_row)
        if len(beats) and quality[beats[-1]] == GOOD:
            last = beats[-1]
            self.heart = int(raw[last])
            if stamped and source_ns[last]:
                self.clock_skew_s = (int(source_ns[last]) - now_ns) / 1e9
        believed = stamped and abs(self.clock_skew_s) <= self._max_skew_s * self._speed()
        times = source_ns if believed else np.zeros(len(rows), np.int64)
        return self._columns.shape(rows, raw, quality, times, now_ns)

    def _qualities(self, status: NDArray[np.uint32]) -> NDArray[np.uint8]:
        """Quality of each; what the device's queues have lost is counted."""
        quality = np.full(len(status), GOOD, np.uint8)
        if status.any():
            self.losses += int(((status & _OVERFLOW) == _OVERFLOW).sum())
            for code in np.unique(status).tolist():
                quality[status == code] = quality_of(code)
        return quality

    def _speed(self) -> float:
        """Plant seconds per wall second since the start, at least 1."""
        utc_ns, link_s = self._start
        wall_s = self._clock.link_s() - link_s
        return max(1.0, (self._clock.utc_ns() - utc_ns) / 1e9 / wall_s) if wall_s > 0.1 else 1.0

    def next_sequence(self) -> int:
        """Number for the next write. The last accepted one counts as unknown until `wrote`."""
        number = ((self.sequence or 0) + 1) % _WORD
        self.sequence = None
        return number

    def wrote(self, number: int, names: Sequence[str], status: Sequence[int]) -> None:
        """Judge the answers to a write element by element; WriteFailed names the guilty ones.

        A device that refuses has accepted nothing, so the number stays free; one that calls the
        number used has counted on without us and must be asked.
        """
        if any(status):
            used = any(code & _REASON == _SEQUENCE_USED for code in status)
            self.sequence = None if used else (number - 1) % _WORD
            reasons = [
                f"{name}: {_REFUSALS.get(code & _REASON, f'status 0x{code:08X}')}"
                for name, code in zip(names, status, strict=True)
                if code not in (0, _NOT_APPLIED)
            ]
            raise WriteFailed("; ".join(reasons) or "the device did not apply the write")
        self.sequence = number

    def numbers(self, values: NDArray[np.float64]) -> list[float | int | bool]:
        """Raw numbers of the output image; WriteFailed names every one that cannot be sent."""
        numbers: list[float | int | bool] = []
        wrong = []
        for row, value in zip(self.written, values.tolist(), strict=True):
            point = self.points[row]
            raw = value / point.scale
            low, high = _BOUNDS.get(point.wire, (-math.inf, math.inf))
            if not math.isfinite(raw) or not low <= raw <= high:
                wrong.append(f"{point.tag}: {value} cannot be sent as {point.wire}")
            elif point.wire is Wire.BOOL:
                numbers.append(raw != 0)
            else:
                numbers.append(round(raw) if point.wire in _BOUNDS else raw)
        if wrong:
            raise WriteFailed("; ".join(wrong))
        return numbers
