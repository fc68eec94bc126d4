"""Drift: what differs at the PLC or here from what the recipe asked for, told once."""

import pytest

from controller.control.drift import AFTER_S, EVERY_S
from controller.control.states import State
from controller.control.station_parts import AfterLinkLoss
from controller.core.event import EventKind, Verb
from controller.core.recipe import OnUnhold, Op
from controller.core.sample import Quality
from controller.stations.common import Mode
from tests.support.tiny_recipe import RecipeBench, master, phase, pv_at, ramp, when

GO = phase(
    "go",
    sets={".CMD": Mode.RUN, ".FREE.SP": 30, ".STEPS.SP": 4, ".L1.SP": 44, ".OUT.SP": 50,
          ".L2.SP": 10},
    until=[pv_at(20)],
)  # fmt: skip
LONG_S = AFTER_S + EVERY_S + 0.3


def executing(*phases, **options):
    bench = RecipeBench(**options)
    bench.execute(master(*(phases or (GO,))))
    bench.run(LONG_S)
    assert drift(bench) == ([], 0)
    return bench


def drift(bench):
    """What was told of drift so far, and the tag."""
    told = [t for t in bench.told(EventKind.RECIPE) if not t.startswith("deployment")]
    return told, bench.tag("RUN.DRIFT")


def hold_at_plc(bench, seconds=LONG_S, **held):
    """Somebody changes set points at the PLC, which keeps them."""
    for _ in range(round(seconds / 0.1)):
        bench.plc(**{f"{tag}_RB": value for tag, value in held.items()})
        bench.scan()


def test_a_set_point_changed_at_the_plc_is_told_after_a_while_and_once():
    bench = executing()
    hold_at_plc(bench, AFTER_S - 0.2, FREE_SP=33)
    assert drift(bench) == ([], 0)
    hold_at_plc(bench, EVERY_S + 0.3, FREE_SP=33)
    assert drift(bench) == (["drift: T.FREE.SP is 33 %, the recipe says 30"], 1)
    hold_at_plc(bench, 10, FREE_SP=33)
    assert drift(bench) == (["drift: T.FREE.SP is 33 %, the recipe says 30"], 1)
    (event,) = [e for e in bench.events if e.text.startswith("drift")]
    assert (event.subject, event.actor) == ("T.FREE.SP", "")
    assert event.data == {"run": bench.running.head.id, "recipe": 30, "found": 33.0}
    found = bench.recipes.drift.found["T.FREE.SP"]
    assert (found.recipe, found.found, found.unit, found.tolerance) == (30, 33, "%", 0.1)


def test_what_is_as_the_recipe_says_again_is_told_once():
    bench = executing()
    hold_at_plc(bench, FREE_SP=33)
    bench.run(LONG_S)
    assert drift(bench) == (
        ["drift: T.FREE.SP is 33 %, the recipe says 30",
         "T.FREE.SP is as the recipe says again"], 0,
    )  # fmt: skip
    bench.run(10)
    assert len(drift(bench)[0]) == 2


def test_a_short_difference_is_no_drift():
    bench = executing()
    for _ in range(5):
        hold_at_plc(bench, 1.5, FREE_SP=33)
        bench.run(1.5)
    assert drift(bench) == ([], 0)


@pytest.mark.parametrize(("off_by", "told"), [(0.0999, 0), (-0.0999, 0), (0.11, 1), (-0.11, 1)])
def test_the_resolution_of_the_point_is_the_tolerance(off_by, told):
    bench = executing()
    hold_at_plc(bench, FREE_SP=30 + off_by)
    assert drift(bench)[1] == told


def test_a_further_change_is_told_and_a_creeping_value_is_not_told_every_second():
    bench = executing()
    hold_at_plc(bench, FREE_SP=33)
    hold_at_plc(bench, 2, FREE_SP=35)
    assert drift(bench)[0][1:] == ["drift: T.FREE.SP is 35 %, the recipe says 30"]
    for k in range(20):
        hold_at_plc(bench, 1, FREE_SP=35 + 0.02 * k)
    assert len(drift(bench)[0]) == 2
    assert bench.recipes.drift.found["T.FREE.SP"].found == pytest.approx(35.38, abs=0.03)


def test_a_command_that_departs_from_the_recipe_is_told_with_who_gave_it():
    bench = executing()
    assert bench.give(Verb.SET, "T.FREE.SP", 12, actor="bob").accepted
    assert bench.give(Verb.SET, "T.L1.SP", 50, actor="eve").accepted
    bench.run(LONG_S)
    assert sorted(drift(bench)[0]) == [
        "drift: T.FREE.SP is 12 %, the recipe says 30, set by bob",
        "drift: T.L1.SP is 50, the recipe says 44, set by eve",
    ]
    assert {e.actor for e in bench.events if e.text.startswith("drift")} == {"bob", "eve"}
    assert drift(bench)[1] == 2


