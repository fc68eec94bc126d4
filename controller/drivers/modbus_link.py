"""One Modbus TCP connection: frames go out one at a time, and each answer is checked in full.

The wire behaves as with any careful client: a request is sent when the one before it was answered.
What is saved is the way between the two. The next request of a batch leaves from the very call that
took the answer, without a future, a timer and a task switch for each.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import cast

from controller.core.errors import DriverError, LinkLost, ProtocolFault
from controller.drivers.modbus_frames import (
    LAST_TRANSACTION,
    LONGEST_FRAME,
    Request,
    framing_fault,
    pdu_of,
)

_CLOSED = "the device closed the connection"


class Answers:
    """What a batch of requests brought, in their order.

    payloads: of the answers that are as expected. times_ns: when each came, UTC. odd: the PDU of a
    well-framed answer that is something else (an exception, another count), which ends the batch.
    """

    __slots__ = ("odd", "payloads", "times_ns")

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.times_ns: list[int] = []
        self.odd = b""


class Link(asyncio.BufferedProtocol):
    """One connection. `broken` says why nothing is sent or believed on it any more."""

    def __init__(self, now_ns: Callable[[], int], timeout_s: float) -> None:
        self.broken = ""
        self._now_ns = now_ns
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        # An answer never fills it: one byte more than its length says is a fault.
        self._buffer = bytearray(2 * LONGEST_FRAME)
        self._room = memoryview(self._buffer)
        self._got = 0
        self._unasked = False
        self._transaction = 0
        self._expected = b""
        self._requests: Sequence[Request] = ()
        self._at = 0  # which of them is out
        self._answers = Answers()
        self._done: asyncio.Future[None] | None = None  # while an answer is due
        self._deadline_s = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._turns = asyncio.Lock()
        self._queued = 0

    async def open(self, host: str, port: int, tls: SSLContext | None, within_s: float) -> None:
        """Connect; OSError (TimeoutError is one) when that fails."""
        async with asyncio.timeout(within_s):
            await self._loop.create_connection(lambda: self, host, port, ssl=tls)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """The right to ask. Whoever waits for it gets it after the answer that is due."""
        self._queued += 1
        try:
            await self._turns.acquire()
        finally:
            self._queued -= 1
        try:
            if self.broken:
                raise LinkLost(self.broken)
            yield
        finally:
            self._turns.release()

    async def ask(self, requests: Sequence[Request], answers: Answers) -> None:
        """Send the requests that `answers` does not yet cover, and add what comes back to it.

        Ends early, after at least one answer, when somebody else waits for a turn, and with the
        first odd answer. LinkLost: no answer in time, or the connection is gone; ProtocolFault:
        a frame that is not the answer. Both, and being cancelled, end the connection.
        """
        if self._unasked:
            raise self.end(ProtocolFault("the device sent bytes nobody had asked for"))
        self._requests = requests
        self._at = len(answers.payloads)
        self._answers = answers
        self._done = self._loop.create_future()
        self._send(requests[self._at])
        try:
            await self._done
        except asyncio.CancelledError:
            self.end(LinkLost("a request was abandoned"))
            raise

    def end(self, error: DriverError) -> DriverError:
        """Drop the connection at once, fail what waits for an answer; returns `error`."""
        self.broken = self.broken or str(error)
        if self._transport is not None:
            self._transport.abort()
        self._settle(error)
        return error

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._transport = None
        self.broken = self.broken or _CLOSED
        self._settle(LinkLost(self.broken))
        if self._watch is not None:
            self._watch.cancel()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Called by the event loop: where the next bytes go."""
        return self._room[self._got :]

    def buffer_updated(self, nbytes: int) -> None:
        """Called by the event loop: bytes have come."""
        if self._done is None:
            self._unasked = True
            return
        self._got += nbytes
        request = self._requests[self._at]
        if self._got == request.size and self._buffer.startswith(self._expected):
            self._take(request)
        else:
            self._judge(request)

    def _take(self, request: Request) -> None:
        """The answer is as expected: keep it, send the next request."""
        answers = self._answers
        answers.payloads.append(bytes(self._room[request.payload_at : request.size]))
        answers.times_ns.append(self._now_ns())
        self._at += 1
        if self._at == len(self._requests) or self._queued:
            self._settle(None)
        else:
            self._send(self._requests[self._at])

    def _judge(self, request: Request) -> None:
        """The answer is in pieces, odd, or none at all."""
        data = bytes(self._room[: self._got])
        fault = framing_fault(data, self._transaction, request.unit)
        if fault is None:
            return
        if fault:
            self.end(ProtocolFault(fault))
        else:
            self._answers.odd = pdu_of(data)
            self._settle(None)

    def _send(self, request: Request) -> None:
        if self._transport is None or self._transport.is_closing():
            self.end(LinkLost(self.broken or _CLOSED))
            return
        last = self._transaction
        self._transaction = 1 if last >= LAST_TRANSACTION else last + 1
        transaction = self._transaction.to_bytes(2, "big")
        self._expected = transaction + request.head
        self._got = 0
        self._transport.write(transaction + request.tail)
        self._deadline_s = self._loop.time() + self._timeout_s
        if self._watch is None:
            self._watch = self._loop.call_at(self._deadline_s, self._look)

    def _look(self) -> None:
        """One timer for all requests: it looks whether the present one is late, or when to look."""
        self._watch = None
        if self._done is None or self.broken:
            return
        if self._loop.time() < self._deadline_s:
            self._watch = self._loop.call_at(self._deadline_s, self._look)
        else:
            self.end(LinkLost(f"no answer within {self._timeout_s:g} s"))

    def _settle(self, error: DriverError | None) -> None:
        done, self._done = self._done, None
        self._got = 0
        if done is None or done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
