"""Fence of uvicorn: answering at an address and at a socket of the run folder."""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
import struct
from collections.abc import Iterator
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.streams import StreamReader
from websockets.utils import apply_mask

from controller.access.certificate import Certificate
from controller.api.direct import AT_ONCE, Ear
from controller.api.outer import App, Receive, Scope, Send
from controller.api.who import AT_TERMINAL
from controller.folder_socket import BACKLOG
from controller.metrics.settings import Address

log = logging.getLogger("dryline.api")

GRACE_S = 2.0  # for answers under way at the end
MOST_CONNECTIONS = 800
HEAD_S = 10.0  # for the head of a request to come
IDLE_S = 15.0  # a connection without a request
MAX_HEAD = 32 * 1024
MAX_VALUE = 7_000  # of one header of an upgrade
MAX_MESSAGE = 64 * 1024  # of a WebSocket
MOST_WAITING = 4  # messages of one, then it is not read any further
AGAIN_S = 5.0
TEXT_WHOLE = 0x81  # first byte of a text that is not in pieces (RFC 6455, 5.2)
MASKED = 0x80  # in the second byte, with the size of what is small
SMALL_HEAD = 6  # bytes before the content of what is small and masked; four of them are the mask
_AT_START = StreamReader.at_eof.__code__  # where the parser waits for the first byte of a frame
_REASONS = {
    errno.EADDRINUSE: "another program listens there",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "this user may not listen there",
}


