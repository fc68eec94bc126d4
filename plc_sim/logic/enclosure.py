"""PLC program of the enclosure: modes, air loops, interlocks, pass box, permits, energy counters.

The enclosure keeps drying in HOLD and in every trip that leaves that safe: dryness is its
safe state. What a trip switches off stands in `_HEATER_OFF`.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from plc_sim.instruments import Status
from plc_sim.logic.air_loops import GREY_EMPTY_PCT, GREY_START_DEGC, HAND, AirLoops
from plc_sim.logic.enclosure_trips import (
    AIR_HOT,
    HEATER_OFF,
    LOW,
    OXYGEN,
    PRESSURE_HIGH,
    SULFIDE,
    TEXTS,
    Trips,
)
from plc_sim.logic.pass_box import OUTPUTS, PassBoxSequence
from plc_sim.models.enclosure_wiring import ACTUATORS, SENSORS
from plc_sim.models.humidity import ice_pressure_pa, mass_ratio, ppmv
from plc_sim.plc import SCAN_S, Image, Mode

SECOND = round(1.0 / SCAN_S)
HEATER_SCANS = SECOND // 2
GREY_SCANS = 10 * SECOND
POST_RUN_S = 300.0
POST_RUN_FAN, POST_RUN_FREG = 40.0, 60.0
FAN_RUNS, FLOW_STARTS, FLOW_OK = 20.0, 10.0, 30.0  # %
READY_PA, READY_K = 20.0, 20.0
BOX_PA, BOX_DEGC = 5.0, -35.0  # the inner door needs both, whatever is asked for
PURGE_PA, RELIEF_CLOSES_PA = 20.0, 100.0
LOT_DEGC, FEED_DEGC, DEAD_K, DELAY_S = -60.0, -50.0, 1.0, 20.0
EVACUATE_PPM, WARN_PPM, H2S_DEAD_PPM, WARN_EXHAUST_PCT = 5.0, 1.0, 0.3, 50.0
GLOVES, DOORS = 24, 4
_LOW = 1 << LOW
_TOXIC = 1 << SULFIDE | 1 << OXYGEN
_FAILED = int(Status.FAILED)
# The attribute of an enum costs ten times as much as a global, and the program asks often.
_STOP, _WARMUP, _THREAD, _RUN, _HOLD, _TRIP = Mode
_DRYING = (_WARMUP, _RUN, _HOLD)

_K = {name: k for k, name in enumerate(SENSORS)}
_PRESS, _FAN, _FREG = _K["pressure_pa"], _K["fan_pct"], _K["regeneration_flow_pct"]
_ZONE, _TEMP, _H2S = _K["dp_zone_degc"], _K["temp_degc"], _K["h2s_ppm"]
_TREG, _BOX_DP, _GREY_DP = _K["regeneration_degc"], _K["pass_box_dp_degc"], _K["grey_dp_degc"]
_GLOVES, _DOORS, _REQUESTS = _K["glove_mask"], _K["door_mask"], _K["pass_box_requests"]
_POWERS = tuple(_K[n] for n in ("power_regeneration_kw", "power_fan_kw", "power_cooling_kw"))
_GREY_KW, _OCCUPIED = _K["grey_power_kw"], _K["occupied"]
_O = {name: k for k, name in enumerate(ACTUATORS)}

_WRITTEN = (
    "ENC.PRESS.SP",
    "ENC.TEMP.SP",
    "DHU.FAN.SP",
    "DHU.TREG.SP",
    "DHU.FREG.SP",
    "DHU.NROT.SP",
    "DHU.VCHW.SP",
    "DHU.MAKEUP.SP",
    "ENC.PB.SP",
    "GREY.DP.SP",
)
_SHOWN = (
    "ENC.PPM",
    "ENC.PB.STATE",
    "ENC.GLOVE.LOCK",
    "ENC.LOT.HOLD",
    "ENC.PERMIT",
    "ENC.HORN",
    "DHU.ROT.OK",
    "ENC.EXHAUST",
    "DHU.KWH",
    "GREY.KWH",
)

# Mode now -> wanted mode -> next mode. THREAD is RUN here. A stopped enclosure has nothing to hold;
# WARMUP to RUN waits for pressure and regeneration temperature.
_FROM_ACTIVE: Mapping[Mode, Mode] = {
    Mode.STOP: Mode.STOP,
    Mode.WARMUP: Mode.WARMUP,
    Mode.THREAD: Mode.RUN,
    Mode.RUN: Mode.RUN,
    Mode.HOLD: Mode.HOLD,
    Mode.TRIP: Mode.TRIP,
}
_FROM_REST: Mapping[Mode, Mode] = {
    Mode.STOP: Mode.STOP,
    Mode.WARMUP: Mode.WARMUP,
    Mode.THREAD: Mode.WARMUP,
    Mode.RUN: Mode.WARMUP,
    Mode.HOLD: Mode.STOP,
    Mode.TRIP: Mode.TRIP,
}
_NEXT: Mapping[Mode, Mapping[Mode, Mode]] = {
    Mode.STOP: _FROM_REST,
    Mode.WARMUP: _FROM_ACTIVE,
    Mode.RUN: _FROM_ACTIVE,
    Mode.HOLD: _FROM_ACTIVE,
    Mode.TRIP: {**_FROM_REST, Mode.HOLD: Mode.HOLD},
}


class Logic:
    """See plc_sim.plc.Logic. `feed_permit` and `rolls_permit` are hard-wired to the neighbours."""

    SENSORS: ClassVar[tuple[str, ...]] = SENSORS
    ACTUATORS: ClassVar[tuple[str, ...]] = ACTUATORS
    COPIES: ClassVar[Mapping[str, str]] = {
        "ENC.DP.ZONE": "dp_zone_degc",
        "ENC.DP.RET": "dp_return_degc",
        "ENC.DP.SUP": "dp_supply_degc",
        "ENC.DP.REF": "dp_reference_degc",
        "ENC.PRESS.PV": "pressure_pa",
        "ENC.TEMP.PV": "temp_degc",
        "ENC.H2S": "h2s_ppm",
        "ENC.O2": "oxygen_pct",
        "ENC.PB.DP": "pass_box_dp_degc",
        "ENC.PB.OUTER": "pass_box_outer_open",
        "ENC.PB.INNER": "pass_box_inner_open",
        "DHU.FAN.PV": "fan_pct",
        "DHU.FLOW": "flow_m3_h",
        "DHU.TREG.PV": "regeneration_degc",
        "DHU.FREG.PV": "regeneration_flow_pct",
        "DHU.VCHW": "chw_valve_pct",
        "DHU.MAKEUP": "makeup_damper_pct",
        "DHU.MAKEUP.FLOW": "makeup_flow_m3_h",
        "DHU.TREGOUT": "regeneration_exit_degc",
        "DHU.NROT.PV": "rotor_speed_rev_h",
        "DHU.TIN": "rotor_inlet_degc",
        "DHU.TPOST": "post_cooler_degc",
        "DHU.DPFILT": "filter_dp_pa",
        "DHU.PWR.REG": "power_regeneration_kw",
        "DHU.PWR.FAN": "power_fan_kw",
        "DHU.PWR.COOL": "power_cooling_kw",
        "DHU.ROT": "rotor_pulses",
        "DHU.LIMITER": "limiter_ok",
        "GREY.DP": "grey_dp_degc",
        "GREY.TEMP": "grey_temp_degc",
        "GREY.PWR": "grey_power_kw",
        "AMB.T": "outdoor_degc",
        "AMB.W": "outdoor_g_kg",
    }
    TRIPS: ClassVar[tuple[str, ...]] = TEXTS
    LATCH_SAFE: ClassVar[bool] = False

    def __init__(self) -> None:
        self._image: Image
        self.restart()

    def bind(self, image: Image) -> None:
        """Look up the slots once."""
        self._image = image
        self._sp = tuple(image.slots(_WRITTEN))
        self._defaults = [image.points[k].default for k in self._sp]
        self._shown = tuple(image.slots(_SHOWN))
        self._glove_slots = image.slots([f"ENC.GLOVE.{k:02d}" for k in range(1, GLOVES + 1)])
        self._door_slots = image.slots([f"ENC.DOOR.{k}" for k in range(1, DOORS + 1)])

    def restart(self) -> None:
        """Everything as after power-up: stopped, doors locked, counters at zero."""
        self.mode = _STOP
        self._loops = AirLoops()
        self._box = PassBoxSequence()
        self._trips = Trips()
        self._scans = 0
        self._post_run_s = 0.0
        self._active = self._heating = False
        self._glove_lock = self._lot_hold = self._permit = False
        self._evacuate = self._relief = False
        self._lot_s = self._feed_s = 0.0
        self._kwh = self._grey_kwh = 0.0
        self._exhaust = 0.0
        self._grey_degc, self._grey_pct = GREY_START_DEGC, GREY_EMPTY_PCT
        self._masks: tuple[float, ...] = ()
        self._out = [0.0] * len(ACTUATORS)

    def interlocks(self, s: Sequence[float], status: Sequence[int]) -> int:
        """Code of the first trip whose cause is present, 0 for none."""
        return self._trips.scan(s, status, pressurised=self._active, heating=self._heating)

    def scan(
        self, now_s: float, command: Mode, s: Sequence[float], status: Sequence[int]
    ) -> Sequence[float]:
        """One scan: pressure every second scan, the rest spread over the second."""
        n = self._scans = self._scans + 1
        if command is not self.mode:
            self._change_mode(command, s)
        if n & 1:
            self._press(s, status)
        turn = n % SECOND
        if turn % HEATER_SCANS == 0:
            self._air(s, status)
        elif turn == 3:
            self._flags(s, status)
        elif turn == 7:
            self._inputs(s, status)
        elif turn == 12:
            self._pass_box(s, status)
        elif turn == 16:
            self._each_second(s, status)
        return self._out

    def _change_mode(self, command: Mode, s: Sequence[float]) -> None:
        after = _NEXT[self.mode][command]
        if after is self.mode:
            return
        if after is _RUN and self.mode is _WARMUP and not self._ready(s):
            return
        if after is _STOP and self._active:
            self._post_run_s = POST_RUN_S if self._heating else 0.0
        if after in _DRYING and not self._active:
            self._active = True
            self._trips.arm()
        if self.mode is _TRIP:
            self._trips.clear()
        self.mode = after

    def _ready(self, s: Sequence[float]) -> bool:
        wanted = self._image.value[self._sp[3]]
        return s[_PRESS] > READY_PA and s[_TREG] > wanted - READY_K

    def _wanted(self, k: int) -> float:
        """Set point k of _WRITTEN; the PLC's own one in HOLD and TRIP."""
        if self.mode is _HOLD or self.mode is _TRIP:
            return self._defaults[k]
        return self._image.effective[self._sp[k]]

    def _press(self, s: Sequence[float], status: Sequence[int]) -> None:
        """L4 with purge and relief; a failed pressure cell leaves the damper where it is."""
        out = self._out
        p = s[_PRESS]
        if not self._active:
            out[_DAMPER] = out[_RELIEF] = 0.0
            return
        if status[_PRESS] == _FAILED:
            return
        self._relief = p > PRESSURE_HIGH or (self._relief and p > RELIEF_CLOSES_PA)
        out[_RELIEF] = 1.0 if self._relief else 0.0
        hand = self._wanted(7)
        demand = self._loops.pressure(self._wanted(0), p, s[_FAN], s[_FREG], self._exhaust)
        if self._relief:
            demand = 0.0
        elif self._trips.held & _LOW and p < PURGE_PA:
            demand = 100.0
        elif hand >= HAND:
            demand = self._loops.damper(out[_DAMPER], hand)
        out[_DAMPER] = demand

    def _air(self, s: Sequence[float], status: Sequence[int]) -> None:
        """Fans, rotor and heater, each half second: fan, then regeneration flow, then heat."""
        out = self._out
        self._run_down(s)
        if not self._active:
            out[_FAN_OUT] = out[_FREG_OUT] = out[_HEAT_OUT] = out[_ROT_OUT] = 0.0
            return
        stopping = self.mode is _STOP
        out[_FAN_OUT] = POST_RUN_FAN if stopping else self._wanted(2)
        runs = s[_FAN] > FLOW_STARTS
        freg = POST_RUN_FREG if stopping else self._wanted(4)
        out[_FREG_OUT] = freg if runs else 0.0
        out[_ROT_OUT] = self._wanted(5)
        blocked = self._trips.held & HEATER_OFF
        allowed = not stopping and not blocked and self._trips.heater_allowed(s)
        flows = s[_FAN] > FAN_RUNS and s[_FREG] > FLOW_OK
        # Once it heats, lost flow is not a reason to stop quietly: the trip says why.
        self._heating = allowed and (flows or self._heating)
        if self._heating and status[_TREG] != _FAILED:
            out[_HEAT_OUT] = self._loops.heater(self._wanted(3), s[_TREG], s[_FREG])
        else:
            out[_HEAT_OUT] = 0.0
            self._loops.rest_heater(s[_TREG])

    def _run_down(self, s: Sequence[float]) -> None:
        """After a stop the fans cool the heater before they stop too."""
        if self.mode is _STOP and self._active:
            self._post_run_s -= 0.5
            if self._post_run_s <= 0.0:
                self._active = False
                self._loops.rest_pressure()
                self._loops.rest_temperature()

    def _flags(self, s: Sequence[float], status: Sequence[int]) -> None:
        """Lot hold, feed permit, gas actions: once a second."""
        dp = s[_ZONE]
        known = status[_ZONE] != _FAILED
        wet_lot = not known or dp > LOT_DEGC
        self._lot_s = self._lot_s + 1.0 if wet_lot else 0.0
        held = self._trips.held
        if self._lot_s >= DELAY_S or held & _LOW:
            self._lot_hold = True
        elif known and dp < LOT_DEGC - DEAD_K:
            self._lot_hold = False
        wet = not known or dp > FEED_DEGC
        self._feed_s = self._feed_s + 1.0 if wet else 0.0
        if self._feed_s >= DELAY_S:
            self._permit = False
        elif known and dp < FEED_DEGC - DEAD_K:
            self._permit = True
        gas = s[_H2S] if status[_H2S] != _FAILED else 0.0
        self._evacuate = gas > EVACUATE_PPM or (
            self._evacuate and gas > EVACUATE_PPM - H2S_DEAD_PPM
        )
        toxic = bool(held & _TOXIC)
        if self._evacuate or toxic:
            self._exhaust = 100.0
        elif gas > WARN_PPM:
            self._exhaust = WARN_EXHAUST_PCT
        elif gas < WARN_PPM - H2S_DEAD_PPM:
            self._exhaust = 0.0
        self._permits(s, toxic)

    def _permits(self, s: Sequence[float], toxic: bool) -> None:
        out = self._out
        shut = s[_DOORS] < 0.5
        safe = shut and not self._evacuate and not toxic
        held = self._trips.held
        self._glove_lock = not safe or bool(held & _LOW)
        feed = self._permit and safe and not held and self._active
        out[_FEED_OUT] = 1.0 if feed else 0.0
        out[_ROLLS_OUT] = 1.0 if shut and not toxic else 0.0
        out[_LOCK_OUT] = 1.0 if self._glove_lock else 0.0
        out[_HORN_OUT] = 1.0 if self._evacuate or toxic else 0.0
        out[_EXHAUST_OUT] = self._exhaust

    def _inputs(self, s: Sequence[float], status: Sequence[int]) -> None:
        """Bits of gloves and doors, moisture as ppmv."""
        image = self._image
        masks = (s[_GLOVES], s[_DOORS], status[_GLOVES], status[_DOORS])
        if masks != self._masks:
            self._masks = masks
            self._show_bits(self._glove_slots, int(s[_GLOVES]), status[_GLOVES])
            self._show_bits(self._door_slots, int(s[_DOORS]), status[_DOORS])
        slot = self._shown[0]
        image.value[slot] = ppmv(mass_ratio(ice_pressure_pa(s[_ZONE])))
        image.status[slot] = status[_ZONE]

    def _show_bits(self, slots: Sequence[int], mask: int, status: int) -> None:
        for k, slot in enumerate(slots):
            self._image.value[slot] = float(mask >> k & 1)
            self._image.status[slot] = status

    def _pass_box(self, s: Sequence[float], status: Sequence[int]) -> None:
        pressed = s[_PRESS] > BOX_PA and status[_PRESS] != _FAILED
        allowed = pressed and self.mode in _DRYING and s[_DOORS] < 0.5
        limit = min(self._image.value[self._sp[8]], BOX_DEGC)
        dry = status[_BOX_DP] != _FAILED and s[_BOX_DP] < limit
        state = self._box.scan(1.0, s[_REQUESTS], allowed=allowed, dry=dry)
        self._out[_OUTER_OUT], self._out[_INNER_OUT], self._out[_PURGE_OUT] = OUTPUTS[state]

    def _each_second(self, s: Sequence[float], status: Sequence[int]) -> None:
        """Temperature, grey room, counters and the tags the program itself makes."""
        out = self._out
        if self._active:
            valve = out[_VALVE_OUT]
            if status[_TEMP] != _FAILED:
                valve = self._loops.temperature(self._wanted(1), s[_TEMP], self._wanted(6))
            out[_VALVE_OUT] = valve
        else:
            out[_VALVE_OUT] = 0.0
        if self._scans % GREY_SCANS < SECOND:
            if status[_GREY_DP] != _FAILED:
                self._grey_degc = self._loops.grey(self._wanted(9), s[_GREY_DP])
            self._grey_pct = 100.0 if s[_OCCUPIED] > 0.5 else GREY_EMPTY_PCT
        off = self._trips.held >> AIR_HOT & 1
        out[_GREY_T_OUT] = 20.0 if off else self._grey_degc
        out[_GREY_F_OUT] = self._grey_pct
        a, b, c = _POWERS
        self._kwh += (s[a] + s[b] + s[c]) / 3600.0
        self._grey_kwh += s[_GREY_KW] / 3600.0
        v = self._image.value
        shown = (
            float(self._box.state),
            float(self._glove_lock),
            float(self._lot_hold),
            out[_FEED_OUT],
            out[_HORN_OUT],
            float(self._trips.rotor_ok),
            self._exhaust,
            self._kwh,
            self._grey_kwh,
        )
        for slot, value in zip(self._shown[1:], shown, strict=True):
            v[slot] = value


_FAN_OUT, _FREG_OUT = _O["fan_pct"], _O["regeneration_flow_pct"]
_HEAT_OUT, _ROT_OUT = _O["heater_pct"], _O["rotor_speed_rev_h"]
_VALVE_OUT, _DAMPER = _O["chw_valve_pct"], _O["makeup_damper_pct"]
_EXHAUST_OUT, _RELIEF = _O["exhaust_pct"], _O["relief_open"]
_OUTER_OUT, _INNER_OUT = _O["pass_box_outer"], _O["pass_box_inner"]
_PURGE_OUT, _LOCK_OUT = _O["pass_box_purge"], _O["glove_lock"]
_GREY_T_OUT, _GREY_F_OUT = _O["grey_regeneration_degc"], _O["grey_flow_pct"]
_FEED_OUT, _ROLLS_OUT, _HORN_OUT = _O["feed_permit"], _O["rolls_permit"], _O["horn"]
