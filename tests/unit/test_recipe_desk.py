"""Deploying and latching: what is requested, what runs, and what a START takes with it."""

import pytest

from controller.control.recipe_desk import KEPT
from controller.control.states import State
from controller.core.event import EventKind, Verb
from controller.core.recipe import Limits
from controller.core.run import BUILT_IN
from controller.stations.common import Mode
from tests.support.tiny_recipe import (
    QUICK,
    STANDARD,
    RecipeBench,
    master,
    phase,
    pv_at,
    with_version,
)

SLOW = master(phase("slow", sets={".CMD": Mode.RUN, ".FREE.SP": 1}, until=[pv_at(0)]),
              version="2.0.0", set_point=55, ready=10)  # fmt: skip


@pytest.fixture
def bench():
    return RecipeBench()


def titles(bench):
    """Requested, current, and whether the next START would change something."""
    recipes = bench.recipes
    current = recipes.current.title if recipes.run and recipes.current else ""
    return (recipes.requested.title if recipes.requested else "", current, recipes.pending)


# -- latch -------------------------------------------------------------------------------------


def test_a_deployment_is_requested_until_start_takes_it(bench):
    bench.plc(PV=30)
    assert titles(bench) == ("", "", False)
    assert bench.deploy(QUICK).accepted
    assert (bench.state, titles(bench)) == (State.IDLE, ("tiny/trial@1.0.0", "", False))
    assert bench.station.setting("SP") == 40.0
    bench.execute(SLOW)
    assert titles(bench) == ("tiny/trial@2.0.0", "tiny/trial@2.0.0", False)
    assert bench.tag("RUN.PENDING") == 0
    assert (bench.running.head.recipe, bench.running.head.content_hash) == (
        "tiny/trial@2.0.0", SLOW.content_hash,
    )  # fmt: skip


@pytest.mark.parametrize("when", ["starting", "execute", "held", "paused", "unholding"])
def test_a_deployment_to_a_running_station_changes_nothing_until_the_next_start(bench, when):
    bench.begin(STANDARD)
    bench.run(1)
    if when != "starting":
        bench.plc(PV=30)
        bench.to_execute()
    if when in ("held", "unholding"):
        bench.held()
    if when == "unholding":
        bench.ok(Verb.UNHOLD)
    if when == "paused":
        bench.ok(Verb.PAUSE)
        bench.until_state(State.PAUSED)
    state, step = bench.state, bench.station.procedure.step
    outputs = [bench.out(tag) for tag in ("CMD", "FREE.SP", "STEPS.SP", "ECHO.SP")]
    bench.events.clear()
    assert bench.deploy(SLOW, reason="less heat").accepted
    assert bench.state is state
    assert bench.station.procedure.step is step
    assert [bench.out(tag) for tag in ("CMD", "FREE.SP", "STEPS.SP", "ECHO.SP")] == outputs
    assert bench.station.setting("SP") == 40.0
    assert titles(bench) == ("tiny/trial@2.0.0", "tiny/trial@1.0.0", True)
    assert bench.tag("RUN.PENDING") == 1
    assert bench.told(EventKind.RECIPE) == [
        "deployment 2: tiny/trial@1.0.0 -> tiny/trial@2.0.0, latched at the next START"
    ]
    if when == "execute":
        bench.ok(Verb.RESTART)
        assert titles(bench)[1:] == ("tiny/trial@1.0.0", True)
    bench.ok(Verb.STOP)
    bench.until_state(State.STOPPED)
    assert (bench.tag("RUN.PENDING"), titles(bench)) == (0, ("tiny/trial@2.0.0", "", False))
    bench.ok(Verb.RESET)
    bench.until_state(State.IDLE)
    bench.ok(Verb.START)
    assert titles(bench) == ("tiny/trial@2.0.0", "tiny/trial@2.0.0", False)
    assert bench.out("FREE.SP") == 1
    assert (bench.station.setting("SP"), bench.station.setting("READY")) == (55, 10)


def test_restart_goes_through_the_same_control_recipe_in_the_same_run(bench):
    bench.execute(STANDARD)
    own, text = bench.running.head.id, bench.running.deployment.master.text
    bench.deploy(SLOW)
    bench.ok(Verb.RESTART)
    assert (bench.state, bench.tag("RUN.PHASE")) == (State.STARTING, 1)
    bench.to_execute()  # asks for its prompt again
    assert bench.entered() == ["heat", "load", "go"] * 2
    assert (bench.running.head.id, bench.running.deployment.master.text) == (own, text)
    assert bench.running.head.content_hash == STANDARD.content_hash
    assert bench.ended() == []


