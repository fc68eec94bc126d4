"""A virtual line with all that stands around it: recipes, gate, deployer, trials and desk."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from controller.control.states import State
from controller.core.errors import DrylineError
from controller.core.event import Event, EventKind
from controller.core.run import RunRecord
from controller.deploy import Deployer
from controller.desk import Desk
from controller.gate import Gate
from controller.history.status import HistorianStatus
from controller.recipe_kind import recipe_kinds
from controller.recipe_library import RecipeLibrary
from controller.run_store import STORE, RunReader
from controller.supervise import Supervisor
from controller.trials import Trials
from tests.support.virtual_line import VirtualLine

Answer = dict[str, Any]
Result = TypeVar("Result")
STEP_S = 0.05
PATIENCE_S = 600.0
DISK_S = 30.0  # of the real clock: a commit in a thread takes as long as a busy disk lets it


class _Historian:
    status = HistorianStatus()

    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        self.events.append(event)

    async def flush_async(self, within_s: float) -> None:
        """Nothing waits for a disk here."""


class DeskLine(VirtualLine):
    """As VirtualLine; recipes are read from FOLDER/recipes."""

    def __init__(self, folder: Path, stations: Sequence[str] = ("coater",)) -> None:
        self.recipes = folder / "recipes"
        super().__init__(folder, stations)

    def new_controller(self) -> None:
        """A controller as after a restart of its process."""
        super().new_controller()
        historian: Any = _Historian()
        self.gate = Gate(self.line, answer_s=DISK_S, all_s=DISK_S, save_s=DISK_S)
        library = RecipeLibrary(self.recipes, recipe_kinds(self.config))
        self.deployer = Deployer(self.gate, library)
        self.trials = Trials(self.gate, self.deployer, library)
        self.desk = Desk(self.line, historian, self.gate, self.deployer, self.trials)

    @contextlib.asynccontextmanager
    async def controller(self) -> AsyncIterator[None]:
        """The controller's services run; at the end they are gone without a word, as by a kill."""
        async with Supervisor(self.clock) as supervisor:
            self.line.keep(supervisor)
            supervisor.keep("trials", self.trials.run)
            yield
        self.line.record.close()

    async def restart(self, down_s: float = 1.0) -> None:
        """Kill the controller, let time pass at the plant, start another one."""
        await self._services.__aexit__(None, None, None)
        await self.pass_time(down_s)
        self.new_controller()
        self._services = self.controller()
        await self._services.__aenter__()
        await self.pass_time(1.0)

    async def during(self, work: Awaitable[Result]) -> Result:
        """The result of something that waits for the line; time passes meanwhile."""
        task = asyncio.ensure_future(work)
        until_s, disk_s = self.clock.now_s() + PATIENCE_S, time.monotonic() + DISK_S
        while not task.done() and (self.clock.now_s() < until_s or time.monotonic() < disk_s):
            await self.pass_time(STEP_S)
        assert task.done()
        return task.result()

    async def answer(self, op: str, **request: Any) -> Answer:
        """What the console says."""
        body = {"op": op, "station": "coater", "actor": "ann", **request}
        try:
            return await self.during(self.desk.answer(body))
        except DrylineError as error:
            return {"error": str(error)}

    async def done(self, op: str, **request: Any) -> Answer:
        """What the console says to something that must be accepted."""
        answer = await self.answer(op, **request)
        assert answer.get("accepted"), answer
        return answer

    async def command(self, verb: str, **request: Any) -> Answer:
        """A command that must be accepted."""
        return await self.done("command", verb=verb, **request)

    async def execute(self) -> None:
        """Through a quick recipe to EXECUTE; from IDLE or HELD."""
        await self.command("UNHOLD" if self.state("coater") is State.HELD else "START")
        for _ in range(600):
            run = self.stations["coater"].recipes.run
            if run is not None and run.asking():
                await self.command("CONFIRM")
            if self.state("coater") is State.EXECUTE:
                return
            await self.pass_time(0.5)
        raise AssertionError(self.stations["coater"].procedure.waiting_for())

    async def until(self, state: State, within_s: float = 60.0) -> None:
        """Let time pass until the coater is in a state."""
        until_s = self.clock.now_s() + within_s
        while self.state("coater") is not state:
            assert self.clock.now_s() < until_s, self.state("coater").name
            await self.pass_time(0.1)

    @property
    def requested(self) -> str:
        """What the next START of the coater latches."""
        requested = self.stations["coater"].recipes.requested
        return requested.title if requested else ""

    def record(self, run_id: str) -> RunRecord:
        """A run as it lies on disk; its entries must count 1, 2, 3 ..."""
        with RunReader(self.folder / STORE) as reader:
            record = reader.record(run_id)
        assert [e.number for e in record.entries] == list(range(1, len(record.entries) + 1))
        return record

    def recorded(self, part: str, kind: EventKind | None = None) -> list[str]:
        """Texts of all events of this life of the controller that have a part."""
        events = self.recorder.events
        return [e.text for e in events if part in e.text and kind in (None, e.kind)]


async def at_once(work: Any, /, *args: Any, **more: Any) -> Any:
    """In the place of asyncio.to_thread: in virtual time a thread would take for ever."""
    return work(*args, **more)
