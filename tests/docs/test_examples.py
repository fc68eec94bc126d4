"""The example scripts run as they stand, and what they print is right."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from controller.__main__ import app
from controller.clock import NS
from controller.config import load_line
from controller.core.sample import Samples
from controller.history import Store
from controller.line import tag_table
from controller.run_folder import history_path
from tests.support.documents import ROOT, code_words, fences
from tests.support.history import T0_NS
from tests.support.virtual_line import SHIPPED

EXAMPLES = ROOT / "docs" / "examples"
HOW_TO = ROOT / "docs" / "how-to" / "export-and-import.md"
FROST_POINT, SHEAR = "ENC.DP.ZONE", "COAT.ENIP"
SECONDS = 3600
BAD = slice(600, 700)  # the frost point is Bad
GAP = slice(1500, 2100)  # and here it has no samples
LOW, HIGH = -62.0, -58.0
HOLD_S = 125  # twice the longest interval of 60 s, and 5 s


def plant() -> tuple[np.ndarray, np.ndarray]:
    """An hour of frost point, and of shear energy that leans on it, at 1 Hz."""
    rng = np.random.default_rng(7)
    t = np.arange(SECONDS)
    frost = np.round(-60.0 + 3.0 * np.sin(t / 500.0) + rng.normal(0, 0.2, SECONDS), 1)
    shear = np.round(70.0 - 1.5 * (frost + 60.0) + rng.normal(0, 1.0, SECONDS), 2)
    return frost, shear


@pytest.fixture(scope="module")
def exports(tmp_path_factory) -> tuple[Path, Path]:
    """Samples and minutes of that hour, as the commands of the how-to write them."""
    run = tmp_path_factory.mktemp("run")
    config = load_line(SHIPPED)
    known = {t.name: t for t in tag_table(config).tags}
    store = Store.open(history_path(config, run))
    ids = store.catalogue([known[FROST_POINT], known[SHEAR]])
    frost, shear = plant()
    quality = np.zeros(SECONDS, np.uint8)
    quality[BAD] = 132
    there = np.ones(SECONDS, np.bool_)
    there[GAP] = False
    times = T0_NS + np.arange(SECONDS) * NS
    for tag_id, values, q, kept in (
        (ids[0], frost, quality, there),
        (ids[1], shear, np.zeros(SECONDS, np.uint8), np.ones(SECONDS, np.bool_)),
    ):
        n = int(kept.sum())
        store.load(Samples(np.full(n, tag_id, np.int32), values[kept], q[kept], times[kept]))
    store.close()
    files = run / "shift.parquet", run / "minutes.parquet"
    window = ["--to", "2026-01-01 01:00", "--run", str(run)]
    for file, more in zip(files, ([], ["--every", "1min"]), strict=True):
        words = ["export", str(file), FROST_POINT, SHEAR, *window, *more]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
    return files


def printed(*words: object) -> str:
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def number(text: str, name: str) -> float:
    found = re.search(rf"^ *{re.escape(name)}: (\S+)", text, re.MULTILINE)
    assert found, f"{name} is not in:\n{text}"
    return float(found[1])


def held_each_second() -> np.ndarray:
    """The Good frost point that held in each second, NaN where nothing is known."""
    frost, _ = plant()
    held = frost.copy()
    held[BAD] = np.nan
    held[GAP] = np.nan
    held[GAP.start : GAP.start - 1 + HOLD_S] = frost[GAP.start - 1]
    return held


def test_the_analysis_of_an_export_agrees_with_numpy(exports):
    text = printed(EXAMPLES / "analyse_export.py", *exports, "--band", LOW, HIGH)
    held, (_, shear) = held_each_second(), plant()
    known = ~np.isnan(held)
    inside = (held >= LOW) & (held <= HIGH)
    assert number(text, "known") == pytest.approx(known.mean(), abs=1e-6)
    assert number(text, "in the band") == pytest.approx(inside.sum() / known.sum(), abs=1e-6)
    assert number(text, "Bad: sensor") == 100
    assert number(text, "Good") == SECONDS - 100 - 600

    by_minute = held.reshape(-1, 60)
    share = (~np.isnan(by_minute)).mean(axis=1)
    kept = share >= 0.5
    frost_mean = np.array([np.nanmean(row) for row in by_minute[kept]])
    shear_mean = shear.reshape(-1, 60).mean(axis=1)[kept]
    assert number(text, "minutes") == 60
    assert number(text, "minutes with both known") == kept.sum()
    wanted = np.corrcoef(frost_mean, shear_mean)[0, 1]
    assert wanted < -0.9  # else the assertion below would show little
    assert number(text, "correlation") == pytest.approx(wanted, abs=1e-6)
    drier = shear_mean[frost_mean <= np.median(frost_mean)].mean()
    assert number(text, "shear energy in the drier half") == pytest.approx(drier, abs=1e-6)


def test_the_analysis_names_the_longest_gaps(exports):
    text = printed(EXAMPLES / "analyse_export.py", *exports)
    gaps = text.partition("nothing is known:\n")[2].splitlines()
    lost_s = GAP.stop - GAP.start + 1 - HOLD_S
    assert gaps[0] == f"  2026-01-01T00:27:04+00:00: {lost_s}.0 s"
    assert gaps[1].endswith(": 1.0 s")  # each Bad sample


def test_the_commands_in_the_docstring_are_those_tested():
    text = (EXAMPLES / "analyse_export.py").read_text(encoding="utf-8")
    commands = re.findall(r"^    dryline export (\S+) (.*)$", text, re.MULTILINE)
    assert [name for name, _ in commands] == ["shift.parquet", "minutes.parquet"]
    assert all(words.startswith(f"{FROST_POINT} {SHEAR} ") for _, words in commands)
    assert commands[1][1].endswith("--every 1min")


def test_every_example_is_told_of_beside_it():
    told = set(code_words(EXAMPLES / "README.md")) | set(
        re.findall(r"\]\(([\w.-]+)\)", (EXAMPLES / "README.md").read_text(encoding="utf-8"))
    )
    there = {p.name for p in EXAMPLES.iterdir() if p.is_file() and p.name != "README.md"}
    assert there <= told


def test_commands_of_the_how_to_are_commands_there_are():
    lines = [
        line.removeprefix("$ ")
        for fence in fences(HOW_TO)
        if fence.language == "console"
        for line in fence.text.splitlines()
        if line.startswith("$ dryline")
    ]
    assert len(lines) > 5
    for line in lines:
        words = line.split()[1:]
        command = words[:2] if words[0] == "run" else words[:1]
        shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"}).output
        for option in re.findall(r" (--[a-z-]+)", line):
            assert option in shown, line
