"""Control while the API is hammered: the scans must not feel it.

Quiet and loud windows by turns; every scan of the three stations is noted.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from controller.access.roles import Role
from tests.support.api_process import ApiUnderTest, eventually
from tests.support.counted_controller import noted
from tests.support.counted_line import STALL_MS, counted_line, stall_ms
from tests.support.line_under_test import ROOT, STATIONS, LineUnderTest
from tests.support.neighbours import Window
from tests.support.noted_scans import ScanFigures, scan_figures

pytestmark = pytest.mark.timeout(300)

TURNS = 8  # quiet, loud, quiet, loud ...
WINDOW_S = 2.5
ROUNDS = 3  # so often is lateness measured on a machine that does
LEAST_CALLS = 300  # a round; fewer would be no load


class HammerProcess:
    """The load, switched on and off. Use as a context."""

    def __init__(self, api: ApiUnderTest, name: str) -> None:
        person = api.person(name)
        command = [sys.executable, "-m", "tests.support.api_hammer", str(api.port)]
        self._process = subprocess.Popen(
            [*command, person.cookie, person.csrf],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> "HammerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30.0)

    def say(self, word: str) -> dict[str, object]:
        """go or stop; what was done since the last go."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        found: dict[str, object] = json.loads(self._process.stdout.readline())
        return found


@dataclass
class Round:
    """What one round showed. quiet_ms: the longest stall of the machine in quiet windows."""

    figures: dict[str, ScanFigures]
    quiet_ms: float
    statuses: Counter[str] = field(default_factory=Counter)
    frames: int = 0

    @property
    def wrong(self) -> list[str]:
        return [f"{s}: {why}" for s, f in self.figures.items() for why in f.wrong()]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LineUnderTest]:
    with counted_line(tmp_path_factory.mktemp("home")) as line:
        yield line


def measured(line: LineUnderTest, hammer: HammerProcess) -> Round:
    """Quiet and loud windows by turns."""
    windows, statuses, frames = [], Counter[str](), 0
    for _ in range(TURNS):
        begun_ns = line.clock.utc_ns()
        time.sleep(WINDOW_S)
        quiet = Window(begun_ns, line.clock.utc_ns())
        hammer.say("go")
        time.sleep(WINDOW_S)
        told = hammer.say("stop")
        windows += [quiet, Window(quiet.stop_ns, line.clock.utc_ns(), "a hammered API")]
        statuses.update(told["statuses"])  # type: ignore[call-overload]
        frames += int(str(told["frames"]))
    assert line.controller is not None
    pid = line.controller.pid
    figures = {s: scan_figures(noted(line.home, s, pid), windows) for s in STATIONS}
    stalls = [stall_ms(line, quiet) for quiet in windows[::2]]
    return Round(figures, max(stalls), statuses, frames)


def test_scans_do_not_feel_an_api_that_is_hammered(line: LineUnderTest, tmp_path: Path) -> None:
    with ApiUnderTest(line.line_folder, line.run, home=line.home) as api:
        api.users(ann=[Role.OPERATOR])
        eventually(api.heard)
        with HammerProcess(api, "ann") as hammer:
            for _ in range(ROUNDS):
                round_ = measured(line, hammer)
                report(round_)
                if not round_.wrong or round_.quiet_ms < STALL_MS:
                    break
    assert not round_.wrong, round_.wrong
    assert sum(round_.statuses.values()) > LEAST_CALLS
    assert round_.statuses["200"] > LEAST_CALLS / 2
    assert round_.frames > LEAST_CALLS
    assert not [code for code in round_.statuses if code.startswith("5")]


def report(round_: Round) -> None:
    """Every round, the bad ones too."""
    print(f"\n{dict(round_.statuses)}, {round_.frames} frames; machine {round_.quiet_ms:.1f} ms")
    for station, figures in round_.figures.items():
        print(f"{station}: {figures}")
