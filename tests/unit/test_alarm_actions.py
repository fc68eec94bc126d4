"""What people do to alarms: acknowledge, shelve, take out of service; and restarts between."""

import pytest

from controller.alarms.acts import ACTS, act
from controller.alarms.alarm import MAX_SHELVED_NS, STALE_NS
from controller.alarms.definition import Priority
from controller.alarms.limit import AlarmLimit, Level
from controller.alarms.states import AlarmState
from controller.control.states import State
from controller.core.errors import DrylineError, Refused
from tests.support.alarm_rig import ENGINEER, NS, OPERATOR, Rig, definition

MAX_S = MAX_SHELVED_NS / NS


def refused(call, *args, **more) -> str:
    with pytest.raises(Refused) as caught:
        call(*args, **more)
    assert caught.value.reasons
    return caught.value.code


def test_an_acknowledgement_names_the_coming_that_was_seen():
    rig = Rig()
    for value in (91, 50, 91):
        rig.scan(value)
    assert refused(rig.ack, occurrence=1) == "occurrence"
    assert rig.state() is AlarmState.UNACKNOWLEDGED
    rig.ack(occurrence=2)
    assert rig.told[-1].actor == "ann"


def test_what_does_not_ask_cannot_be_acknowledged():
    rig = Rig()
    assert refused(rig.ack) == "state"
    rig.scan(91)
    rig.ack()
    assert refused(rig.ack) == "state"


def test_an_alarm_that_does_not_exist_is_refused():
    rig = Rig()
    assert refused(rig.board.acknowledge, "T.PV.nope", 1, rig.utc_ns, OPERATOR) == "alarm"


def test_a_shelved_alarm_is_silent_and_comes_back_by_itself_as_a_new_occurrence():
    rig = Rig()
    rig.scan(91)
    rig.shelve(60.0)
    assert rig.scan(50) == ""
    assert rig.scan(91) == ""
    assert rig.state() is AlarmState.SHELVED
    assert rig.scan(after_s=59.0) == ""
    assert rig.scan(after_s=1.0) == "unshelve raise"
    assert rig.occurrence() == 2


def test_a_shelved_alarm_whose_cause_has_gone_comes_back_normal():
    rig = Rig()
    rig.scan(91)
    rig.shelve(60.0)
    rig.scan(50)
    assert rig.scan(after_s=61.0) == "unshelve"
    assert rig.state() is AlarmState.NORMAL


def test_a_one_shot_shelf_ends_when_the_alarm_has_gone_once():
    rig = Rig()
    rig.scan(91)
    rig.shelve(3600.0, one_shot=True)
    assert rig.scan(50) == "unshelve"
    assert rig.scan(91) == "raise"


def test_a_one_shot_shelf_ends_at_its_time_at_the_latest():
    rig = Rig()
    rig.scan(91)
    rig.shelve(60.0, one_shot=True)
    assert rig.scan(after_s=61.0) == "unshelve raise"


def test_shelving_before_the_time_can_be_taken_back():
    rig = Rig()
    rig.shelve()
    rig.board.unshelve("T.PV.hi", rig.utc_ns, OPERATOR)
    assert rig.state() is AlarmState.NORMAL
    assert refused(rig.board.unshelve, "T.PV.hi", rig.utc_ns, OPERATOR) == "state"
    assert rig.scan(after_s=100.0) == ""


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"for_s": 0.0}, "time"),
        ({"for_s": -5.0}, "time"),
        ({"for_s": MAX_S + 1}, "time"),
    ],
)
def test_a_shelf_needs_a_reason_and_a_sensible_end(given, code):
    rig = Rig()
    assert refused(rig.shelve, **given) == code
    assert rig.state() is AlarmState.NORMAL
    rig.shelve(MAX_S)


def test_a_critical_alarm_is_put_aside_by_an_engineer_only():
    rig = Rig(definition(priority=Priority.CRITICAL))
    assert refused(rig.shelve) == "role"
    assert refused(rig.board.take_out, "T.PV.hi", rig.utc_ns, OPERATOR, "why") == "role"
    rig.shelve(by=ENGINEER)
    assert rig.state() is AlarmState.SHELVED


