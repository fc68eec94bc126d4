"""A limit judged sample by sample: dead-band, delays, bad values."""

import math

import pytest

from controller.alarms.alarm import Alarm
from controller.alarms.limit import ON_DELAY_OVER, ON_SAMPLE, AlarmLimit, Condition, Level, Seen
from tests.support.alarm_rig import Rig, definition

RISING = (
    definition("hihi", limit=150.0, deadband=0.0),
    definition("hi", limit=100.0, deadband=0.0),
    definition("lo", limit=20.0, deadband=0.0),
    definition("lolo", limit=5.0, deadband=0.0),
)


class Limit:
    """One alarm whose samples are judged one by one."""

    def __init__(self, name: str = "hi", limit: float = -62.0, **given: float) -> None:
        self.alarm = Alarm(definition(name, **{"limit": limit, "deadband": 0.0, **given}))

    def sees(self, now_s: float, value: float, *, bad: bool = False) -> str:
        """What changed by a sample: "came", "gone" or nothing."""
        seen_bad = bad or not math.isfinite(value)
        if not self.alarm.judge(now_s, value, seen_bad):
            return ""
        return "came" if self.alarm.active else "gone"


def test_hi_comes_above_and_goes_at_its_limit():
    limit = Limit()
    assert limit.sees(0.0, -63.0) == ""
    assert limit.sees(1.0, -62.0) == ""
    assert limit.sees(1.5, -61.0) == "came"
    assert limit.sees(2.0, -62.0) == "gone"


def test_lo_is_the_mirror_image():
    limit = Limit("lo", 20.0, deadband=5.0)
    assert limit.sees(0.0, 20.0) == ""
    assert limit.sees(1.0, 19.9) == "came"
    assert limit.sees(2.0, 24.9) == ""
    assert limit.sees(3.0, 25.0) == "gone"


def test_dead_band_keeps_the_alarm_until_well_inside():
    limit = Limit(deadband=1.0)
    assert limit.sees(0.0, -61.9) == "came"
    assert limit.sees(1.0, -62.9) == ""
    assert limit.alarm.active
    assert limit.sees(2.0, -63.0) == "gone"


def test_on_delay_wants_uninterrupted_evidence():
    limit = Limit(on_delay_s=60.0)
    for at_s, value in ((0.0, -61.0), (59.0, -61.0), (59.5, -63.0), (60.0, -61.0), (119.9, -61.0)):
        assert limit.sees(at_s, value) == ""
    assert limit.sees(120.0, -61.0) == "came"


def test_off_delay_wants_uninterrupted_evidence():
    limit = Limit(off_delay_s=10.0, deadband=1.0)
    limit.sees(0.0, -61.0)
    assert limit.sees(1.0, -64.0) == ""
    assert limit.sees(9.0, -61.0) == ""
    assert limit.sees(10.0, -64.0) == ""
    assert limit.sees(15.0, -62.5) == ""  # the dead-band does not stop the delay
    assert limit.sees(20.0, -64.0) == "gone"


@pytest.mark.parametrize(
    ("value", "bad"), [(0.0, True), (math.nan, False), (math.inf, False), (-math.inf, False)]
)
def test_bad_value_never_raises(value, bad):
    limit = Limit()
    assert [limit.sees(float(t), value, bad=bad) for t in range(100)] == [""] * 100


@pytest.mark.parametrize(("value", "bad"), [(-70.0, True), (math.nan, False)])
def test_bad_value_never_clears(value, bad):
    limit = Limit()
    limit.sees(0.0, -61.0)
    assert [limit.sees(float(t), value, bad=bad) for t in range(1, 100)] == [""] * 99
    assert limit.alarm.active


def test_bad_value_takes_a_running_delay_back():
    limit = Limit(on_delay_s=10.0)
    limit.sees(0.0, -61.0)
    limit.sees(9.0, -61.0, bad=True)
    assert limit.sees(10.0, -61.0) == ""
    assert limit.sees(20.0, -61.0) == "came"


def test_delay_does_not_run_out_on_bad_values():
    limit = Limit(on_delay_s=10.0)
    limit.sees(0.0, -61.0)
    assert limit.sees(30.0, -61.0, bad=True) == ""
    assert not limit.alarm.active


def test_levels_come_and_go_on_their_own():
    rig = Rig(*RISING)

    def told(value: float) -> list[tuple[str, str]]:
        before = len(rig.told)
        rig.scan(value)
        return [(t.alarm.name, t.move.value) for t in rig.told[before:]]

    assert told(160.0) == [("hihi", "raise"), ("hi", "raise")]
    assert told(120.0) == [("hihi", "clear")]
    assert told(0.0) == [("hi", "clear"), ("lo", "raise"), ("lolo", "raise")]


@pytest.mark.parametrize(("value", "name"), [(10.0, "lo"), (120.0, "hi")])
def test_inner_levels_come_first(value, name):
    rig = Rig(*RISING)
    rig.scan(value)
    assert [t.alarm.name for t in rig.told] == [name]


def test_limits_of_a_recipe_bring_their_own_dead_band_and_delay():
    limit = Limit(deadband=1.0)
    limit.alarm.use(AlarmLimit(level=Level.HI, limit=-50.0, deadband=4.0, on_delay_s=3.0))
    assert limit.sees(0.0, -49.0) == ""
    assert limit.sees(3.0, -49.0) == "came"
    assert limit.sees(4.0, -53.9) == ""
    assert limit.sees(5.0, -54.0) == "gone"


@pytest.mark.parametrize(
    "given", [{"deadband": -1.0}, {"on_delay_s": math.nan}, {"limit": math.inf}]
)
def test_what_cannot_be_judged_is_refused_when_it_is_defined(given):
    with pytest.raises(ValueError, match=next(iter(given))):
        Limit(**given)


def test_table_is_complete_and_bad_samples_never_change_what_is_active():
    assert len(ON_SAMPLE) == len(ON_DELAY_OVER) == len(Condition)
    for condition in Condition:
        assert len(ON_SAMPLE[condition]) == len(Seen)
        after_bad = ON_SAMPLE[condition][Seen.BAD]
        assert (after_bad >= Condition.ACTIVE) == (condition >= Condition.ACTIVE)
