"""Values that come by a subscription and are durably stored (B1, B2).

    python -m tests.bench.bench_store [--seconds 600]

The whole way in one process: driver, quality and limits, table of last values, historian with its
exception filter, journal and packing. Beside it at 10,000 values a second, in turn: the same
without the store, and asyncua's handler with rows into SQLite once a second. What is in the store
is counted there afterwards.
"""

import argparse
import asyncio
import math
import multiprocessing
import os
import sqlite3
import sys
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from asyncua import Client, ua

from controller.clock import SystemClock
from controller.core.table import TagTable
from controller.core.tag import HistoryRule
from controller.historian import Historian
from controller.history.store import Store
from tests.bench.bench_acquire import INTERVAL_S, OURS, SLICE, Turn, turn_of
from tests.bench.busy_plant import busy_plant, points_of
from tests.bench.goals import Figure
from tests.bench.machine import resident_mib
from tests.support.history import seal
from tests.support.opcua_peers import make_driver

ROUNDS = 3
TURN_S = {"chain": 60.0, "rows": 15.0}  # our store packs every 30 s at 10,000 values a second
SECONDS = 300.0  # of B2; its goal is an hour
SETTLE_S = 3.0
LOOK_S, LOOK_AT_MEMORY_S = 0.1, 1.0
SOME, MANY = 1_000, 10_000  # tags, each of which changes every 100 ms
RESOLUTION = 0.001
PACKING = (  # appended where the bound is missed
    "; of it, per value: filter and queue 0.11 us, journal 0.12, packing 0.24; next step: to add "
    "to a chunk as it lies there instead of packing it anew when it grows"
)


@dataclass(frozen=True)
class Stored:
    """What one turn has brought into a store.

    Counted over all of it, connecting included: values, kept (found in the store), equal (those
    that the exception filter took for equal to the one before), lost (by the server's count or by
    the store). Over the seconds measured: cpu_s, took_s, came, lag_s (99 of 100 values were durable
    so much later), rss_mib: the most in their second and in their last quarter, since packing comes
    and goes.
    """

    values: int
    kept: int
    equal: int
    lost: int
    came: int = 0
    cpu_s: float = 0.0
    took_s: float = 1.0
    lag_s: float = math.nan
    rss_mib: tuple[float, float] = (math.nan, math.nan)
    bytes_a_value: float = math.nan

    @property
    def us(self) -> float:
        """CPU of a value, us."""
        return 1e6 * self.cpu_s / max(1, self.came)

    def missing(self, tags: int) -> float:
        """Share of what was due in the seconds measured that did not come."""
        return max(0.0, 1.0 - self.came / (tags * (self.took_s / INTERVAL_S - 1.0)))


class _Chain:
    """A driver with table and historian behind it."""

    def __init__(self, endpoint: str, tags: int, path: Path) -> None:
        points = points_of(tags, mixed=False)
        rule = HistoryRule(deadband=0.0, max_interval_s=60.0)
        known = [
            replace(tag, resolution=RESOLUTION, history=rule) for p in points for tag in p.tags()
        ]
        self.table = TagTable(known)
        self.historian = Historian(path, self.table.tags, SystemClock())
        self.driver = make_driver(endpoint, points, timeout_s=10.0, connect_s=30.0)
        self.values = 0
        self.watch: _Watch | None = None

    async def take(self) -> None:
        """Receive for ever."""
        while True:
            samples = await self.driver.receive()
            self.table.apply(samples)
            self.historian.record(samples)
            self.values += len(samples)
            if self.watch is not None:
                self.watch.look()


class _Watch:
    """How long values waited for the disk, and memory; see `Stored`.

    It looks when something has come, on the way: a timer of its own would wake the process ten
    times a second more, for as much CPU as a tenth of what is measured.
    """

    def __init__(self, historian: Historian, seconds: float) -> None:
        self._historian, self._seconds = historian, seconds
        self._begun_s = self._due_s = self._memory_due_s = time.monotonic()
        self._waiting: deque[tuple[int, float]] = deque()
        self._rss = [0.0] * 4
        self.lags: list[float] = []

    @property
    def rss(self) -> tuple[float, float]:
        """The most in the second and in the last quarter, MiB."""
        return self._rss[1], self._rss[3]

    def look(self) -> None:
        """About every LOOK_S."""
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        self._due_s = now_s + 0.5 * LOOK_S  # what comes every 100 ms comes a little early or late
        status, waiting = self._historian.status, self._waiting
        while waiting and waiting[0][0] <= status.accepted - status.queued:
            self.lags.append(now_s - waiting.popleft()[1])
        waiting.append((status.accepted, now_s))
        if now_s >= self._memory_due_s:
            quarter = min(3, int(4 * (now_s - self._begun_s) / self._seconds))
            self._rss[quarter] = max(self._rss[quarter], resident_mib(os.getpid()))
            self._memory_due_s += LOOK_AT_MEMORY_S


