"""Instruments: lag, asymmetry, noise, steps, limits, calibration hold, faults, stiction."""

import math
from itertools import pairwise

import pytest

from plc_sim.field.enclosure import INSTRUMENTS
from plc_sim.instruments import Hold, Instrument, InstrumentFault, Rack, Status, Stiction


def readings(rack: Rack, truth: list[float], seconds: float, dt: float = 0.1) -> list[float]:
    out = []
    for _ in range(round(seconds / dt)):
        rack.step(dt, truth)
        out.append(rack.readings[0])
    return out


def test_first_order_lag_reaches_63_percent_after_one_time_constant() -> None:
    rack = Rack([Instrument(sensor="x", tau_s=5.0)], seed=1)
    rack.settle([0.0])
    assert readings(rack, [10.0], 5.0)[-1] == pytest.approx(6.32, abs=0.05)


def test_falling_readings_may_be_slower_than_rising_ones() -> None:
    rack = Rack([Instrument(sensor="x", tau_s=2.0, tau_down_s=20.0)], seed=1)
    rack.settle([0.0])
    up = readings(rack, [10.0], 4.0)[-1]
    rack.settle([10.0])
    down = 10.0 - readings(rack, [0.0], 4.0)[-1]
    assert up > 4 * down


def test_a_slow_share_leaves_a_tail_when_drying() -> None:
    plain = Rack([Instrument(sensor="x", tau_s=1.0)], seed=1)
    slow = Rack([Instrument(sensor="x", tau_s=1.0, slow_share=0.15, slow_tau_s=240.0)], seed=1)
    for rack in (plain, slow):
        rack.settle([10.0])
    assert readings(plain, [0.0], 60.0)[-1] == pytest.approx(0.0, abs=1e-6)
    assert readings(slow, [0.0], 60.0)[-1] == pytest.approx(0.15 * 10 * math.exp(-0.25), rel=0.05)


def test_noise_has_the_stated_spread_and_is_the_same_for_the_same_seed() -> None:
    spec = [Instrument(sensor="x", noise=0.5)]
    first = readings(Rack(spec, seed=3), [0.0], 500.0)
    again = readings(Rack(spec, seed=3), [0.0], 500.0)
    other = readings(Rack(spec, seed=4), [0.0], 500.0)
    assert first == again
    assert first != other
    mean = sum(first) / len(first)
    spread = math.sqrt(sum((x - mean) ** 2 for x in first) / len(first))
    assert spread == pytest.approx(0.5, rel=0.05)


def test_readings_are_multiples_of_the_step() -> None:
    rack = Rack([Instrument(sensor="x", noise=0.3, step=0.1)], seed=1)
    for value in readings(rack, [5.0], 10.0):
        assert value == pytest.approx(round(value * 10) / 10, abs=1e-9)


def test_beyond_its_range_an_instrument_saturates_and_says_so() -> None:
    rack = Rack([Instrument(sensor="x", low=0.0, high=100.0)], seed=1)
    readings(rack, [130.0], 1.0)
    assert rack.readings[0] == 100.0
    assert rack.status[0] == Status.SATURATED


def test_noise_around_zero_is_clipped_without_a_mark() -> None:
    rack = Rack([Instrument(sensor="x", low=0.0, high=100.0, noise=0.2)], seed=1)
    assert min(readings(rack, [0.0], 50.0)) == 0.0
    assert rack.status[0] == Status.GOOD


def test_calibration_freezes_the_output_for_its_time_and_only_then() -> None:
    spec = Instrument(sensor="x", period_s=1.0, noise=0.1, holds=(Hold(every_s=600.0, for_s=65.0),))
    rack = Rack([spec], seed=1)
    values = readings(rack, [5.0], 1800.0, dt=1.0)
    run = longest = 0
    for a, b in pairwise(values):
        run = run + 1 if a == b else 0
        longest = max(longest, run)
    assert 63 <= longest <= 66
    assert rack.status[0] == Status.GOOD


def test_a_marked_hold_shows_in_the_status() -> None:
    spec = Instrument(
        sensor="x", period_s=1.0, holds=(Hold(every_s=100.0, for_s=50.0, marked=True),)
    )
    rack = Rack([spec], seed=1)
    seen = set()
    for _ in range(300):
        rack.step(1.0, [5.0])
        seen.add(rack.status[0])
    assert seen == {Status.GOOD, Status.HELD}


def held_spells(rack: Rack, seconds: int, slope: float = 0.001) -> list[int]:
    """Lengths, s, of the spells in which the reading of a rising truth stands still."""
    spells, run, last = [], 0, None
    for k in range(seconds):
        rack.step(1.0, [slope * k] * len(rack.readings))
        if rack.readings[0] == last:
            run += 1
        elif run:
            spells.append(run)
            run = 0
        last = rack.readings[0]
    return spells


