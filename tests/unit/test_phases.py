"""Phases of a recipe: what they set, how ramps move, what they wait for, whom they ask."""

import pytest

from controller.control.pid_config import LoopMode
from controller.control.states import State
from controller.control.station_parts import AfterLinkLoss
from controller.core.event import EventKind, Verb
from controller.core.recipe import OnTimeout, Op, Ramp, Target
from controller.core.sample import GOOD, Quality
from controller.stations.common import Mode
from tests.support.tiny_recipe import RecipeBench, master, phase, pv_at, ramp, when

NEVER = pv_at(100)


def begun(*phases, **options):
    """A bench in the first phase, just entered."""
    bench = RecipeBench(**options)
    bench.begin(master(*phases))
    return bench


# -- set and order -----------------------------------------------------------------------------


def test_a_phase_sets_on_entry_and_not_again():
    bench = begun(phase("a", sets={".FREE.SP": 8, ".STEPS.SP": 2, ".L1.SP": 33}, until=[NEVER]))
    assert (bench.out("FREE.SP"), bench.out("STEPS.SP")) == (8, 2)
    assert bench.station.loops["L1"].pid.sp_target == 33
    bench.echo()
    bench.ok(Verb.SET, "T.FREE.SP", 9)
    bench.run(2)
    assert bench.out("FREE.SP") == 9


def test_an_output_of_a_loop_is_where_the_loop_will_start():
    bench = begun(phase("a", sets={".OUT.SP": 60, ".CMD": Mode.RUN}, until=[pv_at(20)]))
    assert bench.out("OUT.SP") == 60
    bench.run(1)
    assert bench.out("OUT.SP") == 60
    bench.plc(PV=30)
    bench.station.loops["L1"].pid.set_sp(30)
    bench.until_state(State.EXECUTE)
    bench.scan()
    assert bench.out("OUT.SP") == 60


def test_an_output_of_a_loop_is_also_called_by_the_name_of_the_loop():
    bench = begun(phase("a", sets={".L1.OP": 55}, until=[NEVER]))
    assert bench.station.loops["L1"].pid.out == 55


def test_phases_come_in_their_order_and_execute_after_the_last():
    bench = begun(
        phase("a", sets={".FREE.SP": 1}, until=[pv_at(10)]),
        phase("b", sets={".FREE.SP": 2}, until=[pv_at(20)]),
        phase("c", sets={".FREE.SP": 3}, until=[pv_at(10)]),
    )
    seen = []
    for pv in (5, 10, 10, 20, 20, 20, 20, 20):
        bench.plc(PV=pv)
        bench.scan()
        seen.append((bench.state.name, int(bench.tag("RUN.PHASE")), bench.out("FREE.SP")))
    assert seen == [
        ("STARTING", 1, 1),
        ("STARTING", 2, 1),  # the first is over: the second is entered at the next scan
        ("STARTING", 2, 2),
        ("STARTING", 3, 2),
        ("STARTING", 3, 3),
        ("STARTING", 0, 3),
        ("EXECUTE", 0, 3),
        ("EXECUTE", 0, 3),
    ]
    assert [t for t in bench.told(EventKind.RUN) if t.startswith("phase")] == [
        "phase 1 a: Do a",
        "phase 2 b: Do b",
        "phase 3 c: Do c",
    ]


def test_a_condition_that_held_before_the_phase_counts_at_its_first_scan_only():
    bench = RecipeBench()
    bench.plc(PV=50)
    bench.begin(master(phase("a", until=[pv_at(20)])))
    assert bench.state is State.STARTING
    bench.scan(2)
    assert bench.state is State.EXECUTE


# -- ramps -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("target", "step"), [(6.0, 0.1), (4.0, -0.1)])
def test_a_ramp_starts_from_where_the_tag_stands_and_arrives_exactly(target, step):
    bench = begun(phase("a", ramps=[ramp(".FREE.SP", target, 60)]))
    assert bench.out("FREE.SP") == 5.0  # as the PLC held it
    for k in range(1, 10):
        bench.scan()
        assert bench.out("FREE.SP") == pytest.approx(5.0 + k * step, abs=1e-12)
        assert bench.state is State.STARTING
    bench.scan()
    assert bench.out("FREE.SP") == target
    bench.scan(2)
    assert (bench.state, bench.out("FREE.SP")) == (State.EXECUTE, target)


def test_a_ramp_moves_by_time_not_by_scans():
    bench = begun(phase("a", ramps=[ramp(".FREE.SP", 50, 60)]))
    bench.now_s += 9.9
    bench.scan()
    assert bench.out("FREE.SP") == pytest.approx(15.0)
    bench.now_s += 999.9
    bench.scan()
    assert bench.out("FREE.SP") == 50.0


