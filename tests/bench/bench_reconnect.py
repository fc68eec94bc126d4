"""How long a server that restarts takes 10,000 tags away, and that nothing is counted twice (A6).

    python -m tests.bench reconnect

The server process is killed and another one begins on the same port. Counted is from the moment in
which that one listens to the first new value of every tag. As the controller does, a fresh driver
tries every RETRY_S; it stands in a process of its own.
"""

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from controller.core.errors import DriverError
from controller.core.table import TagTable
from controller.supervise import LAST_BACK_OFF_S
from tests.bench.busy_plant import busy_plant, points_of
from tests.bench.goals import Figure
from tests.support.line_under_test import free_ports
from tests.support.opcua_peers import make_driver

TAGS, ROUNDS = 10_000, 3
RETRY_S = LAST_BACK_OFF_S
CALM_S = 2.0


@dataclass(frozen=True)
class Back:
    """One restart. alive_s: monotonic time at which every tag had a new value; seconds that the
    driver took for that from its last try on; twice: values that came again."""

    alive_s: float
    try_s: float
    values: int
    twice: int


class _Client:
    def __init__(self, endpoint: str) -> None:
        self._endpoint, self._points = endpoint, points_of(TAGS, mixed=False)
        tags = TagTable(tag for p in self._points for tag in p.tags()).tags
        self._newest_ns = np.zeros(len(tags), np.int64)
        self.values = self.twice = 0

    async def one_connection(self, told: Any) -> None:
        """Until it breaks; tells when all values are new."""
        begun_s, seen = time.monotonic(), np.zeros(len(self._newest_ns), np.bool_)
        driver = make_driver(self._endpoint, self._points, timeout_s=10.0, connect_s=30.0)
        try:
            await driver.connect()
            while True:
                samples = await driver.receive()
                self.values += len(samples)
                again = samples.time_ns <= self._newest_ns[samples.tags]
                self.twice += int(np.count_nonzero(again))
                self._newest_ns[samples.tags] = samples.time_ns
                if told is not None:
                    seen[samples.tags[~again]] = True
                    if int(np.count_nonzero(seen)) >= TAGS:
                        now_s = time.monotonic()
                        told.send(Back(now_s, now_s - begun_s, self.values, self.twice))
                        told = None
        finally:
            with contextlib.suppress(DriverError):
                await driver.close()


def _client(endpoint: str, told: Any) -> None:
    async def run() -> None:
        client = _Client(endpoint)
        while True:
            with contextlib.suppress(DriverError):
                await client.one_connection(told)
            await asyncio.sleep(RETRY_S)

    asyncio.run(run())


def restarted() -> tuple[float, Back]:
    """Seconds from the moment the second server listens; what the client saw."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    (port,) = free_ports(1)
    with busy_plant(TAGS, port=port) as endpoint:
        client = context.Process(target=_client, args=(endpoint, there), daemon=True)
        client.start()
        here.recv()
        time.sleep(CALM_S)
    try:
        with busy_plant(TAGS, port=port):
            up_s = time.monotonic()
            back: Back = here.recv()
    finally:
        client.kill()
        client.join()
    return back.alive_s - up_s, back


def run() -> Mapping[str, object]:
    """Seconds and counts, and what A6 says of a restart."""
    found = [restarted() for _ in range(ROUNDS)]
    after_s, twice = [seconds for seconds, _ in found], sum(back.twice for _, back in found)
    note = f"a try every {RETRY_S:g} s; the last one took {median(b.try_s for _, b in found):.1f} s"
    return {
        "after, s": median(after_s), "longest, s": max(after_s), "values counted twice": twice,
        "goals": [
            Figure("A6", "10,000 tags live after a restart of the server", median(after_s), 3.0,
                   "s", note=note),
            Figure("A6", "values counted twice over the restart", twice, 0.0, ""),
        ],
    }  # fmt: skip


if __name__ == "__main__":
    print(run())
