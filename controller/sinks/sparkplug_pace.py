"""Requests that come at any rate, answered once in a while: any host may ask for any number of
rebirths, and each of them is every tag of the line on the wire."""

import asyncio
from collections.abc import Awaitable, Callable

from controller.core.ports import Clock


class Pace:
    """The first request is answered at once, and all that come within the next `every_s` wall
    seconds together, at the end of these. For one event loop."""

    def __init__(self, clock: Clock, every_s: float) -> None:
        self._clock, self._every_s = clock, every_s
        self._asked = asyncio.Event()
        self.held_back = 0  # requests that were answered together with an earlier one

    def ask(self) -> None:
        """Somebody asks."""
        self.held_back += self._asked.is_set()
        self._asked.set()

    async def answer(self, work: Callable[[], Awaitable[None]]) -> None:
        """Answer for ever."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            await work()
            await self._clock.sleep_link(self._every_s)
