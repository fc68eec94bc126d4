"""`dryline runs` and `dryline run show|export|verify` on stores as they lie on disk."""

import json
import shutil
import zipfile

import pytest
import typer
from typer.testing import CliRunner

from controller.cli import runs
from controller.clock import NS
from controller.config import load_line
from controller.control.station_memory import Memory
from controller.core.event import Event, EventKind
from controller.core.recipe import RecipeId, Version
from controller.core.run import MasterRecipe, Outcome, RunHead
from controller.core.sample import Quality
from controller.history.store import Store, event_row
from controller.line import tag_table
from controller.recipe_file import content_hash, parse_recipe
from controller.run_folder import history_path
from controller.run_store import STORE, RunStore, StationFacts
from tests.support.history import T0_NS, batch
from tests.support.recipe_kinds import film, shipped_kinds
from tests.support.virtual_line import SHIPPED

app = typer.Typer()
runs.add_to(app)

FIRST, SECOND, OPEN = (
    "coater-20260101-000000",
    "coater-20260101-010000",
    "enclosure-20260101-000005",
)
HOUR_NS = 3600 * NS


def dryline(*words):
    return CliRunner().invoke(app, [str(w) for w in words], env={"COLUMNS": "200"})


def master(version, edits=None):
    text = film(version, edits)
    own = RecipeId("coater", "test-film", Version.parse(version))
    parsed, problems = parse_recipe(text, "x", own, shipped_kinds())
    assert parsed is not None, problems
    return MasterRecipe(parsed.recipe, content_hash(text), text)


OLD = master("1.1.0", {"lamination_load: {value: 40": "lamination_load: {value: 55"})
NEW = master("1.2.0")


def coater_run(run_id, recipe, begun_ns, **changes):
    usual = {
        "id": run_id, "station": "coater", "kind": "coater", "recipe": str(recipe.recipe.id),
        "content_hash": recipe.content_hash, "begun_ns": begun_ns, "begun_by": "ada",
        "reason": "first of [the] day", "software": "0.1.0", "ended_ns": begun_ns + 600 * NS,
        "outcome": Outcome.COMPLETED, "why_ended": "lot is done", "metres": 42.5,
        "lots_in": ("P-7",), "lots_out": ("F-7",),
    }  # fmt: skip
    return RunHead(**usual | changes)


HEADS = (
    coater_run(FIRST, OLD, T0_NS),
    coater_run(SECOND, NEW, T0_NS + HOUR_NS, trial="trial-1"),
    RunHead(
        id=OPEN, station="enclosure", kind="enclosure", recipe="built-in", content_hash="",
        begun_ns=T0_NS + 5 * NS, begun_by="bob", reason="", software="0.1.0",
    ),
)  # fmt: skip


def happened(run_id, after_s, text, actor="", kind=EventKind.RUN):
    begun_ns = next(h.begun_ns for h in HEADS if h.id == run_id)
    return Event(
        time_ns=begun_ns + round(after_s * NS), kind=kind, station=run_id.split("-")[0],
        subject="run", text=text, actor=actor, data={"run": run_id},
    )  # fmt: skip


