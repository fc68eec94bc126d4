"""Filters, ramps, averages, dead time."""

import math

import pytest

from controller.control.deadtime import CAPACITY, DeadTime
from controller.control.shaping import (
    Deadband,
    FirstOrder,
    MovingAverage,
    Ramp,
    RateLimit,
    clamp,
    deadband,
)

NAN = math.nan


@pytest.mark.parametrize(
    ("value", "expected"), [(-1, 0), (0, 0), (3, 3), (9, 5), (NAN, 0), (math.inf, 5)]
)
def test_clamp_keeps_the_range_and_never_lets_nan_through(value, expected):
    assert clamp(value, 0, 5) == expected


@pytest.mark.parametrize(
    ("error", "expected"), [(0.9, 0), (-0.9, 0), (1.0, 0), (1.5, 0.5), (-3.0, -2.0)]
)
def test_dead_band_takes_its_width_off(error, expected):
    assert deadband(error, 1.0) == expected


def test_first_order_reaches_63_percent_after_its_time_constant_in_any_step_length():
    for steps in (1, 10, 1000):
        lag = FirstOrder(10.0, 0.0)
        for _ in range(steps):
            lag.step(1.0, 10.0 / steps)
        assert lag.value == pytest.approx(1.0 - math.exp(-1.0))


def test_first_order_takes_over_its_first_input_and_ignores_what_is_no_number():
    lag = FirstOrder(10.0)
    assert lag.step(5.0, 0.1) == 5.0
    assert lag.step(NAN, 0.1) == 5.0
    assert lag.step(math.inf, 0.1) == 5.0
    assert lag.step(6.0, 0.1) == pytest.approx(5.01, abs=0.001)


def test_first_order_without_time_constant_passes_through():
    lag = FirstOrder(0.0, 1.0)
    assert lag.step(7.0, 0.1) == 7.0


def test_first_order_can_be_retimed_and_reset():
    lag = FirstOrder(10.0, 0.0)
    lag.step(1.0, 1.0)
    lag.retime(1e-6)
    assert lag.step(1.0, 1.0) == pytest.approx(1.0)
    lag.reset(3.0)
    assert lag.value == 3.0


def test_rate_limit_has_a_rate_for_each_way():
    limit = RateLimit(2.0, 1.0)
    assert limit.step(10.0, 1.0) == 10.0
    assert limit.step(20.0, 1.0) == 12.0
    assert limit.step(NAN, 1.0) == 12.0
    assert limit.step(0.0, 1.0) == 11.0
    assert limit.step(0.0, 0.0) == 11.0
    assert limit.step(11.5, 1.0) == 11.5


def test_ramp_goes_to_its_target_and_stays():
    ramp = Ramp(10.0)
    ramp.to(13.0, 2.0)
    assert [ramp.step(1.0) for _ in range(3)] == [12.0, 13.0, 13.0]
    assert ramp.done


def test_ramp_is_per_second_in_any_step_length():
    ramp = Ramp(0.0)
    ramp.to(10.0, 2.0)
    assert ramp.step(0.5) == 1.0
    assert ramp.step(2.0) == 5.0


def test_ramp_refuses_nonsense_and_freezes_where_it_is():
    ramp = Ramp(10.0)
    ramp.to(NAN, 1.0)
    ramp.to(20.0, -1.0)
    ramp.to(20.0, NAN)
    assert ramp.target == 10.0
    ramp.to(20.0, 1.0)
    ramp.step(1.0)
    ramp.freeze()
    assert ramp.step(5.0) == 11.0


def test_deadband_block_holds_small_moves():
    held = Deadband(1.0)
    assert [held.step(x) for x in (5.0, 5.9, 4.0, 3.9, NAN)] == [5.0, 5.0, 5.0, 3.9, 3.9]


# --- moving average


def test_average_over_one_turn_removes_the_turn():
    turn_m, mean = 1.25, MovingAverage()
    ripple = [
        mean.push(x * 0.01, 100.0 + 4.0 * math.sin(2 * math.pi * x * 0.01 / turn_m), turn_m)
        for x in range(1000)
    ]
    assert max(abs(r - 100.0) for r in ripple[200:]) < 0.05


def test_average_weighs_by_distance_not_by_samples():
    mean = MovingAverage()
    mean.push(0.0, 0.0, 10.0)
    mean.push(9.0, 1.0, 10.0)
    assert mean.push(10.0, 11.0, 10.0) == pytest.approx((9 * 1 + 1 * 11) / 10)


def test_average_holds_while_the_axis_stands_still():
    mean = MovingAverage()
    mean.push(0.0, 1.0, 5.0)
    before = mean.push(1.0, 1.0, 5.0)
    assert mean.push(1.0, 99.0, 5.0) == before


