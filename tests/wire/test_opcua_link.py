"""The OPC UA driver on bad wires: pauses, black holes, cuts, dead subscriptions, reconnections."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from controller.core.errors import DriverError, LinkLost
from controller.core.point import Access
from controller.core.table import TagTable
from controller.drivers.opcua import Driver
from tests.support.modbus_peers import elapsed
from tests.support.opcua_peers import (
    PREFIX,
    Bench,
    ChildBench,
    Proxy,
    connected,
    make_driver,
    small_map,
)


@pytest.fixture(scope="module")
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.start()
    yield bench
    await bench.stop()


@pytest.fixture(scope="module")
def child() -> Iterator[ChildBench]:
    with ChildBench() as child:
        yield child


def heart_row(points) -> int:
    table = TagTable(tag for p in points for tag in p.tags())
    return table.index(f"{PREFIX}.HEART")


async def beats(driver: Driver, count: int, within_s: float = 30.0) -> None:
    """Receive until `count` heartbeats came by subscription."""
    row = heart_row(small_map())
    async with asyncio.timeout(within_s):
        while count > 0:
            samples = await driver.receive()
            count -= int((samples.tags == row).sum())


async def drain(driver: Driver) -> None:
    while True:
        await driver.receive()


def image(sp: float) -> np.ndarray:
    written = [p for p in small_map() if p.access is Access.WRITE]
    return np.array([sp if p.tag == f"{PREFIX}.SP" else p.default for p in written])


async def soon(question: Callable[[], bool], within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s):
        while not question():  # noqa: ASYNC110 - waits for a real wire
            await asyncio.sleep(0.02)


def sockets() -> set[str]:
    """Those that are open; each has a number that comes only once."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that lists them
            found.add(str(link.readlink()))
    return {name for name in found if name.startswith("socket:")}


async def test_a_write_given_up_during_a_pause_is_never_executed(child: ChildBench) -> None:
    driver = make_driver(child.endpoint, small_map())
    async with connected(driver):
        await beats(driver, 1)
        await driver.write(image(30.0))
        assert child.held("SP") == 30.0
        child.pause()
        try:
            with pytest.raises(LinkLost, match="may have been executed"):
                await driver.write(image(66.0))
            await asyncio.sleep(1.5)
        finally:
            child.resume()
    await soon(lambda: child.held("REJECTS") >= 1)
    assert child.held("SP") == 30.0


async def test_a_pause_is_noticed_and_a_fresh_driver_recovers(child: ChildBench) -> None:
    driver = make_driver(child.endpoint, small_map(), stale_s=0.6, timeout_s=0.3)
    async with connected(driver):
        await beats(driver, 1)
        child.pause()
        try:
            with pytest.raises(LinkLost):
                await asyncio.wait_for(drain(driver), 30)
            assert await elapsed(driver.close()) < 0.5
        finally:
            child.resume()
    fresh = make_driver(child.endpoint, small_map())
    async with connected(fresh):
        await beats(fresh, 2)


async def test_fifty_pauses_leave_no_task_no_socket_and_no_dead_subscription(
    child: ChildBench,
) -> None:
    async def once(paused_s: float) -> None:
        driver = make_driver(child.endpoint, small_map(), stale_s=0.5, timeout_s=0.5)
        try:
            await driver.connect()
            await beats(driver, 1)
            if paused_s:
                child.pause()
                with pytest.raises(DriverError):
                    await asyncio.wait_for(driver.write(image(25.0)), 30)
                await asyncio.sleep(paused_s)
        finally:
            child.resume()
            await driver.close()

    await once(0.0)
    tasks, open_sockets = asyncio.all_tasks(), sockets()
    for _ in range(50):
        await once(0.1)
        # Those of a test before may end meanwhile.
        await soon(lambda: asyncio.all_tasks() <= tasks)
        await soon(lambda: sockets() <= open_sockets)


