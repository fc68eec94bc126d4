"""The program every simulated PLC runs around its station logic.

The PLC trusts nobody: a write is taken only with a ticket (sequence number and the heartbeat the
writer has seen), inside its range, in remote; an image of outputs that is not renewed expires and
the station drives its own safe state. Trips latch with first-out and need a reset with the cause
gone. What was taken is kept as it was asked for, and acts no faster than the rate of its point:
the program works with the effective value. None of this depends on the controller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from typing import Protocol

from controller.core.point import Access, Point
from plc_sim.instruments import Status
from plc_sim.set_point_ramps import Journal, SetPointRamps

SCAN_S = 0.05  # period of the PLC program, plant seconds
HEART_S = 0.2  # period of the heartbeat, wall seconds
MAX_BEATS = 2  # a ticket that saw an older heartbeat than this (0.4 to 0.6 s) is too late
WATCHDOG_S = 1.5  # without an accepted ticket for this long (wall) the outputs have expired
MAP_VERSION = 1  # agreed version of the tag map
WORD = 65536


class Mode(IntEnum):
    """What the machine does; also the codes of the CMD tag (a command is a wanted mode)."""

    STOP = 0
    WARMUP = 1
    THREAD = 2
    RUN = 3
    HOLD = 4
    TRIP = 5


_MODES = tuple(Mode)  # by code; calling the enum costs ten times as much
_TRIP = int(Mode.TRIP)


class Verdict(IntEnum):
    """The PLC's answer to a write."""

    ACCEPTED = 0
    STALE = 1  # the ticket saw too old a heartbeat
    OLD_SEQUENCE = 2  # the sequence number was used before
    LOCAL = 3  # the station is switched to local
    OUT_OF_RANGE = 4  # a value outside its range, or not a number
    UNKNOWN = 5  # no such writable tag


@dataclass(frozen=True, slots=True)
class WriteAnswer:
    """Verdict and, where one value is to blame, its tag."""

    verdict: Verdict
    tag: str = ""


_ACCEPTED = WriteAnswer(Verdict.ACCEPTED)  # the usual one; making it anew costs as much as judging


class Image:
    """The PLC's memory as the wire shows it: one slot a point, value and instrument status.

    effective: what the program works with. Of a written point it follows the value at the rate of
    the point; where a read point TAG.WSP stands beside a TAG.SP, the wire shows it there. resting:
    slots of set points that the program does not follow now; such a one acts at once, so that its
    way does not begin in the moment in which it comes into force.
    """

    def __init__(self, points: Sequence[Point]) -> None:
        self.points = tuple(points)
        self.names = tuple(p.tag for p in self.points)
        self._slot = {name: k for k, name in enumerate(self.names)}
        self.value = [p.default for p in self.points]
        self.effective = list(self.value)
        self.resting: set[int] = set()
        self.status = [int(Status.GOOD)] * len(self.points)

    def slot(self, name: str) -> int:
        """Slot of a tag; KeyError when the I/O list has no such tag."""
        return self._slot[name]

    def slots(self, names: Sequence[str]) -> list[int]:
        """Slots of several tags."""
        return [self._slot[n] for n in names]


class Logic(Protocol):
    """The part of the PLC program that belongs to one station kind. Pure; scanned every 50 ms.

    SENSORS and ACTUATORS name the inputs and outputs in order. COPIES maps a tag to the sensor
    whose reading and status it shows unchanged. TRIPS are the texts of the trip codes, TRIPS[0] is
    "none".
    LATCH_SAFE: after the outputs have expired, motion needs a command other than THREAD
    or RUN first.
    """

    SENSORS: tuple[str, ...]
    ACTUATORS: tuple[str, ...]
    COPIES: Mapping[str, str]
    TRIPS: tuple[str, ...]
    LATCH_SAFE: bool
    mode: Mode

    def bind(self, image: Image) -> None:
        """Look up the slots once."""
        ...

    def restart(self) -> None:
        """Cold start: everything as after power-up."""
        ...

    def interlocks(self, s: Sequence[float], status: Sequence[int]) -> int:
        """Code of the first trip whose cause is present, 0 for none."""
        ...

    def scan(
        self, now_s: float, command: Mode, s: Sequence[float], status: Sequence[int]
    ) -> Sequence[float]:
        """One scan of SCAN_S: update the tags of `image`, return the actuators.

        `command` is the wanted mode after watchdog, local switch and trips had their say: a tripped
        station gets Mode.TRIP and an expired one Mode.HOLD, whatever the CMD tag holds.
        """
        ...