def test_a_change_at_the_plc_is_not_laid_on_who_gave_a_command_before():
    bench = executing()
    assert bench.give(Verb.SET, "T.FREE.SP", 12, actor="bob").accepted
    bench.run(LONG_S)
    hold_at_plc(bench, FREE_SP=3)
    assert drift(bench)[0][-1] == "drift: T.FREE.SP is 3 %, the recipe says 30"


def test_a_setting_that_the_formula_feeds_is_watched():
    bench = executing()
    assert bench.give(Verb.SET, "T.SET.SP", 41, actor="bob").accepted
    assert bench.give(Verb.SET, "T.SET.READY", 20, actor="bob").accepted  # as it is
    bench.run(LONG_S)
    assert drift(bench) == (["drift: T.SET.SP is 41 %, the recipe says 40, set by bob"], 1)
    bench.ok(Verb.SET, "T.SET.SP", 40)
    bench.run(2)
    assert drift(bench)[0][1:] == ["T.SET.SP is as the recipe says again"]


def test_a_setting_that_no_recipe_feeds_is_free():
    bench = RecipeBench()
    bench.start()  # built-in
    bench.ok(Verb.SET, "T.SET.SP", 41)
    bench.run(LONG_S)
    assert drift(bench) == ([], 0)


def test_outputs_of_loops_the_wanted_mode_and_computed_outputs_are_left_out():
    bench = executing()
    hold_at_plc(bench, OUT_SP=70, CMD=Mode.HOLD, ECHO_SP=3)
    assert drift(bench) == ([], 0)


def test_the_output_of_a_loop_in_manual_is_the_recipes():
    bench = executing()
    bench.ok(Verb.MODE, "T.L1", "MAN")
    bench.ok(Verb.SET, "T.OUT.SP", 70)
    bench.run(LONG_S)
    assert drift(bench) == (["drift: T.OUT.SP is 70 %, the recipe says 50, set by ann"], 1)
    bench.ok(Verb.MODE, "T.L1", "AUTO")
    bench.run(2)
    assert drift(bench)[1] == 0


def test_a_set_point_that_a_cascade_owns_is_left_out_also_while_the_loop_rests():
    bench = executing()
    loop = bench.station.loops["L2"]
    bench.ok(Verb.MODE, "T.L2", "CAS")
    loop.pid.sp_target = 77.0  # where the cascade has led it
    bench.run(LONG_S)
    assert drift(bench) == ([], 0)
    bench.plc(PV=5)
    bench.held()
    bench.ok(Verb.UNHOLD)
    loop.pid.sp_target = 77.0  # the loop rests in MAN on the way back
    bench.run(LONG_S)
    assert (bench.state, drift(bench)) == (State.UNHOLDING, ([], 0))


def test_nothing_is_said_while_the_link_is_down_or_the_switch_in_local():
    bench = executing(after_link_loss=AfterLinkLoss.RESUME)
    bench.plc(FREE_SP_RB=33)
    bench.lose()
    bench.ok(Verb.SET, "T.L1.SP", 50)
    bench.scan(50)
    assert drift(bench) == ([], 0)
    bench.ok(Verb.SET, "T.L1.SP", 44)
    bench.plc(FREE_SP_RB=30)
    bench.adopt()
    bench.plc(REMOTE=0, FREE_SP_RB=33)
    bench.scan(50)
    assert bench.state is State.EXECUTE
    assert drift(bench) == ([], 0)
    bench.plc(REMOTE=1)
    bench.run(LONG_S)
    assert drift(bench)[1] == 1  # what the hand has set stays, and is told


def test_a_read_back_of_bad_quality_says_nothing():
    bench = executing()
    for _ in range(50):
        bench.plc(Quality.BAD_SENSOR, FREE_SP_RB=33)
        bench.scan()
    assert drift(bench) == ([], 0)


def test_nothing_is_said_while_held_and_all_of_it_on_the_way_back():
    bench = RecipeBench()
    bench.plc(SEQ=5)
    bench.execute(master(
        phase("a", sets={".FREE.SP": 30}, until=[pv_at(20)], on_unhold=OnUnhold.SKIP),
        phase("b", sets={".CMD": Mode.RUN}, until=[when(".SEQ", Op.IS, 5)]),
    ))  # fmt: skip
    bench.held()
    bench.ok(Verb.SET, "T.FREE.SP", 12)
    bench.run(LONG_S)
    assert drift(bench) == ([], 0)
    bench.plc(SEQ=0)
    bench.ok(Verb.UNHOLD)
    bench.run(LONG_S)
    assert (bench.state, drift(bench)[1]) == (State.UNHOLDING, 1)


