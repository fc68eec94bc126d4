"""A restart of the program at any moment: held in the same phase, with the time it had spent."""

from dataclasses import asdict

import pytest

from controller.control.recipe_desk import REMEMBER_S
from controller.control.states import State
from controller.control.station_memory import Memory
from controller.core.event import EventKind, Verb
from controller.core.recipe import Limits, OnUnhold, Op
from controller.stations.common import Mode
from tests.support.tiny_recipe import (
    QUICK,
    STANDARD,
    RecipeBench,
    master,
    phase,
    pv_at,
    ramp,
    when,
)

ENDED = {State.STOPPING, State.ABORTING}
COURSE = master(
    phase("heat", sets={".STEPS.SP": 3, ".CMD": Mode.WARMUP}, until=[pv_at(20, for_s=0.3)],
          on_unhold=OnUnhold.SKIP, timeout_s=30),
    phase("load", ask="Load it", on_unhold=OnUnhold.SKIP, timeout_s=30),
    phase("go", sets={".CMD": Mode.RUN}, ramps=[ramp(".FREE.SP", 6, 120)],
          until=[when(".STATE", Op.IS, Mode.RUN, for_s=0.2)], timeout_s=30),
    set_point=50, lot_length=2, limits={".SEQ": Limits(hi=7)},
)  # fmt: skip


def script():
    """What happens at which scan of a scripted run, and the scan it is over by."""
    steps = {
        3: lambda b: b.submit(Verb.LOT, "in", "P-1"),
        5: lambda b: b.submit(Verb.START),
        12: lambda b: b.plc(PV=30),
        26: lambda b: b.submit(Verb.CONFIRM),
        29: lambda b: b.submit(Verb.HOLD),
        36: lambda b: b.submit(Verb.UNHOLD),
        50: lambda b: b.submit(Verb.LOT, "in", "P-2"),
        55: lambda b: b.submit(Verb.PAUSE),
        60: lambda b: b.submit(Verb.RESUME),
        72: lambda b: b.submit(Verb.RESTART),
        82: lambda b: b.submit(Verb.CONFIRM),
        98: lambda b: b.submit(Verb.COMPLETE),
    }
    return steps, 104


def follow(bench, until_scan, from_scan=0):
    """The script, up to a scan; the PLC obeys and the web moves."""
    steps, _ = script()
    for k in range(from_scan, until_scan):
        steps.get(k, lambda _: None)(bench)
        if bench.tag("STATE") == Mode.RUN:
            bench.plc(METER=bench.tag("METER") + 0.1)
        bench.scan()
        bench.echo()


def what_must_stay(bench):
    """Of the run and around it."""
    recipes, run = bench.recipes, bench.recipes.run
    alarms = bench.station.alarm_desk.board.alarms
    return {
        "deployments": [asdict(d) for d in recipes.deployments],
        "pending": recipes.pending,
        "lots_waiting": recipes.lots_waiting,
        "settings": {key: bench.station.setting(key) for key in bench.station.SETTINGS},
        "head": run and asdict(run.head),
        "metres": run and run.state.metres,
        "time": run and run.state.time_s,
        "current": run and asdict(recipes.current),
        "lot": run and (run.state.lot, run.state.lot_end_m),
        "alarms": {a.definition.id: a.limit for a in alarms.values() if a.armed},
    }


@pytest.mark.parametrize("at", range(1, script()[1]))
def test_a_restart_at_any_scan_keeps_the_run_and_goes_on(at):
    bench = RecipeBench()
    bench.deploy(COURSE)
    follow(bench, at)
    state, left = bench.state, bench.station.procedure.under_way()
    shown = bench.tag("RUN.PHASE")
    kept = what_must_stay(bench)

    again = bench.restarted(adopted=False)
    assert what_must_stay(again) == kept
    if state in (State.IDLE, State.COMPLETED):
        assert again.state is state
        return
    own = again.running.head.id
    assert again.state is State.HELD
    if state is not State.HELD:
        assert again.station.procedure.reason == (
            f"controller restarted in {state.name}; UNHOLD to continue"
        )
    again.adopt()
    again.scan()
    assert again.tag("RUN.PHASE") == shown
    assert again.station.outputs() is not None
    again.until_state(State.HELD)
    if left.begun:
        assert again.running.left.phase == left.phase
        assert again.running.left.spent_s == pytest.approx(left.spent_s)

    again.plc(PV=30)
    again.ok(Verb.UNHOLD)
    assert again.running.head.id == own
    again.to_execute()
    assert again.out("STEPS.SP") == 3  # heat was done, or done now: skipped or not
    again.ok(Verb.COMPLETE)
    again.until_state(State.COMPLETED)
    (head,) = again.ended()
    assert (head.id, head.outcome) == (own, "completed")
    assert head.lots_in[:1] == ("P-1",)
    assert {e.data["run"] for e in again.events if "run" in e.data} == {own}


