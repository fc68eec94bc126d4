"""What a station answers to a command, and why it refuses."""

import pytest

from controller.control.pid_config import LoopMode
from controller.control.states import State
from controller.control.station import MAX_QUEUE
from controller.core.event import Command, EventKind, Verb
from controller.core.sample import Quality
from controller.stations.common import Mode
from tests.support.tiny_station import Bench


@pytest.fixture
def bench():
    return Bench()


def test_a_start_is_refused_with_every_reason_and_its_live_value(bench):
    bench.plc(REMOTE=0, TRIP=1)
    answer = bench.refused(Verb.START)
    assert answer.code == "permissive"
    assert answer.reasons == (
        "remote switch is off, must be on: switch the station to remote at its panel",
        "latched PLC trip is on, must be off: mend the cause, then RESET (from IDLE: STOP, "
        "then RESET)",
    )
    assert bench.state is State.IDLE


def test_a_start_without_a_link_is_refused(bench):
    bench.lose()
    answer = bench.refused(Verb.START)
    assert answer.reasons[0] == (
        "remote switch is unknown (Bad: link), must be on: wait for the link, or check the sensor"
    )


@pytest.mark.parametrize(
    ("state", "verb"),
    [
        (State.HELD, Verb.UNHOLD),
        (State.PAUSED, Verb.RESUME),
        (State.EXECUTE, Verb.RESTART),
        (State.IDLE, Verb.START),
    ],
)
def test_no_way_into_motion_goes_around_the_permissives(bench, state, verb):
    bench.station.procedure.force(state, "test")
    bench.plc(Quality.BAD_SENSOR, REMOTE=1)
    assert bench.refused(verb).code == "permissive"
    assert bench.state is state
    bench.plc(REMOTE=1)
    bench.ok(verb)


@pytest.mark.parametrize("verb", [Verb.STOP, Verb.ABORT, Verb.HOLD])
def test_the_ways_out_of_motion_need_no_permissive(bench, verb):
    bench.start()
    bench.plc(TRIP=0, REMOTE=0)
    bench.lose()
    bench.ok(verb) if verb is not Verb.HOLD else bench.ask(verb)
    assert bench.state in (State.STOPPING, State.ABORTING, State.HOLDING)


def test_a_verb_in_the_wrong_state_is_refused_before_anything_else(bench):
    bench.plc(REMOTE=0)
    answer = bench.refused(Verb.UNHOLD)
    assert answer.code == "not_enabled"
    assert "enabled: START, STOP, ABORT" in answer.reasons[0]


def test_the_reason_of_a_state_names_actor_and_reason(bench):
    bench.plc(PV=5)
    bench.ok(Verb.START)
    assert bench.station.procedure.reason == "START by ann: because"


def test_reset_clears_the_plc_trip_by_its_counter(bench):
    bench.start()
    bench.plc(TRIP=1, RESET_RB=65535)
    bench.scan(2)
    bench.station.v[bench.station.at(".RESET")] = 65535.0
    bench.plc(STATE=Mode.TRIP)
    bench.scan(3)
    assert bench.state is State.ABORTED
    bench.ok(Verb.RESET)
    bench.scan()
    assert bench.out("RESET") == 0.0  # counts round
    assert bench.out("CMD") == Mode.STOP
    bench.plc(TRIP=0, STATE=0)
    bench.scan(3)
    assert bench.state is State.IDLE


def test_a_setting_is_set_within_its_range(bench):
    bench.ok(Verb.SET, "T.SET.SP", 44)
    assert bench.table.sample("T.SET.SP").value == 44.0
    for value in (19.9, 80.1, float("inf"), float("nan"), None):
        answer = bench.refused(Verb.SET, "T.SET.SP", value)
        assert answer.code == "range"
        assert "allowed 20 to 80 %" in answer.reasons[0]
    assert bench.station.setting("SP") == 44.0


@pytest.mark.parametrize("value", ["warm", ""])
def test_a_value_that_is_no_number_is_refused(bench, value):
    answer = bench.refused(Verb.SET, "T.SET.SP", value)
    assert (answer.code, answer.reasons) == ("value", (f"T.SET.SP = {value!r}: not a number",))