def test_a_ramp_under_way_is_no_drift_and_its_target_is_expected_afterwards():
    slow = phase("a", sets={".CMD": Mode.RUN}, ramps=[ramp(".FREE.SP", 10, 30)])
    bench = RecipeBench()
    bench.begin(master(slow))
    bench.run(9)
    assert (bench.state, drift(bench)) == (State.STARTING, ([], 0))
    bench.until_state(State.EXECUTE)
    hold_at_plc(bench, FREE_SP=9)
    assert drift(bench) == (["drift: T.FREE.SP is 9 %, the recipe says 10"], 1)


def test_a_tag_that_the_recipe_moves_again_is_no_drift_any_more():
    bench = RecipeBench()
    bench.execute(master(phase("a", sets={".CMD": Mode.RUN}, ramps=[ramp(".FREE.SP", 10, 60)])))
    bench.ok(Verb.SET, "T.FREE.SP", 90)
    bench.run(LONG_S)
    assert drift(bench)[1] == 1
    bench.ok(Verb.RESTART)
    bench.run(2)
    assert (bench.state, drift(bench)) == (
        State.STARTING,
        (["drift: T.FREE.SP is 90 %, the recipe says 10, set by ann",
          "T.FREE.SP is moved by the recipe again"], 0),
    )  # fmt: skip


def test_drift_ends_with_the_run():
    bench = executing()
    hold_at_plc(bench, FREE_SP=33)
    bench.ok(Verb.STOP)
    bench.until_state(State.STOPPED)
    assert (bench.recipes.drift.found, bench.tag("RUN.DRIFT")) == ({}, 0)
    told = drift(bench)[0]
    hold_at_plc(bench, FREE_SP=33)
    assert drift(bench) == (told, 0)


def test_who_gave_a_command_in_one_run_is_not_named_in_the_next():
    bench = executing()
    assert bench.give(Verb.SET, "T.FREE.SP", 12, actor="bob").accepted
    bench.ok(Verb.STOP)
    bench.until_state(State.STOPPED)
    bench.ok(Verb.RESET)
    bench.until_state(State.IDLE)
    bench.ok(Verb.START)
    bench.until_state(State.EXECUTE)
    hold_at_plc(bench, FREE_SP=12)
    assert drift(bench) == (["drift: T.FREE.SP is 12 %, the recipe says 30"], 1)


def test_after_a_restart_of_the_plc_nothing_is_expected_before_its_phase_comes():
    bench = RecipeBench()
    bench.plc(SEQ=5)
    bench.execute(master(phase("a", until=[when(".SEQ", Op.IS, 5)]), GO))
    bench.restart_plc()
    bench.plc(SEQ=0)
    bench.adopt()
    bench.until_state(State.HELD)
    bench.ok(Verb.UNHOLD)
    bench.run(LONG_S)
    assert (bench.state, bench.tag("RUN.PHASE"), drift(bench)) == (State.UNHOLDING, 1, ([], 0))
    bench.ok(Verb.SET, "T.SET.SP", 41)  # what the formula feeds is expected all the time
    bench.run(LONG_S)
    assert drift(bench)[1] == 1


def test_where_plant_time_runs_fast_the_wires_are_given_their_time():
    bench = RecipeBench(speed=10.0)
    bench.execute(master(GO))
    hold_at_plc(bench, 9 * AFTER_S, FREE_SP=33)
    assert drift(bench) == ([], 0)
    hold_at_plc(bench, AFTER_S + 2, FREE_SP=33)
    assert drift(bench)[1] == 1


def test_what_phases_had_set_is_expected_after_a_restart_of_the_program():
    bench = RecipeBench()
    bench.execute(master(
        phase("a", sets={".FREE.SP": 30}, until=[pv_at(20)], on_unhold=OnUnhold.SKIP),
        phase("b", ramps=[ramp(".STEPS.SP", 3, 60)], on_unhold=OnUnhold.SKIP),
        phase("c", sets={".CMD": Mode.RUN}, until=[when(".STATE", Op.IS, 3)]),
    ))  # fmt: skip
    bench.ok(Verb.SET, "T.SET.SP", 41)
    bench.run(1)
    again = bench.restarted()
    again.until_state(State.HELD)
    again.plc(FREE_SP_RB=31, STEPS_SP_RB=2)
    again.adopt()
    again.ok(Verb.UNHOLD)
    again.run(LONG_S)
    assert again.state is State.EXECUTE
    assert sorted(again.recipes.drift.found) == ["T.FREE.SP", "T.SET.SP", "T.STEPS.SP"]
