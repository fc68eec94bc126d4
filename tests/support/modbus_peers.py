"""Peers for the Modbus tests: a simulated PLC, a server that can be made to lie, a bad wire.

    python -m tests.support.modbus_peers

serves the enclosure's map on a free loopback port, printed as one line, until it is killed.
"""

import asyncio
import contextlib
import csv
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from controller.clock import SystemClock
from controller.core.point import Access, Point, Wire
from controller.core.table import TagTable
from controller.core.tag import HistoryRule, Kind
from controller.drivers import modbus as modbus_driver
from plc_sim.plc import MAP_VERSION, Mode, Plc
from plc_sim.servers.modbus import Server
from tests.support.even_clock import LOOK_S, EvenClock

ROOT = Path(__file__).resolve().parents[2]
SCAN_S = 0.05
PATIENCE_S = 5.0  # for one answer of a rig in the same process, which may stand still with it


def enclosure_points() -> list[Point]:
    """The enclosure's rows of the pilot line's I/O list."""
    path = ROOT / "controller" / "lines" / "pilot" / "io_list.csv"
    with path.open(encoding="utf-8", newline="") as f:
        rows = [r for r in csv.DictReader(f) if r["station"] == "enclosure"]
    return [
        Point(
            tag=r["tag"],
            station=r["station"],
            description=r["description"],
            unit=r["unit"],
            low=float(r["low"]),
            high=float(r["high"]),
            kind=Kind(r["type"]),
            access=Access(r["access"]),
            address=r["address"],
            wire=Wire(r["wire"]),
            scale=float(r["scale"]),
            scan_s=float(r["scan_s"]),
            resolution=float(r["resolution"]),
            history=HistoryRule(
                deadband=float(r["deadband"]), max_interval_s=float(r["max_interval_s"])
            ),
            default=float(r["default"] or 0),
        )
        for r in rows
    ]


def table_of(points: Sequence[Point]) -> TagTable:
    """A tag table with all tags of the points."""
    return TagTable(tag for p in points for tag in p.tags())


def index_of(table: TagTable) -> dict[str, int]:
    """Tag name to table index."""
    return {tag.name: k for k, tag in enumerate(table.tags)}


class IdleLogic:
    """PLC logic of a station without sensors or actuators."""

    SENSORS: tuple[str, ...] = ()
    ACTUATORS: tuple[str, ...] = ()
    COPIES: Mapping[str, str] = {}
    TRIPS: tuple[str, ...] = ("none",)
    LATCH_SAFE = False
    mode = Mode.STOP

    def bind(self, image: object) -> None:
        pass

    def restart(self) -> None:
        self.mode = Mode.STOP

    def interlocks(self, s: Sequence[float], status: Sequence[int]) -> int:
        return 0

    def scan(
        self, now_s: float, command: Mode, s: Sequence[float], status: Sequence[int]
    ) -> Sequence[float]:
        self.mode = command
        return ()


class Rig:
    """One simulated PLC with its Modbus server, and drivers for it.

    `async with Rig() as rig` scans and publishes the PLC every 50 ms. patient: a machine that
    stands still for a while makes no ticket late and loses no link.
    """

    def __init__(
        self, unit_id: int = 1, tls: ssl.SSLContext | None = None, *, patient: bool = False
    ) -> None:
        self._wanted: dict[str, object] = {"timeout_s": PATIENCE_S} if patient else {}
        self.clock: SystemClock = EvenClock() if patient else SystemClock()
        self.points = enclosure_points()
        self.table = table_of(self.points)
        self.index = index_of(self.table)
        self.plc = Plc("ENC", self.points, IdleLogic())
        self.server = Server(self.plc, port=0, clock=self.clock, unit_id=unit_id, tls=tls)
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Rig":
        self.scan()
        await self.server.start()
        self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
        await self.server.stop()

    async def _tick(self) -> None:
        while True:
            if isinstance(self.clock, EvenClock):
                self.clock.tick()
            self.scan()
            await asyncio.sleep(SCAN_S)

    def hold(self) -> None:
        """No more scans: the image stays as it is set, and served."""
        if self._ticking is not None:
            self._ticking.cancel()

    def scan(self) -> None:
        self.plc.scan(self.clock.link_s(), self.clock.now_s(), (), ())
        self.server.publish()

    def set(self, tag: str, value: float, status: int = 0) -> None:
        slot = self.plc.image.slot(tag)
        self.plc.image.value[slot] = value
        self.plc.image.status[slot] = status
        self.server.publish()

    def get(self, tag: str) -> float:
        return self.plc.image.value[self.plc.image.slot(tag)]

    def driver(self, port: int | None = None, **settings: object) -> modbus_driver.Driver:
        keys = {"prefix": "ENC", "host": "127.0.0.1", "port": port or self.server.port}
        keys |= self._wanted | settings
        return modbus_driver.Driver(
            modbus_driver.Settings.model_validate(keys),
            self.points,
            self.index,
            self.clock,
            MAP_VERSION,
        )

    @contextlib.asynccontextmanager
    async def connected(
        self, port: int | None = None, **settings: object
    ) -> AsyncIterator[modbus_driver.Driver]:
        """A connected driver that is closed at the end."""
        driver = self.driver(port, **settings)
        try:
            await driver.connect()
            yield driver
        finally:
            await driver.close()


