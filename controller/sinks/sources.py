"""Where batches come from: live rows first, gaps of earlier outages beside them, events.

The live lane follows the newest row. When it falls behind by more than it may post at once, all
but the newest rows become a gap, which the backfill lane works off from its old end. So what
happens now is seen at once after an outage, and nothing is left out.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from controller.core.sample import Samples
from controller.history.exception_filter import concatenate
from controller.history.feed import Feed, FeedRow, Lost
from controller.sinks.batch import Batch, Wording
from controller.sinks.latest import latest_only
from controller.sinks.ledger import Gap, Ledger, Step

LIVE_FACTOR = 4  # live rows are posted in batches up to so many times the usual size
EVENTS_AT_ONCE = 1000
NO_CHANGE = -1


class Desk(NamedTuple):
    """What every source works with. now_ns: plant time as UTC nanoseconds."""

    name: str
    feed: Feed
    ledger: Ledger
    layout: Wording
    now_ns: Callable[[], int]
    batch_points: int


def lines_of(desk: Desk, samples: Samples) -> list[str]:
    """Lines of samples; tags that are new since the last look are learned."""
    if not desk.layout.knows(samples):
        desk.layout.learn(desk.feed.tags())
    return desk.layout.samples(samples)


def tell_lost(desk: Desk, step: Step, lost: Lost, reason: str) -> None:
    """Count samples that cannot be sent any more, and leave the marker of a gap."""
    if lost.samples > 0:
        step.count("dropped", lost.samples)
        step.tell(
            f"gap: {lost.samples} samples are not sent to {desk.name}: {reason}",
            samples=lost.samples,
            from_ns=lost.from_ns,
            to_ns=lost.to_ns,
            reason=reason,
        )


class LiveSource:
    """The newest rows."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen = NO_CHANGE

    def next(self) -> Batch | None:
        """The rows since the last batch."""
        desk = self._desk
        change = desk.feed.change()
        if change == self._seen:
            return None
        limit = LIVE_FACTOR * desk.batch_points
        while (newest := desk.feed.newest()) > (live := desk.ledger.position.live):
            if desk.feed.waiting(live + 1, newest).samples > limit:
                self._hand_over(live + 1, newest)
                continue
            rows = desk.feed.rows(live + 1, newest, limit)
            if rows and rows[0].samples is not None:
                return self._batch(rows, live)
            self._skip(rows, live, newest)
        self._seen = change
        return None

    def meanwhile(self) -> None:
        """Nothing: what comes meanwhile is a matter of the next batch."""

    def _hand_over(self, lo: int, newest: int) -> None:
        start = self._desk.feed.starts_from(lo, newest, self._desk.batch_points)
        with self._desk.ledger.step(self._desk.now_ns()) as step:
            step.add_gap(Gap(lo, start - 1))
            step.live(start - 1)

    def _batch(self, rows: list[FeedRow], live: int) -> Batch:
        desk, upto = self._desk, rows[-1].seq
        samples = latest_only(_joined(rows))
        damaged = desk.feed.damaged(live + 1, upto)

        def settle(step: Step, taken: int) -> None:
            tell_lost(desk, step, damaged, "the stored row was damaged")
            step.count("sent", taken)
            step.live(upto)

        return Batch("live", lines_of(desk, samples), settle)

    def _skip(self, rows: list[FeedRow], live: int, newest: int) -> None:
        """Go past what cannot be sent: a lost row, or numbers that are missing."""
        desk = self._desk
        upto = rows[0].seq if rows else newest
        damaged = desk.feed.damaged(live + 1, upto)
        with desk.ledger.step(desk.now_ns()) as step:
            tell_lost(desk, step, damaged, "the stored row was damaged")
            if rows:
                tell_lost(desk, step, _lost(rows[0]), rows[0].reason)
            step.live(upto)


