"""Hold, pause and their ways back at every phase; what is repeated, credited and asked again."""

import pytest

from controller.control.states import State
from controller.control.station_parts import AfterLinkLoss
from controller.core.event import EventKind, Verb
from controller.core.recipe import OnUnhold, Op
from controller.stations.common import Mode
from tests.support.tiny_recipe import (
    STANDARD,
    RecipeBench,
    master,
    phase,
    pv_at,
    ramp,
    when,
)

SKIP, REPEAT = OnUnhold.SKIP, OnUnhold.REPEAT


def begun(*phases, **options):
    """A bench in the first phase, just entered."""
    bench = RecipeBench(**options)
    bench.begin(master(*phases))
    return bench


def seq_is(number, for_s=0.0):
    """A condition the test meets by hand: T.SEQ."""
    return when(".SEQ", Op.IS, number, for_s=for_s)


def four(*on_unhold, ask=()):
    """A recipe whose phase k waits for SEQ = k."""
    return [
        phase(f"p{k}", until=[seq_is(k)], on_unhold=rule, ask=f"Prompt {k}" if k in ask else "",
              timeout_s=30)
        for k, rule in enumerate(on_unhold, 1)
    ]  # fmt: skip


def go_to(bench, number):
    """Into the phase of that number, just entered; prompts before it are confirmed."""
    for k in range(int(bench.tag("RUN.PHASE")), number):
        bench.plc(SEQ=k)
        if bench.tag("RUN.PROMPT"):
            bench.ok(Verb.CONFIRM)
        bench.until_phase(k + 1)
        bench.scan()
    assert bench.tag("RUN.PHASE") == number


def back(bench, verb=Verb.UNHOLD):
    """The way back: names of the phases that are gone through until EXECUTE."""
    before = len(bench.entered())
    bench.ok(verb)
    for _ in range(100):
        if bench.state is State.EXECUTE:
            return bench.entered()[before:]
        bench.plc(SEQ=bench.tag("RUN.PHASE"))
        bench.scan(2)
        if bench.tag("RUN.PROMPT"):
            bench.ok(Verb.CONFIRM)
    raise AssertionError(bench.station.procedure.waiting_for())


# -- what is repeated --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken_off_in", "again"),
    [
        (1, ["p1", "p2", "p3", "p4"]),
        (2, ["p2", "p3", "p4"]),
        (3, ["p2", "p3", "p4"]),
        (4, ["p2", "p4"]),
        ("execute", ["p2", "p4"]),
    ],
)
def test_done_phases_to_be_skipped_are_skipped_and_broken_off_ones_are_not(broken_off_in, again):
    bench = begun(*four(SKIP, REPEAT, SKIP, REPEAT))
    if broken_off_in == "execute":
        go_to(bench, 4)
        bench.plc(SEQ=4)
        bench.until_state(State.EXECUTE)
    else:
        go_to(bench, broken_off_in)
    bench.held()
    assert bench.tag("RUN.PHASE") == (0 if broken_off_in == "execute" else broken_off_in)
    assert back(bench) == again


@pytest.mark.parametrize("done", [1, 2, 3])
def test_a_hold_between_two_phases_does_not_repeat_the_one_that_was_done(done):
    bench = begun(*four(SKIP, SKIP, SKIP))
    go_to(bench, done)
    bench.plc(SEQ=done)
    bench.scan()  # over, and the next one not yet entered
    bench.ok(Verb.HOLD)
    bench.until_state(State.HELD)
    assert bench.tag("RUN.PHASE") == (done + 1 if done < 3 else 0)
    assert back(bench) == ["p2", "p3"][done - 1 :]


def test_a_phase_that_is_gone_through_a_second_time_and_broken_off_is_begun_again_there():
    bench = begun(*four(REPEAT, SKIP, REPEAT))
    go_to(bench, 3)
    bench.held()
    bench.ok(Verb.UNHOLD)
    bench.scan(5)
    assert bench.tag("RUN.PHASE") == 1  # on the way back
    bench.held()
    assert bench.tag("RUN.PHASE") == 3
    assert back(bench) == ["p1", "p3"]


