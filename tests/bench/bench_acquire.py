"""What a value costs that comes by a subscription and changes every 100 ms (A1 to A3, A5, A6).

    python -m tests.bench acquire

Ours is the whole way: driver, quality and limits, table of last values, exception filter. Beside
it, in turn and in processes of their own: asyncua's publish callback that only counts ("raw"), and
asyncua's subscription handler, node-opcua (on Node.js) and open62541 (package o6), which count too.
Counted is what came
against what was due.
"""
# mypy: disable-error-code="arg-type, attr-defined"

import asyncio
import json
import math
import multiprocessing
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from asyncua import Client, ua

from controller.core.table import TagTable
from controller.history.exception_filter import ExceptionFilter
from tests.bench.busy_plant import busy_plant, points_of
from tests.bench.goals import Figure
from tests.support import node_peer, open62541_peer
from tests.support.opcua_peers import make_driver

TURN_S = 5.0
INTERVAL_S = 0.1
ROUNDS = 3
SLICE = 1000
SETTLE_S = 1.0
PEER_LIMIT_S = 60.0  # it ends by itself then, whatever becomes of us
OURS, RAW, HANDLER, NODE, OPEN62541 = "ours", "raw", "handler", "node-opcua", "open62541"
NAMES = {
    RAW: "asyncua's publish callback", HANDLER: "asyncua's handler", NODE: "node-opcua",
    OPEN62541: "open62541 by Python (o6)",
}  # fmt: skip
STATION_TAGS = 333
THREE, THIRTY = "three stations", "thirty stations"


@dataclass(frozen=True)
class Turn:
    """One turn of one client. live_s: from the first byte to the first value of every tag."""

    values: int
    cpu_s: float
    took_s: float
    live_s: float
    lost: int = 0

    @property
    def us(self) -> float:
        """CPU of a value, us."""
        return 1e6 * self.cpu_s / max(1, self.values)

    def missing(self, tags: int) -> float:
        """Share that did not come; one message may always be under way."""
        due = tags * (self.took_s / INTERVAL_S - 1.0)
        return max(0.0, 1.0 - self.values / due)


Counted = Callable[[], int]


async def _measure(count: Counted, begun_s: float, tags: int) -> Turn:
    while count() < tags:  # noqa: ASYNC110 - nobody is to do more for a value than count it
        await asyncio.sleep(0.02)
    live_s = time.perf_counter() - begun_s
    await asyncio.sleep(SETTLE_S)
    before, cpu, wall = count(), time.process_time(), time.perf_counter()
    await asyncio.sleep(TURN_S)
    cpu_s, took_s = time.process_time() - cpu, time.perf_counter() - wall
    return Turn(count() - before, cpu_s, took_s, live_s)


class _Station:
    """A driver with what stands behind it in the controller."""

    def __init__(self, endpoint: str, tags: int, *, mixed: bool) -> None:
        points = points_of(tags, mixed=mixed)
        self._table = TagTable(tag for p in points for tag in p.tags())
        self._filtered = ExceptionFilter(self._table.tags)
        self.driver = make_driver(endpoint, points, timeout_s=10.0, connect_s=30.0)
        self.values = 0

    async def take(self) -> None:
        """Receive for ever."""
        while True:
            samples = await self.driver.receive()
            self._table.apply(samples)
            self._filtered.apply(samples)
            self.values += len(samples)


async def _ours(endpoint: str, tags: int, mixed: bool, stations: int = 1) -> Turn:
    servers = endpoint.split()  # one takes twenty connections
    each = tags // stations
    line = [_Station(servers[k % len(servers)], each, mixed=mixed) for k in range(stations)]
    begun_s = time.perf_counter()
    await asyncio.gather(*(station.driver.connect() for station in line))
    taking = [asyncio.create_task(station.take()) for station in line]
    turn = await _measure(lambda: sum(s.values for s in line), begun_s, tags)
    for task in taking:
        task.cancel()
    await asyncio.gather(*taking, return_exceptions=True)
    lost = sum(station.driver.losses for station in line)
    await asyncio.gather(*(station.driver.close() for station in line))
    return replace(turn, lost=lost)


async def _three(endpoint: str, tags: int, mixed: bool) -> Turn:
    return await _ours(endpoint, tags, mixed, 3)


async def _thirty(endpoint: str, tags: int, mixed: bool) -> Turn:
    return await _ours(endpoint, tags, mixed, 30)