class Plc:
    """One PLC: image, write acceptance, watchdog, trips and the station's logic.

    `prefix` is the tag prefix ("ENC"). The image must hold PREFIX.HEART, BOOT, MAP, STATE, TRIP,
    REMOTE, WDOG, REJECTS, SEQ (read) and CMD, RESET (written).
    """

    def __init__(self, prefix: str, points: Sequence[Point], logic: Logic, boot: int = 1) -> None:
        self.image = Image(points)
        self.logic = logic
        self._ramps = SetPointRamps(self.image)
        self._now_s = 0.0
        slot = self.image.slot
        self._heart, self._boot = slot(f"{prefix}.HEART"), slot(f"{prefix}.BOOT")
        self._map, self._state = slot(f"{prefix}.MAP"), slot(f"{prefix}.STATE")
        self._trip, self._remote = slot(f"{prefix}.TRIP"), slot(f"{prefix}.REMOTE")
        self._wdog, self._rejects = slot(f"{prefix}.WDOG"), slot(f"{prefix}.REJECTS")
        self._seq = slot(f"{prefix}.SEQ")
        self._cmd, self._reset = slot(f"{prefix}.CMD"), slot(f"{prefix}.RESET")
        logic.bind(self.image)
        self._copies = [
            (slot(tag), logic.SENSORS.index(sensor)) for tag, sensor in logic.COPIES.items()
        ]
        self.boot = boot - 1
        self.remote = True
        self.trip_code = 0
        self._turn = 0
        self._status_seen: list[int] = []
        self.restart()

    def restart(self) -> None:
        """Power cycle: set points back to defaults, counters to zero, boot counter one up."""
        image = self.image
        image.value[:] = [p.default for p in image.points]
        image.resting = set()
        self._ramps.jump()
        if self._ramps.journal is not None:
            self._ramps.journal.restarted(self._now_s)
        self.boot += 1
        self.trip_code = 0
        self._last_write_s: float | None = None
        self._last_seq = 0
        self._reset_seen = image.value[self._reset]
        self._must_rest = False
        self._rejected = 0
        self.logic.restart()
        image.value[self._boot] = float(self.boot % WORD)
        image.value[self._map] = float(MAP_VERSION)

    def keep_journal(self, journal: Journal) -> None:
        """From now on, tell of every set point taken and of every move of an effective one."""
        self._ramps.journal = journal

    @staticmethod
    def heart(link_s: float) -> int:
        """The heartbeat counter at a wall time: 16 bit, one up every HEART_S."""
        return int(link_s / HEART_S) % WORD

    def scan(
        self, link_s: float, now_s: float, s: Sequence[float], status: Sequence[int]
    ) -> Sequence[float]:
        """One scan; returns the actuators in the order of logic.ACTUATORS."""
        v, logic = self.image.value, self.logic
        self._now_s = now_s
        self._ramps.scan(now_s, SCAN_S)
        expired = self._last_write_s is None or link_s - self._last_write_s > WATCHDOG_S
        wanted = int(v[self._cmd])
        command = _MODES[wanted] if 0 <= wanted < _TRIP else _MODES[0]
        if expired or self._must_rest:
            command = self._expire(expired, command)
        cause = logic.interlocks(s, status)
        if cause and not self.trip_code:
            self.trip_code = cause
        if v[self._reset] != self._reset_seen:
            self._reset_seen = v[self._reset]
            if not cause:
                self.trip_code = 0
        if self.trip_code:
            command = _MODES[_TRIP]
        out = logic.scan(now_s, command, s, status)
        self._turn ^= 1
        if self._turn:  # the wire is served every second scan
            for slot, k in self._copies:
                v[slot] = s[k]
            v[self._remote] = 1.0 if self.remote else 0.0
            v[self._seq] = float(self._last_seq)
            if status != self._status_seen:
                self._status_seen = list(status)
                for slot, k in self._copies:
                    self.image.status[slot] = status[k]
        v[self._heart] = float(int(link_s / HEART_S) % WORD)
        v[self._state] = float(logic.mode)
        v[self._trip] = float(self.trip_code)
        v[self._wdog] = 1.0 if expired else 0.0
        return out

    def _expire(self, expired: bool, command: Mode) -> Mode:
        """The mode that is left of a command once expiry of the outputs is taken into account."""
        if expired:
            self._must_rest = self.logic.LATCH_SAFE
            return Mode.HOLD if self._last_write_s is not None else Mode.STOP
        if self._must_rest:
            if command in (Mode.THREAD, Mode.RUN):
                return Mode.HOLD
            self._must_rest = False
        return command

    def write(
        self, link_s: float, sequence: int, beat: int, items: Sequence[tuple[int, float]]
    ) -> WriteAnswer:
        """Take a ticket and the set points that came with it: all of them or none.

        sequence: 16 bit, must be ahead of the last accepted one (PREFIX.SEQ) by 1 to 32767. beat:
        the PREFIX.HEART the writer saw. items: (slot, engineering value); may be empty, which only
        feeds the watchdog.
        """
        answer = self._judge(link_s, sequence, beat, items)
        if answer is not _ACCEPTED:
            self._rejected = (self._rejected + 1) % WORD
            self.image.value[self._rejects] = float(self._rejected)
            return answer
        if items:
            for slot, value in items:
                self.image.value[slot] = value
            self._ramps.taken(self._now_s, [slot for slot, _ in items])
        self._last_seq = sequence
        self.image.value[self._seq] = float(sequence)
        self._last_write_s = link_s
        return answer

    def _judge(
        self, link_s: float, sequence: int, beat: int, items: Sequence[tuple[int, float]]
    ) -> WriteAnswer:
        if (self.heart(link_s) - beat) % WORD > MAX_BEATS:
            return WriteAnswer(Verdict.STALE)
        if not 0 < (sequence - self._last_seq) % WORD < WORD // 2:
            return WriteAnswer(Verdict.OLD_SEQUENCE)
        if not self.remote:
            return WriteAnswer(Verdict.LOCAL)
        held = self.image.value
        for slot, value in items:
            if not 0 <= slot < len(held):
                return WriteAnswer(Verdict.UNKNOWN)
            point = self.image.points[slot]
            if value == held[slot] and point.access is Access.WRITE:
                continue  # taken before, so in range
            if point.access is not Access.WRITE:
                return WriteAnswer(Verdict.UNKNOWN, point.tag)
            if not isfinite(value) or not point.low <= value <= point.high:
                return WriteAnswer(Verdict.OUT_OF_RANGE, point.tag)
        return _ACCEPTED
