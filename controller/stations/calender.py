"""Hot calender: thickness on line load (L16) and buffer position on calender speed (L17).

Thickness control is dead-time control: the gauge sits behind the nip, so gains follow web speed
and a Smith predictor is at hand. A roll's run-out is averaged away over one turn; no loop behind
the gauge could follow it.
"""

from collections.abc import Mapping, Sequence
from math import nan
from typing import ClassVar

from controller.control.deadtime import DeadTime
from controller.control.interlock import Permissive
from controller.control.loop import Loop
from controller.control.pid import Pid
from controller.control.pid_config import Direction, Fallback, LoopMode, PidConfig
from controller.control.procedure import Condition, Step
from controller.control.shaping import Deadband, MovingAverage
from controller.control.smith import Prediction, SmithLoop, SmithModel
from controller.control.states import State
from controller.control.station import Station as Base
from controller.control.station_parts import StationSetup
from controller.core.ports import EventLog
from controller.core.sample import FIRST_BAD, is_usable
from controller.core.table import TagTable
from controller.formulas.calender import PARAMETERS
from controller.stations.common import (
    HEATED_K,
    PLC_READY,
    WARM_UP_S,
    Conditions,
    Mode,
    on,
    usual_steps,
)

ROLL_TURN_M = 0.7854  # circumference of a 250 mm roll
GAUGE_M = 1.25  # web from the nip to the gauge
THICKNESS_GAIN = -0.026  # um per N/mm near 600 N/mm
CYLINDER_S = 2.8  # lag of line load and gauge together
SMITH_SHARE = 0.55  # closed-loop time constant asked of the Smith predictor, of the dead time
STILL_M_PER_MIN = 0.2
CONTROLLED_M_PER_MIN = 0.8  # below, a turn and the way to the gauge take minutes: L16 waits
ROUGH_RUN_OUT_UM = 3.0  # above this run-out the gain is halved
BUFFER_M = 10.0  # web in a full buffer
PATH_M = 2.5  # web from the coater to the calender nip beside what the buffer holds
COATER_GAUGE_S = 5.0  # half a scan of that gauge
COATER_GAUGE_M = 2.0  # the coater's gauge sits this far behind its nips
FF_PERIOD_S = 0.5
COATER_NOISE_M_PER_MIN = 0.01  # of the coater's measured speed, not to be followed
SPEED_NOISE = 0.01  # a speed that differs by less needs no other gains
FF_LIMIT = 150.0  # N/mm; more than this no loading error explains
_RUN, _ON, _OFF = Mode.RUN, Prediction.ON, Prediction.OFF  # asked for at every scan
WAYS_TO_RUN = frozenset({State.STARTING, State.UNHOLDING, State.RESUMING})
LOADING_FF = 1.05  # um of thickness per % of loading at 104 um