CLOSE = None  # in a lie: close the connection here
Piece = bytes | float | None  # bytes to send, seconds to wait, or CLOSE
Lie = Callable[[bytes, bytes], Iterable[Piece]]  # (request, honest answer) -> what is sent


class LyingServer:
    """Answers as `rig` would, through the present `lie`; None is honest."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.lie: Lie | None = None
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "LyingServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._open):
                writer.transport.abort()
            await self._server.wait_closed()
        await asyncio.sleep(0.02)  # let the connection coroutines end

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while await self._one(reader, writer):
                pass
        self._open.discard(writer)
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readexactly(6)
        frame = head + await reader.readexactly(int.from_bytes(head[4:6], "big"))
        honest = self._rig.server.answer(frame)
        for piece in self.lie(frame, honest) if self.lie else (honest,):
            if piece is CLOSE:
                return False
            if isinstance(piece, float):
                await asyncio.sleep(piece)
            else:
                writer.write(piece)
                await writer.drain()
        return True


class Proxy:
    """A TCP wire that can be cut, black-holed and delayed."""

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self.port = 0
        self.delay_s = 0.0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._pumps: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Proxy":
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()

    def black_hole(self, on: bool) -> None:
        """Hold back everything while on; what was held back is delivered afterwards."""
        if on:
            self._flowing.clear()
        else:
            self._flowing.set()

    async def listen(self) -> None:
        """Accept connections, on the same port as before if there was one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Stop listening and cut what is connected."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        self.cut()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection."""
        for pump in tuple(self._pumps):
            pump.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        for a, b in ((reader, up_writer), (up_reader, writer)):
            pump = asyncio.create_task(self._pump(a, b))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(4096):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._flowing.wait()
                writer.write(piece)
        except OSError:
            pass
        finally:
            writer.transport.abort()


class ChildServer:
    """The simulated server in a process of its own, which can be stopped and killed."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.modbus_peers"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def __enter__(self) -> "ChildServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


async def soon(question: Callable[[], bool], within_s: float = 30.0) -> bool:
    """Ask again and again until the answer is yes or the time is over."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    while not question():
        if loop.time() > end:
            return False
        await asyncio.sleep(0.005)
    return True


async def elapsed(call: Awaitable[object]) -> float:
    """Seconds a call takes until it raises or returns; its outcome is not looked at.

    Time in which this process got no turn is left out: it is not the call's.
    """
    clock = EvenClock()

    async def tick() -> None:
        while True:
            clock.tick()
            await asyncio.sleep(LOOK_S)

    ticking = asyncio.create_task(tick())
    start_s = clock.link_s()
    await asyncio.gather(call, return_exceptions=True)
    ticking.cancel()
    return clock.link_s() - start_s


async def _serve_alone() -> None:
    async with Rig() as rig:
        print(rig.server.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)  # until the parent is gone


if __name__ == "__main__":
    asyncio.run(_serve_alone())
