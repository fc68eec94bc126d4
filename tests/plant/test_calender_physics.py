"""Calender, physics and instruments: gains, dead time, modes of control, faults."""

import random
from itertools import pairwise

import pytest

from plc_sim.field.calender import FAULT_SCALES, FAULTS, INSTRUMENTS
from plc_sim.logic.coater_loops import FILM_WIDTH_M
from plc_sim.models.calender import Model
from plc_sim.models.compaction import heckel_law
from plc_sim.models.parameters import numbers, table
from plc_sim.models.web import Web
from tests.support.calender_rig import Rig, mean, sd


def quiet(v_m_per_min: float = 5.0) -> Rig:
    rig = Rig(roll_degc=80.0, noise=False)
    rig.coater = lambda _t: 0.30
    rig.produce(v_m_per_min=v_m_per_min)
    return rig


def steady_um(rig: Rig, seconds: float = 20.0) -> float:
    return mean(rig.sample(seconds, rig.thickness_um))


def test_instruments_stand_in_the_order_of_the_sensors() -> None:
    assert tuple(i.sensor for i in INSTRUMENTS) == Model.SENSORS
    assert set(FAULT_SCALES) <= set(FAULTS)


def test_local_gain_of_thickness_on_line_load() -> None:
    rig = quiet()
    before, load = steady_um(rig), rig.model.truth()["load_n_per_mm"]
    rig.set(LOAD_SP=650.0)
    rig.run(15.0)
    gain = (steady_um(rig) - before) / (rig.model.truth()["load_n_per_mm"] - load)
    assert gain == pytest.approx(-0.025, abs=0.003)


def test_two_per_cent_loading_is_two_um() -> None:
    rig = quiet()
    before = steady_um(rig)
    rig.coater = lambda _t: 0.306
    rig.run(110.0)
    assert steady_um(rig) - before == pytest.approx(2.1, abs=0.2)


def test_line_load_control_hardly_sees_warmer_rolls() -> None:
    rig = quiet()
    before = steady_um(rig)
    rig.warm(3.0)
    rig.run(5.0)
    assert steady_um(rig) - before == pytest.approx(-0.3, abs=0.1)


def test_gap_control_takes_over_without_a_bump_and_sees_warmer_rolls() -> None:
    rig = quiet()
    before = steady_um(rig)
    rig.set(GAP_SP=rig.tag("CAL.GAP.PV"), MODE=1.0)
    assert max(abs(h - before) for h in rig.sample(60.0, rig.thickness_um)) < 0.3
    rig.warm(3.0)
    rig.run(15.0)
    assert steady_um(rig) - before == pytest.approx(-3.0, abs=0.7)
    assert rig.tag("CAL.LOAD.PV") > 650.0


def test_line_load_control_takes_over_again_along_a_ramp() -> None:
    rig = quiet()
    rig.set(GAP_SP=rig.tag("CAL.GAP.PV") + 4.0, MODE=1.0)
    rig.run(60.0)
    load = rig.tag("CAL.LOAD.PV")
    assert load < 560.0
    rig.set(MODE=0.0)
    seen = [load, *rig.sample(20.0, lambda: rig.tag("CAL.LOAD.PV"))]
    assert max(abs(b - a) for a, b in pairwise(seen)) < 10.0
    assert seen[-1] == pytest.approx(600.0, abs=3.0)


@pytest.mark.parametrize(("v_m_per_min", "dead_s"), [(1.0, 75.0), (5.0, 15.0), (20.0, 3.75)])
def test_dead_time_of_the_gauge_is_its_distance_over_the_speed(
    v_m_per_min: float, dead_s: float
) -> None:
    rig = quiet(v_m_per_min)
    nip, gauge = rig.thickness_um(), rig.tag("CAL.THK.C")
    rig.set(LOAD_SP=700.0)
    start = rig.until(lambda: rig.thickness_um() < nip - 1.0, 20.0)
    total = rig.until(lambda: rig.tag("CAL.THK.C") < gauge - 1.0, 2.0 * dead_s + 20.0)
    assert start < 5.0
    assert total == pytest.approx(dead_s, abs=0.02 * dead_s + 0.4)


def test_a_thin_edge_shows_at_both_sides_and_a_tilt_at_one() -> None:
    rig = quiet()
    rig.run(60.0)  # the leader, which has no thin edge, is gone
    assert rig.tag("CAL.THK.C") - rig.tag("CAL.THK.DS") == pytest.approx(0.9, abs=0.4)
    tilted = Rig(roll_degc=80.0, noise=False)
    tilted.produce()
    tilted.model.cylinders.ds_n_per_m += 60e3
    tilted.model.cylinders.os_n_per_m -= 60e3
    tilted.run(0.1)
    profile = tilted.model.sense()
    names = Model.SENSORS
    assert profile[names.index("load_ds")] - profile[names.index("load_os")] > 50.0
    tilted.until(
        lambda: tilted.tag("CAL.THK.OS") - tilted.tag("CAL.THK.DS") > 1.0,
        20.0,
    )


def test_run_out_is_a_line_at_roll_frequency_and_the_plc_finds_its_amplitude() -> None:
    rig = quiet()
    rig.model.set_fault("roll_eccentricity", 4.0)
    rig.run(240.0)
    assert rig.tag("CAL.ECC") == pytest.approx(4.0, abs=0.6)
    angles, thickness = [], []
    for _ in range(2000):
        rig.step()
        angles.append(rig.tag("CAL.ANGLE"))
        thickness.append(rig.thickness_um())
    turns = sum(1 for a, b in pairwise(angles) if b < a - 180.0)
    assert turns / 200.0 == pytest.approx(0.106, abs=0.006)
    assert 0.5 * (max(thickness) - min(thickness)) == pytest.approx(1.24, abs=0.2)
    rig.model.set_fault("roll_eccentricity", 0.0)
    rig.run(240.0)
    assert rig.tag("CAL.ECC") == pytest.approx(1.0, abs=0.3)


