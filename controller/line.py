"""The line: the one place where real things are chosen and put together.

Tags from the I/O list and the station kinds, one table; for each station its blocks, one link and
one scan service; one historian for all. Nothing here computes; it only wires.
"""

import contextlib
import importlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from math import nan
from pathlib import Path

import numpy as np

from controller.alarms.board import Told
from controller.alarms.rates import FLOOD_COUNT, FloodWatch
from controller.alarms.states import AlarmState
from controller.alarms.transition import events
from controller.config import LineConfig, StationConfig
from controller.control.station import Station
from controller.control.station_parts import AfterLinkLoss, StationSetup
from controller.core.errors import DrylineError, StoreError
from controller.core.event import Answer, Command, Event, EventKind
from controller.core.ports import Clock, Driver, EventLog, Recorder
from controller.core.sample import GOOD, Quality, Samples
from controller.core.table import TagTable
from controller.core.tag import Tag
from controller.history.status import HistorianStatus
from controller.line_health import EXPIRES, INSECURE, OWN, REFUSED, LineAlarms, figures, health_tags
from controller.line_security import Expiry, insecure_stations
from controller.link import Link, ReadLink
from controller.real_time import RealTime
from controller.recipe_kind import recipe_kinds
from controller.record import Record
from controller.sinks.figures import sink_tags
from controller.spread import Spread
from controller.supervise import Supervisor

log = logging.getLogger("dryline.line")
MakeDriver = Callable[[StationConfig, Mapping[str, int], Clock, int], Driver]
SOFTWARE = f"dryline {version('dryline')}"
REMEMBER_S = 0.05  # an event of a run is on disk so soon after it (wall)
AGAIN_S = 1.0  # after the disk has refused: every try writes all that waits


def tag_table(config: LineConfig) -> TagTable:
    """The table of a configured line: I/O list first, then what each station kind adds."""
    tags: list[Tag] = []
    for station in config.stations:
        kind = station_kind(station.kind)
        for point in station.points:
            tags.extend(point.tags())
        tags.extend(kind.own_tags(station.name, station.prefix))
    own = line_prefix(config)
    tags.extend(replace(tag, name=f"{own}.{tag.name}") for tag in health_tags(config.sinks))
    for neighbour in config.neighbours:  # last, so that those before are the tags of history
        tags.extend(tag for point in neighbour.points for tag in point.tags())
    return TagTable(tags)


def history_tags(config: LineConfig) -> tuple[Tag, ...]:
    """The tags this controller keeps history of: all but its neighbours', whose owner does."""
    others = {n.name for n in config.neighbours}
    return tuple(tag for tag in tag_table(config).tags if tag.station not in others)


def line_prefix(config: LineConfig) -> str:
    """LINE of the whole line; of a part LINE.COAT.CAL, so that parts are told apart."""
    prefixes = [s.prefix for s in config.stations] if config.part else []
    return ".".join(("LINE", *prefixes))


def station_kind(kind: str) -> type[Station]:
    """The class of a station kind: the name in the config is the module name."""
    module = importlib.import_module(f"controller.stations.{kind}")
    found: type[Station] = module.Station
    return found


def build_station(
    config: StationConfig, table: TagTable, log: EventLog, speed: float = 1.0
) -> Station:
    """One station on the table."""
    setup = StationSetup(
        name=config.name,
        prefix=config.prefix,
        points=config.points,
        period_s=config.scan_period_s,
        after_link_loss=AfterLinkLoss(config.after_link_loss.value),
        kind=config.kind,
        software=SOFTWARE,
        speed=speed,
    )
    return station_kind(config.kind)(setup, table, log)


