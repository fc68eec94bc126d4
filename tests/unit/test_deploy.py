"""Deploying to a running line: only what was released, one at a time, and always a way back."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from controller.control.states import State
from controller.core.event import EventKind
from controller.core.recipe import RecipeId, Version
from controller.recipe_ledger import LEDGER
from controller.run_store import STORE, RunReader
from tests.support.desk_line import DeskLine, at_once
from tests.support.quick_recipes import draft, path_of, release
from tests.support.recipe_kinds import store

V1, V2 = "test-film@1.0.0", "test-film@1.1.0"
FILM = "coater/test-film"
T1, T2 = f"coater/{V1}", f"coater/{V2}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two released versions and a draft."""
    root = tmp_path / "recipes"
    release(root, "1.0.0")
    release(root, "1.1.0")
    draft(root, "1.2.0")
    return root


@pytest.fixture
async def line(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[DeskLine]:
    monkeypatch.setattr(asyncio, "to_thread", at_once)
    async with DeskLine(tmp_path) as line:
        yield line


async def deploy(line: DeskLine, recipe: str, **more: object) -> int:
    """The number of the deployment."""
    answer = await line.done("deploy", **{"recipe": recipe, "reason": "test", **more})
    return int(answer["deployment"])


def edit(path: Path, find: str = "title: Test film", put: str = "title: Better film") -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(find) == 1
    path.write_text(text.replace(find, put), encoding="utf-8")


def reuse(root: Path) -> None:
    """Take the released version away and give its number to something else."""
    path = path_of(root, "1.0.0")
    (path.parent / LEDGER).unlink()
    draft(root, "1.0.0", title="Other film")
    store(root).release(OWN, "Grace Other", "again", override="a test")


OWN = RecipeId("coater", "test-film", Version(1, 0, 0))


async def test_only_what_was_signed_is_deployed_with_a_signature(
    line: DeskLine, root: Path
) -> None:
    def signed(recipe: str, **more: object) -> dict[str, object]:
        content = store(root).released(RecipeId("coater", "test-film", Version(1, 0, 0)))
        hashed = content.content_hash
        return {"signature": {"subject": recipe, "content_hash": hashed, "signer": "eva", **more}}

    assert await deploy(line, V1, **signed(T1)) == 1
    assert line.stations["coater"].recipes.deployments[-1].signature
    for wrong in (signed(T2), signed(T1, content_hash="0" * 64)):
        refused = await line.answer("deploy", recipe=V1, reason="test", **wrong)
        assert (refused["accepted"], refused["code"]) == (False, "signature")
    refused = await line.answer("deploy", recipe="built-in", reason="test", **signed(T1))
    assert refused["code"] == "signature"
    assert len(line.stations["coater"].recipes.deployments) == 1


def writes(line: DeskLine) -> list[tuple[int, float]]:
    """Every value that reached the PLC, apart from the sign of life, from now on."""
    plc = line.plcs["coater"]
    seen: list[tuple[int, float]] = []
    plain = plc.write

    def write(link_s, sequence, beat, items):  # type: ignore[no-untyped-def]
        before = list(plc.image.value)
        answer = plain(link_s, sequence, beat, items)
        seen.extend((slot, v) for slot, v in items if before[slot] != v)
        return answer

    plc.write = write  # type: ignore[method-assign]
    return seen


# -- what is refused -------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Callable[[Path], object], str, str, str]] = {
    "draft": (lambda _: None, "test-film@1.2.0", "not_released",
              "coater/test-film/1.2.0.yaml:1: coater/test-film@1.2.0 is draft: release it first"),
    "newest is a draft": (lambda _: None, "test-film", "not_released", "1.2.0.yaml:1: "),
    "obsolete": (lambda root: store(root).obsolete(OWN, "Ada", "old"), V1, "not_released",
                 "test-film/1.0.0.yaml:1: coater/test-film@1.0.0 is obsolete"),
    "edited": (lambda root: edit(path_of(root, "1.0.0")), V1, "recipe",
               "test-film/1.0.0.yaml:1: content: coater/test-film@1.0.0 was released by Grace"),
    "broken": (lambda root: edit(path_of(root, "1.0.0"), "feed: {value: 10,", "feed: {value: 99,"),
               V1, "recipe", "test-film/1.0.0.yaml:14:17: formula.feed.value = 99"),
    "no YAML": (lambda root: path_of(root, "1.0.0").write_text("{"), V1, "recipe", "1.0.0.yaml:1"),
    "ledger edited": (lambda root: edit(root / FILM / LEDGER, '"1.0.0"', '"1.0.9"'), V1, "recipe",
                      "ledger"),
    "other kind": (lambda _: None, "enclosure/standard@1.0.0", "kind", "not for a station of kind"),
    "unknown name": (lambda _: None, "test-flim", "unknown", "no recipe 'test-flim'"),
    "unknown version": (lambda _: None, "test-film@9.0.0", "unknown", "there are 1.0.0, 1.1.0"),
    "out of the folder": (lambda _: None, "../../x@1.0.0", "kind", "not for a station of kind"),
    "nothing": (lambda _: None, "", "unknown", "no recipe ''"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_not_released_is_refused_with_its_place_and_without_a_write(
    line: DeskLine, root: Path, case: str
) -> None:
    spoil, recipe, code, told = REFUSED[case]
    before = await deploy(line, V2)
    spoil(root)
    seen = writes(line)
    answer = await line.answer("deploy", recipe=recipe, reason="test")
    assert answer["accepted"] is False
    assert answer["code"] == code
    assert any(told in reason for reason in answer["reasons"]), answer["reasons"]
    assert line.requested == T2
    await line.pass_time(1.0)
    assert seen == []
    assert (await line.answer("recipe"))["requested"]["number"] == before
    assert line.recorded(f"DEPLOY {recipe}".rstrip() + ": refused", EventKind.COMMAND)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"reason": " "}, "a deployment needs a reason"),
        ({"reason": None}, "reason = None: must be a text"),
        ({"recipe": 7}, "recipe = 7: must be a text"),
        ({"expected": "1"}, "expected = '1': the number of a deployment"),
        ({"expected": True}, "expected = True: the number of a deployment"),
        ({"because": "coater-2099"}, "'coater-2099': no such run"),
        ({"station": "slitter"}, "no station 'slitter'; stations: coater"),
    ],
)
async def test_a_request_that_makes_no_sense_is_told(
    line: DeskLine, more: dict[str, object], told: str
) -> None:
    answer = await line.answer("deploy", **{"recipe": V1, "reason": "test", **more})
    assert told in json.dumps(answer, ensure_ascii=False)
    assert not answer.get("accepted")
    assert line.requested == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda root: edit(path_of(root, "1.0.0")), "edited, or its number used again"),
        (lambda root: path_of(root, "1.0.0").unlink(), "1.0.0.yaml"),
        (lambda root: store(root).obsolete(OWN, "Ada", "old"), "is obsolete"),
        (reuse, "coater/test-film@1.0.0 is not what was deployed any more: deploy it again"),
    ],
    ids=["edited", "gone", "obsolete", "number reused"],
)
async def test_nothing_starts_with_a_recipe_that_is_not_what_was_deployed(
    line: DeskLine, root: Path, change: Callable[[Path], object], told: str
) -> None:
    await deploy(line, V1)
    original = path_of(root, "1.0.0").read_text(encoding="utf-8")
    ledger = (root / FILM / LEDGER).read_text(encoding="utf-8")
    change(root)
    seen = writes(line)
    answer = await line.answer("command", verb="START")
    assert answer["accepted"] is False
    assert any(told in reason for reason in answer["reasons"]), answer["reasons"]
    assert line.state("coater") is State.IDLE
    await line.pass_time(1.0)
    assert seen == []
    assert line.recorded("START: refused", EventKind.COMMAND)
    path_of(root, "1.0.0").write_text(original, encoding="utf-8")
    (root / FILM / LEDGER).write_text(ledger, encoding="utf-8")
    await line.command("START")