def test_a_ramp_to_where_the_tag_stands_is_over_at_once():
    bench = begun(phase("a", ramps=[ramp(".FREE.SP", 5, 0.001)]))
    bench.scan(3)
    assert bench.state is State.EXECUTE


def test_an_operator_who_sets_a_ramped_tag_moves_the_ramp():
    bench = begun(phase("a", ramps=[ramp(".FREE.SP", 20, 60)]))
    bench.scan(10)
    bench.echo()
    bench.ok(Verb.SET, "T.FREE.SP", 19.0)  # one step of the ramp follows in the same scan
    assert bench.out("FREE.SP") == pytest.approx(19.1)
    bench.echo()
    bench.ok(Verb.SET, "T.FREE.SP", 21.0)  # beyond: it comes back by the same rate
    assert bench.out("FREE.SP") == pytest.approx(20.9)
    bench.scan(8)
    assert bench.out("FREE.SP") == pytest.approx(20.1)
    bench.scan()
    assert bench.out("FREE.SP") == 20.0


def test_a_phase_waits_for_its_slowest_ramp():
    bench = begun(
        phase("a", ramps=[ramp(".FREE.SP", 6, 60), ramp(".L1.SP", 32, 60), ramp(".OUT.SP", 12, 60)])
    )
    assert (bench.out("OUT.SP"), bench.station.loops["L1"].pid.sp_target) == (3.0, 30.0)
    bench.scan(10)
    assert bench.out("FREE.SP") == 6.0
    assert bench.station.loops["L1"].pid.sp_target == pytest.approx(31.0)
    assert bench.station.procedure.waiting_for() == (
        "ramp of T.L1.SP (at 31 of 32)",
        "ramp of T.OUT.SP (at 10.9 of 12)",  # began at the lower limit of the loop
    )
    bench.scan(12)
    assert bench.state is State.EXECUTE


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_there_is_no_ramp_that_never_arrives(rate):
    with pytest.raises(ValueError, match="rate"):
        Ramp(tag=".FREE.SP", target=Target(1.0), rate_per_min=rate)


# -- transitions -------------------------------------------------------------------------------

BELOW, ABOVE = 29.999, 30.001


@pytest.mark.parametrize(
    ("op", "band", "met", "unmet"),
    [
        (Op.AT_LEAST, 0.0, (30.0, ABOVE), (BELOW, float("nan"))),
        (Op.AT_MOST, 0.0, (30.0, BELOW), (ABOVE, float("nan"))),
        (Op.WITHIN, 2.0, (28.0, 32.0), (27.999, 32.001, float("nan"))),
        (Op.IS, 0.0, (30.0,), (BELOW, ABOVE, float("nan"))),
    ],
)
def test_a_transition_compares_and_never_trusts_a_bad_value(op, band, met, unmet):
    wanted = when(".PV", op, 30, band=band)
    for value in met:
        for quality, over in (
            (GOOD, True),
            (Quality.UNCERTAIN_HELD, True),
            (Quality.BAD_SENSOR, False),
            (Quality.BAD_NO_DATA, False),
        ):
            bench = begun(phase("a", until=[wanted]))
            bench.plc(quality, PV=value)
            bench.scan(2)
            assert (bench.state is State.EXECUTE) == over, (value, quality)
    for value in unmet:
        bench = begun(phase("a", until=[wanted]))
        bench.plc(PV=value)
        bench.scan(2)
        assert bench.state is State.STARTING, value


def test_all_transitions_must_hold_together():
    bench = begun(phase("a", until=[pv_at(20), when(".TRIP", Op.IS, 0), when(".SEQ", Op.IS, 4)]))
    bench.plc(PV=20)
    bench.scan()
    bench.plc(PV=10, SEQ=4)
    bench.scan(5)
    assert bench.state is State.STARTING
    bench.plc(PV=20)
    bench.scan(2)
    assert bench.state is State.EXECUTE


def lasting(seconds, *, broken_by=None):
    """Scans from the first one at which PV holds to EXECUTE; a break after 0.5 s."""
    bench = begun(phase("a", until=[pv_at(20, for_s=seconds)]))
    bench.scan(7)
    bench.plc(PV=25)
    if broken_by is not None:
        bench.scan(5)
        broken_by(bench)
        bench.scan()
        bench.plc(PV=25)
    count = 0
    while bench.state is State.STARTING:
        bench.scan()
        count += 1
    return count


def test_a_transition_must_hold_for_its_time():
    assert lasting(0.0) == 2
    assert lasting(1.0) == 12


@pytest.mark.parametrize(
    ("how", "begins_anew"),
    [
        (lambda b: b.plc(PV=19.9), True),
        (lambda b: b.plc(Quality.BAD_SENSOR, PV=25), True),
        (lambda b: b.plc(PV=float("nan")), True),
        (lambda b: b.plc(Quality.UNCERTAIN_HELD, PV=25), False),
    ],
)
def test_a_break_begins_the_time_anew_and_uncertain_is_no_break(how, begins_anew):
    assert lasting(1.0, broken_by=how) == (12 if begins_anew else 6)