def test_a_loop_set_point_is_set_within_its_range(bench):
    bench.ok(Verb.SET, "T.L1.SP", "70.5")
    assert bench.station.loops["L1"].pid.sp_target == 70.5
    assert bench.refused(Verb.SET, "T.L1.SP", 100.1).code == "out_of_range"
    assert bench.refused(Verb.SET, "T.L1.SP", float("nan")).code == "not_a_number"
    assert bench.station.loops["L1"].pid.sp_target == 70.5


def test_a_free_output_is_set_within_its_range(bench):
    bench.ok(Verb.SET, "T.FREE.SP", 9.5)
    assert bench.out("FREE.SP") == 9.5
    answer = bench.refused(Verb.SET, "T.FREE.SP", -0.1)
    assert answer.reasons == ("T.FREE.SP = -0.1: allowed 0 to 100 %",)
    assert bench.out("FREE.SP") == 9.5


def test_an_output_of_a_loop_moves_by_hand_only_in_manual(bench):
    bench.ok(Verb.SET, "T.OUT.SP", 12.0)
    assert bench.out("OUT.SP") == 12.0
    assert bench.refused(Verb.SET, "T.OUT.SP", 5.0).code == "out_of_range"  # the loop's own limit
    bench.start()
    answer = bench.refused(Verb.SET, "T.OUT.SP", 20.0)
    assert (answer.code, answer.reasons) == (
        "wrong_mode",
        ("tiny: output belongs to the loop while in AUTO",),
    )
    bench.ok(Verb.MODE, "T.L1", "MAN")
    bench.ok(Verb.SET, "T.OUT.SP", 20.0)
    assert bench.out("OUT.SP") == 20.0


def test_outputs_that_something_else_decides_are_refused_with_what_does(bench):
    assert bench.refused(Verb.SET, "T.ECHO.SP", 1).reasons == ("T.ECHO.SP follows T.L1.SP",)
    for tag in ("T.CMD", "T.RESET"):
        answer = bench.refused(Verb.SET, tag, 3)
        assert answer.code == "computed"
        assert "belongs to the procedure" in answer.reasons[0]
    assert bench.out("CMD") == Mode.STOP


def test_a_whole_number_output_takes_no_fraction(bench):
    bench.ok(Verb.SET, "T.STEPS.SP", 4)
    answer = bench.refused(Verb.SET, "T.STEPS.SP", 4.5)
    assert answer.reasons == ("T.STEPS.SP = 4.5: must be a whole number",)
    assert bench.out("STEPS.SP") == 4.0


def test_no_output_is_set_before_the_plc_was_read():
    bench = Bench(adopted=False)
    for tag in ("T.FREE.SP", "T.OUT.SP"):
        assert bench.refused(Verb.SET, tag, 20).code == "link"


@pytest.mark.parametrize("target", ["", "T.PV", "T.SET.NONE", "T.L9.SP", "OTHER.SP", "T.CMD.RB"])
def test_what_is_no_set_point_is_refused(bench, target):
    answer = bench.refused(Verb.SET, target, 1)
    assert (answer.code, answer.reasons) == ("unknown", (f"{target!r} is no set point of tiny",))


def test_a_mode_is_taken_now_and_for_the_next_time(bench):
    bench.ok(Verb.MODE, "T.L1", "man")
    bench.start()
    assert bench.station.loops["L1"].pid.mode is LoopMode.MAN
    bench.ok(Verb.MODE, "L1", "AUTO")
    assert bench.station.loops["L1"].pid.mode is LoopMode.AUTO
    assert bench.told(EventKind.LOOP) == ["mode MAN", "mode AUTO"]


@pytest.mark.parametrize("when", ["before", "during"])
def test_a_mode_the_loop_does_not_have_is_refused_at_once(bench, when):
    if when == "during":
        bench.start()
    answer = bench.refused(Verb.MODE, "T.L1", "CAS")
    assert answer.code == "mode_not_allowed"
    assert "MAN, AUTO" in answer.reasons[0]
    if when == "before":
        bench.start()
    assert bench.station.loops["L1"].pid.mode is LoopMode.AUTO