class Station(Base):
    """Loops, steps and schedules of the calender."""

    FOREIGN = ("COAT.V.LINE", "COAT.LOAD.C", "COAT.METER")
    COMPUTED: ClassVar[Mapping[str, str]] = {".V.SP": "the coater and L17, or CAL.SET.V when alone"}
    RESTING: ClassVar[Mapping[str, tuple[str, float]]] = {
        ".GAP.SP": (".MODE", 0.0),  # 0 line load, 1 gap
        ".LOAD.SP": (".MODE", 1.0),
    }
    FORMULA = PARAMETERS
    SETTINGS: ClassVar[Mapping[str, tuple[float, float, float, str, str]]] = {
        "THK": (104.0, 50.0, 200.0, "um", "thickness"),
        "LOAD.START": (600.0, 150.0, 1100.0, "N/mm", "line load until the loop takes over"),
        "TROLL": (80.0, 25.0, 130.0, "degC", "roll temperature"),
        "V": (5.0, 0.5, 20.0, "m/min", "speed when the coater gives none"),
        "MODE": (0.0, 0.0, 1.0, "", "0 line load, 1 gap"),
        "GAP": (60.0, 20.0, 400.0, "um", "gap in gap mode"),
        "LOADING": (30.0, 10.0, 50.0, "mg/cm2", "areal loading the line load belongs to"),
        "SMITH": (1.0, 0.0, 1.0, "", "1: Smith predictor in L16"),
        "FF": (0.5, 0.0, 1.0, "", "share of the loading feed-forward in L16"),
        "WEB": (30.0, 10.0, 80.0, "%", "buffer position at which threading may begin"),
        "ALONE": (0.0, 0.0, 1.0, "", "1: run on leader without waiting for the coater"),
        "TENS": (60.0, 20.0, 150.0, "N", "web tension"),
    }

    @classmethod
    def loops_of(cls, prefix: str) -> dict[str, Loop]:
        """L16 and L17."""
        thickness = Pid(
            PidConfig(
                name="thickness on line load",
                kc=3.3,
                ti_s=CYLINDER_S,
                period_s=1.0,
                direction=Direction.DIRECT,
                out_low=150.0,
                out_high=1100.0,  # below the PLC's trip, so that a swing is not a stop
                sp_low=50.0,
                sp_high=200.0,
                sp=104.0,
                out_rate=50.0,
                fallback=Fallback.HOLD,
                modes=(LoopMode.MAN, LoopMode.AUTO),
                pv_unit="um",
                out_unit="N/mm",
            )
        )
        buffer = Pid(
            PidConfig(
                name="buffer on calender speed",
                kc=1.9,
                ti_s=250.0,
                period_s=1.0,
                direction=Direction.DIRECT,
                out_low=-5.0,
                out_high=5.0,
                sp_low=20.0,
                sp_high=80.0,
                sp=50.0,
                safe_value=0.0,
                fallback=Fallback.HOLD,
                modes=(LoopMode.MAN, LoopMode.AUTO),
                pv_unit="%",
                out_unit="%",
            )
        )
        return {
            "L16": Loop(
                f"{prefix}.L16",
                thickness,
                pv=f"{prefix}.THK.C",
                out=f"{prefix}.LOAD.SP",
                gains_follow="the web speed",
            ),
            "L17": Loop(f"{prefix}.L17", buffer, pv="BUF.POS"),
        }

    def __init__(self, setup: StationSetup, table: TagTable, log: EventLog) -> None:
        super().__init__(setup, table, log)
        self._l16, self._l17 = self.loops["L16"], self.loops["L17"]
        model = SmithModel(
            gain=THICKNESS_GAIN, tau_s=CYLINDER_S, distance_m=GAUGE_M, average_m=ROLL_TURN_M
        )
        self._smith = SmithLoop(self._l16.pid, model)
        self._turn = MovingAverage()
        self._web = DeadTime(0.0)
        self._thk, self._meter = self.at(".THK.C"), self.at(".METER")
        self._cmd = self.at(".CMD")
        self._v, self._v_sp = self.at(".V.PV"), self.at(".V.SP")
        self._load, self._load_sp = self.at(".LOAD.PV"), self.at(".LOAD.SP")
        self._rolled_from_m: float | None = None
        self._tuned_for: tuple[float, bool, bool] = (0.0, False, False)
        self._ff = self._ff_due_s = 0.0
        self._with_smith, self._alone = self.settings["SMITH"], self.settings["ALONE"]
        self._alone_v = self.settings["V"]
        self._coater = Deadband(COATER_NOISE_M_PER_MIN)
        self._ecc, self._mode, self._buffer = self.at(".ECC"), self.at(".MODE"), self.at("BUF.POS")

    def start_permissives(self) -> Sequence[tuple[str, Permissive]]:
        """Link, remote, no trip, guard closed, emergency stop released."""
        release = "release the emergency stop at the machine"
        return (
            *PLC_READY,
            on(".GUARD", "nip guard closed", "close the guard", bypassable=False),
            on(".ESTOP", "emergency stop free", release, bypassable=False),
        )

    def steps(self) -> Mapping[State, Sequence[Step]]:
        """Warm up, wait for web, thread, run."""
        c = Conditions(self)
        warm = tuple(
            c.within(f".TROLL.{side}", ".TROLL.SP", HEATED_K, f"roll {side} within {HEATED_K:g} K")
            for side in ("U", "L")
        )
        web = (
            c.above("BUF.POS", lambda: self.setting("WEB"), "web in the buffer"),
            Condition(
                text="coater line running, or SET.ALONE",
                test=lambda: self.setting("ALONE") != 0.0 or self._coater_speed() > 0.0,
                show=lambda: f"COAT.V.LINE = {self.foreign('COAT.V.LINE')[0]:g} m/min",
            ),
        )
        state = {m: c.equals(".STATE", m, f"machine in {m.name.lower()}") for m in Mode}

        running = Step(
            name="run",
            enter=self._run,
            until=(state[Mode.RUN], c.within(".V.PV", ".V.SP", 0.2, "calender at speed")),
            settle_s=30.0,
            timeout_s=900.0,
        )
        threading = Step(
            name="thread", enter=self._thread, until=(state[Mode.THREAD],), settle_s=10.0,
            timeout_s=900.0,
        )  # fmt: skip
        start = (
            Step(name="warm up", enter=self._heat, until=warm, settle_s=10.0, timeout_s=WARM_UP_S),
            Step(name="wait for web", enter=lambda: None, until=web, timeout_s=WARM_UP_S),
            threading,
            running,
        )
        back = (
            Step(name="warm up", enter=self._heat, until=(*warm, *web), timeout_s=WARM_UP_S),
            threading,
            running,
        )
        usual = usual_steps(self, stop_s=120.0, hold=Mode.HOLD, resume=back)
        return {**usual, State.STARTING: start}

    def _heat(self) -> None:
        self.put(self.at(".TROLL.SP"), self.setting("TROLL"))
        for side in ("IN", "OUT"):
            self.put(self.at(f".TENS.{side}.SP"), self.setting("TENS"))
        self.put(self._cmd, float(Mode.WARMUP))

    def _thread(self) -> None:
        self.put(self.at(".LOAD.SP"), self.setting("LOAD.START"))
        self.put(self.at(".GAP.SP"), self.setting("GAP"))
        self.put(self._mode, self.setting("MODE"))
        self.put(self._cmd, float(Mode.THREAD))

    def _run(self) -> None:
        self.put(self._cmd, float(Mode.RUN))
        self._l16.pid.set_sp(self.setting("THK"))
        self._l17.pid.initialise(0.0)

    def control(self, now_s: float) -> None:
        """L16 on the turn-averaged thickness, L17 as a trim on the coater's speed."""
        v, q = self.v, self.q
        speed = v[self._v] if q[self._v] < FIRST_BAD else 0.0
        still = speed < STILL_M_PER_MIN
        self._thickness(now_s, 0.0 if speed < CONTROLLED_M_PER_MIN else speed)
        trim = self._l17.scan(now_s, v, q, track=0.0 if still and self._l17.active else None)
        if self._l17.active:
            v[self._v_sp] = min(20.0, self._base_speed() * (1.0 + trim / 100.0))
        elif v[self._cmd] == _RUN and self.procedure.state in WAYS_TO_RUN:
            v[self._v_sp] = self._base_speed()

    def _thickness(self, now_s: float, speed_m_per_min: float) -> None:
        v, q, pid = self.v, self.q, self._l16.pid
        if now_s >= self._ff_due_s:
            self._ff_due_s = now_s + FF_PERIOD_S
            self._ff = self._loading_ff()
        ff = self._ff
        smith = v[self._with_smith] != 0.0
        self._smith.switch(_ON if smith else _OFF)
        if not self._seen_at_gauge(speed_m_per_min):
            self._smith.scan(
                now_s, v[self._thk], q[self._thk], v[self._meter], ff=ff, track=pid.out
            )
        else:
            seen = v[self._thk] if q[self._thk] < FIRST_BAD else nan  # a Bad value leaves a gap
            mean = self._turn.push(v[self._meter], seen, ROLL_TURN_M)
            pv = mean if self._turn.coverage > 0.9 else v[self._thk]
            self._schedule(speed_m_per_min, smith=smith)
            self._smith.scan(now_s, pv, q[self._thk], v[self._meter], ff=ff)
        self._l16.publish(v)

    def _seen_at_gauge(self, speed_m_per_min: float) -> bool:
        """Whether the web at the gauge was rolled at the present load and speed.

        Until it is, the gauge still shows what came off before: a loop that believed it would run
        into its limit while threading.
        """
        v = self.v
        at_load = abs(v[self._load] - v[self._load_sp]) < 0.1 * v[self._load_sp]
        if speed_m_per_min == 0.0 or v[self._mode] != 0.0:
            self._rolled_from_m = None
        elif self._rolled_from_m is None and at_load:
            self._rolled_from_m = v[self._meter]
        if self._rolled_from_m is None or v[self._meter] < self._rolled_from_m + GAUGE_M:
            self._turn.reset()
            return False
        return True

    def _schedule(self, speed_m_per_min: float, *, smith: bool) -> None:
        """SIMC gain (Skogestad 2003) for the dead time at this speed; halved by a rough roll."""
        rough = self.q[self._ecc] < FIRST_BAD and self.v[self._ecc] > ROUGH_RUN_OUT_UM
        known_speed, known_smith, known_rough = self._tuned_for
        as_known = smith is known_smith and rough is known_rough
        if as_known and abs(speed_m_per_min - known_speed) < SPEED_NOISE * known_speed:
            return
        self._tuned_for = (speed_m_per_min, smith, rough)
        half_turn_s = 0.5 * ROLL_TURN_M * 60.0 / speed_m_per_min
        dead_s = GAUGE_M * 60.0 / speed_m_per_min
        closed_s = SMITH_SHARE * dead_s if smith else 2.0 * dead_s + half_turn_s
        kc = CYLINDER_S / (-THICKNESS_GAIN * (closed_s + CYLINDER_S))
        self._l16.pid.tune(0.5 * kc if rough else kc, CYLINDER_S, 0.0)

    def _loading_ff(self) -> float:
        """Line load for the loading of the web that is in the nip now; 0 when it is not known."""
        loading, loading_q = self.foreign("COAT.LOAD.C")
        meter, meter_q = self.foreign("COAT.METER")
        if not (is_usable(loading_q) and is_usable(meter_q) and self.usable(self._buffer)):
            return 0.0
        content = PATH_M + self.v[self._buffer] / 100.0 * BUFFER_M
        made = self.foreign("COAT.V.LINE")[0] * COATER_GAUGE_S / 60.0
        travel = max(0.0, content - COATER_GAUGE_M - made)
        here = self._web.push(meter, loading, travel)
        target = self.setting("LOADING")
        if not 0.8 * target < here < 1.2 * target:
            return 0.0
        percent = 100.0 * (here / target - 1.0)
        ff = self.setting("FF") * LOADING_FF * percent / -THICKNESS_GAIN
        return min(FF_LIMIT, max(-FF_LIMIT, ff))

    def _base_speed(self) -> float:
        """The coater's speed while it runs, else the set speed (alone) or a crawl."""
        alone = self.v[self._alone_v] if self.v[self._alone] else STILL_M_PER_MIN
        return self._coater.step(self._coater_speed() or alone)

    def _coater_speed(self) -> float:
        """Speed of the coater's line, m/min; 0 while it stands or is not known."""
        speed, quality = self.foreign("COAT.V.LINE")
        return speed if is_usable(quality) and speed > STILL_M_PER_MIN else 0.0
