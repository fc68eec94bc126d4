"""The procedure: steps one after another, what it waits for, and where time-outs lead."""

import pytest

from controller.control.procedure import Condition, Procedure, Step
from controller.control.states import State
from controller.core.errors import Refused
from controller.core.event import Verb


class Bench:
    """A procedure whose conditions are switches, one letter a step."""

    def __init__(self, steps, state=State.IDLE):
        self.met = {}
        self.entered = []
        self.changes = []
        built = {
            s: [self.step(name, **options) for name, options in rows] for s, rows in steps.items()
        }
        self.procedure = Procedure(built, self._changed, state)
        self.now_s = 0.0

    def step(self, name, **options):
        self.met[name] = False
        condition = Condition(
            text=f"{name} done", test=lambda: self.met[name], show=lambda: f"{name} = 1 of 2"
        )
        return Step(
            name=name, enter=lambda: self.entered.append(name), until=(condition,), **options
        )

    def _changed(self, old, new, reason):
        self.changes.append((old, new, reason))

    def scan(self, times=1, dt_s=1.0):
        for _ in range(times):
            self.now_s += dt_s
            self.procedure.scan(self.now_s)


def starting(**options):
    return Bench({State.STARTING: [("a", options), ("b", {})]})


def test_steps_run_in_order_and_the_state_ends_behind_the_last():
    bench = starting()
    bench.procedure.command(Verb.START, "go")
    bench.scan(5)
    assert bench.entered == ["a"]
    assert bench.procedure.step.name == "a"
    bench.met["b"] = True  # a later step's condition does not count yet
    bench.scan(3)
    assert bench.entered == ["a"]
    bench.met["a"] = True
    bench.scan(3)
    assert bench.entered == ["a", "b"]
    bench.scan(3)
    assert bench.procedure.state is State.EXECUTE
    assert bench.changes == [
        (State.IDLE, State.STARTING, "go"),
        (State.STARTING, State.EXECUTE, "complete"),
    ]


def test_a_break_starts_the_settling_time_anew():
    bench = starting(settle_s=10.0)
    bench.procedure.command(Verb.START, "go")
    bench.scan()
    bench.met["a"] = True
    bench.scan(9)
    bench.met["a"] = False
    bench.scan()
    bench.met["a"] = True
    bench.scan(10)
    assert bench.procedure.step.name == "a"
    bench.scan(1)
    assert bench.procedure.step.name == "b"


def test_a_settled_step_needs_its_whole_time_from_the_first_good_scan():
    bench = starting(settle_s=3.0)
    bench.met["a"] = True
    bench.procedure.command(Verb.START, "go")
    bench.scan()  # enters: conditions count from the next scan on
    bench.scan(3)
    assert bench.procedure.step.name == "a"
    bench.scan()
    assert bench.procedure.step.name == "b"


def test_a_timeout_holds_and_names_what_was_waited_for():
    bench = starting(timeout_s=5.0)
    bench.procedure.command(Verb.START, "go")
    bench.scan(6)
    assert bench.procedure.state is State.STARTING
    assert bench.procedure.step_left_s(bench.now_s) == 0.0
    assert bench.procedure.waiting_for() == ("a done (a = 1 of 2)",)
    bench.scan()
    assert bench.procedure.state is State.HOLDING
    reason = bench.changes[-1][2]
    assert reason == ("STARTING: step a timed out after 5 s, waiting for a done (a = 1 of 2)")


def test_flicker_does_not_escape_the_timeout():
    bench = starting(timeout_s=20.0, settle_s=5.0)
    bench.procedure.command(Verb.START, "go")
    for k in range(40):
        bench.met["a"] = k % 2 == 0
        bench.scan()
    assert bench.procedure.state is not State.STARTING


@pytest.mark.parametrize(
    ("acting", "verb", "target"),
    [
        (State.STARTING, Verb.START, State.HOLDING),
        (State.RESETTING, Verb.RESET, State.STOPPING),
    ],
)
def test_a_timeout_leads_to_the_safer_state(acting, verb, target):
    start = {Verb.START: State.IDLE, Verb.RESET: State.ABORTED}[verb]
    bench = Bench({acting: [("x", {"timeout_s": 2.0})]}, start)
    bench.procedure.command(verb, "go")
    bench.scan(5)
    assert bench.changes[1][:2] == (acting, target)