def test_what_protects_people_is_never_shelved():
    rig = Rig(definition(shelvable=False))
    assert refused(rig.shelve, by=ENGINEER) == "shelvable"


def test_a_shelved_alarm_cannot_be_shelved_again():
    rig = Rig()
    rig.shelve()
    assert refused(rig.shelve) == "state"


def test_out_of_service_lasts_until_a_person_ends_it():
    rig = Rig()
    assert refused(rig.board.take_out, "T.PV.hi", rig.utc_ns, OPERATOR, " ") == "reason"
    rig.board.take_out("T.PV.hi", rig.utc_ns, OPERATOR, "sensor is exchanged")
    assert rig.scan(91, after_s=1e6) == ""
    assert refused(rig.board.take_out, "T.PV.hi", rig.utc_ns, OPERATOR, "again") == "state"
    told = rig.board.put_back("T.PV.hi", rig.utc_ns, OPERATOR)
    assert [t.move.value for t in told] == ["return", "raise"]
    assert refused(rig.board.put_back, "T.PV.hi", rig.utc_ns, OPERATOR) == "state"


def test_a_shelved_alarm_may_be_taken_out_of_service_and_its_shelf_is_forgotten():
    rig = Rig()
    rig.shelve(60.0)
    rig.board.take_out("T.PV.hi", rig.utc_ns, OPERATOR, "sensor is exchanged")
    assert rig.scan(91, after_s=100.0) == ""
    assert rig.state() is AlarmState.OUT_OF_SERVICE


def test_an_alarm_back_from_the_shelf_is_suppressed_where_the_station_says_so():
    rig = Rig(definition(suppressed_in=frozenset({State.IDLE})))
    rig.station = State.EXECUTE
    rig.scan(91)
    rig.shelve(60.0)
    rig.station = State.IDLE
    rig.scan()
    assert rig.state() is AlarmState.SHELVED
    assert rig.scan(after_s=61.0) == "unshelve suppress"


def test_a_restart_keeps_acknowledgements_and_raises_nothing_anew():
    rig = Rig(definition(), definition("hihi", limit=95.0))
    rig.scan(96)
    rig.ack()
    assert rig.restart() == ()
    assert rig.scan(96) == ""
    assert rig.state() is AlarmState.ACKNOWLEDGED
    assert rig.state("T.PV.hihi") is AlarmState.UNACKNOWLEDGED
    assert refused(rig.ack, "T.PV.hihi", 0) == "occurrence"
    rig.ack("T.PV.hihi", 1)
    assert rig.scan(50) == "clear clear"


def test_a_restart_keeps_shelves_and_what_is_out_of_service():
    rig = Rig(definition(), definition("hihi", limit=95.0))
    rig.shelve(60.0)
    rig.board.take_out("T.PV.hihi", rig.utc_ns, ENGINEER, "sensor is exchanged")
    rig.restart()
    assert rig.scan(96, after_s=59.0) == ""
    assert rig.scan(after_s=2.0) == "unshelve raise"
    assert rig.board.alarms["T.PV.hihi"].aside.reason == "sensor is exchanged"


def test_after_a_restart_no_shelf_lasts_longer_than_it_may():
    rig = Rig()
    rig.shelve(MAX_S)
    memory = rig.board.state()
    rig.now_s -= 1e6  # the clock was set back while the program was down
    rig.board.restore(memory, rig.utc_ns)
    assert rig.scan(91, after_s=MAX_S - 1) == ""
    assert rig.scan(after_s=2.0) == "unshelve raise"


def test_an_alarm_of_a_recipe_survives_a_restart_although_its_definition_comes_later():
    rig = Rig(definition(), tags=("T.PV", "T.OTHER"))
    limits = {"T.OTHER": [AlarmLimit(level=Level.HI, limit=1.0)]}
    rig.board.use_limits(limits)
    rig.scan(5, tag="T.OTHER")
    rig.ack("T.OTHER.hi")
    rig.restart()
    assert "T.OTHER.hi" in rig.board.state()["alarms"]
    rig.board.use_limits(limits)
    assert rig.scan(5, tag="T.OTHER") == ""
    assert rig.state("T.OTHER.hi") is AlarmState.ACKNOWLEDGED


