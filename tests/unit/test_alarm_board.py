"""An alarm board: what the scan raises and clears, and what suppression does."""

import math

import pytest

from controller.alarms.definition import Measure, Priority, bad_value
from controller.alarms.limit import AlarmLimit, Level
from controller.alarms.states import AlarmState, Move
from controller.control.states import State
from controller.core.sample import Quality
from tests.support.alarm_rig import ENGINEER, NS, T0_NS, Rig, definition

RUNS = frozenset(State) - {State.EXECUTE}


def test_an_alarm_is_raised_acknowledged_and_goes_back_to_normal():
    rig = Rig()
    assert rig.scan(50) == ""
    assert rig.scan(91) == "raise"
    assert (rig.state(), rig.occurrence()) == (AlarmState.UNACKNOWLEDGED, 1)
    rig.ack()
    assert rig.state() is AlarmState.ACKNOWLEDGED
    assert rig.scan(86) == ""  # inside the limit, but within the dead-band
    assert rig.scan(85) == "clear"
    assert rig.state() is AlarmState.NORMAL


def test_an_alarm_that_has_gone_still_asks_to_be_acknowledged():
    rig = Rig()
    rig.scan(91)
    assert rig.scan(50) == "clear"
    assert rig.state() is AlarmState.RETURNED
    rig.ack()
    assert rig.state() is AlarmState.NORMAL


def test_an_alarm_that_comes_again_is_another_occurrence():
    rig = Rig()
    for value in (91, 50, 91):
        rig.scan(value)
    assert (rig.state(), rig.occurrence()) == (AlarmState.UNACKNOWLEDGED, 2)


def test_delays_count_uninterrupted_evidence():
    rig = Rig(definition(on_delay_s=2.0, off_delay_s=3.0))
    assert rig.scan(91) == ""
    assert rig.scan(after_s=1.9) == ""
    rig.scan(80)
    rig.scan(91)
    assert rig.scan(after_s=1.9) == ""
    assert rig.scan(after_s=0.2) == "raise"
    rig.scan(50)
    assert rig.scan(after_s=2.9) == ""
    assert rig.scan(after_s=0.2) == "clear"


@pytest.mark.parametrize("bad", [Quality.BAD_SENSOR, Quality.BAD_LINK, Quality.BAD_NO_DATA])
def test_a_bad_value_neither_raises_nor_clears(bad):
    rig = Rig()
    rig.q["T.PV"] = bad
    assert rig.scan(500) == ""
    rig.q["T.PV"] = Quality.GOOD
    rig.scan(500)
    rig.q["T.PV"] = bad
    assert rig.scan(0) == ""
    assert rig.state() is AlarmState.UNACKNOWLEDGED


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_neither_raises_nor_clears(value):
    rig = Rig()
    assert rig.scan(value) == ""
    rig.scan(91)
    assert rig.scan(value) == ""


def test_an_uncertain_value_counts():
    rig = Rig()
    rig.q["T.PV"] = Quality.UNCERTAIN_SUSPECT
    assert rig.scan(91) == "raise"
    assert rig.told[0].quality == Quality.UNCERTAIN_SUSPECT


def bad_rig() -> Rig:
    own = definition()
    return Rig(own, bad_value("T.PV", [own], station="tiny"), tags=("T.PV", "T.LINK.UP"),
               link="T.LINK.UP")  # fmt: skip


def test_a_bad_value_raises_an_alarm_of_its_own_after_its_delay():
    rig = bad_rig()
    rig.v["T.LINK.UP"] = 1.0
    rig.scan(50)
    rig.q["T.PV"] = Quality.BAD_SENSOR
    assert rig.scan() == ""
    assert rig.scan(after_s=5.0) == "raise"
    assert rig.state("T.PV.bad") is AlarmState.UNACKNOWLEDGED
    assert "Bad: sensor" in rig.told[-1].text
    rig.q["T.PV"] = Quality.GOOD
    rig.scan()
    assert rig.scan(after_s=5.0) == "clear"


@pytest.mark.parametrize("quality", [Quality.BAD_LINK, Quality.BAD_STALE])
def test_values_that_the_link_made_bad_are_alarmed_by_the_link_alone(quality):
    rig = bad_rig()
    rig.v["T.LINK.UP"] = 1.0
    rig.q["T.PV"] = quality
    rig.scan()
    assert rig.scan(after_s=100.0) == ""


