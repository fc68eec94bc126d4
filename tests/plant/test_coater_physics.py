"""The coater's physics through its instruments: gains, dead times, mass, refill, faults."""

from statistics import mean, stdev

import pytest

from plc_sim.field.coater import INSTRUMENTS
from plc_sim.models.coater import Model
from plc_sim.models.parameters import numbers, table
from plc_sim.plc import Mode
from tests.support.coater_rig import Rig

QUIET = {
    "feeder_noise": 0.0,
    "bulk_density_sd": 0.0,
    "nip_friction_sd": 0.0,
    "gauge_noise": 0.001,
    "refill_error": 0.0,
}


@pytest.fixture
def quiet():
    return Rig(parameters=QUIET).start(600.0)


def trace(rig, tag, seconds, every_s=1.0):
    found = []
    for _ in range(round(seconds / every_s)):
        rig.run(every_s)
        found.append(rig[tag])
    return found


def time_to(share, start, values_, every_s):
    end = mean(values_[-10:])
    return next(
        k * every_s for k, v in enumerate(values_, 1) if (v - start) / (end - start) > share
    )


def test_instruments_stand_in_the_order_of_the_sensors():
    assert tuple(i.sensor for i in INSTRUMENTS) == Model.SENSORS


def test_screw_speed_moves_mixing_energy(quiet):
    before = mean(trace(quiet, "COAT.SME", 30))
    quiet.write(SCREW_SP=280)
    after = trace(quiet, "COAT.SME", 75)
    assert (mean(after[55:]) - before) / 40.0 == pytest.approx(0.23, abs=0.04)
    t28, t63 = (time_to(s, before, after, 1.0) for s in (0.283, 0.632))
    tau = 1.5 * (t63 - t28)
    assert tau == pytest.approx(15.0, abs=5.0)
    assert t63 - tau == pytest.approx(5.0, abs=3.0)


def test_speed_ratio_moves_nip_energy_fast(quiet):
    before = mean(trace(quiet, "COAT.ENIP", 30))
    assert before == pytest.approx(65.0, abs=4.0)
    quiet.write(RATIO_SP=1.27)
    after = trace(quiet, "COAT.ENIP", 40, 0.25)
    assert (mean(after[60:]) - before) / 0.02 == pytest.approx(260.0, abs=60.0)
    assert time_to(0.632, before, after, 0.25) < 7.0


def test_nip_energy_does_not_depend_on_line_speed(quiet):
    at_5 = mean(trace(quiet, "COAT.ENIP", 30))
    quiet.write(V_LINE_SP=3.0, FEED_SP=6.0)
    quiet.run(900.0)
    assert mean(trace(quiet, "COAT.ENIP", 30)) == pytest.approx(at_5, rel=0.04)
    assert quiet["COAT.PNIP"] < 130.0


@pytest.mark.parametrize("speed", [2.0, 5.0])
def test_gap_moves_loading_after_two_metres_of_web(quiet, speed):
    quiet.write(V_LINE_SP=speed, FEED_SP=2.0 * speed)
    quiet.run(900.0)
    before = mean(trace(quiet, "COAT.LOAD.C", 60))
    quiet.write(GAP1_SP=110)
    way_s = 2.0 / speed * 60.0
    late = trace(quiet, "COAT.LOAD.C", way_s + 40.0)
    first = next(k for k, v in enumerate(late) if v > before + 0.3)
    assert way_s - 2.0 <= first <= way_s + 13.0
    assert (mean(late[-8:]) - before) / 10.0 == pytest.approx(0.30, abs=0.05)


def test_the_edge_is_lighter_than_the_centre(quiet):
    assert 0.3 < quiet["COAT.LOAD.C"] - quiet["COAT.LOAD.E"] < 1.2


def test_no_powder_is_lost(quiet):
    model = Rig(seed=5).start(1200.0).model
    assert model.fed_kg > 2.0
    assert model.truth()["mass_error_kg"] == pytest.approx(0.0, abs=1e-9)
    assert model.feeder.refilled_kg + 15.0 - model.feeder.hopper_kg == pytest.approx(
        model.fed_kg + model._dose_kg, abs=1e-6
    )


