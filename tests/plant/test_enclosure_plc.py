"""The enclosure's PLC program on the simulated plant: start, stop, trips, pass box, permits."""

import pytest

from plc_sim.instruments import InstrumentFault, Status
from plc_sim.logic.enclosure import Logic
from plc_sim.models.enclosure import Model
from plc_sim.models.surroundings import Scenario
from plc_sim.plc import WATCHDOG_S, Mode
from tests.support.enclosure_rig import FULL, Rig, enclosure_points


def running(**rig) -> Rig:
    """In production mode, dry enough to feed powder."""
    rig.setdefault("start_frost_point_degc", -55.0)
    out = Rig(soaked=False, **rig)
    out.start({"DHU.FREG.SP": 60.0})
    out.until(lambda: out.mode is Mode.RUN, 600.0)
    out.run(60.0)
    return out


def test_program_and_tag_list_fit_together():
    points = {p.tag: p for p in enclosure_points()}
    assert points["ENC.TRIP"].labels == Logic.TRIPS
    assert points["ENC.TRIP"].high == len(Logic.TRIPS) - 1
    assert set(Logic.COPIES) <= set(points)
    assert set(Logic.COPIES.values()) <= set(Logic.SENSORS)
    assert Logic.SENSORS == Model.SENSORS
    assert Logic.ACTUATORS == Model.ACTUATORS


def test_start_brings_fan_then_regeneration_flow_then_heat():
    rig = Rig()
    rig.start(FULL)
    fan = rig.until(lambda: rig.tag("DHU.FAN.PV") > 5.0, 60.0)
    flow = rig.until(lambda: rig.tag("DHU.FREG.PV") > 5.0, 60.0)
    heat = rig.until(lambda: rig.output("heater_pct") > 5.0, 60.0)
    assert min(fan, flow, heat) > 0.0
    assert rig.mode is Mode.WARMUP
    rig.until(lambda: rig.mode is Mode.RUN, 300.0)
    assert rig.tag("DHU.TREG.PV") > 140.0


def test_pressure_and_regeneration_temperature_hold_their_set_points():
    rig = running()
    rig.set({"DHU.FAN.SP": 50.0, "DHU.FREG.SP": 100.0, "DHU.TREG.SP": 150.0})
    rig.run(300.0)
    assert rig.model.chamber.pressure_pa == pytest.approx(50.0, abs=2.0)
    assert rig.model.unit.regeneration_degc == pytest.approx(150.0, abs=1.5)
    rig.set({"ENC.PRESS.SP": 40.0})
    rig.run(30.0)
    assert rig.model.chamber.pressure_pa == pytest.approx(40.0, abs=2.0)


def test_four_gloves_pushed_in_do_not_trip_the_pressure():
    rig = running(scenario=Scenario(pass_box=False, weather_noise=False))
    rig.until(lambda: rig.model.sense()[Model.SENSORS.index("glove_mask")] > 0.0, 2400.0)
    rig.run(120.0)
    assert sum(rig.tag(f"ENC.GLOVE.{k:02d}") for k in range(1, 25)) == 4.0
    rig.run(700.0)
    assert rig.trip == "none"


def test_air_temperature_is_led_to_its_set_point():
    rig = running()
    rig.run(3 * 3600.0)
    assert rig.model.temp_degc == pytest.approx(22.0, abs=0.5)


def test_chilled_water_valve_and_make_up_damper_by_hand():
    rig = running()
    rig.set({"DHU.VCHW.SP": 70.0, "DHU.MAKEUP.SP": 45.0})
    rig.run(10.0)
    assert rig.output("chw_valve_pct") == 70.0
    assert rig.output("makeup_damper_pct") == 45.0


def test_stop_cools_the_heater_before_the_fans_stop():
    rig = running()
    rig.set({"ENC.CMD": Mode.STOP})
    rig.run(120.0)
    assert rig.output("heater_pct") == 0.0
    assert rig.tag("DHU.FREG.PV") > 30.0
    rig.run(400.0)
    assert rig.tag("DHU.FAN.PV") == rig.tag("DHU.FREG.PV") == 0.0
    assert rig.model.unit.regeneration_degc < 80.0
    assert rig.trip == "none"


def test_lost_controller_leaves_the_enclosure_drying_at_the_plc_own_set_points():
    rig = running()
    rig.set({"DHU.FAN.SP": 40.0, "DHU.TREG.SP": 100.0})
    rig.run(60.0)
    rig.connected = False
    rig.run(WATCHDOG_S + 0.5)
    assert rig.tag("ENC.WDOG") == 1.0
    assert rig.mode is Mode.HOLD
    rig.run(300.0)
    assert rig.tag("DHU.FAN.PV") == 80.0
    assert rig.tag("DHU.TREG.PV") == pytest.approx(140.0, abs=3.0)
    rig.connected = True
    rig.run(2.0)
    assert rig.mode is Mode.RUN