@pytest.mark.parametrize(
    "broken",
    [{}, {"state": "dreaming"}, {"aside": {"actor": "x"}}, {"chatter": ["x"]}, {"occurrence": "x"},
     {"state": "shelved", "aside": None}],
)  # fmt: skip
def test_a_broken_memory_of_one_alarm_is_told_and_costs_that_alarm_alone(broken):
    rig = Rig(definition(), definition("hihi", limit=95.0))
    rig.scan(96)
    memory = rig.board.state()
    sound = memory["alarms"]["T.PV.hi"]
    memory["alarms"]["T.PV.hi"] = {**sound, **broken} if broken else {}
    fresh = Rig(definition(), definition("hihi", limit=95.0))
    assert len(fresh.board.restore(memory, rig.utc_ns)) == 1
    assert fresh.state() is AlarmState.NORMAL
    assert fresh.state("T.PV.hihi") is AlarmState.UNACKNOWLEDGED
    assert fresh.scan(96) == "raise"


def test_a_memory_of_another_version_is_told():
    rig = Rig()
    assert "version 99" in rig.board.restore({"version": 99}, 0)[0]
    assert rig.board.restore({}, 0) == ()


def test_an_alarm_that_stands_for_more_than_a_day_is_stale():
    rig = Rig()
    rig.scan(91)
    alarm = rig.board.alarms["T.PV.hi"]
    raised = rig.utc_ns
    assert not alarm.stale(raised + STALE_NS)
    assert alarm.stale(raised + STALE_NS + 1)
    rig.scan(50)
    assert not alarm.stale(raised + STALE_NS + 1)


def test_requests_of_the_console_reach_the_board():
    rig = Rig()
    rig.scan(91)
    rows = (
        ({"act": "acknowledge", "occurrence": 1}, AlarmState.ACKNOWLEDGED),
        ({"act": "shelve", "for_s": 60, "reason": "why"}, AlarmState.SHELVED),
        ({"act": "unshelve"}, AlarmState.UNACKNOWLEDGED),
        ({"act": "take-out", "reason": "why"}, AlarmState.OUT_OF_SERVICE),
        ({"act": "put-back"}, AlarmState.UNACKNOWLEDGED),
    )
    for request, state in rows:
        act(rig.board, {"alarm": "T.PV.hi", **request}, rig.utc_ns, OPERATOR)
        assert rig.state() is state
    assert {r[0]["act"] for r in rows} | {"reset"} == set(ACTS)


@pytest.mark.parametrize(
    "request_",
    [
        {}, {"act": ["shelve"]}, {"act": "acknowledge", "alarm": "T.PV.hi"},
        {"act": "acknowledge", "alarm": "T.PV.hi", "occurrence": True},
        {"act": "acknowledge", "alarm": 5, "occurrence": 1},
        {"act": "shelve", "alarm": "T.PV.hi", "reason": "why"},
        {"act": "shelve", "alarm": "T.PV.hi", "reason": "why", "for_s": float("nan")},
        {"act": "shelve", "alarm": "T.PV.hi", "reason": 7, "for_s": 5},
    ],
)  # fmt: skip
def test_a_request_without_sense_is_told_so(request_):
    with pytest.raises(DrylineError):
        act(Rig().board, request_, 0, OPERATOR)


def test_a_shelf_ends_exactly_at_its_time():
    rig = Rig()
    rig.shelve(60.0)
    until_ns = rig.board.alarms["T.PV.hi"].aside.until_ns
    values = ([50.0], [0])
    assert rig.board.scan(59.9, until_ns - 1, *values) == ()
    assert [t.move.value for t in rig.board.scan(60.0, until_ns, *values)] == ["unshelve"]