@pytest.mark.parametrize(
    ("state", "verb", "acting", "end"),
    [
        (State.EXECUTE, Verb.HOLD, State.HOLDING, State.HELD),
        (State.EXECUTE, Verb.STOP, State.STOPPING, State.STOPPED),
        (State.EXECUTE, Verb.ABORT, State.ABORTING, State.ABORTED),
    ],
)
def test_where_nothing_is_safer_a_timeout_goes_on_and_stays_in_the_reason(state, verb, acting, end):
    bench = Bench({acting: [("x", {"timeout_s": 2.0})]}, state)
    bench.procedure.command(verb, "operator said so")
    bench.scan(8)
    assert bench.procedure.state is end
    assert bench.procedure.reason.startswith("operator said so; ")
    assert "step x timed out after 2 s, waiting for x done" in bench.procedure.reason


@pytest.mark.parametrize(
    ("state", "verb", "end"),
    [
        (State.EXECUTE, Verb.HOLD, State.HELD),
        (State.EXECUTE, Verb.PAUSE, State.PAUSED),
        (State.EXECUTE, Verb.STOP, State.STOPPED),
        (State.EXECUTE, Verb.ABORT, State.ABORTED),
    ],
)
def test_a_resting_state_keeps_the_reason_it_was_entered_for(state, verb, end):
    bench = Bench({}, state)
    bench.procedure.command(verb, "the film tore")
    bench.scan(2)
    assert (bench.procedure.state, bench.procedure.reason) == (end, "the film tore")


def test_execute_without_steps_is_continuous():
    bench = Bench({}, State.EXECUTE)
    bench.scan(10_000)
    assert bench.procedure.state is State.EXECUTE


def test_execute_with_steps_completes_by_itself():
    bench = Bench({State.EXECUTE: [("x", {})]}, State.EXECUTE)
    bench.met["x"] = True
    bench.scan(5)
    assert bench.procedure.state is State.COMPLETED


def test_an_acting_state_without_steps_ends_at_the_next_scan():
    bench = Bench({})
    bench.procedure.command(Verb.STOP, "enough")
    bench.scan()
    assert bench.procedure.state is State.STOPPED


def test_a_refused_command_names_the_enabled_ones_and_changes_nothing():
    bench = starting()
    with pytest.raises(Refused) as caught:
        bench.procedure.command(Verb.UNHOLD, "go on")
    assert caught.value.reasons == ("UNHOLD is not enabled in IDLE; enabled: START, STOP, ABORT",)
    assert bench.procedure.state is State.IDLE
    assert bench.changes == []


def test_a_step_that_failed_to_enter_is_entered_again():
    tries = []

    def enter():
        tries.append(1)
        if len(tries) == 1:
            raise ZeroDivisionError

    step = Step(name="x", enter=enter)
    procedure = Procedure({State.STOPPING: [step]}, lambda *_: None, State.EXECUTE)
    procedure.command(Verb.STOP, "enough")
    with pytest.raises(ZeroDivisionError):
        procedure.scan(1.0)
    procedure.scan(2.0)
    assert len(tries) == 2


def test_a_step_can_be_made_to_write_its_wishes_again():
    bench = starting()
    bench.procedure.command(Verb.START, "go")
    bench.scan(3)
    bench.procedure.enter_again()
    bench.scan(3)
    assert bench.entered == ["a", "a"]
    assert bench.procedure.state is State.STARTING


def test_time_left_counts_down_from_the_entry():
    bench = starting(timeout_s=60.0)
    assert bench.procedure.step_left_s(0.0) == 0.0
    bench.procedure.command(Verb.START, "go")
    assert bench.procedure.step_left_s(bench.now_s) == 0.0
    bench.scan(11)
    assert bench.procedure.step_left_s(bench.now_s) == 50.0
    assert bench.procedure.since_s == 1.0


def test_states_that_wait_for_a_command_wait():
    for state in (State.IDLE, State.HELD, State.PAUSED, State.STOPPED, State.ABORTED):
        bench = Bench({}, state)
        bench.scan(100)
        assert bench.procedure.state is state
        assert bench.procedure.step is None
        assert bench.procedure.waiting_for() == ()
