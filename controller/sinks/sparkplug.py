"""The wire to an MQTT broker: one session of a Sparkplug edge node, shared by the lanes of a sink.

The only file that knows aiomqtt. Sparkplug numbers the messages of a node in one row, so all lanes
speak through one connection, one after the other; its event loop has a thread of its own. A lane
that finds no connection has its answer at once and comes again.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import partial

from controller.core.errors import StoreError
from controller.core.ports import Clock
from controller.sinks.access import read_password
from controller.sinks.answers import NOT_ASKED, STOPPED_S, Answer, BackOff, Verdict
from controller.sinks.forwarder import Tell
from controller.sinks.places import Site
from controller.sinks.sparkplug_ears import Ears
from controller.sinks.sparkplug_lines import Key, Lines, Reading, read_line
from controller.sinks.sparkplug_metrics import MS
from controller.sinks.sparkplug_node import EdgeNode, Message, Topics, UnknownMetricError
from controller.sinks.sparkplug_pace import Pace
from controller.sinks.sparkplug_phases import Act, Phase, Turn, after
from controller.sinks.sparkplug_settings import NEEDS_LIBRARY, Settings
from controller.sinks.sparkplug_store import SessionNumbers, device_tags, read_store
from controller.sinks.sparkplug_tls import tls_context
from controller.supervise import together

try:
    import aiomqtt
    from aiomqtt.exceptions import MqttConnectError
except ImportError:  # the extra is not installed: told when the sink is to send something
    aiomqtt = None  # type: ignore[assignment]

log = logging.getLogger("dryline.sinks")

STORED, REFUSED = 204, 422
POLL_S = 1.0  # how often a lane looks whether the session's thread is still there
END_S = 0.8
MOST_WAITING = 1_000  # messages of hosts; what is more is thrown away, and asked for again
FAREWELL_S = 0.5
REBIRTH_S = 5.0  # between rebirths that hosts ask for
REFUSED_TOLD_S = 60.0  # between notes about refused commands: anybody may send any number
# Refusals of a broker that only another setting can mend: those of MQTT 3.1.1 and of 5.
FINAL = frozenset({1, 2, 4, 5, 128 + 4, 128 + 5, 128 + 6, 128 + 7, 128 + 10, 128 + 12})
NO_ECHO = (
    "the broker takes the birth of this node and does not pass it on: let its user write and read "
    "spBv1.0/{group}/+/{node}/#, or set echo = false to send unseen"
)


def node_of(settings: Settings, site: Site) -> str:
    """The edge node id: each part of a line is a controller and so a node of its own."""
    name = settings.node or site.line
    return f"{name}-{site.part.replace('+', '-')}" if site.part else name


class _HostWentError(Exception):
    """The primary host is not online any more: the connection ends."""


class Sink:
    """The end of one lane."""

    def __init__(self, session: "Session") -> None:
        self._session = session

    def post(self, lines: Sequence[str]) -> Answer:
        """Publish lines; whatever happens is an answer."""
        return self._session.post(lines)

    def close(self) -> None:
        """Nothing: the connection is that of all lanes."""


class Session:
    """The connection of one sink, kept up by itself."""

    def __init__(self, settings: Settings, site: Site, clock: Clock) -> None:
        """Raises ConfigError when the I/O list of the line cannot be read."""
        self._settings, self._site, self._clock = settings, site, clock
        topics = Topics(settings.group, node_of(settings, site))
        self._node = EdgeNode(topics, lambda: clock.utc_ns() // MS)
        self._ears = Ears(topics, settings.primary_host, echo=settings.echo)
        self._device_tags = device_tags(site.folder)
        self._wanted: set[Key] = set()
        self._numbers = SessionNumbers(site.places.session)
        self._tell: Tell = log.info
        self._refused, self._told_s = 0, float("-inf")
        self._thread: threading.Thread | None = None
        self._running, self._ended = threading.Event(), threading.Event()
        # From here on of the loop's thread alone.
        self._phase = Phase.OFFLINE
        self._client: aiomqtt.Client | None = None  # while lanes may publish
        self._unheard = False  # the birth has not come back yet
        self._was_open = False  # the session that ends has taken data
        self._failure = Answer(0, "not connected yet")
        self._limit: asyncio.Timeout | None = None  # of the session
        self._patience: asyncio.Timeout | None = None  # of the lane whose turn it is

    def wording(self) -> Lines:
        """What lines look like, for one lane."""
        return Lines(self._site.part)

    def connect(self) -> Sink:
        """The end of one lane."""
        return Sink(self)

    def start(self, tell: Tell) -> None:
        """Connect, and stay connected; tell: leaves a note for people, from any thread."""
        self._tell = tell
        if aiomqtt is None:
            return
        self._thread = threading.Thread(target=self._run, name="sparkplug", daemon=True)
        self._thread.start()
        self._running.wait()

    def end(self) -> None:
        """Publish the death and disconnect."""
        if self._thread is None:
            return
        with suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join(END_S)

    def post(self, lines: Sequence[str]) -> Answer:
        """Publish lines; whatever happens is an answer. For lanes, which take turns."""
        if aiomqtt is None:
            return Answer(NOT_ASKED, NEEDS_LIBRARY)
        work = asyncio.run_coroutine_threadsafe(self._post(lines), self._loop)
        while True:
            try:
                return work.result(POLL_S)
            except TimeoutError:
                if self._ended.is_set():
                    break
            except CancelledError:
                break
        return Answer(0, "the session ends")

    def _run(self) -> None:
        try:
            with suppress(asyncio.CancelledError):
                asyncio.run(self._keep())
        finally:
            self._ended.set()
            self._running.set()

    async def _keep(self) -> None:
        """Connect again for ever: sooner when a lane has something, later when nobody has."""
        self._loop, main = asyncio.get_running_loop(), asyncio.current_task()
        if main is None:
            raise RuntimeError("a session needs a loop of its own")
        self._main = main
        self._turns = asyncio.Lock()
        self._settled, self._hurry = asyncio.Event(), asyncio.Event()
        self._running.set()
        back_off = BackOff()
        while True:
            self._settled.clear()
            self._was_open = False
            self._failure = Answer(0, "the connection is being made")
            self._failure = await self._attempt()
            if self._was_open:
                back_off.reset()
            self._phase, _ = after(self._phase, Turn.LOST)
            self._hurry.clear()
            self._settled.set()
            stopped = self._failure.verdict is Verdict.STOPPED
            with suppress(TimeoutError):
                async with asyncio.timeout(STOPPED_S if stopped else back_off.wait_s()):
                    await self._hurry.wait()

    async def _attempt(self) -> Answer:
        """One connection, from its beginning to its end; why it has ended."""
        try:
            client, number = self._made()
        except (OSError, ValueError) as error:  # of certificates and passwords
            return Answer(NOT_ASKED, str(error))
        was_connected = False
        try:
            async with client:
                was_connected = True
                return await self._live(client, number)
        except aiomqtt.MqttError as error:
            is_refusal = isinstance(error, MqttConnectError)
            if not was_connected and not is_refusal and "timed out" not in str(error):
                self._numbers.give_back()
            return _answer_to(error)
        except ValueError as error:  # a host that can be none
            return Answer(NOT_ASKED, f"{self._settings.host}: {error}")

    def _made(self) -> "tuple[aiomqtt.Client, int]":
        """A client with the will of its session, and the session's number."""
        settings = self._settings
        password, problem = read_password(
            settings.password_env, settings.password_file, self._site.folder
        )
        if problem:
            raise ValueError(problem)
        context = tls_context(settings, self._site.folder) if settings.tls else None
        number = self._numbers.next()
        will = self._node.death(number)
        topics = self._node.topics
        client = aiomqtt.Client(
            settings.host,
            settings.broker_port,
            username=settings.user or None,
            password=password or None,
            identifier=f"dryline/{topics.group}/{topics.node}",  # neither may hold a slash
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=True,
            will=aiomqtt.Will(will.topic, will.payload, qos=1, retain=False),
            timeout=settings.timeout_s,
            keepalive=settings.keepalive_s,
            tls_context=context,
            max_queued_incoming_messages=MOST_WAITING,
        )
        return client, number

    async def _live(self, client: "aiomqtt.Client", number: int) -> Answer:
        """Be an edge node until the connection is lost, or something says to take leave."""
        timed_out = Answer(0, f"no answer within {self._settings.timeout_s:g} s")
        self._ears.begin()
        self._unheard = False
        try:
            async with asyncio.timeout(None) as self._limit:
                self._phase, _ = after(self._phase, Turn.CONNECTED)
                await client.subscribe(self._ears.subscriptions())
                if self._settings.primary_host:
                    host = self._settings.primary_host
                    self._failure = Answer(0, f"the primary host {host} is not online")
                    self._settled.set()
                else:
                    await self._take(client, Turn.HOST_ONLINE)
                self._rebirths = Pace(self._clock, REBIRTH_S)
                bear = partial(self._bear_again, client)
                await together(self._listen(client), self._rebirths.answer(bear))
        except _HostWentError:
            return Answer(0, f"the primary host {self._settings.primary_host} went")
        except TimeoutError:
            return Answer(0, self._no_echo()) if self._unheard else timed_out
        except StoreError as error:
            return Answer(0, str(error))
        finally:
            self._client = self._limit = None
            self._cut(self._patience)
            await self._farewell(client, number)
        return timed_out

    async def _listen(self, client: "aiomqtt.Client") -> None:
        async for message in client.messages:
            await self._hear(client, str(message.topic), _bytes(message.payload))
            if self._phase is Phase.OFFLINE:
                raise _HostWentError

    async def _bear_again(self, client: "aiomqtt.Client") -> None:
        """What hosts were told last, once more."""
        async with self._turns:
            await self._publish_births(client, fresh=False)
        log.info("a host asked for a rebirth: done")

    async def _farewell(self, client: "aiomqtt.Client", number: int) -> None:
        """The death in person: after an orderly DISCONNECT no broker publishes the will."""
        death = self._node.death(number)
        with suppress(aiomqtt.MqttError):
            await client.publish(death.topic, death.payload, qos=1, timeout=FAREWELL_S)

    async def _hear(self, client: "aiomqtt.Client", topic: str, content: bytes) -> None:
        heard = self._ears.hear(topic, content)
        if heard.refused:
            await asyncio.to_thread(self._tell_refused, heard.refused)
        if heard.is_echo and self._unheard:
            self._open(client)
        if heard.turn is not None:
            await self._take(client, heard.turn)

    async def _take(self, client: "aiomqtt.Client", turn: Turn) -> None:
        was = self._phase
        self._phase, act = after(was, turn)
        if act is not Act.BIRTH:
            return
        if was is Phase.ONLINE:
            self._rebirths.ask()
            return
        async with self._turns:
            await self._publish_births(client, fresh=True)
        if not self._settings.echo:
            self._open(client)
        elif self._limit is not None:
            self._unheard = True
            self._limit.reschedule(self._loop.time() + self._settings.timeout_s)

    def _open(self, client: "aiomqtt.Client") -> None:
        """Lanes may publish."""
        if self._limit is not None:
            self._limit.reschedule(None)
        self._client, self._unheard, self._was_open = client, False, True
        self._settled.set()
        log.info("edge node %s is online", self._node.topics.node)

    def _cut(self, limit: asyncio.Timeout | None) -> None:
        """Have somebody wait no longer."""
        if limit is not None and not limit.expired():
            limit.reschedule(self._loop.time())

    def _no_echo(self) -> str:
        topics = self._node.topics
        return NO_ECHO.format(group=topics.group, node=topics.node)

    async def _post(self, lines: Sequence[str]) -> Answer:
        if self._client is None and self._phase is not Phase.WAITING:
            if self._settled.is_set():
                self._hurry.set()
                self._settled.clear()
            await self._settled.wait()
        async with self._turns:
            client = self._client
            if client is None:
                return self._failure
            try:
                async with asyncio.timeout(None) as self._patience:
                    return await self._deliver(client, lines)
            except (TimeoutError, aiomqtt.MqttError) as error:
                # What was confirmed of these is not known: everything begins anew, with a birth.
                if self._client is client:
                    self._client = None
                    self._cut(self._limit)
                return Answer(0, str(error) or "the connection was lost")
            except StoreError as error:
                return Answer(0, str(error))
            finally:
                self._patience = None

    async def _deliver(self, client: "aiomqtt.Client", lines: Sequence[str]) -> Answer:
        try:
            readings = [read_line(line) for line in lines]
            try:
                messages = self._node.data(readings)
            except UnknownMetricError:
                await self._learn_more(client, readings)
                messages = self._node.data(readings)
        except ValueError as error:
            return Answer(REFUSED, str(error))
        for message in messages:
            await self._publish(client, message)
        await self._confirm(client)
        return Answer(STORED)

    async def _learn_more(self, client: "aiomqtt.Client", readings: Sequence[Reading]) -> None:
        """Hosts take no metric that no birth has named: so all are born again, with the new."""
        self._wanted |= {reading.key for reading in readings}
        await self._publish_births(client, fresh=True)

    async def _publish_births(self, client: "aiomqtt.Client", *, fresh: bool) -> None:
        """fresh: with what the store has now; else with what hosts were told last."""
        if fresh:
            found = await asyncio.to_thread(
                read_store, self._site.store, self._device_tags, self._wanted
            )
            self._node.learn(*found)
        for message in self._node.births():
            await self._publish(client, message)
        await self._confirm(client)

    async def _publish(self, client: "aiomqtt.Client", message: Message) -> None:
        await client.publish(message.topic, message.payload, qos=self._settings.qos, retain=False)

    async def _confirm(self, client: "aiomqtt.Client") -> None:
        """Messages of quality 0 have no answer; that to a subscription comes after them."""
        if self._settings.qos == 0:
            await client.subscribe(self._node.topics.of("NCMD"), qos=1)

    def _tell_refused(self, what: str) -> None:
        self._refused += 1
        now_s = self._clock.link_s()
        if now_s - self._told_s < REFUSED_TOLD_S:
            return
        more = f"; {self._refused - 1} more since the last note" if self._refused > 1 else ""
        self._refused, self._told_s = 0, now_s
        self._tell(
            f"the broker's message was refused, no commands are taken from there: {what}{more}"
        )


def _answer_to(error: Exception) -> Answer:
    """What it means that a broker refused the connection, or that it was lost."""
    if not isinstance(error, MqttConnectError):
        return Answer(0, str(error))
    code = getattr(error.rc, "value", error.rc)
    return Answer(NOT_ASKED if code in FINAL else 0, f"refused by the broker: {error}")


def _bytes(payload: object) -> bytes:
    return payload if isinstance(payload, bytes) else b""
