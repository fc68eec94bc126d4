"""The plant process: physics in real time, faults by name, and the PLC processes as its children.

A PLC process that dies is started again, as a PLC's own watchdog would, unless somebody stopped
it on purpose. One that is paused or dead leaves the outputs to the cards, which drive them safe.
"""

import asyncio
import contextlib
import fcntl
import logging
import signal
import sys
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

from controller.clock import SystemClock, WallClock
from controller.config import LineConfig
from controller.console import Console, Json
from controller.core.errors import DrylineError
from controller.supervise import Supervisor
from plc_sim.faults import FAULTS, Injection, find
from plc_sim.fieldbus import FieldBus
from plc_sim.introduction import introduce
from plc_sim.plant import TICK_S, Plant
from plc_sim.station_process import bus_path

log = logging.getLogger("plc_sim.plant")
CARD_WATCHDOG_S = 0.5  # an output card without a PLC cycle for this long (wall) goes safe
MAX_TICKS = 40  # ticks made up in one go before plant time is allowed to slip
RESPAWN_S = 1.0
SOCKET = "plant.sock"
LOCK = "plant.lock"
EXIT_PORT = 3  # a PLC process ends so when its port is taken: starting it again is no cure


class PlcProcess:
    """One child process, watched."""

    def __init__(
        self, station: str, command: list[str], clock: SystemClock, failed: asyncio.Event
    ) -> None:
        self.station = station
        self._failed = failed
        self._command = command
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None
        self._wanted = asyncio.Event()
        self._wanted.set()
        self.paused = False

    async def watch(self) -> None:
        """Start the process and start it again when it ends, for ever."""
        while True:
            await self._wanted.wait()
            self._process = await asyncio.create_subprocess_exec(*self._command)
            self.paused = False
            try:
                code = await self._process.wait()
            finally:
                await self._end()
            if code == EXIT_PORT:
                self._failed.set()
                await asyncio.Event().wait()
            if self._wanted.is_set():
                log.warning("PLC of %s ended with %s, restarting", self.station, code)
                await self._clock.sleep_link(RESPAWN_S)

    def act(self, action: str) -> None:
        """pause, resume, kill (comes back), stop (stays away), start, restart."""
        actions: dict[str, Callable[[], None]] = {
            "pause": lambda: self._signal(signal.SIGSTOP),
            "resume": lambda: self._signal(signal.SIGCONT),
            "kill": lambda: self._signal(signal.SIGKILL),
            "restart": lambda: self._signal(signal.SIGKILL),
            "stop": self._stop,
            "start": self._wanted.set,
        }
        if action not in actions:
            raise LookupError(f"no action {action!r}; actions: {', '.join(actions)}")
        actions[action]()
        self.paused = action == "pause" or (self.paused and action != "resume")

    def status(self) -> Json:
        """Process number and state."""
        process = self._process
        alive = process is not None and process.returncode is None
        state = "stopped" if not alive else "paused" if self.paused else "running"
        return {"pid": process.pid if process is not None and alive else None, "state": state}

    def _stop(self) -> None:
        self._wanted.clear()
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def _end(self) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            await process.wait()