def test_the_script_passes_through_every_state_of_a_run():
    bench = RecipeBench()
    bench.deploy(COURSE)
    follow(bench, script()[1])
    passed = {State[str(e.data["new"])] for e in bench.events if e.kind is EventKind.STATE}
    outside = {State.IDLE, State.RESETTING, State.STOPPED, State.ABORTED}
    assert passed == set(State) - outside - ENDED
    assert bench.entered() == ["heat", "load", "go", "go", "go", "heat", "load", "go"]


@pytest.mark.parametrize(
    ("verb", "state", "end"),
    [
        (Verb.STOP, State.STOPPING, State.STOPPED),
        (Verb.ABORT, State.ABORTING, State.ABORTED),
    ],
)
def test_a_restart_on_the_way_out_ends_the_run_as_it_should(verb, state, end):
    bench = RecipeBench()
    bench.execute(STANDARD)
    own = bench.running.head.id
    bench.plc(STATE=Mode.RUN)
    bench.ok(verb)
    assert bench.state is state
    again = bench.restarted()
    assert again.state is state
    assert again.running.head.id == own
    again.until_state(end)
    assert again.out("CMD") == Mode.STOP
    (head,) = again.ended()
    assert (head.id, head.outcome.value, head.why_ended) == (
        own, end.name.lower(), f"{verb} by ann: because",
    )  # fmt: skip


def test_a_restart_behind_the_end_keeps_the_name_and_no_run():
    bench = RecipeBench()
    bench.execute(QUICK)
    own = bench.running.head.id
    bench.ok(Verb.ABORT)
    bench.until_state(State.ABORTED)
    again = bench.restarted()
    assert (again.state, again.recipes.run) == (State.ABORTED, None)
    again.now_s = bench.now_s = 0.0  # a clock that was set back
    again.ok(Verb.RESET)
    again.scan(3)
    again.ok(Verb.START)
    assert again.running.head.id == f"{own}-2"
    assert again.running.head.recipe == "tiny/trial@1.0.0"


def test_a_phase_goes_on_with_what_it_had_left_and_its_confirmed_prompt():
    bench = RecipeBench()
    bench.begin(master(phase("a", ask="Load it", until=[pv_at(20)], timeout_s=30)))
    bench.ok(Verb.CONFIRM)
    bench.scan(100)
    again = bench.restarted()
    again.scan(500)
    again.ok(Verb.UNHOLD)
    assert again.tag("SERVICE.LEFT") == pytest.approx(30 - 10.1, abs=0.11)
    assert again.tag("RUN.PROMPT") == 0
    again.plc(PV=20)
    again.until_state(State.EXECUTE)


def test_a_prompt_that_waited_waits_again():
    bench = RecipeBench()
    bench.begin(master(phase("a", ask="Load it")))
    again = bench.restarted()
    assert again.tag("RUN.PROMPT") == 0  # held: nothing asks
    again.ok(Verb.UNHOLD)
    assert again.tag("RUN.PROMPT") == 1


def test_many_restarts_lose_nothing():
    bench = RecipeBench()
    bench.begin(master(phase("a", until=[pv_at(20)], timeout_s=30)))
    for _ in range(5):
        bench.scan(20)
        bench = bench.restarted()
        bench.until_state(State.HELD)
        bench.ok(Verb.UNHOLD)
    assert bench.tag("SERVICE.LEFT") == pytest.approx(30 - 10, abs=0.6)
    assert bench.tag("RUN.TIME") == pytest.approx(10, abs=1.2)