def test_lost_controller_does_not_start_a_stopped_enclosure():
    rig = Rig()
    rig.set({"ENC.CMD": Mode.STOP})
    rig.connected = False
    rig.run(30.0)
    assert rig.mode is Mode.STOP
    assert rig.tag("DHU.FAN.PV") == 0.0


def test_lost_pressure_locks_gloves_purges_and_holds_the_lot():
    rig = running()
    rig.set({"DHU.MAKEUP.SP": 0.0})
    rig.until(lambda: rig.trip == "pressure low", 30.0)
    rig.run(2.0)
    assert rig.tag("ENC.GLOVE.LOCK") == rig.tag("ENC.LOT.HOLD") == 1.0
    assert rig.output("feed_permit") == 0.0
    assert rig.output("heater_pct") > 0.0  # dryness is the safe state
    rig.run(30.0)
    assert rig.model.chamber.pressure_pa > 20.0
    rig.set({"DHU.MAKEUP.SP": -1.0})
    rig.reset_trip()
    rig.run(5.0)
    assert rig.trip == "none"
    rig.until(lambda: rig.mode is Mode.RUN, 120.0)


def test_high_pressure_opens_the_relief():
    rig = running()
    rig.set({"DHU.MAKEUP.SP": 100.0})
    highest = opened = 0.0
    for _ in range(200):
        rig.step()
        highest = max(highest, rig.model.chamber.pressure_pa)
        opened = max(opened, rig.output("relief_open"))
    assert opened == 1.0
    assert 150.0 < highest < 220.0


@pytest.mark.parametrize(
    ("level_g", "evacuated", "tripped"),
    [(0.05, False, False), (0.5, True, False), (2.0, True, True)],
)
def test_hydrogen_sulfide_is_answered_by_level(level_g, evacuated, tripped):
    rig = running()
    rig.fault("h2s_release", level_g)
    horn = trip = 0.0
    for _ in range(360):
        rig.run(1.0)
        horn = max(horn, rig.tag("ENC.HORN"))
        trip = max(trip, rig.tag("ENC.TRIP"))
    assert bool(horn) is evacuated
    assert (trip == Logic.TRIPS.index("hydrogen sulfide")) is tripped
    if tripped:
        assert rig.output("rolls_permit") == rig.output("feed_permit") == 0.0
        assert rig.tag("ENC.EXHAUST") == 100.0


def test_water_on_powder_is_carried_away_by_the_exhaust_within_half_an_hour():
    rig = running(start_frost_point_degc=-62.0)
    rig.fault("h2s_release", 0.5)
    ppm = []
    for _ in range(60):
        rig.run(60.0)
        ppm.append(rig.model.h2s_ppm)
    assert 1.0 < max(ppm) < 10.0
    assert 10 <= sum(x > 1.0 for x in ppm) <= 30  # minutes
    assert rig.trip == "none"


def test_open_door_stops_rolls_and_locks_gloves_but_not_the_heater():
    rig = running()
    assert rig.output("rolls_permit") == 1.0
    rig.around.door_mask = 0b10
    rig.run(3.0)
    assert rig.tag("ENC.DOOR.2") == 1.0
    assert rig.output("rolls_permit") == rig.output("feed_permit") == 0.0
    assert rig.tag("ENC.GLOVE.LOCK") == 1.0
    rig.run(30.0)
    assert rig.trip == "pressure low"
    assert rig.output("heater_pct") > 0.0


def test_feed_permit_and_lot_hold_follow_the_frost_point_with_delay_and_dead_band():
    rig = running(start_frost_point_degc=-58.0)
    rig.set(FULL)
    rig.until(lambda: rig.tag("ENC.LOT.HOLD") == 0.0, 3600.0)
    assert rig.tag("ENC.DP.ZONE") < -60.5
    assert rig.tag("ENC.PERMIT") == 1.0
    rig.fault("door_seal_leak", 50.0)
    wet = rig.until(lambda: rig.tag("ENC.DP.ZONE") > -60.0, 600.0)
    held = rig.until(lambda: rig.tag("ENC.LOT.HOLD") == 1.0, 60.0)
    assert wet > 0.0
    assert 15.0 < held < 30.0
    rig.fault("heater_failure", 1.0)
    rig.run(1800.0)
    assert rig.tag("ENC.DP.ZONE") > -50.0
    assert rig.tag("ENC.PERMIT") == 0.0
    assert rig.trip == "none"


def test_failed_frost_point_probe_takes_the_permit_away():
    rig = running()
    assert rig.tag("ENC.PERMIT") == 1.0
    rig.rack.set_fault("dp_zone_degc", InstrumentFault.FAILED, 1.0)
    rig.run(30.0)
    assert rig.tag("ENC.PERMIT") == 0.0
    slot = rig.plc.image.slot("ENC.PPM")
    assert rig.plc.image.status[slot] == Status.FAILED


