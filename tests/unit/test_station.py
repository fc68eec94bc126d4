"""The station: one fixed order of scan, link and PLC losses, local switch, faults, memory."""

from dataclasses import asdict

import pytest

from controller.control.pid_config import LoopMode
from controller.control.states import State
from controller.control.station_memory import Memory
from controller.control.station_parts import AfterLinkLoss
from controller.core.event import EventKind, Verb
from controller.core.sample import GOOD, Quality
from controller.stations.common import Mode
from tests.support.tiny_station import UTC0_NS, WRITTEN, Bench, Tiny


def test_commands_come_before_steps_loops_interlocks_and_alarms():
    bench = Bench()
    bench.plc(PV=30)
    order = bench.station.order
    bench.station._record = lambda *_: order.append("command")
    bench.submit(Verb.START)
    bench.scan()
    assert order == ["command", "step", "control", "interlocks", "alarms"]


def test_a_scan_works_on_a_snapshot():
    bench = Bench()
    seen = []
    station = bench.station
    plain = station.control

    def control(now_s):
        bench.plc(PV=77)  # the driver writes the table in the middle of a scan
        seen.append(station.v[station.at(".PV")])
        plain(now_s)

    station.control = control
    bench.plc(PV=30)
    bench.scan()
    assert seen == [30.0]
    bench.scan()
    assert seen == [30.0, 77.0]


def test_the_interlock_has_the_last_word():
    bench = Bench()
    bench.start()
    bench.plc(PV=96)
    bench.scan()
    assert bench.state is State.HOLDING
    assert bench.told(EventKind.INTERLOCK) == ["PV is 96 %, trips when above 95 %"]
    bench.run(1)
    assert bench.state is State.HELD
    assert bench.out("CMD") == Mode.HOLD
    answer = bench.refused(Verb.UNHOLD)
    assert (answer.code, answer.reasons) == ("trip", ("PV is still 96 %",))
    bench.plc(PV=30)
    bench.ok(Verb.UNHOLD)


def test_tags_that_change_quality_together_are_told_together():
    bench = Bench()
    bench.scan()
    bench.events.clear()
    bench.lose()
    bench.plc(Quality.BAD_SENSOR, PV=30)
    bench.scan()
    texts = bench.told(EventKind.QUALITY)
    assert len(texts) == 2
    assert "T.PV: Bad: sensor" in texts
    (link,) = [t for t in texts if t != "T.PV: Bad: sensor"]
    assert link.endswith(" and 10 more: Bad: link")
    bench.scan(5)
    assert len(bench.told(EventKind.QUALITY)) == 2


def test_a_change_of_reason_alone_is_no_news():
    bench = Bench()
    bench.plc(Quality.BAD_SENSOR, PV=30)
    bench.scan()
    bench.events.clear()
    bench.plc(Quality.BAD_STALE, PV=30)
    bench.scan()
    assert bench.told(EventKind.QUALITY) == []


def test_a_lost_link_holds_what_moves():
    bench = Bench()
    bench.start()
    bench.lose()
    bench.scan()
    assert bench.state is State.HOLDING
    assert bench.station.procedure.reason == "link to the PLC lost (Bad: link)"
    assert bench.told(EventKind.LINK) == ["link up", "link lost (Bad: link)"]


def test_a_lost_link_lets_go_on_what_does_not_move():
    bench = Bench(AfterLinkLoss.RESUME)
    bench.start()
    bench.lose()
    bench.scan(20)
    assert bench.state is State.EXECUTE
    bench.adopt()
    bench.scan()
    assert bench.state is State.EXECUTE
    assert bench.told(EventKind.LINK)[-1] == "link up"


def test_a_loss_between_two_scans_still_holds():
    bench = Bench()
    bench.start()
    bench.lose()
    bench.adopt()
    bench.scan()
    assert bench.state is State.HOLDING