async def _chain(endpoint: str, tags: int, seconds: float, path: Path) -> Stored:
    chain = _Chain(endpoint, tags, path)
    await chain.historian.start_async()
    await chain.driver.connect()
    taking = asyncio.create_task(chain.take())
    while chain.values < tags:  # noqa: ASYNC110 - nobody is to do more for a value than this
        await asyncio.sleep(LOOK_S)
    await asyncio.sleep(SETTLE_S)
    before, cpu, wall = chain.values, time.process_time(), time.perf_counter()
    watch = chain.watch = _Watch(chain.historian, seconds)
    await asyncio.sleep(seconds)
    came, cpu, wall = chain.values - before, time.process_time() - cpu, time.perf_counter() - wall
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    lost = chain.driver.losses
    await chain.driver.close()
    if not await chain.historian.close_async(60.0):
        raise RuntimeError(f"not all is stored: {chain.historian.status}")
    status = chain.historian.status
    return Stored(
        values=chain.values, kept=status.stored, equal=status.filtered,
        lost=lost + status.dropped, came=came, cpu_s=cpu, took_s=wall,
        lag_s=float(np.percentile(watch.lags, 99)) if watch.lags else math.nan, rss_mib=watch.rss,
    )  # fmt: skip


async def _rows(endpoint: str, tags: int, seconds: float, path: Path) -> Stored:
    """What most would write: asyncua's handler, rows into SQLite once a second."""
    handler = _Handler()
    with closing(sqlite3.connect(path, check_same_thread=False)) as store:
        store.execute("PRAGMA journal_mode=WAL")
        store.execute("CREATE TABLE value (tag INTEGER, time REAL, value REAL)")
        async with Client(endpoint, timeout=60) as client:
            subscription = await client.create_subscription(100.0, handler)
            points = points_of(tags, mixed=False)
            nodes = [client.get_node(ua.NodeId(p.address.removeprefix("s="), 2)) for p in points]
            for start in range(0, tags, SLICE):
                some = nodes[start : start + SLICE]
                await subscription.subscribe_data_change(some, queuesize=10)
            await asyncio.sleep(SETTLE_S)
            handler.rows.clear()
            cpu, wall, came = time.process_time(), time.perf_counter(), 0
            while time.perf_counter() < wall + seconds:
                await asyncio.sleep(1.0)
                rows, handler.rows = handler.rows, []
                came += len(rows)
                await asyncio.to_thread(_insert, store, rows)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Stored(values=came, kept=came, equal=0, lost=0, came=came, cpu_s=cpu, took_s=wall)


class _Handler:
    def __init__(self) -> None:
        self.rows: list[tuple[str, float, Any]] = []

    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        """Called by asyncua for each change."""
        at = data.monitored_item.Value.SourceTimestamp
        self.rows.append((node.nodeid.Identifier, at.timestamp(), value))


def _insert(store: sqlite3.Connection, rows: list[tuple[str, float, Any]]) -> None:
    with store:
        store.executemany("INSERT INTO value VALUES (?, ?, ?)", rows)


_Way = Callable[[str, int, float, Path], Awaitable[Stored]]
_WAYS: dict[str, _Way] = {"chain": _chain, "rows": _rows}


def _apart(way: str, endpoint: str, tags: int, seconds: float, path: Path, into: Any) -> None:
    async def run() -> Stored:
        return await _WAYS[way](endpoint, tags, seconds, path)

    into.send(asyncio.run(run()))


