"""The stations of a line under test in controllers of their own, on its plant and run folder."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from controller.core.errors import DrylineError
from controller.history.several import MergedReader
from controller.run_folder import histories, socket_path
from tests.support.line_under_test import (
    ANSWER_S,
    PREFIX,
    READY_S,
    ROOT,
    STATIONS,
    ConsoleClient,
    Json,
    LineUnderTest,
)


@dataclass(frozen=True)
class Scans:
    """What the figures of a station said at one moment, plant seconds."""

    at_s: float
    count: int
    overruns: int
    late_ms: float
    pid: int


@dataclass
class Watched:
    """Scans of a station from a begin on: what was missed, and how late they were."""

    begin: Scans
    late_ms: list[float] = field(default_factory=list)
    missed: int = 0
    count: int = 0
    pid_changed: bool = False
    seconds: float = 0.0

    def see(self, now: Scans) -> None:
        """One more look."""
        self.late_ms.append(now.late_ms)
        self.missed = now.overruns - self.begin.overruns
        self.count = now.count - self.begin.count
        self.seconds = now.at_s - self.begin.at_s
        self.pid_changed |= now.pid != self.begin.pid


class SplitLine:
    """Use as a context: the controller of the whole line is stopped, one for each station started.

    Leaving it ends them; `LineUnderTest.settle` starts the one for the whole line again.
    """

    def __init__(self, line: LineUnderTest) -> None:
        self.line = line
        self.process: dict[str, subprocess.Popen[bytes]] = {}
        self.console = {s: ConsoleClient(socket_path(line.run, s)) for s in STATIONS}

    def __enter__(self) -> Self:
        if self.line.controller_runs():
            self.line.stop_controller()
        try:
            for station in STATIONS:
                self.start(station)
            self.line.wait_for(self.all_links_up, "all links up")
        except AssertionError as error:
            self.__exit__(None, None, None)
            logs = [self.line.log(f"controller-{station}")[-1500:] for station in STATIONS]
            raise AssertionError("\n".join([str(error), *logs])) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for console in self.console.values():
            console.close()
        for process in self.process.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGTERM)
        for process in self.process.values():
            try:
                process.wait(10.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(ANSWER_S)

    # -- processes -------------------------------------------------------------------------------

    def start(self, station: str) -> None:
        """Start the controller of one station; returns at once."""
        self.process[station] = self.line._spawn(
            f"controller-{station}", *self.words("--station", station)
        )

    def words(self, *more: str) -> list[str]:
        """The command that runs a controller on this line."""
        folder = str(self.line.line_folder)
        return ["controller", "controller", "--line", folder, *self.line._common, *more]

    def another(self, *more: str) -> subprocess.CompletedProcess[str]:
        """Try to run one more controller."""
        return self._run(self.words(*more))

    def dryline(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command of the command line, on this run folder."""
        return self._run(["controller", *words, "--run", str(self.line.run)])

    def _run(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=ROOT, capture_output=True, text=True, timeout=READY_S, check=False,
            env=os.environ | {"COLUMNS": "200"},
        )  # fmt: skip

    def kill(self, station: str) -> None:
        """kill -9; waits until it is gone."""
        self.process[station].kill()
        self.process[station].wait(ANSWER_S)
        self.console[station].close()

    def stop(self, station: str) -> int:
        """SIGTERM; the exit code."""
        self.process[station].send_signal(signal.SIGTERM)
        try:
            return self.process[station].wait(10.0)
        finally:
            self.console[station].close()

    # -- looking ---------------------------------------------------------------------------------

    def status(self, station: str) -> Json:
        """Status of one station, by its own controller."""
        found: Json = self.console[station].ask(op="status")["stations"][station]
        return found

    def link_up(self, station: str) -> bool:
        """True when the controller of a station runs and has its PLC."""
        try:
            return bool(self.status(station)["link_up"])
        except DrylineError:
            return False

    def all_links_up(self) -> bool:
        """True when all controllers run and have their PLCs."""
        return all(self.link_up(s) for s in STATIONS)

    def command(self, station: str, verb: str, target: str = "", value: Any = None) -> Json:
        """One command; the answer, accepted or refused."""
        return self.console[station].ask(
            op="command", station=station, verb=verb, target=target, value=value, actor="test"
        )

    def scans(self, station: str) -> Scans:
        """The figures of a station's scan, as its tags show them."""
        answer = self.console[station].ask(op="tags", station=station)
        rows = {row["tag"]: row["value"] for row in answer["tags"]}
        scan = f"{PREFIX[station]}.SCAN"
        return Scans(
            answer["time_ns"] / 1e9,
            int(rows[f"{scan}.COUNT"]),
            int(rows[f"{scan}.OVERRUNS"]),
            rows[f"{scan}.LATE"],
            self.process[station].pid,
        )

    def foreign(self, station: str, of: str) -> dict[str, str]:
        """Qualities of what a station's controller reads of another station."""
        (whoami,) = self.console[station].ask(op="status")["controllers"]
        return {tag: row["quality"] for tag, row in whoami["reads"][of]["tags"].items()}

    def reader(self) -> MergedReader:
        """A reader of all histories of the run folder, to be closed by the caller."""
        return MergedReader(histories(self.line.config, self.line.run))
