"""A backup of a running line, restored on an empty machine: equal hash, and a line that goes on."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from controller.clock import NS
from controller.core.sample import Samples
from controller.history import Reader, Store
from controller.line import history_tags
from controller.part import part_of
from controller.run_store import STORE, RunReader
from tests.support.bare_timer import lateness, ticking
from tests.support.counted_controller import noted
from tests.support.counted_line import STALL_MS, TIMER
from tests.support.line_under_test import ROOT, STATIONS, ConsoleClient, LineUnderTest
from tests.support.quick_recipes import release

pytestmark = pytest.mark.timeout(300)

OLD_HOURS = 10  # of history from before, one sample a second of every tag of a station
PAIRS = 16  # of idle time and a backup, in turn: what else happens here happens to both
ROUNDS = 3  # so often is it measured on a machine that does
RESTORE_S = 60.0
RUN_S = 120.0
COMMIT_MS = 100.0
Windows = Sequence[tuple[int, int]]  # begin and end, ns
Column = NDArray[Any]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LineUnderTest]:
    home = tmp_path_factory.mktemp("home")
    release(home / "recipes", "1.0.0")
    words = ("tests.support.counted_controller", str(home))
    with ticking(home / TIMER, ROOT), LineUnderTest(home=home, controller_words=words) as line:
        line.run.mkdir()
        fill(line)
        line.start_plant()
        line.start_controller()
        line.settle()
        answer = line.ask(
            op="deploy", station="coater", recipe="test-film@1.0.0", actor="ann", reason="test"
        )
        assert answer["accepted"], answer
        for station in STATIONS:
            line.activate(station)
        yield line


def fill(line: LineUnderTest) -> None:
    """Hours of history from before, so that a backup takes its time."""
    tags = history_tags(part_of(line.config, ()))
    store = Store.open(line.run / "history.db")
    ids = store.catalogue([replace(tag, resolution=0.01) for tag in tags])
    chance = np.random.default_rng(1)
    for hour in range(OLD_HOURS):
        start_ns = line.clock.utc_ns() - (OLD_HOURS + 1 - hour) * 3600 * NS
        times = start_ns + np.arange(3600, dtype=np.int64) * NS
        n = len(ids)
        store.load(
            Samples(
                np.repeat(ids, 3600).astype(np.int32),
                np.round(chance.normal(20.0, 1.0, 3600 * n), 2),
                np.zeros(3600 * n, np.uint8),
                np.tile(times, n),
            )
        )
    store.close()


def dryline(line: LineUnderTest, *words: str) -> dict[str, object]:
    """What a command of another process answers, in JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "controller", *words, "--json"], cwd=line.home,
        env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True, check=False,
        timeout=RUN_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    found: dict[str, object] = json.loads(done.stdout)
    return found


def folders(line: LineUnderTest) -> list[str]:
    where = {"--run": line.run, "--line": line.line_folder, "--recipes": line.home / "recipes"}
    return [word for name, path in where.items() for word in (name, str(path))]


def test_a_backup_of_a_running_line_does_not_disturb_it_and_comes_back_with_an_equal_hash(
    line: LineUnderTest, tmp_path: Path
) -> None:
    file = tmp_path / "line.backup.zip"
    for _ in range(ROUNDS):
        made, idle, during = in_turn(line, file)
        told, disturbed = disturbances(line, idle, during)
        machine_ms = max(lateness(line.home / TIMER, *w).max() for w in idle)
        print(f"\ndisturbed: {disturbed or 'nothing'}; {told}; idle machine {machine_ms:.1f} ms")
        if not disturbed or machine_ms < STALL_MS:
            break
    assert not disturbed, told
    assert dryline(line, "backup", "--verify", str(file))["content"] == made["content"]
    before = {s: line.station(s)["state"] for s in STATIONS}
    line.kill_controller()
    new = tmp_path / "empty machine"
    places = {"--run": new / "run", "--line": new / "line", "--recipes": new / "recipes"}
    words = [word for name, path in places.items() for word in (name, str(path))]
    restored = dryline(line, "restore", str(file), *words)
    assert restored["content"] == made["content"]
    assert float(str(restored["seconds"])) < RESTORE_S
    assert dryline(line, "inspect", "--run", str(new / "run"))["sound"]
    again = dryline(line, "backup", str(tmp_path / "again.zip"), *words)
    assert again["content"] == made["content"]
    print(
        f"\n{file.stat().st_size / 1e6:.1f} MB in {made['seconds']} s, restored in "
        f"{restored['seconds']} s"
    )
    check_it_goes_on(line, new, before, during[-1][0])