def stored(way: str, endpoint: str, tags: int, seconds: float) -> Stored:
    """One turn in a process of its own; what its store holds is counted afterwards."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    with tempfile.TemporaryDirectory(prefix="ds-") as folder:
        path = Path(folder) / "history.db"
        words = (way, endpoint, tags, seconds, path, there)
        process = context.Process(target=_apart, args=words, daemon=True)
        process.start()
        there.close()
        try:
            found: Stored = here.recv()
        except EOFError:
            raise RuntimeError(f"{way} with {tags} tags has failed") from None
        finally:
            process.join(20)
            process.kill()
            here.close()
        return _counted(found, path) if way == "chain" else found


def _counted(found: Stored, path: Path) -> Stored:
    with closing(sqlite3.connect(path)) as connection:
        tables = "SELECT n FROM journal UNION ALL SELECT n FROM chunk"
        (kept,) = connection.execute(f"SELECT sum(n) FROM ({tables})").fetchone()  # noqa: S608
    store = Store.open(path)
    seal(store)
    size = store.used_bytes / kept
    store.close()
    missed = abs(found.values - kept - found.equal)
    return replace(found, kept=kept, lost=found.lost + missed, bytes_a_value=size)


def run(seconds: float = SECONDS) -> dict[str, object]:
    """B1 at 10,000 values a second, B2 at 100,000."""
    turns: dict[str, list[Stored]] = {"chain": [], "rows": []}
    acquired: list[Turn] = []
    with busy_plant(SOME) as endpoint:
        for _ in range(ROUNDS):
            acquired.append(turn_of(OURS, endpoint, SOME, mixed=False))
            for way, found in turns.items():
                found.append(stored(way, endpoint, SOME, TURN_S[way]))
    with busy_plant(MANY) as endpoint:
        many = stored("chain", endpoint, MANY, seconds)
    some = sorted(turns["chain"], key=lambda t: t.us)[ROUNDS // 2]
    rows_us = median(t.us for t in turns["rows"])
    acquired_us = median(t.us for t in acquired)
    goals = [
        *_lossless("B1", some, SOME),
        Figure("B1", "stored 10,000/s: 99 of 100 values durable after", some.lag_s, 1.0, "s"),
        Figure("B1", "CPU, to acquiring alone (A2)", some.us / acquired_us, 1.5,
               note=f"{some.us:.2f} us a value, {acquired_us:.2f} us without the store"
               + PACKING * (some.us > 1.5 * acquired_us)),
        Figure("B1", "CPU, to asyncua's handler and SQLite", some.us / rows_us, 0.15,
               note=f"{rows_us:.1f} us a value there"),
        *_lossless("B2", many, MANY),
        Figure("B2", "values stored a second", many.came / many.took_s, 12_000.0, "1/s", "above",
               note="ten times what FUXA's own store takes (300 to 1,200 rows a second)"),
        Figure("B2", "of a core", many.cpu_s / many.took_s, 0.3, "core",
               note=f"for {many.took_s:.0f} s of 3,600; {many.us:.2f} us a value"),
        Figure("B2", "most memory in the last quarter, to the second",
               many.rss_mib[1] / many.rss_mib[0], 1.1, note=f"{many.rss_mib[1]:.0f} MiB"),
        Figure("B2", "bytes a value, resolution 0.001", many.bytes_a_value, 3.0, "B",
               note="source times that jitter, one of each message"),
    ]  # fmt: skip
    return {
        "10,000/s": vars_of(some), "100,000/s": vars_of(many), "goals": goals,
        "us a value": {"acquired": acquired_us, "handler and SQLite": rows_us},
    }  # fmt: skip


def _lossless(goal: str, found: Stored, tags: int) -> list[Figure]:
    told = f"of {found.values:,} values {found.kept:,} stored and {found.equal:,} equal"
    return [
        Figure(goal, f"{10 * tags:,}/s: values lost", found.lost, 0.0, "", note=told),
        Figure(goal, f"{10 * tags:,}/s: part that did not come", found.missing(tags), 0.01, ""),
    ]


def vars_of(found: Stored) -> dict[str, float]:
    """Its numbers."""
    return {
        "values": found.values, "stored": found.kept, "equal": found.equal, "us": found.us,
        "durable after, s": found.lag_s, "MiB, second quarter": found.rss_mib[0],
        "MiB, last quarter": found.rss_mib[1], "bytes a value": found.bytes_a_value,
    }  # fmt: skip


def main() -> int:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seconds", type=float, default=SECONDS, help="of B2")
    for name, value in run(words.parse_args().seconds).items():
        print(name, value)
    return 0


if __name__ == "__main__":
    sys.exit(main())
