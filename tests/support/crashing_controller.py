"""The real controller, which kills itself (SIGKILL) when it comes to a named step.

The program knows nothing of it: functions of the controller are wrapped from outside. Right before
the end the truth about the station is written to a file: what was requested, and where its run was.

Over real wires, in the place of the controller:

    python -m tests.support.crashing_controller STEP COUNT TRUTH controller --line ...

Many lives at a small price, with the PLC in memory: `Nursery` keeps one process that has loaded
everything, and every controller is a fork of it.
"""

import asyncio
import inspect
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any, Self

import controller.line as line_module
from controller.__main__ import app
from controller.clock import SystemClock
from controller.config import LineConfig, load_line
from controller.control.phases import _Moving
from controller.control.recipe_desk import RecipeDesk
from controller.control.run import Run
from controller.control.states import State
from controller.core.event import Verb
from controller.core.run import Deployment
from controller.deploy import Deployer
from controller.desk import Desk
from controller.drivers.memory import Driver, Link, Settings
from controller.line import Line
from controller.process import run_controller
from controller.run_store import RunStore
from controller.trials import Trials
from plc_sim.plc import Plc
from tests.support.documents import ROOT
from tests.support.virtual_line import SHIPPED, Obedient

PLC_SCAN_S = 0.02
STATION = "coater"
NOWHERE = "nowhere"