def test_feed_and_web_agree_at_the_reference_point(quiet):
    quiet.run(600.0)
    truth = quiet.model.truth()
    assert truth["web_kg_per_h"] == pytest.approx(truth["feed_kg_per_h"], rel=0.03)
    assert quiet["COAT.FEED.PV"] == pytest.approx(10.0, rel=0.05)
    assert quiet["COAT.WEDGE"] == pytest.approx(30.0, abs=4.0)


def test_too_much_feed_goes_over_the_weir(quiet):
    model = Model(seed=1)
    u = dict.fromkeys(Model.ACTUATORS, 0.0) | {"feeder_pct": 100.0, "screw_rpm": 300.0, "ratio": 1}
    model.actuate([u[a] for a in Model.ACTUATORS])
    for _ in range(5 * 900):
        model.step(Model.PERIOD_S)
    truth = model.truth()
    assert truth["returned_kg"] > 1.0
    assert truth["wedge_mm"] <= 60.5
    assert truth["mass_error_kg"] == pytest.approx(0.0, abs=1e-9)


def test_the_feeder_runs_on_its_speed_during_a_refill():
    rig = Rig(seed=2).start(60.0)
    rig.run_until(lambda r: r["COAT.REFILL"] == 1.0, 1000.0)
    feeder = Model.ACTUATORS.index("feeder_pct")
    speed, feed, weight = rig.logic._out[feeder], rig["COAT.FEED.PV"], rig["COAT.HOPPER.WT"]
    speeds, feeds = [], []
    while rig["COAT.REFILL"] == 1.0:
        rig.tick()
        speeds.append(rig.logic._out[feeder])
        feeds.append(rig["COAT.FEED.PV"])
    assert len(speeds) == pytest.approx(600, abs=15)
    assert set(speeds) == {speed}
    assert set(feeds) == {feed}
    assert rig["COAT.HOPPER.WT"] > weight + 1.0


def test_refills_come_every_15_min_while_feeding():
    rig = Rig(seed=2).start(0.0)
    starts, was = [], 0.0
    while len(starts) < 2:
        rig.tick()
        if rig["COAT.REFILL"] > was:
            starts.append(rig.now_s)
        was = rig["COAT.REFILL"]
        assert rig.now_s < 4000.0
    assert starts[1] - starts[0] == pytest.approx(900.0, abs=20.0)


def test_loading_and_energy_wander_as_much_as_expected():
    rig = Rig(seed=4).start(600.0)
    energy, loading = [], []
    for _ in range(180):
        rig.run(10.0)
        energy.append(rig.model.truth()["e_nip_kj_per_kg"])
        loading.append(rig.model.truth()["loading_mg_per_cm2"])
    assert 1.2 < stdev(energy) < 4.0
    assert 0.1 < stdev(loading) < 1.0


def test_equal_seeds_give_equal_runs():
    a, b, c = (Rig(seed=s).start(30.0) for s in (7, 7, 8))
    assert a.rack.readings == b.rack.readings
    assert a.model.truth() == b.model.truth()
    assert a.rack.readings != c.rack.readings


def test_bridging_shows_in_torque_and_loading_but_not_in_weight(quiet):
    torque, loading = quiet["COAT.TORQUE"], quiet["COAT.LOAD.C"]
    quiet.model.set_fault("feeder_bridging", 1.0)
    quiet.run(180.0)
    weight = quiet["COAT.HOPPER.WT"]
    quiet.run(90.0)
    assert quiet["COAT.HOPPER.WT"] == pytest.approx(weight, abs=0.03)
    assert quiet["COAT.FEED.PV"] < 2.0
    assert quiet["COAT.TORQUE"] < 0.8 * torque
    assert quiet["COAT.LOAD.C"] < 0.97 * loading


