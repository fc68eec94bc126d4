"""Clients that are served without waking their tasks: the same frames, errors and figures as by the
usual way, and nobody suffers from another one's socket."""

import asyncio
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.api.live import Connection, converse
from controller.api.live_client import (
    MOST_MESSAGES_S,
    NO_ACK,
    NO_SENSE,
    RESTARTING,
    WINDOW,
    acknowledged,
)
from tests.support.api_rig import ApiRig, api_rig
from tests.unit.test_api_live_sending import Window, turns
from tests.unit.test_api_windows import opened, someone


@pytest.fixture
def line(tmp_path):
    with api_rig(tmp_path) as found:
        yield found


class Way:
    """A socket that is spoken to directly. room: it takes something; breaks: what it raises."""

    def __init__(self, *, room: bool = True, breaks: Exception | None = None) -> None:
        self.room, self.breaks = room, breaks
        self.ear = None
        self.said: list[bytes] = []

    def has_room(self) -> bool:
        return self.room

    def say(self, content: bytes) -> None:
        if self.breaks is not None:
            raise self.breaks
        self.said.append(content)

    @property
    def frames(self) -> list[dict]:
        return [one for one in map(json.loads, self.said) if one["op"] == "f"]


class Asking(Window):
    """A window that says something at times, and takes only as many messages as it is let."""

    def __init__(self, takes: int = 1_000) -> None:
        super().__init__()
        self._says: asyncio.Queue[dict] = asyncio.Queue()
        self.takes = asyncio.Semaphore(takes)

    async def receive(self):
        return await self._says.get()

    async def send(self, message):
        await self.takes.acquire()
        await super().send(message)

    def say(self, **message: object) -> None:
        self._says.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def leave(self) -> None:
        self._says.put_nowait({"type": "websocket.disconnect", "code": 1001})


def directly(line: ApiRig, name: str, **more) -> tuple[Connection, Way]:
    """A window that shows a tag and whose socket is spoken to directly."""
    connection, way = opened(line, someone(name)), Way(**more)
    connection.direct = way
    way.ear = line.parts.hub.ear_of(connection)
    return connection, way


def round_of(line: ApiRig) -> None:
    """The tag has another value."""
    line.show("COAT.TORQUE", line.parts.hub.count + 1.0)
    line.pass_s(0.1)
    line.parts.hub.round()


def taken(way: Way) -> None:
    """Everything that was said is acknowledged."""
    assert way.ear(b'{"ack":%d}' % way.frames[-1]["s"])


# -- what an acknowledgement is --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "position"),
    [(b'{"ack":0}', 0), (b'{"ack": 18233}', 18233), (b'{"ack":999999999999999}', 10**15 - 1)],
)
def test_an_acknowledgement_is_known(content, position):
    assert acknowledged(content) == position


@pytest.mark.parametrize(
    "content",
    [b"", b'{"ack":-1}', b'{"ack":01}', b'{"ack":1.0}', b'{"ack":true}', b'{"ack":"1"}',
     b'{"ack":1e3}', b'{"ack":1000000000000000}', b'{"ack":1}\n', b' {"ack":1}', b'{"ack":1,"a":2}',
     b'{"ack":1}{"ack":2}', '{"ack":\u0661}'.encode(), b'{"op":"full"}'],
)  # fmt: skip
def test_all_else_goes_the_usual_way(content):
    assert acknowledged(content) is None


@given(st.text('{}"ack: 0123456789.-e\n', max_size=24))
def test_what_is_taken_for_an_acknowledgement_is_one(text):
    position = acknowledged(text.encode())
    assert position is None or orjson.loads(text) == {"ack": position}


# -- rounds ----------------------------------------------------------------------------------------


def test_who_has_room_is_told_in_the_round_and_his_task_is_not_woken(line):
    connection, way = directly(line, "sato")
    connection.wake.clear()
    for k in range(20):
        round_of(line)
        assert len(way.frames) == k + 1
        taken(way)
    assert not connection.wake.is_set()
    assert [f["s"] for f in way.frames[:-1]] == [f["p"] for f in way.frames[1:]]
    assert way.frames[-1]["v"][0][1] == line.parts.hub.count