@pytest.mark.parametrize("value", ["WARP", "", None, 7])
def test_a_mode_that_is_none_is_refused_with_those_there_are(bench, value):
    answer = bench.refused(Verb.MODE, "T.L1", value)
    assert answer.code == "value"
    assert "allowed are MAN, AUTO" in answer.reasons[0]


@pytest.mark.parametrize("verb", [Verb.MODE, Verb.TUNE])
def test_a_loop_that_is_none_is_refused_with_those_there_are(bench, verb):
    answer = bench.refused(verb, "T.L7", "AUTO")
    assert (answer.code, answer.reasons) == ("unknown", ("no loop 'T.L7' in tiny; loops: L1, L2",))


def test_gains_are_taken(bench):
    bench.ok(Verb.TUNE, "T.L1", "2.5,30,1")
    pid = bench.station.loops["L1"].pid
    assert (pid.kc, pid.ti_s, pid.td_s) == (2.5, 30.0, 1.0)


@pytest.mark.parametrize("value", ["1,2", "a,b,c", None, "", "1,2,3,4"])
def test_gains_that_cannot_be_read_are_refused(bench, value):
    answer = bench.refused(Verb.TUNE, "T.L1", value)
    assert answer.code == "value"
    assert "expected kc,ti_s,td_s" in answer.reasons[0]


@pytest.mark.parametrize("value", ["nan,1,0", "0,1,0", "1,-1,0", "inf,1,0"])
def test_gains_out_of_range_are_refused(bench, value):
    assert bench.refused(Verb.TUNE, "T.L1", value).code in ("out_of_range", "not_a_number")
    assert bench.station.loops["L1"].pid.kc == 1.0


def test_scheduled_gains_are_not_tuned_by_hand(bench):
    answer = bench.refused(Verb.TUNE, "T.L2", "1,2,3")
    assert answer.reasons == ("gains of T.L2 follow the moon",)


def test_every_command_is_recorded_with_who_and_why(bench):
    bench.ok(Verb.SET, "T.SET.SP", 44)
    bench.refused(Verb.HOLD)
    accepted, refused = [e for e in bench.events if e.kind is EventKind.COMMAND]
    assert (accepted.text, accepted.actor) == ("SET T.SET.SP = 44: accepted", "ann")
    assert accepted.data == {"id": "0", "reason": "because"}
    assert refused.text.startswith("HOLD: refused (HOLD is not enabled in IDLE")
    assert bench.station.changed


def test_a_full_queue_answers_busy_and_records_it(bench):
    for _ in range(MAX_QUEUE):
        bench.submit(Verb.SET, "T.SET.SP", 44)
    assert bench.answers == []
    bench.submit(Verb.SET, "T.SET.SP", 50)
    (answer,) = bench.answers
    assert (answer.accepted, answer.code) == (False, "busy")
    assert "64 commands are waiting" in bench.told(EventKind.COMMAND)[0]
    bench.scan()
    assert len(bench.answers) == MAX_QUEUE + 1
    assert bench.station.setting("SP") == 44.0


def test_commands_run_in_the_order_they_came(bench):
    for value in (30, 50, 40):
        bench.submit(Verb.SET, "T.SET.SP", value)
    bench.scan()
    assert [a.command.value for a in bench.answers] == [30, 50, 40]
    assert bench.station.setting("SP") == 40.0


def test_a_withdrawn_command_is_never_carried_out():
    bench = Bench()
    bench.plc(PV=30)
    bench.scan()
    answers = []
    kept, withdrawn = (
        Command(id=name, actor="t", station=bench.station.name, verb=Verb.HOLD)
        for name in ("kept", "withdrawn")
    )
    for command in (kept, withdrawn):
        bench.station.submit(command, answers.append)
    bench.station.withdraw(withdrawn)
    bench.scan()
    assert [answer.command.id for answer in answers] == ["kept"]
