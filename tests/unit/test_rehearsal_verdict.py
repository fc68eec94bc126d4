"""What a rehearsal makes of what happened: facts from events, loops, verdict, pairs of versions."""

import numpy as np
import pytest

from controller.alarms.definition import AlarmDefinition, Priority
from controller.alarms.states import AlarmState
from controller.alarms.states import Move as AlarmMove
from controller.alarms.transition import Transition as AlarmTransition
from controller.alarms.transition import events
from controller.control.states import State
from controller.core.event import Event, EventKind, Verb
from controller.core.recipe import (
    OnTimeout,
    Op,
    Phase,
    Recipe,
    RecipeId,
    Target,
    Transition,
    Version,
)
from controller.core.sample import GOOD, Quality
from controller.core.tag import Kind, Tag, Writer
from plc_sim.rehearsal.compare import over_seeds, paired
from plc_sim.rehearsal.facts import AlarmTime, Facts, Move, PhaseTime, gather
from plc_sim.rehearsal.figure import Figure, settled_mask
from plc_sim.rehearsal.loops import settled_row, smooth
from plc_sim.rehearsal.result import Result
from plc_sim.rehearsal.scripted_operator import Action
from plc_sim.rehearsal.trace import Trace
from plc_sim.rehearsal.verdict import Criteria, Evidence, Verdict, clock, judge

NS = 1_000_000_000
READY_S, END_S = 100.0, 3700.0
DONE = (
    Move(at_s=0.1, old=State.IDLE, new=State.STARTING, reason="START"),
    Move(at_s=READY_S, old=State.STARTING, new=State.EXECUTE, reason="complete"),
    Move(at_s=END_S, old=State.EXECUTE, new=State.COMPLETING, reason="COMPLETE"),
    Move(at_s=END_S + 5, old=State.COMPLETING, new=State.COMPLETED, reason="complete"),
)
RECIPE = Recipe(
    id=RecipeId("coater", "film", Version(1, 0, 0)),
    title="", author="", base=None, reason="", formula={},
    phases=(
        Phase(
            name="thread", title="Thread", timeout_s=60.0, on_timeout=OnTimeout.HOLD, set={},
            until=(Transition(tag=".STATE", op=Op.IS, target=Target(2.0)),),
        ),
    ),
    limits={},
)  # fmt: skip


def trace(seconds: int = 4) -> Trace:
    tags = (
        Tag(name="COAT.STATE", station="coater", description="", writer=Writer.DEVICE,
            kind=Kind.ENUM, labels=("stop", "warm-up", "thread")),
        Tag(name="COAT.TORQUE", station="coater", description="", writer=Writer.DEVICE, unit="%"),
    )  # fmt: skip
    values = np.array([[1.0, 50.0 + 20.0 * k] for k in range(seconds)])
    quality = np.full(values.shape, GOOD, dtype=np.uint8)
    time_s = np.arange(seconds, dtype=np.float64)
    return Trace(tags, time_s, values, quality, (), np.zeros((seconds, 0)))


def facts(moves=DONE, alarms=(), phases=(), execute=((READY_S, END_S),)) -> Facts:
    return Facts(ended_s=END_S + 5, moves=tuple(moves), phases=tuple(phases), alarms=tuple(alarms),
                 told=(), execute=tuple(execute))  # fmt: skip


def verdict(found: Facts, criteria=Criteria.GOOD_RUN, **more) -> Verdict:
    return judge(
        Evidence(facts=found, trace=trace(), prefix="COAT", recipe=RECIPE, asked_s=3600.0,
                 criteria=criteria, **more)
    )  # fmt: skip


def alarm(name="hi", at_s=200.0, for_s=10.0, *, over=True, priority=3) -> AlarmTime:
    return AlarmTime(tag="COAT.TORQUE", name=name, priority=Priority(priority), at_s=at_s,
                     for_s=for_s, value=90.0, limit=85.0, over=over)  # fmt: skip


# -- a good run --------------------------------------------------------------------------------


def test_a_run_that_is_started_produces_and_is_completed_passes():
    found = verdict(facts())
    assert (found.passed, found.reasons, found.warnings) == (True, (), ())