class PlantService:
    """Steps the plant, serves the field buses, takes orders on the console."""

    def __init__(self, plant: Plant, buses: dict[str, FieldBus], clock: SystemClock) -> None:
        self.plant = plant
        self._buses = buses
        self._clock = clock
        self.plcs: dict[str, PlcProcess] = {}
        self._cycle_seen = dict.fromkeys(buses, -1.0)
        self._cycle_at_s = dict.fromkeys(buses, 0.0)
        self.slipped_s = 0.0

    async def run(self) -> None:
        """Step for ever at plant time; what cannot be made up in one go is let slip and counted."""
        clock = self._clock
        start_s = clock.now_s() - self.plant.now_s
        while True:
            await clock.sleep_until(start_s + self.plant.now_s + TICK_S)
            behind = int((clock.now_s() - start_s - self.plant.now_s) / TICK_S)
            for _ in range(min(behind, MAX_TICKS)):
                self._step()
            if behind > MAX_TICKS:
                slip_s = (behind - MAX_TICKS) * TICK_S
                self.slipped_s += slip_s
                start_s += slip_s

    def _step(self) -> None:
        plant = self.plant
        for station, bus in self._buses.items():
            cycle = bus.cycle
            now_s = self._clock.link_s()
            if cycle != self._cycle_seen[station]:
                self._cycle_seen[station] = cycle
                self._cycle_at_s[station] = now_s
                plant.actuate(station, bus.outputs())
            elif now_s - self._cycle_at_s[station] > CARD_WATCHDOG_S:
                plant.actuate(station, plant.safe_outputs(station))
        for fault, level in plant.step():
            self._buses[fault.station].set_fault(fault.name, level)
        for station, bus in self._buses.items():
            readings, status = plant.readings(station)
            bus.show(plant.now_s, round(plant.now_s / TICK_S), readings, status)

    async def answer(self, request: Json) -> Json:
        """fault, clear, faults, truth, station, status."""
        op = request.get("op")
        if op == "fault":
            return self._inject(request)
        if op == "clear":
            fault = find(request["station"], request["name"])
            self.plant.faults.clear(fault.station, fault.name)
            return {"cleared": fault.name}
        if op == "table":
            return {"faults": fault_names()}
        if op == "faults":
            active = self.plant.faults.active()
            return {
                "active": [{"station": s, "name": n, "level": v} for (s, n), v in active.items()]
            }
        if op == "truth":
            return {"now_s": self.plant.now_s, "truth": self.plant.truth()}
        if op == "station":
            if request["station"] not in self.plcs:
                names = ", ".join(self.plcs)
                raise LookupError(f"no station {request['station']!r}; stations: {names}")
            self.plcs[request["station"]].act(request["action"])
            return {"station": request["station"], "action": request["action"]}
        if op == "status":
            return {
                "now_s": self.plant.now_s,
                "slipped_s": self.slipped_s,
                "stations": {name: plc.status() for name, plc in self.plcs.items()},
            }
        raise LookupError(f"no operation {op!r}")

    def _inject(self, request: Json) -> Json:
        fault = find(request["station"], request["name"])
        start_s = self.plant.now_s + float(request.get("after_s", 0.0))
        last_s = request.get("for_s")
        level = request.get("level")
        injection = Injection(
            fault=fault,
            start_s=start_s,
            end_s=inf if last_s is None else start_s + float(last_s),
            level=fault.level if level is None else float(level),
        )
        self.plant.faults.add(injection)
        return {
            "fault": fault.name,
            "station": fault.station,
            "level": injection.level,
            "start_s": start_s,
            "end_s": None if last_s is None else injection.end_s,
        }


def fault_names() -> list[dict[str, Any]]:
    """The fault table as plain values."""
    return [
        {"id": f.id, "station": f.station, "name": f.name, "level": f.level, "unit": f.unit,
         "low": f.low, "high": f.high, "effect": f.effect}
        for f in FAULTS
    ]  # fmt: skip


async def run_plant(
    config: LineConfig, plant: Plant, run: Path, clock: SystemClock, plc_command: list[str]
) -> None:
    """Run plant and PLC processes until cancelled. plc_command: a station's name is appended."""
    failed = asyncio.Event()
    with contextlib.ExitStack() as stack:
        lock = stack.enter_context((run / LOCK).open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DrylineError(
                f"{run}: a simulated plant runs in this folder already; "
                "stop it or use another --run"
            ) from error
        for sentence in introduce(config, run, WallClock().utc_ns() / 1e9):
            log.info("%s", sentence)
        buses = {}
        for name, site in plant.sites.items():
            shape = (len(site.model.SENSORS), len(site.model.ACTUATORS))
            buses[name] = stack.enter_context(FieldBus(bus_path(run, name), *shape))
            buses[name].clear()
        service = PlantService(plant, buses, clock)
        for station in config.stations:
            command = [sys.executable, "-m", "plc_sim", *plc_command, station.name]
            service.plcs[station.name] = PlcProcess(station.name, command, clock, failed)
        async with Supervisor(clock) as supervisor, Console(run / SOCKET, service.answer):
            supervisor.keep("plant", service.run)
            for plc in service.plcs.values():
                supervisor.keep(f"PLC of {plc.station}", plc.watch)
            await failed.wait()
    raise DrylineError("a PLC could not open its port; the simulated plant has stopped")
