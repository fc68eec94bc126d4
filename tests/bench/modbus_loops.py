"""The loops that stand beside the Modbus driver: each reads all registers of a device once a poll.

A loop is connected as long as its context lasts, and measured in turns; `Missing` says why one
cannot be had here.
"""

import asyncio
import ctypes.util
import importlib
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from pymodbus.client import AsyncModbusTcpClient

from tests.support import debian

MOST = 125  # registers in one request
PEERS = Path("bench-out/peers")
PYMODBUSTCP = "pyModbusTCP==0.3.1"
C_SOURCE = Path(__file__).with_name("libmodbus_loop.c")
INSTALL_S = 120
Cost = tuple[int, float]  # polls, CPU seconds for them
Turn = Callable[[float], Awaitable[Cost]]


class Missing(Exception):
    """A peer that cannot be had on this machine, with the reason."""


def parts(registers: int) -> list[tuple[int, int]]:
    """First register and count of the requests of one poll."""
    return [(k, min(MOST, registers - k)) for k in range(0, registers, MOST)]


async def measured(poll: Callable[[], Awaitable[object]], seconds: float) -> Cost:
    """Polls within some seconds of wall, and what they cost this process."""
    polls = 0
    end = time.perf_counter() + seconds
    cpu = time.process_time()
    while time.perf_counter() < end:
        await poll()
        polls += 1
    return polls, time.process_time() - cpu


class _Raw(asyncio.Protocol):
    """The thinnest loop: 12 packed bytes a request, one future, and the answer unpacked."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._buffer = b""
        self._tid = 0
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) < 9:
            return
        tid, protocol, length = struct.unpack_from(">HHH", self._buffer)
        if len(self._buffer) < 6 + length or self._answer is None:
            return
        if (tid, protocol) != (self._tid, 0):
            raise RuntimeError("another answer than the one asked for")
        self._answer.set_result(self._buffer)
        self._buffer = b""

    async def read(self, start: int, count: int) -> tuple[int, ...]:
        self._tid = (self._tid + 1) & 0xFFFF
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(struct.pack(">HHHBBHH", self._tid, 0, 6, 1, 3, start, count))
        return struct.unpack_from(f">{count}H", await self._answer, 9)


@asynccontextmanager
async def raw(port: int, registers: int) -> AsyncIterator[Turn]:
    """`struct` on an asyncio protocol."""
    transport, link = await asyncio.get_running_loop().create_connection(_Raw, "127.0.0.1", port)

    async def poll() -> None:
        for start, count in parts(registers):
            await link.read(start, count)

    try:
        yield lambda seconds: measured(poll, seconds)
    finally:
        transport.close()


@asynccontextmanager
async def streams(port: int, registers: int) -> AsyncIterator[Turn]:
    """`struct` on asyncio streams, as most would write it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    tid = 0

    async def poll() -> None:
        nonlocal tid
        for start, count in parts(registers):
            tid = (tid + 1) & 0xFFFF
            writer.write(struct.pack(">HHHBBHH", tid, 0, 6, 1, 3, start, count))
            head = await reader.readexactly(6)
            found, _, length = struct.unpack(">HHH", head)
            if found != tid:
                raise RuntimeError("another answer than the one asked for")
            struct.unpack_from(f">{count}H", await reader.readexactly(length), 3)

    try:
        yield lambda seconds: measured(poll, seconds)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def pymodbus(port: int, registers: int) -> AsyncIterator[Turn]:
    """pymodbus' asynchronous client."""
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=1, retries=0)
    await client.connect()

    async def poll() -> None:
        for start, count in parts(registers):
            await client.read_holding_registers(start, count=count)

    try:
        yield lambda seconds: measured(poll, seconds)
    finally:
        client.close()


def _installed(requirement: str, module: str) -> Any:
    """A Python package in a folder of its own, beside the ones of the project."""
    if str(PEERS) not in sys.path:
        sys.path.append(str(PEERS))
    if not (PEERS / module).exists():
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target")
        command = (*pip, str(PEERS), requirement)
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_S, check=False
        )
        if done.returncode:
            raise Missing(f"{requirement}: {done.stderr.strip().splitlines()[-1]}")
        importlib.invalidate_caches()
    return importlib.import_module(f"{module}.client")


@asynccontextmanager
async def pymodbustcp(port: int, registers: int) -> AsyncIterator[Turn]:
    """pyModbusTCP, a synchronous client."""
    library = _installed(PYMODBUSTCP, "pyModbusTCP")
    client = library.ModbusClient(host="127.0.0.1", port=port, auto_open=True)

    async def poll() -> None:
        for start, count in parts(registers):
            if client.read_holding_registers(start, count) is None:
                raise RuntimeError(f"pyModbusTCP: {client.last_error_as_txt}")

    try:
        yield lambda seconds: measured(poll, seconds)
    finally:
        client.close()


def _compiled() -> Path:
    """The C loop as a program."""
    library = ctypes.util.find_library("modbus")
    if library is None:
        raise Missing("libmodbus: install the Debian package libmodbus5")
    try:
        gcc = debian.require("gcc")
    except RuntimeError as error:
        raise Missing(f"libmodbus: {error}") from error
    program = PEERS.resolve() / "libmodbus_loop"
    program.parent.mkdir(parents=True, exist_ok=True)
    command = (gcc, "-O2", "-o", str(program), str(C_SOURCE), f"-l:{library}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if done.returncode:
        raise Missing(f"libmodbus: {done.stderr.strip().splitlines()[-1]}")
    return program


@asynccontextmanager
async def libmodbus(port: int, registers: int) -> AsyncIterator[Turn]:
    """libmodbus in C, in a process of its own."""
    program = await asyncio.to_thread(_compiled)

    async def turn(seconds: float) -> Cost:
        child = await asyncio.create_subprocess_exec(
            program, str(port), str(registers), str(seconds), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await asyncio.wait_for(child.communicate(), seconds + 30)
        if child.returncode:
            raise RuntimeError("the libmodbus loop failed")
        polls, cpu = out.split()
        return int(polls), float(cpu)

    yield turn


LOOPS: dict[str, Callable[[int, int], AbstractAsyncContextManager[Turn]]] = {
    "raw": raw,
    "streams": streams,
    "pymodbus": pymodbus,
    "pyModbusTCP": pymodbustcp,
    "libmodbus": libmodbus,
}