def test_a_hold_asked_for_while_the_link_was_down_still_arrives():
    bench = Bench()
    bench.start()
    bench.lose()
    bench.scan(3)  # too short for the PLC's watchdog: it holds RUN and runs
    bench.adopt()
    bench.plc(STATE=Mode.RUN)
    bench.scan()
    assert bench.out("CMD") == Mode.HOLD
    bench.run(1)
    assert bench.state is State.HELD
    assert bench.table.sample("T.STATE").value == Mode.HOLD


def test_a_stop_asked_for_while_the_link_was_down_still_arrives():
    bench = Bench()
    bench.start()
    bench.lose()
    bench.scan()
    bench.ok(Verb.STOP)
    bench.scan(300)  # the stop has timed out meanwhile
    assert bench.state is State.STOPPED
    assert "timed out" in bench.station.procedure.reason
    bench.adopt()
    assert bench.out("CMD") == Mode.STOP


def test_a_step_under_way_writes_its_wishes_again_after_a_loss():
    bench = Bench(AfterLinkLoss.RESUME)
    bench.plc(PV=5)
    bench.ok(Verb.START)
    assert bench.out("FREE.SP") == 7.0
    bench.lose()
    bench.scan(3)
    bench.adopt()  # the write never arrived: the PLC still holds its default
    assert bench.out("FREE.SP") == 5.0
    bench.scan()
    assert bench.state is State.STARTING
    assert (bench.out("FREE.SP"), bench.out("CMD")) == (7.0, Mode.RUN)


def test_a_plc_trip_aborts_and_says_which():
    bench = Bench()
    bench.start()
    bench.plc(TRIP=2)
    bench.scan()
    assert bench.state is State.ABORTING
    bench.run(1)
    assert bench.state is State.ABORTED
    assert bench.station.procedure.reason == "PLC tripped: too fast"
    assert bench.told(EventKind.DEVICE) == ["PLC tripped: too fast"]


@pytest.mark.parametrize("code", [7.0, 70000.0])
def test_a_trip_without_a_text_shows_its_number(code):
    bench = Bench()
    bench.start()
    bench.plc(TRIP=code)
    bench.scan()
    assert bench.station.procedure.reason == f"PLC tripped: {code:.0f}"


def test_a_bad_trip_value_is_no_trip():
    bench = Bench()
    bench.start()
    bench.plc(Quality.BAD_NOT_A_NUMBER, TRIP=float("nan"))
    bench.scan()
    assert bench.state is State.EXECUTE
    bench.plc(Quality.BAD_NOT_A_NUMBER, TRIP=1)
    bench.scan()
    assert bench.state is State.EXECUTE


@pytest.mark.parametrize("setting", list(AfterLinkLoss))
def test_a_restarted_plc_holds_the_station_with_the_outputs_it_came_back_with(setting):
    bench = Bench(setting)
    bench.start()
    bench.run(1)
    assert bench.out("FREE.SP") == 7.0
    bench.plc(BOOT=2, STATE=0, CMD_RB=0, OUT_SP_RB=3, FREE_SP_RB=5)
    bench.adopt()
    assert bench.state is State.HOLDING
    assert (bench.out("CMD"), bench.out("OUT.SP"), bench.out("FREE.SP")) == (0, 3, 5)
    assert bench.station.procedure.reason.startswith("PLC restarted with default set points")
    assert bench.told(EventKind.DEVICE) == ["PLC restarted (boot 2)"]


def test_an_unreadable_boot_counter_is_no_restart():
    bench = Bench()
    bench.start()
    bench.all_device_tags(GOOD)
    bench.plc(Quality.BAD_NOT_A_NUMBER, BOOT=0)
    bench.station.adopt(bench.utc_ns)
    assert bench.told(EventKind.DEVICE) == []


def test_nothing_is_written_before_the_plc_was_read():
    bench = Bench(adopted=False)
    assert bench.station.outputs() is None
    bench.scan()
    assert bench.station.outputs() is None
    bench.adopt()
    assert bench.station.outputs() is not None