class GapSource:
    """Rows of earlier outages, oldest first."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._held_upto = 0  # newest row of the batch that waits

    def next(self) -> Batch | None:
        """The oldest rows of the oldest gap."""
        desk = self._desk
        self._held_upto = 0
        while gaps := desk.ledger.position.gaps:
            gap = gaps[0]
            rows = desk.feed.rows(gap.lo, gap.hi, desk.batch_points)
            if rows and rows[0].samples is not None:
                self._held_upto = rows[-1].seq
                return self._batch(gap, rows)
            self._skip(gap, rows)
        return None

    def meanwhile(self) -> None:
        """Notice which rows behind the waiting batch the disk limit took.

        The waiting batch itself is in memory and will be sent.
        """
        desk = self._desk
        for gap in desk.ledger.position.gaps:
            lo = max(gap.lo, self._held_upto + 1)
            behind = gap if lo == gap.lo else Gap(lo, gap.hi)
            lost = _unsent(desk.feed.let_go, behind, gap.hi)
            if not lost.upto:
                continue
            with desk.ledger.step(desk.now_ns()) as step:
                tell_lost(desk, step, lost, "let go at the disk limit")
                step.remove_gap(gap)
                if gap.lo < lo:
                    step.add_gap(gap._replace(hi=lo - 1))
                if lost.upto < gap.hi:
                    step.add_gap(Gap(lost.upto + 1, gap.hi))

    def _batch(self, gap: Gap, rows: list[FeedRow]) -> Batch:
        desk, first, last = self._desk, rows[0], rows[-1]
        skip = gap.skip if first.seq == gap.lo else 0
        samples, rest = _joined(rows), None
        most = LIVE_FACTOR * desk.batch_points
        if first is last and first.n - skip > most:  # one long row: in pieces
            left = skip + desk.batch_points
            times = samples.time_ns[left:]
            rest = Gap(last.seq, gap.hi, left, int(times.min()), int(times.max()))
            samples = _slice(samples, skip, left)
        elif skip:
            samples = _slice(samples, skip, len(samples))
        later = desk.feed.following(gap.hi, min(r.t_min for r in rows), max(r.t_max for r in rows))
        damaged = _unsent(desk.feed.damaged, gap, last.seq)

        def settle(step: Step, taken: int) -> None:
            tell_lost(desk, step, damaged, "the stored row was damaged")
            step.count("sent", taken)
            _advance(desk, step, gap.lo, last.seq, rest)

        return Batch("backfill", lines_of(desk, latest_only(samples, later)), settle)

    def _skip(self, gap: Gap, rows: list[FeedRow]) -> None:
        """Go past what cannot be sent: rows that were let go, a damaged one, missing numbers."""
        desk = self._desk
        lost, reason, upto = Lost(), "", gap.hi
        if rows:
            first, reason = rows[0], rows[0].reason
            left = gap if first.seq == gap.lo else Gap(first.seq, gap.hi)
            lost = _unsent(desk.feed.let_go, left, gap.hi)
            lost = lost if lost.upto else _rest(left, _lost(first))
            upto = lost.upto
        damaged = _unsent(desk.feed.damaged, gap, upto)
        with desk.ledger.step(desk.now_ns()) as step:
            tell_lost(desk, step, lost, reason)
            tell_lost(desk, step, damaged, "the stored row was damaged")
            _advance(desk, step, gap.lo, upto, None)


class EventSource:
    """Events in their order, and refused lines that somebody wants to be sent once more."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen = NO_CHANGE

    def next(self) -> Batch | None:
        """The events since the last batch, else the oldest lines to be sent again."""
        desk = self._desk
        change = desk.feed.change()
        if change == self._seen:
            return self._again()
        events = desk.feed.events(desk.ledger.position.event, EVENTS_AT_ONCE)
        if not events:
            self._seen = change
            return self._again()
        upto = events[-1].id

        def settle(step: Step, taken: int) -> None:
            step.count("events_sent", taken)
            step.event(upto)

        return Batch("events", [desk.layout.event(e) for e in events], settle)

    def meanwhile(self) -> None:
        """Nothing: events stay in the store."""

    def _again(self) -> Batch | None:
        entry = self._desk.ledger.again()
        if entry is None:
            return None
        counter = "events_sent" if entry.origin == "events" else "sent"

        def settle(step: Step, taken: int) -> None:
            step.count(counter, taken)
            step.release(entry.id)

        return Batch(entry.origin, entry.body.split("\n"), settle)


def _advance(desk: Desk, step: Step, lo: int, upto: int, rest: Gap | None) -> None:
    """Take rows up to a number out of the gap that begins at lo; all but the rest of the last."""
    gap = next((g for g in desk.ledger.position.gaps if g.lo == lo), None)
    if gap is None:
        return
    step.remove_gap(gap)
    if rest is not None:
        step.add_gap(rest._replace(hi=gap.hi))
    elif upto < gap.hi:
        step.add_gap(Gap(upto + 1, gap.hi))


def _unsent(find: Callable[[int, int], Lost], gap: Gap, hi: int) -> Lost:
    """What is lost of a gap up to a row; of the gap's first row only what was not sent before."""
    if gap.lo > hi:
        return Lost()
    first = find(gap.lo, gap.lo)
    if not gap.skip or not first.upto:
        return find(gap.lo, hi)
    first = _rest(gap, first)
    more = find(gap.lo + 1, hi) if gap.lo < hi else Lost()
    if not more.upto:
        return first
    return Lost(
        more.upto,
        first.samples + more.samples,
        min(first.from_ns, more.from_ns),
        max(first.to_ns, more.to_ns),
    )


def _rest(gap: Gap, first: Lost) -> Lost:
    """The first row of a gap, lost, without what of it was sent before."""
    if not gap.skip:
        return first
    return Lost(gap.lo, first.samples - gap.skip, gap.from_ns, gap.to_ns)


def _lost(row: FeedRow) -> Lost:
    return Lost(row.seq, row.n, row.t_min, row.t_max)


def _joined(rows: list[FeedRow]) -> Samples:
    return concatenate([row.samples for row in rows if row.samples is not None])


def _slice(samples: Samples, start: int, stop: int) -> Samples:
    rows = np.s_[start:stop]
    return Samples(
        samples.tags[rows], samples.values[rows], samples.quality[rows], samples.time_ns[rows]
    )
