"""A controller and a plant that answer the command line, in a thread: no PLC, no wire, no wait."""

import asyncio
import threading
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from controller.clock import SystemClock
from controller.console import Console, Json
from controller.core.event import Event
from controller.core.sample import GOOD
from controller.deploy import Deployer
from controller.desk import Desk
from controller.gate import Gate
from controller.history.status import HistorianStatus
from controller.recipe_kind import recipe_kinds
from controller.recipe_library import RecipeLibrary
from controller.run_folder import SOCKET
from controller.trials import Trials
from plc_sim.plant import Plant
from plc_sim.plant_process import SOCKET as PLANT_SOCKET
from plc_sim.plant_process import PlantService
from tests.support.virtual_line import VirtualLine


class _Historian:
    status = HistorianStatus(accepted=10, stored=9)

    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        """What the desk tells beside its stations."""
        self.events.append(event)


class _Desk(Desk):
    """Scans the stations as soon as a command has been handed over."""

    async def answer(self, request: Json) -> Json:
        asyncio.get_running_loop().call_later(0.005, self._scan)
        return await super().answer(request)

    def _scan(self) -> None:
        clock = self._line.clock
        for station in self._line.stations.values():
            station.scan(clock.now_s(), clock.utc_ns())


class ConsolePeer:
    """`with ConsolePeer(run) as peer`: both consoles of a run folder answer."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self.line = VirtualLine(run, ("enclosure", "coater")).line
        self.plant = Plant()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def device(self, quality: int = GOOD, /, **values: float) -> None:
        """Device tags by name, "_" for "."."""
        table = self.line.table
        for name, value in values.items():
            k = table.index(name.replace("_", "."))
            table.value[k], table.quality[k] = value, quality

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10.0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10.0)
        assert not self._thread.is_alive()

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        historian: Any = _Historian()
        library = RecipeLibrary(self._run / "recipes", recipe_kinds(self.line.config))
        gate = Gate(self.line)
        deployer = Deployer(gate, library)
        desk = _Desk(self.line, historian, gate, deployer, Trials(gate, deployer, library))
        plant = PlantService(self.plant, {}, SystemClock())
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(Console(self._run / SOCKET, desk.answer))
            await stack.enter_async_context(Console(self._run / PLANT_SOCKET, plant.answer))
            self._ready.set()
            await self._end.wait()
