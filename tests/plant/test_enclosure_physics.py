"""The enclosure's physics against the expected orders of magnitude, without its PLC program."""

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from random import Random

import pytest

from plc_sim.models.enclosure import Model
from plc_sim.models.enclosure_wiring import ACTUATORS
from plc_sim.models.parameter import Source
from plc_sim.models.parameters import ENCLOSURE, ROTOR
from plc_sim.models.surroundings import STEADY, Scenario, Surroundings

HOUR = 3600.0


class Bench:
    """Holds pressure, regeneration temperature and air temperature ideally enough for physics."""

    def __init__(self, **model) -> None:
        around = model.pop("surroundings", None) or Surroundings(1, STEADY)
        around.grey_forced_degc = model.pop("grey_degc", -20.0)
        self.model = Model(surroundings=around, **model)
        self.fan, self.t_reg, self.f_reg, self.rotor = 60.0, 140.0, 60.0, 4.0
        self.box = (0.0, 0.0, 0.0)
        self.exhaust = 0.0
        self.grey = (120.0, 100.0)
        self._damper = self._valve = self._heat = 30.0
        self._ticks = 0

    def produce(self) -> None:
        self.model.machine_heat_w = 4000.0
        self.model.product_kg_per_h = 10.0
        self.model.web_m_per_s = 5.0 / 60.0

    def step(self) -> None:
        m, s = self.model, self.model.sense()
        self._damper = min(100.0, max(0.0, self._damper + 0.02 * (50.0 - s[0])))
        leaves = 3.0 * s[4] + 3.0 * self.exhaust + 60.0
        damper = leaves / 6.0 + 0.2 * (50.0 - s[0]) + self._damper - 30.0
        if self._ticks % 10 == 0:
            error = self.t_reg - m.unit.regeneration_degc
            self._heat = min(100.0, max(0.0, self._heat + 0.0125 * error))
            warm = m.temp_degc - 22.0
            self._valve = min(100.0, max(0.0, self._valve + 0.0075 * warm))
        heat = self._heat + (self.t_reg - m.unit.regeneration_degc)
        values = dict.fromkeys(ACTUATORS, 0.0)
        values |= {
            "fan_pct": self.fan,
            "regeneration_flow_pct": self.f_reg,
            "heater_pct": min(100.0, max(0.0, heat)),
            "rotor_speed_rev_h": self.rotor,
            "chw_valve_pct": min(100.0, max(0.0, self._valve + 3.0 * (m.temp_degc - 22.0))),
            "makeup_damper_pct": min(100.0, max(0.0, damper)),
            "exhaust_pct": self.exhaust,
            "pass_box_outer": self.box[0],
            "pass_box_inner": self.box[1],
            "pass_box_purge": self.box[2],
            "grey_regeneration_degc": self.grey[0],
            "grey_flow_pct": self.grey[1],
        }
        m.actuate(list(values.values()))
        m.step(0.1)
        self._ticks += 1

    def run(self, seconds: float) -> float:
        for _ in range(round(seconds * 10)):
            self.step()
        return self.model.frost_point_degc

    def until(self, done: Callable[[Model], bool], within_s: float) -> float:
        for k in range(round(within_s * 10)):
            self.step()
            if done(self.model):
                return (k + 1) / 10.0
        raise AssertionError(f"not within {within_s} s: {self.model.truth()}")


def pull_down(levels, **model) -> list[float]:
    """Minutes until each frost point is reached at full power."""
    bench = Bench(**model)
    bench.fan, bench.t_reg, bench.f_reg = 100.0, 160.0, 100.0
    out, total = [], 0.0
    for level in levels:
        total += bench.until(lambda m, x=level: m.frost_point_degc < x, 2 * HOUR)
        out.append(total / 60.0)
    return out


@cache
def operating_point() -> Bench:
    """Fan 60 %, 140 degC, regeneration 60 %: about -66 degC. Copy before use."""
    bench = Bench(soaked=False, start_frost_point_degc=-45.0)
    bench.produce()
    bench.run(3.5 * HOUR)
    return bench