def test_the_first_outputs_are_what_the_plc_holds_even_outside_the_limits_of_a_loop():
    bench = Bench()
    held = [bench.table.sample(f"{tag}.RB").value for tag in WRITTEN]
    assert bench.out("OUT.SP") == 3.0  # the loop's limits are 10 to 90
    assert bench.station.outputs() == held
    bench.scan(20)
    assert bench.out("OUT.SP") == 3.0
    bench.ok(Verb.SET, "T.OUT.SP", 10.0)
    assert bench.out("OUT.SP") == 10.0


def test_a_plc_found_active_at_the_first_look_is_held():
    bench = Bench(adopted=False)
    bench.plc(STATE=Mode.RUN, CMD_RB=Mode.RUN)
    bench.adopt()
    assert bench.state is State.HELD
    assert "found active (mode 3)" in bench.station.procedure.reason
    bench.scan(3)
    assert bench.out("CMD") == Mode.RUN  # no bump: a person decides


def test_a_machine_that_still_moves_after_a_restart_of_the_controller_is_held():
    bench = Bench(adopted=False)
    bench.station.recall(Memory(state="EXECUTE"), UTC0_NS)
    bench.plc(STATE=Mode.RUN, CMD_RB=Mode.RUN, FREE_SP_RB=9)
    bench.adopt()
    bench.run(1.0)
    assert bench.state is State.HELD
    assert "controller restarted in EXECUTE" in bench.station.procedure.reason
    assert (bench.out("CMD"), bench.out("FREE.SP")) == (Mode.HOLD, 9.0)


def test_a_plc_found_tripped_leaves_the_station_where_reset_works():
    bench = Bench(adopted=False)
    bench.station.recall(Memory(state="ABORTED", reason="PLC tripped: too hot"), UTC0_NS)
    bench.plc(STATE=Mode.TRIP, TRIP=1)
    bench.adopt()
    bench.scan()
    assert bench.state is State.ABORTED
    assert bench.station.procedure.reason == "PLC tripped: too hot"


def test_local_holds_what_moves_and_refuses_remote_motion():
    bench = Bench()
    bench.start()
    bench.plc(REMOTE=0)
    bench.scan()
    assert bench.state is State.HOLDING
    assert bench.station.procedure.reason == "station switched to local"
    assert bench.told(EventKind.DEVICE) == ["station switched to local"]
    assert bench.station.outputs() is None  # what is known to be refused is not sent
    bench.plc(STATE=Mode.HOLD)
    bench.scan(3)
    assert bench.refused(Verb.UNHOLD).code == "permissive"
    assert bench.refused(Verb.SET, "T.FREE.SP", 1.0).code == "local"


def test_local_leaves_what_does_not_move_in_execute():
    bench = Bench(AfterLinkLoss.RESUME)
    bench.start()
    bench.plc(REMOTE=0)
    bench.scan(5)
    assert bench.state is State.EXECUTE


@pytest.mark.parametrize("setting", list(AfterLinkLoss))
def test_the_return_to_remote_starts_from_what_the_hand_has_set(setting):
    bench = Bench(setting)
    bench.start()
    bench.run(2)
    bench.plc(REMOTE=0)
    bench.scan(20)
    bench.plc(OUT_SP_RB=71.5, FREE_SP_RB=2.25, STEPS_SP_RB=4)
    bench.scan(30)
    bench.plc(REMOTE=1)
    bench.scan()
    assert bench.out("FREE.SP") == 2.25
    assert bench.out("STEPS.SP") == 4
    assert bench.out("OUT.SP") == pytest.approx(71.5, abs=0.2)  # one step of the loop
    assert bench.told(EventKind.DEVICE)[-1] == "station switched to remote"


def test_the_hold_arrives_when_the_switch_is_back_in_remote():
    bench = Bench()
    bench.start()
    bench.plc(REMOTE=0)
    bench.scan(700)  # the machine runs on in local until HOLDING times out
    assert bench.state is State.HELD
    bench.plc(REMOTE=1)
    bench.scan()
    assert bench.out("CMD") == Mode.HOLD