class ScanService:
    """Scans one station on absolute deadlines; never catches up, counts what it left out."""

    def __init__(
        self,
        station: Station,
        link: Link,
        table: TagTable,
        clock: Clock,
        recorder: Recorder,
        *,
        neighbours: Sequence[ReadLink[Driver]] = (),
    ) -> None:
        self._station, self._link, self._table = station, link, table
        self._neighbours = neighbours
        self._clock, self._recorder = clock, recorder
        region = table.region(station.name)
        self._span = slice(region.split, region.stop)
        self._tags = np.arange(region.split, region.stop, dtype=np.int32)
        self.lateness_ms: list[float] | None = None  # a benchmark hangs a list here
        self.late, self.took = Spread(), Spread()  # plant seconds, wall seconds
        self.failures = 0  # scans that raised
        self.begun_link_s: float | None = None  # the last scan

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
        self.begun_link_s = begun_link_s
        timing = station.timing
        late_s = max(0.0, begun_s - due_s)
        timing.late_ms = 1000.0 * late_s
        self.late.add(late_s)
        if self.lateness_ms is not None:
            self.lateness_ms.append(timing.late_ms)
        self._link.check()
        for neighbour in self._neighbours:
            neighbour.check()
        utc_ns = clock.utc_ns()
        try:
            station.scan(begun_s, utc_ns)
            if station.faulted:
                station.mend()
        except Exception as error:
            self.failures += 1
            if not station.faulted:
                log.exception("scan of %s failed", station.name)
            station.fault(error, utc_ns)
        self._link.scanned()
        span, table = self._span, self._table
        self._recorder.record(
            Samples(
                self._tags,
                table.value[span].copy(),
                table.quality[span].copy(),
                table.time_ns[span].copy(),
            )
        )
        took_s = clock.link_s() - begun_link_s
        timing.took_ms = 1000.0 * took_s
        self.took.add(took_s)


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
        self.record = Record(memory_path, recorder, clock)
        index = {tag.name: k for k, tag in enumerate(self.table.tags)}
        make = make_driver or driver_for
        self.neighbours = {n.name: self._neighbour(n, index, make) for n in config.neighbours}
        for sc in config.stations:
            station = build_station(sc, self.table, self.record, clock.speed)

            def fresh(sc: StationConfig = sc) -> Driver:
                return make(sc, index, clock, config.map_version)

            link = Link(station, self.table, clock, recorder, fresh)
            self.stations[sc.name] = station
            self._links[sc.name] = link
            reads = tuple(self.neighbours.values())
            self.scans[sc.name] = ScanService(
                station, link, self.table, clock, recorder, neighbours=reads
            )
        self.history_failure = ""  # why history cannot be stored, "" while it can
        self.real_time = RealTime()  # of the thread that scans
        none = [0.0] * len(sink_tags(config.sinks))
        self.sink_figures: Callable[[], list[float]] = lambda: none
        self.alarms = LineAlarms(line_prefix(config), config.sinks)
        self.flood = FloodWatch(config.part)
        self._recall()
        self._distrusted: dict[str, str] = {}
        self.insecure = insecure_stations(config)
        self.first_to_expire: Callable[[], Expiry | None] = lambda: None
        self.alarms.remark(INSECURE.name, ", ".join(self.insecure))

    def _recall(self) -> None:
        """Bring back what stations and the line's own alarms have left; count alarms from now."""
        own = self.alarms.prefix
        self.record.others[own] = self.alarms
        left = self.record.recall(self.stations, recipe_kinds(self.config)).get(own)
        for problem in self.alarms.recall(left.alarms, self.clock.utc_ns()) if left else ():
            self.tell(problem)
        boards = {s.name: s.alarm_desk.board for s in self.stations.values()}
        comings = sorted(
            (time_ns, station, alarm)
            for station, board in {**boards, "": self.alarms.board}.items()
            for time_ns, alarm in board.comings()
        )
        for coming in comings:
            self.flood.came(*coming)
        for station in self.stations.values():
            station.alarm_desk.came = self._alarm_came

    def _alarm_came(self, time_ns: int, station: str, alarm: str) -> None:
        if self.flood.came(time_ns, station, alarm):
            self.tell(f"flood of alarms: with {alarm} more than {FLOOD_COUNT} within 10 min")

    def alarms_told(self, told: Told) -> None:
        """Record what the line's own alarms have told."""
        self.alarms.changed = self.alarms.changed or bool(told)
        for event in events(told):
            self.recorder.event(event)
        for t in told:
            if t.after is AlarmState.UNACKNOWLEDGED:
                self._alarm_came(t.time_ns, "", t.alarm.id)

    def _neighbour(
        self, config: StationConfig, index: Mapping[str, int], make: MakeDriver
    ) -> ReadLink[Driver]:
        """What this part of the line reads of a station that another controller runs."""
        return ReadLink(
            config.name,
            config.prefix,
            self.table,
            self.clock,
            lambda: make(config, index, self.clock, self.config.map_version),
            tell=lambda text: self.tell(f"reading {config.name}: {text}", EventKind.LINK),
        )

    def keep(self, supervisor: Supervisor) -> None:
        """Hand all services of the line to a supervisor."""
        part = f", only {self.config.part}," if self.config.part else ""
        text = f"line {self.config.name}{part} started with {len(self.table)} tags"
        self.tell(text, process="controller started")
        for name in self.insecure:
            self.tell(
                f'{name} is reached without encryption: security = "insecure" in line.toml',
                EventKind.LINK,
            )
        for name, scan in self.scans.items():
            supervisor.keep(f"scan of {name}", scan.run)
            supervisor.keep(f"link of {name}", self._links[name].run)
        for name, reads in self.neighbours.items():
            supervisor.keep(f"reads of {name}", reads.run)
        supervisor.keep("station memory", self._remember)

    def publish_health(self, status: HistorianStatus) -> None:
        """Show the figures of the historian and of the sinks as tags, with their alarms."""
        self.history_failure = status.error
        region = self.table.region(OWN)
        span = slice(region.split, region.stop)
        own = figures(
            status,
            self.record.failure,
            refused=len(self._refused()),
            insecure=len(self.insecure),
            expires_d=self._expires_d(),
        )
        values = [*own, *self.sink_figures()]
        now_ns = self.clock.utc_ns()
        self.table.value[span] = values
        self.table.quality[span] = np.where(np.isnan(values), int(Quality.BAD_NO_DATA), GOOD)
        self.table.time_ns[span] = now_ns
        self.alarms_told(self.alarms.scan(self.clock.link_s(), now_ns, values))
        if self.flood.look(now_ns):
            self.flood.ended.clear()
            self.tell("the flood of alarms is over")
        self.recorder.record(
            Samples(
                np.arange(region.split, region.stop, dtype=np.int32),
                self.table.value[span].copy(),
                self.table.quality[span].copy(),
                self.table.time_ns[span].copy(),
            )
        )

    def _expires_d(self) -> float:
        expiry = self.first_to_expire()
        if expiry is None:
            return nan
        self.alarms.remark(EXPIRES.name, expiry.whose)
        return expiry.days_left()

    def _refused(self) -> list[str]:
        """Why PLCs are refused; each reason is an event once."""
        links = {**self._links, **self.neighbours}
        reasons = {name: link.distrust for name, link in links.items() if link.distrust}
        for name, reason in reasons.items():
            if self._distrusted.get(name) != reason:
                self.tell(reason, EventKind.LINK)
        for name in self._distrusted.keys() - reasons.keys():
            self.tell(f"the PLC of {name} is trusted again", EventKind.LINK)
        self._distrusted = reasons
        self.alarms.remark(REFUSED.name, "; ".join(reasons.values()))
        return list(reasons.values())

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

    def tell(self, text: str, kind: EventKind = EventKind.SYSTEM, **data: object) -> None:
        """Record an event of the line as a whole."""
        self.recorder.event(
            Event(
                time_ns=self.clock.utc_ns(),
                kind=kind,
                station="",
                subject=self.config.name,
                text=text,
                data=data,
            )
        )

    async def save(self) -> None:
        """Commit what stations must remember, now; StoreError when the disk refuses."""
        await self.record.save(self.stations)

    async def _remember(self) -> None:
        while True:
            with contextlib.suppress(StoreError):  # told by the record; it is tried again
                await self.save()
            await self.clock.sleep_link(AGAIN_S if self.record.failure else REMEMBER_S)


def driver_for(
    config: StationConfig, index: Mapping[str, int], clock: Clock, map_version: int
) -> Driver:
    """A fresh driver: the protocol in the config is the module name."""
    module = importlib.import_module(f"controller.drivers.{config.protocol}")
    driver: Driver = module.Driver(
        config.settings, config.points, index, clock, map_version=map_version
    )
    return driver
