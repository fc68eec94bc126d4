"""Limit alarms."""

import math

import pytest

from controller.control.alarm import (
    ON_DELAY_OVER,
    ON_SAMPLE,
    AlarmLimit,
    AlarmState,
    Level,
    LimitAlarm,
    Seen,
)
from controller.core.errors import ConfigError
from controller.core.sample import Quality

GOOD, BAD = 0, int(Quality.BAD_STALE)


def alarm(*limits: AlarmLimit) -> LimitAlarm:
    return LimitAlarm("ENC.DP.ZONE", limits)


def hi(**settings) -> LimitAlarm:
    return alarm(AlarmLimit(level=Level.HI, limit=-62.0, **settings))


def test_hi_comes_above_and_goes_below_its_limit():
    a = hi()
    assert a.scan(0.0, -63.0, GOOD) == ()
    (came,) = a.scan(1.0, -61.0, GOOD)
    assert (came.tag, came.level, came.active) == ("ENC.DP.ZONE", Level.HI, True)
    assert (came.value, came.limit, came.time_s) == (-61.0, -62.0, 1.0)
    (went,) = a.scan(2.0, -62.0, GOOD)
    assert not went.active


def test_lo_is_the_mirror_image():
    a = alarm(AlarmLimit(level=Level.LO, limit=20.0, deadband=5.0))
    assert a.scan(0.0, 20.0, GOOD) == ()
    assert a.scan(1.0, 19.9, GOOD)[0].active
    assert a.scan(2.0, 24.9, GOOD) == ()
    assert not a.scan(3.0, 25.0, GOOD)[0].active


def test_dead_band_keeps_the_alarm_until_well_inside():
    a = hi(deadband=1.0)
    a.scan(0.0, -61.9, GOOD)
    assert a.scan(1.0, -62.9, GOOD) == ()
    assert a.active == (Level.HI,)
    assert not a.scan(2.0, -63.0, GOOD)[0].active


def test_on_delay_wants_uninterrupted_evidence():
    a = hi(on_delay_s=60.0)
    assert a.scan(0.0, -61.0, GOOD) == ()
    assert a.scan(59.0, -61.0, GOOD) == ()
    assert a.scan(59.5, -63.0, GOOD) == ()
    assert a.scan(60.0, -61.0, GOOD) == ()
    assert a.scan(119.9, -61.0, GOOD) == ()
    assert a.scan(120.0, -61.0, GOOD)[0].active


def test_off_delay_wants_uninterrupted_evidence():
    a = hi(off_delay_s=10.0, deadband=1.0)
    a.scan(0.0, -61.0, GOOD)
    assert a.scan(1.0, -64.0, GOOD) == ()
    assert a.scan(9.0, -61.0, GOOD) == ()
    assert a.scan(10.0, -64.0, GOOD) == ()
    assert a.scan(15.0, -62.5, GOOD) == ()  # the dead-band does not stop the delay
    assert not a.scan(20.0, -64.0, GOOD)[0].active


@pytest.mark.parametrize(
    ("value", "quality"), [(0.0, BAD), (math.nan, GOOD), (math.inf, GOOD), (-math.inf, GOOD)]
)
def test_bad_value_never_raises(value, quality):
    a = hi()
    for t in range(100):
        assert a.scan(float(t), value, quality) == ()


@pytest.mark.parametrize(("value", "quality"), [(-70.0, BAD), (math.nan, GOOD)])
def test_bad_value_never_clears(value, quality):
    a = hi()
    a.scan(0.0, -61.0, GOOD)
    for t in range(1, 100):
        assert a.scan(float(t), value, quality) == ()
    assert a.active == (Level.HI,)


def test_bad_value_takes_a_running_delay_back():
    a = hi(on_delay_s=10.0)
    a.scan(0.0, -61.0, GOOD)
    a.scan(9.0, -61.0, BAD)
    assert a.scan(10.0, -61.0, GOOD) == ()
    assert a.scan(20.0, -61.0, GOOD)[0].active


def test_delay_does_not_run_out_on_bad_values():
    a = hi(on_delay_s=10.0)
    a.scan(0.0, -61.0, GOOD)
    assert a.scan(30.0, -61.0, BAD) == ()
    assert a.active == ()


def test_levels_come_and_go_on_their_own():
    a = alarm(
        AlarmLimit(level=Level.HIHI, limit=150.0),
        AlarmLimit(level=Level.HI, limit=100.0),
        AlarmLimit(level=Level.LO, limit=20.0),
        AlarmLimit(level=Level.LOLO, limit=5.0),
    )
    assert [c.level for c in a.scan(0.0, 160.0, GOOD)] == [Level.HIHI, Level.HI]
    assert [c.level for c in a.scan(1.0, 120.0, GOOD)] == [Level.HIHI]
    changed = a.scan(2.0, 0.0, GOOD)
    assert [(c.level, c.active) for c in changed] == [
        (Level.HI, False),
        (Level.LO, True),
        (Level.LOLO, True),
    ]
    assert a.active == (Level.LO, Level.LOLO)


@pytest.mark.parametrize(("value", "level"), [(10.0, Level.LO), (120.0, Level.HI)])
def test_inner_levels_come_first(value, level):
    a = alarm(
        AlarmLimit(level=Level.HIHI, limit=150.0),
        AlarmLimit(level=Level.HI, limit=100.0),
        AlarmLimit(level=Level.LO, limit=20.0),
        AlarmLimit(level=Level.LOLO, limit=5.0),
    )
    assert [c.level for c in a.scan(0.0, value, GOOD)] == [level]


def test_uncertain_value_counts():
    assert hi().scan(0.0, -61.0, int(Quality.UNCERTAIN_SUSPECT))[0].active


def test_mistakes_are_reported_at_once():
    with pytest.raises(ConfigError) as caught:
        alarm(
            AlarmLimit(level=Level.HI, limit=10.0, deadband=-1.0),
            AlarmLimit(level=Level.LO, limit=20.0, on_delay_s=math.nan),
        )
    assert {p.field for p in caught.value.problems} == {"limit", "hi.deadband", "lo.on_delay_s"}
    with pytest.raises(ConfigError, match="at most once"):
        alarm(AlarmLimit(level=Level.HI, limit=1.0), AlarmLimit(level=Level.HI, limit=2.0))
    with pytest.raises(ConfigError, match="finite"):
        alarm(AlarmLimit(level=Level.HI, limit=math.nan))


def test_table_is_complete_and_bad_samples_never_change_what_is_active():
    assert len(ON_SAMPLE) == len(ON_DELAY_OVER) == len(AlarmState)
    for state in AlarmState:
        assert len(ON_SAMPLE[state]) == len(Seen)
        after_bad = ON_SAMPLE[state][Seen.BAD]
        assert (after_bad >= AlarmState.ACTIVE) == (state >= AlarmState.ACTIVE)
