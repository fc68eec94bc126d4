"""The loop block: modes, bumpless transfers, limits, fallback, cascade. Both algorithms."""

import math
import random

import pytest

from controller.control.pid import Pid
from controller.control.pid_config import (
    Algorithm,
    Direction,
    Fallback,
    Limited,
    LoopMode,
    LoopStatus,
    PidConfig,
    Resume,
    Terms,
)
from controller.core.errors import ConfigError, Refused
from controller.core.sample import Quality

GOOD, BAD = int(Quality.GOOD), int(Quality.BAD_LINK)
MAN, AUTO, CAS = LoopMode


@pytest.fixture(params=list(Algorithm), ids=lambda a: a.value)
def make(request):
    def build(**settings) -> Pid:
        defaults = {
            "name": "L",
            "kc": 2.0,
            "ti_s": 20.0,
            "direction": Direction.REVERSE,
            "out_low": 0.0,
            "out_high": 100.0,
            "sp_low": 0.0,
            "sp_high": 100.0,
            "sp": 60.0,
            "period_s": 1.0,
            "algorithm": request.param,
        }
        return Pid(PidConfig(**(defaults | settings)))

    return build


def running(make, out=40.0, **settings) -> Pid:
    pid = make(**settings)
    pid.initialise(out)
    pid.set_mode(AUTO)
    return pid


def scan(pid, start, stop, pv, quality=GOOD, **inputs):
    """Scan once a second, from `start` to before `stop`; returns all outputs."""
    return [pid.scan(float(t), pv, quality, **inputs) for t in range(start, stop)]


# --- modes and transfers


def test_manual_output_is_what_the_operator_set(make):
    pid = make()
    pid.set_out(33.0)
    assert scan(pid, 0, 5, 50.0) == [33.0] * 5
    assert pid.status is LoopStatus.MANUAL


def test_manual_to_auto_keeps_the_output_and_then_integrates(make):
    pid = running(make, out=40.0)
    outs = scan(pid, 0, 3, 50.0)
    assert outs[0] == 40.0
    assert outs[1] == pytest.approx(40.0 + 2.0 / 20.0 * 10.0)
    assert outs[2] == pytest.approx(42.0)


def test_auto_to_manual_keeps_the_output(make):
    pid = running(make)
    before = scan(pid, 0, 10, 55.0)[-1]
    pid.set_mode(MAN)
    assert pid.scan(10.0, 20.0, GOOD) == before


def test_gain_change_at_an_error_does_not_move_the_output(make):
    pid = running(make)
    before = scan(pid, 0, 10, 50.0)[-1]
    pid.tune(20.0, 20.0, 0.0)
    step = 20.0 / 20.0 * 10.0 * 1.0  # one second of integral action with the new gain
    assert pid.scan(10.0, 50.0, GOOD) == pytest.approx(before + step)
    assert pid.kc == 20.0


def test_gain_change_with_feed_forward_derivative_and_weight_does_not_move_the_output(make):
    pid = running(make, td_s=3.0, sp_weight=0.3, ti_s=1e9)
    for t in range(20):
        before = pid.scan(float(t), 40.0 + t, GOOD, ff=5.0)
    pid.tune(8.0, 1e9, 3.0)
    after = pid.scan(20.0, 59.0, GOOD, ff=5.0)
    # Only the derivative of the last rise dies away; the gain itself adds nothing.
    assert abs(after - before) < 8.0 * 3.0 * 1.0 + 1e-6
    pid.tune(9.0, 1e9, 0.0)
    assert pid.scan(21.0, 59.0, GOOD, ff=5.0) == pytest.approx(after, abs=1e-6)


def test_cascade_entry_with_another_set_point_does_not_move_the_output(make):
    pid = running(make)
    before = scan(pid, 0, 5, 50.0, remote_sp=90.0)[-1]
    pid.set_mode(CAS)
    assert pid.scan(5.0, 50.0, GOOD, remote_sp=90.0) == before
    assert pid.sp == 90.0