async def test_a_run_under_way_goes_on_whatever_happens_to_its_file(
    line: DeskLine, root: Path
) -> None:
    await deploy(line, V1)
    await line.execute()
    path_of(root, "1.0.0").unlink()
    await line.command("HOLD")
    await line.until(State.HELD)
    await line.restart()
    await line.execute()
    assert line.state("coater") is State.EXECUTE
    run = line.stations["coater"].recipes.run
    assert run is not None
    assert "title: Test film" in line.record(run.head.id).recipe_text


# -- two at once -----------------------------------------------------------------------------------


async def test_of_two_who_deploy_at_once_one_is_served_and_the_other_told(
    line: DeskLine, tmp_path: Path
) -> None:
    seen = await deploy(line, V1)
    for _ in range(20):
        asked = {"op": "deploy", "station": "coater", "expected": seen}
        both = [
            {**asked, "recipe": V2, "actor": "ann", "reason": "warmer"},
            {**asked, "recipe": "built-in", "actor": "bob", "reason": "plain"},
        ]
        answers = await line.during(asyncio.gather(*(line.desk.answer(b) for b in both)))
        (won,) = [a for a in answers if a["accepted"]]
        (lost,) = [a for a in answers if not a["accepted"]]
        assert won["deployment"] == seen + 1
        who = "ann deployed coater/test-film@1.1.0" if won is answers[0] else "bob deployed built"
        why = "warmer" if won is answers[0] else "plain"
        (reason,) = lost["reasons"]
        assert lost["code"] == "conflict"
        assert reason.startswith(f"{who}")
        assert f" at 2026-01-01T00:0{line.clock.now_s() // 60:.0f}:" in reason
        assert f"(deployment {seen + 1}: {why}), you saw deployment {seen}" in reason
        seen += 1
    with RunReader(tmp_path / STORE) as reader:
        assert [d.number for d in reader.deployments("coater")] == list(range(1, 22))


