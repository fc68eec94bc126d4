"""A sink at work: three lanes, each in a thread of its own, and its status once a second.

Live rows, backfill and events have separate connections: a slow answer to one holds up none of the
others.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from controller.clock import NS
from controller.core.errors import StoreError
from controller.core.ports import Clock
from controller.history.feed import Feed, Waiting
from controller.sinks.batch import Source, Wording
from controller.sinks.condition import Condition, State
from controller.sinks.lane import Lane, Pace, Post
from controller.sinks.layout import Layout
from controller.sinks.ledger import Gap, Ledger
from controller.sinks.places import SinkPlaces
from controller.sinks.sources import Desk, EventSource, GapSource, LiveSource
from controller.sinks.status import SinkStatus

log = logging.getLogger("dryline.sinks")

LIVE_IDLE_S = 0.1
BACKFILL_IDLE_S = 0.2
EVENTS_IDLE_S = 0.5
EARLIER_EVENTS = 1000  # that a new sink is given from before its time
JOIN_S = 1.0


class Target(Protocol):
    """One connection to a server."""

    @property
    def post(self) -> Post:
        """Post lines; whatever happens is an answer."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


Tell = Callable[[str], None]


class Session(Protocol):
    """What the lanes of a sink share where a protocol wants one connection for all of them."""

    def start(self, tell: Tell) -> None:
        """Connect, and stay connected; tell: leaves a note for people, from any thread."""
        ...

    def wording(self) -> Wording:
        """What lines look like, for one lane."""
        ...

    def connect(self) -> Target:
        """The end of one lane."""
        ...

    def end(self) -> None:
        """Take leave, within a second."""
        ...


class Plan(NamedTuple):
    """What a sink is made of.

    connect: a connection for a lane; session: what these share, if anything.
    """

    name: str
    store: Path
    places: SinkPlaces
    line: str
    connect: Callable[[], Target]
    batch_points: int
    backfill_points_per_s: float
    session: Session | None = None


def attach(ledger: Ledger, feed: Feed, name: str, now_ns: int) -> None:
    """Make sure that the ledger is about this store; if not, begin with it."""
    known, identity = ledger.position.identity, feed.identity()
    if known == identity:
        return
    first = max(0, feed.newest_event() - EARLIER_EVENTS)
    with ledger.step(now_ns) as step:
        step.attach(identity, 0 if known else first)
        if known:
            step.tell(f"sink {name}: the history is another one; what it holds is sent anew")
        if ledger.damaged is not None:
            step.tell(
                f"sink {name}: its ledger was damaged and set aside; what history holds is sent "
                "again, refused lines are in the file set aside",
                set_aside=ledger.damaged.name,
            )


class Forwarder:
    """One sink of one controller."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        """Opens the ledger and the store. Raises StoreError."""
        self._plan, self._clock = plan, clock
        self.ledger = Ledger(plan.places.ledger)
        try:
            with Feed(plan.store) as feed:
                attach(self.ledger, feed, plan.name, clock.utc_ns())
            self._look = Feed(plan.store)
        except BaseException:
            self.ledger.close()
            raise
        self._condition = Condition(plan.name, self.ledger, clock)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._targets: list[Target] = []
        self.broken = threading.Event()  # a lane has ended that should not have

    def start(self) -> None:
        """Start the lanes."""
        limit = self._plan.backfill_points_per_s
        lanes = (
            ("live", LiveSource, Pace(State.SENDING, LIVE_IDLE_S)),
            ("backfill", GapSource, Pace(State.BACKFILL, BACKFILL_IDLE_S, limit)),
            ("events", EventSource, Pace(State.SENDING, EVENTS_IDLE_S)),
        )
        for name, source, pace in lanes:
            thread = threading.Thread(
                target=self._run, args=(name, source, pace), name=f"{self._plan.name}-{name}"
            )
            thread.daemon = True  # a post that hangs does not hold up the end
            self._threads.append(thread)
        if self._plan.session is not None:
            self._plan.session.start(self._tell)
        for thread in self._threads:
            thread.start()

    def halt(self) -> None:
        """Begin no further post."""
        self._stopping.set()
        self._condition.wake()

    def stop(self) -> None:
        """End the lanes: what was posted and has no answer yet is posted again next time."""
        self.halt()
        until_s = self._clock.link_s() + JOIN_S
        for thread in self._threads:
            thread.join(max(0.0, until_s - self._clock.link_s()))
        if self._plan.session is not None:
            self._plan.session.end()
        self._look.close()
        if not any(thread.is_alive() for thread in self._threads):
            self.ledger.close()

    def status(self) -> SinkStatus:
        """How the sink is. Raises StoreError when the store cannot be read."""
        position, totals = self.ledger.position, self.ledger.totals()
        state, reason = self._condition.now()
        newest = self._look.newest()
        stretches = [*position.gaps, Gap(position.live + 1, newest)]
        waiting = [self._look.waiting(gap.lo, gap.hi) for gap in stretches]
        skipped = sum(gap.skip for gap in position.gaps)
        return SinkStatus(
            name=self._plan.name,
            state=state,
            reason=reason,
            link_s=self._clock.link_s(),
            queue=max(0, sum(w.samples for w in waiting) - skipped),
            age_s=self._age_s(next((w for w in waiting if w.rows), Waiting())),
            live_s=self._age_s(waiting[-1]),
            events_queue=max(0, self._look.newest_event() - position.event),
            sent=totals.sent,
            events_sent=totals.events_sent,
            retried=totals.retried,
            quarantined=totals.quarantined,
            dropped=totals.dropped,
        )

    def publish(self) -> None:
        """Write the status; a disk that refuses is no reason to stop sending."""
        try:
            self.status().write(self._plan.places.status)
        except (StoreError, OSError) as error:
            log.debug("status of sink %s is not written: %s", self._plan.name, error)

    def _age_s(self, waiting: Waiting) -> float:
        """How long, in wall seconds, the oldest of some rows has waited."""
        if not waiting.rows:
            return 0.0
        return max(0.0, (self._clock.utc_ns() - waiting.since_ns) / NS / self._clock.speed)

    def _run(self, name: str, source: Callable[[Desk], Source], pace: Pace) -> None:
        try:
            self._work(name, source, pace)
        finally:
            if not self._stopping.is_set():
                self.broken.set()

    def _wording(self) -> Wording:
        plan = self._plan
        return plan.session.wording() if plan.session else Layout(plan.line, plan.places.part)

    def _tell(self, text: str) -> None:
        """Leave a note; one that the disk refuses is in the log at least."""
        try:
            with self.ledger.step(self._clock.utc_ns()) as step:
                step.tell(f"sink {self._plan.name}: {text}")
        except StoreError as error:
            log.warning("sink %s: %s (not noted: %s)", self._plan.name, text, error)

    def _work(self, name: str, source: Callable[[Desk], Source], pace: Pace) -> None:
        plan = self._plan
        target = plan.connect()
        feed = Feed(plan.store)
        desk = Desk(
            plan.name,
            feed,
            self.ledger,
            self._wording(),
            self._clock.utc_ns,
            plan.batch_points,
        )
        lane = Lane(
            name, source(desk), target.post, self.ledger, self._condition,
            clock=self._clock, pace=pace,
        )  # fmt: skip
        try:
            while not self._stopping.is_set():
                wait_s = lane.step()
                self._condition.rest(wait_s, min(wait_s, lane.asked_s), self._stopping)
        finally:
            target.close()
            feed.close()