def test_a_stop_given_in_local_acts_as_soon_as_it_can():
    bench = Bench()
    bench.start()
    bench.plc(REMOTE=0)
    bench.scan()
    bench.ok(Verb.STOP)
    bench.scan(5)
    bench.plc(REMOTE=1)
    bench.run(1)
    assert bench.state is State.STOPPED
    assert bench.table.sample("T.CMD.RB").value == Mode.STOP


def test_a_step_under_way_in_local_writes_its_wishes_in_remote():
    bench = Bench(AfterLinkLoss.RESUME)
    bench.plc(PV=5)
    bench.ok(Verb.START)
    bench.plc(REMOTE=0)
    bench.scan(3)
    bench.plc(REMOTE=1)
    bench.scan(2)
    assert bench.state is State.STARTING
    assert (bench.out("FREE.SP"), bench.out("CMD")) == (7.0, Mode.RUN)


@pytest.mark.parametrize("verb", [Verb.STOP, Verb.ABORT])
def test_a_lost_link_does_not_turn_a_stop_into_a_hold(verb):
    bench = Bench()
    bench.start()
    bench.ok(verb)
    state = bench.state
    bench.lose()
    bench.scan()
    assert bench.state in (state, State.ABORTED)


def test_a_bad_remote_switch_changes_nothing():
    bench = Bench()
    bench.start()
    bench.plc(Quality.BAD_SENSOR, REMOTE=0)
    bench.scan()
    assert bench.state is State.EXECUTE


def test_a_failed_scan_makes_own_tags_bad_and_writes_nothing():
    bench = Bench()
    bench.start()
    bench.station.fault(ZeroDivisionError("x"), bench.utc_ns)
    region = bench.table.region("tiny")
    assert set(bench.table.quality[region.split : region.stop]) == {Quality.BAD_STATION}
    assert bench.station.outputs() is None
    bench.station.fault(ZeroDivisionError("x"), bench.utc_ns)
    assert bench.told(EventKind.SYSTEM) == ["scan failed: ZeroDivisionError: x"]


def test_a_mended_station_is_held_and_starts_from_what_the_plc_holds():
    bench = Bench()
    bench.start()
    bench.run(1)
    bench.station.fault(ZeroDivisionError("x"), bench.utc_ns)
    bench.plc(FREE_SP_RB=1.5)
    bench.scan()
    bench.station.mend()
    assert bench.out("FREE.SP") == 1.5
    bench.run(1)
    assert bench.state is State.HELD
    assert bench.station.procedure.reason.startswith("station fault has gone")
    region = bench.table.region("tiny")
    assert set(bench.table.quality[region.split : region.stop]) == {GOOD}


def test_an_exception_in_one_scan_leaves_a_neighbour_alone():
    broken, other = Bench(), Bench()
    broken.station.raises = ZeroDivisionError("x")
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            broken.scan()
        other.scan()
    assert other.table.sample("T.SCAN.COUNT").value == 5
    assert other.table.sample("T.SCAN.COUNT").quality == GOOD


def test_a_station_whose_program_fails_is_alarmed_and_not_blind():
    bench = Bench()
    bench.start()
    bench.station.raises = ZeroDivisionError("x")
    bench.plc(PV=92)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            bench.scan()
        bench.station.fault(bench.station.raises, bench.utc_ns)
    told = bench.alarms()
    assert told[0].startswith("T.PV hi alarm: 92 %")
    assert told[1].startswith("T.SCAN.FAULTED faulted alarm")
    bench.station.raises = None
    bench.scan()
    bench.station.mend()
    bench.scan()
    assert "T.SCAN.FAULTED faulted alarm gone" in bench.alarms()[-1]


def test_a_lost_link_is_alarmed_in_the_scan_that_sees_it():
    bench = Bench()
    bench.station.timing.age_s = 3.1
    bench.scan()
    assert bench.alarms()[0].startswith("T.LINK.AGE hi alarm: 3.1 s, limit 3 s")


def test_only_scans_are_counted():
    bench = Bench()
    bench.adopt()
    bench.scan(3)
    assert bench.table.sample("T.SCAN.COUNT").value == 3