async def test_a_black_hole_is_noticed_and_close_does_not_wait_for_it(bench: Bench) -> None:
    async with Proxy(bench.port) as proxy:
        driver = make_driver(
            f"opc.tcp://127.0.0.1:{proxy.port}/dryline/test", bench.points, stale_s=0.6
        )
        async with connected(driver):
            await beats(driver, 1)
            proxy.hole = True
            with pytest.raises(LinkLost):
                await asyncio.wait_for(drain(driver), 30)
            assert await elapsed(driver.close()) < 0.5
            again = make_driver(
                f"opc.tcp://127.0.0.1:{proxy.port}/dryline/test", bench.points, connect_s=0.6
            )
            with pytest.raises(LinkLost):
                await again.connect()


async def test_a_cut_connection_ends_receive_and_write_at_once(bench: Bench) -> None:
    async with Proxy(bench.port) as proxy:
        driver = make_driver(
            f"opc.tcp://127.0.0.1:{proxy.port}/dryline/test", bench.points, stale_s=10.0,
            timeout_s=10.0,
        )  # fmt: skip
        async with connected(driver):
            await beats(driver, 1)
            receiving = asyncio.create_task(drain(driver))
            await asyncio.sleep(0.1)
            proxy.cut()
            with pytest.raises(LinkLost):
                await asyncio.wait_for(receiving, 8)  # no time-out of a call is so short
            with pytest.raises(LinkLost):
                await driver.write(None)


async def test_a_silently_dead_subscription_is_found_by_its_missing_heartbeat(
    bench: Bench,
) -> None:
    driver = bench.driver(stale_s=0.6)
    async with connected(driver):
        await beats(driver, 2)
        for subscription in bench.server._internal.subscription_service.subscriptions.values():
            subscription.monitored_item_srv.delete_all_monitored_items()
        with pytest.raises(LinkLost, match="subscription is dead"):
            await asyncio.wait_for(drain(driver), 30)


async def test_a_plc_that_stands_still_keeps_its_link(bench: Bench) -> None:
    driver = bench.driver(stale_s=0.5)
    async with connected(driver):
        await beats(driver, 2)
        bench.server.stale = True
        try:
            await asyncio.sleep(0.3)
            with pytest.raises(TimeoutError):  # nothing to deliver, nothing wrong with the wire
                await asyncio.wait_for(drain(driver), 2.0)
        finally:
            bench.server.stale = False
        await beats(driver, 2)


async def test_a_heart_that_begins_to_beat_again_is_not_taken_for_a_dead_subscription(
    bench: Bench,
) -> None:
    driver = bench.driver(stale_s=0.5)
    async with connected(driver):
        receiving = asyncio.create_task(drain(driver))
        for k in range(8):  # each at another moment between two looks of the driver
            bench.server.stale = True
            await asyncio.sleep(0.8 + 0.06 * k)
            bench.server.stale = False
            await asyncio.sleep(0.3)
            assert not receiving.done(), receiving.exception()
        receiving.cancel()


async def test_a_dropped_server_refuses_and_comes_back_on_its_port(bench: Bench) -> None:
    driver = bench.driver()
    async with connected(driver):
        await beats(driver, 1)
        bench.server.drop = True
        with pytest.raises(LinkLost):
            await asyncio.wait_for(drain(driver), 30)
        with pytest.raises(LinkLost):
            await bench.driver().connect()
        bench.server.drop = False
        await asyncio.sleep(0.3)
    async with connected(bench.driver()) as fresh:
        await beats(fresh, 2)


async def test_a_reader_that_pauses_gets_bounded_news_and_goes_on(bench: Bench) -> None:
    driver = bench.driver()
    async with connected(driver):
        await beats(driver, 1)
        for k in range(40):
            bench.pv = float(k)
            await asyncio.sleep(0.1)
        table = TagTable(tag for p in bench.points for tag in p.tags())
        row = table.index(f"{PREFIX}.PV")
        got: list[float] = []
        for _ in range(4):
            samples = await driver.receive()
            got += samples.values[samples.tags == row].tolist()
        assert got[-1] == 39.0
        assert len(got) < 40
        assert got == sorted(got)