def test_two_schedules_of_holds_run_side_by_side() -> None:
    spec = Instrument(
        sensor="x",
        period_s=1.0,
        holds=(Hold(every_s=3600.0, for_s=65.0), Hold(every_s=86400.0, for_s=300.0)),
    )
    spells = held_spells(Rack([spec], seed=1), 3 * 86400)
    assert spells.count(65) in range(69, 73)
    assert [s for s in spells if s >= 300] != []
    assert len([s for s in spells if s >= 300]) == 3
    assert set(spells) <= {65, *range(300, 366)}


def test_the_longer_of_two_overlapping_holds_wins_and_brings_its_mark() -> None:
    short = Hold(every_s=100.0, for_s=5.0)
    long = Hold(every_s=100.0, for_s=50.0, marked=True)
    chain = Rack([Instrument(sensor="x", period_s=1.0, holds=(short, long))], seed=1)._chains[0]
    chain.holds_due = [10.0, 10.0]
    chain.begin_hold(10.0)
    assert (chain.hold_until, chain.hold_marked) == (60.0, True)
    chain.holds_due = [58.0, 200.0]
    chain.begin_hold(58.0)
    assert (chain.hold_until, chain.hold_marked) == (63.0, False)


def test_a_further_hold_leaves_the_noise_of_the_rack_as_it_was() -> None:
    hourly, daily = Hold(every_s=3600.0, for_s=65.0), Hold(every_s=86400.0, for_s=300.0)
    one = Rack([Instrument(sensor="x", noise=0.1, holds=(hourly,))], seed=5)
    two = Rack([Instrument(sensor="x", noise=0.1, holds=(hourly, daily))], seed=5)
    assert readings(one, [0.0], 600.0) == readings(two, [0.0], 600.0)


def probe(sensor: str) -> Rack:
    return Rack([i for i in INSTRUMENTS if i.sensor == sensor], seed=2)


def test_capacitive_probes_hold_hourly_and_once_a_day_without_a_mark() -> None:
    rack = probe("dp_zone_degc")
    held, run, last = [], 0, None
    for k in range(2 * 86400):
        rack.step(1.0, [-65.0 + 2.0 * (k % 7)])
        assert rack.status[0] == Status.GOOD
        run = run + 1 if rack.readings[0] == last else 0
        held += [run] if run in (60, 290) else []
        last = rack.readings[0]
    assert held.count(60) in range(46, 51)
    assert held.count(290) == 2


def test_the_chilled_mirror_says_when_it_cleans_itself() -> None:
    rack = probe("dp_reference_degc")
    held_s = 0
    for _ in range(86400):
        rack.step(1.0, [-65.0])
        held_s += rack.status[0] == Status.HELD
    assert held_s == pytest.approx(2 * 300, abs=20)


def test_a_frozen_instrument_holds_its_value_and_still_says_good() -> None:
    rack = Rack([Instrument(sensor="x", noise=0.1)], seed=1)
    before = readings(rack, [5.0], 1.0)[-1]
    rack.set_fault("x", InstrumentFault.FROZEN, 1.0)
    assert set(readings(rack, [9.0], 5.0)) == {before}
    assert rack.status[0] == Status.GOOD
    rack.set_fault("x", InstrumentFault.FROZEN, 0.0)
    assert readings(rack, [9.0], 1.0)[-1] == pytest.approx(9.0, abs=0.5)


def test_drift_grows_with_time_and_stays_when_it_ends() -> None:
    rack = Rack([Instrument(sensor="x", period_s=1.0)], seed=1)
    rack.set_fault("x", InstrumentFault.DRIFT, 24.0)
    readings(rack, [0.0], 3600.0, dt=1.0)
    assert rack.readings[0] == pytest.approx(1.0, rel=0.01)
    rack.set_fault("x", InstrumentFault.DRIFT, 0.0)
    readings(rack, [0.0], 60.0, dt=1.0)
    assert rack.readings[0] == pytest.approx(1.0, rel=0.01)


def test_offset_and_failure_act_at_once_and_go_again() -> None:
    rack = Rack([Instrument(sensor="x")], seed=1)
    rack.set_fault("x", InstrumentFault.OFFSET, -2.0)
    assert readings(rack, [10.0], 0.5)[-1] == pytest.approx(8.0)
    rack.set_fault("x", InstrumentFault.OFFSET, 0.0)
    rack.set_fault("x", InstrumentFault.FAILED, 1.0)
    readings(rack, [10.0], 0.5)
    assert rack.status[0] == Status.FAILED
    rack.set_fault("x", InstrumentFault.FAILED, 0.0)
    assert readings(rack, [10.0], 0.5)[-1] == pytest.approx(10.0)
    assert rack.status[0] == Status.GOOD


def test_a_slow_instrument_is_updated_at_its_own_period() -> None:
    rack = Rack([Instrument(sensor="x", period_s=10.0, noise=1.0)], seed=1)
    values = readings(rack, [0.0], 100.0)
    changes = sum(a != b for a, b in pairwise(values))
    assert changes in (9, 10)


def test_a_sticking_valve_moves_only_beyond_its_band() -> None:
    valve = Stiction(band=3.0, position=50.0)
    assert valve.move(52.0) == 50.0
    assert valve.move(54.0) == 54.0
    assert valve.move(52.0) == 54.0
