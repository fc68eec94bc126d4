"""The loops inside the enclosure's PLC: pressure, regeneration heater, temperature, grey room."""

from math import sqrt

from plc_sim.loops import PlcPi

PRESSURE_S, HEATER_S, TEMPERATURE_S, GREY_S = 0.1, 0.5, 1.0, 10.0
HAND = 0.0  # a set point by hand at or above it replaces a loop
HAND_PCT_S = 20.0  # stroke of valve and damper by hand; -1 is no position, so the value has no rate
REGENERATION_M3_H = 3.0  # per % of regeneration flow
EXHAUST_M3_H = 3.0  # per % of the exhaust branch
LEAK_M3_H = 60.0
MAKEUP_M3_H = 6.0  # per % of the make-up damper at full fan
HEATER_PCT_PER_K = 0.33  # at full regeneration flow
TREG_RAMP_K_S = 2.0
INLET_DEGC = 20.0
GREY_LOW_DEGC, GREY_HIGH_DEGC, GREY_START_DEGC = 80.0, 140.0, 110.0
GREY_EMPTY_PCT = 60.0  # flow while nobody is in the room


class AirLoops:
    """L3 to L6; every method is one scan of its own period and returns the output."""

    __slots__ = ("_grey", "_heater", "_pressure", "_temperature", "_treg_sp")

    def __init__(self) -> None:
        self._pressure = PlcPi(0.2, 2.0, 0.0, 100.0)
        self._heater = PlcPi(1.8, 80.0, 0.0, 100.0)
        self._temperature = PlcPi(6.0, 400.0, 0.0, 100.0, reverse=False)
        self._grey = PlcPi(2.0, 1200.0, GREY_LOW_DEGC, GREY_HIGH_DEGC, reverse=False)
        self._grey.reset(GREY_START_DEGC)
        self._treg_sp = 0.0

    def pressure(
        self, sp: float, pv: float, fan_pct: float, regeneration_pct: float, exhaust_pct: float
    ) -> float:
        """L4: make-up damper, fed forward with what leaves and with the suction of the fan."""
        x = fan_pct * 0.01
        leaves = LEAK_M3_H + REGENERATION_M3_H * regeneration_pct + EXHAUST_M3_H * exhaust_pct
        ff = leaves / (MAKEUP_M3_H * sqrt(0.5 + 0.5 * x * x))
        return self._pressure.scan(PRESSURE_S, sp, pv, ff)

    def damper(self, now_pct: float, hand_pct: float) -> float:
        """Make-up damper on its way to a position set by hand."""
        return _led(now_pct, hand_pct, PRESSURE_S)

    def rest_pressure(self) -> None:
        """Forget the pressure loop."""
        self._pressure.reset(0.0)

    def heater(self, sp_degc: float, pv_degc: float, regeneration_pct: float) -> float:
        """L3: heater demand; the set point is ramped, the flow ratio fed forward."""
        step = TREG_RAMP_K_S * HEATER_S
        now = self._treg_sp
        self._treg_sp = sp = min(max(sp_degc, now - step), now + step)
        ff = HEATER_PCT_PER_K * (sp - INLET_DEGC) * regeneration_pct * 0.01
        return self._heater.scan(HEATER_S, sp, pv_degc, max(ff, 0.0))

    def rest_heater(self, pv_degc: float) -> None:
        """Heater off: the next start begins at the temperature there is."""
        self._treg_sp = pv_degc
        self._heater.reset(0.0)

    def temperature(self, sp_degc: float, pv_degc: float, hand_pct: float) -> float:
        """L5: chilled-water valve, or the position set by hand."""
        if hand_pct >= HAND:
            self._temperature.reset(_led(self._temperature.out, hand_pct, TEMPERATURE_S))
            return self._temperature.out
        return self._temperature.scan(TEMPERATURE_S, sp_degc, pv_degc)

    def rest_temperature(self) -> None:
        """Forget the temperature loop."""
        self._temperature.reset(0.0)

    def grey(self, sp_degc: float, pv_degc: float) -> float:
        """L6: regeneration temperature of the grey room unit."""
        return self._grey.scan(GREY_S, sp_degc, pv_degc)


def _led(now_pct: float, wanted_pct: float, dt_s: float) -> float:
    """The next position of a valve or damper that is led to one by hand."""
    step = HAND_PCT_S * dt_s
    return min(max(wanted_pct, now_pct - step), now_pct + step)