def test_a_hold_fails_with_phase_time_and_live_values():
    phase = PhaseTime(number=1, name="thread", title="Thread", begun_s=0.5, took_s=1.5,
                      timeout_s=60.0, done=False)  # fmt: skip
    moves = (
        DONE[0],
        Move(at_s=2.0, old=State.STARTING, new=State.HOLDING, reason="timed out"),
        Move(at_s=2.5, old=State.HOLDING, new=State.HELD, reason="timed out"),
    )
    found = verdict(facts(moves, phases=(phase,), execute=()))
    (reason,) = found.reasons  # told once, though HOLDING leads to HELD
    assert reason.startswith("held at 0:00:02 in phase 1 thread after 2 s: timed out")
    assert "COAT.STATE = warm-up" in reason


@pytest.mark.parametrize(
    ("state", "word"), [(State.ABORTING, "aborted"), (State.STOPPING, "stopped")]
)
def test_an_abort_or_a_stop_in_production_fails(state, word):
    moves = (*DONE[:2], Move(at_s=500.0, old=State.EXECUTE, new=state, reason="PLC tripped: x"))
    found = verdict(facts(moves, execute=((READY_S, 500.0),)))
    assert found.reasons[0].startswith(f"{word} at 0:08:20 in EXECUTE: PLC tripped: x")


def test_a_run_that_never_gets_ready_fails_and_says_where_it_stood():
    phase = PhaseTime(number=1, name="thread", title="Thread", begun_s=1.0, took_s=9e3,
                      timeout_s=1e4, done=False)  # fmt: skip
    found = verdict(facts(DONE[:1], phases=(phase,), execute=()))
    assert found.reasons == ("not in EXECUTE after 1:01:45: STARTING, phase 1 thread",)


def test_a_run_that_does_not_end_fails():
    found = verdict(facts(DONE[:3]))
    assert found.reasons == ("COMPLETE did not lead to COMPLETED: COMPLETING at the end",)


def test_a_refused_start_fails_with_every_reason():
    found = verdict(facts((), execute=()), refused=("remote switch", "door 2 open"))
    assert found.reasons == ("remote switch", "door 2 open")


@pytest.mark.parametrize(("name", "priority"), [("hihi", 3), ("lolo", 4), ("hi", 2), ("open", 1)])
def test_a_serious_alarm_fails_however_short(name, priority):
    assert not verdict(facts(alarms=[alarm(name, for_s=0.1, priority=priority)])).passed


@pytest.mark.parametrize(("for_s", "passed"), [(36.0, True), (36.1, False)])
def test_a_plain_alarm_fails_above_one_percent_of_production(for_s, passed):
    found = verdict(facts(alarms=[alarm(for_s=for_s)]))
    assert found.passed is passed
    said = (found.warnings if passed else found.reasons)[0]
    assert said.startswith("COAT.TORQUE hi alarm at 0:03:20")
    assert "1.0 % of production" in said


def test_short_alarms_of_one_limit_add_up():
    found = verdict(facts(alarms=[alarm(at_s=200.0 * k, for_s=20.0) for k in (1, 2)]))
    assert "2 times, 40 s in all" in found.reasons[0]
    other = alarm("lo", at_s=900.0, for_s=20.0)
    assert verdict(facts(alarms=[alarm(for_s=20.0), other])).passed


def test_a_phase_close_to_its_timeout_is_worth_a_word():
    slow = PhaseTime(number=1, name="thread", title="", begun_s=1.0, took_s=55.0, timeout_s=60.0,
                     done=True)  # fmt: skip
    found = verdict(facts(phases=(slow,)))
    assert found.passed
    assert found.warnings == ("phase 1 thread took 55 s of the 60 s until it times out",)


def test_trouble_beside_and_refused_confirmations_are_told_but_do_not_fail():
    found = verdict(facts(), neighbours=("calender at 5 s: x",),
                    actions=(Action(9.0, Verb.CONFIRM, ("no prompt",)),))  # fmt: skip
    assert found.passed
    assert found.warnings == ("CONFIRM at 0:00:09 refused: no prompt", "beside: calender at 5 s: x")


def test_a_value_that_jumps_is_shown_before_and_after():
    assert trace().shown("COAT.TORQUE", 1.2) == "COAT.TORQUE = 70 -> 90 %"
    assert trace().shown("COAT.STATE", 1.2) == "COAT.STATE = warm-up"
    lost = trace()
    lost.quality[2, 1] = int(Quality.BAD_LINK)
    assert lost.shown("COAT.TORQUE", 1.2) == "COAT.TORQUE = 70 -> Bad %"
    assert np.isnan(lost.column("COAT.TORQUE")[2])


def test_the_clock_counts_beyond_a_day():
    assert clock(90061.9) == "25:01:01"


# -- with faults -------------------------------------------------------------------------------

