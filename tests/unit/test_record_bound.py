"""While the disk refuses: what begins a run is refused, what waits is bounded and counted."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.core.run import RunEntry
from controller.historian import HistorianStatus
from tests.support.desk_line import DeskLine, at_once
from tests.support.quick_recipes import release

DEPLOY = {"recipe": "test-film@1.0.0", "reason": "first"}
MOST = 50


@pytest.fixture
async def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DeskLine]:
    release(tmp_path / "recipes", "1.0.0")
    monkeypatch.setattr(asyncio, "to_thread", at_once)
    monkeypatch.setattr("controller.record.MAX_WAITING", MOST)
    async with DeskLine(tmp_path, ("enclosure", "coater")) as line:
        yield line


def refuse(line: DeskLine, patch: pytest.MonkeyPatch) -> None:
    def commit(*_: object) -> None:
        raise StoreError("stations.db: database or disk is full")

    patch.setattr(line.line.record.store, "commit", commit)


def tell(line: DeskLine, n: int, run: str, first: int = 0) -> None:
    for k in range(first, first + n):
        event = Event(
            time_ns=line.clock.utc_ns(), kind=EventKind.ALARM, station="coater", subject="x",
            text=f"flood {k}", data={"run": run},
        )  # fmt: skip
        line.line.record.event(event)


def flood(entries: tuple[RunEntry, ...]) -> list[str]:
    return [e.text for e in entries if "flood" in e.text or "gap" in e.text]


async def begun(line: DeskLine) -> str:
    await line.command("START")
    run = line.stations["coater"].recipes.run
    assert run is not None
    return run.head.id


async def test_more_entries_than_memory_may_keep_become_a_gap_that_counts_them(
    line: DeskLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await begun(line)
    await line.pass_time(2.0)
    with monkeypatch.context() as patch:
        refuse(line, patch)
        tell(line, 40, run)
        await line.pass_time(5.0)
        tell(line, 40, run, 40)
        await line.pass_time(5.0)
        assert line.line.record.waiting == MOST
    await line.pass_time(2.0)
    assert line.line.record.waiting == 0
    entries = line.record(run).entries
    assert [e.number for e in entries] == list(range(1, len(entries) + 1))
    found = flood(entries)
    (gap,) = (e for e in entries if "gap" in e.text)
    assert found[0] == gap.text
    others = 80 - (len(found) - 1)
    assert found[1:] == [f"flood {k}" for k in range(others, 80)]
    lost = int(str(gap.data["entries"]))
    assert lost >= others > 0
    assert sum("gap:" in text for text in line.recorded("gap:")) == 1
    assert gap.data["from_ns"] <= gap.data["to_ns"] <= line.clock.utc_ns()


async def test_what_is_being_written_while_more_comes_is_not_counted_as_lost(
    line: DeskLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await begun(line)
    await line.pass_time(2.0)
    plain = line.line.record.store.commit

    def meanwhile(*given: object) -> None:
        """More comes while a commit is under way."""
        monkeypatch.setattr(line.line.record.store, "commit", plain)
        plain(*given)  # type: ignore[arg-type]
        tell(line, MOST, run, 30)

    monkeypatch.setattr(line.line.record.store, "commit", meanwhile)
    tell(line, 30, run)
    await line.pass_time(2.0)
    entries = line.record(run).entries
    (gap,) = (e for e in entries if "gap" in e.text)
    assert gap.data["entries"] == 30
    wanted = [*range(30), *range(60, 30 + MOST)]
    assert [x for x in flood(entries) if "gap" not in x] == [f"flood {k}" for k in wanted]


async def test_gaps_that_were_not_written_are_put_together(
    line: DeskLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await begun(line)
    await line.pass_time(2.0)
    with monkeypatch.context() as patch:
        refuse(line, patch)
        for k in range(5):
            tell(line, MOST, run, k * MOST)
            await line.pass_time(3.0)
    await line.pass_time(2.0)
    gaps = [e for e in line.record(run).entries if "gap" in e.text]
    assert len(gaps) == 1
    kept = sum("flood" in e.text for e in line.record(run).entries)
    assert int(str(gaps[0].data["entries"])) >= 5 * MOST - kept


async def test_a_run_is_not_begun_on_a_disk_that_refuses_and_a_stop_always_is(
    line: DeskLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        refuse(line, patch)
        first = await line.answer("deploy", **DEPLOY)
        assert "not saved" in first["error"]  # nobody knew before
        for op, more in (("command", {"verb": "START"}), ("deploy", DEPLOY)):
            answer = await line.answer(op, **more)
            assert (answer["accepted"], answer["code"]) == (False, "disk")
            assert "disk is full" in answer["reasons"][0]
        assert line.stations["coater"].recipes.run is None
        await line.answer("command", verb="STOP")
        await line.pass_time(1.0)
        assert line.state("coater").name in {"STOPPING", "STOPPED"}
    await line.command("RESET")  # the disk takes it again
    await line.pass_time(3.0)
    await line.command("START")


async def test_a_run_is_not_begun_while_history_cannot_be_stored(line: DeskLine) -> None:
    line.line.publish_health(HistorianStatus(failing=True, error="disk is full"))
    answer = await line.answer("command", verb="START")
    assert answer["reasons"] == [
        "history cannot be stored (disk is full): free the disk, then try again"
    ]
    await line.done("deploy", **DEPLOY)
    line.line.publish_health(HistorianStatus())
    await line.command("START")


async def test_a_disk_that_takes_again_is_noticed_although_nothing_changes(
    line: DeskLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await line.pass_time(2.0)
    line.line.record.failure = "it was full"
    await line.pass_time(2.0)
    assert line.line.record.failure == ""