def test_cascade_to_auto_keeps_the_last_remote_set_point(make):
    pid = running(make)
    pid.set_mode(CAS)
    scan(pid, 0, 3, 50.0, remote_sp=72.0)
    pid.set_mode(AUTO)
    scan(pid, 3, 6, 50.0)
    assert (pid.sp_target, pid.sp) == (72.0, 72.0)


def test_lost_remote_set_point_holds_the_last_one_and_says_so(make):
    pid = running(make)
    pid.set_mode(CAS)
    scan(pid, 0, 3, 50.0, remote_sp=72.0)
    scan(pid, 3, 6, 50.0, remote_sp=math.nan)
    assert (pid.sp, pid.sp_held) == (72.0, True)
    scan(pid, 6, 7, 50.0, remote_sp=70.0)
    assert (pid.sp, pid.sp_held) == (70.0, False)


def test_initialise_starts_from_the_read_back_within_the_limits(make):
    pid = make(out_low=40.0)
    pid.initialise(10.0)
    assert pid.out == 40.0
    pid.initialise(71.5)
    pid.set_mode(AUTO)
    assert pid.scan(0.0, 10.0, GOOD) == 71.5


# --- direction and law


def test_direct_output_rises_when_the_pv_rises(make):
    pid = running(make, direction=Direction.DIRECT)
    scan(pid, 0, 2, 60.0)
    assert pid.scan(2.0, 65.0, GOOD) > 40.0 + 2.0 * 5.0 - 1e-9


def test_reverse_output_falls_when_the_pv_rises(make):
    pid = running(make)
    scan(pid, 0, 2, 60.0)
    assert pid.scan(2.0, 65.0, GOOD) < 40.0 - 2.0 * 5.0 + 1e-9


def test_integral_only_has_no_kick(make):
    pid = running(make, terms=Terms.INTEGRAL_ONLY, kc=2.0, ti_s=20.0)
    scan(pid, 0, 2, 60.0)
    outs = [pid.scan(float(t), 50.0, GOOD) for t in (2, 3, 4)]
    assert outs == pytest.approx([41.0, 42.0, 43.0])


def test_without_integral_time_the_output_is_proportional(make):
    pid = running(make, ti_s=0.0)
    scan(pid, 0, 5, 60.0)
    assert pid.scan(5.0, 55.0, GOOD) == pytest.approx(50.0)
    assert pid.scan(60.0, 55.0, GOOD) == pytest.approx(50.0)


@pytest.mark.parametrize(("weight", "kick"), [(1.0, 20.0), (0.5, 10.0), (0.0, 0.0)])
def test_set_point_weight_scales_the_kick_of_a_set_point_step(make, weight, kick):
    pid = running(make, sp_weight=weight, ti_s=1e6)
    scan(pid, 0, 5, 60.0)
    pid.set_sp(70.0)
    assert pid.scan(5.0, 60.0, GOOD) == pytest.approx(40.0 + kick, abs=0.01)


def test_derivative_acts_on_the_pv_only(make):
    pid = running(make, td_s=5.0, ti_s=1e6, sp_weight=0.0)
    scan(pid, 0, 5, 60.0)
    pid.set_sp(90.0)
    assert pid.scan(5.0, 60.0, GOOD) == pytest.approx(40.0, abs=0.01)
    assert pid.scan(6.0, 61.0, GOOD) < 40.0 - 2.0 - 2.0  # more than P alone


def test_dead_band_stops_the_travel_without_a_jump_at_its_edge(make):
    pid = running(make, deadband=1.0)
    scan(pid, 0, 2, 60.0)
    assert scan(pid, 2, 50, 60.99) == [40.0] * 48
    assert pid.scan(50.0, 61.01, GOOD) == pytest.approx(40.0, abs=0.05)


