"""The writer: from batches as they were recorded to durable commits, seals and retention.

Synchronous and owned by one thread. Errors of the disk never leave it: they turn into a status, an
event and another try.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.core.ports import Clock
from controller.core.sample import Samples
from controller.core.tag import Tag
from controller.history.backlog import Backlog, Loss
from controller.history.exception_filter import ExceptionFilter
from controller.history.retention import Retention
from controller.history.rounding import Rounding
from controller.history.schema import open_for_reading
from controller.history.seal import Plan, plan_seal
from controller.history.status import HistorianSettings, HistorianStatus
from controller.history.store import EventRow, Store, event_row
from controller.history.thinning import Thinning
from controller.history.unsent import Outbox, Sent

log = logging.getLogger(__name__)

RETRY_S = 10.0  # pause after failed upkeep; commits are tried at every interval


class Writer:
    """Filters, commits and keeps up one open store."""

    def __init__(
        self,
        store: Store,
        tags: Sequence[Tag],
        clock: Clock,
        settings: HistorianSettings,
        sent: Sent | None = None,
        begun: Callable[[], None] | None = None,
    ) -> None:
        """Maps the line's tags to the store's; raises StoreError when that cannot be written.

        sent: what sinks have sent, None when there is none. begun: called in the thread that packs
        when it begins.
        """
        self._store = store
        self._clock = clock
        self._settings = settings
        self._seal_samples = max(settings.seal_samples, settings.seal_per_tag * len(tags))
        try:
            self._ids = store.catalogue(tags)
            self._retention = Retention(store, clock, settings, self._tell)
        except sqlite3.Error as error:
            raise StoreError(f"{store.path}: cannot be written: {error}") from error
        self._filter = ExceptionFilter(tags)
        self._rounding = Rounding(tags) if settings.round_values else None
        self._backlog = Backlog(settings.queue_samples)
        self._events: list[EventRow] = []
        self._loss = Loss()
        self._taken = self._passed = self._stored = self._events_stored = 0
        self._dropped = Loss()
        self._commits = self._failures = self._seals = self._failed_in_a_row = 0
        self._quarantined = 0
        self._commit_ms = 0.0
        self._error = ""
        self._beside = ThreadPoolExecutor(1, "history-seal", begun)
        self._sealing: Future[Plan] | None = None  # never both: each counts on what it has read
        self._thinning: Future[Thinning] | None = None
        self._stop_sealing = threading.Event()
        self._seal_due_s = clock.link_s() + settings.seal_interval_s
        self._outbox = Outbox(store, sent, settings.outbox_bytes, self._tell)
        self._tell_opening()

    def take(self, samples: Samples, events: Sequence[EventRow], loss: Loss) -> None:
        """Filter what was recorded and queue it; `loss` is what the caller had to drop."""
        self._lost(loss)
        self._taken += len(samples)
        if len(samples):
            if self._rounding is not None:
                values = self._rounding.apply(samples.tags, samples.values)
                samples = Samples(samples.tags, values, samples.quality, samples.time_ns)
            self._queue(self._filter.apply(samples))
        self._events.extend(events)
        self._bound_events()

    def release_held(self) -> None:
        """Queue the samples that the filter keeps back, for an orderly end."""
        self._queue(self._filter.flush())

    def commit(self) -> bool:
        """Make everything queued durable in one commit; True when nothing is left waiting."""
        if not (len(self._backlog) or self._events or self._loss):
            return not self._error
        batch = self._backlog.peek()
        rows = [*self._events, *([self._loss_row()] if self._loss else [])]
        before_s = self._clock.link_s()
        try:
            self._store.commit(batch, rows)
        except sqlite3.Error as error:
            self._failed(str(error))
            return False
        self._commit_ms = (self._clock.link_s() - before_s) * 1e3
        self._commits += 1
        self._stored += len(batch)
        self._events_stored += len(rows)
        self._backlog.clear()
        self._events.clear()
        self._loss = Loss()
        if self._error:
            self._recovered()
        return True

    def upkeep(self) -> None:
        """Start or finish sealing or thinning, let sent samples go: at most one of them a call."""
        if self._error:
            return
        try:
            if self._sealing is not None:
                self._finish_seal(self._sealing)
            elif self._thinning is not None:
                self._finish_thinning(self._thinning)
            elif self._seal_wanted():
                self._sealing = self._beside.submit(
                    _seal, self._store.path, self._store.last_seq, self._stop_sealing, self._outbox
                )
            elif self._outbox.due(self._clock.link_s()):
                self._outbox.upkeep(self._clock.link_s())
            elif self._retention.due():
                self._thinning = self._beside.submit(self._retention.plan)
            else:
                self._retention.give_back()
        except (sqlite3.Error, StoreError) as error:
            log.warning("history upkeep failed, will be tried again: %s", error)
            self._failures += 1
            self._outbox.failed(self._clock.link_s())
            self._retention.failed()
            self._seal_due_s = self._clock.link_s() + RETRY_S

    def close(self) -> None:
        """Stop sealing (the journal keeps what it covered) and close the store."""
        self._stop_sealing.set()
        self._beside.shutdown(wait=True, cancel_futures=True)
        self._store.close()

    def status(self) -> HistorianStatus:
        """Counters so far; `accepted`, `queued` and `running` belong to the caller."""
        return HistorianStatus(
            accepted=self._taken,
            stored=self._stored,
            filtered=self._taken - self._passed - self._filter.held,
            dropped=self._dropped.samples,
            queued=len(self._backlog),
            held=self._filter.held,
            events_stored=self._events_stored,
            events_dropped=self._dropped.events,
            events_queued=len(self._events),
            commits=self._commits,
            commit_ms=self._commit_ms,
            failures=self._failures,
            failing=bool(self._error),
            error=self._error,
            journal_samples=self._store.journal_samples,
            seals=self._seals,
            quarantined=self._quarantined,
            used_bytes=self._retention.used_bytes,
            outbox_share=self._store.outbox_bytes / self._settings.outbox_bytes,
        )

    def _queue(self, kept: Samples) -> None:
        self._passed += len(kept)
        stored = Samples(self._ids[kept.tags], kept.values, kept.quality, kept.time_ns)
        loss = Loss()
        self._backlog.append(stored, loss)
        self._lost(loss)

    def _bound_events(self) -> None:
        excess = len(self._events) - self._settings.queue_events
        if excess > 0:
            loss = Loss()
            for row in self._events[:excess]:
                loss.events_lost(1, row[0])
            del self._events[:excess]
            self._lost(loss)

    def _lost(self, loss: Loss) -> None:
        if loss:
            self._loss.add(loss)
            self._dropped.add(loss)
            self._filter.reset()  # a steady value must not stay hidden behind what was dropped

    def _tell(self, text: str, **facts: object) -> None:
        self._events.append(self._row(text, **facts))

    def _row(self, text: str, **facts: object) -> EventRow:
        return event_row(
            Event(
                time_ns=self._clock.utc_ns(),
                kind=EventKind.SYSTEM,
                station="",
                subject="historian",
                text=text,
                data=facts,
            )
        )

    def _loss_row(self) -> EventRow:
        loss = self._loss
        return self._row(
            f"gap: {loss.samples} samples and {loss.events} events were lost",
            samples=loss.samples,
            events=loss.events,
            from_ns=loss.from_ns,
            to_ns=loss.to_ns,
        )

    def _tell_opening(self) -> None:
        if self._store.set_aside is not None:
            self._tell(
                "the history was damaged and set aside; a new one was begun",
                set_aside=self._store.set_aside.name,
            )
        self._tell_broken(len(self._store.found_broken))

    def _tell_broken(self, n: int) -> None:
        if n:
            self._quarantined += n
            self._tell(f"{n} stored pieces failed their checksum: quarantined", pieces=n)

    def _failed(self, error: str) -> None:
        self._failures += 1
        self._failed_in_a_row += 1
        if not self._error:
            log.error("history cannot be stored, samples wait in memory: %s", error)
            self._tell(f"storing failed, samples wait in memory: {error}")
        self._error = error

    def _recovered(self) -> None:
        log.info("history is stored again after %d failed commits", self._failed_in_a_row)
        self._tell("storing works again", failed_commits=self._failed_in_a_row)
        self._error = ""
        self._failed_in_a_row = 0

    def _seal_wanted(self) -> bool:
        waiting = self._store.journal_samples
        if waiting >= self._seal_samples:
            return True
        return waiting > 0 and self._clock.link_s() >= self._seal_due_s

    def _finish_seal(self, sealing: Future[Plan]) -> None:
        if not sealing.done():
            return
        self._sealing = None
        plan = sealing.result()
        self._store.apply(plan)
        self._seals += 1
        self._seal_due_s = self._clock.link_s() + self._settings.seal_interval_s
        self._tell_broken(len(plan.broken))
        while plan.chunks:  # one by one: letting go of all of them at once makes scans late
            plan.chunks.pop()
        self._outbox.keep_limit()
        self._retention.look_at_size()

    def _finish_thinning(self, thinning: Future[Thinning]) -> None:
        if not thinning.done():
            return
        self._thinning = None
        piece = thinning.result()
        self._retention.carry_out(piece)
        self._tell_broken(len(piece.broken))


def _seal(path: Path, upto_seq: int, stop: threading.Event, outbox: Outbox) -> Plan:
    connection = open_for_reading(path)
    try:
        return plan_seal(connection, upto_seq, stop, outbox.sent_seq())
    finally:
        connection.close()
