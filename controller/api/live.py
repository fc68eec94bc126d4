"""The live socket: all its clients, the rounds in which they are served, and how they end.

The hub makes a round when the mirror was fed, at most about ten a second. What is due to a client
whose socket has room is given to it there and then; the others are woken, one pair of loops a
client, and send it when they can. Nobody waits for anybody.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version

from starlette.websockets import WebSocket, WebSocketDisconnect

from controller.access.door import Door
from controller.access.identity import Identity, Via
from controller.access.secret import Secret
from controller.access.users import Ended
from controller.api.alarm_watch import AlarmImage
from controller.api.commands import CommandBook
from controller.api.counts import Counts
from controller.api.direct import Direct
from controller.api.line_facts import LineFacts
from controller.api.live_client import (
    CHANGED_ROLE,
    ENDED,
    NO_ACK,
    NO_SENSE,
    RESTARTING,
    TOO_MANY,
    Broken,
    LiveClient,
    Runs,
    acknowledged,
)
from controller.api.live_view import FrameMaker
from controller.api.mirror import Mirror
from controller.api.pools import Pools
from controller.api.station_watch import StationImage
from controller.core.errors import Refused
from controller.core.ports import Clock
from controller.supervise import together

log = logging.getLogger("dryline.api")

MOST_CLIENTS = 300
MOST_OF_ONE = 40  # windows of one session, sockets of one token
ROUND_S = 0.09  # at least between two rounds
QUIET_S = 0.1  # without news there is a round all the same: heartbeats
SEND_S = 10.0
LOOK_S = 1.0  # between looks for sessions that ended
ROLE_ENDINGS = frozenset({Ended.ROLES, Ended.DISABLED})
MOST_ENDED = 1_000


@dataclass(eq=False, slots=True)
class Connection:
    """One client with its socket. number: of windows since the start; closing: code and reason,
    when it is to go; failure: what went wrong while it was served by others than its own loops;
    sending_s: since when its socket takes what is being sent, None when nothing is; patience: ends
    when that takes too long; direct: its socket, where a task need not be woken for it; answering:
    answers are on their way, no frame may overtake them."""

    client: LiveClient
    number: int = 0
    token: Secret | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    closing: tuple[int, str] | None = None
    failure: Exception | None = None
    sending_s: float | None = None
    patience: asyncio.Timeout | None = None
    direct: Direct | None = None
    answering: bool = False

    def end(self, code: int, reason: str) -> None:
        """Close it at the next opportunity."""
        self.closing = self.closing or (code, reason)
        self.wake.set()

    def fail(self, error: Exception) -> None:
        """Its own loops end with this at the next opportunity."""
        self.failure = self.failure or error
        self.wake.set()

    @property
    def is_going(self) -> bool:
        """It is served no longer."""
        return self.closing is not None or self.failure is not None

    def require_staying(self) -> None:
        """Raises why it is to go; Broken in most cases."""
        if self.failure is not None:
            raise self.failure
        if self.closing is not None:
            raise Broken(*self.closing)

    def open_way(self) -> Direct | None:
        """Its socket, when it takes something now and nothing is on the way to it before that."""
        if self.direct is None or self.answering or self.sending_s is not None or self.is_going:
            return None
        return self.direct if self.direct.has_room() else None

    def give_up(self) -> None:
        """What is being sent is not taken."""
        self.sending_s = None
        if self.patience is not None:
            self.patience.reschedule(asyncio.get_running_loop().time())


class LiveHub:
    """All connections. `fed` is set by whoever feeds the mirror."""

    def __init__(
        self, mirror: Mirror, alarms: AlarmImage, stations: StationImage, book: CommandBook,
        facts: LineFacts, clock: Clock, counts: Counts,
    ) -> None:  # fmt: skip
        self._mirror, self._book, self._clock, self.counts = mirror, book, clock, counts
        self.boot = secrets.token_hex(4)
        self.app = version("dryline")
        self.screens: Callable[[], str] = str  # digest of the screens that are served now
        self.frames = FrameMaker(mirror, alarms, stations, facts, counts)
        self.connections: set[Connection] = set()
        self._ending: int | None = None  # number of the newest ending that was looked at
        self._ended: dict[str, Ended] = {}  # the newest of these, by key of their session
        self._admitted = 0
        self.count = 0
        self._utc_ns = 0  # of the round
        self.ending = False

    # -- rounds ----------------------------------------------------------------------------------

    async def run(self, fed: asyncio.Event) -> None:
        """Make rounds for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUIET_S):
                    await fed.wait()
            fed.clear()
            self.round()
            await self._clock.sleep_link(ROUND_S)

    def round(self) -> None:
        """Everybody is sent what is due, or told that he may send it."""
        self.count += 1
        now_s = self._clock.link_s()
        self._utc_ns = self._mirror.now_ns(now_s)
        self.frames.begin(beat=self.count % 10 == 0)
        for connection in self.connections:
            if self._served(connection, now_s):
                continue
            connection.wake.set()
            if connection.sending_s is not None and now_s - connection.sending_s > SEND_S:
                connection.give_up()

    def due(self, connection: Connection) -> list[bytes]:
        """What a client is to be sent now, from now on."""
        now_s = connection.sending_s = self._clock.link_s()
        return self._due(connection, now_s)

    def _due(self, connection: Connection, now_s: float) -> list[bytes]:
        said = connection.client.due(self.frames, self.count, self._utc_ns, now_s)
        self.counts.frames += len(said)
        self.counts.frame_bytes += sum(map(len, said))
        return said

    def _served(self, connection: Connection, now_s: float) -> bool:
        """Say at once what is due; False when it cannot be said at once. What goes wrong with one
        client is the matter of its own loops: the others are served all the same."""
        try:
            if (way := connection.open_way()) is None:
                return False
            for one in self._due(connection, now_s):
                way.say(one)
        except Exception as error:  # noqa: BLE001 - its own loop raises it
            connection.fail(error)
        return True

    # -- clients ---------------------------------------------------------------------------------

    def admit(self, identity: Identity, token: Secret | None = None) -> Connection | None:
        """A place for a client; None when there is none."""
        of_one = sum(1 for c in self.connections if c.client.identity.key == identity.key)
        many = identity.via is not Via.TERMINAL and of_one >= MOST_OF_ONE
        if self.ending or many or len(self.connections) >= MOST_CLIENTS:
            self.counts.sockets_refused += 1
            return None
        runs = Runs(self.boot, self.app, self.screens())
        client = LiveClient(identity, self._mirror, self._book, runs, self._clock.link_s())
        self._admitted += 1
        connection = Connection(client, self._admitted, token)
        self.connections.add(connection)
        if (why := self._ended.get(identity.key)) is not None:  # since it was let in
            connection.end(*_farewell(why))
        return connection

    def leave(self, connection: Connection, code: int) -> None:
        """A client is gone."""
        self.connections.discard(connection)
        self.counts.closed[code] += 1
        self.counts.conflated += connection.client.pace.conflated
        self.counts.stalls += connection.client.pace.stalls

    @property
    def conflated(self) -> int:
        """Frames that were left out for windows that were slow, of all since the start."""
        return self.counts.conflated + sum(c.client.pace.conflated for c in self.connections)

    @property
    def stalls(self) -> int:
        """How often a window fell behind, of all since the start."""
        return self.counts.stalls + sum(c.client.pace.stalls for c in self.connections)

    def hear(self, connection: Connection, text: str) -> list[bytes]:
        """Answers to what a client said."""
        return connection.client.hear(text, self._clock.link_s())

    def ear_of(self, connection: Connection) -> Callable[[bytes], bool]:
        """Takes the acknowledgements of a client where they come. One that is to go is heard by its
        own loop, which then ends."""

        def hear(content: bytes) -> bool:
            position = acknowledged(content)
            if position is None or connection.is_going:
                return False
            try:
                connection.client.acknowledge(position, self._clock.link_s())
            except Exception as error:  # noqa: BLE001 - its own loop raises it
                connection.fail(error)
                return False
            return True

        return hear

    # -- endings ---------------------------------------------------------------------------------

    async def watch_sessions(self, door: Door, pools: Pools) -> None:
        """Close, for ever, what belongs to sessions and tokens that ended, wherever they did. After
        a failure it goes on where it was: no ending is overlooked."""
        first = await pools.door.do(door.newest_ending)
        number: int = first if self._ending is None else self._ending
        while True:
            self._ending = number
            await self._clock.sleep_link(LOOK_S)
            number, ended = await pools.door.do(door.ended_since, number)
            self._ended |= ended
            for key in list(self._ended)[:-MOST_ENDED]:
                del self._ended[key]
            for connection in list(self.connections):
                why = ended.get(connection.client.identity.key)
                if why is not None:
                    connection.end(*_farewell(why))
            await self._check_tokens(door, pools)

    async def _check_tokens(self, door: Door, pools: Pools) -> None:
        held = {c.client.identity.key: c for c in list(self.connections) if c.token is not None}
        for key, connection in held.items():
            token = connection.token or Secret("")
            try:
                await pools.door.do(door.of_token, token, connection.client.identity.address)
            except Refused:
                for other in self.connections:
                    if other.client.identity.key == key:
                        other.end(ENDED, "the token is over")

    def end_all(self) -> None:
        """This process ends."""
        self.ending = True
        for connection in self.connections:
            connection.end(RESTARTING, "the server is restarted")


