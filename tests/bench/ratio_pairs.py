"""Pairs of loops in one process: ours, and the thinnest one that does the same errand.

Each turn returns the CPU seconds of this process for one unit of its errand (a value, a register, a
query, a second of plant time).
"""

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from asyncua import Client, ua

from controller.clock import NS
from controller.core.point import Point
from controller.core.sample import Samples
from controller.core.tag import HistoryRule, Tag, Writer
from controller.history import Reader, Store
from plc_sim.score import rig
from tests.bench import modbus_loops, modbus_registers
from tests.bench.modbus_device import Device
from tests.support.opcua_peers import Bench, make_driver, point, small_map

Turn = Callable[[], Awaitable[float]]


@dataclass(frozen=True)
class Pair:
    """`open` gives the turns of ours and of the thin loop, as long as its context lasts."""

    what: str
    open: Callable[[], AbstractAsyncContextManager[tuple[Turn, Turn]]]


OPCUA_POINTS = 500
READ_S, WATCH_S = 0.2, 0.6


def _opcua_map() -> list[Point]:
    known = small_map()
    more = range(OPCUA_POINTS - len(known))
    return known + [point(f"X{k}", unit="um", scan_s=0.05) for k in more]


def _serve_opcua(pipe: Connection) -> None:
    async def serve() -> None:
        bench = Bench(points=_opcua_map())
        await bench.start()
        pipe.send(bench.server.endpoint)
        turn = 0.0
        while not pipe.poll():  # until the other end is closed
            turn = (turn + 0.5) % 100.0
            for slot in range(len(small_map()), OPCUA_POINTS):
                bench.plc.image.value[slot] = turn
            await asyncio.sleep(0.1)

    asyncio.run(serve())


@contextmanager
def _opcua_server() -> Iterator[str]:
    """Endpoint of a server whose values change every 100 ms, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    pipe, far = context.Pipe()
    process = context.Process(target=_serve_opcua, args=(far,), daemon=True)
    process.start()
    far.close()
    try:
        yield pipe.recv()
    finally:
        process.kill()
        process.join()
        pipe.close()


async def _cost(ask: Callable[[], Awaitable[int]], seconds: float) -> float:
    """CPU seconds for one of what `ask` counts."""
    count, end = 0, time.perf_counter() + seconds
    cpu = time.process_time()
    while time.perf_counter() < end:
        count += await ask()
    return (time.process_time() - cpu) / count


@asynccontextmanager
async def opcua_read() -> AsyncIterator[tuple[Turn, Turn]]:
    """All values read: the driver, and asyncua in requests of 200."""
    with _opcua_server() as endpoint:
        driver = make_driver(endpoint, _opcua_map(), timeout_s=5.0)
        await driver.connect()
        client = Client(endpoint, timeout=5, watchdog_intervall=30)
        await client.connect()
        nodes = [ua.NodeId(p.address.removeprefix("s="), 2) for p in _opcua_map()]

        async def ours() -> int:
            return len(await driver.read_all())

        async def thin() -> int:
            count = 0
            for k in range(0, len(nodes), 200):
                part = nodes[k : k + 200]
                count += len(await client.uaclient.read_attributes(part, ua.AttributeIds.Value))
            return count

        try:
            yield (lambda: _cost(ours, READ_S)), (lambda: _cost(thin, READ_S))
        finally:
            await client.disconnect()
            await driver.close()


async def _driver_watches(endpoint: str) -> float:
    driver = make_driver(endpoint, _opcua_map(), timeout_s=5.0)
    await driver.connect()

    async def changes() -> int:
        return len(await driver.receive())

    try:
        await driver.receive()  # every value, once
        return await _cost(changes, WATCH_S)
    finally:
        await driver.close()


async def _asyncua_watches(endpoint: str) -> float:
    """Its own publish callback, which only counts."""
    count, come = 0, asyncio.Event()

    def publish(result: ua.PublishResult) -> None:
        nonlocal count
        for part in result.NotificationMessage.NotificationData:
            count += len(part.MonitoredItems)
        come.set()

    async def changes() -> int:
        nonlocal count
        await asyncio.wait_for(come.wait(), 5.0)
        come.clear()
        found, count = count, 0
        return found

    client = Client(endpoint, timeout=5, watchdog_intervall=30)
    await client.connect()
    try:
        wanted = ua.CreateSubscriptionParameters(100.0, 100, 20, PublishingEnabled=True)
        made = await client.uaclient.create_subscription(wanted, publish)
        items = ua.CreateMonitoredItemsParameters(made.SubscriptionId)
        for k, p in enumerate(_opcua_map()):
            node = ua.NodeId(p.address.removeprefix("s="), 2)
            items.ItemsToCreate.append(
                ua.MonitoredItemCreateRequest(
                    ua.ReadValueId(node, ua.AttributeIds.Value),
                    ua.MonitoringMode.Reporting,
                    ua.MonitoringParameters(k, 50.0, QueueSize=10, DiscardOldest=True),
                )
            )
        await client.uaclient.create_monitored_items(items)
        await changes()  # every value, once
        return await _cost(changes, WATCH_S)
    finally:
        await client.disconnect()


@asynccontextmanager
async def opcua_watch() -> AsyncIterator[tuple[Turn, Turn]]:
    """Changes of a subscription: the driver, and asyncua's own publish callback."""
    with _opcua_server() as endpoint:
        yield (lambda: _driver_watches(endpoint)), (lambda: _asyncua_watches(endpoint))