def in_turn(line: LineUnderTest, file: Path) -> tuple[dict[str, object], Windows, Windows]:
    """Idle windows and backups in turn, equally long: the last backup, both kinds of windows."""
    idle, during = [], []
    window_s = 0.0
    for _ in range(PAIRS + 1):
        idle_ns = line.clock.utc_ns()
        time.sleep(window_s)
        begun_ns = line.clock.utc_ns()
        made = dryline(line, "backup", str(file), "--force", *folders(line))
        ended_ns = line.clock.utc_ns()
        window_s = (ended_ns - begun_ns) / NS
        idle.append((idle_ns, begun_ns))
        during.append((begun_ns, ended_ns))
    return made, idle[1:], during[1:]  # the first one said how long they take


def disturbances(
    line: LineUnderTest, idle: Windows, during: Windows
) -> tuple[list[str], list[str]]:
    """What was measured, and what was beyond its bar: lateness, missed scans, slow commits."""
    told, disturbed = [], []
    assert line.controller is not None
    for station in STATIONS:
        rows = noted(line.home, station, line.controller.pid)
        late_ms = [of_windows(rows["time_ns"], rows["late_ms"], w) for w in (idle, during)]
        p99 = [float(np.percentile(part, 99)) for part in late_ms]
        missed = [missed_in(rows, windows) for windows in (idle, during)]
        told.append(
            f"{station} late p99 {p99[0]:.1f} -> {p99[1]:.1f} ms of {late_ms[1].size} scans,"
            f" at most {late_ms[0].max():.1f} -> {late_ms[1].max():.1f} ms,"
            f" missed {missed[0]} -> {missed[1]}"
        )
        if p99[1] > max(2 * p99[0], p99[0] + 10.0) or missed[1] > missed[0]:
            disturbed.append(station)
    line.wait_for_history()
    commits = line.samples("LINE.HISTORY.COMMIT", during[0][0], during[-1][1])
    slowest_ms = float(of_windows(commits.time_ns, commits.values, during).max())
    told.append(f"commits at most {slowest_ms:.1f} ms")
    if slowest_ms >= COMMIT_MS:
        disturbed.append("commits")
    return told, disturbed


def of_windows(time_ns: Column, values: Column, windows: Windows) -> Column:
    """What lies in any of the windows."""
    return np.concatenate([values[(time_ns >= a) & (time_ns < b)] for a, b in windows])


def missed_in(rows: NDArray[np.void], windows: Windows) -> int:
    """Scans that were missed in any of the windows."""
    counts = [of_windows(rows["time_ns"], rows["overruns"], [window]) for window in windows]
    return sum(int(part[-1] - part[0]) for part in counts)


def check_it_goes_on(line: LineUnderTest, new: Path, before: dict[str, str], begun_ns: int) -> None:
    """The controller on the restored folders: stations held, recipe, runs and history there."""
    with RunReader(line.run / STORE) as reader:
        runs = {head.id for head in reader.runs()}
    line.run, line.home = new / "run", new
    line._common[1] = str(line.run)
    line._controller_words = ("controller",)
    line._controller_console = ConsoleClient(line.run / "controller.sock")
    line.line_folder = new / "line"
    line.start_controller()
    line.wait_for(line.all_links_up, "links on the new machine", 20.0)
    for station in STATIONS:
        if before[station] in ("STARTING", "EXECUTE"):
            line.run_until(station, state="HELD", within_s=5.0)
            assert "controller restarted in" in line.station(station)["reason"]
    recipe = line.station("coater")["recipe"]
    assert "test-film@1.0.0" in json.dumps(recipe)
    listed = dryline(line, "runs", "--run", str(line.run))
    assert {row["id"] for row in listed} <= runs  # type: ignore[index]
    assert len(listed) >= len(STATIONS) - 1
    line.wait_for_history()
    with Reader(line.run / "history.db") as reader:
        beats = reader.raw("COAT.HEART", begun_ns - 4 * NS, begun_ns)
        assert len(beats) > 2, "what was stored before the backup is there"
        old = reader.buckets("COAT.HEART", begun_ns - OLD_HOURS * 3600 * NS, begun_ns, 1)
        assert int(old.count[0]) > 3600 * (OLD_HOURS - 1)