def _farewell(why: Ended) -> tuple[int, str]:
    """Code and reason of the close frame."""
    return CHANGED_ROLE if why in ROLE_ENDINGS else ENDED, f"session ended: {why}"


async def converse(websocket: WebSocket, hub: LiveHub, connection: Connection) -> None:
    """Serve one client until one of both ends it."""
    code = 1006
    if connection.direct is not None:
        connection.direct.ear = hub.ear_of(connection)
    try:
        await together(_listen(websocket, hub, connection), _speak(websocket, hub, connection))
    except Broken as error:
        code = error.code
        await _close(websocket, error.code, error.reason)
    except WebSocketDisconnect as error:
        code = error.code
    except TimeoutError:
        code = NO_ACK
        await _close(websocket, NO_ACK, "nothing is read")
    finally:
        if connection.direct is not None:
            connection.direct.ear = None
        hub.leave(connection, code)


async def _listen(websocket: WebSocket, hub: LiveHub, connection: Connection) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code") or 1005)
        connection.require_staying()
        text = message.get("text")
        if text is None:
            raise Broken(NO_SENSE, "text only")
        if said := hub.hear(connection, text):
            connection.answering = True
            try:
                await _send(websocket, said)
            finally:
                connection.answering = False


async def _speak(websocket: WebSocket, hub: LiveHub, connection: Connection) -> None:
    """Send what is due. No timer a frame: the hub looks who has been sending for too long."""
    async with asyncio.timeout(None) as connection.patience:
        while True:
            await connection.wake.wait()
            connection.wake.clear()
            connection.require_staying()
            if connection.answering:  # the next round wakes it again
                continue
            for one in hub.due(connection):
                await websocket.send({"type": "websocket.send", "text": one.decode()})
            connection.sending_s = None


async def _send(websocket: WebSocket, said: list[bytes]) -> None:
    for one in said:
        async with asyncio.timeout(SEND_S):
            await websocket.send({"type": "websocket.send", "text": one.decode()})


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
        async with asyncio.timeout(1.0):
            await websocket.close(code, reason)


async def no_place(websocket: WebSocket) -> None:
    """Too many clients."""
    await websocket.accept()
    await _close(websocket, TOO_MANY, "too many clients")