def test_pause_repeats_as_a_hold_does():
    bench = begun(*four(SKIP, REPEAT, SKIP))
    go_to(bench, 3)
    bench.plc(SEQ=3)
    bench.until_state(State.EXECUTE)
    bench.ok(Verb.PAUSE)
    bench.until_state(State.PAUSED)
    assert back(bench, Verb.RESUME) == ["p2"]


def test_a_hold_out_of_a_pause_comes_back_the_same_way():
    bench = begun(*four(SKIP, REPEAT))
    go_to(bench, 2)
    bench.plc(SEQ=2)
    bench.until_state(State.EXECUTE)
    bench.ok(Verb.PAUSE)
    bench.until_state(State.PAUSED)
    bench.ok(Verb.RESUME)
    bench.held()
    assert back(bench) == ["p2"]


def test_when_nothing_is_to_be_repeated_unhold_leads_straight_back():
    bench = begun(*four(SKIP))
    bench.plc(SEQ=1)
    bench.until_state(State.EXECUTE)
    bench.held()
    bench.ok(Verb.UNHOLD)
    assert bench.state is State.EXECUTE


def test_completing_that_is_held_goes_on_with_the_phase_that_was_cut_short():
    bench = begun(*four(SKIP, SKIP, REPEAT))
    go_to(bench, 2)
    bench.plc(STATE=Mode.RUN)
    bench.ok(Verb.COMPLETE)
    bench.scan(2)
    assert bench.state is State.COMPLETING
    bench.ok(Verb.HOLD)
    bench.until_state(State.HELD)
    assert bench.tag("RUN.PHASE") == 2
    assert back(bench) == ["p2", "p3"]


@pytest.mark.parametrize("saves", [False, True])
def test_saving_the_memory_changes_nothing_of_the_run(saves):
    """The shell saves whenever it likes; every scan here."""
    bench = begun(*four(REPEAT, REPEAT, SKIP, ask=(1, 2)))
    scan = bench.scan

    def scan_and_save(times=1):
        for _ in range(times):
            scan()
            if saves:
                bench.station.memory()

    bench.scan = scan_and_save
    go_to(bench, 2)
    bench.ok(Verb.CONFIRM)
    bench.scan(7)
    bench.plc(STATE=Mode.RUN)
    bench.ok(Verb.COMPLETE)
    bench.scan(2)
    bench.ok(Verb.HOLD)
    bench.until_state(State.HELD)
    bench.ok(Verb.UNHOLD)
    assert (bench.tag("RUN.PHASE"), bench.tag("RUN.PROMPT")) == (1, 1)
    bench.plc(SEQ=1)
    bench.ok(Verb.CONFIRM)
    bench.until_phase(2)
    bench.scan(2)
    assert bench.tag("RUN.PROMPT") == 0
    assert bench.tag("SERVICE.LEFT") == pytest.approx(30 - 0.9)


# -- elapsed time ------------------------------------------------------------------------------


def left_s(bench):
    return bench.tag("SERVICE.LEFT")


def test_a_broken_off_phase_keeps_the_time_it_has_spent():
    bench = begun(*four(REPEAT, REPEAT))
    go_to(bench, 2)
    bench.scan(100)
    before_s = left_s(bench)
    bench.held()
    bench.scan(500)  # time in HELD does not count
    bench.ok(Verb.UNHOLD)
    assert left_s(bench) == pytest.approx(30.0)  # the first one begins anew
    bench.plc(SEQ=1)
    bench.until_phase(2)
    bench.scan()
    assert left_s(bench) == pytest.approx(before_s, abs=0.11)


def test_a_credit_is_given_once():
    bench = begun(*four(REPEAT, REPEAT))
    bench.scan(100)
    bench.held()
    bench.ok(Verb.UNHOLD)
    assert left_s(bench) == pytest.approx(20.0, abs=0.2)
    bench.plc(SEQ=1)
    bench.until_phase(2)
    bench.scan()
    assert left_s(bench) == pytest.approx(30.0)
    bench.held()
    bench.ok(Verb.UNHOLD)
    assert left_s(bench) == pytest.approx(30.0)