def test_a_tag_that_never_got_a_value_is_alarmed_once_the_link_is_up():
    rig = bad_rig()
    rig.q["T.PV"] = Quality.BAD_NO_DATA
    rig.scan()
    assert rig.scan(after_s=100.0) == ""
    rig.v["T.LINK.UP"] = 1.0
    rig.scan()
    assert rig.scan(after_s=5.0) == "raise"


def test_an_alarm_without_meaning_in_a_state_is_suppressed_there():
    rig = Rig(definition(suppressed_in=RUNS))
    rig.station = State.IDLE
    assert rig.scan(500) == "suppress"
    assert rig.state() is AlarmState.SUPPRESSED
    rig.station = State.EXECUTE
    assert rig.scan() == "release raise"


def test_leaving_a_suppressing_state_begins_with_the_whole_delay():
    rig = Rig(definition(suppressed_in=RUNS, on_delay_s=2.0))
    rig.station = State.STARTING
    rig.scan(500, after_s=100.0)
    rig.station = State.EXECUTE
    assert rig.scan() == "release"
    assert rig.scan(after_s=1.9) == ""
    assert rig.scan(after_s=0.2) == "raise"


def test_what_has_to_settle_is_judged_later_with_the_whole_delay():
    rig = Rig(definition(suppressed_in=RUNS, settle_s=30.0, on_delay_s=2.0), definition("hihi"))
    rig.station = State.STARTING
    rig.scan(500)
    rig.station = State.EXECUTE
    rig.scan(after_s=100.0)
    assert rig.state() is AlarmState.SUPPRESSED
    assert rig.scan(after_s=29.9) == ""
    assert rig.scan(after_s=0.2) == "release"
    assert rig.scan(after_s=1.9) == ""
    assert rig.scan(after_s=0.2) == "raise"


def test_settling_begins_anew_after_each_time_without_meaning():
    rig = Rig(definition(suppressed_in=RUNS, settle_s=30.0))
    rig.station = State.EXECUTE
    assert rig.scan(500) == "raise"  # found running: nothing was suppressed before
    rig.ack()
    for state in (State.HELD, State.EXECUTE):
        rig.station = state
        rig.scan(after_s=20.0)
    rig.station = State.HELD
    rig.scan(after_s=20.0)
    rig.station = State.EXECUTE
    rig.scan()
    assert rig.scan(after_s=29.8) == ""
    assert rig.scan(after_s=0.3) == "release raise"


def test_suppression_leaves_what_nobody_has_acknowledged():
    rig = Rig(definition(suppressed_in=RUNS))
    rig.station = State.EXECUTE
    rig.scan(500)
    rig.station = State.HELD
    assert rig.scan() == "suppress"
    assert rig.state() is AlarmState.RETURNED
    rig.ack()
    assert rig.state() is AlarmState.SUPPRESSED


def test_an_acknowledged_alarm_is_suppressed_at_once():
    rig = Rig(definition(suppressed_in=RUNS))
    rig.station = State.EXECUTE
    rig.scan(500)
    rig.ack()
    rig.station = State.HELD
    rig.scan()
    assert rig.state() is AlarmState.SUPPRESSED


def test_a_latching_alarm_stays_until_it_is_acknowledged_and_reset():
    rig = Rig(definition(latching=True))
    rig.scan(91)
    assert rig.scan(50) == "latch"
    assert rig.state() is AlarmState.LATCHED
    rig.ack()
    assert rig.state() is AlarmState.LATCHED_ACKNOWLEDGED
    rig.board.reset("T.PV.hi", rig.utc_ns, by=ENGINEER)
    assert rig.state() is AlarmState.NORMAL


def test_the_limits_of_a_recipe_take_the_place_of_those_they_name_and_no_others():
    rig = Rig(definition(), definition("lo", limit=10.0))
    rig.scan(50)
    rig.board.use_limits({"T.PV": [AlarmLimit(level=Level.HI, limit=60.0, deadband=1.0)]})
    assert rig.scan(61) == "raise"
    assert rig.told[-1].limit == 60.0
    assert rig.scan(5) == "clear raise"
    rig.board.use_limits({})
    assert rig.scan(61) == "clear"
    assert rig.state() is AlarmState.RETURNED


