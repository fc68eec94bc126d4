"""Keeps a mirror fed: finds the controllers of a run folder and reads their streams of tags."""

import asyncio
import logging
from contextlib import suppress
from functools import partial
from pathlib import Path

from controller.api.mirror import Mirror
from controller.core.errors import DrylineError
from controller.core.ports import Clock
from controller.live_frames import read_frame, read_hello
from controller.run_folder import live_sockets
from controller.supervise import Supervisor

log = logging.getLogger("dryline.api")

LOOK_S = 0.25  # between looks for controllers that were started


class MirrorLinks:
    """The connections of one mirror. `fed` is set after every change of it."""

    def __init__(self, run: Path, mirror: Mirror, clock: Clock, supervisor: Supervisor) -> None:
        self._run, self._mirror, self._clock = run, mirror, clock
        self._supervisor = supervisor
        self._known: set[str] = set()
        self.fed = asyncio.Event()

    async def run(self) -> None:
        """Look for controllers for ever; each one found is read by a service of its own."""
        while True:
            for part, path in live_sockets(self._run).items():
                if part not in self._known:
                    self._known.add(part)
                    self._supervisor.keep(
                        f"mirror of {part or 'the line'}", partial(self._read, part, path)
                    )
            self._mirror.check(self._clock.link_s())
            await self._clock.sleep_link(LOOK_S)

    async def _read(self, part: str, path: Path) -> None:
        try:
            reader, writer = await asyncio.open_unix_connection(str(path))
        except OSError:
            return  # stopped, or left behind by a controller that died
        try:
            await self._follow(part, reader)
        except (asyncio.IncompleteReadError, OSError):
            log.info("the controller of %s is gone", part or "the line")
        finally:
            self._mirror.lost(part)
            self.fed.set()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _follow(self, part: str, reader: asyncio.StreamReader) -> None:
        hello = await read_hello(reader)
        if hello.part != part:
            raise DrylineError(f"the controller of {part!r} says that it is that of {hello.part!r}")
        self._mirror.attach(hello, self._clock.link_s())
        log.info("mirrors %d tags of %s", len(hello.tags), part or "the line")
        while True:
            frame = await read_frame(reader, len(hello.tags))
            self._mirror.apply(part, frame, self._clock.link_s())
            self.fed.set()
