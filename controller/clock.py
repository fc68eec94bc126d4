"""The clocks. Nobody else in Dryline reads the time.

Two kinds of time pass through the program. *Plant time* is what the process lives in: loop
periods, ramps, records; it runs `speed` times faster than the wall. *Link time* is wall time: data
age, call deadlines and watchdogs belong to wires, and wires do not run faster for a simulation.
All processes of one simulated line compute plant time from the same epoch, so their records agree.
"""

import asyncio
import heapq
import itertools
import time
from dataclasses import dataclass

NS = 1_000_000_000


class SystemClock:
    """Wall time multiplied by `speed` from `epoch_utc_s` on; speed 1 is plain UTC.

    Plant time is taken from the monotonic clock, so a step of the wall clock never reaches a loop.
    """

    def __init__(self, speed: float = 1.0, epoch_utc_s: float | None = None) -> None:
        if not speed > 0:
            raise ValueError(f"speed = {speed}: must be above 0")
        self.speed = speed
        utc = time.time()
        self._mono0 = time.monotonic()
        self.epoch_utc_s = utc if epoch_utc_s is None else epoch_utc_s
        self._offset_s = self.epoch_utc_s + (utc - self.epoch_utc_s) * speed

    def now_s(self) -> float:
        """Plant time: seconds since 1970 at the start, monotonic from then on."""
        return self._offset_s + (time.monotonic() - self._mono0) * self.speed

    def link_s(self) -> float:
        """Wall seconds, monotonic."""
        return time.monotonic()

    def utc_ns(self) -> int:
        """Plant time as UTC nanoseconds."""
        return int(self.now_s() * NS)

    async def sleep_until(self, now_s: float) -> None:
        """Wait until plant time `now_s`; returns at once when it has passed."""
        await asyncio.sleep(max(0.0, (now_s - self.now_s()) / self.speed))

    async def sleep_link(self, seconds: float) -> None:
        """Wait for wall seconds."""
        await asyncio.sleep(seconds)


class WallClock:
    """The machine's own clock, as people and certificates read it; it may be set forth and back.

    For the times of what people do. `mono_ns` counts on evenly whatever is done to the clock; it
    begins anew when the machine is started, and all processes of a machine read the same.
    """

    def utc_ns(self) -> int:
        """UTC nanoseconds by the wall."""
        return time.time_ns()

    def mono_ns(self) -> int:
        """Nanoseconds since some moment of this start of the machine."""
        return time.monotonic_ns()


@dataclass(slots=True)
class ManualClock:
    """A clock that a plain loop moves: the lockstep gear. Sleeping on it is an error."""

    t_s: float = 0.0
    speed: float = 1.0
    utc0_ns: int = 1_767_225_600 * NS  # 2026-01-01T00:00:00Z, so that records look like records

    def now_s(self) -> float:
        """Plant time in seconds."""
        return self.t_s

    def link_s(self) -> float:
        """The same: in lockstep wires take no time of their own."""
        return self.t_s

    def utc_ns(self) -> int:
        """Plant time as UTC nanoseconds."""
        return self.utc0_ns + round(self.t_s * NS)

    async def sleep_until(self, now_s: float) -> None:
        """Refuse: in lockstep the loop advances time, nobody waits."""
        raise RuntimeError("ManualClock does not sleep; use SimClock for async code")

    async def sleep_link(self, seconds: float) -> None:
        """Refuse, see sleep_until."""
        raise RuntimeError("ManualClock does not sleep; use SimClock for async code")


class SimClock:
    """Virtual time for async code: `run` wakes sleepers in the order of their deadlines.

    Time jumps to the next deadline as soon as every woken task has come to rest, which is found by
    letting the event loop turn `turns` times. Works for code that waits only on this clock and on
    in-memory queues; never over real sockets.
    """

    speed = 1.0

    def __init__(self, turns: int = 10) -> None:
        self._now = 0.0
        self._turns = turns
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.utc0_ns = 1_767_225_600 * NS

    def now_s(self) -> float:
        """Plant time in seconds."""
        return self._now

    def link_s(self) -> float:
        """The same as plant time."""
        return self._now

    def utc_ns(self) -> int:
        """Plant time as UTC nanoseconds."""
        return self.utc0_ns + round(self._now * NS)

    async def sleep_until(self, now_s: float) -> None:
        """Sleep until virtual time `now_s`."""
        if now_s <= self._now:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (now_s, next(self._order), future))
        await future

    async def sleep_link(self, seconds: float) -> None:
        """Sleep for virtual seconds."""
        await self.sleep_until(self._now + seconds)

    async def run(self, seconds: float) -> None:
        """Let `seconds` of virtual time pass."""
        end = self._now + seconds
        while True:
            for _ in range(self._turns):
                await asyncio.sleep(0)
            while self._sleepers and self._sleepers[0][2].done():
                heapq.heappop(self._sleepers)
            if not self._sleepers or self._sleepers[0][0] > end:
                break
            self._now = self._sleepers[0][0]
            while self._sleepers and self._sleepers[0][0] <= self._now:
                _, _, future = heapq.heappop(self._sleepers)
                if not future.done():
                    future.set_result(None)
        self._now = end