class _Patience(H11Protocol):
    """A connection that does not send the head of its request in time is closed."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The time begins."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_S, transport.close)

    def data_received(self, data: bytes) -> None:
        """A request whose head is complete has a cycle of its own."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before or self.transport.get_protocol() is not self:
            self._stop()
        elif self._timer is None and (self.cycle is None or self.cycle.response_complete):
            self._timer = self.loop.call_later(HEAD_S, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to wait for any more."""
        self._stop()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """What the parser of WebSockets would choke on, in silence, is refused before."""
        if any(len(value) > MAX_VALUE for _, value in event.headers):
            self.send_400_response("a header is too long")
            return
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """A request that goes wrong in its middle: whoever is answering it is told that nobody is
        there any more. Where an answer is out, or half of one, the connection just ends."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Socket(WebSocketsSansIOProtocol):
    """A WebSocket that reads on while little of what came waits to be looked at, and that is also
    `controller.api.direct.Direct`.

    The library stops and resumes reading at every message, by two calls into the kernel, and
    every window acknowledges ten frames a second.
    """

    ear: Ear | None = None

    def handle_connect(self, event: Request) -> None:
        """An upgrade; it is answered by a task of its own, which has not begun yet. Frames that
        an extension has to change are not offered: `say` knows of none."""
        super().handle_connect(event)
        if not self.close_sent and not self.conn.extensions:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[AT_ONCE] = self

    def has_room(self) -> bool:
        """Nothing is paused, closing or closed."""
        return (
            self.writable.is_set() and self.handshake_complete and not self.close_sent
            and self.conn.state is OPEN and not self.transport.is_closing()
        )  # fmt: skip

    def say(self, content: bytes) -> None:
        """One text frame, whole and unmasked. Everybody who writes to the transport writes whole
        frames, so it never comes into the middle of another one."""
        self.transport.write(_text_head(len(content)) + content)

    def data_received(self, data: bytes) -> None:
        """Something came: mostly an acknowledgement, whole and alone, which is not worth the way
        through the parser and the queue."""
        if self.ear is None or not self._is_heard_at_once(data, self.ear):
            super().data_received(data)

    def _is_heard_at_once(self, data: bytes, ear: Ear) -> bool:
        content = _small_text(data)
        return content is not None and self._is_between_messages() and ear(content)

    def _is_between_messages(self) -> bool:
        """What comes next begins a message: nothing of another one was read, and none is in pieces.
        With a library that works otherwise than the one known, False: then all goes its way."""
        waits: Any = getattr(self.conn, "parser", None)  # generators, one within the other
        while (inner := getattr(waits, "gi_yieldfrom", None)) is not None:
            waits = inner
        at_start = getattr(waits, "gi_code", None) is _AT_START and not self.frames
        return at_start and self.conn.state is OPEN and not self.close_sent

    def send_receive_event_to_app(self) -> None:
        """A message is complete."""
        if self._is_heard():
            self.frames = []
            return
        reads_on = not self.read_paused and self.queue.qsize() < MOST_WAITING
        self.read_paused |= reads_on  # the library stops reading only where it is not stopped
        super().send_receive_event_to_app()
        self.read_paused &= not reads_on

    def _is_heard(self) -> bool:
        if self.ear is None or self.close_sent or self.curr_msg_data_type != "text":
            return False
        return len(self.frames) == 1 and self.ear(self.frames[0])


def _small_text(data: bytes) -> bytes | None:
    """What a client says, when the data are one whole text frame of at most 125 bytes and nothing
    else; None in all other cases."""
    size = len(data) - SMALL_HEAD
    if not 0 <= size < 126 or data[0] != TEXT_WHOLE or data[1] != MASKED | size:
        return None
    return apply_mask(data[SMALL_HEAD:], data[2:SMALL_HEAD])


def _text_head(size: int) -> bytes:
    """What comes before the bytes of a text."""
    if size < 126:
        return struct.pack("!BB", TEXT_WHOLE, size)
    if size < 65_536:
        return struct.pack("!BBH", TEXT_WHOLE, 126, size)
    return struct.pack("!BBQ", TEXT_WHOLE, 127, size)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process, not to one of its servers."""
        yield


class Listener:
    """One listening socket and its server. certificate: None for plain HTTP."""

    def __init__(self, app: App, listening: socket.socket, certificate: Certificate | None) -> None:
        self._socket = listening
        more: dict[str, Any] = {}
        if certificate is not None:
            more = {"ssl_certfile": certificate.certificate, "ssl_keyfile": certificate.key}
        self._server = _Server(
            uvicorn.Config(
                app, http=_Patience, ws=_Socket, lifespan="off", interface="asgi3",
                log_config=None, access_log=False, server_header=False, date_header=True,
                proxy_headers=False, limit_concurrency=MOST_CONNECTIONS, backlog=BACKLOG,
                timeout_keep_alive=int(IDLE_S), timeout_graceful_shutdown=int(GRACE_S),
                h11_max_incomplete_event_size=MAX_HEAD, ws_max_size=MAX_MESSAGE,
                ws_per_message_deflate=False, ws_ping_interval=20.0, ws_ping_timeout=20.0,
                **more,
            )
        )  # fmt: skip
        if certificate is not None:
            self._server.config.load()
            context = self._server.config.ssl
            if context is not None:
                context.minimum_version = ssl.TLSVersion.TLSv1_2

    @property
    def port(self) -> int:
        """Where it listens; 0 for a socket in a folder."""
        name = self._socket.getsockname()
        return int(name[1]) if isinstance(name, tuple) else 0

    async def serve(self) -> None:
        """Until `end`."""
        await self._server.serve([self._socket])

    def end(self) -> None:
        """Take no more requests, finish those under way, close."""
        self._server.should_exit = True


def at_terminal(app: App) -> App:
    """Marks what came through the run folder's socket: only its owner can open that."""

    async def marked(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, AT_TERMINAL: True}, receive, send)

    return marked


def network_socket(address: Address) -> socket.socket:
    """A listening socket at an address; OSError.

    It names its protocol: asyncio sets TCP_NODELAY on what it accepts only then. Without it the
    body of an answer may wait 40 ms for the peer to acknowledge the head.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address.host, address.port))
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


async def free_socket(address: Address, over: asyncio.Event) -> socket.socket | None:
    """The same, tried again until it succeeds or is over; why it does not is said once."""
    said = ""
    while not over.is_set():
        try:
            return network_socket(address)
        except OSError as error:
            reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
            if reason != said:
                log.error("the API cannot listen at %s: %s", address, reason)  # noqa: TRY400
            said = reason
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(AGAIN_S):
                await over.wait()
    return None
