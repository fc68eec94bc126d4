"""Alarms at the console of a controller: what stands, what people do, what a restart leaves."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.alarms.journal import entries_of
from controller.alarms.states import AlarmState, Move
from controller.control.states import State
from controller.core.errors import StoreError
from controller.core.event import EventKind, Verb
from controller.history.status import HistorianStatus
from tests.support.desk_line import DeskLine, at_once

SILENT, LONG_SILENT = "COAT.LINK.AGE.hi", "COAT.LINK.AGE.hihi"
FAILING = "LINE.HISTORY.FAILING.failing"
Row = dict[str, object]


@pytest.fixture
async def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DeskLine]:
    monkeypatch.setattr(asyncio, "to_thread", at_once)
    async with DeskLine(tmp_path) as found:
        yield found


def state(line: DeskLine, alarm: str) -> AlarmState:
    boards = (line.stations["coater"].alarm_desk.board, line.line.alarms.board)
    return next(b.alarms[alarm].state for b in boards if alarm in b.alarms)


def moves(line: DeskLine, alarm: str) -> list[Move]:
    """As the journal of this life of the controller has them."""
    events = line.recorder.events
    return [e.move for event in events for e in entries_of(event) if e.alarm == alarm]


async def listed(line: DeskLine) -> dict[str, Row]:
    answer = await line.answer("alarms")
    json.dumps(answer, allow_nan=False)
    return {str(a["id"]): a for a in (*answer["alarms"], *answer["line"])}


async def silence(line: DeskLine, seconds: float) -> None:
    """The PLC's program stands still for so long."""
    line.frozen.add("coater")
    await line.pass_time(seconds)
    line.frozen.clear()


async def test_a_line_at_rest_has_alarms_that_are_suppressed_and_none_that_asks(line) -> None:
    answer = await line.answer("alarms")
    assert (answer["counts"]["active"], answer["counts"]["unacknowledged"]) == (0, 0)
    assert answer["counts"]["suppressed"] > 5
    assert answer["line"] == []
    assert not line.recorded("alarm:", EventKind.ALARM)
    status = await line.answer("status")
    assert status["stations"]["coater"]["alarms"] == answer["counts"]


async def test_a_silent_plc_is_one_alarm_and_not_one_for_each_of_its_values(line) -> None:
    await silence(line, 5.0)
    found = await listed(line)
    asking = [key for key, a in found.items() if a["asks"]]
    assert asking == [SILENT]
    assert found[SILENT]["cause"]
    assert found[SILENT]["action"]
    assert moves(line, SILENT) == [Move.RAISE]


async def test_a_controller_that_has_just_started_is_not_silent_since_the_epoch(line) -> None:
    assert moves(line, SILENT) == []
    await line.restart()
    assert moves(line, SILENT) == []


async def test_acknowledging_names_the_coming_and_is_told_with_the_person(line) -> None:
    await silence(line, 5.0)
    old = await line.answer("alarm", alarm=SILENT, act="acknowledge", occurrence=7)
    assert (old["accepted"], old["code"]) == (False, "occurrence")
    assert line.recorded("ACKNOWLEDGE COAT.LINK.AGE.hi: refused", EventKind.COMMAND)
    await line.done("alarm", alarm=SILENT, act="acknowledge", occurrence=1, reason="on my way")
    (told,) = [e for e in line.recorder.events if e.data.get("move") == "acknowledge"]
    assert (told.actor, told.data["reason"]) == ("ann", "on my way")


async def test_what_makes_no_sense_is_an_error_and_changes_nothing(line) -> None:
    for wrong in (
        {"alarm": "COAT.NOTHING.hi", "act": "acknowledge"},
        {"alarm": SILENT, "act": "dance"},
        {"alarm": SILENT, "act": "shelve", "for_s": "long"},
        {"alarm": SILENT, "act": ["shelve"]},
        {"alarm": [SILENT], "act": "shelve"},
        {"alarm": SILENT, "act": "shelve", "for_s": 60.0, "reason": "x", "station": "slitter"},
        {"alarm": SILENT, "act": "acknowledge", "actor": 7},
    ):
        assert "error" in await line.answer("alarm", **wrong), wrong
    assert state(line, SILENT) is AlarmState.NORMAL


async def test_who_is_said_to_be_no_engineer_may_not_put_a_critical_alarm_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio, "to_thread", at_once)
    async with DeskLine(tmp_path, ("enclosure",)) as line:
        wish = {"station": "enclosure", "alarm": "ENC.H2S.hihi", "act": "take-out",
                "reason": "sensor is exchanged"}  # fmt: skip
        assert (await line.answer("alarm", **wish, engineer=False))["code"] == "role"
        await line.done("alarm", **wish)


async def test_shelves_acknowledgements_and_repairs_survive_a_kill_of_the_controller(line) -> None:
    await silence(line, 12.0)
    await line.done("alarm", alarm=SILENT, act="acknowledge", occurrence=1)
    await line.done("alarm", alarm=LONG_SILENT, act="shelve", for_s=600.0, reason="cable exchanged")
    await line.done("alarm", alarm="COAT.WDOG.expired", act="take-out", reason="known fault")
    await line.done("alarm", alarm=FAILING, act="shelve", for_s=600.0, reason="disk exchanged")
    line.frozen.add("coater")
    await line.restart()
    assert state(line, LONG_SILENT) is AlarmState.SHELVED
    assert state(line, "COAT.WDOG.expired") is AlarmState.OUT_OF_SERVICE
    assert state(line, FAILING) is AlarmState.SHELVED
    found = await listed(line)
    assert found[LONG_SILENT]["aside"]["reason"] == "cable exchanged"  # type: ignore[index]
    line.frozen.clear()
    await line.pass_time(600.0)
    assert state(line, LONG_SILENT) is AlarmState.NORMAL
    assert "back from the shelf: its time is over" in line.recorded(LONG_SILENT[:13])[-1]


