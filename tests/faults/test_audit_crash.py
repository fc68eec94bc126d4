"""Killed at any moment, the trail has every confirmed record, whole and in order."""

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from controller.audit.check import check
from controller.audit.trail import TRAIL
from controller.audit.verify import Damage
from tests.support.audit_trails import anchor_of, entry, open_trail, records_in
from tests.support.audit_writer import STEPS
from tests.support.documents import ROOT

KILLS = 200 if os.environ.get("DRYLINE_NIGHTLY") else 15
TOLD_BY_A_KILL = (None, Damage.UNFINISHED)


def life(
    folder: Path, *more: str, threads: int = 4, after: int = 0, for_s: float | None = None
) -> list[str]:
    """One life of a writer: the lines of the records that were confirmed before its end.

    Killed, if at all, so many seconds after so many of them, however slow the disk is.
    """
    command = [sys.executable, "-m", "tests.support.audit_writer", str(folder), str(threads), *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    timer = threading.Timer(for_s, process.kill) if for_s is not None else None
    assert process.stdout is not None
    with process.stdout as stream:
        first = stream.readline()
        early = [stream.readline() for _ in range(after)]
        if timer is not None:
            timer.start()
        lines = (b"".join(early) + stream.read()).decode().splitlines(keepends=True)
    assert process.wait(60) == -9
    if first != b"ready\n":
        return []
    return [line.strip() for line in lines if line.endswith("\n")]


def examine(folder: Path, confirmed: list[str]) -> None:
    """What must hold after a kill, before and after the next start."""
    path = folder / "run" / TRAIL
    there = {f"{r.number} {r.hash}" for r in records_in(path) if r is not None}
    assert set(confirmed) <= there
    anchors, _ = anchor_of(folder).read()
    anchored = max((a.number for a in anchors), default=0)
    newest = max((int(line.split()[0]) for line in confirmed), default=0)
    assert anchored >= newest
    finding = check(path, anchor_of(folder))[0].finding if path.exists() else None
    assert (finding.damage if finding else None) in TOLD_BY_A_KILL
    if finding is not None:
        assert finding.number > newest
    with open_trail(folder) as trail:
        assert trail.broken == ""
    verification = check(path, anchor_of(folder))[0]
    assert verification.intact, verification.finding
    assert set(confirmed) <= {f"{r.number} {r.hash}" for r in records_in(path) if r}


def test_confirmed_records_outlive_kills_at_random_moments(tmp_path):
    chance = random.Random(5)
    confirmed: list[str] = []
    (tmp_path / "run").mkdir()
    for k in range(KILLS):
        confirmed += life(tmp_path, after=k % 5, for_s=chance.uniform(0.0, 0.3))
        examine(tmp_path, confirmed)
    assert len(confirmed) > KILLS


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("count", ["1", "2", "7"])
def test_every_step_of_a_write_may_be_the_last(tmp_path, step, count):
    (tmp_path / "run").mkdir()
    confirmed = life(tmp_path, step, count)
    examine(tmp_path, confirmed)
    examine(tmp_path, confirmed + life(tmp_path, for_s=0.1))


def test_a_neighbour_that_is_killed_does_not_disturb_who_goes_on_writing(tmp_path):
    with open_trail(tmp_path) as trail:
        ended = threading.Event()
        own: list[str] = []

        def write() -> None:
            while not ended.is_set():
                (made,) = trail.append(entry("STOP", actor="neighbour"))
                own.append(f"{made.number} {made.hash}")

        thread = threading.Thread(target=write)
        thread.start()
        others = [line for _ in range(5) for line in life(tmp_path, after=1, for_s=0.2)]
        others += life(tmp_path, "half written", "5")
        others += life(tmp_path, "after sync", "5")
        ended.set()
        thread.join()
        assert trail.broken == ""
    assert own
    assert others
    examine(tmp_path, own + others)
