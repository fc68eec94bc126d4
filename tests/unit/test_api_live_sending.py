"""Frames on their way to windows: one that takes nothing is given up, the others never wait for it;
one that says much is not read any further."""

import asyncio
import json

import pytest

from controller.api.live import SEND_S, converse
from controller.api.live_client import NO_ACK
from controller.api.serving import MOST_WAITING, _Socket
from tests.support.api_rig import api_rig
from tests.unit.test_api_windows import opened, someone

TURNS = 10  # of the loop, after which everybody has done what he can


@pytest.fixture
def line(tmp_path):
    with api_rig(tmp_path) as found:
        yield found


class Window:
    """The socket of a window that says nothing. stuck: it takes nothing."""

    def __init__(self, *, stuck: bool = False) -> None:
        self.stuck = stuck
        self.took: list[str] = []
        self.closed: tuple[int, str] | None = None
        self._gone = asyncio.Event()
        self._taken = asyncio.Event()

    async def receive(self):
        await self._gone.wait()
        return {"type": "websocket.disconnect", "code": 1001}

    async def send(self, message):
        while self.stuck:
            await self._taken.wait()
        self.took.append(message["text"])

    async def close(self, code, reason):
        self.closed = (code, reason)

    def take(self) -> None:
        self.stuck = False
        self._taken.set()

    def leave(self) -> None:
        self._gone.set()


async def turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def rounds(line, seconds: float) -> None:
    """Rounds in which a tag has other values."""
    for _ in range(round(10 * seconds)):
        line.show("COAT.TORQUE", line.parts.hub.count + 1.0)
        line.pass_s(0.1)
        line.parts.hub.round()
        await turns()


def acknowledged(line, connection, window: Window) -> None:
    """Everything that came."""
    for text in window.took:
        if (frame := json.loads(text))["op"] == "f":
            line.parts.hub.hear(connection, json.dumps({"ack": frame["s"]}))


async def test_who_takes_nothing_is_closed_and_nobody_waits_for_him(line):
    stuck, prompt = Window(stuck=True), Window()
    hub = line.parts.hub
    pairs = [(w, opened(line, someone(n))) for w, n in ((stuck, "mori"), (prompt, "sato"))]
    tasks = [asyncio.create_task(converse(w, hub, c)) for w, c in pairs]
    await turns()
    for _ in range(round(SEND_S) - 1):
        await rounds(line, 1.0)
        acknowledged(line, pairs[1][1], prompt)
        assert stuck.closed is None
    before = len(prompt.took)
    assert before > 0
    await rounds(line, 1.5)
    assert stuck.closed == (NO_ACK, "nothing is read")
    assert pairs[0][1] not in hub.connections
    assert hub.counts.closed[NO_ACK] == 1
    assert len(prompt.took) > before
    assert prompt.closed is None
    prompt.leave()
    await asyncio.gather(*tasks)


async def test_who_is_slow_and_takes_it_in_time_goes_on(line):
    slow = Window(stuck=True)
    connection = opened(line, someone("mori"))
    task = asyncio.create_task(converse(slow, line.parts.hub, connection))
    await turns()
    await rounds(line, SEND_S - 1.0)
    slow.take()
    await turns()
    acknowledged(line, connection, slow)
    await rounds(line, 3.0)
    acknowledged(line, connection, slow)
    assert slow.closed is None
    assert len(slow.took) > 1
    slow.leave()
    await task


class Wire:
    """Counts how often reading was stopped and resumed."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pause_reading(self) -> None:
        self.told.append("stop")

    def resume_reading(self) -> None:
        self.told.append("go on")


def socket_on(wire: Wire) -> _Socket:
    """As far as it takes messages."""
    found = _Socket.__new__(_Socket)
    found.transport = wire
    found.queue = asyncio.Queue()
    found.frames, found.curr_msg_data_type = [], "text"
    found.read_paused = found.close_sent = False
    return found


def comes(socket: _Socket, text: str) -> None:
    socket.frames = [text.encode()]
    socket.send_receive_event_to_app()


async def test_messages_that_are_looked_at_at_once_do_not_stop_the_reading():
    socket = socket_on(wire := Wire())
    for k in range(50):
        comes(socket, str(k))
        assert (await socket.receive())["text"] == str(k)
    assert wire.told == []


async def test_who_says_more_than_is_looked_at_is_not_read_until_it_was():
    socket = socket_on(wire := Wire())
    for k in range(MOST_WAITING + 3):  # the last ones were on their way already
        comes(socket, str(k))
    assert wire.told == ["stop"]
    said = [(await socket.receive())["text"] for _ in range(MOST_WAITING + 3)]
    assert said == [str(k) for k in range(MOST_WAITING + 3)]
    assert wire.told == ["stop", "go on"]
    comes(socket, "more")
    assert (await socket.receive())["text"] == "more"
    assert wire.told == ["stop", "go on"]