def test_average_window_may_shrink_and_grow():
    mean = MovingAverage()
    for x in range(11):
        mean.push(float(x), float(x), 10.0)
    assert mean.value == pytest.approx(5.5)
    assert mean.push(11.0, 11.0, 2.0) == pytest.approx(10.5)
    assert mean.coverage == 1.0
    mean.push(12.0, 12.0, 10.0)
    assert mean.coverage == pytest.approx(0.3)


def test_average_cuts_the_oldest_part_at_the_window():
    mean = MovingAverage()
    mean.push(0.0, 0.0, 3.0)
    mean.push(4.0, 8.0, 3.0)
    assert mean.push(5.0, 2.0, 3.0) == pytest.approx((2 * 8 + 1 * 2) / 3)


def test_average_leaves_gaps_out_and_ends_unknown_when_all_is_gap():
    mean = MovingAverage()
    for x in range(5):
        mean.push(float(x), 7.0, 4.0)
    assert mean.push(5.0, NAN, 4.0) == pytest.approx(7.0)
    assert mean.coverage == pytest.approx(0.75)
    for x in range(6, 10):
        mean.push(float(x), NAN, 4.0)
    assert math.isnan(mean.value)
    assert mean.coverage == 0.0
    assert mean.push(10.0, 3.0, 4.0) == 3.0


def test_average_starts_anew_when_the_axis_is_set_back():
    mean = MovingAverage()
    for x in range(5):
        mean.push(100.0 + x, 7.0, 4.0)
    mean.push(0.0, 1.0, 4.0)
    assert mean.push(1.0, 1.0, 4.0) == 1.0


def test_average_does_not_drift():
    mean = MovingAverage()
    mean.push(0.0, 0.0, 1.0)
    for k in range(1, 20_000):
        mean.push(k * 0.1, 1e9 if k < 1000 else 0.1, 1.0)
    assert mean.value == pytest.approx(0.1, rel=1e-6)


# --- dead time


def test_value_arrives_after_its_seconds():
    line = DeadTime(0.0)
    got = [line.push(float(t), 1.0 if t >= 3 else 0.0, 4.0) for t in range(10)]
    assert got == [0.0] * 7 + [1.0] * 3


def test_value_travels_with_the_metre_at_any_speed():
    line, position = DeadTime(0.0), 0.0
    arrived = None
    for k, speed in enumerate([1.0, 5.0, 0.0, 0.0, 5.0, 20.0, 20.0, 20.0]):
        position += speed
        if line.push(position, 1.0 if k >= 1 else 0.0, 30.0) == 1.0 and arrived is None:
            arrived = position
    assert arrived == 51.0  # sent at metre 6, due at 36, first seen at the next step


def test_a_standing_web_delivers_nothing():
    line = DeadTime(0.0)
    line.push(0.0, 5.0, 1.0)
    assert [line.push(0.5, 5.0, 1.0) for _ in range(100)] == [0.0] * 100
    assert len(line) <= 2


def test_last_value_on_a_metre_counts():
    line = DeadTime(0.0)
    line.push(1.0, 5.0, 1.0)
    line.push(1.0, 6.0, 1.0)
    assert line.push(2.0, 7.0, 1.0) == 6.0


def test_what_has_arrived_stays_when_the_delay_grows():
    line = DeadTime(0.0)
    for t in range(20):
        line.push(float(t), float(t), 5.0)
    assert line.value == 14.0
    assert line.push(20.0, 20.0, 15.0) == 14.0
    assert line.push(29.0, 29.0, 15.0) == 14.0
    assert line.push(31.0, 31.0, 15.0) == 16.0


def test_a_shorter_delay_skips_ahead():
    line = DeadTime(0.0)
    for t in range(20):
        line.push(float(t), float(t), 10.0)
    assert line.push(20.0, 20.0, 2.0) == 18.0


def test_no_delay_passes_through():
    line = DeadTime(0.0)
    assert line.push(0.0, 5.0, 0.0) == 5.0


def test_a_gap_travels_and_does_no_harm():
    line = DeadTime(0.0)
    got = [line.push(float(t), NAN if t == 2 else 1.0, 3.0) for t in range(8)]
    assert math.isnan(got[5])
    assert got[6:] == [1.0, 1.0]


def test_an_axis_set_back_keeps_the_output_and_goes_on():
    line = DeadTime(0.0)
    for x in range(10):
        line.push(100.0 + x, 5.0, 3.0)
    assert line.push(0.0, 8.0, 3.0) == 5.0
    assert line.push(3.0, 8.0, 3.0) == 8.0


def test_an_unusable_axis_or_delay_changes_nothing():
    line = DeadTime(1.0)
    assert line.push(NAN, 5.0, 0.0) == 1.0
    assert line.push(0.0, 5.0, NAN) == 1.0
    assert line.push(0.0, 5.0, 0.0) == 5.0


def test_memory_is_bounded():
    line = DeadTime(-1.0)
    for t in range(CAPACITY + 100):
        line.push(float(t), float(t), 1e9)
    assert len(line) == CAPACITY
    line.reset(4.0)
    assert (len(line), line.value) == (0, 4.0)
