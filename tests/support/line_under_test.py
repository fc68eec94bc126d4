"""A whole line in real processes for tests: plant, three PLCs, controller, and the wires between.

Every line has a folder and ports of its own, so several can run at once. The controller reaches
each PLC through a relay that the test can damage.
"""

import contextlib
import io
import itertools
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np

from controller.clock import NS, SystemClock
from controller.config import LineConfig, load_line
from controller.core.errors import DrylineError
from controller.core.event import Event, EventKind
from controller.core.point import READ_BACK, Access
from controller.history import Reader
from controller.history.results import Series
from tests.support.black_hole import BlackHole, LoopThread
from tests.support.raw_plc import RawPlc

ROOT = Path(__file__).resolve().parents[2]
PATIENT_S, CONNECT_S = 3.0, 20.0
SHIPPED = ROOT / "controller" / "lines" / "pilot"
SHIPPED_PORTS = {"enclosure": ":5020", "coater": ":4841", "calender": ":4842"}
STATIONS = ("enclosure", "coater", "calender")
PREFIX = {"enclosure": "ENC", "coater": "COAT", "calender": "CAL"}
POLL_S = 0.02
ANSWER_S = 20.0  # no bar: a busy disk may take seconds
READY_S = 120.0
GONE_S = 1.0
ACTIVE = ("STARTING", "UNHOLDING", "RESUMING", "EXECUTE")
NEXT_VERB = {
    "IDLE": "START",
    "HELD": "UNHOLD",
    "PAUSED": "RESUME",
    "STOPPED": "RESET",
    "COMPLETED": "RESET",
    "ABORTED": "RESET",
}
PORTS = (20_000, 32_000)
_CHANCE = random.SystemRandom()  # workers beside each other must not draw the same
_given: set[int] = set()
Found = TypeVar("Found")
Json = dict[str, Any]


class ConsoleClient:
    """A lasting connection to a console socket, opened when first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: io.BufferedRWPair | None = None

    def ask(self, **request: object) -> Json:
        """One question; DrylineError when nobody answers or the answer is an error."""
        try:
            stream = self._stream or self._connect()
            stream.write(json.dumps(request).encode() + b"\n")
            stream.flush()
            line = stream.readline()
        except OSError as error:
            self.close()
            raise DrylineError(f"{self._path.name}: {error}") from error
        if not line:
            self.close()
            raise DrylineError(f"{self._path.name} closed the connection")
        reply: Json = json.loads(line)
        if "error" in reply:
            raise DrylineError(reply["error"])
        return reply

    def close(self) -> None:
        """Drop the connection; the next question opens a new one."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with contextlib.suppress(OSError):  # what was still to be sent has no reader
                stream.close()

    def _connect(self) -> io.BufferedRWPair:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(ANSWER_S)
            s.connect(str(self._path))
            stream = s.makefile("rwb")
        self._stream = stream
        return stream


def free_ports(n: int) -> list[int]:
    """Loopback ports nobody listens on.

    They lie below those that the system hands out, or somebody's connection may have taken one by
    the time that it is listened on.
    """
    found: list[int] = []
    while len(found) < n:
        port = _CHANCE.randrange(*PORTS)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            if port not in _given:
                found.append(port)
                _given.add(port)
    return found


def line_folder(folder: Path, ports: dict[str, int], answer_s: float | None = None) -> Path:
    """A copy of the shipped line with other ports.

    answer_s: how long the controller waits for one answer of a PLC, when not as shipped.
    """
    shutil.copytree(SHIPPED, folder)
    path = folder / "line.toml"
    text = path.read_text(encoding="utf-8")
    for station, port in ports.items():
        shipped = SHIPPED_PORTS[station]
        text = text.replace(f"127.0.0.1{shipped}", f"127.0.0.1:{port}")
        text = text.replace(f"port = {shipped[1:]}", f"port = {port}")
    if answer_s is not None:
        text, times = re.subn(r"(?m)^timeout_s = .*$", f"timeout_s = {answer_s}", text)
        assert times == len(ports), text
        text = re.sub(r"(?m)^endpoint = .*$", rf"\g<0>\nconnect_s = {CONNECT_S}", text)
    path.write_text(text, encoding="utf-8")
    return folder