HELD_AND_BACK = (
    *DONE[:2],
    Move(at_s=1000.0, old=State.EXECUTE, new=State.HOLDING, reason="web break"),
    Move(at_s=1500.0, old=State.UNHOLDING, new=State.EXECUTE, reason="complete"),
    *DONE[2:],
)


def recovered(moves=HELD_AND_BACK, alarms=(), back_s=1500.0) -> Verdict:
    execute = ((READY_S, 1000.0), (back_s, END_S))
    return verdict(facts(moves, alarms, execute=execute), Criteria.RECOVERY)


def test_with_faults_a_hold_is_told_and_coming_back_is_what_counts():
    found = recovered()
    assert found.passed
    assert found.warnings[0].startswith("held at 0:16:40 in EXECUTE: web break")
    assert "in EXECUTE for 86 % of the production asked for" in found.warnings


def test_with_faults_an_alarm_counts_only_near_the_end():
    assert recovered(alarms=[alarm("hihi", at_s=1001.0, for_s=900.0)]).passed
    late = recovered(alarms=[alarm(at_s=3650.0, for_s=50.0, over=False)])
    assert late.reasons[0].startswith("not quiet at the end: COAT.TORQUE hi alarm")


def test_with_faults_coming_back_at_the_last_moment_is_too_late():
    assert "too late to judge" in recovered(back_s=3500.0).reasons[0]


def test_with_faults_a_station_that_stays_held_has_not_recovered():
    moves = HELD_AND_BACK[:3]
    found = verdict(facts(moves, execute=((READY_S, 1000.0),)), Criteria.RECOVERY)
    assert found.reasons == ("not recovered: HOLDING at the end, last in EXECUTE at 0:16:40",)


# -- facts from events -------------------------------------------------------------------------


def event(at_s: float, kind: EventKind, text: str, subject: str = "coater", **data) -> Event:
    return Event(time_ns=round((50.0 + at_s) * NS), kind=kind, station="coater", subject=subject,
                 text=text, data=data)  # fmt: skip


def state(at_s: float, old: State, new: State, reason: str = "complete") -> Event:
    text = f"{old.name} -> {new.name}: {reason}"
    return event(at_s, EventKind.STATE, text, old=old.name, new=new.name)


def read(events: list[Event], ended_s: float = 100.0) -> Facts:
    return gather(events, 50 * NS, ended_s, RECIPE)


def test_phases_end_with_the_state_and_are_done_only_when_it_is_execute():
    entry = event(1.0, EventKind.RUN, "phase 1 thread: Thread", phase=1)
    begin = state(0.1, State.IDLE, State.STARTING)
    prompt = event(1.0, EventKind.RUN, "prompt: look", phase=1)
    done = read([begin, entry, prompt, state(31.0, State.STARTING, State.EXECUTE)])
    (phase,) = done.phases
    assert (phase.name, phase.took_s, phase.done) == ("thread", 30.0, True)
    assert done.execute == ((31.0, 100.0),)
    held = read([begin, entry, state(61.0, State.STARTING, State.HOLDING, "step timed out")])
    assert (held.phases[0].took_s, held.phases[0].done) == (60.0, False)
    assert held.moves[-1].reason == "step timed out"
    assert held.ready_s is None


def test_what_was_before_start_is_left_out():
    assert read([state(-1.0, State.IDLE, State.STARTING)]).moves == ()


def test_an_alarm_lasts_until_it_goes_or_execute_is_left():
    came, gone = torque(10.0, AlarmMove.RAISE, 96.5), torque(25.0, AlarmMove.CLEAR, 80.0)
    run = state(1.0, State.STARTING, State.EXECUTE)
    (whole,) = read([run, came, gone]).alarms
    assert (whole.tag, whole.name, whole.priority) == ("COAT.TORQUE", "hihi", Priority.HIGH)
    assert (whole.at_s, whole.for_s, whole.value, whole.limit) == (10.0, 15.0, 96.5, 95.0)
    assert whole.over
    left = state(20.0, State.EXECUTE, State.HOLDING)
    assert [a.for_s for a in read([run, came, left, gone]).alarms] == [10.0]
    (still,) = read([run, came]).alarms
    assert (still.for_s, still.over) == (90.0, False)


