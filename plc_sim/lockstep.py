"""The lockstep gear: plant, PLC programs and the controller's stations in one plain loop.

No sockets, no tasks, no waiting: the loop advances time, so a shift takes seconds and equal seeds
give equal samples, bit for bit. This is the one file of the simulator that knows the controller's
stations; what travels between them is what would travel over the wire.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from math import nan
from struct import Struct

import numpy as np
import numpy.typing as npt

from controller.clock import ManualClock
from controller.config import LineConfig
from controller.control.states import State
from controller.control.station import Station
from controller.core.event import Answer, Command, DeployOrder, Event, Verb
from controller.core.point import Access
from controller.core.run import MasterRecipe
from controller.core.sample import Quality, Samples
from controller.core.table import Region, TagTable
from controller.line import build_station, tag_table
from plc_sim.faults import Injection, find
from plc_sim.instruments import Status
from plc_sim.plant import TICK_S, Plant
from plc_sim.plc import Plc
from plc_sim.station_process import logic_of

SCAN_TICKS = 2
WRITE_TICKS = 4
_QUALITY = {
    int(Status.GOOD): int(Quality.GOOD),
    int(Status.HELD): int(Quality.UNCERTAIN_HELD),
    int(Status.SATURATED): int(Quality.UNCERTAIN_RANGE),
    int(Status.FAILED): int(Quality.BAD_SENSOR),
}


@dataclass(slots=True)
class EventList:
    """Keeps events in memory; samples go nowhere."""

    events: list[Event] = field(default_factory=list)

    def event(self, event: Event) -> None:
        """Keep one."""
        self.events.append(event)

    def record(self, samples: Samples) -> None:
        """Samples of the lockstep gear are read from the table."""


@dataclass(slots=True)
class _Cell:
    """One station with its PLC."""

    name: str
    plc: Plc
    station: Station
    region: Region
    write_slots: list[int]
    pack: Callable[..., None]  # packing beats numpy's conversion of a list threefold
    readings: list[float]  # of the instruments, updated in place
    status: list[int]
    times: npt.NDArray[np.int64]  # of what the PLC writes, in the table
    sequence: int = 0
    written: list[float] = field(default_factory=list)
    status_seen: list[int] = field(default_factory=list)
    linked: bool = True
    heard_s: float = 0.0


class Lockstep:
    """The whole line in one loop. Time is the plant's; commands act at the next scan.

    Stations of the config whose physics do not run have no PLC and no program here: their tags are
    in the table, Bad until somebody writes them.
    """

    def __init__(
        self, config: LineConfig, plant: Plant, *, start_utc_ns: int | None = None
    ) -> None:
        self.plant = plant
        self.log = EventList()
        self.clock = ManualClock()
        if start_utc_ns is not None:
            self.clock.utc0_ns = start_utc_ns
        self.table: TagTable = tag_table(config)
        self._memory = self.table.value.data
        self._tick = 0
        self._hash = hashlib.blake2b(digest_size=16)
        self.hashing = False
        self.on_scan: Callable[[float], None] | None = None
        self._cells = [self._cell(sc.name, config) for sc in config.stations
                       if sc.name in plant.sites]  # fmt: skip
        self.stations = {c.name: c.station for c in self._cells}
        self.plcs = {c.name: c.plc for c in self._cells}
        self.step()
        self.step()
        for cell in self._cells:
            self._read(cell, self.clock.utc_ns())
            cell.station.adopt(self.clock.utc_ns())

    def _cell(self, name: str, config: LineConfig) -> _Cell:
        sc = config.station(name)
        plc = Plc(sc.prefix, sc.points, logic_of(sc.kind))
        readings, status = self.plant.readings(name)
        region = self.table.region(name)
        return _Cell(
            name=name,
            plc=plc,
            station=build_station(sc, self.table, self.log),
            region=region,
            times=self.table.time_ns[region.start : region.split],
            pack=Struct(f"{len(sc.points)}d").pack_into,
            readings=readings,
            status=status,
            write_slots=[k for k, p in enumerate(sc.points) if p.access is Access.WRITE],
        )

    def step(self) -> None:
        """One plant tick: physics, instruments, PLC programs, and each second tick the stations."""
        plant = self.plant
        for fault, level in plant.step():
            self._play(fault.station, fault.name, level)
        now_s = plant.now_s
        self._tick += 1
        scan = self._tick % SCAN_TICKS == 0
        for cell in self._cells:
            out = cell.plc.scan(now_s, now_s, cell.readings, cell.status)
            if scan:  # physics steps at 0.1 s, so output cards need no more
                plant.actuate(cell.name, out)
        if not scan:
            return
        self.clock.t_s = now_s
        utc_ns = self.clock.utc_ns()
        write = self._tick % WRITE_TICKS == 0
        for cell in self._cells:
            self._read(cell, utc_ns)
            timing = cell.station.timing
            if cell.linked:
                cell.heard_s = now_s
            timing.link_up, timing.age_s = cell.linked, now_s - cell.heard_s
            cell.station.scan(now_s, utc_ns)
            if write and cell.linked:
                self._write(cell, now_s)
        if self.hashing:
            self._hash.update(self.table.value.tobytes())
            self._hash.update(self.table.quality.tobytes())
        if self.on_scan is not None:
            self.on_scan(now_s)

    def run(self, seconds: float) -> None:
        """Let plant time pass."""
        for _ in range(round(seconds / TICK_S)):
            self.step()

    def run_until(self, test: Callable[[], bool], within_s: float) -> float:
        """Run until the test holds, at most so long; returns the seconds it took (TimeoutError)."""
        begun_s = self.plant.now_s
        while not test():
            if self.plant.now_s - begun_s > within_s:
                raise TimeoutError(f"not reached within {within_s:g} s of plant time")
            self.run(0.5)
        return self.plant.now_s - begun_s

    def command(
        self, station: str, verb: Verb, target: str = "", value: float | str | None = None
    ) -> Answer:
        """Give a command and run one scan; returns the answer."""
        return self.give(
            Command(
                id=f"lockstep-{self._tick}", actor="lockstep", station=station, verb=verb,
                target=target, value=value,
            )
        )  # fmt: skip

    def give(self, command: Command) -> Answer:
        """Give a command as it is and run one scan; returns the answer."""
        given: list[Answer] = []
        self.stations[command.station].submit(command, given.append)
        self.run(SCAN_TICKS * TICK_S)
        return given[0]

    def deploy(self, station: str, master: MasterRecipe | None, reason: str = "lockstep") -> Answer:
        """Deploy a recipe (None: the built-in procedure) for the next START of a station."""
        return self.give(
            Command(
                id=f"lockstep-{self._tick}", actor="lockstep", station=station, verb=Verb.DEPLOY,
                reason=reason, order=DeployOrder(master=master),
            )
        )  # fmt: skip

    def start(self, *stations: str) -> None:
        """Give START to stations (all when none is named); refused is an error."""
        for name in stations or tuple(self.stations):
            answer = self.command(name, Verb.START)
            if not answer.accepted:
                raise RuntimeError(f"START of {name} refused: {'; '.join(answer.reasons)}")

    def until_state(self, station: str, state: State, within_s: float) -> float:
        """Run until a station is in a state."""
        procedure = self.stations[station].procedure
        return self.run_until(lambda: procedure.state is state, within_s)

    def inject(
        self, station: str, name: str, level: float | None = None, after_s: float = 0.0,
        for_s: float = float("inf"),
    ) -> None:  # fmt: skip
        """Schedule a fault from now."""
        fault = find(station, name)
        start_s = self.plant.now_s + after_s
        self.plant.faults.add(
            Injection(
                fault=fault,
                start_s=start_s,
                end_s=start_s + for_s,
                level=fault.level if level is None else level,
            )
        )

    def value(self, tag: str) -> float:
        """Last value of a tag, whatever its quality."""
        return float(self.table.value[self.table.index(tag)])

    def sample_hash(self) -> str:
        """Hash of every sample of every scan since `hashing` was set."""
        return self._hash.hexdigest()

    def _read(self, cell: _Cell, utc_ns: int) -> None:
        if not cell.linked:
            return
        image, region = cell.plc.image, cell.region
        cell.pack(self._memory, 8 * region.start, *image.value)
        if image.status != cell.status_seen:
            cell.status_seen = list(image.status)
            quality = [_QUALITY[s] for s in image.status]
            self.table.quality[region.start : region.split] = quality
        cell.times.fill(utc_ns)

    def _write(self, cell: _Cell, now_s: float) -> None:
        outputs = cell.station.outputs()
        if outputs is None:
            return
        cell.sequence = (cell.sequence + 1) % 65536
        # The PLC holds what it took last, so only what changed has to travel with the ticket.
        items: list[tuple[int, float]] = []
        if outputs != cell.written:
            held = cell.written or [nan] * len(outputs)
            new = zip(cell.write_slots, outputs, held, strict=True)
            items = [(slot, value) for slot, value, old in new if value != old]
            cell.written = outputs
        cell.plc.write(now_s, cell.sequence, cell.plc.heart(now_s), items)

    def _play(self, station: str, name: str, level: float) -> None:
        cell = next(c for c in self._cells if c.name == station)
        if name == "plc_restart" and level:
            cell.plc.restart()
            cell.sequence, cell.written = 0, []
            self._read(cell, self.clock.utc_ns())
            cell.station.adopt(self.clock.utc_ns())
        elif name == "local_mode":
            cell.plc.remote = level == 0.0
        elif name in ("comm_drop", "stale_values"):
            cell.linked = level == 0.0
            if level:
                bad = Quality.BAD_LINK if name == "comm_drop" else Quality.BAD_STALE
                self.table.mark_bad(station, bad, self.clock.utc_ns())
            else:
                cell.status_seen = []
                self._read(cell, self.clock.utc_ns())
                cell.station.adopt(self.clock.utc_ns())
