"""The controller process: historian, line, console, and an orderly end."""

import asyncio
import contextlib
import itertools
import logging
import os
import signal
from pathlib import Path

from controller.clock import SystemClock
from controller.config import LineConfig
from controller.console import Console, Json
from controller.control.station import Station
from controller.core.errors import DrylineError
from controller.core.event import Answer, Command, Verb
from controller.core.sample import quality_text
from controller.historian import Historian, HistorianSettings
from controller.line import Line, tag_table
from controller.supervise import Supervisor

log = logging.getLogger("dryline.controller")
SOCKET = "controller.sock"
MEMORY = "stations.json"
ANSWER_S = 2.0
HEALTH_S = 1.0
CLOSE_S = 3.0


def history_path(config: LineConfig, run: Path) -> Path:
    """Where the store of a line lies in a run folder."""
    return run / config.history.path


async def run_controller(config: LineConfig, run: Path, clock: SystemClock) -> None:
    """Run until SIGTERM or SIGINT; then flush and leave within five seconds."""
    await asyncio.to_thread(run.mkdir, parents=True, exist_ok=True)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    settings = HistorianSettings(
        commit_interval_s=config.history.commit_interval_s, raw_days=config.history.raw_days
    )
    historian = Historian(history_path(config, run), tag_table(config).tags, clock, settings)
    await historian.start_async()
    try:
        line = Line(config, clock, historian, run / MEMORY)
        desk = Desk(line, historian)
        async with Supervisor(clock) as supervisor, Console(run / SOCKET, desk.answer):
            line.keep(supervisor)
            supervisor.keep("line health", desk.publish)
            log.info("controller runs, console at %s", run / SOCKET)
            await ended.wait()
        await line.save()
        line.tell("controller stopped in order")
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(historian.close_async(CLOSE_S), CLOSE_S + 1.0)


class Desk:
    """Answers the console: command, tags, status, why."""

    def __init__(self, line: Line, historian: Historian) -> None:
        self._line, self._historian = line, historian
        self._count = itertools.count(1)

    async def publish(self) -> None:
        """Show the historian's figures as tags once a second."""
        while True:
            self._line.publish_health(self._historian.status)
            await self._line.clock.sleep_link(HEALTH_S)

    async def answer(self, request: Json) -> Json:
        """One request of the console."""
        op = request.get("op")
        if op == "command":
            return await self._command(request)
        if op == "tags":
            return self._tags(str(request.get("station", "")))
        if op == "status":
            return self._status()
        raise DrylineError(f"no operation {op!r}; operations: command, tags, status")

    async def _command(self, request: Json) -> Json:
        names = ", ".join(v.value for v in Verb)
        try:
            verb = Verb(str(request.get("verb", "")).upper())
        except ValueError:
            raise DrylineError(f"no verb {request.get('verb')!r}; verbs: {names}") from None
        value = request.get("value")
        if value is not None and not isinstance(value, float | int | str):
            raise DrylineError(f"value {value!r}: a number or a text")
        command = Command(
            id=f"{os.getpid()}-{next(self._count)}",
            actor=str(request.get("actor", "console")),
            station=str(request.get("station", "")),
            verb=verb,
            target=str(request.get("target", "")),
            value=value,
            reason=str(request.get("reason", "")),
        )
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def reply(given: Answer) -> None:
            if not answer.done():
                answer.set_result(given)

        self._line.submit(command, reply)
        try:
            given = await asyncio.wait_for(answer, ANSWER_S)
        except TimeoutError:
            # An answer nobody waits for any more must not become an action.
            self._line.withdraw(command)
            raise DrylineError(
                f"{command.station} did not answer within {ANSWER_S:g} s; the command is withdrawn"
            ) from None
        return {"accepted": given.accepted, "code": given.code, "reasons": list(given.reasons)}

    def _tags(self, station: str) -> Json:
        table = self._line.table
        if station and station not in table.stations:
            names = ", ".join(table.stations)
            raise DrylineError(f"no station {station!r}; stations: {names}")
        rows = []
        for tag, value, quality, time_ns in zip(
            table.tags, table.value.tolist(), table.quality.tolist(), table.time_ns.tolist(),
            strict=True,
        ):  # fmt: skip
            if station and tag.station != station:
                continue
            label = tag.labels[int(value)] if 0 <= value < len(tag.labels) else ""
            rows.append(
                {"tag": tag.name, "value": value, "unit": tag.unit, "text": label,
                 "quality": quality_text(quality), "time_ns": time_ns}
            )  # fmt: skip
        return {"time_ns": self._line.clock.utc_ns(), "tags": rows}

    def _status(self) -> Json:
        now_s = self._line.clock.now_s()
        stations = {name: _station_status(s, now_s) for name, s in self._line.stations.items()}
        status = self._historian.status
        history = {
            "stored": status.stored, "queued": status.queued, "dropped": status.dropped,
            "failing": status.failing, "error": status.error,
        }  # fmt: skip
        return {
            "line": self._line.config.name,
            "time_ns": self._line.clock.utc_ns(),
            "stations": stations,
            "history": history,
        }


def _station_status(station: Station, now_s: float) -> Json:
    procedure, timing = station.procedure, station.timing
    step = procedure.step
    return {
        "state": procedure.state.name,
        "reason": procedure.reason,
        "step": step.name if step else "",
        "left_s": round(procedure.step_left_s(now_s), 1),
        "waiting_for": list(procedure.waiting_for()),
        "link_up": timing.link_up,
        "faulted": station.faulted,
        "late_ms": timing.late_ms,
        "overruns": timing.overruns,
        "loops": {
            key: {
                "mode": loop.pid.mode.name,
                "status": loop.pid.status.name,
                "pv": loop.pid.pv,
                "sp": loop.pid.sp_target,
                "out": loop.pid.out,
            }
            for key, loop in station.loops.items()
        },
    }
