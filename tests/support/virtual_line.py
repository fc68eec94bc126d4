"""The whole controller in virtual time: real line, links and scans, PLCs in memory, bad wires."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from controller.clock import SimClock
from controller.config import load_line
from controller.control.states import State
from controller.core.event import Answer, Command, Event, EventKind, Verb
from controller.core.sample import Samples
from controller.drivers.memory import Driver, Link, LinkFault, Outage, Settings
from controller.line import Line
from controller.run_store import STORE
from controller.supervise import Supervisor
from plc_sim.plc import Image, Mode, Plc

SHIPPED = Path(__file__).parents[2] / "controller" / "lines" / "pilot"
PREFIX = {"enclosure": "ENC", "coater": "COAT", "calender": "CAL"}
DRY = {"ENC.DP.ZONE": -66.0, "COAT.PERMIT": 1.0}


class Obedient:
    """A machine that is at once what its set points and its command ask for."""

    SENSORS: tuple[str, ...] = ()
    ACTUATORS: tuple[str, ...] = ()
    COPIES: Mapping[str, str] = {}
    TRIPS: tuple[str, ...] = ("none", "test")

    def __init__(self, latch_safe: bool) -> None:
        self.LATCH_SAFE = latch_safe
        self.mode = Mode.STOP
        self.cause = 0

    def bind(self, image: Image) -> None:
        self._image = image
        names = set(image.names)
        self._follow = []
        for tag in image.names:
            shown = tag.removesuffix(".SP")
            if shown != tag:
                for name in (shown, f"{shown}.PV"):
                    if name in names:
                        self._follow.append((image.slot(name), image.slot(tag)))
        self._fixed = [(image.slot(t), v) for t, v in DRY.items() if t in names]

    def restart(self) -> None:
        self.mode = Mode.STOP

    def interlocks(self, s: Sequence[float], status: Sequence[int]) -> int:
        return self.cause

    def scan(
        self, now_s: float, command: Mode, s: Sequence[float], status: Sequence[int]
    ) -> Sequence[float]:
        self.mode = command
        value = self._image.value
        for shown, wanted in self._follow:
            value[shown] = value[wanted]
        for shown, fixed in self._fixed:
            value[shown] = fixed
        return ()


class Recorder:
    """Keeps events, counts samples."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.samples = 0

    def event(self, event: Event) -> None:
        self.events.append(event)

    def record(self, samples: Samples) -> None:
        self.samples += len(samples)


class VirtualLine:
    """Use `async with VirtualLine(folder) as line`, then `await line.pass_time(s)`."""

    def __init__(self, folder: Path, stations: Sequence[str] = ("enclosure", "coater")) -> None:
        config = load_line(SHIPPED)
        chosen = tuple(s for s in config.stations if s.name in stations)
        self.config = replace(config, stations=chosen)
        self.folder = folder
        self.clock = SimClock()
        self.plcs: dict[str, Plc] = {}
        self.wires: dict[str, Link] = {}
        self.frozen: set[str] = set()  # PLC programs that stand still
        self.drivers: dict[str, list[Driver]] = {s: [] for s in stations}
        for sc in chosen:
            self.plcs[sc.name] = plc = Plc(sc.prefix, sc.points, Obedient(sc.name != "enclosure"))
            self.wires[sc.name] = Link(plc)
        self.new_controller()

    def new_controller(self) -> None:
        """A controller as after a restart of its process: nothing but the station store remains."""
        self.recorder = Recorder()
        self.line = Line(self.config, self.clock, self.recorder, self.folder / STORE, self._driver)
        self.stations = self.line.stations

    def _driver(self, sc, index, clock, map_version) -> Driver:
        settings = Settings(prefix=sc.prefix, link=self.wires[sc.name])
        driver = Driver(settings, sc.points, index, clock, map_version)
        self.drivers[sc.name].append(driver)
        return driver

    @contextlib.asynccontextmanager
    async def controller(self) -> AsyncIterator[None]:
        """The controller's services run."""
        async with Supervisor(self.clock) as supervisor:
            self.line.keep(supervisor)
            yield

    async def __aenter__(self) -> Self:
        self._plant = [asyncio.create_task(self._run(n, p)) for n, p in self.plcs.items()]
        self._services = self.controller()
        await self._services.__aenter__()
        await self.pass_time(1.0)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._services.__aexit__(None, None, None)
        await self.stop_plant()

    async def stop_plant(self) -> None:
        for task in self._plant:
            task.cancel()
        await asyncio.gather(*self._plant, return_exceptions=True)

    async def _run(self, name: str, plc: Plc) -> None:
        while True:
            if name not in self.frozen:
                plc.scan(self.clock.link_s(), self.clock.now_s(), (), ())
            await self.clock.sleep_link(0.05)

    async def pass_time(self, seconds: float) -> None:
        await self.clock.run(seconds)

    def cut(self, station: str, fault: LinkFault, seconds: float, level: float = 0.0) -> None:
        """An outage from now."""
        now_s = self.clock.link_s()
        self.wires[station].outages.append(Outage(fault, now_s, now_s + seconds, level))

    def value(self, tag: str) -> float:
        return self.line.table.sample(tag).value

    def quality(self, tag: str) -> int:
        return self.line.table.sample(tag).quality

    def held(self, station: str, tag: str) -> float:
        """What the PLC holds."""
        image = self.plcs[station].image
        return image.value[image.slot(tag)]

    def scans(self) -> dict[str, float]:
        return {n: self.value(f"{PREFIX[n]}.SCAN.COUNT") for n in self.stations}

    def state(self, station: str) -> State:
        return self.stations[station].procedure.state

    async def ask(
        self, station: str, verb: Verb, target: str = "", value: float | str | None = None
    ) -> Answer:
        given: list[Answer] = []
        command = Command(
            id="1", actor="ann", station=station, verb=verb, target=target, value=value
        )
        self.line.submit(command, given.append)
        await self.pass_time(0.2)
        return given[0]

    async def start(self, *stations: str) -> None:
        """To EXECUTE."""
        for name in stations:
            answer = await self.ask(name, Verb.START)
            assert answer.accepted, answer.reasons
        for _ in range(200):
            await self.pass_time(1.0)
            if all(self.state(n) is State.EXECUTE for n in stations):
                return
        raise AssertionError({n: self.stations[n].procedure.waiting_for() for n in stations})

    def told(self, station: str, kind: EventKind) -> list[str]:
        return [e.text for e in self.recorder.events if e.station == station and e.kind is kind]
