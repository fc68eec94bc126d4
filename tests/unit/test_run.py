"""The record of a run: its name, where it begins and ends, its entries, metres and lots."""

import pytest

from controller.control.run import run_id
from controller.control.states import State
from controller.core.event import EventKind, Verb
from controller.core.run import Outcome
from controller.core.sample import Quality
from controller.stations.common import Mode
from tests.support.tiny_recipe import (
    QUICK,
    SOFTWARE,
    STANDARD,
    RecipeBench,
    master,
    phase,
    pv_at,
)
from tests.support.tiny_station import UTC0_NS

NS = 1_000_000_000
UTC_NS = 1_795_337_525 * NS  # 2026-11-22T08:52:05Z


@pytest.fixture
def bench():
    return RecipeBench()


def to_idle(bench):
    bench.ok(Verb.RESET)
    bench.until_state(State.IDLE)


def stop(bench):
    bench.ok(Verb.STOP)
    bench.until_state(State.STOPPED)


# -- names -------------------------------------------------------------------------------------


def test_a_run_is_named_after_its_station_and_its_start():
    assert run_id("coater", UTC_NS, "") == "coater-20261122-085205"
    assert run_id("coater", UTC_NS + 999_999_999, "coater-20261122-085204") == (
        "coater-20261122-085205"
    )


def test_runs_of_one_second_are_counted():
    names = [""]
    for _ in range(12):
        names.append(run_id("coater", UTC_NS, names[-1]))
    own = "coater-20261122-085205"
    assert names[1:] == [own, *(f"{own}-{k}" for k in range(2, 13))]


def test_a_clock_that_was_set_back_gives_no_name_twice():
    first = run_id("coater", UTC_NS, "")
    second = run_id("coater", UTC_NS - 3600 * NS, first)
    third = run_id("coater", UTC_NS - NS, second)
    later = run_id("coater", UTC_NS + NS, third)
    assert [second, third] == [f"{first}-2", f"{first}-3"]
    assert later == "coater-20261122-085206"


@pytest.mark.parametrize("station", ["line-2", "line-2-20261122", "x"])
def test_names_of_stations_may_look_like_dates(station):
    names = [""]
    for utc_ns in (UTC_NS, UTC_NS, UTC_NS + NS, UTC_NS):
        names.append(run_id(station, utc_ns, names[-1]))
    assert len(set(names)) == 5
    assert all(name.startswith(f"{station}-20261122-08520") for name in names[1:])


def test_runs_that_follow_one_another_within_a_second_have_names_of_their_own(bench):
    bench.plc(PV=30)
    for _ in range(3):
        bench.ok(Verb.START)
        bench.ok(Verb.ABORT)
        bench.scan(3)
        bench.ok(Verb.RESET)
        bench.scan(2)
    assert bench.state is State.IDLE
    ids = [head.id for head in bench.ended()]
    assert len(set(ids)) == len(ids) == 3
    assert [i.startswith("tiny-20260101-00000") for i in ids] == [True] * 3


# -- beginning and end -------------------------------------------------------------------------


def test_the_head_says_what_began_who_said_so_and_why(bench):
    bench.deploy(QUICK, trial="trial-7")
    bench.scan(10)
    assert bench.give(Verb.START, actor="bob", reason="shift 2").accepted
    head = bench.running.snapshot()
    assert head.id == "tiny-20260101-000001"
    assert (head.station, head.kind, head.recipe) == ("tiny", "tiny", "tiny/trial@1.0.0")
    assert (head.content_hash, head.software, head.trial) == (
        QUICK.content_hash, SOFTWARE, "trial-7",
    )  # fmt: skip
    assert (head.begun_by, head.reason, head.begun_ns) == ("bob", "shift 2", bench.utc_ns)
    assert (head.outcome, head.ended_ns, head.why_ended) == (Outcome.OPEN, None, "")
    begun = next(e for e in bench.events if e.kind is EventKind.RUN)
    assert (begun.text, begun.subject, begun.actor) == (
        "run tiny-20260101-000001 begins with tiny/trial@1.0.0", head.id, "bob",
    )  # fmt: skip
    assert begun.data == {
        "run": head.id, "recipe": "tiny/trial@1.0.0", "reason": "shift 2",
        "content_hash": QUICK.content_hash, "deployment": 1, "lots_in": [], "software": SOFTWARE,
        "trial": "trial-7", "signature": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "state", "outcome"),
    [
        (Verb.COMPLETE, State.COMPLETED, Outcome.COMPLETED),
        (Verb.STOP, State.STOPPED, Outcome.STOPPED),
        (Verb.ABORT, State.ABORTED, Outcome.ABORTED),
    ],
)
def test_a_run_ends_when_its_station_has_come_to_rest(bench, verb, state, outcome):
    bench.execute(QUICK)
    own = bench.running.head.id
    assert bench.give(verb, actor="bob", reason="enough").accepted
    assert bench.recipes.run is not None
    bench.until_state(state)
    assert (bench.recipes.run, bench.tag("RUN.TIME"), bench.tag("RUN.PHASE")) == (None, 0, 0)
    (head,) = bench.ended()
    why = "complete" if verb is Verb.COMPLETE else f"{verb} by bob: enough"
    assert (head.id, head.outcome, head.why_ended) == (own, outcome, why)
    assert head.ended_ns == bench.utc_ns
    last = [e for e in bench.events if "run" in e.data][-1]
    assert (last.kind, last.text, last.data) == (
        EventKind.RUN, f"run {own} {outcome}: {why}", {"run": own, "outcome": outcome.value},
    )  # fmt: skip


