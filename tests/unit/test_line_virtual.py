"""The running controller in virtual time: links that break in every way, and stations that do not
notice each other's troubles."""

import asyncio
import logging
from random import Random

import numpy as np
import pytest

from controller.control.states import State
from controller.core.errors import DrylineError, LinkLost
from controller.core.event import Command, EventKind, Verb
from controller.core.sample import GOOD, Quality
from controller.drivers.memory import LinkFault
from controller.history.status import HistorianStatus
from controller.line import ScanService
from controller.link import STALE_S
from plc_sim.plc import WATCHDOG_S, Mode, Verdict
from tests.support.virtual_line import VirtualLine

OUTAGES = (LinkFault.DOWN, LinkFault.SILENT, LinkFault.STALE)
BAD_WITHIN_S = 1.0
GOOD_WITHIN_S = 2.0


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def good(line, station):
    region = line.line.table.region(station)
    return set(line.line.table.quality[region.start : region.split]) == {GOOD}


def bad(line, station):
    region = line.line.table.region(station)
    return bool((line.line.table.quality[region.start : region.split] >= Quality.BAD).all())


async def test_all_stations_connect_and_feed_their_plcs(folder):
    async with VirtualLine(folder, ("enclosure", "coater", "calender")) as line:
        await line.pass_time(2.0)
        for name, station in line.stations.items():
            assert good(line, name)
            assert station.timing.link_up
            assert line.held(name, f"{station.prefix}.WDOG") == 0.0
            assert line.held(name, f"{station.prefix}.REJECTS") == 0.0
            assert line.told(name, EventKind.LINK) == ["link up"]
        assert line.recorder.samples > 0


async def test_the_first_writes_change_nothing(folder):
    line = VirtualLine(folder)
    before = {n: list(p.image.value) for n, p in line.plcs.items()}
    async with line:
        await line.pass_time(2.0)
        for sc in line.config.stations:
            for slot, point in enumerate(sc.points):
                if point.tag in (p.tag for p in line.stations[sc.name].writable.values()):
                    held = line.plcs[sc.name].image.value[slot]
                    wanted = before[sc.name][slot]
                    # the enclosure tells its PLC the set point its loop will use
                    assert held == wanted or point.tag == "ENC.DP.SP", point.tag


@pytest.mark.parametrize("fault", OUTAGES)
async def test_an_outage_marks_its_tags_in_time_and_ends_in_time(folder, fault):
    async with VirtualLine(folder) as line:
        await line.start("enclosure", "coater")
        before = line.scans()
        line.cut("coater", fault, 5.0)
        await line.pass_time(BAD_WITHIN_S)
        assert bad(line, "coater")
        assert good(line, "enclosure")
        assert line.state("coater") is State.HOLDING
        assert line.state("enclosure") is State.EXECUTE
        await line.pass_time(WATCHDOG_S + 0.5)
        assert line.held("coater", "COAT.STATE") == Mode.HOLD
        await line.pass_time(5.0 - BAD_WITHIN_S - WATCHDOG_S - 0.5 + GOOD_WITHIN_S)
        assert good(line, "coater")
        assert line.stations["coater"].timing.link_losses == 1
        assert line.stations["enclosure"].timing.link_losses == 0
        scans = {n: c - before[n] for n, c in line.scans().items()}
        assert scans == {"enclosure": pytest.approx(70, abs=1), "coater": pytest.approx(70, abs=1)}
        await line.pass_time(1.0)
        assert line.state("coater") is State.HELD
        assert line.held("coater", "COAT.CMD") == Mode.HOLD


@pytest.mark.parametrize("fault", OUTAGES)
async def test_a_loss_shorter_than_the_watchdog_holds_the_machine_too(folder, fault):
    async with VirtualLine(folder) as line:
        await line.start("coater")
        line.cut("coater", fault, STALE_S + 0.15)
        await line.pass_time(4.0)
        assert line.state("coater") is State.HELD
        assert line.held("coater", "COAT.CMD") == Mode.HOLD
        assert line.held("coater", "COAT.STATE") == Mode.HOLD
        assert "link to the PLC lost" in line.stations["coater"].procedure.reason