def at_operating_point() -> Bench:
    return deepcopy(operating_point())


def test_soaked_enclosure_dries_from_minus_20_to_minus_60_in_about_18_minutes():
    minutes = pull_down((-40.0, -50.0, -55.0, -58.0, -60.0))
    for found, expected in zip(minutes, (4.4, 7.5, 10.3, 13.8, 18.0), strict=True):
        assert found == pytest.approx(expected, rel=0.15, abs=1.7)


def test_short_opening_dries_faster_than_soaked_walls():
    soaked, short = pull_down((-60.0,)), pull_down((-60.0,), soaked=False)
    assert short[0] < soaked[0] - 1.0


def test_enclosure_soaked_at_plus_10_needs_about_an_hour():
    assert pull_down((-60.0,), start_frost_point_degc=10.0)[0] == pytest.approx(64.0, rel=0.2)


# fan %, degC, regeneration %, rev/h -> zone and supply frost point, kW of the unit
STEADY_POINTS = (
    (100.0, 140.0, 100.0, 4.0, -68.5, -74.0, 15.1),
    (100.0, 140.0, 60.0, 4.0, -68.4, -73.9, 9.7),
    (100.0, 140.0, 40.0, 4.0, -67.2, None, 7.1),
    (60.0, 140.0, 60.0, 4.0, -66.0, None, 8.4),
    (40.0, 110.0, 40.0, 4.0, -60.0, -64.0, 4.8),
    (70.0, 140.0, 40.0, 4.0, -65.5, -71.0, 6.1),
    (100.0, 180.0, 40.0, 2.0, -70.0, -79.0, 9.3),
)


@pytest.mark.parametrize(("fan", "t_reg", "f_reg", "rotor", "zone", "supply", "kw"), STEADY_POINTS)
def test_steady_frost_points_and_power(fan, t_reg, f_reg, rotor, zone, supply, kw):
    bench = Bench(soaked=False, start_frost_point_degc=-45.0)
    bench.produce()
    bench.fan, bench.t_reg, bench.f_reg, bench.rotor = fan, t_reg, f_reg, rotor
    bench.run(2.5 * HOUR)
    truth = bench.model.truth()
    assert truth["frost_point_degc"] == pytest.approx(zone, abs=1.5)
    if supply is not None:
        assert truth["supply_frost_point_degc"] == pytest.approx(supply, abs=2.0)
    assert truth["power_unit_kw"] == pytest.approx(kw, rel=0.15)


def test_one_gram_per_hour_more_costs_less_than_two_kelvin():
    bench = at_operating_point()
    before = bench.model.frost_point_degc
    for _ in range(3600):
        bench.model.add_water_g(1.0 / 3600.0)
        bench.run(1.0)
    assert bench.model.frost_point_degc - before == pytest.approx(1.7, abs=0.3)


@pytest.mark.parametrize(
    ("grams", "peak_k", "back_s"), [(0.02, 1.2, 88.0), (0.1, 4.8, 250.0), (0.5, 13.0, 470.0)]
)
def test_water_pulse_peaks_and_dies_away(grams, peak_k, back_s):
    bench = at_operating_point()
    before = bench.model.frost_point_degc
    bench.model.add_water_g(grams)
    peak = bench.run(1.0) - before
    back = bench.until(lambda m: m.frost_point_degc < before + 0.5, 1200.0)
    assert peak == pytest.approx(peak_k, rel=0.15)
    assert back == pytest.approx(back_s, rel=0.2)


def test_heater_failure_crosses_the_limit_after_some_minutes():
    bench = at_operating_point()
    bench.model.set_fault("heater_failure", 1.0)
    minutes = bench.until(lambda m: m.frost_point_degc > -60.0, HOUR) / 60.0
    assert minutes == pytest.approx(7.4, abs=2.5)
    assert bench.model.unit.regeneration_degc < 60.0
    assert bench.run(HOUR - 60.0 * minutes) == pytest.approx(-33.0, abs=6.0)


