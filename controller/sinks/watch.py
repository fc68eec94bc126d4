"""The controller's side of its sinks: keeps their process alive, shows and records what they do."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from controller.clock import SystemClock
from controller.config import LineConfig
from controller.core.errors import DrylineError, StoreError
from controller.core.event import Event, EventKind
from controller.core.ports import Clock, EventLog
from controller.sinks.figures import FIGURES
from controller.sinks.ledger import Note
from controller.sinks.ledger_reader import told, untold
from controller.sinks.places import SinkConfig, SinkPlaces
from controller.sinks.status import SinkStatus, read_status

log = logging.getLogger("dryline.sinks")

PERIOD_S = 1.0
END_S = 2.0  # for the process to end in order


class SinkWatch:
    """All sinks of one controller."""

    def __init__(
        self,
        sinks: Sequence[SinkConfig],
        run: Path,
        part: str,
        clock: Clock,
        recorder: EventLog,
        *,
        command: Sequence[str],
        durable: Callable[[], bool],
    ) -> None:
        """command: how the sinks' process is started; durable: waits until events are on disk."""
        self._places = [SinkPlaces(run, sink.name, part) for sink in sinks]
        self._clock, self._recorder = clock, recorder
        self._command, self._durable = tuple(command), durable
        self._recorded: dict[str, int] = {}  # newest note of each sink that became an event
        self.statuses = [SinkStatus(name=sink.name, reason="has not run yet") for sink in sinks]

    def figures(self) -> list[float]:
        """Values of `sink_tags`, in their order."""
        return [float(read(status)) for status in self.statuses for _, read in FIGURES]

    async def run(self) -> None:
        """Run the process of the sinks and return when it has ended, to be started again."""
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE
        )
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                await _end(process)
        if code:
            raise DrylineError(f"the process of the sinks has ended with code {code}")

    async def follow(self) -> None:
        """Take over statuses and notes, for ever."""
        while True:
            self.statuses = await asyncio.to_thread(self._read)
            for places in self._places:
                await asyncio.to_thread(self._tell, places)
            await self._clock.sleep_link(PERIOD_S)

    def _read(self) -> list[SinkStatus]:
        now_s = self._clock.link_s()
        return [read_status(p.status, p.name, now_s) for p in self._places]

    def _tell(self, places: SinkPlaces) -> None:
        """Make events of a sink's notes; marked only when they are on disk."""
        if not places.status.is_file():  # which comes after the ledger
            return
        try:
            notes = untold(places.ledger)
            for note in notes:
                if note.id > self._recorded.get(places.name, 0):
                    self._recorder.event(_event(places.name, note))
                    self._recorded[places.name] = note.id
            if notes and self._durable():
                told(places.ledger, notes[-1].id)
        except StoreError as error:
            log.warning("notes of sink %s cannot be taken over: %s", places.name, error)


def command_of(config: LineConfig, run: Path, store: Path, clock: SystemClock) -> list[str]:
    """How the process of the sinks of a controller is started. store: the history it reads."""
    words = ["--folder", str(config.folder), "--run", str(run), "--store", str(store)]
    words += ["--line", config.name, "--part", config.part]
    words += ["--speed", repr(clock.speed), "--epoch", repr(clock.epoch_utc_s)]
    return [sys.executable, "-m", "controller.sinks", *words]


def _event(sink: str, note: Note) -> Event:
    return Event(
        time_ns=note.time_ns,
        kind=EventKind.SYSTEM,
        station="",
        subject=f"sink {sink}",
        text=note.text,
        data={**note.facts, "note": note.id},
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            async with asyncio.timeout(END_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
