"""A sink on a manual clock: a real store and ledger, a server that is a dictionary."""

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from controller.clock import ManualClock
from controller.core.event import Event, EventKind
from controller.history import Store
from controller.history.feed import Feed
from controller.history.schema import open_for_reading
from controller.history.seal import plan_seal
from controller.history.store import event_row
from controller.sinks.answers import Answer
from controller.sinks.condition import BROKEN, Condition, State
from controller.sinks.forwarder import attach
from controller.sinks.lane import Lane, Pace
from controller.sinks.layout import Layout
from controller.sinks.ledger import Ledger, Position
from controller.sinks.ledger_reader import SentByAll, untold
from controller.sinks.sources import Desk, EventSource, GapSource, LiveSource
from tests.support.history import T0_NS, batch, make_tag
from tests.support.line_protocol_reader import Point, read_line

DOWN = Answer(0, "connection refused")
Say = Callable[[Sequence[str]], Answer | None]
TAGS = [make_tag("A", resolution=0.01), make_tag("B", resolution=0.01)]


@dataclass
class DictServer:
    """Keeps points as a server does: one of a series and a time, the last version wins.

    says: answers before anything is stored, one a post; always: asked for every other post; None
    means that it is stored.
    """

    points: dict[object, Point] = field(default_factory=dict)
    says: deque[Answer] = field(default_factory=deque)
    always: Say = lambda _: None
    posts: list[list[str]] = field(default_factory=list)

    def post(self, lines: Sequence[str]) -> Answer:
        self.posts.append(list(lines))
        answer = self.says.popleft() if self.says else self.always(lines)
        if answer is not None:
            return answer
        for line in lines:
            point = read_line(line)
            self.points[point.key] = point
        return Answer(204)

    def values(self, tag: str) -> list[float]:
        """Values of a tag in the order of time."""
        found = sorted((p for p in self.points.values() if p.tag("tag") == tag), key=_time)
        return [float(p.field("value")) for p in found if p.field("value") is not None]  # type: ignore[arg-type]

    def texts(self) -> list[str]:
        """Texts of events in the order of time."""
        found = sorted((p for p in self.points.values() if p.measurement == "events"), key=_time)
        return [str(p.field("text")) for p in found]


def _time(point: Point) -> int:
    return point.time_ns


class Rig:
    """Everything of one sink, stepped by hand."""

    def __init__(self, folder: Path, batch_points: int = 50) -> None:
        self.folder, self.clock, self.server = folder, ManualClock(), DictServer()
        self.batch_points = batch_points
        self.store = Store.open(folder / "history.db")
        self.ids = self.store.catalogue(TAGS)
        self.written = 0
        self.open_sink()

    def open_sink(self) -> None:
        """As a sink's process begins."""
        self.ledger = Ledger(self.folder / "plant.db")
        self.feed = Feed(self.store.path)
        attach(self.ledger, self.feed, "plant", self.clock.utc_ns())
        self.condition = Condition("plant", self.ledger, self.clock)
        desk = Desk(
            "plant",
            self.feed,
            self.ledger,
            Layout("pilot"),
            self.clock.utc_ns,
            self.batch_points,
        )
        self.live = self._lane("live", LiveSource(desk), State.SENDING)
        self.back = self._lane("backfill", GapSource(desk), State.BACKFILL)
        self.events = self._lane("events", EventSource(desk), State.SENDING)

    def _post(self, lines: Sequence[str]) -> Answer:
        return self.server.post(lines)

    def _lane(self, name: str, source: LiveSource | GapSource | EventSource, busy: State) -> Lane:
        return Lane(
            name,
            source,
            self._post,
            self.ledger,
            self.condition,
            clock=self.clock,
            pace=Pace(busy, 1.0),
            chance=random.Random(1),
        )

    def close_sink(self) -> None:
        """As a sink's process ends, or dies."""
        self.feed.close()
        self.ledger.close()

    def close(self) -> None:
        self.close_sink()
        self.store.close()

    def commit(self, n: int = 10) -> None:
        """One row: n samples of A, whose values are their numbers, and of B, negative."""
        rows = [
            (tag, sign * k / 100, 0, T0_NS + k * 10**6)
            for k in range(self.written, self.written + n)
            for tag, sign in ((1, 1), (2, -1))
        ]
        self.written += n
        self.store.commit(batch(rows))

    def event(self, text: str, kind: EventKind = EventKind.STATE, at: int = T0_NS) -> None:
        event = Event(time_ns=at, kind=kind, station="cell", subject="cell", text=text)
        self.store.commit(batch([]), [event_row(event)])

    def seal(self, *, sent: int | None = None) -> None:
        """Seal the whole journal, as the historian does for this sink."""
        reached = SentByAll([self.ledger.path])(self.store.identity) if sent is None else sent
        connection = open_for_reading(self.store.path)
        plan = plan_seal(connection, self.store.last_seq, None, reached)
        connection.close()
        self.store.apply(plan)

    def run(self, *lanes: Lane, steps: int = 10_000) -> None:
        """Step lanes in turn until none has anything to do, waiting as they ask for."""
        lanes = lanes or (self.live, self.back, self.events)
        for _ in range(steps):
            waits = [lane.step() for lane in lanes]
            at_rest = self.condition.now()[0] not in BROKEN
            if at_rest and all(wait >= 1.0 for wait in waits):
                return
            self.clock.t_s += max(waits)
        raise AssertionError("the lanes do not come to rest")

    def pause(self, seconds: float) -> None:
        self.clock.t_s += seconds

    @property
    def position(self) -> Position:
        return self.ledger.position

    def notes(self) -> list[str]:
        return [note.text for note in untold(self.ledger.path)]

    def all_sent(self) -> bool:
        """Whether the server has every sample that was committed, once and as it was."""
        wanted = [k / 100 for k in range(self.written)]
        there = self.server.values("A") == wanted
        return there and self.server.values("B") == [-v for v in wanted]


def outage(rig: Rig, rows: int, n: int = 10) -> None:
    """The server is gone while rows are committed; a post is under way then."""
    rig.commit(n)
    rig.server.says.append(DOWN)
    assert rig.live.step() > 0
    for _ in range(rows - 1):
        rig.commit(n)