@asynccontextmanager
async def modbus() -> AsyncIterator[tuple[Turn, Turn]]:
    """Registers: the driver with its tag table, and `struct` on an asyncio protocol."""
    registers, seconds = 2000, 0.25
    with Device(registers) as device:
        async with (
            modbus_registers.driver(device.port, registers) as ours,
            modbus_loops.raw(device.port, registers) as thin,
        ):

            async def cost(turn: modbus_loops.Turn) -> float:
                polls, cpu_s = await turn(seconds)
                return cpu_s / (polls * registers)

            yield (lambda: cost(ours)), (lambda: cost(thin))


T0_NS = 1_767_225_600 * NS
STORED_HOURS = 6
NAME = "BENCH.T"


def _hour(start_ns: int) -> Samples:
    """One hour of a noisy sine at 10 Hz."""
    time_ns = start_ns + NS // 10 * np.arange(36_000, dtype=np.int64)
    noise = np.random.default_rng(start_ns % 2**32).normal(0.0, 0.05, len(time_ns))
    values = np.rint(100.0 * (20.0 + 5.0 * np.sin((time_ns - T0_NS) / 3.6e12) + noise)) / 100.0
    zeros = np.zeros(len(time_ns))
    return Samples(zeros.astype(np.int32), values, zeros.astype(np.uint8), time_ns)


@asynccontextmanager
async def history() -> AsyncIterator[tuple[Turn, Turn]]:
    """Six hours at 10 Hz in 1,000 buckets: the store, and numpy over the values in memory."""
    rule = HistoryRule(deadband=0.0, max_interval_s=60.0)
    about = "sine with noise"
    tag = Tag(name=NAME, station="bench", description=about, writer=Writer.DEVICE,
              unit="degC", resolution=0.01, history=rule)  # fmt: skip
    hours = [_hour(T0_NS + k * 3600 * NS) for k in range(STORED_HOURS)]
    values = np.concatenate([hour.values for hour in hours])
    starts = np.arange(1000) * len(values) // 1000
    stop_ns = T0_NS + STORED_HOURS * 3600 * NS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        store = Store.open(path)
        ids = store.catalogue([tag])
        for hour in hours:
            store.load(Samples(ids[hour.tags], hour.values, hour.quality, hour.time_ns))
        store.close()
        with Reader(path) as reader:

            async def ours() -> int:
                found = reader.buckets(NAME, T0_NS, stop_ns, 1000)
                if int(found.count.sum()) != len(values):
                    raise RuntimeError(f"{int(found.count.sum())} samples in the buckets")
                return 1

            async def thin() -> int:
                for reduce in (np.minimum, np.maximum, np.add):
                    reduce.reduceat(values, starts)
                return 1

            yield (lambda: _cost(ours, 0.2)), (lambda: _cost(thin, 0.2))


class _Lag:
    """A first-order lag under a PI loop, as plain as an object can be."""

    __slots__ = ("integral", "value", "wanted")

    def __init__(self, wanted: float) -> None:
        self.value, self.integral, self.wanted = 0.0, 0.0, wanted

    def step(self, dt_s: float) -> None:
        error = self.wanted - self.value
        self.integral = min(100.0, max(0.0, self.integral + 0.02 * error * dt_s))
        power = min(100.0, max(0.0, 2.0 * error + self.integral))
        self.value += dt_s * (power - self.value) / 20.0


@asynccontextmanager
async def rehearsal() -> AsyncIterator[tuple[Turn, Turn]]:
    """The whole line in lockstep, and sixteen small objects stepped at 10 Hz in plain Python."""
    line = rig()
    line.start()
    line.run(300.0)
    lags = [_Lag(3.0 * k) for k in range(16)]

    async def ours() -> int:
        line.run(60.0)
        return 60

    async def thin() -> int:
        for _ in range(6000):
            for lag in lags:
                lag.step(0.1)
        return 600

    yield (lambda: _cost(ours, 0.4)), (lambda: _cost(thin, 0.2))


PAIRS = {
    "opcua_read": Pair("CPU a value read, to asyncua", opcua_read),
    "opcua_watch": Pair("CPU a change, to asyncua's publish callback", opcua_watch),
    "modbus": Pair("CPU a register at 2,000, to struct on asyncio", modbus),
    "history": Pair("CPU a query of 6 h at 10 Hz, to numpy in memory", history),
    "rehearsal": Pair("CPU a second of the line, to 16 plain objects", rehearsal),
}
