"""What holds for a loop whatever it is fed."""

import math
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

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
from controller.core.errors import Refused

ANY = st.floats(allow_nan=True, allow_infinity=True)
SANE = st.floats(-200.0, 200.0)
QUALITY = st.sampled_from([0, 0, 0, 0, 65, 67, 128, 131])


@st.composite
def configs(draw, **fixed):
    drawn = {
        "name": "L",
        "kc": draw(st.floats(1e-3, 50.0)),
        "ti_s": draw(st.sampled_from([0.0, 0.5, 20.0, 900.0])),
        "td_s": draw(st.sampled_from([0.0, 0.0, 5.0])),
        "period_s": draw(st.sampled_from([0.0, 0.1, 1.0, 5.0])),
        "direction": draw(st.sampled_from(Direction)),
        "out_low": -20.0,
        "out_high": 80.0,
        "sp_low": -100.0,
        "sp_high": 100.0,
        "sp": 10.0,
        "out_rate": draw(st.sampled_from([math.inf, 0.5])),
        "sp_rate": draw(st.sampled_from([math.inf, 2.0])),
        "deadband": draw(st.sampled_from([0.0, 1.5])),
        "pv_filter_s": draw(st.sampled_from([0.0, 3.0])),
        "sp_weight": draw(st.sampled_from([1.0, 0.4])),
        "fallback": draw(st.sampled_from(Fallback)),
        "safe_value": 5.0,
        "resume": draw(st.sampled_from(Resume)),
        "terms": draw(st.sampled_from(Terms)),
        "algorithm": draw(st.sampled_from(Algorithm)),
    }
    return PidConfig(**(drawn | fixed))


SCANS = st.fixed_dictionaries(
    {
        "dt": st.sampled_from([0.0, 1e-9, 0.1, 0.1, 1.0, 7.0, 1e6]),
        "pv": st.one_of(SANE, ANY),
        "quality": QUALITY,
        "ff": st.one_of(st.just(0.0), SANE, ANY),
        "remote_sp": st.one_of(SANE, ANY),
        "track": st.one_of(st.none(), st.none(), SANE, ANY),
        "limited": st.sampled_from(Limited),
    }
)
OPERATIONS = st.one_of(
    st.tuples(st.just("set_mode"), st.tuples(st.sampled_from(LoopMode))),
    st.tuples(st.just("set_sp"), st.tuples(ANY)),
    st.tuples(st.just("set_out"), st.tuples(ANY)),
    st.tuples(st.just("tune"), st.tuples(ANY, ANY, ANY)),
    st.tuples(st.just("tune"), st.tuples(st.floats(1e-3, 1e9), st.floats(1e-3, 1e4), ANY)),
    st.tuples(st.just("limit_out"), st.tuples(SANE, SANE)),
    st.tuples(st.just("initialise"), st.tuples(ANY)),
    st.tuples(st.just("rebalance"), st.just(())),
)
STORY = st.lists(st.one_of(SCANS, SCANS, OPERATIONS), max_size=40)


def play(config, story):
    """All outputs of a story of scans and operations; refusals are part of it."""
    pid, now_s, trace = Pid(config), 1000.0, []
    for event in story:
        if isinstance(event, tuple):
            name, arguments = event
            with suppress(Refused):
                getattr(pid, name)(*arguments)
        else:
            scan = dict(event)
            now_s += scan.pop("dt")
            out = pid.scan(now_s, scan.pop("pv"), scan.pop("quality"), **scan)
            trace.append((out, pid.status, pid.mode))
            assert out == pid.out
            assert config.out_low <= pid.out_low <= out <= pid.out_high <= config.out_high
            assert math.isfinite(pid.sp)
            assert math.isfinite(pid.pv)
            assert math.isfinite(pid.error)
    return trace


@settings(max_examples=300, deadline=None)
@given(config=configs(), story=STORY)
def test_output_is_finite_and_within_limits_for_any_story(config, story):
    play(config, story)