def test_a_credit_of_one_run_is_none_of_the_next():
    bench = begun(*four(REPEAT, REPEAT))
    go_to(bench, 2)
    bench.scan(100)
    bench.held()
    bench.ok(Verb.UNHOLD)
    bench.ok(Verb.STOP)
    bench.until_state(State.STOPPED)
    bench.ok(Verb.RESET)
    bench.until_state(State.IDLE)
    bench.ok(Verb.START)
    go_to(bench, 2)
    assert left_s(bench) == pytest.approx(30.0)


def test_holds_one_after_another_add_up():
    bench = begun(*four(REPEAT))
    for spent_s in (5, 10, 15):
        bench.scan(50)
        assert left_s(bench) == pytest.approx(30.0 - spent_s, abs=0.4)
        bench.held()
        bench.ok(Verb.UNHOLD)


def test_a_hold_at_an_earlier_phase_of_the_way_back_leaves_the_later_one_its_time_and_prompt():
    bench = begun(*four(REPEAT, SKIP, REPEAT, ask=(3,)))
    go_to(bench, 3)
    bench.scan(100)
    bench.ok(Verb.CONFIRM)
    before_s = left_s(bench)
    for _ in range(3):
        bench.held()
        bench.ok(Verb.UNHOLD)
        bench.scan(20)
        assert (bench.tag("RUN.PHASE"), left_s(bench)) == (1, pytest.approx(28.0))
    bench.plc(SEQ=1)
    bench.until_phase(3)
    bench.scan()
    assert left_s(bench) == pytest.approx(before_s, abs=0.11)
    assert bench.tag("RUN.PROMPT") == 0


def test_a_time_out_that_has_held_the_station_begins_anew_after_it():
    bench = begun(*four(REPEAT, REPEAT))
    go_to(bench, 2)
    bench.scan(301)
    bench.until_state(State.HELD)
    assert "step p2 timed out after 30 s" in bench.station.procedure.reason
    bench.ok(Verb.UNHOLD)
    bench.plc(SEQ=1)
    bench.until_phase(2)
    bench.scan()
    assert left_s(bench) == pytest.approx(30.0)
    bench.plc(SEQ=2)
    bench.until_state(State.EXECUTE)


def test_what_was_left_of_the_time_of_a_phase_is_all_it_gets():
    bench = begun(*four(REPEAT))
    bench.scan(290)
    bench.held()
    bench.ok(Verb.UNHOLD)
    bench.scan(9)
    assert bench.state is State.UNHOLDING
    bench.scan(3)
    assert bench.state is State.HOLDING
    assert bench.station.procedure.reason.startswith("UNHOLDING: step p1 timed out after 30 s")


def test_a_transition_that_had_not_held_long_enough_begins_anew():
    bench = begun(phase("a", until=[seq_is(0, for_s=2)]))
    bench.scan(15)
    bench.held()
    bench.ok(Verb.UNHOLD)
    bench.scan(15)
    assert bench.state is State.UNHOLDING
    bench.scan(8)
    assert bench.state is State.EXECUTE


# -- prompts -----------------------------------------------------------------------------------


def test_a_confirmed_prompt_stays_so_for_the_phase_that_was_broken_off():
    bench = begun(*four(REPEAT, ask=(1,)))
    bench.ok(Verb.CONFIRM)
    bench.held()
    bench.ok(Verb.UNHOLD)
    bench.scan()
    assert bench.tag("RUN.PROMPT") == 0
    assert bench.told(EventKind.RUN)[-2:] == ["phase 1 p1: Do p1", "prompt: Prompt 1"]
    bench.plc(SEQ=1)
    bench.scan(2)
    assert bench.state is State.EXECUTE


def test_a_prompt_that_was_not_confirmed_is_asked_again():
    bench = begun(*four(REPEAT, ask=(1,)))
    bench.held()
    bench.plc(SEQ=1)
    assert bench.refused(Verb.CONFIRM).code == "prompt"  # nothing asks while held
    bench.ok(Verb.UNHOLD)
    assert bench.tag("RUN.PROMPT") == 1
    bench.ok(Verb.CONFIRM)
    bench.scan()
    assert bench.state is State.EXECUTE


