"""What the OPC UA driver costs beside the thinnest loop on the same library.

    python -m tests.bench.bench_opcua

Server and client share two processes on loopback; CPU is that of the client alone. Ours and the
thin loop take turns (A B A B), so that both meet the same machine.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

from asyncua import Client, ua

from tests.support.opcua_peers import Bench, make_driver, point, small_map

POINTS = 500
ROUNDS = 6
SLICE_S = 1.0


def _map() -> list[Any]:
    extra = [point(f"X{k}", unit="um", scan_s=0.05) for k in range(POINTS - len(small_map()))]
    return small_map() + extra


def _serve(pipe: Connection) -> None:
    async def run() -> None:
        bench = Bench(points=_map())
        await bench.start()
        pipe.send(bench.server.endpoint)
        first = len(small_map())
        turn = 0.0
        while not pipe.poll():
            turn = (turn + 0.5) % 100
            for slot in range(first, POINTS):
                bench.plc.image.value[slot] = turn
            await asyncio.sleep(0.1)

    asyncio.run(run())


Turn = Callable[[float], Awaitable[int]]


async def _measure(turns: dict[str, Turn]) -> dict[str, dict[str, float]]:
    cost: dict[str, list[float]] = {name: [] for name in turns}
    rate: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(ROUNDS):
        for name, turn in turns.items():
            cpu, wall = time.process_time(), time.perf_counter()
            count = await turn(SLICE_S)
            cost[name].append(1e6 * (time.process_time() - cpu) / count)
            rate[name].append(count / (time.perf_counter() - wall))
    return {
        name: {"values_per_s": round(median(rate[name])), "cpu_us": round(median(cost[name]), 2)}
        for name in turns
    }


async def _reading(endpoint: str) -> dict[str, dict[str, float]]:
    driver = make_driver(endpoint, _map(), timeout_s=5.0)
    await driver.connect()
    client = Client(endpoint, timeout=5, watchdog_intervall=30)
    await client.connect()
    nodes = [ua.NodeId(p.address.removeprefix("s="), 2) for p in _map()]

    async def ours(seconds: float) -> int:
        count, end = 0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            count += len(await driver.read_all())
        return count

    async def thin(seconds: float) -> int:
        count, end = 0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            for k in range(0, len(nodes), 200):
                part = nodes[k : k + 200]
                count += len(await client.uaclient.read_attributes(part, ua.AttributeIds.Value))
        return count

    try:
        return await _measure({"driver": ours, "thin": thin})
    finally:
        await client.disconnect()
        await driver.close()


async def _watching(endpoint: str) -> dict[str, dict[str, float]]:
    """Both subscribed to the same points; each turn connects anew and skips the first values."""

    async def ours(seconds: float) -> int:
        driver = make_driver(endpoint, _map(), timeout_s=5.0)
        await driver.connect()
        count, end = 0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            count += len(await driver.receive())
        await driver.close()
        return count

    async def thin(seconds: float) -> int:
        count = 0
        enough = asyncio.Event()
        end = time.perf_counter() + seconds

        def publish(result: ua.PublishResult) -> None:
            nonlocal count
            for part in result.NotificationMessage.NotificationData:
                count += len(part.MonitoredItems)
            if time.perf_counter() >= end:
                enough.set()

        client = Client(endpoint, timeout=5, watchdog_intervall=30)
        await client.connect()
        wanted = ua.CreateSubscriptionParameters(100.0, 100, 20, PublishingEnabled=True)
        made = await client.uaclient.create_subscription(wanted, publish)
        items = ua.CreateMonitoredItemsParameters(made.SubscriptionId)
        for k, p in enumerate(_map()):
            node = ua.NodeId(p.address.removeprefix("s="), 2)
            items.ItemsToCreate.append(
                ua.MonitoredItemCreateRequest(
                    ua.ReadValueId(node, ua.AttributeIds.Value),
                    ua.MonitoringMode.Reporting,
                    ua.MonitoringParameters(k, 50.0, QueueSize=10, DiscardOldest=True),
                )
            )
        await client.uaclient.create_monitored_items(items)
        await enough.wait()
        await client.disconnect()
        return count

    return await _measure({"driver": ours, "thin": thin})


def run() -> dict[str, Any]:
    """Start the server in a process of its own, measure, print."""
    context = multiprocessing.get_context("spawn")
    pipe, far = context.Pipe()
    process = context.Process(target=_serve, args=(far,), daemon=True)
    process.start()
    endpoint = pipe.recv()
    try:
        result: dict[str, Any] = {
            "points": POINTS,
            "read_all": asyncio.run(_reading(endpoint)),
            "subscription": asyncio.run(_watching(endpoint)),
        }
    finally:
        pipe.send("stop")
        process.join(10)
        process.kill()
    for what in ("read_all", "subscription"):
        ours, thin = result[what]["driver"], result[what]["thin"]
        print(
            f"{what:13s} driver {ours['values_per_s']:7.0f} /s {ours['cpu_us']:6.2f} us a value"
            f"   thin {thin['values_per_s']:7.0f} /s {thin['cpu_us']:6.2f} us a value"
            f"   ratio {ours['cpu_us'] / thin['cpu_us']:.2f}"
        )
    return result


if __name__ == "__main__":
    run()
