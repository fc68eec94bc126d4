"""Windows at a real server: whichever way frames and acknowledgements go, no change is lost, none
comes twice or in another order, and one window's troubles are its own.

Rounds are made by the test; the windows are those of the websockets library.
"""

import asyncio
import contextlib
import json
import random
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import websockets

from controller.access.certificate import Certificate, generated
from controller.api.app import LIVE
from controller.api.app import outer as outer_app
from controller.api.live_client import ACK_S, NO_ACK, NO_SENSE, RESTARTING, WINDOW
from controller.api.serving import Listener, _Socket, at_terminal, network_socket
from controller.metrics.settings import Address
from tests.support.api_rig import ApiRig, api_rig

ENOUGH_S = 20.0
SEED = 7
LITTLE = 4_096  # bytes that a wire holds
HIGH_WATER = 64 * 1024  # of asyncio
Json = dict[str, Any]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[ApiRig]:
    with api_rig(tmp_path) as found:
        yield found


@pytest.fixture
def directly(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much was said directly: without it these tests would show the usual way only."""
    said: list[int] = []
    say = _Socket.say

    def noted(socket: _Socket, content: bytes) -> None:
        said.append(len(content))
        say(socket, content)

    monkeypatch.setattr(_Socket, "say", noted)
    return said


@asynccontextmanager
async def serving(line: ApiRig, certificate: Certificate | None = None) -> AsyncIterator[Listener]:
    """Its wires hold little: a reader that stops is felt soon."""
    listening = network_socket(Address("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LITTLE)
    app = at_terminal(outer_app(line.app, line.parts))
    listener = Listener(app, listening, certificate)
    task = asyncio.create_task(listener.serve())
    try:
        yield listener
    finally:
        listener.end()
        await task


async def until(condition: Any) -> None:
    async with asyncio.timeout(ENOUGH_S):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


@dataclass
class Watcher:
    """A window that folds what it is sent into a picture. late: it takes its time with each; every:
    so many frames are acknowledged together."""

    ws: websockets.ClientConnection
    chance: random.Random
    late: bool = False
    every: int = 1
    names: dict[int, str] = field(default_factory=dict)
    picture: dict[str, float | None] = field(default_factory=dict)
    positions: list[int] = field(default_factory=list)
    gaps: int = 0
    asked: int = 0
    known: int = 0
    wrong: list[str] = field(default_factory=list)

    async def look(self, *tags: str, rate: int = 10) -> None:
        self.asked += 1
        view = {"op": "view", "id": self.asked, "tags": tags, "rate": rate, "alarms": True}
        await self.ws.send(json.dumps(view))

    async def run(self) -> None:
        """Until it is closed."""
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in self.ws:
                message = json.loads(text)
                if message["op"] == "meta":
                    self._learns(message)
                elif message["op"] == "f":
                    await self._takes(message)

    def _learns(self, message: Json) -> None:
        if message["id"] != self.known + 1:
            self.wrong.append(f"meta {message['id']} after {self.known}")
        self.known = message["id"]
        self.names = {tag["i"]: tag["n"] for tag in message["tags"]}
        self.picture = {}

    async def _takes(self, frame: Json) -> None:
        if frame["id"] > self.known:
            self.wrong.append(f"frame of view {frame['id']} before its meta")
        if self.positions and frame["s"] < self.positions[-1]:
            self.wrong.append(f"frame {frame['s']} after {self.positions[-1]}")
        if not frame.get("full") and frame["p"] != (self.positions or [0])[-1]:
            self.gaps += 1
        self.positions.append(frame["s"])
        if frame["id"] == self.known:
            self.picture |= {self.names[row[0]]: row[1] for row in frame["v"]}
        if self.late:
            await asyncio.sleep(self.chance.choice([0.0, 0.005, 0.03]))
        if len(self.positions) % self.every == 0:
            await self.ws.send(f'{{"ack":{frame["s"]}}}')


@asynccontextmanager
async def window(listener: Listener, tls: Path | None = None, **more: Any) -> AsyncIterator[Any]:
    """A connection that said hello and was answered."""
    context = None
    if tls is not None:
        context = ssl.create_default_context(cafile=str(tls))
        context.check_hostname = False
    scheme = "ws" if tls is None else "wss"
    more = {"compression": None, "ping_interval": None, "close_timeout": 2} | more
    uri = f"{scheme}://127.0.0.1:{listener.port}{LIVE}"
    async with websockets.connect(uri, ssl=context, **more) as ws:
        await ws.send('{"op":"hello","v":1}')
        async with asyncio.timeout(ENOUGH_S):
            assert json.loads(await ws.recv())["op"] == "hello"
        yield ws


@asynccontextmanager
async def watching(listener: Listener, *tags: str, **more: Any) -> AsyncIterator[Watcher]:
    """A window that shows some tags."""
    own = {"late": more.pop("late", False), "every": more.pop("every", 1)}
    async with window(listener, **more) as ws:
        watcher = Watcher(ws, random.Random(SEED), **own)
        task = asyncio.create_task(watcher.run())
        await watcher.look(*tags)
        await until(lambda: watcher.known == 1)
        try:
            yield watcher
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def round_of(line: ApiRig, **values: float) -> None:
    """A tenth of a second, with other values of some tags (dots as __)."""
    for name, value in values.items():
        line.values[line.at[name.replace("__", ".")]] = value
    line.pass_s(0.1)
    line.parts.hub.round()
    await asyncio.sleep(0)


async def settled(line: ApiRig, watchers: list[Watcher]) -> None:
    """Rounds until everybody has shown and acknowledged the newest."""
    for watcher in watchers:
        watcher.late = False
    hub = line.parts.hub
    async with asyncio.timeout(ENOUGH_S):
        while any(w.positions[-1:] != [line.parts.mirror.tick] for w in watchers):
            hub.round()
            await asyncio.sleep(0.01)


def truth(line: ApiRig, watcher: Watcher) -> dict[str, float]:
    mirror = line.parts.mirror
    return {name: float(mirror.value[mirror.index(name)]) for name in watcher.names.values()}


async def test_no_change_is_lost_while_views_change_and_some_are_slow(line, directly):
    """Answers are on their way while rounds are made; every picture ends as the mirror is."""
    chance, names = random.Random(SEED), [n for n in line.at if n.startswith(("COAT.", "CAL."))]
    async with contextlib.AsyncExitStack() as stack:
        listener = await stack.enter_async_context(serving(line))
        watchers = [
            await stack.enter_async_context(watching(listener, "COAT.*", late=k % 3 == 0))
            for k in range(12)
        ]
        for k in range(150):
            changed = {chance.choice(names).replace(".", "__"): float(k) for _ in range(3)}
            await round_of(line, **changed)
            if k % 5 == 0:
                watcher = chance.choice(watchers)
                await watcher.look(*chance.sample(["COAT.L*", "CAL.*", "COAT.TORQUE", "*"], 2))
            await asyncio.sleep(chance.choice([0.0, 0.0, 0.002]))
        await settled(line, watchers)
        assert [w.wrong for w in watchers] == [[]] * len(watchers)
        assert [w.gaps for w in watchers] == [0] * len(watchers)
        assert all(w.picture == truth(line, w) for w in watchers)
        assert all(w.positions == sorted(w.positions) for w in watchers)
        assert len(directly) > 500


async def test_frames_in_step_ascend_strictly_and_are_the_same_for_all(line, directly):
    async with contextlib.AsyncExitStack() as stack:
        listener = await stack.enter_async_context(serving(line))
        watchers = [
            await stack.enter_async_context(watching(listener, "COAT.TORQUE")) for _ in range(30)
        ]
        for k in range(40):
            await round_of(line, COAT__TORQUE=float(k))
            await until(lambda: all(w.positions[-1:] == [line.parts.mirror.tick] for w in watchers))
            await until(lambda: not any(c.client.waiting for c in line.parts.hub.connections))
        assert len({tuple(w.positions) for w in watchers}) == 1
        assert watchers[0].positions == sorted(set(watchers[0].positions))
        assert len(watchers[0].positions) == 40
        assert len(directly) == line.parts.hub.counts.frames == 30 * 40
        assert line.parts.hub.counts.frame_bytes == sum(directly)
        assert (line.parts.hub.conflated, line.parts.hub.stalls) == (0, 0)


async def test_who_acknowledges_every_second_frame_gets_every_frame(line, directly):
    async with serving(line) as listener, watching(listener, "COAT.TORQUE", every=2) as watcher:
        (connection,) = line.parts.hub.connections
        for k in range(40):
            await round_of(line, COAT__TORQUE=float(k))
            await until(lambda: watcher.positions[-1:] == [line.parts.mirror.tick])
            await until(lambda k=k: connection.client.waiting == (k + 1) % 2)
        assert len(watcher.positions) == len(directly) == 40
        assert (connection.client.pace.conflated, connection.client.pace.stalls) == (0, 0)


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_it_is_so_through_tls_and_for_who_offers_to_compress(
    line, directly, tmp_path, tls, compression
):
    certificate = generated(tmp_path, ["localhost"], line.clock.utc_ns() / 1e9) if tls else None
    trusted = Path(certificate.certificate) if certificate else None
    async with (
        serving(line, certificate) as listener,
        watching(listener, "COAT.*", tls=trusted, compression=compression) as watcher,
    ):
        for k in range(20):
            await round_of(line, COAT__TORQUE=float(k))
            await until(lambda: watcher.positions[-1:] == [line.parts.mirror.tick])
        assert (watcher.wrong, watcher.gaps) == ([], 0)
        assert watcher.picture == truth(line, watcher)
        assert len(directly) >= 15


def wire_that_holds_little(listener: Listener) -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE)
    found.connect(("127.0.0.1", listener.port))
    found.setblocking(False)
    return found


async def test_who_stops_reading_hears_all_answers_before_what_follows_them(line, directly):
    """Answers wait for room while rounds are made; meanwhile nothing grows, the other one is
    served, and afterwards everything is there in its order."""
    hub = line.parts.hub
    async with (
        serving(line) as listener,
        watching(listener, "COAT.*", sock=wire_that_holds_little(listener)) as slow,
        watching(listener, "COAT.TORQUE") as prompt,
    ):
        (connection,) = [c for c in hub.connections if c.number == 1]
        served = connection.direct
        await round_of(line, COAT__TORQUE=-1.0)
        await until(lambda: slow.positions)
        slow.ws.transport.pause_reading()
        for _ in range(6):
            await slow.look("*")
        await until(lambda: connection.answering and not served.has_room())
        grown = served.transport.get_write_buffer_size()
        for k in range(40):
            await round_of(line, COAT__TORQUE=float(k))
            await until(lambda: prompt.positions[-1:] == [line.parts.mirror.tick])
            assert served.transport.get_write_buffer_size() <= grown
        assert grown < HIGH_WATER + 200_000  # at most one answer beyond it
        slow.ws.transport.resume_reading()
        await settled(line, [slow, prompt])
        assert (slow.known, slow.wrong, slow.gaps) == (7, [], 0)
        assert slow.picture == truth(line, slow)
        assert slow.picture["COAT.TORQUE"] == 39.0
        assert len(prompt.positions) >= 41
        assert prompt.gaps == 0


async def test_who_never_reads_again_is_closed_and_costs_nobody(line, directly):
    hub = line.parts.hub
    async with (
        serving(line) as listener,
        watching(listener, "*", sock=wire_that_holds_little(listener)) as deaf,
        watching(listener, "COAT.TORQUE") as prompt,
    ):
        (connection,) = [c for c in hub.connections if c.number == 1]
        served = connection.direct
        deaf.ws.transport.pause_reading()
        for k in range(round(10 * ACK_S) + 2):
            await round_of(line, COAT__TORQUE=float(k))
            await until(lambda: prompt.positions[-1:] == [line.parts.mirror.tick])
            assert connection.client.waiting <= WINDOW
            assert served.transport.get_write_buffer_size() < HIGH_WATER + WINDOW * 50_000
        await until(lambda: connection not in hub.connections)
        assert hub.counts.closed == {NO_ACK: 1}
        assert connection.client.pace.stalls == 1
        assert len(prompt.positions) == round(10 * ACK_S) + 2
        assert (prompt.wrong, prompt.gaps) == ([], 0)
        deaf.ws.transport.abort()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ('{"ack":-1}', "ack: the s of a frame"),
        ('{"ack":"x"}', "ack: the s of a frame"),
        ('{"ack":1.5}', "ack: the s of a frame"),
        ('{"ack":9007199254740993}', "ack: the s of a frame"),
        ('{"ack":01}', "not JSON"),
        ('{"ack":1}{"ack":2}', "not JSON"),
        (b'{"ack":1}', "text only"),
    ],
)
async def test_nonsense_is_refused_in_the_same_words(line, said, reason):
    async with serving(line) as listener, window(listener) as ws:
        await ws.send(said)
        async with asyncio.timeout(ENOUGH_S):
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await ws.recv()
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (NO_SENSE, reason)
        await until(lambda: not line.parts.hub.connections)
        assert line.parts.hub.counts.closed[NO_SENSE] == 1


@pytest.mark.parametrize("said", ['{"ack":1}', '{ "ack" : 1 }', '{"ack":10000000000000000}'])
async def test_too_many_of_them_are_too_many(line, said):
    if len(said) > 20:
        said = said.replace("0" * 16, "0" * 15)  # one digit more than is known at a glance
    async with serving(line) as listener, window(listener) as ws:
        with contextlib.suppress(websockets.ConnectionClosed):
            for _ in range(200):
                await ws.send(said)
        async with asyncio.timeout(ENOUGH_S):
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await ws.recv()
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (NO_SENSE, "too many messages")


async def test_acknowledgements_of_every_make_free_the_way(line, directly):
    """With blanks, in pieces, beside other members, ahead of anything that was sent."""
    async with serving(line) as listener, window(listener) as ws:
        await ws.send('{"op":"view","id":1,"tags":["COAT.TORQUE"]}')
        assert json.loads(await ws.recv())["op"] == "meta"
        (connection,) = line.parts.hub.connections
        for k, ack in enumerate(
            ['{"ack":%d}', '{"ack": %d}', '{ "ack" : %d }', '{"ack":%d,"x":0}', "pieces", "next"]
        ):
            await round_of(line, COAT__TORQUE=float(k))
            async with asyncio.timeout(ENOUGH_S):
                position = json.loads(await ws.recv())["s"]
            assert connection.client.waiting == 1
            if ack == "pieces":
                await ws.send([f'{{"ack":{position}', "}"])
            else:
                await ws.send('{"ack":999999999999999}' if ack == "next" else ack % position)
            await until(lambda: not connection.client.waiting)
        assert len(directly) == 6


async def test_a_ping_between_frames_is_answered(line):
    async with serving(line) as listener, watching(listener, "COAT.TORQUE") as watcher:
        for k in range(10):
            await round_of(line, COAT__TORQUE=float(k))
            async with asyncio.timeout(ENOUGH_S):
                await (await watcher.ws.ping())
        await settled(line, [watcher])
        assert (watcher.wrong, watcher.gaps) == ([], 0)


async def test_who_leaves_leaves_with_his_code(line):
    async with serving(line) as listener, window(listener) as ws:
        await ws.send('{"op":"view","id":1,"tags":["COAT.*"]}')
        assert json.loads(await ws.recv())["op"] == "meta"
        await round_of(line, COAT__TORQUE=1.0)
        await ws.close(4321, "enough")
        await until(lambda: not line.parts.hub.connections)
        assert line.parts.hub.counts.closed == {4321: 1}
        await round_of(line, COAT__TORQUE=2.0)


async def test_at_the_end_all_are_told_and_nothing_follows(line):
    async with serving(line) as listener, window(listener) as ws:
        await ws.send('{"op":"view","id":1,"tags":["COAT.*"]}')
        assert json.loads(await ws.recv())["op"] == "meta"
        line.parts.hub.end_all()
        await round_of(line, COAT__TORQUE=1.0)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await ws.recv()
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
            RESTARTING, "the server is restarted")  # fmt: skip


async def test_a_wire_that_is_cut_in_the_middle_of_a_round_is_nobody_elses_matter(line, directly):
    async with (
        serving(line) as listener,
        window(listener) as cut,
        watching(listener, "COAT.TORQUE") as prompt,
    ):
        await cut.send('{"op":"view","id":1,"tags":["COAT.TORQUE"]}')
        assert json.loads(await cut.recv())["op"] == "meta"
        cut.transport.abort()
        for k in range(5):
            await round_of(line, COAT__TORQUE=float(k))
            await until(lambda: prompt.positions[-1:] == [line.parts.mirror.tick])
        await until(lambda: len(line.parts.hub.connections) == 1)
        assert len(prompt.positions) == 5
