"""Causes of every alarm of the calender."""

from controller.core.event import Verb
from plc_sim.lockstep import Lockstep
from tests.support.alarm_causes import Cause, How, fault, give

C = "calender"
RECIPE = "line by recipe"


def _rolls(upper_k: float, lower_k: float, oil_k: float = 0.0):
    """Rolls and oil are suddenly warmer by this."""

    def act(line: Lockstep) -> None:
        heat = line.plant.calender.heat
        heat.upper_degc += upper_k
        heat.lower_degc += lower_k
        heat.oil_degc += oil_k

    return act


def _web_taken_out(line: Lockstep) -> None:
    line.plant.web.pop(3.5)


def _web_spliced_in(line: Lockstep) -> None:
    line.plant.web.splice_leader(0.5)


CAUSES: tuple[Cause, ...] = (
    fault("weak hydraulics", C, "servo_stuck", 80.0, alarms=("CAL.LOAD.PV.lo",)),
    fault("hydraulics lost", C, "servo_stuck", 15.0,
          alarms=("CAL.LOAD.PV.lo", "CAL.LOAD.PV.lolo")),
    fault("valve stuck open", C, "servo_stuck", 1100.0, alarms=("CAL.LOAD.PV.hi",)),
    fault("fold in the nip", C, "servo_stuck", 1300.0, alarms=("CAL.LOAD.PV.hihi",),
          trip="line load high"),
    fault("uneven sides", C, "side_stuck", 560.0, alarms=("CAL.LOADDIFF.hi",)),
    fault("failed cylinder", C, "side_stuck", 300.0, alarms=("CAL.LOADDIFF.hihi",),
          trip="load difference"),
    fault("oil heater weak", C, "oil_heater_stuck", 1.0, before=_rolls(-5.0, -5.0),
          alarms=("CAL.TROLL.U.lo", "CAL.TROLL.L.lo"), gone_s=7200.0),
    fault("oil heater stuck on", C, "oil_heater_stuck", 100.0, before=_rolls(55.0, 55.0, 60.0),
          alarms=("CAL.TROLL.U.hi", "CAL.TROLL.L.hi"), gone_s=7200.0),
    fault("rolls overheated", C, "oil_heater_stuck", 100.0, before=_rolls(75.0, 75.0, 80.0),
          alarms=("CAL.TROLL.U.hihi", "CAL.TROLL.L.hihi"), trip="roll hot", gone_s=7200.0),
    fault("gauge behind a weak nip", C, "servo_stuck", 450.0, alarms=("CAL.THK.C.hi",)),
    fault("nip far too weak", C, "servo_stuck", 250.0, alarms=("CAL.THK.C.hihi",)),
    fault("nip too strong", C, "servo_stuck", 850.0, alarms=("CAL.THK.C.lo",)),
    fault("over-compaction", C, "servo_stuck", 1140.0, warm=RECIPE, alarms=("CAL.THK.C.lolo",)),
    Cause(key="coater stands", station=C, warm="line", how=How.PERSON,
          before=_web_taken_out, begin=give("coater", Verb.HOLD), end=_web_spliced_in,
          alarms=("BUF.POS.lo", "BUF.POS.lolo"), within_s=600.0),
    fault("calender far too slow", C, "drive_slip", -60.0, warm="line",
          alarms=("BUF.POS.hi", "BUF.POS.hihi"), trip="buffer end", within_s=900.0),
    fault("run-out", C, "roll_eccentricity", 8.0, warm=RECIPE, alarms=("CAL.ECC.hi",),
          within_s=600.0),
    fault("stiff bearing", C, "bearing_drag", 60.0, warm=RECIPE, alarms=("CAL.TORQUE.hi",)),
    fault("seized bearing", C, "bearing_drag", 90.0, warm=RECIPE,
          alarms=("CAL.TORQUE.hihi",)),
    fault("open guard", C, "guard_open", alarms=("CAL.GUARD.open",), trip="nip guard"),
    fault("emergency stop", C, "emergency_stop", alarms=("CAL.ESTOP.pressed",),
          trip="emergency stop"),
)  # fmt: skip