def test_a_done_phase_that_is_gone_through_again_asks_again():
    bench = begun(*four(REPEAT, REPEAT, ask=(1,)))
    go_to(bench, 2)
    bench.held()
    bench.ok(Verb.UNHOLD)
    assert bench.tag("RUN.PROMPT") == 1
    bench.plc(SEQ=1)
    bench.scan(20)
    assert bench.tag("RUN.PHASE") == 1


def test_a_prompt_of_an_earlier_time_is_not_taken_for_an_answer_to_a_hold_just_before_it():
    bench = begun(*four(REPEAT, REPEAT, ask=(2,)))
    go_to(bench, 2)
    bench.plc(SEQ=2)
    bench.ok(Verb.CONFIRM)
    bench.until_state(State.EXECUTE)
    bench.held()
    bench.ok(Verb.UNHOLD)
    bench.plc(SEQ=1)
    bench.scan()  # the first is over, the second not yet entered
    bench.held()
    bench.ok(Verb.UNHOLD)
    bench.until_phase(2)
    bench.scan()
    assert bench.tag("RUN.PROMPT") == 1


def test_restart_asks_again():
    bench = begun(*four(SKIP, ask=(1,)))
    bench.plc(SEQ=1)
    bench.ok(Verb.CONFIRM)
    bench.until_state(State.EXECUTE)
    bench.ok(Verb.RESTART)
    bench.scan(20)
    assert (bench.state, bench.tag("RUN.PROMPT")) == (State.STARTING, 1)


# -- outputs -----------------------------------------------------------------------------------


def test_the_way_back_moves_outputs_by_what_phases_ask_and_nothing_else():
    bench = RecipeBench()
    bench.execute(STANDARD)
    bench.run(20)
    bench.held()
    before = {tag: bench.out(tag) for tag in ("OUT.SP", "FREE.SP", "STEPS.SP", "ECHO.SP")}
    bench.ok(Verb.UNHOLD)
    seen = {tag: {bench.out(tag)} for tag in before}
    commands = [bench.out("CMD")]
    while bench.state is not State.EXECUTE:
        bench.echo()
        bench.scan()
        commands.append(bench.out("CMD"))
        if bench.state is not State.EXECUTE:
            for tag, values in seen.items():
                values.add(bench.out(tag))
    assert seen == {tag: {value} for tag, value in before.items()}
    assert set(commands) == {Mode.RUN}
    assert bench.out("OUT.SP") == pytest.approx(before["OUT.SP"], abs=0.2)  # one step of the loop


def test_a_ramp_that_was_broken_off_goes_on_from_where_it_was():
    bench = begun(phase("a", ramps=[ramp(".FREE.SP", 15, 60)]))
    bench.run(4)
    bench.held()
    stopped = bench.out("FREE.SP")
    assert stopped == pytest.approx(9.0, abs=0.11)
    bench.run(10)
    assert bench.out("FREE.SP") == stopped
    bench.ok(Verb.UNHOLD)
    bench.run(1)
    assert bench.out("FREE.SP") == pytest.approx(stopped + 1.0, abs=1e-9)
    bench.until_state(State.EXECUTE)
    assert bench.out("FREE.SP") == 15.0


def test_a_ramp_that_an_operator_has_overruled_while_held_starts_from_there():
    bench = begun(phase("a", ramps=[ramp(".FREE.SP", 15, 60)]))
    bench.run(1)
    bench.held()
    bench.ok(Verb.SET, "T.FREE.SP", 20.0)
    bench.echo()
    bench.ok(Verb.UNHOLD)
    bench.run(1)
    assert bench.out("FREE.SP") == pytest.approx(19.0)


