"""A clock for benches: a machine that stood still for a while has not aged anybody's data."""

import asyncio
import time
from typing import Final

from controller.clock import SystemClock

LONGEST_S: Final = 0.1  # what passes at most from one tick to the next
LOOK_S: Final = 0.01


class EvenClock(SystemClock):
    """Link time that leaves stalls out, for a device and a driver that live in one event loop.

    A ticket is too late after 0.4 s. Where driver and device read this clock, that is said of the
    driver only, not of a machine that was busy for so long. Who owns the clock must `tick` it every
    few scans: without, it stands after LONGEST_S. Plant time goes on as the wall does.
    """

    def __init__(self) -> None:
        super().__init__()
        self._counted_s = 0.0
        self._ticked_s = time.monotonic()

    def tick(self) -> None:
        """Count what has passed since the last tick, a stall as LONGEST_S."""
        self._counted_s = self.link_s()
        self._ticked_s = time.monotonic()

    def link_s(self) -> float:
        """Seconds, monotonic, at most LONGEST_S ahead of the last tick."""
        return self._counted_s + min(time.monotonic() - self._ticked_s, LONGEST_S)

    async def sleep_link(self, seconds: float) -> None:
        """Wait until so much has passed on this clock."""
        until_s = self.link_s() + seconds
        while self.link_s() < until_s:  # noqa: ASYNC110 - waits for a time
            await asyncio.sleep(LOOK_S)
