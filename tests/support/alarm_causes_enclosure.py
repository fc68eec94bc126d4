"""Causes of every alarm of the enclosure and its dehumidifier."""

from plc_sim.lockstep import Lockstep
from tests.support.alarm_causes import Cause, How, fault, nothing

E = "enclosure"


def _air(kelvin: float):
    """Air and frames are warmer by this."""

    def act(line: Lockstep) -> None:
        chamber = line.plant.enclosure.chamber
        chamber.temp_degc += kelvin
        chamber.frame_degc += kelvin

    return act


def _relief_stuck(line: Lockstep) -> None:
    line.inject(E, "relief_stuck")


def _relief_free(line: Lockstep) -> None:
    line.plant.faults.clear(E, "relief_stuck")


def _spill(line: Lockstep) -> None:
    line.plant.enclosure.add_water_g(8.0)


CAUSES: tuple[Cause, ...] = (
    Cause(key="spilt water", station=E, warm=E, begin=_spill, end=nothing, within_s=300.0,
          gone_s=3600.0, shows={"ENC.LOT.HOLD": 1.0, "ENC.PERMIT": 0.0},
          alarms=("ENC.DP.ZONE.hi", "ENC.DP.ZONE.hihi", "ENC.DP.ZONE.stop")),
    fault("dirty mirror", E, "mirror_dirty", how=How.INSTRUMENT, alarms=("ENC.DP.REF.apart",),
          within_s=1200.0),
    fault("damper nearly shut", E, "makeup_damper_stuck", 34.0, alarms=("ENC.PRESS.PV.lo",)),
    fault("open door", E, "door_open", alarms=("ENC.PRESS.PV.lolo", "ENC.DOOR.1.open"),
          shows={"ENC.GLOVE.LOCK": 1.0, "ENC.LOT.HOLD": 1.0, "ENC.PERMIT": 0.0},
          trip="pressure low"),
    *(fault(f"open door {k}", E, "door_open", float(k), alarms=(f"ENC.DOOR.{k}.open",),
            shows={"ENC.GLOVE.LOCK": 1.0, "ENC.PERMIT": 0.0}, trip="pressure low")
      for k in (2, 3, 4)),
    fault("damper half open", E, "makeup_damper_stuck", 47.0, alarms=("ENC.PRESS.PV.hi",)),
    fault("damper open, relief stuck", E, "makeup_damper_stuck", 60.0,
          before=_relief_stuck, alarms=("ENC.PRESS.PV.hihi",), repair=_relief_free,
          trip="pressure high"),
    fault("water on powder", E, "h2s_release", 5.0,
          alarms=("ENC.H2S.hi", "ENC.H2S.hihi", "ENC.H2S.trip"), trip="hydrogen sulfide",
          shows={"ENC.HORN": 1.0, "ENC.EXHAUST": 100.0, "ENC.PERMIT": 0.0}, gone_s=3600.0),
    fault("nitrogen leak", E, "nitrogen_leak", 60.0, alarms=("ENC.O2.lo", "ENC.O2.lolo"),
          trip="oxygen low", shows={"ENC.HORN": 1.0, "ENC.EXHAUST": 100.0, "ENC.PERMIT": 0.0},
          within_s=900.0, gone_s=900.0),
    fault("drifting oxygen cell", E, "oxygen_cell_drift", alarms=("ENC.O2.hi",),
          how=How.INSTRUMENT),
    fault("too much chilled water", E, "chilled_water_stuck", 100.0, before=_air(-9.0),
          alarms=("ENC.TEMP.PV.lo", "ENC.TEMP.PV.lolo"), gone_s=3600.0),
    fault("no chilled water", E, "chilled_water_stuck", 1.0, before=_air(19.0),
          alarms=("ENC.TEMP.PV.hi", "ENC.TEMP.PV.hihi"), trip="air hot", gone_s=3600.0),
    fault("dead heater", E, "heater_failure", within_s=900.0, gone_s=900.0,
          alarms=("DHU.TREG.PV.lo", "ENC.DP.SUP.hi", "ENC.DP.SUP.hihi")),
    fault("heater stuck on a little", E, "heater_stuck", 45.0, trip="regeneration hot",
          alarms=("DHU.TREG.PV.hi", "DHU.TREG.PV.hihi"), within_s=600.0, gone_s=900.0),
    fault("heater stuck on", E, "heater_stuck", 100.0, alarms=("DHU.LIMITER.open",),
          trip="heater limiter", within_s=600.0, gone_s=900.0),
    fault("slipping regeneration fan", E, "regeneration_fan_slip", 20.0,
          alarms=("DHU.FREG.PV.lo", "DHU.FREG.PV.lolo"), trip="no regeneration flow"),
    fault("rotor stopped", E, "rotor_stopped", alarms=("DHU.ROT.still",), trip="rotor stopped",
          within_s=600.0, settle_s=900.0),
    fault("loaded filter", E, "filter_loaded", 8.0, alarms=("DHU.DPFILT.hi", "DHU.DPFILT.hihi")),
    fault("dead heater by recipe", E, "heater_failure", warm="enclosure by recipe",
          alarms=("DHU.TREGOUT.lo",), within_s=900.0),
)  # fmt: skip
