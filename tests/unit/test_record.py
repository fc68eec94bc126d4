"""Record and gate: nothing is acknowledged before it is on disk, nothing is lost or doubled."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from controller.control.states import State
from controller.core.errors import DrylineError, StoreError
from controller.core.event import Event, EventKind, Verb
from controller.core.run import Outcome
from controller.run_store import STORE, RunReader, StationFacts
from tests.support.desk_line import DISK_S, DeskLine, at_once
from tests.support.quick_recipes import release
from tests.support.virtual_line import VirtualLine

DEPLOY = {"recipe": "test-film@1.0.0", "reason": "first"}


class Disk:
    """What the disk does to the commits of a line: it waits, it refuses, it counts."""

    def __init__(self, line: VirtualLine) -> None:
        self.store = line.line.record.store
        self._plain = self.store.commit
        self.store.commit = self._commit  # type: ignore[method-assign]
        self.go = threading.Event()
        self.go.set()
        self.refuses = ""
        self.commits = 0
        self.under_way = 0
        self.most = 0

    def _commit(self, stations: Mapping[str, StationFacts], entries: Sequence[Event] = ()) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            assert self.go.wait(10.0)
            if self.refuses:
                raise StoreError(self.refuses)
            self._plain(stations, entries)
            self.commits += 1
        finally:
            self.under_way -= 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    release(tmp_path / "recipes", "1.0.0")
    return tmp_path


@pytest.fixture
async def line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DeskLine]:
    """In virtual time: what else would go to a thread is done at once."""
    monkeypatch.setattr(asyncio, "to_thread", at_once)
    async with DeskLine(folder, ("enclosure", "coater")) as line:
        yield line


@pytest.fixture
async def real(folder: Path) -> AsyncIterator[DeskLine]:
    """The same; its commits are in threads, as in the real thing."""
    line = DeskLine(folder)
    async with line:
        yield line


@pytest.fixture
def slow(real: DeskLine) -> Iterator[Disk]:
    disk = Disk(real)
    yield disk
    disk.go.set()


def on_disk(folder: Path) -> list[int]:
    with RunReader(folder / STORE) as reader:
        return [d.number for d in reader.deployments("coater")]


def deployment(line: DeskLine) -> Any:
    request = {"op": "deploy", "station": "coater", "actor": "ann", **DEPLOY}
    return asyncio.ensure_future(line.desk.answer(request))


async def turn(real: DeskLine, times: int = 40) -> None:
    """Scans and turns of the loop, with room for threads."""
    for _ in range(times):
        await real.pass_time(0.05)
        await asyncio.to_thread(int)


# -- the answer ------------------------------------------------------------------------------------


async def test_an_answer_waits_for_the_disk(real: DeskLine, slow: Disk, folder: Path) -> None:
    slow.go.clear()
    asked = deployment(real)
    await turn(real)
    assert real.requested == "coater/test-film@1.0.0"  # the station has it
    assert not asked.done()  # nobody has been told
    assert on_disk(folder) == []
    slow.go.set()
    assert (await real.during(asked))["accepted"]
    assert on_disk(folder) == [1]


async def test_every_command_of_a_run_is_on_disk_when_it_is_answered(line: DeskLine) -> None:
    await line.command("START")
    head = line.stations["coater"].recipes.run
    assert head is not None
    for k in range(5):
        answer = await line.command("LOT", target="in", value=f"lot-{k}")
        assert answer["accepted"]
        record = line.record(head.head.id)
        assert record.head.lots_in[-1] == f"lot-{k}"
        assert record.entries[-1].text == f"LOT in = lot-{k}: accepted"


async def test_a_silent_disk_is_told_in_time_and_saved_later(
    real: DeskLine, slow: Disk, folder: Path
) -> None:
    real.gate.all_s, real.gate.save_s = 0.0, 0.05
    slow.go.clear()
    answer = await real.answer("deploy", **DEPLOY)
    assert "done, but not saved (the disk did not answer within" in answer["error"]
    assert answer["error"].endswith(
        "coater is to follow coater/test-film@1.0.0 (deployment 1 by ann) from its next START on"
    )
    slow.go.set()
    until_s = time.monotonic() + DISK_S
    while not on_disk(folder) and time.monotonic() < until_s:
        await turn(real)
    assert on_disk(folder) == [1]


async def test_a_cancelled_save_neither_doubles_nor_loses(real: DeskLine, slow: Disk) -> None:
    await real.during(real.line.save())
    slow.go.clear()
    await real.ask("coater", Verb.START)
    run = real.stations["coater"].recipes.run
    assert run is not None
    for k in range(6):  # each is given up while the first one still hangs
        await real.ask("coater", Verb.LOT, "in", f"lot-{k}")
        saving = asyncio.ensure_future(real.line.save())
        await turn(real, 3)
        saving.cancel()
        await asyncio.wait([saving])
    assert slow.under_way == 1
    slow.go.set()
    await turn(real)
    await real.during(real.line.save())
    assert slow.most == 1  # never two at once, so none overtakes another
    record = real.record(run.head.id)
    lots = [e.text for e in record.entries if e.kind == "command" and "LOT" in e.text]
    assert lots == [f"LOT in = lot-{k}: accepted" for k in range(6)]
    assert record.head.lots_in == tuple(f"lot-{k}" for k in range(6))


async def test_a_save_that_is_under_way_does_not_count_for_a_later_command(
    real: DeskLine, slow: Disk, folder: Path
) -> None:
    await real.during(real.line.save())
    slow.go.clear()
    real.stations["coater"].changed = True
    early = asyncio.ensure_future(real.line.save())
    await turn(real, 3)
    early.cancel()
    asked = deployment(real)
    await turn(real, 5)
    assert not asked.done()
    slow.go.set()
    assert (await real.during(asked))["accepted"]
    assert on_disk(folder) == [1]


# -- a disk that refuses ---------------------------------------------------------------------------


async def test_a_refusing_disk_stops_nothing_and_is_told_once(
    line: DeskLine, caplog: pytest.LogCaptureFixture
) -> None:
    await line.command("START")
    run = line.stations["coater"].recipes.run
    assert run is not None
    disk = Disk(line)
    disk.refuses = "stations.db: disk is full"
    before, begun_s = line.scans(), line.clock.now_s()
    with caplog.at_level(logging.WARNING, "dryline.record"):
        answer = await line.answer("deploy", **DEPLOY)
        assert (
            "DEPLOY of coater is done, but not saved (stations.db: disk is full)"
            in (answer["error"])
        )
        assert line.requested == "coater/test-film@1.0.0"
        for k in range(5):
            assert (
                "not saved"
                in (await line.answer("command", verb="LOT", target="in", value=f"lot-{k}"))[
                    "error"
                ]
            )
        await line.pass_time(20.0)
        assert line.recorded("cannot be saved") == [
            "runs and station memory cannot be saved: stations.db: disk is full"
        ]
        assert line.line.record.failure == "stations.db: disk is full"
        assert on_disk(line.folder) == []
        disk.refuses = ""
        await line.pass_time(1.0)
    assert len(caplog.records) == 2
    assert line.recorded("saved again") == ["runs and station memory are saved again"]
    assert line.line.record.failure == ""
    assert on_disk(line.folder) == [1]
    record = line.record(run.head.id)
    told = [e.text for e in record.entries if "LOT in" in e.text]
    assert told == [f"LOT in = lot-{k}: accepted" for k in range(5)]
    gone = line.clock.now_s() - begun_s
    assert line.scans()["enclosure"] - before["enclosure"] == pytest.approx(10 * gone, abs=15)


async def test_a_mistake_of_the_program_keeps_what_was_to_be_saved(line: DeskLine) -> None:
    store = line.line.record.store
    plain = store.commit
    await line.line.save()
    store.commit = lambda *_: 1 / 0  # type: ignore[method-assign,assignment]
    await line.ask("coater", Verb.LOT, "in", "lot")
    with pytest.raises(ZeroDivisionError):
        await line.line.save()
    store.commit = plain  # type: ignore[method-assign]
    await line.line.save()
    await line.restart()
    assert line.stations["coater"].recipes.lots_waiting == ["lot"]


# -- a station that does not answer ----------------------------------------------------------------


async def test_a_command_nobody_took_is_withdrawn_and_the_answer_says_what_holds(
    line: DeskLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.gate.answer_s = 0.05
    await line.done("deploy", **DEPLOY)
    station = line.stations["coater"]
    plain = station.scan
    monkeypatch.setattr(station, "scan", lambda *_: None)
    answer = await line.answer("deploy", recipe="built-in", reason="back")
    assert "did not answer within" in answer["error"]
    assert "withdrawn. coater is to follow coater/test-film@1.0.0 (deployment 1" in answer["error"]
    monkeypatch.setattr(station, "scan", plain)
    await line.pass_time(2.0)
    assert line.requested == "coater/test-film@1.0.0"


async def test_a_command_is_withdrawn_with_the_one_who_gave_it(line: DeskLine) -> None:
    command = line.gate.command("coater", Verb.START, "ann", "")
    giving = asyncio.ensure_future(line.gate.give(command))
    await asyncio.sleep(0)
    giving.cancel()
    await asyncio.wait([giving])
    await line.pass_time(1.0)
    assert line.state("coater") is State.IDLE


async def test_a_slow_station_has_the_time_of_its_scan(
    line: DeskLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.gate.answer_s = 0.0
    monkeypatch.setattr("controller.gate.SLOW_SCANS", 10.0)
    assert (await line.command("LOT", target="in", value="x"))["accepted"]
    with pytest.raises(DrylineError, match="no station 'slitter'"):
        await line.gate.give(line.gate.command("slitter", Verb.START, "ann", ""))


async def test_half_a_character_is_refused_before_it_could_spoil_a_record(line: DeskLine) -> None:
    for op in ("deploy", "command", "status"):
        answer = await line.answer(op, verb="START", actor="\ud800", recipe="x", reason="x")
        assert "half of a character pair" in answer["error"]
    long = await line.answer("deploy", recipe="built-in", reason="x" * 3000)
    assert "reason: 3000 characters, at most 2000 are recorded" in long["error"]
    await line.command("START")


# -- restart ---------------------------------------------------------------------------------------


async def test_entries_go_on_with_the_next_number_after_a_restart(line: DeskLine) -> None:
    await line.command("START")
    run = line.stations["coater"].recipes.run
    assert run is not None
    before = len(line.record(run.head.id).entries)
    for _ in range(3):
        await line.restart()
        assert line.state("coater") is State.HELD
    assert len(line.record(run.head.id).entries) > before + 3
    with RunReader(line.folder / STORE) as reader:
        assert [h.outcome for h in reader.runs()] == [Outcome.OPEN]


async def test_what_a_station_tells_is_saved_with_the_state_it_tells_of(line: DeskLine) -> None:
    """A phase that is in the record must not be entered a second time after a kill."""
    await line.done("deploy", **DEPLOY)
    await line.command("START")
    run = line.stations["coater"].recipes.run
    assert run is not None
    while not run.asking():
        await line.pass_time(0.1)
    await line.pass_time(0.2)  # the elapsed times are saved only once a second
    await line.restart()
    again = line.stations["coater"].recipes.run
    assert again is not None
    assert (again.state.reached, again.state.phase) == (3, 3)
    await line.command("UNHOLD")
    await line.pass_time(1.0)
    phases = [e.text for e in line.record(run.head.id).entries if e.text.startswith("phase ")]
    assert phases == ["phase 1 heat: Heat", "phase 2 ramp: Foil tight", "phase 3 ask: Film",
                      "phase 3 ask: Film"]  # fmt: skip


async def test_a_run_whose_recipe_cannot_be_read_any_more_is_aborted_and_nothing_starts(
    line: DeskLine,
) -> None:
    await line.done("deploy", recipe="built-in", reason="zero")
    await line.done("deploy", **DEPLOY)
    await line.execute()
    run = line.stations["coater"].recipes.run
    assert run is not None
    db = line.line.record.store._db
    db.execute("UPDATE recipe SET text = replace(text, 'feed:', 'fead:')")
    await line.restart()
    record = line.record(run.head.id)
    assert record.head.outcome is Outcome.ABORTED
    assert "cannot be read any more" in record.head.why_ended
    assert line.state("coater") is State.HELD
    assert line.recorded("deployed recipe", EventKind.SYSTEM)
    answer = await line.answer("command", verb="UNHOLD")
    assert answer["reasons"] == [
        "the recipe of deployment 2 cannot be read any more: deploy a recipe"
    ]
    await line.restart()  # still, and its number is not given again
    assert not (await line.answer("command", verb="UNHOLD"))["accepted"]
    answer = await line.done("deploy", recipe="built-in", reason="go on", expected=2)
    assert answer["deployment"] == 3
    await line.command("UNHOLD")
    numbers = [d["number"] for d in (await line.answer("recipe"))["deployments"]]
    assert numbers == [1, 3]


async def test_a_damaged_store_is_told_in_the_record_of_events(folder: Path) -> None:
    (folder / STORE).write_bytes(b"\xa5" * 8192)
    line = DeskLine(folder)
    assert line.recorded("stations.db was damaged") == [
        "stations.db was damaged: kept as stations.db.damaged-1, begun anew"
    ]
    line.line.record.close()


# -- what it costs ---------------------------------------------------------------------------------


def written() -> int:
    """Bytes this process has given to write calls."""
    for row in Path(f"/proc/{os.getpid()}/io").read_text(encoding="ascii").splitlines():
        if row.startswith("wchar:"):
            return int(row.partition(":")[2])
    raise AssertionError("no wchar")


async def test_an_idle_station_writes_nothing(line: DeskLine) -> None:
    await line.pass_time(5.0)
    disk = Disk(line)
    before = written()
    await line.pass_time(300.0)
    assert disk.commits == 0
    assert written() - before < 1000


async def test_an_open_run_costs_one_commit_a_second_and_no_room(line: DeskLine) -> None:
    await line.done("deploy", **DEPLOY)
    await line.execute()
    await line.pass_time(10.0)
    disk, path = Disk(line), line.folder / STORE
    before, size = written(), path.stat().st_size
    await line.pass_time(600.0)
    assert 540 <= disk.commits <= 610
    print(f"\nopen run: {6 * disk.commits} commits and {6 * (written() - before) / 1e6:.1f} MB "
          "written an hour")  # fmt: skip
    line.line.record.store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert path.stat().st_size - size < 100_000
    run = line.stations["coater"].recipes.run
    assert run is not None
    assert len(line.record(run.head.id).entries) < 20