def test_pv_filter_smooths_the_pv(make):
    pid = running(make, pv_filter_s=9.0)
    scan(pid, 0, 2, 60.0)
    pid.scan(2.0, 70.0, GOOD)
    assert pid.pv == pytest.approx(61.0)
    assert pid.error == pytest.approx(-1.0)


def test_feed_forward_is_added_at_once_and_taken_away_at_once(make):
    pid = running(make)
    scan(pid, 0, 3, 60.0)
    assert pid.scan(3.0, 60.0, GOOD, ff=8.0) == pytest.approx(48.0)
    assert pid.scan(4.0, 60.0, GOOD, ff=0.0) == pytest.approx(40.0)


def test_taking_over_with_feed_forward_present_is_bumpless(make):
    pid = running(make)
    assert pid.scan(0.0, 50.0, GOOD, ff=25.0) == 40.0
    assert pid.scan(1.0, 50.0, GOOD, ff=25.0) == pytest.approx(41.0)


def test_unusable_feed_forward_is_held_and_reported(make):
    pid = running(make)
    scan(pid, 0, 3, 60.0, ff=8.0)
    before = pid.out
    assert pid.scan(3.0, 60.0, GOOD, ff=math.nan) == pytest.approx(before)
    assert pid.ff_held


# --- limits, rates, ramp


def test_output_limits_are_kept_and_reported(make):
    pid = running(make)
    assert scan(pid, 0, 60, 0.0)[-1] == 100.0
    assert (pid.status, pid.saturated) == (LoopStatus.LIMITED_HIGH, True)
    assert scan(pid, 60, 200, 100.0)[-1] == 0.0
    assert pid.status is LoopStatus.LIMITED_LOW


def test_integral_only_reaches_its_limit_and_leaves_it_at_once(make):
    pid = running(make, terms=Terms.INTEGRAL_ONLY)
    assert scan(pid, 0, 300, 50.0)[-1] == 100.0
    assert pid.scan(300.0, 70.0, GOOD) == pytest.approx(99.0)


def test_output_leaves_the_limit_as_soon_as_the_error_has_turned(make):
    pid = running(make)
    scan(pid, 0, 500, 30.0)
    assert pid.out == 100.0
    assert pid.scan(500.0, 61.0, GOOD) < 100.0


def test_narrowed_limits_act_at_once_and_only_within_the_config(make):
    pid = running(make, out=90.0)
    scan(pid, 0, 2, 60.0)
    pid.limit_out(10.0, 70.0)
    assert pid.out == 70.0
    with pytest.raises(Refused, match="output limit 120"):
        pid.limit_out(0.0, 120.0)
    with pytest.raises(Refused):
        pid.limit_out(50.0, 40.0)


def test_output_rate_is_limited_in_automatic(make):
    pid = running(make, out_rate=0.5)
    outs = scan(pid, 0, 6, 20.0)
    assert outs == pytest.approx([40.0, 40.5, 41.0, 41.5, 42.0, 42.5])
    assert pid.status is LoopStatus.OK


def test_set_point_ramps_at_its_rate(make):
    pid = running(make, sp_rate=2.0)
    scan(pid, 0, 2, 60.0)
    pid.set_sp(70.0)
    seen = []
    for t in range(2, 8):
        pid.scan(float(t), 60.0, GOOD)
        seen.append(pid.sp)
    assert seen == [62.0, 64.0, 66.0, 68.0, 70.0, 70.0]


def test_ramp_starts_from_the_pv_when_the_loop_takes_over(make):
    pid = make(sp_rate=1.0)
    pid.initialise(40.0)
    pid.set_mode(AUTO)
    pid.scan(0.0, 30.0, GOOD)
    assert pid.sp == 30.0
    pid.scan(1.0, 30.0, GOOD)
    assert pid.sp == 31.0


def test_ramp_is_per_second_at_any_period(make):
    pid = running(make, sp_rate=0.5, period_s=4.0)
    pid.scan(0.0, 60.0, GOOD)
    pid.set_sp(70.0)
    pid.scan(4.0, 60.0, GOOD)
    assert pid.sp == 62.0