def test_new_limits_in_mid_run_keep_states_and_acknowledgements():
    rig = Rig()
    rig.scan(91)
    rig.ack()
    rig.board.use_limits({"T.PV": [AlarmLimit(level=Level.HI, limit=80.0)]})
    assert rig.scan() == ""
    assert (rig.state(), rig.occurrence()) == (AlarmState.ACKNOWLEDGED, 1)
    rig.board.use_limits({"T.PV": [AlarmLimit(level=Level.HI, limit=95.0)]})
    assert rig.scan() == "clear"


def test_an_alarm_whose_limit_came_from_the_recipe_goes_with_it():
    rig = Rig(definition(limit=None))
    assert rig.scan(500) == ""
    rig.board.use_limits({"T.PV": [AlarmLimit(level=Level.HI, limit=60.0)]})
    assert rig.scan() == "raise"
    rig.board.use_limits({})
    assert rig.scan() == "clear"
    assert rig.scan() == ""
    assert "no limit" in rig.told[-1].reason


def test_a_recipe_limit_that_no_definition_knows_gets_an_alarm_with_a_response():
    rig = Rig(definition(), tags=("T.PV", "T.OTHER"))
    rig.board.use_limits({"T.OTHER": [AlarmLimit(level=Level.LO, limit=-5.0)]})
    assert rig.scan(-6, tag="T.OTHER") == "raise"
    alarm = rig.board.alarms["T.OTHER.lo"].definition
    assert alarm.action
    assert alarm.text == "T.OTHER of the cell below the limit of the recipe"
    assert "T.OTHER.bad" in rig.board.alarms


def test_a_limit_relative_to_a_set_point_follows_it():
    rig = Rig(
        definition("lo", reference="T.SP", measure=Measure.DEVIATION, limit=-3.0, deadband=1.0),
        tags=("T.PV", "T.SP"),
    )
    rig.v["T.SP"] = 80.0
    assert rig.scan(78) == ""
    assert rig.scan(82, tag="T.SP") == "raise"
    assert (rig.told[-1].value, rig.told[-1].limit) == (-4.0, -3.0)
    assert "-4 % from T.SP, limit -3 %" in rig.told[-1].text
    rig.q["T.SP"] = Quality.BAD_NO_DATA
    assert rig.scan(80, tag="T.SP") == ""
    rig.q["T.SP"] = Quality.GOOD
    assert rig.scan() == "clear"


def test_an_absolute_limit_of_the_recipe_replaces_a_relative_one():
    rig = Rig(
        definition(reference="T.SP", measure=Measure.DEVIATION, limit=3.0),
        tags=("T.PV", "T.SP"),
    )
    rig.board.use_limits({"T.PV": [AlarmLimit(level=Level.HI, limit=107.0)]})
    assert rig.scan(106) == ""
    assert rig.scan(108) == "raise"
    assert rig.told[-1].value == 108.0


def test_the_first_alarm_of_a_group_is_named_by_those_that_follow_within_its_window():
    rig = Rig(
        definition(group="web"),
        definition("hihi", limit=95.0, group="web"),
        definition("lo", limit=10.0, group="other"),
    )
    rig.scan(50)
    rig.scan(91)
    rig.scan(96, after_s=9.0)
    assert [t.first for t in rig.told] == ["T.PV.hi", "T.PV.hi"]
    rig.scan(5)
    assert rig.told[-1].first == "T.PV.lo"
    rig.scan(96, after_s=9.0)
    assert {t.first for t in rig.told[-2:] if t.move is Move.RAISE} == {"T.PV.hi"}
    assert rig.board.alarms["T.PV.hi"].first == "T.PV.hi"


def test_definitions_of_tags_that_are_not_there_are_named():
    rig = Rig(definition(), definition(tag="NOT.HERE"))
    assert [d.id for d in rig.board.missing] == ["NOT.HERE.hi"]
    assert set(rig.board.alarms) == {"T.PV.hi"}


def test_a_transition_tells_all_that_the_journal_keeps():
    rig = Rig(definition(group="web", priority=Priority.HIGH))
    rig.scan(91.5)
    event = rig.events()[0]
    assert event.text == "T.PV hi alarm: 91.5 %, limit 90 %: too much"
    assert (event.station, event.subject, event.actor) == ("tiny", "T.PV", "")
    assert event.time_ns == T0_NS + NS // 10
    assert event.data == {
        "alarm": "T.PV.hi", "name": "hi", "occurrence": 1, "move": "raise", "from": "normal",
        "to": "unacknowledged", "priority": 2, "value": 91.5, "limit": 90.0, "quality": 0,
        "reason": "", "group": "web", "first": "T.PV.hi",
    }  # fmt: skip