def test_the_formula_reaches_the_settings_at_start_and_shows(bench):
    bench.ok(Verb.SET, "T.SET.SP", 22.0)
    assert bench.deploy(SLOW).accepted
    assert bench.tag("SET.SP") == 22.0
    bench.ok(Verb.START)
    assert (bench.tag("SET.SP"), bench.tag("SET.READY")) == (55.0, 10.0)


def test_a_refused_start_latches_nothing(bench):
    bench.deploy(SLOW)
    bench.plc(REMOTE=0)
    assert bench.refused(Verb.START).code == "permissive"
    assert (bench.recipes.run, bench.recipes.current) == (None, None)
    assert bench.station.setting("SP") == 40.0
    assert not [e for e in bench.events if "run" in e.data]


def test_a_built_in_deployment_gives_the_procedure_of_the_kind_back(bench):
    bench.execute(STANDARD)
    bench.ok(Verb.STOP)
    bench.until_state(State.STOPPED)
    assert bench.deploy(None, reason="go back").accepted
    assert bench.told(EventKind.RECIPE)[-1] == (
        "deployment 2: tiny/trial@1.0.0 -> built-in, latched at START"
    )
    bench.ok(Verb.RESET)
    bench.until_state(State.IDLE)
    bench.ok(Verb.START)
    assert bench.running.head.recipe == BUILT_IN
    assert bench.running.head.content_hash == ""
    assert (bench.out("FREE.SP"), bench.tag("RUN.PHASE")) == (7.0, 0)  # as the kind does it
    bench.until_state(State.EXECUTE)
    bench.held()
    bench.ok(Verb.UNHOLD)
    bench.until_state(State.EXECUTE)


def test_without_a_deployment_the_built_in_procedure_makes_a_run_too(bench):
    bench.start()
    head = bench.running.head
    assert (head.recipe, head.content_hash, head.begun_by) == (BUILT_IN, "", "ann")
    assert titles(bench) == ("", BUILT_IN, False)
    bench.deploy(QUICK)
    assert titles(bench) == ("tiny/trial@1.0.0", BUILT_IN, True)


# -- alarms ------------------------------------------------------------------------------------


def limits(bench):
    """Every limit that is watched: tag, level, limit."""
    alarms = bench.station.alarm_desk.board.alarms.values()
    own = [a for a in alarms if a.armed and a.definition.level]
    return [
        (a.definition.tag, a.definition.name, a.limit) for a in own
        if not a.definition.tag.startswith("T.LINK.")
    ]  # fmt: skip


def test_limits_of_the_recipe_replace_those_of_the_kind_until_the_run_ends(bench):
    kinds = [("T.PV", "hi", 90.0)]
    assert limits(bench) == kinds
    recipe = master(
        phase("a", sets={".CMD": Mode.RUN}, until=[pv_at(0)]),
        limits={".PV": Limits(lolo=1, lo=10, hi=60, hihi=65, deadband=2, delay_s=0.5),
                ".SEQ": Limits(hi=7)},
    )  # fmt: skip
    bench.deploy(recipe)
    assert limits(bench) == kinds
    bench.execute(recipe)
    assert limits(bench) == [
        ("T.PV", "hi", 60), ("T.PV", "hihi", 65), ("T.PV", "lo", 10), ("T.PV", "lolo", 1),
        ("T.SEQ", "hi", 7),
    ]  # fmt: skip
    bench.plc(PV=61)
    bench.scan(7)
    bench.plc(PV=57)
    bench.scan(3)
    assert bench.alarms() == [
        "T.PV hi alarm: 61 %, limit 60 %: PV too high", "T.PV hi alarm gone: 57 %, limit 60 %",
    ]  # fmt: skip
    bench.ok(Verb.STOP)
    bench.until_state(State.STOPPED)
    assert limits(bench) == kinds


def test_limits_of_other_tags_leave_those_of_the_kind_alone(bench):
    bench.execute(
        master(phase("a", sets={".CMD": Mode.RUN}, until=[pv_at(0)]), limits={".SEQ": Limits(lo=1)})
    )
    assert limits(bench) == [("T.PV", "hi", 90.0), ("T.SEQ", "lo", 1)]


# -- deploy ------------------------------------------------------------------------------------


def test_a_deployment_is_recorded_with_who_why_and_when(bench):
    bench.scan(10)
    assert bench.deploy(QUICK, actor="bob", reason="  thinner film ", because="run-1").accepted
    (made,) = bench.recipes.news
    assert made is bench.recipes.requested
    assert (made.number, made.actor, made.reason, made.because) == (1, "bob", "thinner film",
                                                                    "run-1")  # fmt: skip
    assert made.time_ns == bench.utc_ns
    (event,) = [e for e in bench.events if e.kind is EventKind.RECIPE]
    assert event.text == "deployment 1: built-in -> tiny/trial@1.0.0, latched at START"
    assert (event.actor, event.data) == (
        "bob", {"number": 1, "reason": "thinner film", "because": "run-1", "trial": "",
                "signature": None},
    )  # fmt: skip
    assert bench.station.changed


