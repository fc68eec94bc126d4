"""Interlocks of the coater's PLC: what must be true for how long before the machine trips."""

from collections.abc import Sequence
from enum import IntEnum

from plc_sim.instruments import Status
from plc_sim.logic.coater_io import (
    BARREL,
    BUFFER_PERMIT,
    EMERGENCY_STOP,
    FILM_N,
    FILM_PRESENT,
    GAP,
    ROLLS_PERMIT,
    TORQUE,
)
from plc_sim.plc import SCAN_S

TORQUE_HIGH_PCT, TORQUE_BAND_PCT, TORQUE_DELAY_S = 95.0, 3.0, 5.0
GAP_LOW_UM, GAP_BAND_UM, GAP_DELAY_S = 40.0, 2.0, 1.0
TENSION_LOW_N, TENSION_HIGH_N, TENSION_DELAY_S = 0.3, 6.0, 0.5
BARREL_HIGH_DEGC, BARREL_BAND_K, BARREL_COOL_DEGC = 110.0, 1.0, 105.0
BARREL_DELAY_S = 30.0
_FAILED = int(Status.FAILED)


class Trip(IntEnum):
    """Codes of COAT.TRIP."""

    NONE = 0
    TORQUE_HIGH = 1
    GAP_LOW = 2
    WEB_BREAK = 3
    BARREL_HOT = 4
    ENCLOSURE_STOP = 5
    EMERGENCY_STOP = 6
    BUFFER_END = 7


_NONE = Trip.NONE  # the attribute of an enum costs ten times as much


class Interlocks:
    """Counts how long a cause has been there. A failed instrument counts as its cause.

    cause: the first trip since `forget`; film_seen, threaded: arm the web-break interlock.
    """

    __slots__ = ("_barrel", "_gap", "_torque", "_web", "cause", "film_seen", "threaded")

    def __init__(self) -> None:
        self._torque = self._gap = self._web = self._barrel = 0.0
        self.cause = _NONE
        self.film_seen = self.threaded = False

    def forget(self) -> None:
        """The trip has been reset."""
        self.cause = _NONE
        self._torque = self._gap = self._web = self._barrel = 0.0

    def disarm(self) -> None:
        """There is no film whose end would be a break."""
        self.film_seen = self.threaded = False
        self._web = 0.0

    def check(self, moving: bool, s: Sequence[float], status: Sequence[int]) -> Trip:
        """The first trip whose cause is present now; call once a scan."""
        trip = _NONE
        if s[EMERGENCY_STOP] > 0.5 or s[ROLLS_PERMIT] < 0.5 or s[BARREL] > BARREL_COOL_DEGC:
            trip = self._always(moving, s)
        if trip is _NONE and moving:
            trip = self._moving(s, status)
        if trip is not _NONE and self.cause is _NONE:
            self.cause = trip
        return trip

    def _always(self, moving: bool, s: Sequence[float]) -> Trip:
        if s[EMERGENCY_STOP] > 0.5:
            return Trip.EMERGENCY_STOP
        if s[ROLLS_PERMIT] < 0.5 and (moving or self.cause is Trip.ENCLOSURE_STOP):
            return Trip.ENCLOSURE_STOP
        if s[BARREL] > BARREL_COOL_DEGC:
            if self.cause is Trip.BARREL_HOT:
                return Trip.BARREL_HOT
            if s[BARREL] > BARREL_HIGH_DEGC:
                self._barrel += SCAN_S
            elif s[BARREL] < BARREL_HIGH_DEGC - BARREL_BAND_K:
                self._barrel = 0.0
            if self._barrel >= BARREL_DELAY_S:
                return Trip.BARREL_HOT
        return _NONE

    def _moving(self, s: Sequence[float], status: Sequence[int]) -> Trip:
        """Interlocks that have a meaning only while the machine works."""
        if s[TORQUE] >= TORQUE_HIGH_PCT or status[TORQUE] == _FAILED:
            self._torque += SCAN_S
            if self._torque >= TORQUE_DELAY_S:
                return Trip.TORQUE_HIGH
        elif s[TORQUE] < TORQUE_HIGH_PCT - TORQUE_BAND_PCT:
            self._torque = 0.0
        if s[GAP] < GAP_LOW_UM or status[GAP] == _FAILED:
            self._gap += SCAN_S
            if self._gap >= GAP_DELAY_S:
                return Trip.GAP_LOW
        elif s[GAP] > GAP_LOW_UM + GAP_BAND_UM:
            self._gap = 0.0
        if self.film_seen and self._film_lost(s, status):
            self._web += SCAN_S
            if self._web >= TENSION_DELAY_S:
                return Trip.WEB_BREAK
        else:
            self._web = 0.0
        return Trip.BUFFER_END if s[BUFFER_PERMIT] < 0.5 else _NONE

    def _film_lost(self, s: Sequence[float], status: Sequence[int]) -> bool:
        if s[FILM_PRESENT] < 0.5:
            return True
        if not self.threaded:
            return False
        return not TENSION_LOW_N <= s[FILM_N] <= TENSION_HIGH_N or status[FILM_N] == _FAILED
