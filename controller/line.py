"""The line: the one place where real things are chosen and put together.

Tags from the I/O list and the station kinds, one table; for each station its blocks, one link and
one scan service; one historian for all. Nothing here computes; it only wires.
"""

import asyncio
import importlib
import logging
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np

from controller.config import LineConfig, StationConfig
from controller.control.station import Station
from controller.control.station_parts import AfterLinkLoss, StationSetup
from controller.core.errors import DrylineError
from controller.core.event import Answer, Command, Event, EventKind
from controller.core.ports import Clock, Driver, Recorder
from controller.core.sample import GOOD, Samples
from controller.core.table import TagTable
from controller.core.tag import HistoryRule, Tag, Writer
from controller.history.status import HistorianStatus
from controller.link import Link
from controller.memory_file import MemoryFile
from controller.supervise import Supervisor

log = logging.getLogger("dryline.line")
MakeDriver = Callable[[StationConfig, Mapping[str, int], Clock, int], Driver]
Reading = Callable[[HistorianStatus], float]
SOFTWARE = f"dryline {version('dryline')}"
OWN = "line"  # the line publishes figures of its own, like a station


def tag_table(config: LineConfig) -> TagTable:
    """The table of a configured line: I/O list first, then what each station kind adds."""
    tags: list[Tag] = []
    for station in config.stations:
        kind = station_kind(station.kind)
        for point in station.points:
            tags.extend(point.tags())
        tags.extend(kind.own_tags(station.name, station.prefix))
    return TagTable([*tags, *(tag for tag, _ in HEALTH)])


def _health(name: str, text: str, unit: str, read: Reading) -> tuple[Tag, Reading]:
    tag = Tag(
        name=f"LINE.{name}",
        station=OWN,
        description=text,
        writer=Writer.STATION,
        unit=unit,
        high=1e12,
        history=HistoryRule(max_interval_s=60),
    )
    return tag, read


HEALTH: tuple[tuple[Tag, Reading], ...] = (
    _health("HISTORY.ACCEPTED", "samples given to history", "", lambda s: s.accepted),
    _health("HISTORY.STORED", "samples durable in history", "", lambda s: s.stored),
    _health("HISTORY.QUEUE", "samples waiting for the disk", "", lambda s: s.queued),
    _health("HISTORY.DROPPED", "samples lost, with a gap event", "", lambda s: s.dropped),
    _health("HISTORY.COMMIT", "duration of the last commit", "ms", lambda s: s.commit_ms),
    _health("HISTORY.FAILING", "history cannot write", "", lambda s: float(s.failing)),
    _health("HISTORY.BYTES", "size of the store", "", lambda s: s.used_bytes),
)


def station_kind(kind: str) -> type[Station]:
    """The class of a station kind: the name in the config is the module name."""
    module = importlib.import_module(f"controller.stations.{kind}")
    found: type[Station] = module.Station
    return found


def build_station(config: StationConfig, table: TagTable, recorder: Recorder) -> Station:
    """One station on the table."""
    setup = StationSetup(
        name=config.name,
        prefix=config.prefix,
        points=config.points,
        period_s=config.scan_period_s,
        after_link_loss=AfterLinkLoss(config.after_link_loss.value),
        kind=config.kind,
        software=SOFTWARE,
    )
    return station_kind(config.kind)(setup, table, recorder)


class ScanService:
    """Scans one station on absolute deadlines; never catches up, counts what it left out."""

    def __init__(
        self, station: Station, link: Link, table: TagTable, clock: Clock, recorder: Recorder
    ) -> None:
        self._station, self._link, self._table = station, link, table
        self._clock, self._recorder = clock, recorder
        region = table.region(station.name)
        self._span = slice(region.split, region.stop)
        self._tags = np.arange(region.split, region.stop, dtype=np.int32)
        self.lateness_ms: list[float] | None = None  # a benchmark hangs a list here

    async def run(self) -> None:
        """Scan for ever."""
        clock, period_s = self._clock, self._station.setup.period_s
        due_s = clock.now_s() + period_s
        while True:
            await clock.sleep_until(due_s)
            self.once(due_s)
            due_s += period_s
            behind_s = clock.now_s() - due_s
            if behind_s > 0:
                missed = int(behind_s / period_s) + 1
                self._station.timing.overruns += missed
                due_s += missed * period_s

    def once(self, due_s: float) -> None:
        """One scan with its figures."""
        station, clock = self._station, self._clock
        begun_s, begun_link_s = clock.now_s(), clock.link_s()
        timing = station.timing
        timing.late_ms = 1000.0 * max(0.0, begun_s - due_s)
        if self.lateness_ms is not None:
            self.lateness_ms.append(timing.late_ms)
        self._link.check()
        utc_ns = clock.utc_ns()
        try:
            station.scan(begun_s, utc_ns)
            if station.faulted:
                station.mend()
        except Exception as error:
            if not station.faulted:
                log.exception("scan of %s failed", station.name)
            station.fault(error, utc_ns)
        span, table = self._span, self._table
        self._recorder.record(
            Samples(
                self._tags,
                table.value[span].copy(),
                table.quality[span].copy(),
                table.time_ns[span].copy(),
            )
        )
        timing.took_ms = 1000.0 * (clock.link_s() - begun_link_s)


