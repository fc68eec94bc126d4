"""Causes of every alarm of the coater."""

from controller.core.event import Verb
from plc_sim.lockstep import Lockstep
from tests.support.alarm_causes import Cause, How, acts, fault, give

C = "coater"
RECIPE = "coater by recipe"


def _barrel_at(degc: float):
    """The barrel is as warm as this."""

    def act(line: Lockstep) -> None:
        line.plant.coater.mixer.temp_degc = degc

    return act


def _empty_mixer(line: Lockstep) -> None:
    """The bridge has been there for long: hardly any powder is left in screw and mixer."""
    coater = line.plant.coater
    coater.feeder._supply = 0.0
    for tank in coater.mixer.tanks:
        tank.mass_kg *= 0.001


def _tough_film(line: Lockstep) -> None:
    """A film that bears twice its usual tension, so that it wraps and does not tear."""
    line.plant.coater._p["break_share"] *= 2.0
    line.run(1.0)


def _hopper_at(kg: float):
    """So much powder is left in the hopper."""

    def act(line: Lockstep) -> None:
        line.plant.coater.feeder.hopper_kg = kg

    return act


def _by_hand(loop: str, out: str, value: float):
    """A loop in manual at a value of the operator's choice."""
    return acts(give(C, Verb.MODE, f"COAT.{loop}", "MAN"), give(C, Verb.SET, out, value))


CAUSES: tuple[Cause, ...] = (
    fault("empty mixer", C, "feeder_bridging", before=_empty_mixer, alarms=("COAT.TORQUE.lo",),
          gone_s=900.0),
    fault("bridged feeder", C, "feeder_bridging", alarms=("COAT.FEED.PV.lo",), gone_s=900.0),
    fault("lump in the mixer", C, "mixer_jam", 45.0, alarms=("COAT.TORQUE.hi",)),
    fault("jammed mixer", C, "mixer_jam", 80.0, alarms=("COAT.TORQUE.hihi",), trip="torque high",
          before=give(C, Verb.BYPASS, "torque", 3600.0)),
    fault("cooling water in the jacket", C, "jacket_stuck", -100.0, before=_barrel_at(19.0),
          alarms=("COAT.TBARREL.PV.lo", "COAT.TBARREL.PV.lolo"), within_s=900.0, gone_s=1800.0),
    fault("jacket heater stuck on", C, "jacket_stuck", 100.0, before=_barrel_at(89.0),
          alarms=("COAT.TBARREL.PV.hi", "COAT.TBARREL.PV.hihi"), trip="barrel hot",
          within_s=900.0, gone_s=1800.0),
    fault("rolls grown a little", C, "roll_growth", 50.0, alarms=("COAT.GAP1.PV.lo",)),
    fault("rolls grown", C, "roll_growth", 75.0, alarms=("COAT.GAP1.PV.lolo",), trip="gap low"),
    fault("torn film", C, "web_break", alarms=("COAT.TENS.FILM.lolo",), trip="web break"),
    fault("slow winder", C, "winder_draw", -0.3, alarms=("COAT.TENS.FILM.lo",)),
    fault("fast winder", C, "winder_draw", 1.0, alarms=("COAT.TENS.FILM.hi",)),
    fault("wrapped film", C, "winder_draw", 4.0, before=_tough_film,
          alarms=("COAT.TENS.FILM.hihi",), trip="web break"),
    fault("weak binder", C, "ptfe_lot", 0.2, alarms=("COAT.FIBIDX.lo",), within_s=3600.0,
          gone_s=3600.0),
    fault("empty store", C, "refill_empty", warm=RECIPE, before=_hopper_at(5.3),
          alarms=("COAT.HOPPER.WT.lo",), within_s=600.0),
    Cause(key="ratio too low", how=How.PERSON, station=C, warm=RECIPE, alarms=("COAT.ENIP.lo",),
          begin=_by_hand("L10", "COAT.RATIO.SP", 1.03), end=give(C, Verb.MODE, "COAT.L10", "CAS"),
          within_s=600.0),
    Cause(key="ratio too high", how=How.PERSON, station=C, warm=RECIPE, alarms=("COAT.ENIP.hi",),
          begin=_by_hand("L10", "COAT.RATIO.SP", 1.6), end=give(C, Verb.MODE, "COAT.L10", "CAS"),
          within_s=600.0),
    Cause(key="gap too small", how=How.PERSON, station=C, warm=RECIPE, alarms=("COAT.LOAD.C.lo",),
          begin=_by_hand("L12", "COAT.GAP1.SP", 85.0), end=give(C, Verb.MODE, "COAT.L12", "AUTO"),
          within_s=600.0),
    Cause(key="gap too large", how=How.PERSON, station=C, warm=RECIPE, alarms=("COAT.LOAD.C.hi",),
          begin=_by_hand("L12", "COAT.GAP1.SP", 115.0), end=give(C, Verb.MODE, "COAT.L12", "AUTO"),
          within_s=600.0),
)  # fmt: skip
