"""The recipe commands: exit codes, what goes where, and the way from a copy to a release."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from controller import cli
from controller.__main__ import app
from tests.support.recipe_kinds import put

RUNNER = CliRunner()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder has recipes/ with the draft test-film 1.0.0."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli.screen, "_width", 200)  # a narrow one wraps what is looked for
    put(tmp_path / "recipes", "1.0.0")
    return tmp_path / "recipes"


def dryline(*words: str) -> Result:
    return RUNNER.invoke(app, ["recipe", *words], catch_exceptions=False)


def test_check_of_right_recipes_says_how_many_and_ends_with_zero(root: Path) -> None:
    done = dryline("check")
    assert (done.exit_code, done.stdout) == (0, "1 version(s) are right.\n")


def test_check_of_wrong_recipes_prints_places_on_standard_error_and_ends_with_two(
    root: Path,
) -> None:
    put(root, "1.1.0", {"value: 10,": "value: 100,", "title: Run": "title: 5"})
    done = dryline("check")
    assert (done.exit_code, done.stdout) == (2, "")
    first, second, count = done.stderr.splitlines()
    place = "recipes/coater/test-film/1.1.0.yaml"
    assert first.startswith(f"{place}:14:17: formula.feed.value = 100: out of range; allowed: ")
    assert second.startswith(f"{place}:46:12: phases.1.title = 5: wrong type")
    assert count == "2 problem(s)."
    body = json.loads(dryline("check", "--json").stdout)
    assert (body["ok"], body["versions"]) == (False, 2)
    assert (body["problems"][0]["line"], body["problems"][0]["column"]) == (14, 17)
    assert dryline("check", "enclosure").exit_code == 0


def test_missing_folder_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = dryline("list")
    assert done.exit_code == 1
    assert "--recipes" in done.stderr


def test_unknown_recipe_is_refused_with_the_names_there_are(root: Path) -> None:
    done = dryline("show", "coater", "test-fim")
    assert done.exit_code == 1
    assert "did you mean 'test-film'" in done.stderr


def test_way_from_a_copy_to_a_release_and_to_its_end(root: Path) -> None:
    words = ("new", "coater", "test-film", "1.1.0", "--reason", "more feed", "--by", "Carl")
    assert dryline(*words).exit_code == 0
    again = dryline(*words)
    assert again.exit_code == 1
    assert "there already" in again.stderr
    path = root / "coater" / "test-film" / "1.1.0.yaml"
    path.write_text(path.read_text().replace("value: 10,", "value: 12,"))
    shown = dryline("diff", "coater", "test-film@1.0.0", "1.1.0")
    assert shown.exit_code == 0
    assert "+20.0 %" in shown.stdout
    compared = json.loads(dryline("diff", "coater", "test-film@1.0.0", "1.1.0", "--json").stdout)
    assert compared["parameters"][0]["new"] == 12.0

    own = ("coater", "test-film@1.1.0")
    done = dryline("release", *own, "--by", "Carl", "--reason", "good")
    assert done.exit_code == 1
    assert "another person" in done.stderr
    assert "no passed rehearsal" in done.stderr
    content = json.loads(dryline("show", *own, "--json").stdout)["content_hash"]
    record = root.parent / "rehearsal.json"
    record.write_text(json.dumps({"passed": True, "content_hash": content, "summary": "fine"}))
    done = dryline("release", *own, "--by", "Grace", "--reason", "good", "--rehearsal", str(record))
    assert done.exit_code == 0
    assert "rehearsal brought by Grace: fine" in done.stdout

    path.write_text(path.read_text() + "# afterthought\n")
    assert "SHA-256" in dryline("check").stderr
    assert dryline("show", *own).exit_code == 2
    path.write_text(path.read_text().removesuffix("# afterthought\n"))
    done = dryline("obsolete", *own, "--by", "Grace", "--reason", "replaced")
    assert done.exit_code == 0
    listed = json.loads(dryline("list", "--json").stdout)
    assert [(x["version"], x["status"]) for x in listed] == [
        ("1.0.0", "draft"),
        ("1.1.0", "obsolete"),
    ]


def test_show_prints_formula_phases_limits_and_history(root: Path) -> None:
    out = dryline("show", "coater", "test-film").stdout
    for text in (
        "coater/test-film@1.0.0  draft: Test film",
        "65 kJ/kg",
        "1. warm-up: Heat",
        "set .TROLL1.SP to 80 (=roll_temperature)",
        "ramp .TLAM.SP to 120 (=lamination_temperature) by 10 a minute",
        "wait for .STATE is run for 60 s",
        "after 900 s abort",
        "alarm .TORQUE: lo 15, hi 85",
    ):
        assert text in out


def test_tags_lists_what_a_recipe_may_name(root: Path) -> None:
    rows = {r["tag"]: r for r in json.loads(dryline("tags", "coater", "--json").stdout)}
    assert (rows[".FEED.SP"]["set"], rows[".FEED.SP"]["wait"]) == (True, False)
    assert (rows[".TORQUE"]["set"], rows[".TORQUE"]["alarm"]) == (False, True)
    assert ".RESET" not in rows
    assert dryline("tags", "slitter").exit_code == 1


def test_schema_is_written_once_and_checked(root: Path) -> None:
    assert dryline("schema", "--check").exit_code == 1
    assert dryline("schema").stdout.count("written") == 3
    assert dryline("schema").stdout == ""
    assert dryline("schema", "--check").exit_code == 0
    (root / "coater" / "schema.json").write_text("{}")
    done = dryline("schema", "--check")
    assert done.exit_code == 1
    assert "recipes/coater/schema.json" in done.stderr


def test_odd_version_number_is_told(root: Path) -> None:
    done = dryline("new", "coater", "test-film", "2", "--reason", "x", "--by", "Carl")
    assert done.exit_code == 1
    assert "MAJOR.MINOR.PATCH" in done.stderr


def test_prints_of_odd_names_do_not_become_markup(root: Path) -> None:
    put(root, "1.1.0", {"title: Test film": 'title: "[red]Film[/red]"'})
    assert "[red]Film[/red]" in dryline("list").stdout
    assert "[red]Film[/red]" in dryline("show", "coater", "test-film@1.1.0").stdout