def test_a_sticking_servo_makes_a_limit_cycle() -> None:
    rig = quiet()
    rig.run(60.0)
    good = sd(rig.sample(120.0, lambda: rig.tag("CAL.LOAD.PV")))
    rig.model.set_fault("servo_stiction", 12.0)
    rig.set(LOAD_SP=606.0)
    rig.run(60.0)
    assert good < 0.5
    assert sd(rig.sample(120.0, lambda: rig.tag("CAL.LOAD.PV"))) > 2.0


def test_an_unknown_fault_is_refused_by_name() -> None:
    with pytest.raises(LookupError, match="servo_stiction"):
        Model(Web()).set_fault("gauge_dirt", 1.0)


def test_dirt_on_the_gauge_lifts_the_reading_and_nothing_else() -> None:
    rig = quiet()
    truth, shown = rig.thickness_um(), rig.tag("CAL.THK.C")
    sensor, fault = FAULTS["gauge_dirt"]
    rig.rack.set_fault(sensor, fault, 5.0 * FAULT_SCALES["gauge_dirt"])
    rig.run(720.0)
    assert rig.tag("CAL.THK.C") - shown == pytest.approx(1.0, abs=0.3)
    assert rig.thickness_um() == pytest.approx(truth, abs=0.2)


def test_heat_balance_of_rolls_and_oil_closes() -> None:
    rig = Rig()
    heat = rig.model.heat
    p = numbers("calender") | {"oil_delay_s": 1.0}
    heat = type(heat)(p, 22.0)
    heat.heater_share = 0.5
    put_in = taken = 0.0
    for _ in range(1800):
        heat.step(1.0, 500.0, 5.0, 22.0)
        film_w = 0.5 * 5.0 * (heat.upper_degc + heat.lower_degc - 44.0)
        put_in += 0.5 * p["heater_w"] + p["nip_heat_share"] * 500.0
        taken += heat.to_air_w + film_w
    stored = p["roll_j_per_k"] * (heat.upper_degc + heat.lower_degc - 44.0)
    stored += p["oil_j_per_k"] * (heat.oil_degc - 22.0)
    assert put_in - taken == pytest.approx(stored, rel=2e-3)


def test_rolls_press_the_width_of_the_film_the_coater_makes() -> None:
    width_m = numbers("film")["film_width_m"]
    assert numbers("coater")["film_width_m"] == numbers("calender")["film_width_m"] == width_m
    assert width_m == FILM_WIDTH_M  # what the coater's PLC was told
    p = numbers("calender")
    stretch_um = 600e3 * width_m / p["mill_n_per_m"] * 1e6
    assert stretch_um == pytest.approx(180.0, abs=1.0)


def test_power_goes_up_with_speed_and_load() -> None:
    rig = quiet()
    slow = rig.model.drive_power_w
    rig.set(V_SP=20.0)
    rig.run(120.0)
    assert rig.model.drive_power_w > 1.2 * slow
    assert 40.0 < rig.tag("CAL.TORQUE") < 60.0


def test_a_speed_ratio_shears_the_film_thinner_and_costs_torque() -> None:
    rig = quiet()
    before, torque = steady_um(rig), rig.tag("CAL.TORQUE")
    rig.set(RATIO_SP=1.1)
    rig.run(20.0)
    assert rig.tag("CAL.RATIO.PV") == pytest.approx(1.1)
    assert steady_um(rig) < before - 0.2
    assert rig.tag("CAL.TORQUE") > torque + 5.0


@pytest.mark.parametrize("seed", range(8))
def test_the_loops_of_the_plc_hold_all_over_the_plausible_ranges_of_the_parameters(
    seed: int,
) -> None:
    rng = random.Random(seed)
    drawn = {p.name: rng.uniform(p.low, p.high) for p in table("calender")}
    rig = Rig(roll_degc=80.0, seed=seed, parameters=drawn)
    rig.coater = lambda _t: 0.30
    rig.produce()
    rig.run(60.0)
    load = rig.sample(60.0, lambda: rig.tag("CAL.LOAD.PV"))
    tension = rig.sample(60.0, lambda: rig.tag("CAL.TENS.OUT"))
    rolls = rig.sample(900.0, lambda: rig.tag("CAL.TROLL.U"))
    assert rig.trip == "none"
    assert mean(load) == pytest.approx(600.0, abs=4.0)
    assert sd(load) < 5.0
    assert mean(tension) == pytest.approx(60.0, abs=2.0)
    assert sd(tension) < 3.0
    assert all(75.0 < t < 85.0 for t in rolls[-3000:])


def test_heckel_law_plugs_in() -> None:
    web = Web()
    model = Model(web, law=heckel_law(numbers("calender")), roll_degc=80.0)
    model.actuate((600.0, 600.0, 0.0, 5.0, 1.0, 1.0, 0.1, 0.7, 10.0, 0.0))
    for _ in range(600):
        model.step(0.1)
    assert model.truth()["thickness_um"] == pytest.approx(105.0, abs=2.5)


def test_equal_seeds_give_equal_readings_and_another_seed_does_not() -> None:
    def readings(seed: int) -> list[float]:
        rig = Rig(seed=seed, roll_degc=80.0)
        rig.set(CMD=3, TROLL_SP=80.0, LOAD_SP=600.0, V_SP=5.0)
        rig.run(60.0)
        return list(rig.rack.readings)

    assert readings(1) == readings(1)
    assert readings(1) != readings(2)