def test_a_run_goes_through_hold_and_restart_and_ends_once(bench):
    bench.execute(QUICK)
    own = bench.running.head.id
    for verb in (Verb.HOLD, Verb.UNHOLD, Verb.RESTART, Verb.PAUSE, Verb.RESUME):
        bench.ok(verb)
        bench.run(2)
        assert bench.running.head.id == own
    assert bench.ended() == []
    stop(bench)
    assert [head.id for head in bench.ended()] == [own]


def test_what_never_started_leaves_no_record(bench):
    bench.ok(Verb.STOP)
    bench.until_state(State.STOPPED)
    to_idle(bench)
    bench.ok(Verb.ABORT)
    bench.until_state(State.ABORTED)
    assert bench.ended() == []
    assert [e for e in bench.events if "run" in e.data] == []


def test_a_machine_that_was_found_active_gets_a_record_when_it_is_let_go():
    bench = RecipeBench(adopted=False)
    bench.plc(STATE=Mode.RUN, CMD_RB=Mode.RUN, PV=30)
    bench.adopt()
    bench.scan(3)
    assert bench.recipes.run is None
    assert bench.give(Verb.UNHOLD, actor="bob", reason="it is mine").accepted
    assert bench.running.head.begun_by == "bob"
    bench.until_state(State.EXECUTE)
    stop(bench)
    assert [h.outcome for h in bench.ended()] == ["stopped"]


def test_a_machine_that_was_found_active_and_stopped_leaves_none():
    bench = RecipeBench(adopted=False)
    bench.plc(STATE=Mode.RUN, CMD_RB=Mode.RUN)
    bench.adopt()
    stop(bench)
    assert bench.ended() == []


# -- entries -----------------------------------------------------------------------------------


def test_every_event_between_start_and_end_is_of_the_run_and_none_outside(bench):
    bench.plc(PV=30)
    bench.ok(Verb.SET, "T.FREE.SP", 9)
    bench.refused(Verb.UNHOLD)
    bench.deploy(STANDARD)
    outside = len(bench.events)
    bench.ok(Verb.START)
    own = bench.running.head.id
    bench.to_execute()
    bench.refused(Verb.START)
    bench.ok(Verb.SET, "T.STEPS.SP", 4)
    bench.ok(Verb.MODE, "T.L1", "MAN")
    bench.plc(Quality.BAD_SENSOR, PV=99)
    bench.scan()
    bench.plc(PV=91)
    bench.scan(2)
    bench.lose()
    bench.scan(2)
    bench.adopt()
    bench.deploy(QUICK)
    stop(bench)
    inside = len(bench.events)
    bench.ok(Verb.RESET)
    bench.plc(Quality.BAD_SENSOR, PV=99)
    bench.run(1)
    events = bench.events
    assert [e for e in events[:outside] if "run" in e.data] == []
    assert [e.text for e in events[outside:inside] if e.data.get("run") != own] == []
    assert [e for e in events[inside:] if "run" in e.data] == []
    assert events[outside].text == f"run {own} begins with tiny/trial@1.0.0"
    assert events[inside - 1].text.startswith(f"run {own} stopped: STOP by ann")
    kinds = {e.kind for e in events[outside:inside]}
    assert kinds >= {EventKind.STATE, EventKind.COMMAND, EventKind.LINK, EventKind.QUALITY,
                     EventKind.LOOP, EventKind.ALARM, EventKind.RECIPE, EventKind.RUN}  # fmt: skip


def test_entries_of_a_run_have_times_that_never_fall(bench):
    bench.execute(STANDARD)
    stop(bench)
    times = [e.time_ns for e in bench.events if "run" in e.data]
    assert times == sorted(times)
    assert times[0] >= UTC0_NS


# -- time and metres ---------------------------------------------------------------------------