def test_an_alarm_that_stood_before_execute_counts_from_there_and_others_not_at_all():
    came, gone = torque(10.0, AlarmMove.RAISE, 96.5), torque(25.0, AlarmMove.CLEAR, 80.0)
    run = state(20.0, State.STARTING, State.EXECUTE)
    (whole,) = read([came, run, gone]).alarms
    assert (whole.at_s, whole.for_s) == (20.0, 5.0)
    assert read([came, gone, state(30.0, State.STARTING, State.EXECUTE)]).alarms == ()
    again = [state(22.0, State.EXECUTE, State.HOLDING), state(24.0, State.UNHOLDING, State.EXECUTE)]
    assert [a.for_s for a in read([came, run, *again, gone]).alarms] == [2.0, 1.0]


def torque(at_s: float, move: AlarmMove, value: float) -> Event:
    """As a board tells it, which nobody acknowledges."""
    high = AlarmDefinition(
        tag="COAT.TORQUE", name="hihi", above=True, limit=95.0, priority=Priority.HIGH,
        text="torque too high", cause="dry powder", consequence="the screw stops",
        action="feed less", respond_s=60.0, station="coater", unit="%",
    )  # fmt: skip
    before, after = AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED
    if move is AlarmMove.CLEAR:
        before, after = after, AlarmState.RETURNED
    (told,) = events([AlarmTransition(
        alarm=high, occurrence=1, before=before, after=after, move=move, value=value, limit=95.0,
        time_ns=50 * NS + round(at_s * NS),
    )])  # fmt: skip
    return told


# -- loops and figures -------------------------------------------------------------------------


def test_settled_is_the_first_row_after_which_it_stays_long_enough():
    time_s = np.arange(400.0)
    inside = np.ones(400, dtype=np.bool_)
    inside[:30] = inside[100] = False
    assert settled_row(time_s, inside) == 101  # 30 to 99 were too short
    inside[250] = False
    assert settled_row(time_s, inside) == 101
    inside[200] = False
    assert settled_row(time_s, inside) == 251
    assert settled_row(time_s, ~inside) is None


def test_smoothing_keeps_a_constant_and_skips_what_is_bad():
    column = np.full(40, 7.0)
    column[5:9] = np.nan
    assert smooth(column) == pytest.approx(np.full(40, 7.0))
    assert np.isnan(smooth(np.full(5, np.nan))).all()


def test_quality_leaves_out_the_beginning_of_production():
    long = trace(4000)
    mask = settled_mask(long, ((100.0, 3700.0),), 100.0)
    assert (int(mask.argmax()), int(mask.sum())) == (700, 3001)
    short = settled_mask(long, ((100.0, 400.0),), 100.0)
    assert int(short.argmax()) == 160
    assert not settled_mask(long, (), 0.0).any()


def result(seed: int, value: float, **more) -> Result:
    fields = {
        "recipe": "coater/film@1.0.0", "content_hash": "", "station": "coater", "seed": seed,
        "minutes": 60.0, "verdict": Verdict(criteria=Criteria.GOOD_RUN, reasons=(), warnings=()),
        "facts": facts(), "production_from_s": READY_S, "loops": (), "digest": "", "trace": None,
        "figures": (Figure("loading_mean", "areal loading, mean", value, "mg/cm2"),),
    }  # fmt: skip
    return Result(**(fields | more))


def test_figures_over_seeds_have_mean_and_extremes():
    rows = {r.key: r for r in over_seeds([result(1, 29.0), result(2, 31.0), result(3, 30.3)])}
    row = rows["loading_mean"]
    assert (row.low, row.high) == (29.0, 31.0)
    assert row.mean == pytest.approx(30.1)
    assert rows["ready_min"].mean == pytest.approx(READY_S / 60.0)


def test_two_versions_are_compared_seed_by_seed():
    old = [result(1, 20.0), result(2, 40.0), result(3, 60.0)]
    new = [result(1, 21.0), result(2, 42.0), result(4, 99.0)]
    pair = next(p for p in paired(old, new) if p.key == "loading_mean")
    assert (pair.old, pair.new) == (40.0, 54.0)
    assert pair.difference is not None
    assert pair.difference.by_seed == {1: 1.0, 2: 2.0}
    assert pair.same_sign
    mixed = next(p for p in paired(old[:2], [result(1, 19.0), result(2, 42.0)])
                 if p.key == "loading_mean")  # fmt: skip
    assert not mixed.same_sign


def test_a_figure_only_one_version_has_is_shown_without_a_difference():
    pairs = {p.key: p for p in paired([result(1, 1.0)], [result(1, 1.0, figures=())])}
    gone = pairs["loading_mean"]
    assert (gone.old, gone.new, gone.difference) == (1.0, None, None)