async def _raw(endpoint: str, tags: int, mixed: bool) -> Turn:
    values = 0

    def publish(result: ua.PublishResult) -> None:
        nonlocal values
        for part in result.NotificationMessage.NotificationData:
            values += len(part.MonitoredItems)

    begun_s = time.perf_counter()
    async with Client(endpoint, timeout=60) as client:
        wanted = ua.CreateSubscriptionParameters(100.0, 100, 20, PublishingEnabled=True)
        made = await client.uaclient.create_subscription(wanted, publish)
        points = points_of(tags, mixed=mixed)
        for start in range(0, tags, SLICE):
            items = ua.CreateMonitoredItemsParameters(made.SubscriptionId)
            for k in range(start, min(start + SLICE, tags)):
                node = ua.NodeId(points[k].address.removeprefix("s="), 2)
                items.ItemsToCreate.append(
                    ua.MonitoredItemCreateRequest(
                        ua.ReadValueId(node, ua.AttributeIds.Value),
                        ua.MonitoringMode.Reporting,
                        ua.MonitoringParameters(k, 100.0, QueueSize=10, DiscardOldest=True),
                    )
                )
            await client.uaclient.create_monitored_items(items)
        return await _measure(lambda: values, begun_s, tags)


class _Counting:
    def __init__(self) -> None:
        self.values = 0

    def datachange_notification(self, node: object, value: object, data: object) -> None:
        """Called by asyncua for each change."""
        self.values += 1


async def _handler(endpoint: str, tags: int, mixed: bool) -> Turn:
    counting, begun_s = _Counting(), time.perf_counter()
    async with Client(endpoint, timeout=60) as client:
        subscription = await client.create_subscription(100.0, counting)
        points = points_of(tags, mixed=mixed)
        nodes = [client.get_node(ua.NodeId(p.address.removeprefix("s="), 2)) for p in points]
        for start in range(0, tags, SLICE):
            await subscription.subscribe_data_change(nodes[start : start + SLICE], queuesize=10)
        return await _measure(lambda: counting.values, begun_s, min(tags, SLICE))


async def _node(endpoint: str, tags: int, mixed: bool) -> Turn:
    """node-opcua with Publish requests of its own that counts the items of each answer."""
    with tempfile.TemporaryDirectory() as home:  # it writes a certificate store into its home
        words = [node_peer.node(), str(node_peer.FOLDER / "watcher.mjs")]
        return await _watched(NODE, words, os.environ | {"HOME": home}, endpoint, tags, mixed)


async def _open62541(endpoint: str, tags: int, mixed: bool) -> Turn:
    """Package o6 with a callback for each value that counts."""
    words, environment = open62541_peer.program("watcher.py")
    return await _watched(OPEN62541, words, environment, endpoint, tags, mixed)