def test_to_come_back_twice_is_to_come_back_once():
    bench = RecipeBench()
    bench.execute(COURSE)
    memory, masters = bench.plain_memory(), bench.recipes.masters()
    again = RecipeBench(adopted=False)
    again.station.recall(Memory.of(memory), 0, masters)
    once = again.plain_memory()
    again.station.recall(Memory.of(memory), 0, masters)
    assert again.plain_memory() == once
    assert again.state is State.HELD
    assert again.running.head.id == bench.running.head.id


def test_the_memory_of_a_program_without_recipes_is_understood():
    plain = {"state": "EXECUTE", "reason": "START by ann",
             "loops": {"L1": {"wanted": 1.0, "sp": 61.0}}, "settings": {"SP": 44.0}}  # fmt: skip
    bench = RecipeBench(adopted=False)
    bench.station.recall(Memory.of(plain), 0)
    assert (bench.state, bench.recipes.run, bench.recipes.requested) == (State.HELD, None, None)
    assert bench.station.loops["L1"].pid.sp_target == 61.0
    assert bench.station.loops["L1"].pid.kc == 1.0
    bench.plc(STATE=Mode.HOLD)
    bench.adopt()
    bench.until_state(State.HELD)
    bench.ok(Verb.UNHOLD)
    assert bench.running.head.recipe == "built-in"


def test_a_memory_without_what_came_later_is_understood():
    bench = RecipeBench()
    bench.execute(COURSE)
    plain = bench.plain_memory()
    for late in ("lot_end_m", "boot", "confirmed"):
        del plain["recipes"]["state"][late]
    again = RecipeBench(adopted=False)
    again.station.recall(Memory.of(plain), 0, bench.recipes.masters())
    again.adopt()
    again.scan()
    assert again.running.head.id == bench.running.head.id
    assert again.tag("RUN.PHASE") == 0  # a boot counter nobody has noted is no restart


def test_a_memory_of_a_later_program_is_refused():
    with pytest.raises(TypeError, match="colour"):
        Memory.of({"state": "IDLE", "colour": "blue"})


def test_a_deployment_whose_recipe_is_gone_is_not_quietly_replaced_by_an_older_one():
    bench = RecipeBench()
    bench.deploy(QUICK)
    bench.deploy(STANDARD)
    masters = {QUICK.content_hash: QUICK}
    again = RecipeBench(adopted=False)
    again.station.recall(Memory.of(bench.plain_memory()), 0, masters)
    again.adopt()
    answer = again.refused(Verb.START)
    assert (answer.code, again.recipes.run) == ("recipe", None)
    assert "deployment 2 cannot be read any more" in answer.reasons[0]
    assert again.deploy(QUICK, expected=2).accepted
    assert again.recipes.requested.number == 3
    again.ok(Verb.START)
    assert again.running.head.recipe == "tiny/trial@1.0.0"


@pytest.mark.parametrize("restarted", [False, True])
def test_a_plc_that_restarted_as_well_gets_all_set_points_again(restarted):
    """A power cut takes both: the boot counter says so."""
    bench = RecipeBench()
    bench.execute(COURSE)
    bench.run(1)
    again = bench.restarted(adopted=False)
    again.plc(STATE=Mode.STOP)
    if restarted:
        again.restart_plc()
    again.adopt()
    again.scan()
    assert again.tag("RUN.PHASE") == (1 if restarted else 0)
    again.ok(Verb.UNHOLD)
    before = len(again.entered())
    again.to_execute()
    assert again.entered()[before - 1 :] == (["heat", "load", "go"] if restarted else ["go"])
    assert (again.out("STEPS.SP"), again.out("FREE.SP")) == (3, 6)


def test_the_memory_is_offered_to_be_saved_while_a_run_is_open():
    bench = RecipeBench()
    bench.execute(QUICK)
    saves = 0
    for _ in range(100):
        bench.station.changed = False
        bench.scan()
        saves += bench.station.changed
    assert saves == pytest.approx(10 / REMEMBER_S, abs=1)
    bench.ok(Verb.ABORT)
    bench.until_state(State.ABORTED)
    bench.station.changed = False
    bench.scan(100)
    assert not bench.station.changed
