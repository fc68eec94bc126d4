"""A bad wire between the controller and a PLC: a TCP relay that can stall, cut and delay.

Relays run in an event loop in a thread of its own, so that plain synchronous tests can use them.
"""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

Result = TypeVar("Result")
CHUNK = 65536
CALL_S = 30.0


class LoopThread:
    """An event loop in a thread; leaving it cancels whatever is still under way."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.call(self._cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_S)
        self._loop.close()

    def call(self, work: Coroutine[Any, Any, Result], timeout_s: float = CALL_S) -> Result:
        """Run a coroutine in the loop and wait for what comes of it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    async def _cancel_all(self) -> None:
        others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class BlackHole:
    """Relays one port. Behaves as a good wire until told otherwise.

    While it swallows, nothing comes through in either direction, connections stay open, and what
    was sent arrives late when it heals: as TCP does it when packets get lost on the way.
    delay_s: what every piece of data is late by, each way.
    """

    def __init__(self, loop: LoopThread, target: int) -> None:
        self.target = target
        self.delay_s = 0.0
        self._loop = loop
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server = loop.call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def swallow(self) -> None:
        """Let nothing through any more."""
        self._loop.call(self._gate(shut=True))

    def heal(self) -> None:
        """Let everything through again, beginning with what has waited."""
        self._loop.call(self._gate(shut=False))

    def cut(self) -> None:
        """Break all connections; new ones are taken."""
        self._loop.call(self._cut())

    def close(self) -> None:
        """Stop listening and break all connections."""
        self._loop.call(self._close())

    async def _gate(self, *, shut: bool) -> None:
        if shut:
            self._open.clear()
        else:
            self._open.set()

    async def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _close(self) -> None:
        self._server.close()
        await self._cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._open.wait()
            onward_reader, onward = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            self._drop(writer)
            return
        self._writers.add(onward)
        await asyncio.gather(self._pump(reader, onward), self._pump(onward_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while chunk := await reader.read(CHUNK):
                    await self._open.wait()
                    if self.delay_s:
                        await asyncio.sleep(self.delay_s)
                    writer.write(chunk)
                    await writer.drain()
                await self._open.wait()  # the news of a closed connection is swallowed too
        finally:
            self._drop(writer)

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.close()
