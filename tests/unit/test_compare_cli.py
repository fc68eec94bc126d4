"""`dryline trial compare` on stores as they lie on disk: who is compared, what is told."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from controller.cli import trials
from controller.clock import NS
from controller.config import load_line
from controller.control.station_memory import Memory
from controller.core.run import Outcome, RunHead
from controller.run_folder import history_path
from controller.run_store import STORE, RunStore, StationFacts
from tests.support.history import T0_NS
from tests.support.run_history import thickness_runs
from tests.support.virtual_line import SHIPPED

app = typer.Typer()
trials.add_to(app)

LENGTH_S, EVERY_S = 600, 1000
MEANS = (104.0, 104.0, 104.0, 106.0)
FIRST, STOPPED, SECOND, TRIAL_RUN = IDS = tuple(f"calender-20260101-00000{k}" for k in range(4))
TRIAL = "trial-calender-20260101-000003"
BASE = "line-load@1.0.0"


def dryline(*words):
    return CliRunner().invoke(app, [str(w) for w in words], env={"COLUMNS": "200"})


def compared(folder, *words):
    result = dryline("trial", "compare", *words, "--run", folder, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["comparison"]


def head(k):
    begun_ns = T0_NS + k * EVERY_S * NS
    is_trial = IDS[k] == TRIAL_RUN
    return RunHead(
        id=IDS[k], station="calender", kind="calender", content_hash="", begun_by="ada",
        recipe="calender/warm@1.0.0" if is_trial else f"calender/{BASE}", reason="", software="0",
        begun_ns=begun_ns, ended_ns=begun_ns + LENGTH_S * NS, trial=TRIAL if is_trial else "",
        outcome=Outcome.STOPPED if IDS[k] == STOPPED else Outcome.COMPLETED,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Three runs of a base recipe, one of them stopped, then a run of a trial 2 um thicker."""
    run = tmp_path_factory.mktemp("run")

    def thickness(k, at_s):
        return MEANS[k] + np.random.default_rng(k).normal(0.0, 0.5, len(at_s))

    thickness_runs(history_path(load_line(SHIPPED), run), thickness, len(IDS), LENGTH_S)
    store = RunStore(run / STORE)
    store.commit({"calender": StationFacts(Memory(), {}, tuple(map(head, range(len(IDS)))))})
    body = {"id": TRIAL, "station": "calender", "base": BASE, "recipe": "warm@1.0.0",
            "question": "Is it [thicker]?", "run": TRIAL_RUN, "minutes": 10.0, "metres": None,
            "how": "its window of 10 min is over", "ended_ns": T0_NS}  # fmt: skip
    store.save_trial(TRIAL, "calender", body, is_open=False)
    waiting = body | {"id": "trial-calender-waiting", "run": "", "ended_ns": None, "how": ""}
    store.save_trial(waiting["id"], "calender", waiting, is_open=True)
    lonely = body | {"id": "trial-calender-lonely", "base": "gap@1.0.0"}
    store.save_trial(lonely["id"], "calender", lonely, is_open=False)
    store.close()
    return run


def test_base_is_what_was_completed_with_the_base_recipe_newest_first(folder):
    found = compared(folder, "trial-calender-2026")
    assert found["trial"] == [TRIAL_RUN]
    assert found["base"] == [SECOND, FIRST]


def test_the_difference_is_that_of_the_runs(folder):
    row = compared(folder, TRIAL)["measures"]["thickness"]
    assert row["difference"] == pytest.approx(2.0, abs=0.15)
    assert row["evidence"] == "one run"
    single = compared(folder, TRIAL, SECOND)["measures"]["thickness"]
    assert single["evidence"] == "batches"
    assert 1.9 < single["interval"]["low"] < single["difference"] < single["interval"]["high"] < 2.2


def test_runs_axis_and_window_are_for_the_user_to_name(folder):
    found = compared(folder, TRIAL, STOPPED, "--axis", "start", "--window", 100, 400)
    assert found["base"] == [STOPPED]
    assert (found["axis"], found["stretch"]["low"], found["stretch"]["high"]) == ("start", 100, 400)


def test_a_person_reads_question_sides_figures_and_verdicts(folder):
    shown = dryline("trial", "compare", TRIAL, SECOND, "--run", folder).output
    for wanted in ("Is it [thicker]?", f"trial  {TRIAL_RUN}", f"base   {SECOND}", "compared from",
                   "  higher by 2.", "energy in EXECUTE, kWh", "note: "):  # fmt: skip
        assert wanted in shown
    line = next(x for x in shown.splitlines() if x.startswith("thickness"))
    assert line.split()[-6::3] == ["106.04", "103.97"]


def test_trials_are_listed_with_whole_ids_on_a_narrow_screen(folder):
    words = ["trial", "list", "--run", str(folder)]
    lines = CliRunner().invoke(app, words, env={"COLUMNS": "40"}).output.splitlines()
    k = lines.index(f"{TRIAL}  its window of 10 min is over")
    assert lines[k + 1] == "  Is it [thicker]?"
    assert lines[k + 2] == f"  warm@1.0.0 after {BASE} for 10 min, run {TRIAL_RUN}"
    assert "trial-calender-waiting  open" in lines


def test_the_picture_is_written(folder, tmp_path):
    picture = tmp_path / "trial.png"
    result = dryline("trial", "compare", TRIAL, SECOND, "--run", folder, "--png", picture)
    assert result.exit_code == 0, result.output
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing"], "names no single trial"),
        (["trial-calender"], "names no single trial"),
        (["trial-calender-waiting"], "has not begun a run yet"),
        (["trial-calender-lonely"], "no completed run of calender with gap@1.0.0"),
        ([TRIAL, "calender-2027"], "no such run"),
        ([TRIAL, TRIAL_RUN], "more than once"),
    ],
)
def test_what_cannot_be_compared_is_told(folder, words, told):
    result = dryline("trial", "compare", *words, "--run", folder)
    assert result.exit_code == 1
    assert told in result.stderr
