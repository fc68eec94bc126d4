"""A line whose history goes to a real InfluxDB that things happen to, and what is seen of it."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from controller.clock import NS, SystemClock
from controller.core.errors import StoreError
from controller.core.sample import FIRST_BAD
from controller.history import Reader
from controller.sinks.condition import State
from controller.sinks.ledger_reader import position_and_totals
from controller.sinks.places import SinkPlaces
from controller.sinks.status import SinkStatus, read_status
from tests.support.bare_timer import lateness, ticking
from tests.support.counted_controller import noted
from tests.support.influx_server import InfluxServer
from tests.support.line_under_test import ROOT, STATIONS, LineUnderTest
from tests.support.manners import Manner
from tests.support.path_mapper import PathMapper, Write
from tests.support.read_back import Influx1, Reading, all_readings
from tests.support.sink_plant import exactly

SINK = "plant"
DATABASE = "line"
TIMER = "timer.bin"
POLL_S = 0.25
MIB = 2**20
ALL_NS = 2**62
SERVER_NICE = 10  # it would have a machine of its own, and takes no time from the line
SETTLED_S = 1.0  # after the first answer, the live samples are live again
AFTER_S = 2.0  # that are looked at when everything has been sent
SECTION = """
[sinks.plant]
kind = "influx"
url = "{url}"
bucket = "line"
token_file = "influx.token"
"""


@dataclass
class Arrivals:
    """When what arrived at the server, by its newest time: how old the newest there is at worst.

    Wall seconds of this process, and plant time as nanoseconds.
    """

    clock: SystemClock
    rows: list[tuple[float, int]] = field(default_factory=list)

    def note(self, write: Write) -> None:
        """A write that is about to be stored."""
        newest_ns = max(int(line.rsplit(b" ", 1)[1]) for line in write.lines()[-200:])
        self.rows.append((time.monotonic(), newest_ns))

    def age_s(self, start_s: float, stop_s: float) -> float:
        """The largest age, in wall seconds, that the newest sample there had in a stretch."""
        rows = list(self.rows)
        newest_ns = max((ns for at_s, ns in rows if at_s <= start_s), default=0)
        worst_s = 0.0
        for at_s, ns in [*((at, ns) for at, ns in rows if start_s < at < stop_s), (stop_s, 0)]:
            worst_s = max(worst_s, self._age_s(newest_ns, at_s))
            newest_ns = max(newest_ns, ns)
        return worst_s

    def _age_s(self, ns: int, at_s: float) -> float:
        now_ns = self.clock.utc_ns() - (time.monotonic() - at_s) * self.clock.speed * NS
        return (now_ns - ns) / NS / self.clock.speed


@dataclass
class Memory:
    """The largest resident size of processes, watched from a thread."""

    peak: dict[str, int] = field(default_factory=dict)

    def look(self, name: str, pid: int) -> int:
        """Bytes that a process holds now; 0 when it is gone."""
        with suppress(OSError, IndexError):  # IndexError: it has just ended
            text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            size = 1024 * int(text.split("VmRSS:")[1].split()[0])
            self.peak[name] = max(self.peak.get(name, 0), size)
            return size
        return 0


@dataclass(kw_only=True)
class Stage:
    """Figures of one outage. Times in wall seconds, rates of samples in the same."""

    name: str
    lasted_s: float
    waited: int  # samples that waited when it was over
    drained_in_s: float
    drain_per_s: float
    live_age_s: float  # at worst, at the server, while the rest was drained
    late_p99_ms: dict[str, float]  # of scans, from its beginning to the end of the drain
    drain_late_p99_ms: dict[str, float]  # of those from its end on
    machine_ms: float  # how late a process was at worst that does nothing but wake up


class OutageLine:
    """Use as a context; plant and controller run in it, all stations started."""

    def __init__(self, home: Path, speed: float) -> None:
        self.home = home
        self.line = LineUnderTest(
            speed=speed, controller_words=("tests.support.counted_controller", str(home))
        )
        self.clock = self.line.clock
        self.influx = InfluxServer(home / "influx", nice=SERVER_NICE)
        self.mapper = PathMapper(self.influx.url, token="first", nice=SERVER_NICE)  # noqa: S106 - of this test alone
        self.places = SinkPlaces(self.line.run, SINK)
        self.arrivals, self.memory = Arrivals(self.clock), Memory()
        self.stages: list[Stage] = []
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Everything runs, from the server to the stations."""
        with ticking(self.home / TIMER, ROOT), self.influx, self.mapper, self.line as line:
            self.influx.create(DATABASE)
            self.behave()
            self.write_token("first")
            path = line.line_folder / "line.toml"
            section = SECTION.format(url=self.mapper.url)
            path.write_text(path.read_text(encoding="utf-8") + section, encoding="utf-8")
            line.start_plant()
            line.start_controller()
            line.settle()
            for station in STATIONS:
                line.activate(station)
            self.reach(State.SENDING)
            self._watcher.start()
            try:
                yield
            finally:
                self._ended.set()
                self._watcher.join()

    # -- what may happen -------------------------------------------------------------------------

    def behave(self, manner: Manner | None = None) -> None:
        """Treat writes so from now on; well, if nothing is said."""
        self.mapper.behave()
        if manner is not None:
            self.mapper.manner = lambda _: manner
            return

        def store(write: Write) -> Manner:
            self.arrivals.note(write)
            return Manner()

        self.mapper.manner = store

    def write_token(self, token: str) -> None:
        """What the sink calls itself."""
        (self.line.line_folder / "influx.token").write_text(token, encoding="ascii")

    # -- what can be seen ------------------------------------------------------------------------

    def status(self) -> SinkStatus:
        """How the sink says it is."""
        return read_status(self.places.status, SINK, self.clock.link_s())

    def sent(self) -> tuple[int, bool]:
        """Samples sent so far, and whether a gap is left."""
        position, totals = position_and_totals(self.places.ledger)
        return totals.sent, bool(position.gaps)

    def reach(self, state: State, within_s: float = 30.0) -> SinkStatus:
        """Wait for a state; the status then."""
        self.line.wait_for(
            lambda: self.status().state is state, f"sink {state.name}: {self.status()}", within_s
        )
        return self.status()

    def drain(self, within_s: float) -> tuple[float, float, int]:
        """Wait until the rest of an outage is sent: seconds it took, samples a second, and n.

        Counted from the first samples that are taken.
        """
        begun, _ = self.sent()
        before = begun
        deadline_s = time.monotonic() + within_s
        start_s = time.monotonic()
        while True:
            now, gap = self.sent()
            if now == begun:
                start_s = time.monotonic()
            elif not gap and self.status().live_s < 2.0 and self.status().state is State.SENDING:
                break
            else:
                before = now
            assert time.monotonic() < deadline_s, self.status()
            time.sleep(0.05)
        took_s = time.monotonic() - start_s
        return took_s, (before - begun) / took_s, before - begun

    def late_ms(self, station: str, start_s: float, stop_s: float) -> NDArray[np.float64]:
        """Wall milliseconds by which the scans of a stretch (monotonic seconds) began late."""
        assert self.line.controller is not None
        rows = noted(self.home, station, self.line.controller.pid)
        now_s, now_ns = time.monotonic(), self.clock.utc_ns()
        at_s = now_s - (now_ns - rows["time_ns"]) / NS / self.clock.speed
        inside = (at_s >= start_s) & (at_s < stop_s)
        late: NDArray[np.float64] = rows["late_ms"][inside] / self.clock.speed
        return late

    def late_p99_ms(self, start_s: float, stop_s: float) -> dict[str, float]:
        """The 99th percentile of each station."""
        return {s: float(np.percentile(self.late_ms(s, start_s, stop_s), 99)) for s in STATIONS}

    def machine_ms(self, start_s: float, stop_s: float) -> float:
        """How late a bare timer was at worst in a stretch (monotonic seconds)."""
        now_s, now_ns = time.monotonic(), time.time_ns()
        start_ns, stop_ns = (now_ns - round((now_s - at_s) * NS) for at_s in (start_s, stop_s))
        return float(lateness(self.home / TIMER, start_ns, stop_ns).max(initial=0.0))

    def sink_pid(self) -> int:
        """The process of the sinks."""
        assert self.line.controller is not None
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with suppress(OSError, IndexError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if b"controller.sinks" in words and parent == self.line.controller.pid:
                    return int(entry.name)
        return 0

    def look_at_memory(self) -> dict[str, int]:
        """Bytes now: of the controller and of the process of the sinks."""
        assert self.line.controller is not None
        pids = {"controller": self.line.controller.pid, "sinks": self.sink_pid()}
        return {name: self.memory.look(name, pid) for name, pid in pids.items()}

    def _watch(self) -> None:
        while not self._ended.wait(POLL_S):
            self.look_at_memory()

    # -- one outage ------------------------------------------------------------------------------

    def outage(
        self, name: str, seconds: float, begin: Callable[[], None], end: Callable[[], None]
    ) -> Stage:
        """Something happens, lasts so many wall seconds, and is over; then the rest is sent."""
        start_s = time.monotonic()
        begin()
        time.sleep(seconds)
        waited = self.status().queue
        end()
        ended_s = time.monotonic()
        drain_s, rate, n = self.drain(within_s=60.0 + seconds)
        stop_s = time.monotonic()
        time.sleep(AFTER_S)
        stage = Stage(
            name=name,
            lasted_s=ended_s - start_s,
            waited=waited,
            drained_in_s=drain_s,
            drain_per_s=rate,
            live_age_s=self.arrivals.age_s(stop_s - drain_s + SETTLED_S, stop_s + AFTER_S),
            late_p99_ms=self.late_p99_ms(start_s, stop_s),
            drain_late_p99_ms=self.late_p99_ms(ended_s, stop_s + AFTER_S),
            machine_ms=self.machine_ms(start_s, time.monotonic()),
        )
        self.stages.append(stage)
        print(f"\n{stage} ({n} samples)")
        return stage

    # -- at the end ------------------------------------------------------------------------------

    def finish(self) -> None:
        """Stop the controller, and send what it stored at its end as its sinks would."""
        assert self.line.stop_controller(30.0) == 0
        self.places.status.unlink()
        words = ["--folder", self.line.line_folder, "--run", self.line.run]
        words += ["--store", self.line.run / "history.db", "--line", self.line.config.name]
        words += ["--speed", self.clock.speed, "--epoch", repr(self.clock.epoch_utc_s)]
        command = [sys.executable, "-m", "controller.sinks", *map(str, words)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT) as process:
            try:
                self.line.wait_for(self._nothing_left, f"the rest sent: {self.status()}", 60.0)
            finally:
                process.kill()

    def _nothing_left(self) -> bool:
        status = self.status()
        return status.state is State.SENDING and (status.queue, status.events_queue) == (0, 0)

    def compare(self) -> list["Compared"]:
        """Every tag of the local store beside the database."""
        read = Influx1(self.influx, DATABASE, self.line.config.name)
        found = []
        with Reader(self.line.run / "history.db") as reader:
            tags = reader.tags()
            for station in sorted({tag.station for tag in tags}):
                there = all_readings(read, station)
                for tag in (t.name for t in tags if t.station == station):
                    here = readings_of(reader, tag)
                    found.append(Compared.of(tag, here, there.pop(tag, [])))
                assert not there, f"not in the local store: {sorted(there)}"
        return found

    def events(self) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
        """Times and texts of events: here and there."""
        read = Influx1(self.influx, DATABASE, self.line.config.name)
        there = [(p.time_ns, str(p.field("text"))) for p in read.points("events")]
        with Reader(self.line.run / "history.db") as reader:
            here = [(e.time_ns, e.text) for e in reader.events()]
        return sorted(here), sorted(there)

    def figures(self) -> dict[str, object]:
        """Of all stages, for a file."""
        return {"stages": [asdict(stage) for stage in self.stages], "cpus": os.cpu_count()}


@dataclass(frozen=True)
class Compared:
    """Count and hash of one tag in the local store and in the database."""

    tag: str
    here: tuple[int, str]
    there: tuple[int, str]

    @classmethod
    def of(cls, tag: str, here: Sequence[Reading], there: Sequence[Reading]) -> "Compared":
        return cls(tag, (len(here), _hash(here)), (len(there), _hash(there)))


def _hash(found: Sequence[Reading]) -> str:
    return hashlib.sha256(repr(exactly(found)).encode()).hexdigest()


def readings_of(reader: Reader, tag: str) -> list[Reading]:
    """A tag of the local store as a database should have it."""
    with suppress(StoreError):
        found = reader.raw(tag, 0, ALL_NS)
        has_value = np.isfinite(found.values) & (found.quality < FIRST_BAD)
        columns = (found.time_ns, found.values, found.quality, has_value)
        return [
            Reading(time_ns, value if whole else None, quality)
            for time_ns, value, quality, whole in zip(*(c.tolist() for c in columns), strict=True)
        ]
    return []