def test_of_two_at_once_the_second_is_told_who_was_quicker_with_what(bench):
    assert bench.deploy(QUICK, expected=0, actor="bob", reason="first").accepted
    answer = bench.deploy(SLOW, expected=0, actor="eve")
    assert (answer.accepted, answer.code) == (False, "conflict")
    assert answer.reasons == (
        "bob deployed tiny/trial@1.0.0 at 2026-01-01T00:00:00Z (deployment 1: first), "
        "you saw deployment 0: look at it, then deploy again if it still applies",
    )
    assert titles(bench)[0] == "tiny/trial@1.0.0"
    assert bench.deploy(SLOW, expected=1, actor="eve").accepted
    assert titles(bench)[0] == "tiny/trial@2.0.0"


def test_who_expects_what_never_was_is_told_so(bench):
    answer = bench.deploy(QUICK, expected=3)
    assert answer.reasons == (
        "deployment 3 was expected, nothing has been deployed yet: look again",
    )
    assert bench.recipes.requested is None


def test_who_has_not_looked_deploys_over_whatever_is_there(bench):
    assert bench.deploy(QUICK).accepted
    assert bench.deploy(SLOW).accepted
    assert [d.number for d in bench.recipes.deployments] == [1, 2]


@pytest.mark.parametrize("reason", ["", "  \t"])
def test_a_deployment_needs_a_reason(bench, reason):
    answer = bench.deploy(QUICK, reason=reason)
    assert (answer.code, answer.reasons) == ("reason", ("a deployment needs a reason",))
    assert (bench.recipes.deployments, bench.recipes.news) == ([], [])


def test_a_recipe_of_another_kind_is_refused(bench):
    other = master(phase("a", until=[pv_at(0)]), kind="coater")
    answer = bench.deploy(other)
    assert answer.code == "kind"
    assert answer.reasons == ("coater/trial@1.0.0 is not for a station of tiny",)
    assert bench.recipes.deployments == []


def test_an_order_without_a_recipe_is_refused(bench):
    answer = bench.refused(Verb.DEPLOY)
    assert (answer.code, answer.reasons) == ("value", ("DEPLOY without a recipe",))


def test_the_last_deployments_are_remembered_and_numbers_go_on(bench):
    bench.execute(QUICK)
    for k in range(2, KEPT + 4):
        assert bench.deploy(with_version(QUICK, f"1.{k}.0"), expected=k - 1).accepted
    kept = bench.recipes.deployments
    assert [d.number for d in kept] == list(range(4, KEPT + 4))
    assert kept[-1].title == f"tiny/trial@1.{KEPT + 3}.0"
    assert [n.number for n in bench.recipes.news] == list(range(1, KEPT + 4))
    assert titles(bench)[1:] == ("tiny/trial@1.0.0", True)
    again = bench.restarted()  # the current one is not among those kept: it runs all the same
    assert titles(again)[1:] == ("tiny/trial@1.0.0", True)
    assert again.running.head.content_hash == QUICK.content_hash
    assert again.deploy(SLOW, expected=KEPT + 3).accepted


# -- lots --------------------------------------------------------------------------------------


def test_lots_that_go_in_before_start_belong_to_the_next_run(bench):
    assert bench.give(Verb.LOT, "in", "A1").accepted
    assert bench.give(Verb.LOT, "in", " A2 ").accepted
    bench.execute(QUICK)
    assert bench.running.head.lots_in == ("A1", "A2")
    begun = next(e for e in bench.events if e.text.startswith("run "))
    assert begun.data["lots_in"] == ["A1", "A2"]
    bench.ok(Verb.STOP)
    bench.until_state(State.STOPPED)
    bench.ok(Verb.RESET)
    bench.until_state(State.IDLE)
    bench.ok(Verb.START)
    assert bench.running.head.lots_in == ()


def test_a_lot_comes_out_of_a_run_only(bench):
    answer = bench.refused(Verb.LOT, "out", "A1")
    assert (answer.code, answer.reasons) == (
        "run", ("tiny has no open run that A1 could come out of",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("way", "lot"), [("", "A"), ("through", "A"), ("in", ""), ("in", "  "), ("in", None),
                     ("in", "x" * 81), ("in", "a\nb"), ("out", "\x1b[31m")]
)  # fmt: skip
def test_a_lot_needs_a_way_and_a_name(bench, way, lot):
    bench.execute(QUICK)
    assert bench.refused(Verb.LOT, way, lot).code == "value"
    assert (bench.running.head.lots_in, bench.running.head.lots_out) == ((), ())