class Line:
    """All stations of a configured line, ready to run."""

    def __init__(
        self,
        config: LineConfig,
        clock: Clock,
        recorder: Recorder,
        memory_path: Path,
        make_driver: MakeDriver | None = None,
    ) -> None:
        self.config, self.clock, self.recorder = config, clock, recorder
        self.table = tag_table(config)
        self.stations: dict[str, Station] = {}
        self.scans: dict[str, ScanService] = {}
        self._links: dict[str, Link] = {}
        self._memory = MemoryFile(memory_path)
        index = {tag.name: k for k, tag in enumerate(self.table.tags)}
        make = make_driver or driver_for
        remembered = self._memory.load()
        for sc in config.stations:
            station = build_station(sc, self.table, recorder)
            if sc.name in remembered:
                station.recall(remembered[sc.name], clock.utc_ns())

            def fresh(sc: StationConfig = sc) -> Driver:
                return make(sc, index, clock, config.map_version)

            link = Link(station, self.table, clock, recorder, fresh)
            self.stations[sc.name] = station
            self._links[sc.name] = link
            self.scans[sc.name] = ScanService(station, link, self.table, clock, recorder)

    def keep(self, supervisor: Supervisor) -> None:
        """Hand all services of the line to a supervisor."""
        self.tell(f"line {self.config.name} started with {len(self.table)} tags")
        for name, scan in self.scans.items():
            supervisor.keep(f"scan of {name}", scan.run)
            supervisor.keep(f"link of {name}", self._links[name].run)
        supervisor.keep("station memory", self._remember)

    def publish_health(self, status: HistorianStatus) -> None:
        """Show the historian's figures as tags."""
        region = self.table.region(OWN)
        span = slice(region.split, region.stop)
        self.table.value[span] = [read(status) for _, read in HEALTH]
        self.table.quality[span] = GOOD
        self.table.time_ns[span] = self.clock.utc_ns()
        self.recorder.record(
            Samples(
                np.arange(region.split, region.stop, dtype=np.int32),
                self.table.value[span].copy(),
                self.table.quality[span].copy(),
                self.table.time_ns[span].copy(),
            )
        )

    def submit(self, command: Command, reply: Callable[[Answer], None]) -> None:
        """Hand a command to its station."""
        station = self.stations.get(command.station)
        if station is None:
            names = ", ".join(self.stations)
            raise DrylineError(f"no station {command.station!r}; stations: {names}")
        station.submit(command, reply)

    def withdraw(self, command: Command) -> None:
        """Take back a command that its station has not come to yet."""
        self.stations[command.station].withdraw(command)

    def tell(self, text: str) -> None:
        """Record an event of the line as a whole."""
        self.recorder.event(
            Event(
                time_ns=self.clock.utc_ns(),
                kind=EventKind.SYSTEM,
                station="",
                subject=self.config.name,
                text=text,
            )
        )

    async def save(self) -> None:
        """Write the memories of the stations now; the disk is waited for in a thread."""
        for station in self.stations.values():
            station.changed = False
        memories = {n: s.memory() for n, s in self.stations.items()}
        if not await asyncio.to_thread(self._memory.save, memories):
            for station in self.stations.values():
                station.changed = True

    async def _remember(self) -> None:
        while True:
            if any(s.changed for s in self.stations.values()):
                await self.save()
            await self.clock.sleep_link(0.1)


def driver_for(
    config: StationConfig, index: Mapping[str, int], clock: Clock, map_version: int
) -> Driver:
    """A fresh driver: the protocol in the config is the module name."""
    module = importlib.import_module(f"controller.drivers.{config.protocol}")
    driver: Driver = module.Driver(
        config.settings, config.points, index, clock, map_version=map_version
    )
    return driver