def test_ramp_starts_from_the_pv_again_after_a_fallback(make):
    pid = running(make, sp_rate=1.0)
    scan(pid, 0, 3, 60.0)
    scan(pid, 3, 6, 60.0, BAD)
    scan(pid, 6, 7, 30.0)
    assert pid.sp == 30.0


def test_integral_stops_exactly_at_either_limit(make):
    pid = running(make, terms=Terms.INTEGRAL_ONLY, kc=7.0)
    assert scan(pid, 0, 100, 50.0)[-1] == 100.0
    assert scan(pid, 100, 300, 70.0)[-1] == 0.0
    assert pid.scan(300.0, 50.0, GOOD) == pytest.approx(3.5)


def test_gain_change_at_a_limit_does_not_move_the_output(make):
    pid = running(make)
    scan(pid, 0, 300, 50.0)
    for gain in (4.0, 1.0, 3.0):
        pid.tune(gain, 20.0, 0.0)
        assert pid.scan(300.0 + gain, 50.0, GOOD) == 100.0
    assert pid.scan(310.0, 65.0, GOOD) < 100.0


# --- bad PV


@pytest.mark.parametrize(
    ("pv", "quality"),
    [(math.nan, GOOD), (math.inf, GOOD), (-math.inf, GOOD), (1e300, GOOD), (60.0, BAD)],
)
def test_bad_pv_holds_the_output_and_says_so(make, pv, quality):
    pid = running(make)
    before = scan(pid, 0, 5, 50.0)[-1]
    assert pid.scan(5.0, pv, quality) == before
    assert pid.status is LoopStatus.FALLBACK


def test_bad_quality_is_seen_between_two_periods(make):
    pid = running(make, period_s=60.0)
    pid.scan(0.0, 50.0, GOOD)
    pid.scan(1.0, 50.0, BAD)
    assert pid.status is LoopStatus.FALLBACK


def test_uncertain_pv_is_used(make):
    pid = running(make)
    scan(pid, 0, 5, 50.0, int(Quality.UNCERTAIN_SUSPECT))
    assert pid.status is LoopStatus.OK
    assert pid.out > 40.0


def test_control_resumes_without_a_bump(make):
    pid = running(make)
    before = scan(pid, 0, 5, 50.0)[-1]
    scan(pid, 5, 30, math.nan)
    assert pid.scan(30.0, 20.0, GOOD) == before
    assert pid.status is LoopStatus.OK
    assert pid.scan(31.0, 20.0, GOOD) > before


def test_safe_value_is_approached_at_the_output_rate(make):
    pid = running(make, fallback=Fallback.SAFE_VALUE, safe_value=10.0, out_rate=5.0)
    scan(pid, 0, 2, 60.0)
    assert scan(pid, 2, 6, 60.0, BAD) == pytest.approx([40.0, 35.0, 30.0, 25.0])
    assert scan(pid, 6, 20, 60.0, BAD)[-1] == 10.0


def test_safe_value_without_a_rate_is_taken_at_once(make):
    pid = running(make, fallback=Fallback.SAFE_VALUE, safe_value=10.0)
    scan(pid, 0, 2, 60.0)
    assert pid.scan(2.0, 60.0, BAD) == 10.0


def test_fallback_waits_for_its_delay(make):
    pid = running(make, fallback=Fallback.SAFE_VALUE, safe_value=10.0, fallback_delay_s=5.0)
    scan(pid, 0, 2, 60.0)
    assert scan(pid, 2, 7, 60.0, BAD) == [40.0] * 5
    assert pid.scan(7.0, 60.0, BAD) == 10.0


def test_fallback_to_manual_hands_over_to_the_operator(make):
    pid = running(make, fallback=Fallback.MANUAL)
    scan(pid, 0, 2, 60.0)
    pid.scan(2.0, 60.0, BAD)
    assert pid.mode is MAN
    pid.scan(3.0, 60.0, GOOD)
    assert (pid.mode, pid.status, pid.out) == (MAN, LoopStatus.MANUAL, 40.0)


