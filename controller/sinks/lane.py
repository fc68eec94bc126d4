"""A lane: takes batches of one source to the server, one after the other, and never gives up.

A batch stays in memory until every line of it has had a final answer and the ledger says so on
disk. `step` does at most one post and says when it wants to be called again, so that a test can
be the clock and a thread can be simple.
"""

import math
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from controller.core.errors import StoreError
from controller.core.ports import Clock
from controller.sinks.answers import STOPPED_S, Answer, BackOff, Verdict
from controller.sinks.batch import Delivered, Source
from controller.sinks.condition import Condition, State
from controller.sinks.delivery import Delivery
from controller.sinks.ledger import Ledger

DISK_S = 2.0  # between tries while the disk refuses
REFUSED_TOLD_S = 60.0  # between events about refused lines: a wrong field is in every batch

Post = Callable[[Sequence[str]], Answer]


class Pace(NamedTuple):
    """How fast a lane may be. busy: the state of the sink while the lane has something to do.

    idle_s: until it looks again after it found nothing; points_per_s: 0 for no limit.
    """

    busy: State
    idle_s: float
    points_per_s: float = 0.0


class Untold(NamedTuple):
    """Refused lines of which people have not been told."""

    lines: int = 0
    reason: str = ""

    def and_those_of(self, done: Delivered) -> "Untold":
        """Together with those of a batch."""
        if not done.refused:
            return self
        return Untold(self.lines + sum(len(r.lines) for r in done.refused), done.refused[0].reason)


class Lane:
    """One lane of a sink. One thread."""

    def __init__(
        self,
        name: str,
        source: Source,
        post: Post,
        ledger: Ledger,
        condition: Condition,
        *,
        clock: Clock,
        pace: Pace,
        chance: random.Random | None = None,
    ) -> None:
        self.name = name
        self._source, self._post = source, post
        self._ledger, self._condition = ledger, condition
        self._clock, self._pace = clock, pace
        self._back_off = BackOff(chance)
        self.asked_s = 0.0  # of the next wait, what the server itself wants
        self._delivery: Delivery | None = None
        self._done: Delivered | None = None  # has its answers, the ledger does not say so yet
        self._retried = 0  # posts that the ledger does not count yet
        self._untold, self._told_s = Untold(), -math.inf

    def step(self) -> float:
        """Do the next thing; seconds until the one after it."""
        self.asked_s = 0.0
        try:
            return self._step()
        except StoreError as error:
            self._condition.report(self.name, State.DISK, str(error))
            return DISK_S

    def _step(self) -> float:
        self._settle()
        if self._delivery is None:
            batch = self._source.next()
            if batch is None:
                self._condition.report(self.name, State.SENDING)
                return self._pace.idle_s
            self._delivery = Delivery(batch)
            if not batch.lines:
                return self._finish()
        begun_s = self._clock.link_s()
        piece = self._delivery.piece()
        answer = self._post(piece)
        return self._answered(self._delivery, answer, len(piece), begun_s)

    def _answered(self, delivery: Delivery, answer: Answer, n: int, begun_s: float) -> float:
        match answer.verdict:
            case Verdict.LATER:
                return self._later(answer)
            case Verdict.STOPPED:
                return self._stopped(answer)
            case Verdict.REFUSED:
                if not delivery.refused(answer):
                    delivery.begin_again()
                    return self._stopped(answer)
                n = 0
            case Verdict.TOO_LARGE:
                delivery.too_large(answer)
                n = 0
            case Verdict.STORED:
                delivery.stored()
        self._back_off.reset()
        self._condition.report(self.name, self._pace.busy)
        if delivery.done:
            self._finish()
        if not self._pace.points_per_s:
            return 0.0
        took_s = self._clock.link_s() - begun_s
        return max(0.0, n / self._pace.points_per_s - took_s)

    def _later(self, answer: Answer) -> float:
        self.asked_s = answer.wait_s
        self._count_retry()
        self._condition.report(self.name, State.WAITING, str(answer))
        self._source.meanwhile()
        return self._back_off.wait_s(answer.wait_s)

    def _stopped(self, answer: Answer) -> float:
        self._count_retry()
        self._condition.report(self.name, State.STOPPED, str(answer))
        self._source.meanwhile()
        return max(STOPPED_S, answer.wait_s)

    def _count_retry(self) -> None:
        """Count it now, for an outage is when people look; or later, if the disk refuses too."""
        self._retried += 1
        with suppress(StoreError):
            with self._ledger.step(self._clock.utc_ns()) as step:
                step.count("retried", self._retried)
            self._retried = 0

    def _finish(self) -> float:
        if self._delivery is not None:
            self._done, self._delivery = self._delivery.result(), None
        self._settle()
        return 0.0

    def _settle(self) -> None:
        """Write down what became of the last batch, if that is still to be done."""
        done = self._done
        if done is None:
            return
        untold, now_s = self._untold.and_those_of(done), self._clock.link_s()
        tell = bool(untold.lines) and now_s - self._told_s >= REFUSED_TOLD_S
        with self._ledger.step(self._clock.utc_ns()) as step:
            done.batch.settle(step, done.taken)
            step.refuse(done.refused)
            step.count("retried", self._retried)
            if tell:
                step.tell(
                    f"{untold.lines} lines were refused and lie in quarantine: {untold.reason}",
                    lines=untold.lines,
                    origin=self.name,
                )
        self._done, self._retried = None, 0
        self._untold, self._told_s = (Untold(), now_s) if tell else (untold, self._told_s)