def test_the_time_of_a_run_counts_from_start_through_all_states(bench):
    bench.execute(QUICK)
    begun_s = (bench.running.head.begun_ns - UTC0_NS) / NS
    bench.run(10)
    bench.held()
    bench.scan(100)
    assert bench.tag("RUN.TIME") == pytest.approx(bench.now_s - begun_s)


def roll(bench, metres, step=1.0):
    """The web moves on."""
    for _ in range(round(metres / step)):
        bench.plc(METER=bench.tag("METER") + step)
        bench.scan()
        bench.echo()


def test_metres_count_from_start_whatever_the_counter_showed(bench):
    bench.plc(METER=12345)
    bench.execute(QUICK)
    roll(bench, 7.5, 0.5)
    assert bench.running.state.metres == pytest.approx(7.5)
    assert bench.running.snapshot().metres == 7.5
    stop(bench)
    assert bench.ended()[0].metres == 7.5


@pytest.mark.parametrize("shows", [0.0, 3.0, 1000.0])
def test_a_counter_that_was_set_is_not_web(bench, shows):
    bench.plc(METER=500)
    bench.execute(QUICK)
    roll(bench, 5)
    bench.plc(METER=shows)
    bench.scan()
    assert bench.running.state.metres == pytest.approx(5.0)
    roll(bench, 5)
    assert bench.running.state.metres == pytest.approx(10.0)


def test_web_made_while_the_counter_was_bad_counts_when_it_is_good_again(bench):
    bench.plc(METER=100)
    bench.execute(QUICK)
    bench.plc(Quality.BAD_SENSOR, METER=105)
    bench.scan(5)
    assert bench.running.state.metres == 0.0
    bench.plc(METER=108)
    bench.scan()
    assert bench.running.state.metres == pytest.approx(8.0)


# -- lots --------------------------------------------------------------------------------------

LOTS = master(phase("a", sets={".CMD": Mode.RUN}, until=[pv_at(20)]), lot_length=50)


def told_lots(bench):
    return [e.text for e in bench.events if e.text.startswith("lot ")]


def test_lots_by_hand_are_noted_with_who_and_at_which_metre(bench):
    bench.execute(QUICK)
    roll(bench, 12)
    assert bench.give(Verb.LOT, "in", "P-88", actor="bob").accepted
    roll(bench, 3)
    assert bench.give(Verb.LOT, "out", "F-1").accepted
    head = bench.running.head
    assert (head.lots_in, head.lots_out) == (("P-88",), ("F-1",))
    lots = [e for e in bench.events if e.text.startswith("lot ")]
    assert [(e.text, e.actor) for e in lots] == [
        ("lot in P-88 at 12 m", "bob"), ("lot out F-1 at 15 m", "ann"),
    ]  # fmt: skip
    assert lots[0].data == {"run": head.id, "lot": "P-88", "metres": 12.0}


def test_lots_come_out_by_their_length_from_execute_on(bench):
    bench.plc(PV=5)
    bench.begin(LOTS)
    own = bench.running.head.id
    roll(bench, 12)  # threading
    assert told_lots(bench) == []
    bench.plc(PV=30)
    bench.until_state(State.EXECUTE)
    assert told_lots(bench) == [f"lot out {own}-L01 at 12 m"]
    roll(bench, 49)
    assert len(told_lots(bench)) == 1
    roll(bench, 60)
    assert told_lots(bench)[1:] == [f"lot out {own}-L02 at 62 m", f"lot out {own}-L03 at 112 m"]
    assert bench.running.head.lots_out == tuple(f"{own}-L0{k}" for k in (1, 2, 3))


def test_more_web_while_threading_than_a_lot_is_long_makes_no_empty_lots(bench):
    bench.plc(PV=5)
    bench.begin(LOTS)
    roll(bench, 170)
    bench.plc(PV=30)
    bench.until_state(State.EXECUTE)
    roll(bench, 49)
    assert len(told_lots(bench)) == 1
    roll(bench, 1)
    assert told_lots(bench)[1].endswith("-L02 at 220 m")


def test_lots_go_on_over_a_hold_and_a_restart(bench):
    bench.execute(LOTS)
    own = bench.running.head.id
    roll(bench, 20)
    bench.held()
    bench.ok(Verb.UNHOLD)
    bench.until_state(State.EXECUTE)
    bench.ok(Verb.RESTART)
    bench.until_state(State.EXECUTE)
    roll(bench, 35)
    assert told_lots(bench) == [f"lot out {own}-L01 at 0 m", f"lot out {own}-L02 at 50 m"]


def test_a_recipe_without_lot_length_makes_no_lots_by_itself(bench):
    bench.execute(QUICK)
    roll(bench, 300)
    assert told_lots(bench) == []