async def test_a_loss_does_not_stop_what_does_not_move(folder):
    async with VirtualLine(folder) as line:
        await line.start("enclosure")
        for _ in range(3):
            line.cut("enclosure", LinkFault.DOWN, 3.0)
            await line.pass_time(6.0)
        assert line.state("enclosure") is State.EXECUTE
        assert line.held("enclosure", "ENC.STATE") == Mode.RUN
        assert line.stations["enclosure"].loops["L1"].active


async def test_connecting_again_backs_off_to_once_a_second(folder):
    async with VirtualLine(folder) as line:
        before = len(line.drivers["coater"])
        line.cut("coater", LinkFault.DOWN, 60.0)
        await line.pass_time(60.0)
        assert 55 <= len(line.drivers["coater"]) - before <= 66
        await line.pass_time(GOOD_WITHIN_S)
        assert good(line, "coater")


async def test_fifty_outages_leave_no_dead_link_no_task_and_no_late_write(folder):
    dice = Random(7)
    async with VirtualLine(folder) as line:
        await line.start("enclosure", "coater")
        await line.line.save()  # else one may be under way, in a thread and with a task of its own
        tasks = len(asyncio.all_tasks())
        before = line.scans()
        begun_s = line.clock.now_s()
        for _ in range(50):
            name = dice.choice(("enclosure", "coater"))
            losses = line.stations[name].timing.link_losses
            line.cut(name, dice.choice(OUTAGES), dice.uniform(1.0, 4.0))
            await line.pass_time(8.0)
            assert good(line, name)
            assert line.stations[name].timing.link_losses == losses + 1
        await line.line.save()
        assert len(asyncio.all_tasks()) <= tasks
        seconds = line.clock.now_s() - begun_s
        for name, count in line.scans().items():
            assert count - before[name] == pytest.approx(10 * seconds, abs=2)
            assert line.stations[name].timing.overruns == 0
        late = [a.verdict for w in line.wires.values() for a in w.late]
        assert late
        assert Verdict.ACCEPTED not in late
        for driver in line.drivers["coater"][:-1]:
            with pytest.raises(LinkLost):
                await driver.read_all()


async def test_a_write_given_up_is_not_executed_when_the_wire_comes_back(folder):
    async with VirtualLine(folder) as line:
        await line.start("enclosure")
        line.cut("enclosure", LinkFault.SILENT, 3.0)
        await line.ask("enclosure", Verb.MODE, "ENC.L1", "MAN")
        await line.ask("enclosure", Verb.SET, "DHU.FAN.SP", 91.0)
        await line.pass_time(2.75)
        assert line.held("enclosure", "DHU.FAN.SP") != 91.0
        await line.pass_time(3.0)
        # a reconnection starts from what the PLC holds, not from what could not be written
        assert line.held("enclosure", "DHU.FAN.SP") != 91.0
        assert line.quality("DHU.FAN.PV") == GOOD


async def test_a_plc_restart_behind_an_outage_is_seen(folder):
    async with VirtualLine(folder) as line:
        await line.start("enclosure")
        line.cut("enclosure", LinkFault.DOWN, 2.0)
        await line.pass_time(1.0)
        line.plcs["enclosure"].restart()
        await line.pass_time(4.0)
        assert "PLC restarted (boot 2)" in line.told("enclosure", EventKind.DEVICE)
        assert line.state("enclosure") is State.HELD


async def test_a_frozen_plc_program_is_stale_though_it_answers(folder):
    async with VirtualLine(folder) as line:
        line.frozen.add("coater")
        await line.pass_time(BAD_WITHIN_S)
        assert bad(line, "coater")
        await line.pass_time(5.0)
        assert bad(line, "coater")
        line.frozen.clear()
        await line.pass_time(GOOD_WITHIN_S)
        assert good(line, "coater")


