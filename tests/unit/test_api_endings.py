"""No socket outlives its session, and no record is lost, whatever else fails."""

import asyncio
import threading

import pytest

from controller.access.roles import Role
from controller.api.carrying import REST_WAITS_S, Order
from controller.api.live_client import CHANGED_ROLE, ENDED
from controller.api.pools import Pool
from controller.api.problems import Problem
from controller.api.recording import Recording
from controller.audit.record import Category, Entry, Result
from controller.clock import SimClock
from tests.support.access_rig import BOSS
from tests.support.api_rig import PASSWORD, PEER, api_rig


@pytest.fixture
def line(tmp_path):
    with api_rig(tmp_path) as found:
        yield found


def somebody(line, name: str):
    line.access.user(name, Role.OPERATOR)
    return line.access.login(name, PASSWORD, address=PEER).identity


class AtOnce:
    """Threads that take no time."""

    @property
    def door(self) -> "AtOnce":
        return self

    async def do(self, work, *args):
        return work(*args)


async def watching(line) -> tuple[SimClock, asyncio.Task]:
    """The watch over sessions, as the supervisor keeps it, up to its first look."""
    clock = SimClock()
    line.parts.hub._clock = clock
    task = asyncio.create_task(line.parts.hub.watch_sessions(line.parts.door, AtOnce()))
    await clock.run(0.5)
    return clock, task


async def test_an_ending_while_the_watch_itself_failed_is_not_overlooked(line, monkeypatch):
    sato = line.parts.hub.admit(somebody(line, "sato"))
    clock, task = await watching(line)
    door, broken = line.parts.door, []

    def refuses(number: int) -> None:
        broken.append(number)
        raise Problem("busy", ["too many requests"])

    monkeypatch.setattr(door, "ended_since", refuses)
    await clock.run(1.0)
    assert isinstance(task.exception(), Problem)
    line.access.desk.set_roles(BOSS, "sato", [Role.VIEWER], "left the shift")
    monkeypatch.undo()
    clock, task = await watching(line)
    await clock.run(1.0)
    assert sato.closing is not None
    assert sato.closing[0] == CHANGED_ROLE
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_who_was_let_in_just_before_the_end_of_his_session_goes_at_once(line):
    sato = somebody(line, "sato")
    clock, task = await watching(line)
    line.access.desk.disable(BOSS, "sato", "lost his badge")
    await clock.run(1.0)
    late = line.parts.hub.admit(sato)
    assert late is not None
    assert late.closing is not None
    assert late.closing[0] in {CHANGED_ROLE, ENDED}
    assert late.wake.is_set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# -- records ---------------------------------------------------------------------------------------


def entry(action: str) -> Entry:
    return Entry(
        category=Category.COMMAND, action=action, actor="sato", source=PEER, station="coater",
        result=Result.DONE,
    )  # fmt: skip


@pytest.fixture
def stuck(line):
    """A disk that stands still: every thread for records waits, and nobody else finds a place."""
    pool, goes = Pool("audit records", 1, 1), threading.Event()
    futures = [pool._begun(goes.wait), pool._begun(lambda: None)]
    line.parts.recording._pool = pool
    yield goes
    goes.set()
    pool.close()
    assert all(future.done() or future.cancel() for future in futures)


async def test_a_stop_goes_out_though_there_is_no_place_for_its_record(line, stuck):
    sato = somebody(line, "sato")
    order = Order(station="coater", verb="STOP", request={"op": "command", "verb": "STOP"})
    done = await line.parts.carrier.carry_out(sato, order)
    assert done.state.value == "confirmed"
    assert [c["verb"] for c in line.controllers.commands] == ["STOP"]
    start = Order(station="coater", verb="START", request={"op": "command", "verb": "START"})
    with pytest.raises(Problem) as refused:
        await line.parts.carrier.carry_out(sato, start)
    assert refused.value.code == "busy"
    stuck.set()
    line.access.trail.append(entry("after"))  # whatever is owed is written before it
    found = [(r.entry.action, r.entry.result) for r in line.access.records() if r.entry.station]
    assert found == [("STOP", Result.ACCEPTED), ("STOP", Result.DONE), ("after", Result.DONE)]


async def test_a_record_that_is_waited_for_no_longer_is_written_all_the_same(line):
    pool, goes = Pool("audit records", 1, 10), threading.Event()
    recording = Recording(line.access.trail, pool, lambda: 0.0)
    pool._begun(goes.wait)
    await recording.note_soon(entry("STOP"), 0.01)
    assert not [r for r in line.access.records() if r.entry.action == "STOP"]
    goes.set()
    pool._threads.shutdown(wait=True)
    assert [r.entry.action for r in line.access.records() if r.entry.station] == ["STOP"]
    assert REST_WAITS_S < 1.0


async def test_what_was_done_is_not_reported_as_too_busy_to_be_done(line, monkeypatch):
    """The place for the record of the outcome is gone when it is needed."""
    sato = somebody(line, "sato")
    usual = line.parts.recording._pool.do

    async def full(work, *args):
        if args and isinstance(args[0], Entry) and args[0].result is Result.DONE:
            raise Problem("busy", ["too many"])
        return await usual(work, *args)

    monkeypatch.setattr(line.parts.recording._pool, "do", full)
    order = Order(station="coater", verb="START", request={"op": "command", "verb": "START"})
    assert (await line.parts.carrier.carry_out(sato, order)).state.value == "confirmed"
    line.access.trail.append(entry("after"))
    actions = [r.entry.action for r in line.access.records() if r.entry.station]
    assert actions == ["START", "START", "after"]