EVENTS = (
    happened(FIRST, 0, "begun"),
    happened(SECOND, 0, "begun", "ada"),
    happened(SECOND, 61.5, "phase warm-up"),
    happened(SECOND, 90, "=SET [bold]\x1b[2J", "eve", EventKind.COMMAND),
    happened(OPEN, 1, "begun"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run folder with three runs and history of the two that have ended."""
    run = tmp_path_factory.mktemp("run")
    store = RunStore(run / STORE)
    masters = {m.content_hash: m for m in (OLD, NEW)}
    store.commit({"coater": StationFacts(Memory(), masters, HEADS)}, EVENTS)
    store.close()
    config = load_line(SHIPPED)
    tags = [t for t in tag_table(config).tags if t.station == "coater"]
    history = Store.open(history_path(config, run))
    ids = {t.name: int(i) for t, i in zip(tags, history.catalogue(tags), strict=True)}
    times = range(T0_NS - 10 * NS, T0_NS + HOUR_NS + 700 * NS, 10 * NS)
    rows = [(ids["COAT.LOAD.C"], 30.0 + k % 3 / 10, Quality.GOOD, t) for k, t in enumerate(times)]
    rows += [(ids["COAT.SERVICE.STATE"], 64.0, Quality.GOOD, t) for t in times]
    rows += [(ids["COAT.SERVICE.PACKML"], 6.0, Quality.GOOD, t) for t in times]
    history.commit(batch(rows), [event_row(e) for e in EVENTS])
    history.close()
    return run


# -- runs ----------------------------------------------------------------------------------------


def test_runs_are_listed_newest_first(folder):
    result = dryline("runs", "--run", folder)
    assert result.exit_code == 0, result.output
    places = [result.output.index(run_id) for run_id in (SECOND, OPEN, FIRST)]
    assert places == sorted(places)
    lines = result.output.splitlines()
    k = next(k for k, line in enumerate(lines) if line.startswith(SECOND))
    assert lines[k].split() == [SECOND, "test-film@1.2.0", "0:10:00", "completed", "42.5"]
    assert lines[k + 1 : k + 3] == ["  trial trial-1", "  lots in P-7; out F-7"]
    assert "open" in next(x for x in result.output.splitlines() if OPEN in x)


def test_ids_of_runs_are_whole_on_a_narrow_screen(folder):
    words = ["runs", "--run", str(folder)]
    narrow = CliRunner().invoke(app, words, env={"COLUMNS": "40"}).output
    assert [run_id for run_id in (FIRST, SECOND, OPEN) if f"{run_id}  " not in narrow] == []
    assert max(len(line) for line in dryline(*words).output.splitlines()) <= 80


def test_runs_of_one_station_and_a_few_of_them(folder):
    found = json.loads(dryline("runs", "--run", folder, "--station", "coater", "--json").stdout)
    assert [r["id"] for r in found] == [SECOND, FIRST]
    assert found[0]["duration_s"] == 600.0
    assert found[0]["lots_out"] == ["F-7"]
    found = json.loads(dryline("runs", "--run", folder, "--limit", "2", "--json").stdout)
    assert [r["id"] for r in found] == [SECOND, OPEN]
    assert found[1]["ended_ns"] is found[1]["duration_s"] is None
    assert dryline("runs", "--run", folder, "--limit", "0").exit_code == 2


def test_without_a_store_it_says_what_is_missing(tmp_path):
    for words in (("runs",), ("run", "show", "x"), ("run", "export", "x")):
        result = dryline(*words, "--run", tmp_path)
        assert result.exit_code == 1
        assert "no runs yet" in result.stderr
    assert list(tmp_path.iterdir()) == []


# -- show ----------------------------------------------------------------------------------------


def test_show_tells_the_whole_story(folder):
    result = dryline("run", "show", SECOND, "--run", folder)
    assert result.exit_code == 0, result.output
    for wanted in (
        f"{SECOND}  completed: lot is done",
        f"recipe coater/test-film@1.2.0 (SHA-256 {NEW.content_hash})",
        "begun 2026-01-01 01:00:00Z by ada: first of [the] day",
        "ended 2026-01-01 01:10:00Z after 0:10:00.0",
        "web 42.5 m", "lots in: P-7", "lots out: F-7", "part of trial trial-1",
        "coater/test-film@1.1.0 -> coater/test-film@1.2.0",
        "lamination_load", "-27.3 %", "good runs had 55 to 55 N/mm",
        "areal loading, centre",
        "+0:00:00.0 run       begun [ada]",
        "+0:01:01.5 run       phase warm-up",
        "+0:01:30.0 command   =SET [bold]",
    ):  # fmt: skip
        assert wanted in result.output
    assert "\x1b" not in result.output


def test_a_run_is_found_by_the_beginning_of_its_id(folder):
    result = dryline("run", "show", "enc", "--run", folder)
    assert result.exit_code == 0, result.output
    assert f"{OPEN}  open" in result.output
    assert "recipe built-in" in result.output
    several = dryline("run", "show", "coater-2026", "--run", folder)
    assert several.exit_code == 1
    assert FIRST in several.stderr
    assert dryline("run", "show", "nothing", "--run", folder).exit_code == 1


def test_the_name_of_a_station_is_its_newest_run(folder):
    result = dryline("run", "show", "coater", "--run", folder)
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"{SECOND}  ")


def test_show_for_scripts(folder):
    found = json.loads(dryline("run", "show", SECOND, "--run", folder, "--json").stdout)
    assert found["head"]["id"] == SECOND
    assert found["summary"]["figures"]["loading"]["unit"] == "mg/cm2"
    assert found["difference_to_run_before"]["rows"][0]["new"] == "40"
    assert [e["after_start"] for e in found["entries"]] == [
        "+0:00:00.0", "+0:01:01.5", "+0:01:30.0",
    ]  # fmt: skip


def test_a_run_is_shown_without_its_history_but_not_exported(folder, tmp_path):
    shutil.copy(folder / STORE, tmp_path / STORE)
    result = dryline("run", "show", SECOND, "--run", tmp_path)
    assert result.exit_code == 0
    assert "phase warm-up" in result.output
    assert "no figures: " in result.output
    assert dryline("run", "export", SECOND, "--run", tmp_path, "--out", tmp_path / "b").exit_code
    assert not (tmp_path / "b").exists()


def test_a_run_of_another_line_is_told(tmp_path):
    other = tmp_path / "run"
    other.mkdir()
    store = RunStore(other / STORE)
    head = coater_run("slitter-1", OLD, T0_NS, station="slitter", kind="slitter")
    store.commit({"slitter": StationFacts(Memory(), {}, (head,))})
    store.close()
    result = dryline("run", "show", "slitter-1", "--run", other)
    assert result.exit_code == 1
    assert "--line" in result.stderr


# -- export and verify ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundle(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("out") / "b.zip"
    result = dryline("run", "export", SECOND, "--run", folder, "--out", path, "--json")
    assert result.exit_code == 0, result.output
    return path, json.loads(result.stdout)


def test_export_holds_every_tag_of_the_station(bundle):
    path, told = bundle
    with zipfile.ZipFile(path) as opened:
        names = opened.namelist()
        run = json.loads(opened.read("run.json"))
    tags = [t.name for t in tag_table(load_line(SHIPPED)).tags if t.station == "coater"]
    assert {f"samples/{tag}.csv" for tag in tags} < set(names)
    assert {"plots/course.png", "plots/COAT.L12.png"} < set(names)
    assert told["files"] == len(names)
    assert told["bytes"] == path.stat().st_size
    assert run["summary"]["figures"]["loading"]["n"] > 0
    assert run["head"]["id"] == told["run"] == SECOND


def test_verify_says_intact(bundle):
    path, told = bundle
    result = dryline("run", "verify", path, "--expect", told["manifest_sha256"])
    assert result.exit_code == 0, result.output
    assert f"intact, run {SECOND}" in result.output
    assert "as expected" in result.output
    found = json.loads(dryline("run", "verify", path, "--json").stdout)
    assert found["verdict"] == "intact"
    assert found["manifest_sha256"] == told["manifest_sha256"]


def test_verify_of_an_altered_bundle_is_exit_code_1(bundle, tmp_path):
    raw = bytearray(bundle[0].read_bytes())
    raw[len(raw) // 2] ^= 1
    path = tmp_path / "altered.zip"
    path.write_bytes(raw)
    result = dryline("run", "verify", path)
    assert result.exit_code == 1
    assert "altered" in result.stderr
    result = dryline("run", "verify", path, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["differences"]
    assert dryline("run", "verify", bundle[0], "--expect", "0" * 64).exit_code == 1


def test_verify_of_no_bundle_is_exit_code_2(tmp_path):
    assert dryline("run", "verify", tmp_path / "none.zip").exit_code == 2
    path = tmp_path / "text.zip"
    path.write_text("hello")
    assert dryline("run", "verify", path).exit_code == 2


def test_export_tells_the_sum_and_keeps_an_existing_file(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("run", "export", OPEN, "--run", folder)
    result = dryline(*words)
    assert result.exit_code == 0, result.output
    path = tmp_path / f"{OPEN}.zip"
    sha256 = next(x.split()[-1] for x in result.output.splitlines() if x.startswith("SHA-256"))
    assert "open when this was exported" in result.output
    assert dryline("run", "verify", path, "--expect", sha256).exit_code == 0
    again = dryline(*words)
    assert again.exit_code == 1
    assert "--force" in again.stderr
    assert dryline(*words, "--force").exit_code == 0
    assert dryline("run", "verify", path, "--expect", sha256).exit_code == 0