def test_what_is_waited_for_is_told_with_live_values():
    bench = begun(
        phase("a", until=[
            pv_at(20, for_s=5), when(".PV", Op.WITHIN, 40, band=2.5), when(".TRIP", Op.IS, 1),
            when(".SEQ", Op.AT_MOST, 3),
        ])
    )  # fmt: skip
    bench.plc(PV=21.5, SEQ=2)
    bench.plc(Quality.BAD_SENSOR, TRIP=0)
    bench.scan(2)
    assert bench.station.procedure.waiting_for() == (
        "T.PV >= 20 % for 5 s (21.5 %, not yet for long enough)",
        "T.PV within 2.5 of 40 % (is 21.5 %)",
        "T.TRIP is too hot (is Bad: sensor)",
    )
    bench.plc(TRIP=0)
    bench.scan()
    assert bench.station.procedure.waiting_for()[-1] == "T.TRIP is too hot (is none)"


def test_a_tag_of_a_neighbour_is_waited_for_and_its_quality_counts():
    bench = begun(phase("a", until=[when("OTHER.PV", Op.AT_LEAST, 3)]))
    bench.scan()
    assert bench.station.procedure.waiting_for() == ("OTHER.PV >= 3 m/min (is Bad: no data)",)
    bench.other(5.0, Quality.BAD_LINK)
    bench.scan(3)
    assert bench.state is State.STARTING
    bench.other(2.0)
    bench.scan()
    assert bench.station.procedure.waiting_for() == ("OTHER.PV >= 3 m/min (is 2 m/min)",)
    bench.other(3.0, Quality.UNCERTAIN_RANGE)
    bench.scan(2)
    assert bench.state is State.EXECUTE


# -- prompts -----------------------------------------------------------------------------------


def test_a_prompt_is_waited_for_and_its_confirmation_is_recorded():
    bench = begun(phase("a", ask="Load it", until=[pv_at(20)]))
    assert bench.tag("RUN.PROMPT") == 1
    bench.plc(PV=30)
    bench.scan(20)
    assert bench.station.procedure.waiting_for() == ("CONFIRM of: Load it (not yet confirmed)",)
    assert bench.give(Verb.CONFIRM, actor="bob", reason="It is in").accepted
    assert bench.tag("RUN.PROMPT") == 0
    bench.scan()
    assert bench.state is State.EXECUTE
    told = [e for e in bench.events if e.kind is EventKind.RUN and "onfirm" in e.text]
    assert [(e.text, e.actor, e.subject) for e in told] == [
        ("prompt, to be confirmed: Load it", "", bench.running.head.id),
        ("confirmed: Load it", "bob", "a"),
    ]
    assert told[1].data["reason"] == "It is in"


def test_a_confirmed_phase_still_waits_for_the_rest():
    bench = begun(phase("a", ask="Load it", until=[pv_at(20)]))
    bench.ok(Verb.CONFIRM)
    bench.scan(20)
    assert (bench.state, bench.tag("RUN.PROMPT")) == (State.STARTING, 0)
    bench.plc(PV=20)
    bench.scan(2)
    assert bench.state is State.EXECUTE


def test_a_prompt_without_confirm_is_told_and_not_waited_for():
    bench = begun(phase("a", say="Mind the rolls", until=[pv_at(20)]))
    assert "prompt: Mind the rolls" in bench.told(EventKind.RUN)
    assert bench.refused(Verb.CONFIRM).code == "prompt"
    bench.plc(PV=20)
    bench.scan(2)
    assert bench.state is State.EXECUTE


def test_nothing_is_confirmed_when_nothing_asks():
    bench = RecipeBench()
    answer = bench.refused(Verb.CONFIRM)
    assert (answer.code, answer.reasons) == ("prompt", ("tiny asks for no confirmation now",))
    bench.begin(master(phase("a", until=[pv_at(20)]), phase("b", ask="Load it")))
    assert bench.refused(Verb.CONFIRM).code == "prompt"
    bench.plc(PV=20)
    bench.until_asked()
    bench.ok(Verb.CONFIRM)
    assert bench.refused(Verb.CONFIRM).code == "prompt"


def test_a_second_confirmation_does_not_answer_the_prompt_that_comes_next():
    bench = begun(phase("a", ask="Load it"), phase("b", ask="Close the door"))
    bench.ok(Verb.CONFIRM)
    answers = [bench.ask(Verb.CONFIRM).accepted]  # before the next prompt was shown
    assert (answers, bench.tag("RUN.PROMPT"), bench.tag("RUN.PHASE")) == ([False], 1, 2)
    bench.scan(20)
    assert bench.state is State.STARTING
    bench.ok(Verb.CONFIRM)
    bench.scan()
    assert bench.state is State.EXECUTE


