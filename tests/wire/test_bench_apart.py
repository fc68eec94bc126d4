"""Benchmarks in processes of their own: one that fails or hangs costs the others nothing."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.bench import __main__ as bench
from tests.bench.apart import Outcome, run_apart
from tests.bench.goals import Figure

HERE = "tests.wire.test_bench_apart"
LIMIT_S = 60.0


def good(load: float = 2.0) -> Mapping[str, object]:
    goals = [Figure("A1", "CPU", 0.1, 0.15), Figure("A4", "a peer", float("nan"), note="missing")]
    return {"cpu": {"us": 1.5, "load": load}, "what": "text", "goals": goals}


def bad() -> Mapping[str, object]:
    raise ValueError("no such server")


def hanging(told: str) -> Mapping[str, object]:
    """Starts processes, as benches start servers, tells of them and never ends."""
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    children = [subprocess.Popen(command, start_new_session=own) for own in (False, True)]
    part = Path(told).with_suffix(".part")
    part.write_text(" ".join(str(child.pid) for child in children), encoding="ascii")
    part.rename(told)
    while True:
        time.sleep(1)


def _gone(pid: int) -> bool:
    """Ended; whether somebody has asked for its exit code is all the same."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text(encoding="ascii").rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_figures_and_goals_come_back_whole() -> None:
    outcome = run_apart(f"{HERE}:good", {"load": 3.0}, LIMIT_S)
    assert outcome.figures == {"cpu us": 1.5, "cpu load": 3.0}
    assert outcome.goals[0] == Figure("A1", "CPU", 0.1, 0.15)
    assert outcome.goals[1].met is None
    assert not outcome.failure


def test_one_that_fails_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run_apart(f"{HERE}:bad", {}, LIMIT_S)
    assert outcome.failure.startswith("ended with 1")
    assert not outcome.figures
    assert "no such server" in capfd.readouterr().err


def test_one_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    told = tmp_path / "child"
    limit_s = 2.0
    outcome = Outcome()
    while not told.exists():  # a busy machine may need longer to begin with it
        limit_s *= 2
        outcome = run_apart(f"{HERE}:hanging", {"told": str(told)}, limit_s)
    assert outcome.failure == f"no result within {limit_s:g} s"
    children = [int(pid) for pid in told.read_text(encoding="ascii").split()]
    end_s = time.monotonic() + LIMIT_S
    while not all(map(_gone, children)) and time.monotonic() < end_s:
        time.sleep(0.01)  # killed, and dead a moment later
    assert [_gone(child) for child in children] == [True, True]


def test_what_fails_in_the_middle_loses_no_figure_and_is_told_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    goal = Figure("A1", "CPU", 0.1, 0.15)
    made = {
        "tests.bench.bench_opcua:run": Outcome({"cpu": 1.0}, (goal,)),
        "tests.bench.bench_sink:run": Outcome(failure="no result within 5 s"),
        "tests.bench.bench_line:run": Outcome({"late": 2.0}),
    }
    monkeypatch.setattr(bench, "run_apart", lambda target, _arguments, _limit_s: made[target])
    path = tmp_path / "out" / "bench.json"
    assert bench.run_all(("opcua", "sink", "line"), bench.Wish(1.0, 5.0), path) == 1
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["figures"] == {"opcua": {"cpu": 1.0}, "line": {"late": 2.0}}
    assert kept["failed"] == {"sink": "no result within 5 s"}
    assert kept["goals"][0]["met"] is True
    assert kept["about"]["date"]
    told = capsys.readouterr().out
    assert "FAILED: no result within 5 s" in told
    assert told.splitlines()[-1] == "without figures: sink"


def test_all_named_benchmarks_exist() -> None:
    folder = Path(bench.__file__).parent
    assert all((folder / f"bench_{name}.py").exists() for name in bench.NAMES)