def test_a_weak_lot_shows_in_the_index_after_minutes_and_not_in_energy(quiet):
    index = mean(trace(quiet, "COAT.FIBIDX", 120))
    energy = quiet["COAT.ENIP"]
    quiet.model.set_fault("ptfe_lot", 0.75)
    assert mean(trace(quiet, "COAT.FIBIDX", 240)) == pytest.approx(index, abs=0.01)
    quiet.run(700.0)
    assert mean(trace(quiet, "COAT.FIBIDX", 120)) < index - 0.015
    assert quiet["COAT.ENIP"] == pytest.approx(energy, rel=0.05)


def test_a_failed_jacket_lets_the_barrel_go_cold_and_the_torque_rise(quiet):
    torque, f = quiet["COAT.TORQUE"], quiet.model.truth()["f"]
    quiet.model.set_fault("jacket_failure", 1.0)
    quiet.run(1800.0)
    assert quiet["COAT.TBARREL.PV"] == pytest.approx(22.5, abs=1.5)
    assert quiet["COAT.TORQUE"] > torque + 3.0
    assert quiet.model.truth()["f"] < f - 0.03


def test_worn_rolls_pass_on_less_energy_within_an_hour(quiet):
    energy = quiet["COAT.ENIP"]
    quiet.model.set_fault("roll_friction", -35.0)
    quiet.run(1800.0)
    assert quiet["COAT.ENIP"] == pytest.approx(0.825 * energy, rel=0.05)
    quiet.run(2000.0)
    assert quiet["COAT.ENIP"] == pytest.approx(0.65 * energy, rel=0.05)
    quiet.model.set_fault("roll_friction", 0.0)
    quiet.run(60.0)
    assert quiet["COAT.ENIP"] == pytest.approx(energy, rel=0.05)


def test_an_unknown_fault_is_refused(quiet):
    with pytest.raises(KeyError):
        quiet.model.set_fault("gremlins", 1.0)


def test_made_web_carries_its_quality_and_adds_up(quiet):
    model = quiet.model
    start_m, made_m = model.meter_m, 0.0
    for _ in range(50):
        model.step(Model.PERIOD_S)
        made_m += model.made_m
    assert made_m == pytest.approx(model.meter_m - start_m)
    assert model.made_u + model.made_f + model.made_b == pytest.approx(1.0)
    expected = 0.1 * model.made_density_g_per_cm3 * model.made_film_um
    assert model.made_loading_mg_per_cm2 == pytest.approx(expected)
    assert model.made_strength_mpa == pytest.approx(0.73, abs=0.06)
    assert model.made_edge_loading < model.made_loading_mg_per_cm2
    assert model.roll_heat_w > 500.0
    assert 150.0 < model.drive_power_w < 1000.0


def test_no_quality_without_film():
    rig = Rig()
    rig.warm()
    rig.write(CMD=Mode.RUN)
    rig.run(60.0)
    assert rig.model.made_loading_mg_per_cm2 == 0.0
    assert rig.model.made_f == 0.0


@pytest.mark.parametrize("edge", ["low", "high"])
def test_the_line_runs_with_each_parameter_at_the_end_of_its_range(edge):
    reference = numbers("coater")
    for row in table("coater"):
        value = getattr(row, edge)
        if value == reference[row.name] or row.name.startswith(("roll_growth", "gap_open")):
            continue
        model = Model(seed=1, parameters={row.name: value})
        u = dict.fromkeys(Model.ACTUATORS, 0.0) | {
            "feeder_pct": 50.0,
            "screw_rpm": 240.0,
            "ratio": 1.25,
            "gap_um": 100.0,
            "line_m_per_min": 5.0,
            "film_trim_pct": 0.07,
        }
        model.actuate([u[a] for a in Model.ACTUATORS])
        for _ in range(5 * 400):
            model.step(Model.PERIOD_S)
        truth = model.truth()
        assert all(abs(x) < 1e6 for x in model.sense()), row.name
        assert truth["u"] + truth["f"] + truth["b"] == pytest.approx(1.0), row.name
        assert truth["mass_error_kg"] == pytest.approx(0.0, abs=1e-9), row.name
