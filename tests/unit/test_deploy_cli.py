"""`dryline deploy`, `rollback`, `deployed`, `confirm`, `lot`, `trial` and `lead` on a line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from controller.__main__ import app
from controller.control.states import State
from controller.recipe_store import RecipeStore
from tests.support.desk_peer import DeskPeer
from tests.support.quick_recipes import path_of, release
from tests.support.recipe_kinds import store

V1, V2 = "test-film@1.0.0", "test-film@1.1.0"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "recipes"
    release(root, "1.0.0")
    release(root, "1.1.0", base="1.0.0")
    return root


@pytest.fixture
def peer(tmp_path: Path, root: Path) -> Iterator[DeskPeer]:
    with DeskPeer(tmp_path, ("coater",)) as peer:
        yield peer


def dryline(*words: object) -> Result:
    return CliRunner().invoke(app, [str(w) for w in words], env={"COLUMNS": "240"})


def on(peer: DeskPeer, *words: object) -> Result:
    """A command on the run folder of the peer."""
    return dryline(*words, "--run", peer._run)


def done(peer: DeskPeer, *words: object) -> str:
    result = on(peer, *words)
    assert result.exit_code == 0, result.output
    return result.stdout


def shown(peer: DeskPeer, *words: object) -> Any:
    return json.loads(done(peer, *words, "--json"))


def to_prompt(peer: DeskPeer) -> None:
    done(peer, "start", "coater")
    peer.until(lambda line: (run := line.stations["coater"].recipes.run) and run.asking())


# -- deploy ----------------------------------------------------------------------------------------


def test_deploy_says_number_recipe_and_when_it_is_taken(peer: DeskPeer) -> None:
    told = done(peer, "deploy", "coater", V1, "--reason", "usual", "--by", "ann")
    assert told == "coater: deployment 1, coater/test-film@1.0.0, taken at START\n"
    to_prompt(peer)
    told = done(peer, "deploy", "coater", V2, "--reason", "next")
    assert "deployment 2, coater/test-film@1.1.0, taken at the next START; run coater-" in told
    assert "keeps its own" in told


def test_deployed_shows_requested_current_prompt_and_the_way_here(peer: DeskPeer) -> None:
    assert "requested  built-in" in done(peer, "deployed", "coater")
    done(peer, "deploy", "coater", V1, "--reason", "usual", "--by", "ann")
    to_prompt(peer)
    done(peer, "deploy", "coater", V2, "--reason", "[bold]warmer", "--by", "bob")
    told = done(peer, "deployed", "coater")
    lines = {line.split()[0]: line for line in told.splitlines()}
    assert "test-film@1.1.0" in lines["requested"]
    assert "deployment 2 by bob" in lines["requested"]
    assert "test-film@1.0.0" in lines["current"]
    assert "deployment 1 by ann" in lines["current"]
    assert "phase 3" in lines["current"]
    assert lines["asks"].endswith("Film on the foil?")
    assert "[bold]warmer" in told
    found = shown(peer, "deployed", "coater")
    assert [d["recipe"] for d in found["deployments"]] == [
        "coater/test-film@1.0.0", "coater/test-film@1.1.0"
    ]  # fmt: skip
    assert found["pending"]


def test_a_refusal_tells_every_reason_and_fails(peer: DeskPeer, root: Path) -> None:
    path_of(root, "1.0.0").write_text("{", encoding="utf-8")
    result = on(peer, "deploy", "coater", V1, "--reason", "x")
    assert result.exit_code == 1
    assert "coater: refused (recipe)" in result.output
    assert "test-film/1.0.0.yaml:1" in result.output
    result = on(peer, "deploy", "coater", "test-flim", "--reason", "x", "--json")
    assert result.exit_code == 1
    assert json.loads(result.output)["code"] == "unknown"


def test_a_deployment_that_somebody_else_was_quicker_with_is_refused(peer: DeskPeer) -> None:
    done(peer, "deploy", "coater", V1, "--reason", "usual", "--by", "ann")
    result = on(peer, "deploy", "coater", V2, "--reason", "x", "--expect", 0)
    assert result.exit_code == 1
    assert "ann deployed coater/test-film@1.0.0 at 2026-01-01T" in result.output
    done(peer, "deploy", "coater", V2, "--reason", "x", "--expect", 1)


def test_rollback_deploys_what_was_before(peer: DeskPeer) -> None:
    assert on(peer, "rollback", "coater", "--reason", "x").exit_code == 1
    for recipe in (V1, V2):
        done(peer, "deploy", "coater", recipe, "--reason", "x")
    told = done(peer, "rollback", "coater", "--reason", "film tears")
    assert told == "coater: deployment 3, coater/test-film@1.0.0, taken at START\n"
    answer = shown(peer, "rollback", "coater", "--reason", "sorry")
    assert (answer["deployment"], answer["requested"]["recipe"]) == (4, "coater/test-film@1.1.0")


def test_nobody_there_and_nothing_known_are_told_without_a_traceback(
    tmp_path: Path, peer: DeskPeer
) -> None:
    away = tmp_path / "nowhere"
    for words in (
        ("deploy", "coater", V1, "--reason", "x"), ("rollback", "coater", "--reason", "x"),
        ("deployed", "coater"), ("confirm", "coater"), ("trial", "end", "coater", "--reason", "x"),
        ("trial", "list"), ("trial", "show", "x"), ("lead",),
    ):  # fmt: skip
        result = dryline(*words, "--run", away)
        assert result.exit_code == 1, words
        assert isinstance(result.exception, SystemExit), words
        assert result.output.strip(), words
    assert "no station 'slitter'" in on(peer, "deployed", "slitter").output


# -- confirm and lot -------------------------------------------------------------------------------


def test_a_prompt_is_confirmed_and_lots_are_noted(peer: DeskPeer) -> None:
    done(peer, "deploy", "coater", V1, "--reason", "usual")
    result = on(peer, "confirm", "coater")
    assert result.exit_code == 1
    assert "coater asks for no confirmation now" in result.output
    to_prompt(peer)
    done(peer, "lot", "coater", "in", "powder-7")
    done(peer, "confirm", "coater", "--reason", "seen")
    peer.until(lambda line: line.state("coater") is State.EXECUTE)
    done(peer, "lot", "coater", "out", "film-7")
    result = on(peer, "lot", "coater", "up", "x")
    assert result.exit_code == 1
    assert "LOT 'up': in or out" in result.output


# -- trials ----------------------------------------------------------------------------------------


def start_trial(peer: DeskPeer, *more: object) -> Result:
    words = ("trial", "start", "coater", V2, "--question", "better?", "--by", "ann")
    return on(peer, *words, *more)


def test_a_trial_is_started_shown_listed_and_ended(peer: DeskPeer) -> None:
    done(peer, "deploy", "coater", V1, "--reason", "usual")
    result = start_trial(peer, "--minutes", 10000)
    assert result.exit_code == 0, result.output
    trial = result.output.split()[1]
    assert f"coater: {trial} waits for START; test-film@1.0.0 comes back by itself" in result.output
    told = done(peer, "trial", "list")
    assert all(part in told for part in (trial, "10000 min", "open", "better?"))
    told = done(peer, "trial", "show", trial[:12])
    assert trial in told
    assert "begun_ns     2026-01-01 00:" in told
    assert start_trial(peer, "--minutes", 10).exit_code == 1
    assert f"{trial} ends" in done(peer, "trial", "end", "coater", "--reason", "seen")
    (found,) = shown(peer, "trial", "list")
    assert "ended by" in found["how"]
    assert found["ended_ns"]
    assert shown(peer, "deployed", "coater")["requested"]["recipe"] == "coater/test-film@1.0.0"


def test_a_trial_that_is_refused_tells_every_reason(peer: DeskPeer) -> None:
    result = start_trial(peer)
    assert result.exit_code == 1
    assert "a trial needs its window: minutes or metres, one of them" in result.output
    done(peer, "deploy", "coater", V1, "--reason", "usual")
    result = on(peer, "trial", "end", "coater", "--reason", "x")
    assert "coater has no open trial" in result.output
    assert on(peer, "trial", "show", "trial-9").exit_code == 1


def test_trial_new_makes_a_draft_of_the_next_version(root: Path) -> None:
    words = ("trial", "new", "coater", V1, "--question", "warmer?", "--by", "Ada Example")
    for version in ("1.0.0", "1.1.0"):
        result = dryline(*words, "--set", "roll_temperature=85", "--recipes", root)
        assert result.exit_code == 0, result.output
        path = root / "coater" / "test-film-trial" / f"{version}.yaml"
        assert str(path) in result.output.replace("\n", "")
        text = path.read_text(encoding="utf-8")
        assert 'base: "test-film@1.0.0"' in text
        assert "roll_temperature: {value: 85" in text
    recipes: RecipeStore = store(root)
    assert recipes.check() == []


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ("roll_temperature", 2, "expected PARAMETER=VALUE"),
        ("=85", 2, "expected PARAMETER=VALUE"),
        ("roll_temprature=85", 1, "no parameter 'roll_temprature'"),
        ("roll_temperature=999", 2, "out of range"),
    ],
)
def test_trial_new_refuses_a_change_that_makes_no_sense(
    root: Path, change: str, code: int, told: str
) -> None:
    result = dryline("trial", "new", "coater", V1, "--question", "?", "--by", "Ada Example",
                     "--set", change, "--recipes", root)  # fmt: skip
    assert result.exit_code == code, result.output
    assert told in result.output
    assert not (root / "coater" / "test-film-trial" / "1.0.0.yaml").exists()


# -- lead time -------------------------------------------------------------------------------------


def test_the_lead_time_counts_from_the_run_to_the_deployment_it_led_to(peer: DeskPeer) -> None:
    assert "deploy with --because" in done(peer, "lead")
    done(peer, "deploy", "coater", V1, "--reason", "usual")
    to_prompt(peer)
    done(peer, "abort", "coater")
    peer.until(lambda line: line.state("coater") is State.ABORTED)
    result = on(peer, "deploy", "coater", V2, "--reason", "warmer", "--because", "coater-9")
    assert "'coater-9': no such run" in result.output
    done(peer, "deploy", "coater", V2, "--reason", "warmer", "--because", "coater-2026")
    found = shown(peer, "lead")
    (one,) = found["deployments"]
    assert (one["station"], one["deployment"], one["recipe"]) == (
        "coater", 2, "coater/test-film@1.1.0"
    )  # fmt: skip
    assert one["run"].startswith("coater-20260101-")
    assert 0.0 <= one["hours"] < 1.0
    (month,) = found["months"]
    assert (month["month"], month["n"], month["mean_h"]) == ("2026-01", 1, one["hours"])
    assert "2026-01" in done(peer, "lead", "--station", "coater")
    assert shown(peer, "lead", "--station", "enclosure")["deployments"] == []