def test_resume_manual_waits_for_the_operator(make):
    pid = running(make, resume=Resume.MANUAL)
    scan(pid, 0, 2, 60.0)
    assert (pid.mode, pid.status) == (AUTO, LoopStatus.OK)
    scan(pid, 2, 5, 60.0, BAD)
    scan(pid, 5, 8, 10.0)
    assert (pid.mode, pid.out) == (MAN, 40.0)


# --- tracking and cascade


def test_tracking_follows_and_releases_without_a_bump(make):
    pid = running(make)
    scan(pid, 0, 3, 50.0)
    assert pid.scan(3.0, 50.0, GOOD, track=77.0) == 77.0
    assert pid.status is LoopStatus.TRACKING
    assert pid.scan(4.0, 45.0, GOOD) == 77.0
    assert pid.status is LoopStatus.OK


def test_tracking_acts_between_two_periods(make):
    pid = running(make, period_s=120.0)
    pid.scan(0.0, 50.0, GOOD)
    assert pid.scan(0.1, 50.0, GOOD, track=55.0) == 55.0


def test_tracking_an_unusable_value_freezes_the_output(make):
    pid = running(make)
    before = scan(pid, 0, 3, 50.0)[-1]
    assert pid.scan(3.0, 50.0, GOOD, track=math.nan) == before


def test_tracking_stays_within_the_limits(make):
    pid = running(make)
    assert pid.scan(0.0, 50.0, GOOD, track=170.0) == 100.0


def test_limited_receiver_stops_the_output_one_way_only(make):
    pid = running(make)
    scan(pid, 0, 3, 60.0)
    outs = scan(pid, 3, 50, 50.0, limited=Limited.HIGH)
    assert max(outs) <= 40.0
    assert pid.status is LoopStatus.LIMITED_HIGH
    assert pid.scan(50.0, 75.0, GOOD, limited=Limited.HIGH) < 40.0


@pytest.mark.parametrize(
    ("direction", "expected"),
    [(Direction.REVERSE, Limited.HIGH), (Direction.DIRECT, Limited.LOW)],
)
def test_a_saturated_loop_tells_the_one_above_where_it_cannot_follow(make, direction, expected):
    pid = running(make, direction=direction)
    scan(pid, 0, 200, 0.0 if direction is Direction.REVERSE else 100.0)
    assert pid.out == 100.0
    assert pid.cascade_limited is expected


def test_cascade_handshake_is_bumpless_for_both_loops(make):
    outer, inner = make(name="outer", sp=50.0), make(name="inner")
    outer.initialise(0.0)
    inner.initialise(30.0)
    outer.set_mode(AUTO)
    inner.set_mode(AUTO)

    def both(t):
        demand = outer.scan(t, 45.0, GOOD, track=inner.cascade_track, limited=inner.cascade_limited)
        return inner.scan(t, 58.0, GOOD, remote_sp=demand)

    for t in range(5):
        both(float(t))
    assert outer.out == inner.sp == 60.0
    before = inner.out
    inner.set_mode(CAS)
    assert both(5.0) == pytest.approx(before)
    assert outer.out == pytest.approx(60.0)
    both(6.0)
    both(7.0)
    assert outer.status is LoopStatus.OK
    assert inner.sp == outer.out > 60.0


# --- timing


def test_computes_on_absolute_deadlines_without_drift(make):
    pid = running(make, period_s=1.0, ti_s=10.0)
    changed, last = 0, None
    for k in range(1001):  # 0.3 s scans never fall on the second
        out = pid.scan(0.3 * k, 59.99, GOOD)
        changed += out != last
        last = out
    assert changed == pytest.approx(300, abs=2)


