"""Believing a measurement: range, rate, standstill, median of three."""

import math

import pytest

from controller.control.validate import (
    MedianOfThree,
    Pick,
    Probe,
    SignalCheck,
    SignalLimits,
    Verdict,
)
from controller.core.sample import Quality

GOOD = int(Quality.GOOD)
HELD = int(Quality.UNCERTAIN_HELD)
SUSPECT = int(Quality.UNCERTAIN_SUSPECT)
BAD = int(Quality.BAD_LINK)


def test_believable_value_keeps_its_quality():
    check = SignalCheck(SignalLimits(low=-80.0, high=20.0))
    assert check.scan(0.0, -65.0, GOOD) == GOOD
    assert check.scan(1.0, -65.1, HELD) == HELD
    assert check.value == -65.1


def test_bad_quality_passes_and_the_value_stays():
    check = SignalCheck(SignalLimits())
    check.scan(0.0, -65.0, GOOD)
    assert check.scan(1.0, 99.0, BAD) == BAD
    assert check.value == -65.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_bad(value):
    check = SignalCheck(SignalLimits())
    check.scan(0.0, -65.0, GOOD)
    assert check.scan(1.0, value, GOOD) == int(Quality.BAD_NOT_A_NUMBER)
    assert check.value == -65.0


@pytest.mark.parametrize(
    ("verdict", "expected"), [(Verdict.BAD, int(Quality.BAD_SENSOR)), (Verdict.SUSPECT, SUSPECT)]
)
def test_out_of_range_gets_the_configured_verdict(verdict, expected):
    check = SignalCheck(SignalLimits(low=-80.0, high=20.0, on_range=verdict))
    assert check.scan(0.0, 20.1, GOOD) == expected
    assert check.scan(1.0, -80.1, GOOD) == expected
    assert check.scan(2.0, 20.0, GOOD) == GOOD


def test_a_spike_is_suspect_and_the_return_is_not():
    check = SignalCheck(SignalLimits(rate_per_s=1.0))
    assert check.scan(0.0, 10.0, GOOD) == GOOD
    assert check.scan(1.0, 30.0, GOOD) == SUSPECT
    assert check.scan(2.0, 10.5, GOOD) == GOOD


def test_a_new_level_that_persists_is_accepted():
    check = SignalCheck(SignalLimits(rate_per_s=0.1, rate_memory_s=30.0))
    check.scan(0.0, 10.0, GOOD)
    assert check.scan(29.0, 50.0, GOOD) == SUSPECT
    assert check.scan(30.0, 50.0, GOOD) == GOOD
    assert check.scan(31.0, 50.0, GOOD) == GOOD


def test_a_true_fast_change_is_allowed():
    check = SignalCheck(SignalLimits(rate_per_s=1.0))
    assert [check.scan(float(t), 0.9 * t, GOOD) for t in range(50)] == [GOOD] * 50


def test_rate_check_starts_anew_after_bad_data():
    check = SignalCheck(SignalLimits(rate_per_s=0.1))
    check.scan(0.0, 10.0, GOOD)
    check.scan(1.0, 10.0, BAD)
    assert check.scan(2.0, 50.0, GOOD) == GOOD


def test_frozen_signal_is_found_after_its_time():
    check = SignalCheck(SignalLimits(stuck_s=180.0))
    verdicts = [check.scan(float(t), -65.0, GOOD) for t in range(200)]
    assert verdicts.index(int(Quality.BAD_SENSOR)) == 181
    assert check.scan(200.0, -65.1, GOOD) == GOOD


def test_announced_hold_does_not_count_as_frozen():
    check = SignalCheck(SignalLimits(stuck_s=180.0))
    for t in range(150):
        check.scan(float(t), -65.0, GOOD)
    for t in range(150, 215):
        assert check.scan(float(t), -65.0, HELD) == HELD
    assert check.scan(215.0, -65.0, GOOD) == GOOD
    assert check.still_s == pytest.approx(150.0)


