"""A virtual line that answers the command line, in a thread: its time passes by itself."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from controller.console import Console
from controller.run_folder import SOCKET
from tests.support.desk_line import DeskLine

STEP_S = 0.2
Result = TypeVar("Result")


class DeskPeer:
    """`with DeskPeer(run) as peer`: the console of a run folder answers."""

    def __init__(self, run: Path, stations: Sequence[str] = ("enclosure", "coater")) -> None:
        self._run, self._stations = run, stations
        self._ready, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

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
        self._end.set()
        self._thread.join(20.0)
        assert not self._thread.is_alive()

    def until(self, test: Callable[[DeskLine], Result]) -> Result:
        """Wait in real time until something is true of the line; its time runs much faster."""
        pause = threading.Event()
        for _ in range(2000):
            found = test(self.line)
            if found:
                return found
            pause.wait(0.005)
        raise AssertionError("not within 10 s")

    async def _serve(self) -> None:
        self.line = DeskLine(self._run, self._stations)
        async with self.line, Console(self._run / SOCKET, self.line.desk.answer):
            self._ready.set()
            while not self._end.is_set():
                await self.line.pass_time(STEP_S)