def test_integral_counts_true_time_when_scans_do_not_fit_the_period(make):
    pid = running(make, period_s=1.0, ti_s=10.0)
    for k in range(1001):
        out = pid.scan(0.3 * k, 59.9, GOOD)
    assert out == pytest.approx(40.0 + 2.0 / 10.0 * 0.1 * 300.0, abs=0.05)


def test_a_pause_is_not_caught_up(make):
    pid = running(make)
    before = scan(pid, 0, 5, 50.0)[-1]
    after = pid.scan(1000.0, 50.0, GOOD)
    assert after - before <= 2.0 * 1.0 + 1e-9  # at most two periods of integral action
    assert pid.scan(1000.5, 50.0, GOOD) == after


def test_a_scan_slightly_early_still_counts(make):
    pid = running(make)
    pid.scan(0.0, 50.0, GOOD)
    assert pid.scan(0.995, 50.0, GOOD) > 40.0


@pytest.mark.parametrize("late_s", [0.0, 0.0019, 0.0021, 0.005, 0.012])
def test_a_loop_as_fast_as_its_scans_computes_at_each_however_late_the_first_one_was(make, late_s):
    """A busy machine is late by some milliseconds now and then, with the first scan as well."""
    pid = running(make, period_s=0.1)
    jitter = random.Random(3)
    shake, skipped = 0.5, 0
    pid.scan(10.0 + late_s, 50.0, GOOD, ff=0.0)
    for k in range(1, 300):
        shake, before = -shake, pid.out
        pid.scan(10.0 + 0.1 * k + jitter.uniform(0.0, 0.003), 50.0, GOOD, ff=shake)
        skipped += pid.out == before
    assert skipped == 0


def test_period_zero_computes_every_scan(make):
    pid = running(make, period_s=0.0)
    outs = [pid.scan(0.1 * k, 50.0, GOOD) for k in range(5)]
    assert len(set(outs)) == 5


# --- refusals


def test_refusals_name_value_range_and_unit(make):
    pid = running(make, pv_unit="degC", out_unit="%")
    with pytest.raises(Refused) as caught:
        pid.set_sp(120.0)
    assert caught.value.code == "out_of_range"
    assert caught.value.reasons == ("L: set point 120 is not within 0 .. 100 degC",)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_not_a_number_is_refused_everywhere(make, value):
    pid = make()
    calls = [
        lambda: pid.set_sp(value),
        lambda: pid.set_out(value),
        lambda: pid.initialise(value),
        lambda: pid.tune(value, 10.0, 0.0),
        lambda: pid.tune(1.0, value, 0.0),
        lambda: pid.tune(1.0, 10.0, value),
        lambda: pid.limit_out(value, 100.0),
        lambda: pid.limit_sp(0.0, value),
    ]
    for call in calls:
        with pytest.raises(Refused) as caught:
            call()
        assert caught.value.code == "not_a_number"
    assert (pid.kc, pid.ti_s, pid.out, pid.sp) == (2.0, 20.0, 0.0, 60.0)


def test_wrong_mode_is_refused(make):
    pid = running(make, modes=(MAN, AUTO))
    with pytest.raises(Refused, match="AUTO"):
        pid.set_out(50.0)
    with pytest.raises(Refused, match="MAN, AUTO"):
        pid.set_mode(CAS)
    cascade = running(make)
    cascade.set_mode(CAS)
    with pytest.raises(Refused, match="cascade"):
        cascade.set_sp(50.0)


def test_negative_gain_is_refused(make):
    with pytest.raises(Refused, match="kc"):
        make().tune(-1.0, 10.0, 0.0)


def test_config_reports_every_mistake_at_once(make):
    with pytest.raises(ConfigError) as caught:
        make(kc=0.0, ti_s=math.nan, out_low=50.0, out_high=10.0, sp=200.0, modes=(AUTO,))
    fields = {p.field for p in caught.value.problems}
    assert {"kc", "ti_s", "out_high", "sp", "modes"} <= fields
