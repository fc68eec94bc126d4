"""The Modbus driver on a bad wire: found out in time, nothing leaks, nothing is executed late."""

import asyncio
import contextlib
import os
import signal
import socket
from pathlib import Path

import numpy as np
import pytest

from controller.core.errors import DriverError, LinkLost
from controller.core.point import Access
from controller.drivers.modbus import Driver
from tests.support.modbus_peers import ChildServer, Proxy, Rig, elapsed, soon

TIMEOUT_S = 0.3
SLACK_S = 0.4  # of a busy machine that does not stand still


def _outputs(rig: Rig, command: float) -> np.ndarray:
    points = [p for p in rig.points if p.access is Access.WRITE]
    return np.array([command if p.tag == "ENC.CMD" else p.default for p in points])


async def _fails_within(driver: Driver, seconds: float) -> DriverError:
    """The error that ends `receive`, which must come in time."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    while True:
        try:
            await driver.receive()
        except DriverError as e:
            assert loop.time() - start < seconds
            return e
        assert loop.time() - start < seconds


async def test_nobody_listening_is_a_lost_link_at_once() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        driver = Rig().driver(port=reserved.getsockname()[1])
        with pytest.raises(LinkLost):
            await driver.connect()
        with pytest.raises(LinkLost):
            await driver.receive()
        await driver.close()


async def test_a_peer_that_accepts_and_says_nothing_is_lost_after_one_time_out() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        driver = Rig().driver(port=mute.getsockname()[1])
        took_s = await elapsed(driver.connect())
        assert TIMEOUT_S * 0.9 < took_s < TIMEOUT_S + SLACK_S
        assert await elapsed(driver.close()) < 0.5


async def test_a_reset_fails_the_call_in_flight_without_waiting_for_the_time_out() -> None:
    async with (
        Rig() as rig,
        Proxy(rig.server.port) as wire,
        rig.connected(wire.port, timeout_s=5.0) as driver,
    ):
        wire.black_hole(True)
        pending = asyncio.ensure_future(driver.read_all())
        await asyncio.sleep(0.05)
        wire.cut()
        with pytest.raises(LinkLost):
            await asyncio.wait_for(pending, 4.0)


async def test_a_connection_closed_between_two_calls_is_not_opened_again_by_itself() -> None:
    async with Rig() as rig, Proxy(rig.server.port) as wire, rig.connected(wire.port) as driver:
        wire.cut()
        assert await soon(lambda: not rig.server.connections)
        await asyncio.sleep(0.05)
        with pytest.raises(LinkLost, match="closed"):
            await driver.write(None)
        assert not rig.server.connections
        assert rig.get("ENC.SEQ") == 0


async def test_a_black_hole_is_found_out_by_the_time_out() -> None:
    async with Rig() as rig, Proxy(rig.server.port) as wire:
        async with rig.connected(wire.port) as driver:
            await driver.receive()
            wire.black_hole(True)
            error = await _fails_within(driver, 0.2 + TIMEOUT_S + SLACK_S)
            assert isinstance(error, LinkLost)
            assert await elapsed(driver.close()) < 0.5
            wire.black_hole(False)
        async with rig.connected(wire.port) as driver:
            assert len(await driver.read_all()) == len(rig.points)


async def test_two_seconds_of_latency_are_a_lost_link_and_fifty_milliseconds_are_not() -> None:
    async with Rig() as rig, Proxy(rig.server.port) as wire:
        wire.delay_s = 0.05
        async with rig.connected(wire.port) as driver:
            await driver.receive()
            wire.delay_s = 2.0
            assert isinstance(await _fails_within(driver, 0.2 + TIMEOUT_S + SLACK_S), LinkLost)


async def test_swallowed_requests_are_found_out_and_a_fresh_driver_recovers() -> None:
    async with Rig() as rig:
        async with rig.connected() as driver:
            rig.server.drop = True
            assert isinstance(await _fails_within(driver, 0.2 + TIMEOUT_S + SLACK_S), LinkLost)
        rig.server.drop = False
        async with rig.connected() as driver:
            await driver.write(_outputs(rig, 1))
            assert rig.get("ENC.CMD") == 1


async def test_an_abandoned_call_ends_the_connection_and_not_the_loop() -> None:
    async with Rig() as rig, Proxy(rig.server.port) as wire:
        wire.delay_s = 0.1
        async with rig.connected(wire.port) as driver:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(driver.read_all(), 0.05)
            with pytest.raises(LinkLost, match="abandoned"):
                await driver.read_all()


async def test_waiting_for_the_next_turn_may_be_abandoned_at_no_cost() -> None:
    async with Rig() as rig, rig.connected() as driver:
        for _ in range(3):
            await driver.receive()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(driver.receive(), 0.02)
        assert len(await driver.receive()) > 0


async def test_close_is_quick_and_final_with_a_full_buffer_and_a_dead_peer() -> None:
    with ChildServer() as child:
        rig = Rig()
        driver = rig.driver(port=child.port, timeout_s=5.0)
        await driver.connect()
        os.kill(child.process.pid, signal.SIGSTOP)
        pending = asyncio.ensure_future(driver.write(_outputs(rig, 1)))
        await asyncio.sleep(0.05)
        assert await elapsed(driver.close()) < 0.5
        with pytest.raises(LinkLost, match="closed"):
            await asyncio.wait_for(pending, 4.0)
        with pytest.raises(LinkLost):
            await driver.read_all()
        os.kill(child.process.pid, signal.SIGCONT)


async def test_a_write_that_met_a_paused_plc_is_never_executed_later() -> None:
    with ChildServer() as child:
        rig = Rig()
        for trial in range(5):
            driver = rig.driver(port=child.port)
            await driver.connect()
            await driver.write(_outputs(rig, 0))
            os.kill(child.process.pid, signal.SIGSTOP)
            with pytest.raises(LinkLost):
                await driver.write(_outputs(rig, 3))
            await driver.close()
            await asyncio.sleep(1.0)
            os.kill(child.process.pid, signal.SIGCONT)
            async with rig.connected(child.port) as after:
                async with asyncio.timeout(30):
                    while True:
                        rig.table.apply(await after.read_all())
                        if rig.table.sample("ENC.REJECTS").value == trial + 1:
                            break
                        await asyncio.sleep(0.05)
            assert rig.table.sample("ENC.CMD.RB").value == 0


async def test_kill_and_restart_of_the_server() -> None:
    rig = Rig()
    with ChildServer() as child:
        driver = rig.driver(port=child.port)
        await driver.connect()
        child.process.kill()
        child.process.wait(10)
        assert isinstance(await _fails_within(driver, 0.2 + TIMEOUT_S + SLACK_S), LinkLost)
        await driver.close()
    with ChildServer() as child:
        async with rig.connected(child.port) as driver:
            assert len(await driver.read_all()) == len(rig.points)


def _descriptors() -> set[str]:
    """What is open; a socket has a number that comes only once."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that lists them
            found.add(str(link.readlink()))
    return found