def _always(*_: Any, **__: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Step:
    """Before or after a call of owner.name, where `at` says yes to its arguments."""

    owner: type
    name: str
    after: bool = True
    at: Callable[..., bool] = _always


def _deploys(_: Any, stations: Mapping[str, Any], *__: Any) -> bool:
    """A commit that brings a deployment, but not the one the line stood with."""
    news = [new for facts in stations.values() for new in facts.news]
    return any(isinstance(new, Deployment) and new.number > 1 for new in news)


def _phase(number: int) -> Callable[..., bool]:
    return lambda _run, entered: entered == number


def _into(state: State) -> Callable[..., bool]:
    return lambda _desk, new, _reason: new is state


def _records(part: str) -> Callable[..., bool]:
    """A commit with an entry that has a part."""
    return lambda _, _stations, entries=(): any(part in e.text for e in entries)


def _op(name: str) -> Callable[..., bool]:
    return lambda _, request: request.get("op") == name


DEPLOY: Mapping[str, Step] = {
    "request received": Step(Deployer, "deploy", after=False),
    "recipe read": Step(Deployer, "_released"),
    "submitted": Step(Line, "submit", at=lambda _, command, __: command.verb is Verb.DEPLOY),
    "taken in scan": Step(RecipeDesk, "deploy"),
    "before commit": Step(RunStore, "commit", after=False, at=_deploys),
    "inside commit": Step(RunStore, "_write_stations", at=_deploys),
    "after commit": Step(RunStore, "commit", at=_deploys),
    "before answer": Step(Desk, "answer", at=_op("deploy")),
}
RUN: Mapping[str, Step] = {
    "started": Step(RecipeDesk, "start"),
    "phase 1": Step(Run, "_entered", at=_phase(1)),
    "phase 1 before commit": Step(RunStore, "commit", after=False, at=_records("phase 1")),
    "phase 2": Step(Run, "_entered", at=_phase(2)),
    "ramp": Step(_Moving, "scan"),
    "phase 3": Step(Run, "_entered", at=_phase(3)),
    "prompt": Step(RunStore, "commit", at=_records("prompt")),
    "lot": Step(Run, "add_lot"),
    "lot inside commit": Step(RunStore, "_write_entries", at=lambda _, es: any(
        "lot in" in e.text for e in es)),
    "confirmed": Step(RecipeDesk, "confirm"),
    "phase 4": Step(Run, "_entered", at=_phase(4)),
    "execute": Step(Run, "executes"),
    "execute after commit": Step(RunStore, "commit", at=_records("-> EXECUTE")),
    "hold": Step(RecipeDesk, "moved", at=_into(State.HOLDING)),
    "held": Step(RecipeDesk, "moved", at=_into(State.HELD)),
    "unhold": Step(RecipeDesk, "moved", at=_into(State.UNHOLDING)),
    "complete": Step(RecipeDesk, "moved", at=_into(State.COMPLETING)),
    "ended": Step(Run, "ended"),
    "ended inside commit": Step(RunStore, "_write_entries", at=lambda _, es: any(
        " completed: " in e.text for e in es)),
    "ended after commit": Step(RunStore, "commit", at=_records(" completed: ")),
}  # fmt: skip
TRIAL: Mapping[str, Step] = {
    "trial asked for": Step(Trials, "begin", after=False),
    "trial saved": Step(Trials, "_save"),
    "trial deployed": Step(Trials, "_deploy"),
    "trial end asked for": Step(Trials, "end", after=False),
    "return begun": Step(Trials, "_return", after=False),
    "base deployed": Step(Trials, "_return"),
    "end of run begun": Step(Trials, "_end_run", after=False),
    "end of run told": Step(Trials, "_end_run"),
    "trial run ended": Step(Run, "ended"),
    "trial closed": Step(Trials, "_tell", at=lambda _t, _trial, text, _a: "has ended" in text),
}
STEPS: Mapping[str, Step] = {**DEPLOY, **RUN, **TRIAL}


class Fate:
    """Ends this process at the count-th time a step is reached; writes the truth before."""

    def __init__(self, step: str, count: int, truth: Path) -> None:
        self._step, self._left, self._truth = step, count, truth
        self._line: Line | None = None

    def arm(self) -> None:
        """Wrap what has to be wrapped."""
        plain = Line.__init__
        fate = self

        @wraps(plain)
        def init(line: Line, *args: Any, **more: Any) -> None:
            plain(line, *args, **more)
            fate._line = line  # from here on: what happens while it is built is not the step

        Line.__init__ = init  # type: ignore[method-assign]
        if self._step != NOWHERE:
            step = STEPS[self._step]
            setattr(step.owner, step.name, self._wrapped(step))

    def _wrapped(self, step: Step) -> Callable[..., Any]:
        plain = getattr(step.owner, step.name)

        def strike(args: tuple[Any, ...], more: Mapping[str, Any]) -> None:
            if self._line is None or not step.at(*args, **more):
                return
            self._left -= 1
            if self._left == 0:
                self._end()

        @wraps(plain)
        async def waits(*args: Any, **more: Any) -> Any:
            if not step.after:
                strike(args, more)
            found = await plain(*args, **more)
            if step.after:
                strike(args, more)
            return found

        @wraps(plain)
        def call(*args: Any, **more: Any) -> Any:
            if not step.after:
                strike(args, more)
            found = plain(*args, **more)
            if step.after:
                strike(args, more)
            return found

        return waits if inspect.iscoroutinefunction(plain) else call

    def _end(self) -> None:
        self._truth.write_text(json.dumps(self._seen()), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)

    def _seen(self) -> dict[str, Any]:
        assert self._line is not None
        station = self._line.stations[STATION]
        recipes = station.recipes
        run = recipes.run
        return {
            "step": self._step,
            "requested": recipes.requested.number if recipes.requested else 0,
            "state": station.procedure.state.name,
            "run": run.head.id if run else "",
            "phase": int(recipes.figures()[1]),
            "time_s": run.state.time_s if run else 0.0,
        }


# -- a controller with its PLC in memory -----------------------------------------------------------


async def _control(config: LineConfig, order: Mapping[str, Any]) -> None:
    """A controller of the coater alone, as the process would run it."""
    chosen = tuple(s for s in config.stations if s.name == STATION)
    clock = SystemClock(float(order["speed"]), float(order["epoch_s"]))
    (sc,) = chosen
    plc = Plc(sc.prefix, sc.points, Obedient(latch_safe=True))
    link = Link(plc)

    def driver(sc: Any, index: Any, clock: Any, map_version: int) -> Driver:
        settings = Settings(prefix=sc.prefix, link=link, period_s=PLC_SCAN_S)
        return Driver(settings, sc.points, index, clock, map_version)

    async def scan() -> None:
        while True:
            plc.scan(clock.link_s(), clock.now_s(), (), ())
            await clock.sleep_link(PLC_SCAN_S)

    line_module.driver_for = driver
    plant = asyncio.create_task(scan())
    folder = Path(order["run"])
    await run_controller(replace(config, stations=chosen), folder, clock, Path(order["recipes"]))
    plant.cancel()


def _live(config: LineConfig, order: Mapping[str, Any]) -> None:
    """The life of a forked controller; never returns."""
    log = os.open(Path(order["run"]) / "controller.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    code = 1
    try:
        Fate(order["step"], int(order["count"]), Path(order["truth"])).arm()
        asyncio.run(_control(config, order))
        code = 0
    finally:
        os._exit(code)


def _nurse() -> None:
    """Read orders, fork, tell the process number, and afterwards how it ended."""
    config = load_line(SHIPPED)
    for row in sys.stdin:
        order = json.loads(row)
        if order["do"] == "start":
            pid = os.fork()
            if pid == 0:
                _live(config, order)
            answer = pid
        else:
            try:
                answer = os.waitstatus_to_exitcode(os.waitpid(order["pid"], 0)[1])
            except ChildProcessError:  # has been waited for
                answer = 0
        print(answer, flush=True)


class Nursery:
    """Use as a context; leaving it ends every controller that still lives."""

    def __enter__(self) -> Self:
        self._alive: set[int] = set()
        self._epoch_s = SystemClock().epoch_utc_s
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, "--nursery"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        for pid in list(self._alive):
            self.kill(pid)
        self._process.communicate(timeout=10.0)

    def _ask(self, **order: Any) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def start(self, run: Path, recipes: Path, step: str, count: int, speed: float) -> int:
        """A controller on a run folder; its process number."""
        paths = {"run": str(run), "recipes": str(recipes), "truth": str(run / "truth.json")}
        pid = self._ask(
            do="start", step=step, count=count, speed=speed, epoch_s=self._epoch_s, **paths
        )  # fmt: skip
        self._alive.add(pid)
        return pid

    def wait(self, pid: int) -> int:
        """How a controller ended; waits for it."""
        self._alive.discard(pid)
        return self._ask(do="wait", pid=pid)

    def kill(self, pid: int) -> None:
        """End one that is not of use any more."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.wait(pid)


def main() -> None:
    """Over real wires, or as a nursery."""
    if sys.argv[1] == "--nursery":
        _nurse()
        return
    step, count, truth, *words = sys.argv[1:]
    Fate(step, int(count), Path(truth)).arm()
    app(words)


if __name__ == "__main__":
    main()
