"""One window at the live socket: a position, a view, and at most three frames on the way.

No queue: while a client is slow its position stands, and what changes meanwhile comes together in
its next frame. Nothing here waits or sends; whoever owns the socket asks what is due.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import orjson

from controller.access.identity import Identity
from controller.api.commands import CommandBook, CommandRecord
from controller.api.live_view import NEVER, FrameMaker, View, meta, texts, view_of, wild
from controller.api.mirror import Mirror

VERSION = 1
WINDOW = 3
HZ = 10
STALE_MS = 2_000
ACK_S = 10.0  # without an acknowledgement
HELLO_S = 10.0  # until a client must have said who it is
MOST_MESSAGES_S = 60.0  # messages a second, as a mean over the last ones
NAMES_A_MESSAGE = 50  # of a view
BEAT = 10  # rounds between heartbeats

ENDED, CHANGED_ROLE, NO_ACK, OTHER_VERSION = 4001, 4003, 4008, 4009
NO_SENSE, RESTARTING, TOO_MANY = 1008, 1012, 1013

_ACKNOWLEDGEMENT = re.compile(rb'\{"ack": ?(0|[1-9][0-9]{0,14})\}')


class Broken(Exception):
    """A client that does not keep to the protocol. code: of the close frame."""

    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Runs:
    """What runs here. boot: another one with every start; screens: digest of their files."""

    boot: str
    app: str
    screens: str = ""


@dataclass(slots=True)
class Pace:
    """How a window keeps up. Times are link seconds.

    conflated: frames that were left out because it was slow, their values came with a later one;
    stalls: how often it fell behind so far that it got none; acknowledged_s: when it last
    acknowledged a frame, None before it did.
    """

    begun_s: float
    acknowledged_s: float | None = None
    conflated: int = 0
    stalls: int = 0
    stalled: bool = False

    def left_out(self, frames: int) -> None:
        """Nothing is sent to it while so many frames were due."""
        self.conflated += frames
        self.stalls += not self.stalled
        self.stalled = True


def acknowledged(content: bytes) -> int | None:
    """Position in a message that is an acknowledgement and plainly nothing else; None in others."""
    found = _ACKNOWLEDGEMENT.fullmatch(content)
    return int(found[1]) if found else None


class LiveClient:
    """One connection. runs: as a window is told; now_s: monotonic."""

    def __init__(
        self, identity: Identity, mirror: Mirror, book: CommandBook, runs: Runs, now_s: float
    ) -> None:
        self.identity = identity
        self.pace = Pace(now_s)
        self._mirror, self._book, self._boot, self._runs = mirror, book, runs.boot, runs
        self._view: View | None = None
        self._number = 0
        self._every = 1
        self._round: int | None = None  # the last one it took part in
        self._position = NEVER
        self._resume: int | None = None
        self._unacknowledged: dict[int, float] = {}
        self._told = book.change
        self._begun_s, self._spoke = now_s, False
        self._allowance, self._heard_s = MOST_MESSAGES_S, now_s

    # -- what it says ----------------------------------------------------------------------------

    def hear(self, text: str, now_s: float) -> list[bytes]:
        """Answers to a message; Broken when it makes no sense or there are too many."""
        self._count(now_s)
        try:
            message = orjson.loads(text)
        except ValueError:
            raise Broken(NO_SENSE, "not JSON") from None
        if not isinstance(message, dict):
            raise Broken(NO_SENSE, "a message is a JSON object")
        if "ack" in message:
            self._acknowledge(message["ack"], now_s)
            return []
        match message.get("op"):
            case "hello":
                return self._hello(message)
            case "view":
                return self._look(message)
            case "full":
                self._position = NEVER
                return []
        raise Broken(NO_SENSE, "op: hello, view or full")

    def acknowledge(self, position: int, now_s: float) -> None:
        """The same as to hear it; Broken when there are too many messages."""
        self._count(now_s)
        self._arrived(position, now_s)

    def _count(self, now_s: float) -> None:
        rested_s, self._heard_s = now_s - self._heard_s, now_s
        self._allowance = min(MOST_MESSAGES_S, self._allowance + rested_s * MOST_MESSAGES_S)
        self._charge(1)

    def _charge(self, messages: int) -> None:
        """So many messages one is worth, by the work that it makes for all."""
        self._allowance -= messages
        if self._allowance < 0:
            raise Broken(NO_SENSE, "too many messages")

    def _hello(self, message: Mapping[str, Any]) -> list[bytes]:
        if message.get("v") != VERSION:
            raise Broken(OTHER_VERSION, f"this server speaks version {VERSION}")
        self._spoke = True
        position = message.get("pos")
        if message.get("boot") == self._boot and _is_whole(position):
            self._resume = position if position <= self._mirror.tick else None
        return [
            orjson.dumps({
                "op": "hello", "v": VERSION, "boot": self._boot, "app": self._runs.app,
                "screens": self._runs.screens, "user": self.identity.user,
                "display": self.identity.display, "roles": sorted(self.identity.roles),
                "hz": HZ, "window": WINDOW, "stale_ms": STALE_MS,
            })
        ]  # fmt: skip

    def _look(self, message: Mapping[str, Any]) -> list[bytes]:
        if not self._spoke:
            raise Broken(NO_SENSE, "hello comes first")
        number, tags, rate = message.get("id"), message.get("tags"), message.get("rate", HZ)
        if not _is_whole(number) or not isinstance(tags, list) or not _is_rate(rate):
            raise Broken(NO_SENSE, "view: id, tags, alarms, stations, rate 1 to 10")
        patterns = texts(tags)
        if patterns is None:
            raise Broken(NO_SENSE, "view: too many tags, or names that can be none")
        self._charge(wild(patterns) + len(patterns) // NAMES_A_MESSAGE)
        self._number = number
        self._every = round(HZ / rate)
        alarms, stations = message.get("alarms") is True, message.get("stations") is True
        self._view = view_of(self._mirror, patterns, alarms=alarms, stations=stations)
        self._position, self._resume = (self._resume if self._resume is not None else NEVER), None
        return self._introduce(self._view)

    def _introduce(self, view: View) -> list[bytes]:
        said = [{"op": "meta", "id": self._number, "tags": meta(self._mirror, view)}]
        if view.unknown:
            error = {"op": "error", "id": self._number, "code": "unknown",
                     "tags": list(view.unknown)}  # fmt: skip
            said.insert(0, error)
        return [orjson.dumps(one) for one in said]

    def _acknowledge(self, position: object, now_s: float) -> None:
        if not _is_whole(position):
            raise Broken(NO_SENSE, "ack: the s of a frame")
        self._arrived(position, now_s)

    def _arrived(self, position: int, now_s: float) -> None:
        for sent in [s for s in self._unacknowledged if s <= position]:
            del self._unacknowledged[sent]
            self.pace.acknowledged_s = now_s

    # -- what it is told -------------------------------------------------------------------------

    def due(self, frames: FrameMaker, count: int, utc_ns: int, now_s: float) -> list[bytes]:
        """What shall be sent in a round. count: of the rounds; Broken when it must go."""
        self._require_alive(now_s)
        missed = 0 if self._round is None else max(0, count - self._round - 1)
        self._round = count
        if self._view is None:
            return []
        if self.waiting >= WINDOW:
            if self._is_due(frames, self._view, count):
                self.pace.left_out(1)
            return []
        said = [_command(record) for record in self._commands()]
        view = self._view
        if self._mirror.told != view.told:  # a controller came, with more tags or other ranges
            view = self._view = view_of(
                self._mirror, view.patterns, alarms=view.alarms, stations=view.stations
            )
            said += self._introduce(view)
            self._position = NEVER
        if not self._is_due(frames, view, count):
            return said
        if blocked := missed // self._every:  # its socket took nothing meanwhile
            self.pace.left_out(blocked)
        self.pace.stalled = False
        frame, self._position = frames.frame(view, self._number, self._position, utc_ns)
        self._unacknowledged[self._position] = now_s
        return [*said, frame]

    @property
    def waiting(self) -> int:
        """Frames on the way that were not acknowledged yet."""
        return len(self._unacknowledged)

    def _is_due(self, frames: FrameMaker, view: View, count: int) -> bool:
        """Whether this round has a frame for it."""
        if count % BEAT == 0:
            return True
        return count % self._every == 0 and frames.changed(view, self._position)

    def _commands(self) -> list[CommandRecord]:
        if self._book.change == self._told:
            return []
        found = list(self._book.newer(self.identity.actor.name, self._told))
        self._told = self._book.change
        return found

    def _require_alive(self, now_s: float) -> None:
        oldest_s = next(iter(self._unacknowledged.values()), now_s)
        if now_s - oldest_s > ACK_S:
            raise Broken(NO_ACK, "no acknowledgement")
        if not self._spoke and now_s - self._begun_s > HELLO_S:
            raise Broken(NO_SENSE, "hello comes first")


def _command(record: CommandRecord) -> bytes:
    return orjson.dumps({
        "op": "c", "cmd": record.id, "state": record.state.value, "station": record.station,
        "verb": record.verb, "target": record.target, "req": record.requested,
        "sp": record.accepted, "rb": record.read_back, "ver": record.version,
        "code": record.code, "reasons": record.reasons,
    })  # fmt: skip


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _is_rate(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= HZ
