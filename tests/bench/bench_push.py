"""What it costs to show 150 tags that change ten times a second to 1, 20 and 50 windows.

    python -m tests.bench.bench_push [--seconds 20]

The API as it is served (sessions, views, acknowledgements) and the thinnest broadcast on the same
library take turns; feed and windows are processes of their own. A window notes how old a change is
when it comes. At the end one window stops reading, and the others are looked at again.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from controller.access.roles import Role
from tests.bench.goals import Figure
from tests.bench.machine import cpu_s, resident_mib
from tests.support.api_process import ApiUnderTest
from tests.support.line_under_test import ROOT, SHIPPED
from tests.support.live_crowd import WINDOWS

TAGS = 150
CROWDS = (1, 20, 50)
SECONDS = 20.0
# Where the processor goes at 50 windows (cProfile of the server, and the rounds alone without
# sockets): 1 % of a core for one window, whatever is shown; then 22 to 27 us for each frame to one
# more. Of these our own code takes 1.8 us for the frame and 1.1 us for an acknowledgement, which
# comes with every second frame. The rest is a send of 3 KiB to the kernel, about half of it,
# and for each acknowledgement a poll, a recv and a turn of the event loop. Before frames were given
# to sockets directly it was 50 to 60 us: a task woken twice a frame, the parser and the queue.
FUXA = {1: 3.4, 20: 7.2, 50: 10.8}  # % of a processor, measured on another day: for orientation
Row = dict[str, float]


@contextlib.contextmanager
def _talking(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A program of ours and the first line that it prints."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", *words], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def _watched(pid: int, windows: int, seconds: float, *words: str) -> Row:
    """So many windows for some seconds, and what the server needed meanwhile."""
    command = ("tests.support.push_clients", words[0], str(windows), str(seconds), *words[1:])
    with _talking(*command) as (crowd, said):
        if said != "up":
            raise RuntimeError(f"the windows said {said!r}")
        begun_s, cpu, grown = time.monotonic(), cpu_s(pid), resident_mib(pid)
        time.sleep(0.9 * seconds)
        used = (cpu_s(pid) - cpu) / (time.monotonic() - begun_s)
        grown = resident_mib(pid) - grown
        assert crowd.stdout is not None
        found: Row = json.loads(crowd.stdout.readline())
    return {**found, "server %": 100.0 * used, "server grown MiB": grown}


def measured(home: Path, seconds: float, crowds: Sequence[int]) -> dict[str, Row]:
    """The API and the thin server in turn with each crowd; then with one window that is deaf."""
    run = home / "run"
    run.mkdir()
    names = {f"watcher{k}": [Role.VIEWER] for k in range(1 + max(crowds) // WINDOWS)}
    found: dict[str, Row] = {}
    with _talking("tests.support.push_feed", str(run), str(TAGS)):
        api = ApiUnderTest(SHIPPED, run)
        api.users(**names)
        thin = ("tests.support.push_thin", str(run), str(TAGS))
        with api, _talking(*thin) as (other, port):
            assert api.process is not None
            origin = f"http://127.0.0.1:{api.port}"
            cookies = [word for n in names for word in ("--cookie", api.person(n).cookie)]
            ours = (f"ws://127.0.0.1:{api.port}/api/v1/live", "--origin", origin, *cookies)
            theirs = (f"ws://127.0.0.1:{port}",)
            for windows in crowds:
                found[f"{windows} windows"] = _watched(api.process.pid, windows, seconds, *ours)
                found[f"{windows} windows, thin"] = _watched(other.pid, windows, seconds, *theirs)
            deaf = (*ours, "--deaf", "1")
            found["20 windows, one deaf"] = _watched(api.process.pid, 20, seconds, *deaf)
            found["20 windows, none deaf"] = _watched(api.process.pid, 20, seconds, *ours)
    return found


def goals_of(found: Mapping[str, Row]) -> list[Figure]:
    """D1 and D2."""
    one, many = found["1 windows"], found["50 windows"]
    thin, alone = found["50 windows, thin"], found["1 windows, thin"]
    deaf, none = found["20 windows, one deaf"], found["20 windows, none deaf"]
    cost = many["server %"]
    return [
        Figure("D1", "50 windows: p99 of change to message", many["p99 ms"], 60.0, "ms",
               note=f"thin broadcast in the same run {thin['p99 ms']:.1f} ms"),
        Figure("D1", "processor, 50 windows to 1", cost / one["server %"], 2.0,
               note=f"the thin broadcast: {thin['server %'] / alone['server %']:.1f} x; 3 of some "
               "25 us a frame and window are our own code, the rest sends and polls of the kernel; "
               "next step, not tried: all sends of a round in one call (io_uring)"),
        Figure("D1", "processor, 50 windows, to the thin broadcast", cost / thin["server %"],
               note="which knows neither sessions, views nor slow windows"),
        Figure("D1", "processor, 50 windows, to FUXA's on another day", cost / FUXA[50], 0.3,
               note="FUXA 1.3.4: 10.8 % of a core; not in this run, so for orientation only"),
        Figure("D2", "p99 of 20 windows, one more that stops reading, to none",
               deaf["p99 ms"] / none["p99 ms"], 1.2),
        Figure("D2", "memory grown meanwhile", deaf["server grown MiB"], 8.0, "MiB"),
    ]  # fmt: skip


def run(seconds: float = SECONDS) -> Mapping[str, object]:
    """Milliseconds, per cent of a processor, MiB."""
    with tempfile.TemporaryDirectory(prefix="dp-") as folder:
        found = measured(Path(folder), seconds, CROWDS)
    return {**found, "goals": goals_of(found)}


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seconds", type=float, default=SECONDS)
    found = dict(run(words.parse_args().seconds))
    goals = found.pop("goals")
    print(json.dumps(found, indent=1))
    print(*(goals if isinstance(goals, list) else ()), sep="\n")


if __name__ == "__main__":
    main()
