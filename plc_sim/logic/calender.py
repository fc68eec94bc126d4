"""PLC program of the calender: modes, line load or gap, tensions, roll temperature, interlocks."""

from collections.abc import Mapping, Sequence
from math import pi
from typing import ClassVar

from plc_sim.instruments import Status
from plc_sim.logic.calender_io import COPIES, TRIPS
from plc_sim.loops import PlcPi
from plc_sim.models.calender_wiring import ACTUATORS, SENSORS
from plc_sim.plc import SCAN_S, Image, Mode
from plc_sim.run_out import RunOut

THREAD_M_PER_MIN = 0.5
THREAD_LOAD = 50.0  # N/mm, also the load of a web that crawls
THREAD_M = 1.5  # length that is threaded before production: past the gauge
CRAWL_M_PER_MIN = 0.3  # below it the rolls may open, and carry no more than the thread load
RAMP_M_PER_MIN_S = 0.25
REST_M_PER_MIN_S = 10.0  # deceleration to stop or hold
LOAD_RAMP = 40.0  # N/mm per s
GAP_RAMP = 2.0  # um per s
LOAD_MIN, LOAD_MAX = 20.0, 1150.0  # N/mm, what gap control may ask for
LOAD_DEAD_BAND = 2.0  # N/mm; below the servo's stiction there is nothing to gain
WARM_K, WARM_SCANS = 2.0, 400  # rolls this near to the set point for 20 s are warm
SLOW_BUFFER, END_BUFFER, HIGH_BUFFER, ARM_BUFFER = 15.0, 5.0, 95.0, 85.0  # %
SLOWEST = 0.3  # share of the speed set point left at the end of the buffer
LOAD_TRIP, DIFFERENCE_TRIP, TENSION_TRIP, ROLL_TRIP = 1200.0, 0.10, 5.0, 150.0
OIL_MIN_DEGC, OIL_MAX_DEGC = 20.0, 170.0
SECOND = round(1.0 / SCAN_S)  # scans
ECC_STIFFNESS = 3.2  # run-out per amplitude in thickness: rolls and film share it
NIP_TO_TURN = 1.0 / (pi * 250.0 * 1e-3)  # turns per m

_K = {name: k for k, name in enumerate(SENSORS)}
_DS, _OS, _GAP, _V = _K["load_ds"], _K["load_os"], _K["gap"], _K["v"]
_UPPER, _LOWER, _OIL = _K["troll_u"], _K["troll_l"], _K["toil"]
_THK, _LOADING, _ANGLE, _METER = _K["thk_c"], _K["loading"], _K["angle"], _K["meter"]
_IN, _OUT, _BUFFER = _K["tens_in"], _K["tens_out"], _K["buffer"]
_GUARD, _ESTOP, _PERMIT = _K["guard"], _K["estop"], _K["permit"]
_FAILED = int(Status.FAILED)

_WRITTEN = (
    "CAL.LOAD.SP",
    "CAL.GAP.SP",
    "CAL.MODE",
    "CAL.V.SP",
    "CAL.RATIO.SP",
    "CAL.TROLL.SP",
    "CAL.TENS.IN.SP",
    "CAL.TENS.OUT.SP",
)

# The attribute of an enum costs ten times as much as a global, and the program asks often.
_STOP, _WARM, _THREAD, _RUN, _HOLD, _TRIP = Mode
_MOVING, _GUARDED = (_THREAD, _RUN), (_THREAD, _RUN, _TRIP)

# Next mode by mode now (rows) and wanted mode (columns, in the order of Mode's codes). WARMUP to
# THREAD waits for warm rolls, a closed guard and the enclosure; THREAD to RUN for the threaded
# length. There is nothing to hold in a stopped machine; a tripped one never moves on by itself.
_NEXT: tuple[tuple[Mode, ...], ...] = (
    (_STOP, _WARM, _WARM, _WARM, _STOP, _TRIP),  # STOP
    (_STOP, _WARM, _THREAD, _THREAD, _HOLD, _TRIP),  # WARMUP
    (_STOP, _WARM, _THREAD, _RUN, _HOLD, _TRIP),  # THREAD
    (_STOP, _WARM, _THREAD, _RUN, _HOLD, _TRIP),  # RUN
    (_STOP, _WARM, _WARM, _WARM, _HOLD, _TRIP),  # HOLD
    (_STOP, _HOLD, _HOLD, _HOLD, _HOLD, _TRIP),  # TRIP
)


