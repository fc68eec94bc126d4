"""A small PLC behind the real OPC UA server, and bad wires to put between it and a driver."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection

from controller.clock import SystemClock
from controller.core.point import Access, Point, Wire
from controller.core.ports import Clock
from controller.core.table import TagTable
from controller.core.tag import HistoryRule, Kind
from controller.drivers.opcua import Driver, Settings
from plc_sim.plc import Image, Mode, Plc
from plc_sim.servers.opcua import Server
from tests.support.even_clock import EvenClock

NAMESPACE = "urn:dryline:test"
PREFIX = "TST"
PATIENCE_S = 5.0  # for one answer of a bench in the same process, which may stand still with it


def point(tag: str, wire: Wire = Wire.DOUBLE, access: Access = Access.READ, **about) -> Point:
    """One point of the test PLC; `about` overrides what follows from the wire type."""
    kind = {Wire.BOOL: Kind.BOOLEAN, Wire.DOUBLE: Kind.REAL, Wire.FLOAT: Kind.REAL}.get(
        wire, Kind.INTEGER
    )
    high = {Kind.BOOLEAN: 1.0, Kind.REAL: 100.0, Kind.INTEGER: 65535.0}[kind]
    plain = Point(
        tag=f"{PREFIX}.{tag}",
        station="bench",
        description=f"test point {tag}",
        unit="degC" if kind is Kind.REAL else "",
        low=0.0,
        high=high,
        kind=kind,
        access=access,
        address=f"s={PREFIX}.{tag}",
        wire=wire,
        scale=1.0,
        scan_s=0.1,
        resolution=0.1 if kind is Kind.REAL else 1.0,
        history=HistoryRule(),
    )
    return replace(plain, **about)


_STATUS_POINTS = ("HEART", "BOOT", "MAP", "TRIP", "REJECTS", "SEQ")


def small_map() -> list[Point]:
    """The words every PLC has, and one point of each kind."""
    write = Access.WRITE
    return [
        *(point(name, Wire.INT32) for name in _STATUS_POINTS),
        point("STATE", Wire.INT32, kind=Kind.ENUM, high=5.0, labels=("stop", "warm-up", "thread")),
        point("REMOTE", Wire.BOOL),
        point("WDOG", Wire.BOOL),
        point("CMD", Wire.INT32, write, kind=Kind.ENUM, high=4.0, labels=("stop", "warm-up")),
        point("RESET", Wire.INT32, write),
        point("PV", unit="um", low=-50.0, high=50.0),
        point("LOAD.PV", unit="N/mm"),
        point("SCALED.PV", scale=0.1),
        point("COUNT", Wire.UINT32, high=4e9),
        point("FLAG", Wire.BOOL),
        point("SP", access=write, default=25.0),
        point("LOAD.SP", access=write, unit="N/mm"),
        point("SCALED.SP", access=write, scale=0.1),
        point("SWITCH", Wire.BOOL, write),
    ]


class BenchLogic:
    """Station logic that shows one sensor and does nothing."""

    SENSORS = ("pv",)
    ACTUATORS: tuple[str, ...] = ()
    COPIES: Mapping[str, str] = {f"{PREFIX}.PV": "pv"}
    TRIPS = ("none",)
    LATCH_SAFE = False

    def __init__(self) -> None:
        self.mode = Mode.STOP

    def bind(self, image: Image) -> None:
        self.image = image

    def restart(self) -> None:
        self.mode = Mode.STOP

    def interlocks(self, s: Sequence[float], status: Sequence[int]) -> int:
        return 0

    def scan(
        self, now_s: float, command: Mode, s: Sequence[float], status: Sequence[int]
    ) -> Sequence[float]:
        self.mode = command
        return ()


class Bench:
    """A scanned PLC and its server. `pv` and `pv_status` are what its one sensor reads.

    patient: a machine that stands still for a while makes no ticket late and loses no link. port:
    0 for any that is free.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        points: Sequence[Point] | None = None,
        *,
        patient: bool = False,
        port: int = 0,
    ) -> None:
        self._wanted = {"timeout_s": PATIENCE_S} if patient else {}
        self.clock = clock or (EvenClock() if patient else SystemClock())
        self.points = list(points or small_map())
        self.plc = Plc(PREFIX, self.points, BenchLogic())
        self.server = Server(
            self.plc,
            endpoint=f"opc.tcp://127.0.0.1:{port}/dryline/test",
            namespace=NAMESPACE,
            clock=self.clock,
        )
        self.pv, self.pv_status = 12.5, 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.scan()
        await self.server.start()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.server.stop()

    def scan(self) -> None:
        self.plc.scan(self.clock.link_s(), self.clock.now_s(), [self.pv], [self.pv_status])

    def set(self, name: str, value: float, status: int = 0) -> None:
        slot = self.plc.image.slot(f"{PREFIX}.{name}")
        self.plc.image.value[slot], self.plc.image.status[slot] = value, status

    def held(self, name: str) -> float:
        return self.plc.image.value[self.plc.image.slot(f"{PREFIX}.{name}")]

    async def _run(self) -> None:
        while True:
            if isinstance(self.clock, EvenClock):
                self.clock.tick()
            self.scan()
            await self.server.publish()
            await asyncio.sleep(0.05)

    def driver(self, **changes) -> Driver:
        return make_driver(self.server.endpoint, self.points, self.clock, **self._wanted, **changes)

    @property
    def port(self) -> int:
        return int(self.server.endpoint.split(":")[2].partition("/")[0])


def make_driver(
    endpoint: str,
    points: Sequence[Point],
    clock: Clock | None = None,
    map_version: int = 1,
    **settings,
) -> Driver:
    """A driver whose tag index is that of a table built from the points."""
    table = TagTable(tag for p in points for tag in p.tags())
    index = {tag.name: table.index(tag.name) for tag in table.tags}
    wanted = {"endpoint": endpoint, "namespace": NAMESPACE, "security": "insecure", **settings}
    return Driver(
        Settings(**wanted), points, index, clock or SystemClock(), map_version=map_version
    )


@contextlib.asynccontextmanager
async def connected(driver: Driver) -> AsyncIterator[Driver]:
    await driver.connect()
    try:
        yield driver
    finally:
        await driver.close()


class Proxy:
    """A TCP relay that can swallow what runs through it or cut it."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.hole = False
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.sleep(0.05)

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward_reader, onward = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers |= {writer, onward}
        await asyncio.gather(self._pump(reader, onward), self._pump(onward_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65536):
                if not self.hole:
                    writer.write(chunk)
                    await writer.drain()
        writer.close()


def _child(pipe: Connection) -> None:
    async def run() -> None:
        bench = Bench()
        await bench.start()
        pipe.send(bench.server.endpoint)
        while True:
            await asyncio.sleep(0.02)
            if pipe.poll():
                name = pipe.recv()
                pipe.send(bench.held(name))

    asyncio.run(run())


class ChildBench:
    """The same PLC in a process of its own, which can be stopped like a stalled machine."""

    def __enter__(self) -> "ChildBench":
        context = multiprocessing.get_context("spawn")
        self._pipe, far = context.Pipe()
        self._process = context.Process(target=_child, args=(far,), daemon=True)
        self._process.start()
        far.close()  # a child that dies then ends the waiting below
        self.endpoint: str = self._pipe.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def pause(self) -> None:
        os.kill(self._process.pid or 0, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self._process.pid or 0, signal.SIGCONT)

    def held(self, name: str) -> float:
        self._pipe.send(name)
        return float(self._pipe.recv())