async def test_an_answer_tells_of_the_own_deployment_though_another_came_after(
    line: DeskLine,
) -> None:
    both = [{"op": "deploy", "station": "coater", "recipe": r, "actor": who, "reason": "test"}
            for r, who in ((V1, "ann"), (V2, "bob"))]  # fmt: skip
    answers = await line.during(asyncio.gather(*(line.desk.answer(b) for b in both)))
    rows = {d.actor: d.number for d in line.stations["coater"].recipes.deployments}
    assert [a["deployment"] for a in answers] == [rows["ann"], rows["bob"]]


# -- requested and current -------------------------------------------------------------------------


async def test_a_run_keeps_its_recipe_and_the_next_one_takes_the_new(line: DeskLine) -> None:
    await deploy(line, V1)
    await line.execute()
    answer = await line.done("deploy", recipe=V2, reason="next")
    assert (answer["requested"]["recipe"], answer["current"]["recipe"]) == (T2, T1)
    assert answer["pending"]
    assert line.value("COAT.RUN.PENDING") == 1.0
    await line.command("ABORT")
    await line.until(State.ABORTED)
    await line.command("RESET")
    await line.until(State.IDLE)
    await line.execute()
    shown = await line.answer("recipe")
    assert (shown["current"]["recipe"], shown["pending"]) == (T2, False)


async def test_the_way_back_goes_back_and_forth(line: DeskLine) -> None:
    for recipe in (V1, V2):
        await deploy(line, recipe)
    titles = []
    for _ in range(3):
        await line.done("rollback", reason="worse")
        titles.append(line.requested)
    assert titles == [T1, T2, T1]
    shown = (await line.answer("recipe"))["deployments"]
    assert [d["number"] for d in shown] == [1, 2, 3, 4, 5]


async def test_the_way_back_leads_to_the_built_in_procedure_and_from_there(line: DeskLine) -> None:
    await deploy(line, V1)
    await line.done("rollback", reason="worse")
    assert line.requested == "built-in"
    await line.done("rollback", reason="better after all")
    assert line.requested == T1


async def test_the_same_version_deployed_twice_is_one_way_back(line: DeskLine) -> None:
    for recipe in (V1, V2, V2):
        await deploy(line, recipe)
    await line.done("rollback", reason="worse")
    assert line.requested == T1


async def test_there_is_no_way_back_from_nothing(line: DeskLine) -> None:
    answer = await line.answer("rollback", reason="worse")
    assert answer["reasons"] == ["coater had no other recipe than built-in"]
    await deploy(line, "built-in")
    answer = await line.answer("rollback", reason="worse")
    assert answer["reasons"] == ["coater had no other recipe than built-in"]


async def test_a_recipe_that_was_retired_meanwhile_is_no_way_back(
    line: DeskLine, root: Path
) -> None:
    for recipe in (V1, V2):
        await deploy(line, recipe)
    store(root).obsolete(OWN, "Ada", "old")
    answer = await line.answer("rollback", reason="worse")
    assert answer["code"] == "not_released"
    assert line.requested == T2


async def test_a_rollback_sees_what_others_deployed(line: DeskLine) -> None:
    for recipe in (V1, V2):
        await deploy(line, recipe)
    answer = await line.answer("rollback", reason="worse", expected=1)
    assert answer["code"] == "conflict"
    assert line.requested == T2


async def test_the_run_that_led_to_it_is_named_by_its_beginning(
    line: DeskLine, tmp_path: Path
) -> None:
    await line.command("START")
    run = line.stations["coater"].recipes.run
    assert run is not None
    await deploy(line, V1, because="coater-2026")
    with RunReader(tmp_path / STORE) as reader:
        assert [d.because for d in reader.deployments()] == [run.head.id]


async def test_recipe_and_deployments_are_known_after_a_restart_without_the_files(
    line: DeskLine, root: Path
) -> None:
    for recipe in (V1, V2):
        await deploy(line, recipe)
    for version in ("1.0.0", "1.1.0"):
        path_of(root, version).unlink()
    await line.restart()
    assert [d.title for d in line.stations["coater"].recipes.deployments] == [T1, T2]
    answer = await line.answer("command", verb="START")
    assert not answer["accepted"]


async def test_reading_a_recipe_again_is_not_parsing_it_again(
    line: DeskLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deploy(line, V1)
    monkeypatch.setattr("controller.recipe_library.parse_recipe", lambda *_: 1 / 0)
    await deploy(line, V1)
    await line.command("START")
