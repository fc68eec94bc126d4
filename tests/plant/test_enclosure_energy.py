"""Energy of enclosure, grey room and dry-room baselines, and the saving between them."""

import pytest

from plc_sim.models.dry_room import (
    DRY_ROOM_STEP_S,
    Baseline,
    fixed_design,
    optimised_design,
    two_stage_design,
)
from plc_sim.models.enclosure import Model
from plc_sim.models.grey_room import GREY_STEP_S, grey_room
from plc_sim.models.parameters import numbers
from plc_sim.models.room import Room
from plc_sim.models.surroundings import STEADY, Scenario, Surroundings
from tests.support.enclosure_rig import Rig

PARAMETERS = numbers("enclosure")
FIXED = fixed_design(PARAMETERS)
MILD = (20.0, 0.010)
HALL_W = 0.010


def settled(design, people=3, weather=MILD):
    room = Room(design, PARAMETERS, dt_s=DRY_ROOM_STEP_S)
    room.heat_w = 5000.0
    for _ in range(480):
        room.step(DRY_ROOM_STEP_S, people, weather, HALL_W)
    return room


# design -> room and supply frost point, kW total, regeneration, fans, cooling
ROOMS = (
    (FIXED, -42.0, -48.0, 94.4, 72.8, 9.5, 12.1),
    (optimised_design(PARAMETERS), -43.0, -51.0, 48.5, 33.6, 5.8, 9.0),
    (two_stage_design(PARAMETERS), -48.0, -72.0, 76.7, 52.5, 9.7, 14.5),
)


@pytest.mark.parametrize(("design", "zone", "supply", "kw", "reg", "fan", "cool"), ROOMS)
def test_dry_rooms_take_the_expected_power(design, zone, supply, kw, reg, fan, cool):
    room = settled(design)
    assert room.frost_point_degc == pytest.approx(zone, abs=1.5)
    assert room.supply_frost_point_degc == pytest.approx(supply, abs=3.0)
    assert room.power_w * 1e-3 == pytest.approx(kw, rel=0.08)
    assert room.power_regeneration_w * 1e-3 == pytest.approx(reg, rel=0.1)
    assert room.power_fan_w * 1e-3 == pytest.approx(fan, rel=0.15)
    assert room.power_cooling_w * 1e-3 == pytest.approx(cool, rel=0.15)


def test_grey_room_at_fixed_settings():
    room = grey_room(PARAMETERS)
    room.out_kg_s, room.in_kg_s, room.in_w = 0.12, 0.02, 3e-6
    for _ in range(6 * 720):
        room.step(GREY_STEP_S, 3, MILD, HALL_W)
    assert room.frost_point_degc == pytest.approx(-26.0, abs=2.0)
    assert room.power_w * 1e-3 == pytest.approx(28.7, rel=0.1)


def test_people_make_a_dry_room_wetter_and_leave_it_dry_at_night():
    busy, empty = settled(FIXED, people=5), settled(FIXED, people=0)
    assert busy.frost_point_degc > empty.frost_point_degc + 3.0


@pytest.mark.parametrize("weather", [(5.0, 0.003), (20.0, 0.010), (32.0, 0.019)])
def test_baseline_power_follows_the_weather(weather):
    room = settled(FIXED, weather=weather)
    mild = settled(FIXED)
    assert (room.power_w > mild.power_w) == (weather[0] > 20.0) or weather == MILD
    assert -50.0 < room.frost_point_degc < -36.0


def test_baseline_steps_all_three_rooms():
    base = Baseline(PARAMETERS)
    before = [room.w for room in base.rooms]
    base.step(3, 5000.0, MILD, HALL_W)
    assert all(room.w != w for room, w in zip(base.rooms, before, strict=True))


def fixed_plant(weather=MILD):
    """Enclosures and grey room both at fixed settings, in production."""
    scenario = Scenario(
        outdoor_degc=weather[0],
        outdoor_w=weather[1],
        outdoor_swing_k=0.0,
        weather_noise=False,
        glove_work=False,
        pass_box=False,
        hall_w=HALL_W,
    )
    model = Model(
        soaked=False, start_frost_point_degc=-50.0, surroundings=Surroundings(1, scenario)
    )
    model.machine_heat_w, model.product_kg_per_h, model.web_m_per_s = 4000.0, 10.0, 5.0 / 60.0
    heat, valve = 40.0, 50.0
    for k in range(3 * 36000):
        if k % 10 == 0:
            error = 140.0 - model.unit.regeneration_degc
            heat = min(100.0, max(0.0, heat + 0.0125 * error))
            warm = model.temp_degc - 22.0
            valve = min(100.0, max(0.0, valve + 0.0075 * warm))
            drive = min(100.0, max(0.0, heat + error))
            cool = min(100.0, max(0.0, valve + 3.0 * warm))
        model.actuate(
            (100.0, 100.0, drive, 4.0, cool, 60.0, 0, 0, 0, 0, 0, 0, 120.0, 100.0, 1, 1, 0)
        )
        model.step(0.1)
    return model.truth()


@pytest.mark.parametrize(("weather", "ratio"), [(MILD, 0.46), ((5.0, 0.003), 0.45)])
def test_enclosures_in_a_grey_room_at_fixed_settings_save_about_half(weather, ratio):
    truth = fixed_plant(weather)
    assert truth["power_env_kw"] / truth["power_base_kw"] == pytest.approx(ratio, abs=0.06)
    assert truth["power_unit_kw"] == pytest.approx(15.1, rel=0.1)


def test_saving_counts_only_time_inside_the_frost_point_limit():
    rig = Rig(grey_degc=None)
    rig.start({"DHU.FAN.SP": 100.0, "DHU.TREG.SP": 160.0, "DHU.FREG.SP": 100.0})
    rig.run(600.0)
    assert rig.model.truth()["saving_pct"] == 0.0
    rig.run(2400.0)
    truth = rig.model.truth()
    assert 0.2 < truth["in_spec_share"] < 0.8
    assert truth["saving_pct"] > 30.0


def test_steady_scenario_is_steady():
    around = Surroundings(1, STEADY)
    around.step(12345.0)
    assert (around.outdoor_degc, around.outdoor_w) == MILD


def test_controlled_enclosure_and_grey_room_save_more_than_60_percent():
    rig = Rig(grey_degc=None, soaked=False, start_frost_point_degc=-62.0)
    rig.start({"DHU.FAN.SP": 55.0, "DHU.TREG.SP": 145.0, "DHU.FREG.SP": 50.0})
    rig.run(3 * 3600.0)
    truth = rig.model.truth()
    assert truth["frost_point_degc"] < -64.0
    assert truth["grey_frost_point_degc"] == pytest.approx(-20.0, abs=1.5)
    assert truth["saving_pct"] > 60.0
    assert 0.0 < truth["saving_optimised_pct"] < truth["saving_two_stage_pct"] < truth["saving_pct"]