def test_stopped_rotor_raises_its_alarm_and_later_takes_the_heat_away():
    rig = running()
    rig.fault("rotor_stopped", 1.0)
    rig.until(lambda: rig.tag("DHU.ROT.OK") == 0.0, 400.0)
    assert rig.trip == "none"
    rig.until(lambda: rig.trip == "rotor stopped", 700.0)
    rig.run(5.0)
    assert rig.output("heater_pct") == 0.0
    assert rig.tag("DHU.FREG.PV") > 50.0
    rig.fault("rotor_stopped", 0.0)
    rig.until(lambda: rig.tag("DHU.ROT.OK") == 1.0, 300.0)
    rig.reset_trip()
    rig.until(lambda: rig.mode is Mode.RUN, 600.0)


def test_no_regeneration_flow_no_heat():
    rig = running()
    rig.set({"DHU.FREG.SP": 10.0})
    rig.until(lambda: rig.trip == "no regeneration flow", 60.0)
    rig.run(1.0)
    assert rig.output("heater_pct") == 0.0


def test_hot_regeneration_air_trips_the_heater():
    rig = running()
    rig.rack.set_fault("regeneration_degc", InstrumentFault.OFFSET, 80.0)
    rig.until(lambda: rig.trip == "regeneration hot", 60.0)
    rig.run(1.0)
    assert rig.output("heater_pct") == 0.0
    rig.reset_trip()
    rig.run(1.0)
    assert rig.trip == "regeneration hot"  # the cause is still there


def test_independent_limiter_cuts_the_heat_below_any_program():
    rig = running()
    rig.rack.set_fault("regeneration_degc", InstrumentFault.OFFSET, -120.0)
    rig.until(lambda: rig.trip == "heater limiter", 600.0)
    assert rig.model.unit.power_heater_w == 0.0
    assert rig.model.unit.regeneration_degc < 235.0


@pytest.mark.parametrize(
    ("sensor", "trip"),
    [
        ("oxygen_pct", "oxygen low"),
        ("h2s_ppm", "hydrogen sulfide"),
        ("pressure_pa", "pressure low"),
    ],
)
def test_failed_safety_sensor_is_taken_for_the_worst(sensor, trip):
    rig = running()
    rig.rack.set_fault(sensor, InstrumentFault.FAILED, 1.0)
    rig.until(lambda: rig.trip == trip, 10.0)


def test_pass_box_cycle_keeps_the_doors_locked_against_each_other():
    rig = running(scenario=Scenario(glove_work=False, weather_noise=False))
    rig.set({"ENC.PB.SP": -45.0, **FULL})
    seen, inner = [], 0.0
    for _ in range(3600):
        rig.run(1.0)
        state = rig.tag("ENC.PB.STATE")
        if not seen or seen[-1] != state:
            seen.append(state)
        box = rig.model.box
        assert not (box.outer and box.inner)
        if box.inner and not inner:
            inner = rig.tag("ENC.PB.DP")
    assert seen[:6] == [0.0, 1.0, 2.0, 3.0, 4.0, 0.0]
    assert inner < -44.0


def test_energy_counters_count_and_start_again_after_a_restart():
    rig = running()
    before = rig.tag("DHU.KWH")
    rig.run(600.0)
    used = rig.tag("DHU.KWH") - before
    assert used == pytest.approx(rig.model.unit.power_w * 1e-3 / 6.0, rel=0.2)
    assert rig.tag("GREY.KWH") > 0.0
    rig.plc.restart()
    assert rig.tag("DHU.KWH") == 0.0
    assert rig.tag("ENC.BOOT") == 2.0
    assert rig.mode is Mode.STOP


def test_zone_probe_freezes_for_its_hourly_auto_calibration_with_good_status():
    rig = running(scenario=Scenario(pass_box=False))
    slot = rig.plc.image.slot("ENC.DP.ZONE")
    longest = still = 0
    last = None
    for _ in range(4000):
        rig.run(1.0)
        value = rig.tag("ENC.DP.ZONE")
        still = still + 1 if value == last else 0
        longest, last = max(longest, still), value
        assert rig.plc.image.status[slot] == Status.GOOD
    assert 60 <= longest <= 90


def test_probe_faults_show_on_the_zone_tag_only():
    rig = running()
    rig.fault("dew_point_drift", 48.0)
    before = rig.tag("ENC.DP.ZONE") - rig.tag("ENC.DP.RET")
    rig.run(3600.0)
    assert rig.tag("ENC.DP.ZONE") - rig.tag("ENC.DP.RET") - before == pytest.approx(2.0, abs=0.7)
    rig.fault("dew_point_frozen", 1.0)
    held = rig.tag("ENC.DP.ZONE")
    rig.run(300.0)
    assert rig.tag("ENC.DP.ZONE") == held