# -- time-outs ---------------------------------------------------------------------------------


def test_a_phase_that_takes_too_long_holds_and_says_what_it_waited_for():
    bench = begun(phase("a", until=[pv_at(20, for_s=2)], ramps=[ramp(".FREE.SP", 50, 1)],
                        ask="Load it", timeout_s=10))  # fmt: skip
    bench.plc(PV=17.25)
    bench.scan(100)
    assert bench.state is State.STARTING
    assert bench.tag("SERVICE.LEFT") == pytest.approx(0.0, abs=1e-6)
    bench.scan()
    assert bench.state is State.HOLDING
    assert bench.station.procedure.reason == (
        "STARTING: step a timed out after 10 s, waiting for ramp of T.FREE.SP (at 5.16833 of 50); "
        "T.PV >= 20 % for 2 s (is 17.25 %); CONFIRM of: Load it (not yet confirmed)"
    )


def test_the_time_of_a_phase_includes_its_prompt():
    bench = begun(phase("a", ask="Load it", timeout_s=10))
    bench.scan(101)
    assert bench.state is State.HOLDING


def test_a_phase_may_abort_instead():
    bench = begun(phase("a", until=[NEVER], timeout_s=10, on_timeout=OnTimeout.ABORT))
    bench.scan(101)
    assert bench.state is State.ABORTING
    bench.run(1)
    assert bench.state is State.ABORTED
    (head,) = bench.ended()
    assert head.outcome == "aborted"
    assert head.why_ended.startswith("STARTING: step a timed out after 10 s, waiting for T.PV >=")


def test_each_phase_has_its_own_time():
    bench = begun(
        phase("a", until=[pv_at(20)], timeout_s=10), phase("b", until=[NEVER], timeout_s=10)
    )
    bench.scan(90)
    bench.plc(PV=20)
    bench.scan(90)
    assert bench.state is State.STARTING
    bench.scan(20)
    assert bench.state is State.HELD
    assert bench.station.procedure.reason.startswith("STARTING: step b timed out after 10 s")


# -- the wires ---------------------------------------------------------------------------------


def test_a_phase_is_not_over_while_nothing_it_has_set_can_arrive():
    bench = begun(phase("a", ask="Load it", sets={".FREE.SP": 9}, ramps=[ramp(".STEPS.SP", 1, 60)]),
                  after_link_loss=AfterLinkLoss.RESUME)  # fmt: skip
    bench.scan()
    bench.lose()
    bench.ok(Verb.CONFIRM)
    bench.scan(30)
    assert bench.state is State.STARTING
    assert bench.station.procedure.waiting_for() == ("set points reach the PLC (the link is down)",)
    bench.adopt()  # what was set meanwhile is lost: the phase sends it again
    assert bench.out("FREE.SP") == 5.0
    bench.until_state(State.EXECUTE)
    assert (bench.tag("FREE.SP.RB"), bench.tag("STEPS.SP.RB")) == (9.0, 1.0)


def test_a_phase_goes_on_with_its_prompt_confirmed_after_the_switch_was_in_local():
    bench = begun(phase("a", ask="Load it", sets={".FREE.SP": 9}, until=[pv_at(20, for_s=1)]),
                  after_link_loss=AfterLinkLoss.RESUME)  # fmt: skip
    bench.run(3)
    bench.ok(Verb.CONFIRM)
    bench.plc(REMOTE=0, PV=30)
    bench.scan(20)
    assert bench.state is State.STARTING
    assert bench.station.procedure.waiting_for() == (
        "set points reach the PLC (the station is switched to local)",
    )
    bench.plc(FREE_SP_RB=2, REMOTE=1)
    bench.scan()
    assert (bench.out("FREE.SP"), bench.tag("RUN.PROMPT")) == (9.0, 0)
    assert bench.entered() == ["a"]
    assert bench.told(EventKind.RUN)[-1] == "set points of phase 1 a are sent again"
    left_s = bench.tag("SERVICE.LEFT")
    assert left_s == pytest.approx(60.0 - 5.2, abs=0.11)  # the time goes on
    bench.until_state(State.EXECUTE, within_s=1.5)


def test_a_set_point_that_a_cascade_owns_does_not_stop_the_station():
    bench = RecipeBench()
    loop = bench.station.loops["L2"]
    bench.begin(master(
        phase("a", until=[pv_at(20)]), phase("b", sets={".L2.SP": 50}, until=[pv_at(20)])
    ))  # fmt: skip
    loop.want(LoopMode.CAS)
    loop.activate(active=True)
    bench.plc(PV=30)
    bench.scan(5)
    assert bench.state is State.EXECUTE
    assert loop.pid.sp_target == 0.0