async def test_a_driver_that_hangs_is_marked_and_replaced(folder):
    async with VirtualLine(folder) as line:
        driver = line.drivers["coater"][-1]
        hang = asyncio.get_running_loop().create_future()

        async def receive():
            return await hang

        driver.receive = receive
        await line.pass_time(BAD_WITHIN_S)
        assert bad(line, "coater")
        await line.pass_time(5.0)
        assert good(line, "coater")
        assert line.drivers["coater"][-1] is not driver


async def test_a_driver_cancelled_from_inside_is_replaced(folder):
    async with VirtualLine(folder) as line:
        driver = line.drivers["coater"][-1]

        async def receive():
            raise asyncio.CancelledError

        driver.receive = receive
        await line.pass_time(3.0)
        assert good(line, "coater")
        assert line.drivers["coater"][-1] is not driver


async def test_tags_that_seldom_change_come_back_after_a_short_stop_of_the_plc(folder):
    async with VirtualLine(folder) as line:
        driver = line.drivers["coater"][-1]
        plain, index = driver.receive, line.line.table.index("COAT.HEART")

        async def only_a_new_heartbeat():
            before = line.held("coater", "COAT.HEART")
            while line.held("coater", "COAT.HEART") == before:
                samples = await plain()
            mine = samples.tags == index
            columns = (samples.tags, samples.values, samples.quality, samples.time_ns)
            return type(samples)(*(column[mine] for column in columns))

        driver.receive = only_a_new_heartbeat  # as a subscription does while nothing changes
        line.frozen.add("coater")
        await line.pass_time(STALE_S + 0.1)
        assert bad(line, "coater")
        line.frozen.clear()
        await line.pass_time(3.0)
        assert good(line, "coater")


async def test_local_is_followed_and_remote_taken_up_again(folder):
    async with VirtualLine(folder) as line:
        await line.start("enclosure", "coater")
        refused = line.stations["coater"].timing.writes_refused
        for plc in line.plcs.values():
            plc.remote = False
        await line.pass_time(20.0)
        assert line.state("coater") is State.HELD
        assert line.state("enclosure") is State.EXECUTE
        assert line.stations["coater"].timing.writes_refused - refused <= 2
        image = line.plcs["enclosure"].image
        image.value[image.slot("DHU.FAN.SP")] = 77.0  # by hand, at the machine
        image.value[image.slot("DHU.FREG.SP")] = 44.0
        await line.pass_time(2.0)
        for plc in line.plcs.values():
            plc.remote = True
        await line.pass_time(1.0)
        assert line.held("enclosure", "DHU.FREG.SP") == 44.0
        assert line.held("enclosure", "DHU.FAN.SP") == pytest.approx(77.0, abs=1.0)
        assert line.held("enclosure", "ENC.STATE") == Mode.RUN
        await line.pass_time(3.0)
        assert line.state("coater") is State.HELD
        assert line.held("coater", "COAT.CMD") == Mode.HOLD
        assert line.stations["coater"].procedure.reason == "station switched to local"


async def test_one_failing_scan_faults_one_station(folder, caplog):
    async with VirtualLine(folder) as line:
        await line.start("enclosure", "coater")
        before = line.scans()
        station = line.stations["coater"]
        plain = station.control
        station.control = lambda now_s: 1 / 0
        with caplog.at_level(logging.ERROR, "dryline.line"):
            await line.pass_time(5.0)
        assert len(caplog.records) == 1
        assert line.quality("COAT.SERVICE.STATE") == Quality.BAD_STATION
        assert line.quality("COAT.TORQUE") == GOOD  # the PLC is still read
        assert line.held("coater", "COAT.WDOG") == 1.0
        assert line.held("coater", "COAT.STATE") == Mode.HOLD
        assert line.state("enclosure") is State.EXECUTE
        assert line.scans()["enclosure"] - before["enclosure"] == pytest.approx(50, abs=1)
        station.control = plain
        await line.pass_time(3.0)
        assert line.state("coater") is State.HELD
        assert line.quality("COAT.SERVICE.STATE") == GOOD
        assert line.held("coater", "COAT.WDOG") == 0.0
        assert line.told("coater", EventKind.SYSTEM) == [
            "scan failed: ZeroDivisionError: division by zero"
        ]