@pytest.mark.parametrize("state", list(State))
def test_memory_brings_every_state_back_without_motion(state):
    bench = Bench()
    bench.station.procedure.force(state, "the reason")
    bench.ok(Verb.SET, "T.SET.SP", 55.0)
    bench.ok(Verb.MODE, "T.L1", "MAN")
    bench.ok(Verb.TUNE, "T.L1", "2,20,0")
    bench.ok(Verb.SET, "T.L1.SP", 61.0)
    bench.station.procedure.force(state, "the reason")
    saved = Memory.of(asdict(bench.station.memory()))

    again = Bench(adopted=False)
    again.station.recall(saved, UTC0_NS)
    kept = {State.IDLE, State.STOPPED, State.ABORTED, State.COMPLETED, State.HELD}
    ended_in_order = {State.STOPPING, State.ABORTING}
    if state in kept | ended_in_order:
        assert again.state is state
        assert again.station.procedure.reason.startswith("the reason")
    else:
        assert again.state is (State.STOPPED if state is State.RESETTING else State.HELD)
        assert f"controller restarted in {state.name}" in again.station.procedure.reason
    loop = again.station.loops["L1"]
    assert (loop.wanted, loop.pid.kc, loop.pid.ti_s) == (LoopMode.MAN, 2.0, 20.0)
    assert loop.pid.sp_target == 61.0
    assert again.station.setting("SP") == 55.0


def test_many_restarts_do_not_lengthen_the_reason():
    memory = Memory(state="HELD", reason="the film tore")
    for _ in range(3):
        bench = Bench(adopted=False)
        bench.station.recall(memory, UTC0_NS)
        memory = bench.station.memory()
    assert memory.reason == "the film tore; UNHOLD to continue"


def test_memory_from_another_version_is_taken_into_the_limits():
    loops = {
        "L1": {"wanted": float(LoopMode.CAS), "sp": 1e9, "kc": 1.0, "ti_s": 10.0, "td_s": 0.0},
        "L99": {"wanted": 0.0},
    }
    bench = Bench(adopted=False)
    bench.station.recall(Memory(loops=loops, settings={"SP": 500.0, "GONE": 1.0}), UTC0_NS)
    loop = bench.station.loops["L1"]
    assert bench.station.setting("SP") == 80.0
    assert (loop.wanted, loop.pid.sp_target) == (LoopMode.AUTO, 100.0)


def test_recall_and_adoption_are_told_at_their_time():
    bench = Bench(adopted=False)
    bench.station.recall(Memory(state="EXECUTE"), UTC0_NS)
    bench.adopt()
    assert {e.time_ns for e in bench.events} == {UTC0_NS}
    region = bench.table.region("tiny")
    assert set(bench.table.time_ns[region.split : region.stop]) == {UTC0_NS}


def test_foreign_tags_that_do_not_exist_are_bad():
    bench = Bench()
    assert bench.station.foreign("OTHER.PV") == (0.0, Quality.BAD_NO_DATA)
    assert bench.station.foreign("NOBODY") == (0.0, Quality.BAD_NO_DATA)


def test_an_alarm_is_told_once_and_only_in_execute():
    bench = Bench()
    bench.plc(PV=92)
    bench.scan()
    assert bench.alarms() == []
    bench.start()
    bench.plc(PV=92)
    bench.scan(3)
    assert bench.alarms() == ["T.PV hi alarm: 92 %, limit 90 %: PV too high"]
    bench.plc(Quality.BAD_SENSOR, PV=0)
    bench.scan(3)
    assert len(bench.alarms()) == 1
    bench.plc(PV=50)
    bench.scan()
    assert bench.alarms()[-1] == "T.PV hi alarm gone: 50 %, limit 90 %"


def test_own_tags_are_unique_and_written_by_the_station():
    tags = Tiny.own_tags("tiny", "T")
    assert len({t.name for t in tags}) == len(tags)
    assert {t.station for t in tags} == {"tiny"}
