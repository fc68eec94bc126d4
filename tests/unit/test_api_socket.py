"""The server's socket beside ASGI: it hears and says, byte for byte, what the library would.

These tests hold the inner workings of uvicorn and websockets that `controller.api.serving` relies
on: where one of them fails after an upgrade, that file is to be looked at, not the test.
"""

import asyncio
import json
import struct
from types import SimpleNamespace

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from controller.api.direct import AT_ONCE
from controller.api.live_client import acknowledged
from controller.api.serving import MAX_MESSAGE, _Socket, _text_head

MASK = 4  # bytes


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.sent = b""
        self.closing = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def get_extra_info(self, name: str) -> None:
        return None


class Served:
    """A socket after its upgrade, and the other end. heard: by the ear, when it has one."""

    def __init__(self, *, ear: bool = True, deflate: bool = False, accept: bool = True) -> None:
        config = uvicorn.Config(
            self._app, ws=_Socket, lifespan="off", interface="asgi3", log_config=None,
            ws_per_message_deflate=deflate, ws_max_size=MAX_MESSAGE, ws_ping_interval=None,
        )  # fmt: skip
        config.load()
        self.loop = asyncio.get_running_loop()
        self.socket = _Socket(config, ServerState(), {}, self.loop)
        self.wire, self.heard = Wire(), []
        self.socket.connection_made(self.wire)
        offered = [ClientPerMessageDeflateFactory()] if deflate else None
        self.client = ClientProtocol(parse_uri("ws://localhost/"), extensions=offered)
        self.client.send_request(self.client.connect())
        self._goes = asyncio.Event()
        self.socket.data_received(b"".join(self.client.data_to_send()))
        if ear:
            self.socket.ear = self._hear
        self._accept = accept

    async def _app(self, scope, receive, send) -> None:
        if self._accept:
            await send({"type": "websocket.accept"})
        await self._goes.wait()

    async def __aenter__(self) -> "Served":
        for _ in range(5):
            await asyncio.sleep(0)
        if self._accept:
            self.client.receive_data(self.wire.sent)
            assert self.client.state is OPEN
            self.wire.sent = b""
        return self

    async def __aexit__(self, *_: object) -> None:
        self._goes.set()
        await asyncio.gather(*self.socket.tasks)

    def _hear(self, content: bytes) -> bool:
        if acknowledged(content) is None:
            return False
        self.heard.append(bytes(content))
        return True

    @property
    def queued(self) -> list[object]:
        """What goes the usual way, without the beginning."""
        found = []
        while not self.socket.queue.empty():
            message = self.socket.queue.get_nowait()
            if message["type"] != "websocket.connect":
                found.append(message.get("text", message.get("bytes", message["type"])))
        return found


