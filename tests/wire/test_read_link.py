"""A link that only reads, on real wires: the PLC cannot tell that it is there."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from controller.clock import SystemClock
from controller.core.point import Access, Point
from controller.core.ports import Driver
from controller.core.sample import GOOD, Quality
from controller.core.table import TagTable
from controller.drivers.opcua_image import DeviceImage
from controller.link import ReadLink
from controller.part import LIFE
from controller.supervise import Supervisor
from plc_sim.plc import WATCHDOG_S
from tests.support import opcua_peers
from tests.support.modbus_peers import Rig
from tests.support.opcua_peers import Bench, small_map

WRITE_S = 0.2
READ = {"ENC": "ENC.DP.ZONE", "TST": "TST.PV"}


@dataclass
class Peer:
    """One simulated PLC behind its server; how to reach it, and what it shows."""

    prefix: str
    points: Sequence[Point]
    held: Callable[[str], float]
    show: Callable[[str, float], None]
    make: Callable[[Sequence[Point], TagTable], Driver]
    stop: Callable[[], Awaitable[None]]
    told: list[str] = field(default_factory=list)

    def status(self) -> tuple[float, float]:
        """What a write would leave behind: number of the last accepted, count of the refused."""
        return self.held("SEQ"), self.held("REJECTS")


@contextlib.asynccontextmanager
async def modbus() -> AsyncIterator[Peer]:
    async with Rig() as rig:

        def make(points: Sequence[Point], table: TagTable) -> Driver:
            own = Rig()
            own.points, own.index = list(points), {t.name: table.index(t.name) for t in table.tags}
            return own.driver(rig.server.port)

        yield Peer(
            "ENC",
            rig.points,
            lambda name: rig.get(f"ENC.{name}"),
            rig.set,
            make,
            rig.server.stop,
        )


@contextlib.asynccontextmanager
async def opcua() -> AsyncIterator[Peer]:
    bench = Bench()
    await bench.start()

    def make(points: Sequence[Point], table: TagTable) -> Driver:
        return opcua_peers.make_driver(bench.server.endpoint, points)

    def show(tag: str, value: float) -> None:
        bench.pv = value

    async def drop() -> None:
        bench.server.drop = True
        await asyncio.sleep(0.1)

    try:
        yield Peer("TST", bench.points, bench.held, show, make, drop)
    finally:
        await bench.stop()


@pytest.fixture(params=[modbus, opcua], ids=["modbus", "opcua"])
async def peer(request) -> AsyncIterator[Peer]:
    async with request.param() as peer:
        yield peer


def read_points(peer: Peer) -> list[Point]:
    wanted = {f"{peer.prefix}.{name}" for name in LIFE} | {READ[peer.prefix]}
    return [p for p in peer.points if p.tag in wanted]


@contextlib.asynccontextmanager
async def reading(peer: Peer) -> AsyncIterator[tuple[ReadLink[Driver], TagTable]]:
    """A supervised link that reads a few points, connected."""
    points = read_points(peer)
    table = TagTable(tag for p in points for tag in p.tags())
    clock = SystemClock()
    link = ReadLink(
        points[0].station,
        peer.prefix,
        table,
        clock,
        lambda: peer.make(points, table),
        tell=peer.told.append,
    )
    async with Supervisor(clock) as supervisor:
        supervisor.keep("reads", link.run)
        await soon(lambda: link.up)
        yield link, table


@contextlib.asynccontextmanager
async def owning(peer: Peer) -> AsyncIterator[list[int]]:
    """A driver that renews the outputs as a station's own link does; counts its writes."""
    table = TagTable(tag for p in peer.points for tag in p.tags())
    driver = peer.make(peer.points, table)
    outputs = np.array([p.default for p in peer.points if p.access is Access.WRITE])
    writes = [0]

    async def write() -> None:
        while True:
            await driver.write(outputs)
            writes[0] += 1
            await asyncio.sleep(WRITE_S)

    async def receive() -> None:
        while True:
            await driver.receive()

    await driver.connect()
    works = [asyncio.create_task(write()), asyncio.create_task(receive())]
    try:
        yield writes
        assert not [w for w in works if w.done()]  # nothing has disturbed the owner's connection
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        await driver.close()


async def soon(test: Callable[[], bool], within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s):
        while not test():  # noqa: ASYNC110 - waits for a real wire
            await asyncio.sleep(0.02)


async def test_what_is_read_is_what_the_plc_shows(peer: Peer) -> None:
    async with reading(peer) as (link, table):
        tag = READ[peer.prefix]
        peer.show(tag, 20.0)
        await soon(lambda: table.sample(tag).value == 20.0)
        assert table.sample(tag).quality == GOOD
        assert link.up


async def test_a_reader_alone_does_not_feed_the_watchdog(peer: Peer) -> None:
    async with reading(peer) as (link, table):
        await asyncio.sleep(WATCHDOG_S + 0.7)
        await soon(lambda: peer.held("WDOG") == 1.0)
        assert peer.status() == (0.0, 0.0)
        assert link.up
        assert (table.quality == GOOD).all()


async def test_the_watchdog_expires_when_only_the_reader_is_left(peer: Peer) -> None:
    async with reading(peer):
        async with owning(peer):
            await soon(lambda: peer.held("WDOG") == 0.0)
        left = peer.status()
        await asyncio.sleep(WATCHDOG_S + 0.7)
        await soon(lambda: peer.held("WDOG") == 1.0)
        assert peer.status() == left


async def test_the_owner_is_not_disturbed_by_readers_that_come_and_go(peer: Peer) -> None:
    async with owning(peer) as writes:
        await soon(lambda: peer.held("WDOG") == 0.0)
        for _ in range(5):
            async with reading(peer):
                await asyncio.sleep(0.3)
                assert peer.held("WDOG") == 0.0
        await asyncio.sleep(WRITE_S / 2)
        sequence, rejects = peer.status()
        assert rejects == 0
        assert abs(sequence - writes[0]) <= 1  # every number is one of the owner's


async def test_a_lost_plc_is_bad_at_its_reader(peer: Peer) -> None:
    async with reading(peer) as (link, table):
        await peer.stop()
        await soon(lambda: not link.up, 2.0)
        assert (table.quality >= Quality.BAD).all()
        assert peer.told == ["link up", "link lost"]


def test_a_reader_needs_no_right_to_write() -> None:
    points = [p for p in small_map() if p.access is Access.READ]
    index = {p.tag: k for k, p in enumerate(points)}
    image = DeviceImage(points, index, SystemClock(), 10.0)
    types = [*image.types, "Int32", "Int32"]
    assert image.mismatches(types, [1] * len(types)) == []
    assert len(image.mismatches(types, [0] * len(types))) == len(types)
    written = DeviceImage(small_map(), _index(small_map()), SystemClock(), 10.0)
    types = [*written.types, "Int32", "Int32"]
    assert "TST.WRITE.SEQ: not writable" in written.mismatches(types, [1] * len(types))


def _index(points: Sequence[Point]) -> dict[str, int]:
    table = TagTable(tag for p in points for tag in p.tags())
    return {tag.name: table.index(tag.name) for tag in table.tags}