@settings(max_examples=100, deadline=None)
@given(config=configs(), story=STORY)
def test_the_same_story_gives_the_same_outputs(config, story):
    assert play(config, story) == play(config, story)


@settings(max_examples=100, deadline=None)
@given(config=configs(fallback=Fallback.HOLD, resume=Resume.AUTOMATIC), story=STORY)
def test_control_works_again_after_any_story(config, story):
    pid = Pid(config)
    play_on = [e for e in story if not isinstance(e, tuple)]
    pid.set_mode(LoopMode.AUTO)
    now_s = 1000.0
    for event in play_on:
        scan = dict(event)
        now_s += scan.pop("dt")
        pid.scan(now_s, scan.pop("pv"), scan.pop("quality"), **scan)
    for k in range(1, 4):
        pid.scan(now_s + 10.0 * k, 20.0, 0)
    assert pid.in_control


def settled(config, pvs, ff):
    pid = Pid(config)
    pid.initialise(30.0)
    pid.set_mode(LoopMode.AUTO)
    for k, pv in enumerate(pvs):
        pid.scan(float(k), pv, 0, ff=ff)
    return pid, float(len(pvs))


PVS = st.lists(SANE, min_size=1, max_size=20)


@settings(max_examples=200, deadline=None)
@given(config=configs(), pvs=PVS, pv=SANE, ff=SANE, mode=st.sampled_from(LoopMode), remote=SANE)
def test_no_mode_change_moves_the_output(config, pvs, pv, ff, mode, remote):
    pid, now_s = settled(config, pvs, ff)
    before = pid.out
    pid.set_mode(LoopMode.MAN)
    assert pid.scan(now_s, pv, 0, ff=ff, remote_sp=remote) == before
    pid.set_mode(mode)
    assert pid.scan(now_s + 1.0, pv, 0, ff=ff, remote_sp=remote) == before


@settings(max_examples=200, deadline=None)
@given(
    config=configs(
        period_s=1.0, pv_filter_s=0.0, td_s=0.0, deadband=0.0, sp_rate=math.inf, out_rate=math.inf
    ),
    pvs=PVS,
    ff=SANE,
    kc=st.floats(1e-3, 50.0),
    ti_s=st.floats(1.0, 1e4),
)
def test_a_gain_change_moves_the_output_by_no_more_than_one_integral_step(
    config, pvs, ff, kc, ti_s
):
    pid, now_s = settled(config, pvs, ff)
    before, pv = pid.out, pvs[-1]
    pid.tune(kc, ti_s, 0.0)
    after = pid.scan(now_s, pv, 0, ff=ff)
    assert abs(after - before) <= kc / ti_s * abs(config.sp - pv) + 1e-6


@settings(max_examples=200, deadline=None)
@given(config=configs(), pvs=PVS, pv=SANE, ff=SANE, track=SANE)
def test_tracking_gives_the_tracked_value_and_leaves_it_without_a_jump(config, pvs, pv, ff, track):
    pid, now_s = settled(config, pvs, ff)
    followed = pid.scan(now_s, pv, 0, ff=ff, track=track)
    assert followed == min(max(track, config.out_low), config.out_high)
    assert pid.status is LoopStatus.TRACKING
    assert pid.scan(now_s + 5.0, pv, 0, ff=ff) == followed


@settings(max_examples=200, deadline=None)
@given(config=configs(out_rate=0.5, period_s=1.0), pvs=PVS, ff=SANE)
def test_output_rate_is_never_exceeded_in_automatic(config, pvs, ff):
    pid = Pid(config)
    pid.initialise(30.0)
    pid.set_mode(LoopMode.AUTO)
    last = pid.out
    for k, pv in enumerate(pvs):
        out = pid.scan(float(k), pv, 0, ff=ff if k % 2 else 0.0)
        assert abs(out - last) <= 0.5 + 1e-9
        last = out
