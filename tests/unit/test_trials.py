"""Trials in virtual time: the window, the way back, and whatever may come in between."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from controller.control.run import Run
from controller.control.states import State
from controller.core.errors import StoreError
from controller.core.event import EventKind, Verb
from controller.core.recipe import RecipeId, Version
from controller.core.run import Outcome
from controller.run_store import STORE, RunReader
from tests.support.desk_line import DeskLine, at_once
from tests.support.quick_recipes import draft, path_of, release
from tests.support.recipe_kinds import store

BASE, TRIAL, OTHER = (f"coater/test-film@{v}" for v in ("1.0.0", "1.1.0", "1.2.0"))
ASK = {"recipe": "test-film@1.1.0", "question": "does it tear less?", "minutes": 0.5}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "recipes"
    release(root, "1.0.0")
    release(root, "1.1.0", base="1.0.0")
    release(root, "1.2.0")
    return root


@pytest.fixture
async def line(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[DeskLine]:
    """The base is deployed."""
    monkeypatch.setattr(asyncio, "to_thread", at_once)
    async with DeskLine(tmp_path) as line:
        await line.done("deploy", recipe="test-film@1.0.0", reason="usual")
        yield line


async def begin(line: DeskLine, **more: Any) -> str:
    """The id of a trial."""
    answer = await line.done("trial", **{**ASK, **more})
    return str(answer["trial"])


async def running(line: DeskLine, **more: Any) -> tuple[str, str]:
    """A trial in EXECUTE; its id and that of its run."""
    trial = await begin(line, **more)
    await line.execute()
    return trial, run_of(line).head.id


def run_of(line: DeskLine) -> Run:
    run = line.stations["coater"].recipes.run
    assert run is not None
    return run


def on_disk(line: DeskLine) -> dict[str, Any]:
    """The newest trial."""
    with RunReader(line.folder / STORE) as reader:
        return reader.trials()[-1]


def check_over(line: DeskLine, how: str, run: str = "", outcome: Outcome | None = None) -> None:
    """The base is requested, the trial is closed, its run has ended, and all this once."""
    trial = on_disk(line)
    assert line.requested == BASE
    assert how in trial["how"]
    assert trial["returned"]
    assert trial["ended_ns"]
    assert trial["run"] == run
    assert len(line.recorded("has ended", EventKind.RECIPE)) <= 1
    numbers = [d.trial for d in line.stations["coater"].recipes.deployments]
    assert numbers == ["", trial["id"], ""] or not run
    if outcome is not None:
        assert line.record(run).head.outcome is outcome
        assert line.record(run).head.trial == trial["id"]


def meter(line: DeskLine, metres: float) -> None:
    """So much web passes."""
    image = line.plcs["coater"].image
    for _ in range(round(metres)):
        image.value[image.slot("COAT.METER")] += 1.0


# -- the window ------------------------------------------------------------------------------------


async def test_the_window_of_minutes_begins_with_the_first_execute_and_ends_by_itself(
    line: DeskLine,
) -> None:
    trial = await begin(line)
    assert line.requested == TRIAL
    await line.pass_time(60.0)  # waits for START as long as it takes
    await line.execute()
    run = run_of(line).head.id
    await line.pass_time(25.0)
    assert line.state("coater") is State.EXECUTE
    await line.pass_time(8.0)
    assert line.state("coater") is State.COMPLETED
    assert on_disk(line)["id"] == trial
    check_over(line, "its window of 0.5 min is over", run, Outcome.COMPLETED)
    assert line.recorded("does it tear less?", EventKind.RECIPE)


SIGNED = {"signer": "eva", "number": 7, "meaning": "deployed"}


@pytest.mark.parametrize(
    ("returns", "signed"),
    [(f"{BASE} 9f86 after 0.5 min", True), (f"{OTHER} 9f86 after 0.5 min", False), ("", False)],
)
async def test_the_way_back_is_signed_with_the_trial_if_that_signature_says_so(
    line: DeskLine, returns: str, signed: bool
) -> None:
    signature = {**SIGNED, "returns": returns} if returns else SIGNED
    await running(line, signature=signature)
    await line.pass_time(40.0)
    trial, back = line.stations["coater"].recipes.deployments[-2:]
    assert (trial.signature, back.title) == (signature, BASE)
    assert back.signature == (signature if signed else None)
    told = "its window of 0.5 min is over; signed with the trial's deployment by eva"
    assert back.reason.endswith(told) is signed


async def test_a_base_that_was_exchanged_since_comes_back_unsigned_rather_than_not_at_all(
    line: DeskLine, root: Path
) -> None:
    own = RecipeId("coater", "test-film", Version(1, 1, 0))
    content = store(root).released(own).content_hash
    signature = {**SIGNED, "subject": TRIAL, "content_hash": content, "returns": f"{BASE} 0 after"}
    await running(line, signature=signature)
    await line.pass_time(40.0)
    back = line.stations["coater"].recipes.deployments[-1]
    assert (back.title, back.signature) == (BASE, None)
    assert "signed with" not in back.reason


async def test_the_window_of_metres_counts_web_from_the_first_execute(line: DeskLine) -> None:
    _, run = await running(line, minutes=None, metres=50.0)
    for k in range(7):
        meter(line, 8.0)
        await line.pass_time(1.0)
        assert (line.state("coater") is State.EXECUTE) == (k < 6)
    await line.until(State.COMPLETED)
    await line.pass_time(1.0)
    check_over(line, "its window of 50 m is over", run, Outcome.COMPLETED)


async def test_a_hold_does_not_begin_the_window_anew(line: DeskLine) -> None:
    await running(line)
    await line.pass_time(10.0)
    await line.command("HOLD")
    await line.pass_time(10.0)
    await line.execute()
    await line.pass_time(5.0)
    assert line.state("coater") is State.EXECUTE
    await line.pass_time(8.0)
    assert line.state("coater") is State.COMPLETED


# -- ended by a person -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "outcome", "state"),
    [("ABORT", Outcome.ABORTED, State.ABORTED), ("STOP", Outcome.STOPPED, State.STOPPED),
     ("COMPLETE", Outcome.COMPLETED, State.COMPLETED)],
)  # fmt: skip
async def test_the_base_comes_back_however_the_run_ends(
    line: DeskLine, verb: str, outcome: Outcome, state: State
) -> None:
    _, run = await running(line)
    await line.command(verb)
    await line.until(state)
    await line.pass_time(1.5)
    check_over(line, "its run has ended", run, outcome)


async def test_a_run_that_lasts_less_than_a_look_ends_its_trial_too(line: DeskLine) -> None:
    await begin(line)
    await line.ask("coater", Verb.START)
    run = run_of(line).head.id
    line.trials._retry_s["coater"] = line.clock.link_s() + 5.0  # nobody looks
    await line.command("ABORT")
    await line.until(State.ABORTED)
    await line.pass_time(6.0)
    check_over(line, "its run has ended", run, Outcome.ABORTED)


async def test_trial_end_brings_the_base_back_and_completes_the_run(line: DeskLine) -> None:
    trial, run = await running(line)
    answer = await line.done("trial_end", reason="enough seen", actor="bob")
    assert answer["trial"] == trial
    await line.until(State.COMPLETED)
    await line.pass_time(1.0)
    check_over(line, "ended by bob: enough seen", run, Outcome.COMPLETED)
    again = await line.answer("trial_end", reason="again")
    assert again["reasons"] == ["coater has no open trial"]


async def test_trial_end_before_start_brings_the_base_back(line: DeskLine) -> None:
    await begin(line)
    await line.done("trial_end", reason="not today")
    check_over(line, "ended by ann: not today")
    assert line.state("coater") is State.IDLE


async def test_trial_end_of_a_held_station_stops_it(line: DeskLine) -> None:
    _, run = await running(line)
    await line.command("HOLD")
    await line.until(State.HELD)
    await line.done("trial_end", reason="film torn")
    await line.until(State.STOPPED)
    await line.pass_time(1.0)
    check_over(line, "film torn", run, Outcome.STOPPED)


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"question": "  "}, "a trial needs a question: what shall it answer?"),
        ({"minutes": None}, "a trial needs its window: minutes or metres, one of them"),
        ({"metres": 10.0}, "a trial needs its window: minutes or metres, one of them"),
        ({"minutes": 0.1}, "minutes = 0.1: allowed 0.5 to 10080"),
        ({"minutes": float("nan")}, "minutes = nan: allowed"),
        ({"minutes": None, "metres": 1e9}, "metres = 1e+09: allowed 1 to 100000"),
        ({"recipe": "test-film@1.0.0"}, "was derived from nothing: there is no way back"),
        ({"recipe": "test-film@1.3.0"}, "coater/test-film@1.3.0 is draft"),
        ({"recipe": "no-film"}, "no recipe 'no-film'"),
        ({"expected": 7}, "you saw deployment 7"),
    ],
)
async def test_a_trial_that_is_not_whole_is_refused(
    line: DeskLine, root: Path, more: dict[str, Any], told: str
) -> None:
    draft(root, "1.3.0", base="1.0.0")
    answer = await line.answer("trial", **{**ASK, **more})
    assert not answer["accepted"]
    assert any(told in reason for reason in answer["reasons"]), answer
    assert line.requested == BASE
    await line.pass_time(2.0)
    assert "has ended" not in str(line.recorded("trial"))
    await begin(line)


async def test_every_reason_is_told_at_once(line: DeskLine) -> None:
    await begin(line)
    answer = await line.answer("trial", recipe="test-film@1.1.0", question="")
    assert len(answer["reasons"]) == 3


async def test_two_trials_at_one_station_are_refused_also_when_they_come_at_once(
    line: DeskLine,
) -> None:
    body = {"op": "trial", "station": "coater", "actor": "ann", **ASK}
    answers = await line.during(asyncio.gather(*(line.desk.answer(body) for _ in range(3))))
    (won,) = [a for a in answers if a["accepted"]]
    lost = [a for a in answers if not a["accepted"]]
    assert [a["reasons"] for a in lost] == [[f"trial {won['trial']} is open: end it first"]] * 2
    assert len((await line.answer("trials"))["trials"]) == 1


async def test_trials_of_the_same_second_have_names_of_their_own(line: DeskLine) -> None:
    names = set()
    for _ in range(3):
        names.add(await begin(line))
        await line.done("trial_end", reason="x")
    assert len(names) == 3
    assert len((await line.answer("trials"))["trials"]) == 3


async def test_a_base_that_was_retired_makes_no_trial(line: DeskLine, root: Path) -> None:
    store(root).obsolete(RecipeId("coater", "test-film", Version(1, 0, 0)), "Ada", "old")
    answer = await line.answer("trial", **ASK)
    assert "coater/test-film@1.0.0 is obsolete" in answer["reasons"][0]


# -- taken over ------------------------------------------------------------------------------------


async def test_what_somebody_deployed_meanwhile_is_never_undone(line: DeskLine) -> None:
    trial, run = await running(line)
    await line.done("deploy", recipe="test-film@1.2.0", reason="better", actor="bob")
    await line.pass_time(60.0)
    assert line.state("coater") is State.EXECUTE  # who took over decides when it ends
    assert line.requested == OTHER
    found = on_disk(line)
    assert found["how"] == f"taken over: bob deployed {OTHER}"
    assert (found["run"], found["taken_over"], found["id"]) == (run, True, trial)
    assert found["ended_ns"]
    assert len(line.recorded("has ended")) == 1


async def test_a_trial_can_be_taken_over_before_start(line: DeskLine) -> None:
    await begin(line)
    await line.done("rollback", reason="no", actor="bob")
    await line.pass_time(1.0)
    assert "taken over: bob" in on_disk(line)["how"]
    assert line.requested == BASE


async def test_a_deployment_right_before_the_way_back_wins(
    line: DeskLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, run = await running(line)
    plain = line.deployer.deploy

    async def slower(request: dict[str, Any]) -> dict[str, Any]:
        """Somebody deploys between the look and the deployment of the base."""
        if request.get("actor") == f"trial {trial}":
            monkeypatch.setattr(line.deployer, "deploy", plain)
            own = {"station": "coater", "recipe": "test-film@1.2.0", "reason": "x", "actor": "bob"}
            assert (await plain(own))["accepted"]
        return await plain(request)

    monkeypatch.setattr(line.deployer, "deploy", slower)
    await line.pass_time(33.0)
    assert line.requested == OTHER
    await line.pass_time(5.0)
    assert line.record(run).head.outcome is Outcome.COMPLETED
    assert len(line.recorded("has ended")) == 1


# -- restarts --------------------------------------------------------------------------------------


async def test_a_restart_before_the_window_forgets_nothing(line: DeskLine) -> None:
    await begin(line)
    await line.restart(60.0)
    assert line.requested == TRIAL
    await line.execute()
    run = run_of(line).head.id
    await line.pass_time(33.0)
    check_over(line, "its window of 0.5 min is over", run, Outcome.COMPLETED)


async def test_a_restart_inside_the_window_goes_on_with_it(line: DeskLine) -> None:
    _, run = await running(line)
    await line.pass_time(10.0)
    await line.restart(5.0)
    assert line.state("coater") is State.HELD
    assert line.requested == TRIAL
    await line.execute()
    await line.pass_time(5.0)
    assert line.state("coater") is State.EXECUTE
    await line.pass_time(10.0)
    check_over(line, "its window of 0.5 min is over", run, Outcome.COMPLETED)


async def test_a_restart_past_the_window_brings_the_base_back_and_stops_the_run(
    line: DeskLine,
) -> None:
    _, run = await running(line)
    await line.pass_time(5.0)
    await line.restart(60.0)
    await line.pass_time(2.0)
    await line.until(State.STOPPED)
    await line.pass_time(1.0)
    check_over(line, "its window of 0.5 min is over", run, Outcome.STOPPED)


async def test_a_restart_while_held_past_the_window_does_the_same(line: DeskLine) -> None:
    _, run = await running(line)
    await line.command("HOLD")
    await line.until(State.HELD)
    await line.pass_time(1.0)
    await line.restart(60.0)
    await line.until(State.STOPPED)
    await line.pass_time(1.0)
    check_over(line, "its window of 0.5 min is over", run, Outcome.STOPPED)


async def test_a_run_that_ended_while_nobody_looked_is_found_after_a_restart(
    line: DeskLine,
) -> None:
    await begin(line)
    line.trials._retry_s["coater"] = 1e9
    await line.execute()
    run = run_of(line).head.id
    await line.command("ABORT")
    await line.until(State.ABORTED)
    await line.pass_time(0.5)
    await line.restart()
    await line.pass_time(2.0)
    check_over(line, "its run has ended", run, Outcome.ABORTED)


# -- a base that cannot come back ------------------------------------------------------------------


def retire(root: Path) -> Callable[[], object]:
    """Take the base out of use; returns what puts it back."""
    ledger = path_of(root, "1.0.0").parent / "ledger.json"
    before = ledger.read_text(encoding="utf-8")
    store(root).obsolete(RecipeId("coater", "test-film", Version(1, 0, 0)), "Ada", "old")
    return lambda: ledger.write_text(before, encoding="utf-8")


def tamper(root: Path) -> Callable[[], object]:
    path = path_of(root, "1.0.0")
    before = path.read_text(encoding="utf-8")
    path.write_text(before + "# changed\n", encoding="utf-8")
    return lambda: path.write_text(before, encoding="utf-8")


@pytest.mark.parametrize("spoil", [retire, tamper])
async def test_a_base_that_may_not_run_is_told_once_and_tried_again(
    line: DeskLine, root: Path, spoil: Callable[[Path], Callable[[], object]],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    trial, run = await running(line)
    mend = spoil(root)
    with caplog.at_level(logging.WARNING, "dryline.trials"):
        await line.pass_time(90.0)
    assert len(caplog.records) == 1
    assert len(line.recorded("cannot go on")) == 1
    assert line.requested == TRIAL
    assert on_disk(line)["how"] == "its window of 0.5 min is over"  # what is known is on disk
    told = await line.answer("trial_end", reason="now")
    assert told["reasons"][-1] == f"the way back of {trial} is tried again every 10 s"
    mend()
    await line.pass_time(20.0)
    check_over(line, "its window of 0.5 min is over", run, Outcome.COMPLETED)


async def test_another_recipe_ends_a_trial_whose_base_is_lost(line: DeskLine, root: Path) -> None:
    _, run = await running(line)
    retire(root)
    await line.pass_time(45.0)
    await line.done("deploy", recipe="test-film@1.2.0", reason="instead", actor="bob")
    await line.pass_time(20.0)
    assert line.requested == OTHER
    assert line.record(run).head.outcome is Outcome.COMPLETED
    assert on_disk(line)["ended_ns"]


# -- a disk that refuses, a kill at any step -------------------------------------------------------


def refuse(line: DeskLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*_: object, **__: object) -> None:
        raise StoreError("stations.db: disk is full")

    for name in ("commit", "save_trial"):
        monkeypatch.setattr(line.line.record.store, name, no)


async def test_a_trial_that_cannot_be_saved_does_not_begin(
    line: DeskLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        refuse(line, patch)
        assert "disk is full" in (await line.answer("trial", **ASK))["error"]
        await line.pass_time(2.0)
        assert line.requested == BASE
    await begin(line)


async def test_a_trial_whose_deployment_is_not_yet_saved_keeps_its_way_back(
    line: DeskLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(line.line.record.store, "commit", _refuses)
        assert "done, but not saved" in (await line.answer("trial", **ASK))["error"]
        assert line.requested == TRIAL
    await line.execute()
    run = run_of(line).head.id
    await line.pass_time(33.0)
    check_over(line, "its window of 0.5 min is over", run, Outcome.COMPLETED)


def _refuses(*_: object) -> None:
    raise StoreError("stations.db: disk is full")


async def test_what_a_full_disk_did_not_take_of_a_trial_is_saved_later(
    line: DeskLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run = await running(line)
    await line.pass_time(5.0)
    with monkeypatch.context() as patch:
        refuse(line, patch)
        await line.pass_time(45.0)
    await line.pass_time(30.0)
    check_over(line, "its window of 0.5 min is over", run, Outcome.COMPLETED)
    assert not line.trials._unsaved


class Killed(BaseException):
    """The process is gone."""


STEPS = (
    ("save_trial", "before"), ("save_trial", "after"), ("commit", "before"), ("commit", "after"),
)  # fmt: skip


def kill_at(line: DeskLine, step: str, when: str, count: int) -> None:
    """From the count-th call on nothing more reaches the disk, as if the process were gone."""
    store, seen = line.line.record.store, [0]
    plain = {name: getattr(store, name) for name in ("save_trial", "commit")}

    def wrap(name: str) -> Callable[..., None]:
        def call(*args: Any, **more: Any) -> None:
            if seen[0] < 0:
                raise StoreError("gone")
            seen[0] += name == step
            strikes = name == step and seen[0] == count
            if not (strikes and when == "before"):
                plain[name](*args, **more)
            if strikes:
                seen[0] = -1
                raise StoreError("gone")

        return call

    for name in plain:
        setattr(store, name, wrap(name))


@pytest.mark.parametrize(("step", "when"), STEPS)
@pytest.mark.parametrize("count", range(1, 4))
async def test_a_kill_between_any_two_steps_of_the_beginning_leaves_base_or_trial_with_a_way_back(
    line: DeskLine, step: str, when: str, count: int
) -> None:
    await line.pass_time(1.0)
    kill_at(line, step, when, count)
    answer = await line.answer("trial", **ASK)
    await line.restart()
    await line.pass_time(2.0)
    assert line.requested in (BASE, TRIAL)
    assert line.requested == TRIAL or not answer.get("accepted")
    trials = (await line.answer("trials"))["trials"]
    is_open = [t for t in trials if t["ended_ns"] is None]
    assert len(is_open) == (line.requested == TRIAL)
    if is_open:
        await line.execute()
        await line.pass_time(33.0)
    else:
        await begin(line)
        await line.done("trial_end", reason="x")
    assert line.requested == BASE
    assert on_disk(line)["ended_ns"]


@pytest.mark.parametrize(("step", "when"), STEPS)
@pytest.mark.parametrize("count", range(1, 5))
async def test_a_kill_between_any_two_steps_of_the_way_back_ends_with_the_base_and_no_open_run(
    line: DeskLine, step: str, when: str, count: int
) -> None:
    _, run = await running(line, minutes=0.5)
    await line.pass_time(28.0)
    count += 2 * (step == "commit")  # the elapsed times are saved meanwhile
    kill_at(line, step, when, count)
    await line.pass_time(4.0)
    await line.restart(30.0)
    await line.pass_time(10.0)
    check_over(line, "", run)
    assert line.record(run).head.outcome in (Outcome.COMPLETED, Outcome.STOPPED)
    assert line.stations["coater"].recipes.run is None
    with RunReader(line.folder / STORE) as reader:
        assert [h.id for h in reader.runs()] == [run]


async def test_a_trial_ends_in_time_while_a_request_at_another_station_hangs(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio, "to_thread", at_once)
    async with DeskLine(tmp_path, ("enclosure", "coater")) as line:
        await line.done("deploy", recipe="test-film@1.0.0", reason="usual")
        _, run = await running(line)
        async with line.trials._turn["enclosure"]:
            await line.pass_time(33.0)
            check_over(line, "its window of 0.5 min is over", run)