def test_both_ways_tell_and_count_the_same(line):
    usual, (_, way) = opened(line, someone("mori")), directly(line, "sato")
    counts = line.parts.hub.counts
    for _ in range(12):
        before = counts.frames, counts.frame_bytes
        round_of(line)
        direct = counts.frames - before[0], counts.frame_bytes - before[1]
        said = line.parts.hub.due(usual)
        usual.sending_s = None
        assert said == way.said[-1:]
        assert direct == (1, len(said[0]))
        assert (counts.frames - before[0], counts.frame_bytes - before[1]) == (2, 2 * len(said[0]))
        line.parts.hub.hear(usual, f'{{"ack":{way.frames[-1]["s"]}}}')
        taken(way)
    assert usual.client.pace == directly_paced(usual, way, line)


def directly_paced(usual: Connection, way: Way, line: ApiRig):
    (found,) = [c.client.pace for c in line.parts.hub.connections if c.direct is way]
    return found


def test_who_does_not_acknowledge_gets_three_frames_and_then_one_with_all(line):
    connection, way = directly(line, "mori")
    for _ in range(WINDOW + 7):
        round_of(line)
    assert len(way.frames) == WINDOW
    assert (connection.client.pace.conflated, connection.client.pace.stalls) == (7, 1)
    taken(way)
    round_of(line)
    assert len(way.frames) == WINDOW + 1
    assert way.frames[-1]["p"] == way.frames[-2]["s"]
    assert way.frames[-1]["v"][0][1] == line.parts.hub.count


def test_who_has_no_room_is_told_nothing_and_his_task_is_woken(line):
    connection, way = directly(line, "mori", room=False)
    for _ in range(5):
        connection.wake.clear()
        round_of(line)
        assert connection.wake.is_set()
    assert way.said == []
    way.room = True
    round_of(line)
    assert (len(way.frames), way.frames[0]["full"]) == (1, True)


def test_nothing_overtakes_what_the_task_is_sending(line):
    connection, way = directly(line, "mori", room=False)
    round_of(line)
    on_its_way = line.parts.hub.due(connection)
    way.room = True
    round_of(line)
    assert way.said == []
    assert [json.loads(one)["op"] for one in on_its_way] == ["f"]
    connection.sending_s = None
    round_of(line)
    assert way.frames[0]["p"] == json.loads(on_its_way[0])["s"]


@pytest.mark.parametrize("room", [True, False])
async def test_no_frame_overtakes_an_answer_that_waits(line, room):
    """Neither directly nor by the task that sends frames, which would be next in the queue."""
    window, hub = Asking(takes=1), line.parts.hub
    connection = hub.admit(someone("mori"))
    connection.direct = way = Way(room=room)
    task = asyncio.create_task(converse(window, hub, connection))
    window.say(op="hello", v=1)
    window.say(op="view", id=1, tags=["COAT.TORQUE", "NOPE"], rate=10)
    await turns()
    for k in range(2):  # first both answers wait, then the second one
        round_of(line)
        await turns()
        assert (len(window.took), way.said) == (1 + k, [])
        window.takes.release()
        await turns()
    assert [json.loads(text)["op"] for text in window.took] == ["hello", "error", "meta"]
    window.takes.release()
    round_of(line)
    await turns()
    (frame,) = way.frames or map(json.loads, window.took[3:])
    assert (frame["op"], frame["id"], frame["full"]) == ("f", 1, True)
    window.leave()
    await task