def framed(content: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    """As a client sends it."""
    return Frame(opcode, content, fin).serialize(mask=True)


# -- saying ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_what_is_said_is_the_frame_that_the_library_makes(size):
    content = b"x" * size
    assert _text_head(size) + content == Frame(Opcode.TEXT, content).serialize(mask=False)


async def test_what_is_said_directly_and_otherwise_comes_in_its_order():
    async with Served() as served:
        served.socket.say(b'{"n":1}')
        await served.socket.send({"type": "websocket.send", "text": '{"n":2}'})
        served.socket.say("3 µm".encode())
        served.client.receive_data(served.wire.sent)
        events = served.client.events_received()[1:]
        assert [bytes(e.data).decode() for e in events] == ['{"n":1}', '{"n":2}', "3 µm"]
        assert {e.opcode for e in events} == {Opcode.TEXT}
        assert served.client.parser_exc is None


async def test_there_is_room_while_it_is_open_and_takes_what_is_written():
    async with Served() as served:
        assert served.socket.has_room()
        served.socket.pause_writing()
        assert not served.socket.has_room()
        served.socket.resume_writing()
        assert served.socket.has_room()


async def test_there_is_no_room_before_the_upgrade_was_accepted():
    async with Served(accept=False) as served:
        assert not served.socket.has_room()


async def peer_closes(served: Served) -> None:
    served.client.send_close(1000)
    served.socket.data_received(b"".join(served.client.data_to_send()))


async def we_close(served: Served) -> None:
    await served.socket.send({"type": "websocket.close", "code": 1008})


async def the_server_ends(served: Served) -> None:
    served.socket.shutdown()


async def a_ping_stays_unanswered(served: Served) -> None:
    served.socket.keepalive_timeout()


async def nonsense_comes(served: Served) -> None:
    served.socket.data_received(b"\xff\xff\xff\xff")


async def the_wire_is_cut(served: Served) -> None:
    served.wire.closing = True


@pytest.mark.parametrize(
    "ending",
    [peer_closes, we_close, the_server_ends, a_ping_stays_unanswered, nonsense_comes,
     the_wire_is_cut],
)  # fmt: skip
async def test_there_is_no_room_once_it_closes_and_nothing_is_heard(ending):
    async with Served() as served:
        served.socket.data_received(framed(b'{"ack":1}'))
        await ending(served)
        assert not served.socket.has_room()
        if not served.wire.closing:
            served.socket.data_received(framed(b'{"ack":2}'))
        assert served.heard == [b'{"ack":1}']
        if served.socket.close_timer is not None:
            served.socket.close_timer.cancel()


async def test_it_is_offered_to_the_application_unless_frames_are_to_be_compressed():
    async with Served() as plain, Served(deflate=True) as packed:
        assert plain.socket.scope["extensions"][AT_ONCE] is plain.socket
        assert packed.client.extensions
        assert AT_ONCE not in packed.socket.scope["extensions"]


# -- hearing ---------------------------------------------------------------------------------------

FULL, VIEW = b'{"op":"full"}', json.dumps({"op": "view", "id": 1, "tags": ["µ" * 90]}).encode()
PIECES = st.sampled_from([
    [(b'{"ack":%d}' % 18_233, Opcode.TEXT, True)],
    [(b'{"ack": 7}', Opcode.TEXT, True)],
    [(b'{"ack":"x"}', Opcode.TEXT, True)],
    [(b'{"ack":5}', Opcode.BINARY, True)],
    [(FULL, Opcode.TEXT, True)],
    [(VIEW, Opcode.TEXT, True)],
    [(b"", Opcode.TEXT, True)],
    [(b'{"op":', Opcode.TEXT, False), (b'"full"}', Opcode.CONT, True)],
    [(b'{"ack":', Opcode.TEXT, False), (b"x", Opcode.PING, True), (b"9}", Opcode.CONT, True)],
    [(b"here?", Opcode.PING, True)],
    [(b"unasked", Opcode.PONG, True)],
])  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(
    st.lists(PIECES, min_size=1, max_size=8),
    st.lists(st.sampled_from([1, 2, 6, 15, 16, 1_000]), min_size=1, max_size=30),
    st.booleans(),
)
async def test_however_it_is_cut_everything_is_heard_once_and_in_order(messages, sizes, at_frames):
    frames = [framed(*piece[:2], fin=piece[2]) for message in messages for piece in message]
    stream = b"".join(frames)
    chunks = frames if at_frames else []
    while not at_frames and stream:
        size = sizes[len(chunks) % len(sizes)]
        chunks, stream = [*chunks, stream[:size]], stream[size:]
    async with Served() as direct, Served(ear=False) as usual:
        for chunk in chunks:
            direct.socket.data_received(chunk)
            usual.socket.data_received(chunk)
        heard, queued = told_apart(messages)
        assert direct.heard == heard
        assert direct.queued == queued
        assert len(usual.queued) == len(heard) + len(queued)
        assert direct.wire.sent == usual.wire.sent


def told_apart(messages: list[list[tuple[bytes, Opcode, bool]]]) -> tuple[list, list]:
    """What the ear takes, and what goes on: acknowledgements in pieces, too."""
    heard, queued = [], []
    for message in messages:
        pieces = [content for content, opcode, _ in message if opcode < Opcode.CLOSE]
        content, kind = b"".join(pieces), message[0][1]
        if len(pieces) == 1 and kind is Opcode.TEXT and acknowledged(content) is not None:
            heard.append(content)
        elif pieces:
            queued.append(content.decode() if kind is Opcode.TEXT else content)
    return heard, queued


async def test_what_looks_like_an_acknowledgement_within_another_message_is_none():
    looks = framed(b'{"ack":1}')
    async with Served() as served:
        head = struct.pack("!BB", 0x82, 0x80 | (len(looks) - MASK))
        for chunk in (head, looks):  # the second is mask and content of the first
            served.socket.data_received(chunk)
        assert served.heard == []
        (message,) = served.queued
        assert len(message) == len(looks) - MASK


async def test_an_acknowledgement_where_a_message_has_to_go_on_is_refused_as_ever():
    async with Served() as direct, Served(ear=False) as usual:
        for served in (direct, usual):
            served.socket.data_received(framed(b'{"op":', fin=False))
            served.socket.data_received(framed(b'{"ack":1}'))
        assert direct.heard == []
        assert direct.queued == usual.queued == ["websocket.disconnect"]
        assert direct.wire.sent == usual.wire.sent


@pytest.mark.parametrize(
    ("change", "heard"),
    [
        (lambda f: b"\xc1" + f[1:], 0),
        (lambda f: b"\x01" + f[1:], 0),
        (lambda f: bytes([f[0], f[1] & 0x7F]) + f[6:], 0),
        (lambda f: f + b"\0", 1),
        (lambda f: f + f, 2),
        (lambda f: f[:-1], 0),
        (lambda f: b"", 0),
    ],
    ids=["reserved bit", "not its end", "no mask", "more", "two", "less", "nothing"],
)
async def test_frames_that_are_not_plain_or_alone_go_through_the_parser(change, heard):
    async with Served() as direct, Served(ear=False) as usual:
        for served in (direct, usual):
            served.socket.data_received(change(framed(b'{"ack":1}')))
        assert direct.heard == [b'{"ack":1}'] * heard
        assert len(usual.queued) == len(direct.queued) + heard
        assert direct.socket.conn.state is usual.socket.conn.state
        assert direct.wire.sent == usual.wire.sent


async def test_what_the_ear_refuses_goes_the_usual_way():
    async with Served() as served:
        served.socket.ear = lambda content: False
        served.socket.data_received(framed(b'{"ack":1}'))
        assert served.queued == ['{"ack":1}']


async def test_the_parser_of_the_library_tells_where_it_is():
    async with Served() as served:
        socket, frame = served.socket, framed(FULL)
        assert socket._is_between_messages()
        for k in range(len(frame)):
            socket.data_received(frame[k : k + 1])
            assert socket._is_between_messages() == (k == len(frame) - 1), k
        socket.data_received(framed(b"", fin=False))
        assert not socket._is_between_messages()
        socket.data_received(framed(b"}", Opcode.CONT))
        assert socket._is_between_messages()


async def test_a_parser_that_cannot_be_asked_is_left_to_its_work():
    """Another version of the library: slower, not broken."""
    async with Served() as served:
        conn = served.socket.conn
        conn.parser = SimpleNamespace(__next__=None)
        assert not served.socket._is_between_messages()
        del conn.parser
        assert not served.socket._is_between_messages()
