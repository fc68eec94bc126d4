"""A Modbus device of any size in a process of its own, lean, so that it holds no client back."""

import asyncio
import multiprocessing
import struct
from multiprocessing.connection import Connection
from types import TracebackType

from plc_sim.plc import MAP_VERSION

HEART, MAP, SEQ = 0, 3, 5  # registers the driver needs
_REQUEST = struct.Struct(">HHHBBHH")


class _Service(asyncio.Protocol):
    """Reads of holding registers, one after the other; anything else ends the connection."""

    def __init__(self, words: bytes) -> None:
        self._words = words
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        rest = self._rest + data
        while len(rest) >= _REQUEST.size:
            tid, protocol, length, unit, function, start, count = _REQUEST.unpack_from(rest)
            payload = self._words[2 * start : 2 * (start + count)]
            if (protocol, length, function) != (0, 6, 3) or len(payload) != 2 * count:
                self._transport.abort()
                return
            size = len(payload)
            self._transport.write(struct.pack(">HHHBBB", tid, 0, 3 + size, unit, 3, size) + payload)
            rest = rest[_REQUEST.size :]
        self._rest = rest


def _serve(pipe: Connection, registers: int) -> None:
    words = [k % 30000 for k in range(registers)]
    words[HEART], words[MAP], words[SEQ] = 1, MAP_VERSION, 0
    packed = struct.pack(f">{registers}H", *words)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Service(packed), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.to_thread(pipe.poll, None)  # until the parent says so, or is gone
        server.close()

    asyncio.run(run())


class Device:
    """`with Device(2000) as device`: `device.port` serves that many registers."""

    def __init__(self, registers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, self._far = context.Pipe()
        arguments = (self._far, registers)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self.port = 0

    def __enter__(self) -> "Device":
        self._process.start()
        self._far.close()
        self.port = self._pipe.recv()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pipe.close()
        self._process.join(5)
        self._process.kill()