async def test_what_stood_before_a_restart_is_not_new_after_it(line) -> None:
    await silence(line, 5.0)
    line.frozen.add("coater")
    await line.pass_time(5.0)
    assert state(line, SILENT) is AlarmState.UNACKNOWLEDGED
    occurrence = line.stations["coater"].alarm_desk.board.alarms[SILENT].occurrence
    await line.restart(down_s=0.5)
    assert state(line, SILENT) in (AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED)
    assert line.stations["coater"].alarm_desk.board.alarms[SILENT].occurrence == occurrence
    assert Move.RAISE not in moves(line, SILENT)


async def test_the_alarms_of_the_line_are_acted_on_by_way_of_any_station(line) -> None:
    line.line.publish_health(HistorianStatus(disk_free=50e9, failing=True, error="disk is full"))
    found = await listed(line)
    assert (found[FAILING]["station"], found[FAILING]["asks"]) == ("", True)
    await line.done("alarm", alarm=FAILING, act="acknowledge", occurrence=1)
    assert state(line, FAILING) is AlarmState.ACKNOWLEDGED
    assert moves(line, FAILING) == [Move.RAISE, Move.ACKNOWLEDGE]


async def test_an_acknowledgement_that_the_disk_refuses_is_said_to_be_unsaved(
    line, monkeypatch: pytest.MonkeyPatch
) -> None:
    await silence(line, 5.0)

    async def refuse() -> None:
        raise StoreError("disk is full")

    monkeypatch.setattr(line.line, "save", refuse)
    answer = await line.answer("alarm", alarm=SILENT, act="acknowledge", occurrence=1)
    assert "is done, but not saved (disk is full)" in answer["error"]
    assert state(line, SILENT) is not AlarmState.UNACKNOWLEDGED


async def test_a_station_that_is_faulted_can_be_acknowledged(line) -> None:
    await silence(line, 5.0)
    coater = line.stations["coater"]
    coater.control = _broken
    await line.pass_time(1.0)
    assert coater.faulted
    await line.done("alarm", alarm=SILENT, act="acknowledge", occurrence=1)
    assert state(line, SILENT) is not AlarmState.UNACKNOWLEDGED


def _broken(now_s: float) -> None:
    raise RuntimeError("test")


async def test_a_flood_is_told_with_its_begin_and_its_end_and_listed_meanwhile(line) -> None:
    for _ in range(11):
        await silence(line, 5.0)
        await line.pass_time(5.0)
    flood = (await line.answer("alarms"))["flood"]
    assert flood["stations"]["coater"]["first"] == SILENT
    assert flood["count"] >= 11
    (begun,) = line.recorded("flood of alarms: with")
    assert begun.endswith("more than 10 within 10 min")
    await line.pass_time(601.0)
    line.line.publish_health(HistorianStatus(disk_free=50e9))
    assert line.recorded("the flood of alarms is over")
    assert (await line.answer("alarms"))["flood"] is None


async def test_a_restart_in_a_flood_does_not_forget_it(line) -> None:
    board, utc_ns = line.stations["coater"].alarm_desk.board, line.clock.utc_ns()
    for name in list(board.alarms)[:11]:
        board.alarms[name].chatter.came(utc_ns)
        board.alarms[name].occurrence = 1
    line.stations["coater"].changed = True
    await line.pass_time(1.0)
    await line.restart()
    assert (await line.answer("alarms"))["flood"]["count"] == 11


async def test_a_bypass_goes_the_way_of_commands_and_survives_a_kill(line) -> None:
    await line.done("command", verb="BYPASS", target="torque", value=600.0, reason="cell exchanged")
    rows = (await line.answer("status"))["stations"]["coater"]["interlocks"]
    (torque,) = [r for r in rows if r["name"] == "torque"]
    assert torque["bypass"]["reason"] == "cell exchanged"
    await line.restart()
    rows = (await line.answer("status"))["stations"]["coater"]["interlocks"]
    assert [r["bypass"]["actor"] for r in rows if r["bypass"]] == ["ann"]
    assert line.value("COAT.INTERLOCK.BYPASSED") == 1.0
    unreasoned = await line.answer("command", verb="BYPASS", target="torque", value=60.0)
    assert (unreasoned["accepted"], unreasoned["code"]) == (False, "bypass")
    await line.done("command", verb="UNBYPASS", target="torque", reason="cell works")


async def test_a_change_of_state_suppresses_and_releases_in_one_event_each(line) -> None:
    before = len(line.told("coater", EventKind.ALARM))
    answer = await line.ask("coater", Verb.START)
    assert answer.accepted
    await line.pass_time(1.0)
    assert line.state("coater") is State.STARTING
    told = line.told("coater", EventKind.ALARM)[before:]
    assert len(told) <= 2
    assert all("suppressed" in text for text in told)