def test_stopped_rotor_hardly_shows_in_the_frost_point_for_an_hour():
    bench = at_operating_point()
    before = bench.model.frost_point_degc
    bench.model.set_fault("rotor_stopped", 1.0)
    assert abs(bench.run(HOUR) - before) < 2.0
    pulses = bench.model.unit.pulses
    bench.run(600.0)
    assert bench.model.unit.pulses == pulses


def test_fan_slip_crosses_the_limit_after_about_12_minutes():
    bench = at_operating_point()
    bench.model.set_fault("fan_slip", 15.0 / 0.6)  # to 15 % of the design flow
    minutes = bench.until(lambda m: m.frost_point_degc > -60.0, HOUR) / 60.0
    assert minutes == pytest.approx(12.0, abs=3.0)
    assert bench.model.sense()[3] == 60.0  # the drive still says 60 %


def test_seal_leak_from_the_grey_room():
    bench = at_operating_point()
    before = bench.model.frost_point_degc
    bench.model.set_fault("door_seal_leak", 1.0)
    assert bench.run(HOUR) - before == pytest.approx(1.3, abs=0.4)
    bench.model.set_fault("door_seal_leak", 5.0)
    assert bench.run(HOUR) == pytest.approx(-61.0, abs=1.0)
    bench.model.set_fault("door_seal_leak", 0.0)
    assert bench.run(HOUR) == pytest.approx(before, abs=0.5)


def test_leak_from_an_ordinary_hall_crosses_the_limit_within_minutes():
    seconds = []
    for flow in (1.0, 5.0):
        bench = at_operating_point()
        bench.model.surroundings.grey_forced_degc = 10.0
        bench.model.set_fault("door_seal_leak", flow)
        seconds.append(bench.until(lambda m: m.frost_point_degc > -60.0, 600.0))
    assert seconds[0] == pytest.approx(92.0, abs=45.0)
    assert seconds[1] < 0.4 * seconds[0]


def test_glove_tear_shows_in_the_make_up_air_and_not_in_the_frost_point():
    bench = at_operating_point()
    flow, frost = bench.model.sense()[1], bench.model.frost_point_degc
    bench.model.set_fault("glove_tear", 2.0)
    assert bench.run(300.0) == pytest.approx(frost, abs=0.3)
    assert bench.model.sense()[1] - flow == pytest.approx(6.0, abs=1.5)


def test_torn_glove_sucks_room_air_once_the_pressure_is_gone():
    bench = at_operating_point()
    bench.model.set_fault("glove_tear", 2.0)
    frost = bench.run(60.0)
    values = [0.0] * len(ACTUATORS)
    values[:4] = 60.0, 60.0, 40.0, 4.0
    for _ in range(1200):
        bench.model.actuate(values)
        bench.model.step(0.1)
    assert bench.model.chamber.pressure_pa < -5.0
    assert bench.model.frost_point_degc > frost + 5.0


def test_worn_seal_makes_the_supply_wetter():
    bench = at_operating_point()
    before = bench.model.truth()["supply_frost_point_degc"]
    bench.model.set_fault("seal_wear", 3.0)
    bench.run(HOUR)
    assert bench.model.truth()["supply_frost_point_degc"] - before == pytest.approx(10.0, abs=3.0)


def spill(exhaust_pct: float) -> tuple[list[float], float]:
    """H2S of each minute after half a gram of water fell on powder, and the rise of the frost."""
    bench = at_operating_point()
    frost = bench.model.frost_point_degc
    bench.exhaust = exhaust_pct
    bench.model.set_fault("h2s_release", 0.5)
    gas, wet = [], []
    for _ in range(90):
        wet.append(bench.run(60.0))
        gas.append(bench.model.h2s_ppm)
    return gas, max(wet) - frost


def test_spill_releases_hydrogen_sulfide_and_moisture():
    gas, rise_k = spill(exhaust_pct=100.0)
    assert 3.0 < max(gas) < 10.0
    assert 10 <= sum(x > 1.0 for x in gas) <= 30  # minutes
    assert rise_k > 1.0