# -- the PLC -----------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["p3", "execute", "held"])
def test_a_restart_of_the_plc_has_all_phases_gone_through_again(at):
    """Its set points are defaults now, those of the phases to be skipped as well."""
    bench = begun(
        phase("p1", sets={".FREE.SP": 9}, until=[seq_is(1)], on_unhold=SKIP),
        phase("p2", ask="Load it", until=[seq_is(2)], on_unhold=SKIP),
        phase("p3", sets={".CMD": Mode.RUN}, until=[seq_is(3)]),
    )
    go_to(bench, 3)
    bench.scan(50)
    if at != "p3":
        bench.plc(SEQ=3)
        bench.until_state(State.EXECUTE)
    if at == "held":
        bench.held()
    bench.restart_plc()
    bench.adopt()
    bench.until_state(State.HELD)
    assert bench.out("FREE.SP") == 5.0
    assert bench.tag("RUN.PHASE") == 1
    assert bench.told(EventKind.RUN)[-1] == (
        "PLC restarted (boot 2): UNHOLD begins with the first phase"
    )
    bench.plc(SEQ=0)
    bench.ok(Verb.UNHOLD)
    assert bench.out("FREE.SP") == 9.0
    bench.plc(SEQ=1)
    bench.until_phase(2)
    bench.scan()
    assert bench.tag("RUN.PROMPT") == 1  # and what was loaded is asked for again
    bench.ok(Verb.CONFIRM)
    bench.plc(SEQ=2)
    bench.until_phase(3)
    bench.scan()
    assert left_s(bench) == pytest.approx(60.0)


def test_a_lost_link_without_a_restart_of_the_plc_forgets_nothing():
    bench = begun(*four(SKIP, REPEAT))
    go_to(bench, 2)
    bench.lose()
    bench.scan(3)
    assert bench.state is State.HOLDING
    bench.adopt()
    bench.until_state(State.HELD)
    assert back(bench) == ["p2"]


def test_a_phase_entered_again_after_a_lost_link_keeps_its_time_and_that_of_a_later_one():
    bench = begun(*four(REPEAT, SKIP, REPEAT), after_link_loss=AfterLinkLoss.RESUME)
    go_to(bench, 3)
    bench.scan(100)
    later_s = left_s(bench)
    bench.held()
    bench.ok(Verb.UNHOLD)
    bench.scan(50)
    assert bench.tag("RUN.PHASE") == 1
    bench.lose()
    bench.scan(10)
    bench.adopt()
    bench.scan(2)
    assert left_s(bench) == pytest.approx(30.0 - 6.2, abs=0.11)
    bench.plc(SEQ=1)
    bench.until_phase(3)
    bench.scan()
    assert left_s(bench) == pytest.approx(later_s, abs=0.11)


def test_a_phase_that_times_out_while_the_link_is_down_holds():
    bench = begun(*four(REPEAT), after_link_loss=AfterLinkLoss.RESUME)
    bench.lose()
    bench.scan(301)
    assert bench.state is State.HOLDING
    assert bench.station.procedure.reason == (
        "STARTING: step p1 timed out after 30 s, waiting for set points reach the PLC "
        "(the link is down); T.SEQ is 1 % (is Bad: link)"
    )


def test_a_trip_of_the_plc_ends_the_run_at_any_phase():
    bench = begun(*four(REPEAT, REPEAT))
    go_to(bench, 2)
    bench.plc(TRIP=1)
    bench.run(1)
    assert bench.state is State.ABORTED
    (head,) = bench.ended()
    assert (head.outcome, head.why_ended) == ("aborted", "PLC tripped: too hot")


def test_a_machine_that_was_found_active_begins_with_the_first_phase():
    bench = RecipeBench(adopted=False)
    bench.plc(STATE=Mode.RUN, CMD_RB=Mode.RUN)
    bench.adopt()
    assert bench.deploy(master(phase("a", until=[pv_at(20)], on_unhold=SKIP))).accepted
    assert (bench.state, bench.recipes.run) == (State.HELD, None)
    bench.ok(Verb.UNHOLD)
    assert (bench.state, bench.entered()) == (State.UNHOLDING, ["a"])
    bench.plc(PV=20)
    bench.until_state(State.EXECUTE)