async def test_fifty_reconnects_after_every_kind_of_loss_leak_nothing() -> None:
    async with Rig() as rig, Proxy(rig.server.port) as wire:
        await asyncio.sleep(0.05)
        tasks, descriptors = asyncio.all_tasks(), _descriptors()
        for k in range(50):
            driver = rig.driver(wire.port, timeout_s=0.5 if k % 3 == 1 else 5.0)
            await driver.connect()
            await driver.receive()
            await driver.write(_outputs(rig, k % 5))
            assert rig.get("ENC.CMD") == k % 5
            if k % 3 == 0:
                wire.cut()
            elif k % 3 == 1:
                wire.black_hole(True)
                with pytest.raises(LinkLost):
                    await driver.read_all()
                wire.black_hole(False)
            await driver.close()
            rig.scan()
        # What tests before this one left may go meanwhile; nothing may come.
        assert await soon(lambda: asyncio.all_tasks() <= tasks), asyncio.all_tasks() - tasks
        assert await soon(lambda: _descriptors() <= descriptors), _descriptors() - descriptors


async def test_a_refused_connection_heals_on_the_same_port() -> None:
    async with Rig() as rig, Proxy(rig.server.port) as wire:
        for _ in range(3):
            async with rig.connected(wire.port) as driver:
                await driver.receive()
                await wire.refuse()
                assert isinstance(await _fails_within(driver, 0.2 + TIMEOUT_S + SLACK_S), LinkLost)
            with pytest.raises(LinkLost):
                await rig.driver(wire.port).connect()
            await wire.listen()


async def test_the_simulator_gives_its_port_back() -> None:
    async with Rig() as rig, rig.connected() as driver:
        await driver.receive()
        port = rig.server.port
        await rig.server.stop()
        assert isinstance(await _fails_within(driver, 0.2 + TIMEOUT_S + SLACK_S), LinkLost)
        await rig.server.start()
        assert rig.server.port == port
        async with rig.connected() as again:
            await again.receive()