def test_without_exhaust_only_leakage_carries_hydrogen_sulfide_away():
    gas, _ = spill(exhaust_pct=0.0)
    peak = gas.index(max(gas))
    # V/Q of 36 m3 and 60 m3/h: 36 min; the regeneration air is not counted.
    assert gas[peak + 36] / gas[peak] == pytest.approx(0.37, abs=0.05)
    assert sum(x > 1.0 for x in gas) > 60


def test_dry_powder_makes_little_hydrogen_sulfide():
    bench = at_operating_point()
    bench.run(2 * HOUR)
    per_ppmv = bench.model.h2s_ppm / bench.model.ppmv
    assert 10.7 * per_ppmv == pytest.approx(0.03, abs=0.006)  # at -60 degC


def test_glove_pushed_in_is_a_pressure_pulse():
    bench = at_operating_point()
    bench.model.surroundings.glove_mask = 1
    highest = 0.0
    for _ in range(40):
        bench.step()
        highest = max(highest, bench.model.chamber.pressure_pa)
    assert 53.0 < highest < 60.0
    lowest = highest
    bench.run(30.0)
    bench.model.surroundings.glove_mask = 0
    for _ in range(40):
        bench.step()
        lowest = min(lowest, bench.model.chamber.pressure_pa)
    assert 40.0 < lowest < 47.0


def test_pass_box_brings_less_water_the_drier_it_was_purged():
    peaks = []
    for purge_s in (0.0, 90.0, 200.0):
        bench = at_operating_point()
        bench.box = (1.0, 0.0, 0.0)
        bench.run(60.0)
        bench.box = (0.0, 0.0, 1.0)
        bench.run(purge_s)
        before = bench.model.frost_point_degc
        bench.box = (0.0, 1.0, 0.0)
        peaks.append(max(bench.run(1.0) for _ in range(40)) - before)
    assert peaks[0] > 3.0
    assert peaks[0] > peaks[1] > peaks[2]
    assert peaks[2] < 0.5


def test_water_balance_closes_over_eight_hours_of_everything():
    around = Surroundings(5, Scenario())
    bench = Bench(surroundings=around, grey_degc=None)
    bench.produce()
    faults = ("door_seal_leak", "fan_slip", "heater_failure", "rotor_stopped", "h2s_release")
    for hour in range(8):
        bench.box = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0))[hour % 4]
        if hour < len(faults):
            bench.model.set_fault(faults[hour], 3.0)
        around.door_mask = 1 if hour == 5 else 0
        bench.fan = 0.0 if hour == 6 else 70.0
        bench.run(HOUR)
    assert abs(bench.model.water_residual()) < 1e-9
    assert bench.model.book.into > 0.1


def test_same_seed_gives_the_same_plant_bit_for_bit():
    def trace(seed):
        bench = Bench(surroundings=Surroundings(seed, Scenario()), grey_degc=None)
        bench.run(1800.0)
        return list(bench.model.sense())

    assert trace(7) == trace(7)


def test_unknown_fault_and_unknown_parameter_are_refused():
    model = Model()
    with pytest.raises(KeyError):
        model.set_fault("no_such_fault", 1.0)
    with pytest.raises(ValueError, match="no_such_number"):
        Model(parameters={"no_such_number": 1.0})


@pytest.mark.parametrize("seed", range(4))
def test_any_plausible_parameters_still_give_a_drying_enclosure(seed):
    rng = Random(seed)
    table = ENCLOSURE + ROTOR
    drawn = {
        p.name: rng.triangular(p.low, p.high, p.value) for p in table if p.source is Source.ASSUMED
    }
    bench = Bench(parameters=drawn, soaked=False)
    bench.fan, bench.f_reg, bench.t_reg = 100.0, 100.0, 160.0
    bench.run(HOUR)
    truth = bench.model.truth()
    assert -85.0 < truth["frost_point_degc"] < -40.0
    assert truth["supply_frost_point_degc"] < truth["frost_point_degc"]
    assert abs(truth["water_residual"]) < 1e-9