async def test_a_scan_that_comes_late_is_counted_and_never_made_up(folder):
    line = VirtualLine(folder)
    service = line.line.scans["coater"]
    station = line.stations["coater"]
    plain, scans = station.scan, []

    def slow(now_s, utc_ns):
        scans.append(now_s)
        if len(scans) == 5:
            line.clock._now += 0.57  # everything stood still for so long
        plain(now_s, utc_ns)

    station.scan = slow
    task = asyncio.create_task(service.run())
    await line.pass_time(2.0)
    task.cancel()
    gaps = np.diff(scans)
    assert station.timing.overruns == 5
    assert sorted(gaps)[-1] == pytest.approx(0.6)
    assert [g for g in gaps if g < 0.099] == []
    assert isinstance(service, ScanService)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_restarted_controller_comes_back_held_and_bumpless(folder):
    line = VirtualLine(folder)
    async with line:
        await line.start("enclosure", "coater")
        await line.ask("coater", Verb.SET, "COAT.SET.FEED", 8.5)
        await line.pass_time(2.0)
        await line.line.save()
    held = {n: list(p.image.value) for n, p in line.plcs.items()}
    line.new_controller()
    async with line:
        await line.pass_time(4.0)
        for name, station in line.stations.items():
            assert line.state(name) is State.HELD
            assert "controller restarted in EXECUTE" in station.procedure.reason
            for k, point in station.writable.items():
                slot = line.plcs[name].image.slot(point.tag)
                if point.tag.endswith(".CMD"):
                    continue
                span = point.high - point.low
                assert abs(station.v[k] - held[name][slot]) < 0.01 * span, point.tag
        assert line.held("coater", "COAT.STATE") == Mode.HOLD
        assert line.stations["coater"].setting("FEED") == 8.5


async def test_a_link_that_cannot_be_built_is_tried_again_and_told_once(folder, caplog):
    line = VirtualLine(folder)
    plain, tries = line._driver, []

    def make(sc, *rest):
        tries.append(sc.name)
        if sc.name == "coater" and tries.count("coater") < 6:
            raise LinkLost("no route")
        return plain(sc, *rest)

    line._driver = make
    line.new_controller()
    with caplog.at_level(logging.WARNING, "dryline.supervise"):
        async with line:
            await line.pass_time(6.0)
            assert good(line, "coater")
    assert [r.getMessage() for r in caplog.records] == ["link of coater failed: LinkLost: no route"]


async def test_a_command_for_nobody_is_refused_with_who_there_is(folder):
    line = VirtualLine(folder)
    command = Command(id="1", actor="ann", station="slitter", verb=Verb.START)
    with pytest.raises(DrylineError, match="stations: enclosure, coater"):
        line.line.submit(command, lambda _: None)


async def test_the_historians_figures_are_tags_of_the_line(folder):
    line = VirtualLine(folder)
    assert line.quality("LINE.HISTORY.STORED") == Quality.BAD_NO_DATA
    line.line.publish_health(HistorianStatus(accepted=10, stored=7, failing=True))
    assert (line.value("LINE.HISTORY.ACCEPTED"), line.value("LINE.HISTORY.STORED")) == (10, 7)
    assert (line.value("LINE.HISTORY.FAILING"), line.quality("LINE.HISTORY.FAILING")) == (1, GOOD)