class LineUnderTest:
    """Use as a context; leaving it ends every process it started, whatever state they are in.

    wire: relay of each station; raw: independent client of each PLC. speed: plant seconds per wall
    second; times in history are plant time, which is UTC at speed 1. home: working directory of
    the processes, where `recipes` lies. plant_module, controller_words: what runs in the place of
    the plant and of the controller. plant_words: more options of the plant. answer_s: how long the
    controller waits for one answer, None as shipped; PATIENT_S where the wires are not the subject
    and the machine may be busy with other tests.
    """

    def __init__(
        self,
        speed: float = 1.0,
        seed: int = 1,
        *,
        home: Path = ROOT,
        plant_module: str = "plc_sim",
        controller_words: Sequence[str] = ("controller",),
        plant_words: Sequence[str] = (),
        answer_s: float | None = None,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dry-"))
        self.run = self.folder / "run"
        self.home = home
        self._plant_module, self._controller_words = plant_module, tuple(controller_words)
        self._plant_words = tuple(plant_words)
        self.clock = SystemClock(speed)
        self._common = ["--run", str(self.run), "--speed", str(speed)]
        self._common += ["--epoch", repr(self.clock.epoch_utc_s)]
        self._seed = seed
        self._marks = itertools.count(1)
        real = dict(zip(STATIONS, free_ports(len(STATIONS)), strict=True))
        self.plant_folder = line_folder(self.folder / "plant", real)
        self._loop = LoopThread().__enter__()
        self.wire = {name: BlackHole(self._loop, port) for name, port in real.items()}
        relays = {name: wire.port for name, wire in self.wire.items()}
        self.line_folder = line_folder(self.folder / "line", relays, answer_s)
        self.config: LineConfig = load_line(self.plant_folder)
        self.raw = {s.name: RawPlc(s, self._loop, self.run) for s in self.config.stations}
        self._plant: subprocess.Popen[bytes] | None = None
        self.controller: subprocess.Popen[bytes] | None = None
        self._controller_console = ConsoleClient(self.run / "controller.sock")
        self._plant_console = ConsoleClient(self.run / "plant.sock")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            for console in (self._controller_console, self._plant_console):
                console.close()
            for eyes in self.raw.values():
                eyes.close()
            for wire in self.wire.values():
                wire.close()
        finally:
            for process in (self.controller, self._plant):
                if process is not None:
                    _end_group(process)
            self._loop.__exit__(None, None, None)
            shutil.rmtree(self.folder, ignore_errors=True)

    # -- processes -------------------------------------------------------------------------------

    def start_plant(self, within_s: float = READY_S) -> None:
        """Physics and PLC processes; returns when all three PLCs are up."""
        self.run.mkdir(exist_ok=True)
        command = [self._plant_module, "run", "--line", str(self.plant_folder), *self._common]
        words = ("--seed", str(self._seed), *self._plant_words)
        self._plant = self._spawn("plant", *command, *words)
        for station in STATIONS:
            self.wait_for(partial(self.plc_up_ns, station), f"PLC of {station} up", within_s)

    def start_controller(self) -> None:
        """The controller; returns at once."""
        self.run.mkdir(exist_ok=True)
        command = ["controller", "--line", str(self.line_folder), *self._common]
        self.controller = self._spawn("controller", *self._controller_words, *command)

    def second_controller(self) -> subprocess.CompletedProcess[str]:
        """Try to run another controller on the same run folder."""
        command = ["-m", "controller", "controller", "--line", str(self.line_folder)]
        return subprocess.run(
            [sys.executable, *command, *self._common],
            cwd=ROOT, capture_output=True, text=True, timeout=READY_S, check=False,
        )  # fmt: skip

    def kill_controller(self) -> None:
        """kill -9; waits until it is gone."""
        self.signal_controller(signal.SIGKILL)
        if self.controller is not None:
            self.controller.wait(ANSWER_S)
        self._controller_console.close()

    def stop_controller(self, within_s: float = READY_S) -> int:
        """SIGTERM; the exit code."""
        self.signal_controller(signal.SIGTERM)
        assert self.controller is not None
        try:
            return self.controller.wait(within_s)
        finally:
            self._controller_console.close()

    def signal_controller(self, number: signal.Signals) -> None:
        """Send a signal to the controller if it runs."""
        if self.controller is not None and self.controller.poll() is None:
            self.controller.send_signal(number)

    def controller_runs(self) -> bool:
        """True while the controller process lives."""
        return self.controller is not None and self.controller.poll() is None

    def plc(self, station: str, action: str) -> None:
        """pause, resume, kill (comes back by itself), stop, start."""
        self._plant_console.ask(op="station", station=station, action=action)

    def settle(self) -> None:
        """Take all damage back and wait until every link is up."""
        for wire in self.wire.values():
            wire.delay_s = 0.0
            wire.heal()
        self.clear_all()
        for station, plc in self._plant_console.ask(op="status")["stations"].items():
            self.plc(station, "start" if plc["state"] == "stopped" else "resume")
        self.signal_controller(signal.SIGCONT)
        if not self.controller_runs():
            self.start_controller()
        self.wait_for(self.all_links_up, "all links up")

    def log(self, process: str) -> str:
        """What "plant" or "controller" has written so far."""
        path = self.folder / f"{process}.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def plc_up_ns(self, station: str, after_ns: int = 0) -> int | None:
        """When the PLC of a station last said that it is up (wall UTC), if after `after_ns`."""
        said = f"PLC of {station} is up"
        lines = [line for line in self.log("plant").splitlines() if said in line]
        if not lines:
            return None
        up = datetime.strptime(lines[-1][:23], "%Y-%m-%d %H:%M:%S,%f").astimezone()
        up_ns = round(up.timestamp() * 1e6) * 1000
        return up_ns if up_ns > after_ns else None

    def _spawn(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=self.home, env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    # -- the operator's words --------------------------------------------------------------------

    def ask(self, **request: object) -> Json:
        """One question to the controller's console."""
        return self._controller_console.ask(**request)

    def command(self, station: str, verb: str, target: str = "", value: Any = None) -> Json:
        """One command; the answer, accepted or refused."""
        return self._controller_console.ask(
            op="command", station=station, verb=verb, target=target, value=value, actor="test"
        )

    def do(self, station: str, verb: str, target: str = "", value: Any = None) -> None:
        """One command that must be accepted."""
        answer = self.command(station, verb, target, value)
        assert answer["accepted"], f"{station} {verb} {target}: {answer['reasons']}"

    def start(self, station: str) -> None:
        """START."""
        self.do(station, "START")

    def activate(self, station: str, within_s: float = READY_S) -> None:
        """Get a station going from wherever it is: started, or continued if it was held."""
        self._lead(station, NEXT_VERB, ACTIVE, within_s)

    def produce(self, station: str, within_s: float = READY_S) -> None:
        """Get a station into EXECUTE, held and continued so that it does not wait for dry air."""
        self._lead(station, NEXT_VERB | {"STARTING": "HOLD"}, ("EXECUTE",), within_s)

    def reach_idle(self, station: str, within_s: float = READY_S) -> None:
        """Get a station into IDLE from wherever it is: its run is aborted."""
        away = dict.fromkeys((*ACTIVE, "HELD", "PAUSED"), "ABORT")
        ended = dict.fromkeys(("STOPPED", "COMPLETED", "ABORTED"), "RESET")
        self._lead(station, away | ended, ("IDLE",), within_s)

    def _lead(
        self, station: str, verbs: Mapping[str, str], goal: Sequence[str], within_s: float
    ) -> None:
        def there() -> bool:
            state = self.station(station)["state"]
            if state in verbs:
                self.command(station, verbs[state])
            return state in goal

        self.wait_for(there, f"{station} in {' or '.join(goal)}", within_s)

    def run_until(self, station: str, *, state: str, within_s: float) -> None:
        """Wait until the station is in a state."""
        self.wait_for(
            lambda: self.station(station)["state"] == state, f"{station} in {state}", within_s
        )

    def status(self) -> Json:
        """The controller's status."""
        return self._controller_console.ask(op="status")

    def station(self, station: str) -> Json:
        """Status of one station."""
        found: Json = self.status()["stations"][station]
        return found

    def all_links_up(self) -> bool:
        """True when the controller runs and all links are up."""
        try:
            return all(s["link_up"] for s in self.status()["stations"].values())
        except DrylineError:
            return False

    def tags(self, station: str) -> dict[str, Json]:
        """All tags of a station as the controller shows them: value, quality, time_ns ..."""
        rows = self._controller_console.ask(op="tags", station=station)["tags"]
        return {row["tag"]: row for row in rows}

    def value(self, station: str, tag: str) -> float:
        """Value of one tag as the controller shows it."""
        return float(self.tags(station)[tag]["value"])

    def qualities(self, station: str) -> set[str]:
        """The qualities that the device tags of a station have now."""
        rows = self.tags(station)
        return {str(rows[tag]["quality"]) for tag in self.device_tags(station)}

    def device_tags(self, station: str) -> list[str]:
        """Tags that come over the wire: what is read, and the read-back of what is written."""
        points = self.config.station(station).points
        return [p.tag if p.access is Access.READ else p.tag + READ_BACK for p in points]

    # -- the plant -------------------------------------------------------------------------------

    def fault(self, station: str, name: str, level: float | None = None) -> None:
        """Inject a fault until it is cleared."""
        self._plant_console.ask(op="fault", station=station, name=name, level=level)

    def clear(self, station: str, name: str) -> None:
        """End a fault."""
        self._plant_console.ask(op="clear", station=station, name=name)

    def clear_all(self, station: str = "") -> None:
        """End every fault (of a station)."""
        for row in self._plant_console.ask(op="faults")["active"]:
            if station in ("", row["station"]):
                self.clear(row["station"], row["name"])

    def plc_pids(self) -> list[int]:
        """Process numbers of the running PLCs."""
        stations = self._plant_console.ask(op="status")["stations"].values()
        return [s["pid"] for s in stations if s["pid"] is not None]

    # -- history ---------------------------------------------------------------------------------

    def reader(self) -> Reader:
        """A reader of the history, to be closed by the caller."""
        return Reader(self.run / "history.db")

    def wait_for_history(self) -> None:
        """Wait until what was recorded so far is durable: commits keep the order."""
        mark = f"mark {next(self._marks)}"
        start_ns = self.clock.utc_ns() - NS
        self.command("enclosure", "SET", mark, 0.0)  # refused, and a refusal is an event

        def stored() -> bool:
            found = self.events(start_ns, "enclosure", EventKind.COMMAND)
            return any(event.subject == mark for event in found)

        self.wait_for(stored, "history written")

    def samples(self, tag: str, start_ns: int, stop_ns: int) -> Series:
        """Raw samples of a tag in a window."""
        with self.reader() as reader:
            return reader.raw(tag, start_ns, stop_ns)

    def events(self, start_ns: int, station: str, kind: EventKind | None = None) -> list[Event]:
        """Events of a station since a time."""
        with self.reader() as reader:
            return reader.events(start_ns, station=station, kind=kind)

    # -- waiting ---------------------------------------------------------------------------------

    def wait_for(self, test: Callable[[], Found], what: str, within_s: float = READY_S) -> Found:
        """Poll until `test` gives something true; an AssertionError shows both logs."""
        deadline = time.monotonic() + within_s
        while True:
            found = test()
            if found:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: not within {within_s:g} s\n{self._tails()}")
            time.sleep(POLL_S)

    def _tails(self) -> str:
        parts = []
        for name in ("plant", "controller"):
            tail = "\n".join(self.log(name).splitlines()[-15:])
            parts.append(f"--- {name} ---\n{tail}")
        try:
            parts.append(json.dumps(self.status()["stations"], indent=1))
        except DrylineError as error:
            parts.append(str(error))
        return "\n".join(parts)


def first_time_ns(series: Series, *, bad: bool) -> int | None:
    """Time of the first Bad (or not Bad) sample of a series."""
    at = np.flatnonzero((series.quality >= 128) == bad)
    return int(series.time_ns[at[0]]) if at.size else None


def seconds(ns: int) -> float:
    """Nanoseconds as seconds."""
    return ns / NS


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to a process, then SIGKILL to whatever is left of its group."""
    group = process.pid  # it leads a session of its own
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(ANSWER_S)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait(ANSWER_S)
    deadline = time.monotonic() + GONE_S
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:  # children of a dead leader are nobody's to wait for
            os.killpg(group, signal.SIGKILL)
            time.sleep(POLL_S)