class Logic:
    """See plc_sim.plc.Logic. Each side's line load is controlled alone, which balances them."""

    SENSORS: ClassVar[tuple[str, ...]] = SENSORS
    ACTUATORS: ClassVar[tuple[str, ...]] = ACTUATORS
    COPIES: ClassVar[Mapping[str, str]] = COPIES
    TRIPS: ClassVar[tuple[str, ...]] = TRIPS
    LATCH_SAFE: ClassVar[bool] = True

    __slots__ = (
        "_armed",
        "_buffer_scans",
        "_difference_scans",
        "_ds",
        "_gap",
        "_gap_control",
        "_gap_sp",
        "_heat_on",
        "_heater",
        "_hot_scans",
        "_image",
        "_in",
        "_load_scans",
        "_load_sp",
        "_must_rest",
        "_oil",
        "_oil_sp",
        "_os",
        "_out",
        "_outputs",
        "_rests",
        "_run_out",
        "_scans",
        "_slack_scans",
        "_slots",
        "_speed",
        "_tags",
        "_thickness_sum",
        "_thread_end_m",
        "_warm_scans",
        "mode",
    )

    def __init__(self) -> None:
        self._run_out = RunOut()
        self.restart()

    def bind(self, image: Image) -> None:
        """Look up the slots once."""
        self._image = image
        self._slots = tuple(image.slots(_WRITTEN))
        load_sp, gap_sp, *_ = self._slots
        self._rests = ({gap_sp}, {load_sp})  # what is not followed, by control mode
        self._tags = tuple(image.slots(("CAL.LOAD.PV", "CAL.DENS", "CAL.ECC")))

    def restart(self) -> None:
        """Everything as after power-up: stopped, rolls open, no heat."""
        self.mode = _STOP
        self._must_rest = self._heat_on = self._gap_control = self._armed = False
        self._load_scans = self._difference_scans = self._slack_scans = 0
        self._hot_scans = self._buffer_scans = self._warm_scans = self._scans = 0
        self._speed = self._load_sp = self._gap_sp = 0.0
        self._thread_end_m = self._thickness_sum = self._heater = 0.0
        self._ds = PlcPi(0.5, 0.8, 0.0, 1500.0)
        self._os = PlcPi(0.5, 0.8, 0.0, 1500.0)
        self._gap = PlcPi(4.0, 1.0, LOAD_MIN, LOAD_MAX, reverse=False)
        self._in = PlcPi(0.05, 4.0, -2.0, 2.0)
        self._out = PlcPi(0.05, 4.0, -2.0, 2.0)
        for loop in (self._ds, self._os, self._in, self._out):
            loop.reset(0.0)
        self._oil_sp = PlcPi(6.0, 900.0, OIL_MIN_DEGC, OIL_MAX_DEGC)
        self._oil = PlcPi(4.0, 120.0, 0.0, 100.0)
        self._outputs = [0.0] * len(ACTUATORS)
        self._run_out.restart()

    def interlocks(self, s: Sequence[float], status: Sequence[int]) -> int:
        """Code of the first trip whose cause is present.

        Guard and permit count while the rolls may turn, and while tripped, so that a reset is
        refused until they are back.
        """
        if s[_ESTOP] < 0.5:
            return 5
        if self.mode in _GUARDED:
            if s[_GUARD] < 0.5:
                return 4
            if s[_PERMIT] < 0.5:
                return 7
        return self._analogue(s, status)

    def _analogue(self, s: Sequence[float], status: Sequence[int]) -> int:
        ds, os_ = s[_DS], s[_OS]
        total = ds + os_
        if total > 2.0 * LOAD_TRIP:
            self._load_scans += 1
            if self._load_scans > SECOND:
                return 1
        else:
            self._load_scans = 0
        failed = status[_DS] == _FAILED or status[_OS] == _FAILED
        if failed or (total > 200.0 and abs(ds - os_) > 0.5 * DIFFERENCE_TRIP * total):
            self._difference_scans += 1
            if self._difference_scans > 2 * SECOND:
                return 2
        else:
            self._difference_scans = 0
        if s[_UPPER] > ROLL_TRIP or s[_LOWER] > ROLL_TRIP:
            self._hot_scans += 1
            if self._hot_scans > 60 * SECOND:
                return 6
        else:
            self._hot_scans = 0
        return self._web_causes(s) if s[_V] > CRAWL_M_PER_MIN else 0

    def _web_causes(self, s: Sequence[float]) -> int:
        """Causes that need a moving web.

        The upper end of the buffer counts only once the dancer has been below it: otherwise a
        full buffer could never be emptied.
        """
        if s[_IN] < TENSION_TRIP or s[_OUT] < TENSION_TRIP:
            self._slack_scans += 1
            if self._slack_scans > SECOND // 2:
                return 3
        else:
            self._slack_scans = 0
        position = s[_BUFFER]
        if position < ARM_BUFFER:
            self._armed = True
        if position < END_BUFFER or (self._armed and position > HIGH_BUFFER):
            self._buffer_scans += 1
            if self._buffer_scans > 2 * SECOND:
                return 8
        else:
            self._buffer_scans = 0
        return 0

    def scan(
        self, now_s: float, command: Mode, s: Sequence[float], status: Sequence[int]
    ) -> Sequence[float]:
        """One scan of SCAN_S: modes, drives and load each time, the rest at its own pace."""
        v = self._image.effective
        load_sp, gap_sp, mode, v_sp, ratio_sp, troll_sp, in_sp, out_sp = self._slots
        self._scans += 1
        self._image.resting = self._rests[v[mode] > 0.5]
        if command is not self.mode or self._must_rest:
            self._change_mode(command, s, self._image.value[troll_sp])
        moving = self.mode in _MOVING
        speed = self._drive(moving, v[v_sp], s[_BUFFER])
        out = self._outputs
        if speed > 0.0:
            out[6] = self._in.scan(SCAN_S, v[in_sp], s[_IN])
            out[7] = self._out.scan(SCAN_S, v[out_sp], s[_OUT])
        if moving:
            self._set_load(v[mode] > 0.5, v[load_sp], v[gap_sp], s, status)
            out[0] = self._side(self._ds, s[_DS], status[_DS])
            out[1] = self._side(self._os, s[_OS], status[_OS])
            out[2] = 0.0
        elif speed < CRAWL_M_PER_MIN:
            self._release()
        out[3] = speed
        out[4] = 1.0 if moving or speed > 0.0 else 0.0
        out[5] = v[ratio_sp]
        out[9] = 1.0 if self.mode is _THREAD else 0.0
        if self._scans & 1:
            self._measure(s, status)
        if self._scans % SECOND == 0:
            self._judge_web(s, status)
            self._heat(s, v[troll_sp])
        return out

    def _change_mode(self, command: Mode, s: Sequence[float], roll_sp_degc: float) -> None:
        """Follow the table, one step a scan."""
        if self._must_rest and command is not _TRIP:
            if command in _MOVING:
                command = _HOLD
            else:
                self._must_rest = False
        now = self.mode
        after = _NEXT[now][command]
        if after is now:
            return
        if now is _WARM and after is _THREAD:
            if not self._is_warm(s, roll_sp_degc):
                return
            self._thread_end_m = s[_METER] + THREAD_M
        elif now is _THREAD and after is _RUN and s[_METER] < self._thread_end_m:
            return
        if after is _TRIP:
            self._speed = 0.0
            self._must_rest, self._armed = True, False
            self._release()
        elif after is _STOP:
            self._heat_on = False
        elif after is _WARM and not self._heat_on:
            self._heat_on = True
            self._oil_sp.integral = 0.0  # the set point itself is fed forward
            self._oil.reset(0.0)
        self._warm_scans = 0
        self.mode = after

    def _is_warm(self, s: Sequence[float], sp_degc: float) -> bool:
        """Rolls warm for long enough, and nobody at the nip."""
        upper, lower = abs(s[_UPPER] - sp_degc), abs(s[_LOWER] - sp_degc)
        self._warm_scans = self._warm_scans + 1 if upper < WARM_K and lower < WARM_K else 0
        return self._warm_scans > WARM_SCANS and s[_GUARD] > 0.5 and s[_PERMIT] > 0.5

    def _drive(self, moving: bool, wanted: float, buffer: float) -> float:
        """Ramped speed reference, m/min; slower when the buffer runs out."""
        speed = self._speed
        if not moving:
            if speed > 0.0:
                speed = max(0.0, speed - REST_M_PER_MIN_S * SCAN_S)
        else:
            if self.mode is _THREAD:
                wanted = THREAD_M_PER_MIN
            elif buffer < SLOW_BUFFER:
                left = max(0.0, (buffer - END_BUFFER) / (SLOW_BUFFER - END_BUFFER))
                wanted *= SLOWEST + (1.0 - SLOWEST) * left
            step = RAMP_M_PER_MIN_S * SCAN_S
            speed = min(wanted, speed + step) if wanted > speed else max(wanted, speed - step)
        self._speed = speed
        return speed

    def _set_load(
        self,
        gap_control: bool,
        load_sp: float,
        gap_sp: float,
        s: Sequence[float],
        status: Sequence[int],
    ) -> None:
        """The load both sides are led to: ramped set point or output of the gap loop, bumpless."""
        light = self.mode is _THREAD or self._speed < CRAWL_M_PER_MIN
        if gap_control and not light:
            if not self._gap_control:
                self._gap_sp = s[_GAP]
                self._gap.reset(self._load_sp)
            self._gap_control = True
            self._gap_sp = _toward(self._gap_sp, gap_sp, GAP_RAMP * SCAN_S)
            if status[_GAP] != _FAILED:
                self._load_sp = self._gap.scan(SCAN_S, self._gap_sp, s[_GAP])
            return
        self._gap_control = False
        wanted = THREAD_LOAD if light else max(load_sp, LOAD_MIN)
        self._load_sp = _toward(self._load_sp, wanted, LOAD_RAMP * SCAN_S)

    def _side(self, loop: PlcPi, load: float, status: int) -> float:
        """Line load of one side; a failed cell leaves the demand where it is."""
        sp = self._load_sp
        if status == _FAILED or -LOAD_DEAD_BAND < sp - load < LOAD_DEAD_BAND:
            load = sp
        return loop.scan(SCAN_S, sp, load, sp)

    def _release(self) -> None:
        """Open the rolls and forget the load loops."""
        out = self._outputs
        if out[2] > 0.5:
            return
        out[0] = out[1] = 0.0
        out[2] = 1.0
        self._load_sp = 0.0
        self._gap_control = False
        self._ds.reset(0.0)
        self._os.reset(0.0)

    def _measure(self, s: Sequence[float], status: Sequence[int]) -> None:
        """Every second scan, the period of the gauge: mean line load, run-out."""
        image, slot = self._image, self._tags[0]
        image.value[slot] = 0.5 * (s[_DS] + s[_OS])
        image.status[slot] = max(status[_DS], status[_OS])
        thickness = s[_THK]
        self._thickness_sum += thickness
        speed = s[_V]
        if speed > CRAWL_M_PER_MIN and status[_THK] != _FAILED:
            turns = speed * (2.0 * SCAN_S / 60.0) * NIP_TO_TURN
            self._run_out.scan(thickness, s[_ANGLE], turns)

    def _judge_web(self, s: Sequence[float], status: Sequence[int]) -> None:
        """Density and run-out; tension loops set for the speed."""
        image, (_, dens, ecc) = self._image, self._tags
        mean_um = self._thickness_sum * 2.0 / SECOND
        self._thickness_sum = 0.0
        image.value[dens] = s[_LOADING] * 10.0 / mean_um if mean_um > 1.0 else 0.0
        image.status[dens] = max(status[_LOADING], status[_THK])
        image.value[ecc] = min(10.0, ECC_STIFFNESS * self._run_out.amplitude_um)
        image.status[ecc] = max(status[_THK], status[_ANGLE])
        self._in.ti_s = self._out.ti_s = max(4.0, 20.0 / max(0.2, self._speed))

    def _heat(self, s: Sequence[float], sp_degc: float) -> None:
        """Roll temperature through the oil: oil set point every 5 s, heater every second."""
        out, outer = self._outputs, self._oil_sp
        upper, lower = s[_UPPER], s[_LOWER]
        if not self._heat_on or upper > ROLL_TRIP or lower > ROLL_TRIP:
            out[8] = 0.0
            return
        if self._scans % (5 * SECOND) == 0:
            before = outer.integral
            outer.scan(5.0, sp_degc, 0.5 * (upper + lower), sp_degc)
            if out[8] <= 0.0 or out[8] >= 100.0:
                outer.integral = before  # the oil does not follow: the outer loop must not wind up
        out[8] = self._oil.scan(1.0, outer.out, s[_OIL])


def _toward(value: float, goal: float, step: float) -> float:
    return min(goal, value + step) if goal > value else max(goal, value - step)
