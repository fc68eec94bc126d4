"""Trip causes of the enclosure with their delays, first-out.

A sensor that a trip depends on and that has failed counts as the cause itself.
"""

from collections.abc import Sequence

from plc_sim.instruments import Status
from plc_sim.models.enclosure_wiring import SENSORS
from plc_sim.plc import SCAN_S

TEXTS = (
    "none",
    "pressure low",
    "pressure high",
    "hydrogen sulfide",
    "oxygen low",
    "regeneration hot",
    "no regeneration flow",
    "rotor stopped",
    "air hot",
    "heater limiter",
)
LOW, HIGH, SULFIDE, OXYGEN, REG_HOT, NO_FLOW, ROTOR, AIR_HOT, LIMITER = range(1, 10)
HEATER_OFF = sum(1 << code for code in (REG_HOT, NO_FLOW, ROTOR, AIR_HOT, LIMITER))
"""Trips that switch the regeneration heater off; fans, rotor and pressure control go on."""

PRESSURE_LOW, PRESSURE_HIGH, ARMED_PA = 5.0, 150.0, 20.0
H2S_PPM, OXYGEN_PCT = 10.0, 18.0
REG_HOT_DEGC, AIR_HOT_DEGC, FLOW_LOW_PCT = 205.0, 32.0, 25.0
LOW_DELAY_S, HIGH_DELAY_S = 2.0, 2.0
REG_HOT_DELAY_S, FLOW_DELAY_S, AIR_DELAY_S = 10.0, 5.0, 60.0
ARM_S = 60.0  # time the enclosure has to build up pressure after a start
ROTOR_ALARM_PERIODS = 2.0
ROTOR_TRIP_S = 600.0
PULSES_PER_REV = 12.0
SLOW_SCANS = 10
SLOW_S = SLOW_SCANS * SCAN_S
START_GRACE_S = 180.0  # a rotor that has just been started may be late with its first pulse

_K = {name: k for k, name in enumerate(SENSORS)}
_PRESS, _H2S, _O2 = _K["pressure_pa"], _K["h2s_ppm"], _K["oxygen_pct"]
_TREG, _FREG, _TEMP = _K["regeneration_degc"], _K["regeneration_flow_pct"], _K["temp_degc"]
_PULSES, _LIMITER, _SPEED = _K["rotor_pulses"], _K["limiter_ok"], _K["rotor_speed_rev_h"]
_FAILED = int(Status.FAILED)


class Trips:
    """Which cause is present; `held` has the bit of every cause seen since `clear`."""

    __slots__ = (
        "_air_s",
        "_arm_s",
        "_armed",
        "_flow_s",
        "_high_s",
        "_hot_s",
        "_low_s",
        "_pulses",
        "_scans",
        "_slow_code",
        "_still_s",
        "held",
        "rotor_ok",
    )

    def __init__(self) -> None:
        self.held = 0
        self.rotor_ok = True
        self._low_s = self._high_s = self._hot_s = self._flow_s = self._air_s = 0.0
        self._still_s = 0.0
        self._pulses = -1.0
        self._scans = self._slow_code = 0
        self._armed = False
        self._arm_s = ARM_S

    def arm(self) -> None:
        """The enclosure has just been started: give it time for its pressure."""
        self._armed = False
        self._arm_s = ARM_S
        self._still_s = -START_GRACE_S

    def clear(self) -> None:
        """A reset has been accepted."""
        self.held = 0

    def heater_allowed(self, s: Sequence[float]) -> bool:
        """Hard-wired conditions of the heater besides flow: rotor turning, limiter closed."""
        return self._still_s < ROTOR_TRIP_S and s[_LIMITER] > 0.5

    def scan(
        self, s: Sequence[float], status: Sequence[int], *, pressurised: bool, heating: bool
    ) -> int:
        """One PLC scan: code of the first cause that is present, 0 for none."""
        code = self._pressure(s[_PRESS], status[_PRESS] == _FAILED, pressurised)
        self._scans += 1
        if self._scans % SLOW_SCANS == 0:
            self._slow_code = self._slow(s, status, pressurised, heating)
        if s[_H2S] > H2S_PPM or status[_H2S] == _FAILED:
            code = code or SULFIDE
        code = code or self._slow_code
        if code:
            self.held |= 1 << code
        return code

    def _pressure(self, p: float, failed: bool, pressurised: bool) -> int:
        if not pressurised:
            self._low_s = self._high_s = 0.0
            return 0
        if not self._armed:
            self._arm_s -= SCAN_S
            self._armed = p > ARMED_PA or self._arm_s <= 0.0
        if failed or (self._armed and p < PRESSURE_LOW):
            self._low_s += SCAN_S
            return LOW if self._low_s > LOW_DELAY_S else 0
        self._low_s = 0.0
        if p > PRESSURE_HIGH:
            self._high_s += SCAN_S
            return HIGH if self._high_s > HIGH_DELAY_S else 0
        self._high_s = 0.0
        return 0

    def _slow(self, s: Sequence[float], status: Sequence[int], running: bool, heating: bool) -> int:
        """Causes that need no more than two looks a second."""
        self._watch_rotor(s, running)
        hot = s[_TREG] > REG_HOT_DEGC or status[_TREG] == _FAILED
        self._hot_s = self._hot_s + SLOW_S if hot else 0.0
        starved = heating and s[_FREG] < FLOW_LOW_PCT
        self._flow_s = self._flow_s + SLOW_S if starved else 0.0
        self._air_s = self._air_s + SLOW_S if s[_TEMP] > AIR_HOT_DEGC else 0.0
        if s[_O2] < OXYGEN_PCT or status[_O2] == _FAILED:
            return OXYGEN
        if self._hot_s > REG_HOT_DELAY_S:
            return REG_HOT
        if self._flow_s > FLOW_DELAY_S:
            return NO_FLOW
        if running and self._still_s > ROTOR_TRIP_S:
            return ROTOR
        if self._air_s > AIR_DELAY_S:
            return AIR_HOT
        return LIMITER if s[_LIMITER] < 0.5 else 0

    def _watch_rotor(self, s: Sequence[float], running: bool) -> None:
        """Time since the last rotation pulse; the alarm after two pulse periods."""
        if s[_PULSES] != self._pulses or not running:
            if self._pulses >= 0.0 and self._still_s > 0.0:
                self._still_s = 0.0
            self._pulses = s[_PULSES]
        else:
            self._still_s += SLOW_S
        speed = s[_SPEED]
        period = 3600.0 / (PULSES_PER_REV * speed) if speed > 0.1 else START_GRACE_S / 2
        late = max(ROTOR_ALARM_PERIODS * period, 60.0)
        self.rotor_ok = self._still_s < min(late, ROTOR_TRIP_S)
