"""Low-dew-point enclosure: frost point on the supply fan (L1), fan mid-ranged by regeneration (L2).

No web moves here, so a held enclosure keeps drying with its loops in automatic: holding means
that the procedure waits, not that the product gets wet.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from controller.control.interlock import Permissive
from controller.control.loop import Loop
from controller.control.midrange import MidRange
from controller.control.pid import Pid
from controller.control.pid_config import Direction, Fallback, PidConfig, Terms
from controller.control.procedure import Step
from controller.control.states import State
from controller.control.station import Station as Base
from controller.control.station_parts import StationSetup
from controller.core.ports import EventLog
from controller.core.table import TagTable
from controller.formulas.enclosure import PARAMETERS
from controller.stations.common import PLC_READY, Conditions, Mode, off, usual_steps

GLOVE_FF_PCT = 8.0  # more fan while gloves are in use
PASS_BOX_FF_PCT = 10.0  # more fan for a while after the inner door opened
PASS_BOX_FF_S = 60.0
GLOVES = 24
PULL_DOWN_S = 3 * 3600.0


class Station(Base):
    """Loops, steps and feed-forward of the enclosure."""

    FORMULA = PARAMETERS
    SETTINGS: ClassVar[Mapping[str, tuple[float, float, float, str, str]]] = {
        "DP": (-65.0, -80.0, -40.0, "degC", "frost point in production"),
        "READY": (-62.0, -80.0, -30.0, "degC", "frost point at which the enclosure is ready"),
        "FREG": (60.0, 40.0, 100.0, "%", "regeneration flow in production"),
        "FAN.START": (100.0, 40.0, 100.0, "%", "supply fan while pulling down"),
        "TREG.START": (160.0, 100.0, 170.0, "degC", "regeneration temperature while pulling down"),
        "NROT": (4.0, 1.0, 12.0, "rev/h", "rotor speed"),
        "PRESS": (50.0, 20.0, 100.0, "Pa", "enclosure pressure"),
        "TEMP": (22.0, 18.0, 26.0, "degC", "air temperature"),
    }
    COMPUTED: ClassVar[Mapping[str, str]] = {".DP.SP": "ENC.L1.SP"}
    LOOP_STATES = frozenset(
        {
            State.EXECUTE,
            State.HOLDING,
            State.HELD,
            State.UNHOLDING,
            State.PAUSING,
            State.PAUSED,
            State.RESUMING,
        }
    )

    @classmethod
    def loops_of(cls, prefix: str) -> dict[str, Loop]:
        """L1 dew point on fan, L2 fan mid-ranging on regeneration temperature."""
        dew_point = Pid(
            PidConfig(
                name="dew point on fan",
                kc=20.0,
                ti_s=90.0,
                period_s=5.0,
                direction=Direction.DIRECT,
                out_low=40.0,
                out_high=100.0,
                sp_low=-80.0,
                sp_high=-20.0,
                sp=-65.0,
                pv_filter_s=20.0,
                fallback=Fallback.HOLD,
                safe_value=80.0,
                pv_unit="degC",
                out_unit="%",
            )
        )
        mid = Pid(
            PidConfig(
                name="fan mid-ranging on regeneration temperature",
                kc=1.0,
                ti_s=1200.0,  # 0.05 K/min per % of fan
                period_s=60.0,
                direction=Direction.DIRECT,
                out_low=100.0,
                out_high=170.0,
                sp_low=40.0,
                sp_high=100.0,
                sp=55.0,
                safe_value=140.0,
                terms=Terms.INTEGRAL_ONLY,
                pv_unit="%",
                out_unit="degC",
            )
        )
        return {
            "L1": Loop(f"{prefix}.L1", dew_point, pv=f"{prefix}.DP.ZONE", out="DHU.FAN.SP"),
            "L2": Loop(f"{prefix}.L2", mid, pv="DHU.FAN.SP", out="DHU.TREG.SP"),
        }

    def __init__(self, setup: StationSetup, table: TagTable, log: EventLog) -> None:
        super().__init__(setup, table, log)
        self._l1, self._l2 = self.loops["L1"], self.loops["L2"]
        self._mid = MidRange(self._l2.pid)
        first = self.at(".GLOVE.01")
        self._gloves = slice(first, first + GLOVES)
        self._inner = self.at(".PB.INNER")
        self._inner_open_until_s = 0.0
        self._dp_sp = self.at(".DP.SP")

    def start_permissives(self) -> Sequence[tuple[str, Permissive]]:
        """Link, remote, no trip, doors closed."""
        return (
            *PLC_READY,
            *(off(f".DOOR.{k}", f"door {k} open", f"close door {k}") for k in range(1, 5)),
        )

    def steps(self) -> Mapping[State, Sequence[Step]]:
        """Pull down at full power, then hand over to the loops."""
        c = Conditions(self)
        cmd = self.at(".CMD")
        running = c.equals(".STATE", Mode.RUN, "machine running")
        dry = c.below(".DP.ZONE", lambda: self.setting("READY"), "frost point at or below ready")

        def pull_down() -> None:
            self.put(cmd, float(Mode.RUN))
            for tag, key in (
                ("DHU.FAN.SP", "FAN.START"),
                ("DHU.TREG.SP", "TREG.START"),
                ("DHU.NROT.SP", "NROT"),
                ("ENC.PRESS.SP", "PRESS"),
                ("ENC.TEMP.SP", "TEMP"),
            ):
                self.put(self.at(tag), self.setting(key))
            self.put(self.at("DHU.FREG.SP"), 100.0)

        def produce() -> None:
            self.put(cmd, float(Mode.RUN))
            self.put(self.at("DHU.FREG.SP"), self.setting("FREG"))
            self._l1.pid.set_sp(self.setting("DP"))

        run = Step(name="produce", enter=produce, until=(running,), timeout_s=300.0)
        pull = Step(name="pull down", enter=pull_down, until=(running, dry), timeout_s=PULL_DOWN_S)
        usual = usual_steps(self, stop_s=900.0, hold=Mode.RUN, resume=(run,))
        return {**usual, State.STARTING: (pull, run)}

    def control(self, now_s: float) -> None:
        """L1 with feed-forward from gloves and pass box, then its slow partner."""
        v = self.v
        if v[self._inner] and self.usable(self._inner):
            self._inner_open_until_s = now_s + PASS_BOX_FF_S
        ff = PASS_BOX_FF_PCT if now_s < self._inner_open_until_s else 0.0
        if 1.0 in v[self._gloves] and self.usable(self._gloves.start):
            ff += GLOVE_FF_PCT
        self._l1.scan(now_s, v, self.q, ff)
        self._mid.scan(now_s, self._l1.pid)
        self._l2.publish(v)
        v[self._dp_sp] = self._l1.pid.sp_target  # the PLC judges its own limits by it