async def test_who_cannot_be_answered_is_served_no_longer_and_owes_nothing(line):
    class Broken(Asking):
        async def send(self, message):
            raise OSError("the wire is cut")

    window, hub = Broken(), line.parts.hub
    connection = hub.admit(someone("mori"))
    connection.direct = way = Way()
    task = asyncio.create_task(converse(window, hub, connection))
    window.say(op="hello", v=1)
    with pytest.raises(OSError, match="the wire is cut"):
        await task
    assert not connection.answering
    assert connection not in hub.connections
    assert way.ear is None


@pytest.mark.parametrize("where", ["say", "has_room", "due"])
async def test_what_breaks_at_one_is_the_matter_of_his_own_loop(line, monkeypatch, where):
    hub, error = line.parts.hub, ValueError("broken")
    names = ("ann", "bob", "eve", "sato", "zoe")
    all_of = {name: directly(line, name) for name in names}
    connection, way = all_of["eve"]

    def breaks(*_: object) -> None:
        raise error

    monkeypatch.setattr(connection.client if where == "due" else way, where, breaks)
    window = Window()
    task = asyncio.create_task(converse(window, hub, connection))
    await turns()
    for k in range(3):
        round_of(line)
        await turns()
        assert [len(all_of[n][1].frames) for n in names if n != "eve"] == [k + 1] * 4
    with pytest.raises(ValueError, match="broken"):
        await task
    assert connection not in hub.connections
    assert hub.counts.closed[1006] == 1


async def test_who_never_acknowledges_is_closed_with_the_same_code(line):
    connection, way = directly(line, "mori")
    window = Window()
    task = asyncio.create_task(converse(window, line.parts.hub, connection))
    await turns()
    for _ in range(110):
        round_of(line)
        await turns()
    await task
    assert len(way.frames) == WINDOW
    assert window.closed == (NO_ACK, "no acknowledgement")
    assert line.parts.hub.counts.closed[NO_ACK] == 1


async def test_who_is_to_go_is_told_nothing_more(line):
    connection, way = directly(line, "mori")
    window = Window()
    task = asyncio.create_task(converse(window, line.parts.hub, connection))
    await turns()
    round_of(line)
    ear = way.ear
    line.parts.hub.end_all()
    round_of(line)
    assert len(way.frames) == 1
    assert not ear(b'{"ack":1}')
    await task
    assert window.closed == (RESTARTING, "the server is restarted")


# -- acknowledgements ------------------------------------------------------------------------------


def test_acknowledgements_are_counted_among_the_messages(line):
    connection, way = directly(line, "mori")
    round_of(line)
    heard = [way.ear(b'{"ack":1}') for _ in range(200)]
    # hello and view were two messages more, before time passed that allows for others
    assert MOST_MESSAGES_S - 3 <= sum(heard) <= MOST_MESSAGES_S
    assert heard == sorted(heard, reverse=True)
    assert (connection.failure.code, str(connection.failure)) == (NO_SENSE, "too many messages")


async def test_who_acknowledges_too_much_is_closed_though_his_socket_takes_nothing(line):
    window, hub = Asking(takes=0), line.parts.hub
    connection, way = directly(line, "mori", room=False)
    task = asyncio.create_task(converse(window, hub, connection))
    await turns()
    round_of(line)
    await turns()
    assert connection.sending_s is not None
    while way.ear(b'{"ack":1}'):
        pass
    window.say(ack=1)  # what the ear did not take goes on
    await task
    assert window.closed == (NO_SENSE, "too many messages")


def test_an_acknowledgement_in_the_ear_is_worth_as_much_as_one_in_the_queue(line):
    (one, way), other = directly(line, "mori"), opened(line, someone("sato"))
    for _ in range(WINDOW):
        round_of(line)
        line.parts.hub.due(other)
        other.sending_s = None
    positions = [f["s"] for f in way.frames]
    for position, left in ((positions[1], 1), (positions[0], 1), (10**14, 0), (0, 0)):
        assert way.ear(b'{"ack":%d}' % position)
        line.parts.hub.hear(other, json.dumps({"ack": position}))
        assert (one.client.waiting, other.client.waiting) == (left, left)
        assert one.client.pace == other.client.pace