async def _watched(
    name: str, words: list[str], environment: dict[str, str], endpoint: str, tags: int, mixed: bool
) -> Turn:
    """A client of another make, in a program of its own."""
    ids = ["ns=2;" + point.address for point in points_of(tags, mixed=mixed)]
    times = [str(s) for s in (SETTLE_S, TURN_S, PEER_LIMIT_S)]
    process = await asyncio.create_subprocess_exec(
        *words, endpoint, *times, env=environment,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    out, _ = await process.communicate(json.dumps(ids).encode())
    if process.returncode:
        raise RuntimeError(f"{name} ended with {process.returncode}")
    told = json.loads(out.splitlines()[-1])  # the library may talk on the same stream
    return Turn(told["values"], told["cpuS"], told["tookS"], told["liveS"])


_CLIENTS: dict[str, Callable[[str, int, bool], Awaitable[Turn]]] = {
    OURS: _ours, RAW: _raw, HANDLER: _handler, NODE: _node, OPEN62541: _open62541,
    THREE: _three, THIRTY: _thirty,
}  # fmt: skip


def _apart(name: str, endpoint: str, tags: int, mixed: bool, into: Any) -> None:
    async def run() -> Turn:
        return await _CLIENTS[name](endpoint, tags, mixed)

    into.send(asyncio.run(run()))


def turn_of(name: str, endpoint: str, tags: int, *, mixed: bool) -> Turn:
    """One turn of a client, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_apart, args=(name, endpoint, tags, mixed, there), daemon=True)
    process.start()
    there.close()
    try:
        found: Turn = here.recv()
    except EOFError:
        raise RuntimeError(f"{name} with {tags} tags has failed") from None
    finally:
        process.join(20)
        process.kill()
        here.close()
    return found


def compared(tags: int, *, mixed: bool, beside: tuple[str, ...]) -> dict[str, Turn]:
    """Medians by CPU of turns that alternate, by client; without a peer whose turns all failed."""
    turns: dict[str, list[Turn]] = {name: [] for name in (OURS, *beside)}
    with busy_plant(tags, mixed=mixed) as endpoint:
        for _ in range(ROUNDS):
            for name, found in turns.items():
                try:
                    found.append(turn_of(name, endpoint, tags, mixed=mixed))
                except RuntimeError as error:
                    if name == OURS:
                        raise
                    print(error)
    turns = {name: found for name, found in turns.items() if found}
    for name, found in turns.items():
        told = ", ".join(f"{t.us:.2f}" for t in found)
        part = max(t.missing(tags) for t in found)
        print(f"{tags:6d} tags{' mixed' * mixed:6s} {name:8s} us {told}; missing {part:.1%}")
    return {
        name: sorted(found, key=lambda t: t.us)[len(found) // 2] for name, found in turns.items()
    }


def _figures(
    goal: str, tags: int, found: dict[str, Turn], bounds: dict[str, float | None]
) -> list[Figure]:
    ours = found[OURS]
    figures = [
        Figure(goal, f"{tags:,} tags: CPU a value, us", ours.us, unit="us"),
        Figure(goal, f"{tags:,} tags: samples lost, by the server's count", ours.lost, 0.0, ""),
        Figure(goal, f"{tags:,} tags: part that did not come", ours.missing(tags), 0.01, ""),
    ]
    for name, bound in bounds.items():
        what = f"{tags:,} tags: CPU, to {NAMES[name]}"
        if name not in found:
            figures.append(Figure(goal, what, math.nan, bound, note="could not be run here"))
            continue
        peer = found[name]
        note = f"{peer.us:.1f} us a value; {peer.missing(tags):.0%} of its values did not come"
        figures.append(Figure(goal, what, ours.us / peer.us, bound, note=note))
    return figures


def _stations() -> tuple[Turn, Turn]:
    """Medians of 3 and of 30 stations, each with a connection of its own, to two servers."""
    turns: dict[str, list[Turn]] = {THREE: [], THIRTY: []}
    with busy_plant(STATION_TAGS) as one, busy_plant(STATION_TAGS) as other:
        endpoint = f"{one} {other}"
        for _ in range(ROUNDS):
            for count, name in ((3, THREE), (30, THIRTY)):
                turns[name].append(turn_of(name, endpoint, count * STATION_TAGS, mixed=False))
    few, many = (sorted(t, key=lambda t: t.us)[len(t) // 2] for t in turns.values())
    return few, many


def _growth() -> list[Figure]:
    few, many = _stations()
    tags = 30 * STATION_TAGS
    return [
        Figure("A5", "CPU a value, 30 stations to 3", many.us / few.us, 1.0),
        Figure("A5", "30 stations of 333 tags: of a core", many.cpu_s / many.took_s, 0.25, "core"),
        Figure("A5", "30 stations: samples lost, by the server's count", many.lost, 0.0, ""),
        Figure("A5", "30 stations: part that did not come", many.missing(tags), 0.01, ""),
    ]


def _installed() -> tuple[str, ...]:
    """Those clients of another make that can be had here."""
    found = []
    for name, install in ((NODE, node_peer.node), (OPEN62541, open62541_peer.install)):
        try:
            install()
        except RuntimeError as error:
            print(f"without {name}: {error}")
        else:
            found.append(name)
    return tuple(found)


def run() -> dict[str, Any]:
    """A1, A2, A3, A5 and the connecting part of A6."""
    others = _installed()
    many = compared(10_000, mixed=False, beside=(RAW, HANDLER, *others))
    some = compared(1_000, mixed=False, beside=(RAW, *others))
    mixed = compared(10_000, mixed=True, beside=(RAW,))
    goals = [
        *_figures("A1", 10_000, many, {RAW: 0.15, HANDLER: 0.06, NODE: 0.6, OPEN62541: None}),
        *_figures("A2", 1_000, some, {RAW: 0.25, NODE: None, OPEN62541: None}),
        *_figures("A3", 10_000, mixed, {RAW: 0.25}),
        Figure("A3", "mixed layouts: CPU, to A1's own", mixed[OURS].us / many[OURS].us, 2.0),
        *_growth(),
        Figure("A6", "10,000 tags live after connecting", many[OURS].live_s, 2.0, "s"),
    ]
    names = {"A1": many, "A2": some, "A3": mixed}
    return {"goals": goals} | {
        goal: {name: {"us": t.us, "live_s": t.live_s} for name, t in found.items()}
        for goal, found in names.items()
    }


if __name__ == "__main__":
    run()