def test_unannounced_calibration_of_65_s_is_no_fault():
    check = SignalCheck(SignalLimits(stuck_s=180.0))
    for t in range(600):
        held = 300 <= t < 365
        assert check.scan(float(t), -65.0 if held else -65.0 + 0.1 * (t % 3), GOOD) == GOOD


def test_movement_within_the_band_is_frozen():
    check = SignalCheck(SignalLimits(stuck_s=10.0, stuck_band=0.05, on_stuck=Verdict.SUSPECT))
    verdicts = [check.scan(float(t), 1.0 + 0.04 * (t % 2), GOOD) for t in range(15)]
    assert verdicts[-1] == SUSPECT


def test_time_without_data_does_not_count_as_frozen():
    check = SignalCheck(SignalLimits(stuck_s=100.0))
    check.scan(0.0, 1.0, GOOD)
    check.scan(50.0, 1.0, BAD)
    assert check.scan(140.0, 1.0, GOOD) == GOOD


# --- median of three


def vote(*probes, now_s=0.0, deviation=1.0, delay_s=0.0, pick=Pick.HIGHER):
    block = MedianOfThree(deviation, delay_s, pick)
    block.scan(now_s, *probes)
    return block


def test_median_of_three_that_agree():
    block = vote((-65.0, GOOD), (-65.4, GOOD), (-64.9, GOOD))
    assert (block.value, block.quality, block.deviating) == (-65.0, GOOD, Probe.NONE)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_liar_is_outvoted_and_flagged(place):
    probes = [(-65.0, GOOD), (-65.2, GOOD)]
    probes.insert(place, (-40.0, GOOD))
    block = vote(*probes)
    assert (block.value, block.quality) == (-65.0, GOOD)
    assert block.deviating is Probe(1 << place)


def test_flag_waits_for_its_delay():
    block = MedianOfThree(1.0, 60.0, Pick.HIGHER)
    probes = ((-65.0, GOOD), (-65.2, GOOD), (-60.0, GOOD))
    for t in range(60):
        block.scan(float(t), *probes)
        assert block.deviating is Probe.NONE
    block.scan(60.0, *probes)
    assert block.deviating is Probe.C
    block.scan(61.0, *probes[:2], (-65.0, GOOD))
    assert block.deviating is Probe.NONE


def test_three_that_disagree_are_suspect():
    block = vote((-65.0, GOOD), (-60.0, GOOD), (-55.0, GOOD))
    assert (block.value, block.quality) == (-60.0, SUSPECT)


def test_two_that_agree_give_their_mean():
    block = vote((-65.0, GOOD), (0.0, BAD), (-64.0, GOOD))
    assert (block.value, block.quality) == (-64.5, GOOD)


@pytest.mark.parametrize(("pick", "value"), [(Pick.HIGHER, -60.0), (Pick.LOWER, -65.0)])
def test_two_that_disagree_give_the_safe_one(pick, value):
    block = vote((-65.0, GOOD), (math.nan, GOOD), (-60.0, GOOD), pick=pick)
    assert (block.value, block.quality) == (value, SUSPECT)


def test_one_left_is_suspect():
    block = vote((0.0, BAD), (-65.0, GOOD), (math.inf, GOOD))
    assert (block.value, block.quality) == (-65.0, SUSPECT)


def test_none_left_is_bad_and_keeps_the_last_value():
    block = MedianOfThree(1.0, 0.0, Pick.HIGHER)
    block.scan(0.0, (-65.0, GOOD), (-65.0, GOOD), (-65.0, GOOD))
    assert block.scan(1.0, (0.0, BAD), (math.nan, GOOD), (0.0, BAD)) == BAD
    assert block.value == -65.0
    assert vote((math.nan, GOOD), (math.nan, GOOD), (math.nan, GOOD)).quality >= 128


def test_probe_in_calibration_is_left_out_while_two_are_good():
    block = vote((-65.0, GOOD), (-60.4, HELD), (-64.8, GOOD))
    assert (block.value, block.quality) == (-64.9, GOOD)


def test_uncertain_probes_are_used_when_there_is_nothing_better():
    block = vote((-65.0, HELD), (-64.9, HELD), (-65.1, GOOD))
    assert (block.value, block.quality) == (-65.0, HELD)
