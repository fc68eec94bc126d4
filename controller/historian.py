"""The historian: takes samples and events from the event loop and makes them durable.

`record` and `event` only queue. One writer thread owns the store: every commit interval it filters
what came, and puts all of it into one durable commit. Sealing is computed in a second thread and
applied by the writer. If the disk refuses, everything is kept in memory up to a limit and tried
again at every interval; beyond the limit the oldest samples are dropped, counted exactly, and an
event tells how many were lost between which times as soon as the disk takes data again.

A sample is acknowledged when its commit has returned. Two samples of a tag with the same time are
one: the last written counts. Samples may come late and in any order; queries sort them.
"""

import asyncio
import logging
import math
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from controller.core.errors import StoreError
from controller.core.event import Event
from controller.core.ports import Clock
from controller.core.sample import Samples
from controller.core.tag import Tag
from controller.history.backlog import Backlog, Loss
from controller.history.query import Reader
from controller.history.status import HistorianSettings, HistorianStatus
from controller.history.store import EventRow, Store, event_row
from controller.history.unsent import Sent
from controller.history.writer import Writer

__all__ = ["Historian", "HistorianSettings", "HistorianStatus"]

log = logging.getLogger(__name__)

CLOSING_TRIES = 10  # commits tried at the end when the disk refuses


class Historian:
    """Recorder of a line. Safe to feed from any thread.

    tags: in the order of the line's tag table, whose indices the samples carry. sent: tells up to
    which number every sink has sent the journal; None when there are no sinks. begun: called in
    each of its threads when it begins.
    """

    def __init__(
        self,
        path: Path,
        tags: Sequence[Tag],
        clock: Clock,
        settings: HistorianSettings | None = None,
        sent: Sent | None = None,
        begun: Callable[[], None] | None = None,
    ) -> None:
        self.path = path
        self._sent = sent
        self._begun = begun
        self._tags = tuple(tags)
        self._clock = clock
        self._settings = settings or HistorianSettings()
        self._wake = threading.Condition()
        self._inbox = Backlog(self._settings.queue_samples)
        self._inbox_events: list[EventRow] = []
        self._inbox_loss = Loss()
        self._accepted = 0
        self._asked = self._tried = self._served = 0  # tickets of `flush`
        self._stopping = self._closed = False
        self._clean = False
        self._writer: Writer | None = None
        self._thread: threading.Thread | None = None
        self._published = HistorianStatus()

    def start(self) -> None:
        """Open the store and begin to write; StoreError says what is wrong and what to do."""
        if self._thread is not None:
            raise StoreError(f"{self.path}: this historian was started before")
        store = Store.open(self.path)
        try:
            self._writer = Writer(
                store, self._tags, self._clock, self._settings, self._sent, self._begun
            )
        except BaseException:
            store.close()
            raise
        self._thread = threading.Thread(
            target=self._run, args=(self._writer,), name="history-writer", daemon=True
        )
        self._thread.start()

    def record(self, samples: Samples) -> None:
        """Take a batch of samples; returns at once.

        ValueError when columns differ in length or a tag index is not of this line.
        """
        n = len(samples)
        if n == 0:
            return
        if not len(samples.values) == len(samples.quality) == len(samples.time_ns) == n:
            raise ValueError("columns of a batch differ in length")
        if int(samples.tags.min()) < 0 or int(samples.tags.max()) >= len(self._tags):
            raise ValueError(f"tag index outside 0..{len(self._tags) - 1}")
        with self._wake:
            self._accepted += n
            if self._closed:
                self._refuse(Loss(samples=n))
            else:
                self._inbox.append(samples, self._inbox_loss)

    def event(self, event: Event) -> None:
        """Record one event; returns at once."""
        row = event_row(event)
        with self._wake:
            if self._closed:
                self._refuse(Loss(events=1))
                return
            self._inbox_events.append(row)
            if len(self._inbox_events) > self._settings.queue_events:
                self._inbox_loss.events_lost(1, self._inbox_events.pop(0)[0])

    @property
    def status(self) -> HistorianStatus:
        """Counters and condition, as of the last step of the writer and the queue now."""
        with self._wake:
            seen = self._published
            dropped = seen.dropped + self._inbox_loss.samples
            known = seen.stored + seen.filtered + dropped + seen.held
            return replace(
                seen,
                accepted=self._accepted,
                dropped=dropped,
                queued=self._accepted - known,
                events_dropped=seen.events_dropped + self._inbox_loss.events,
                events_queued=seen.events_queued + len(self._inbox_events),
                running=self._thread is not None and self._thread.is_alive(),
            )

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until all recorded before is durable or filtered; False if that took longer."""
        with self._wake:
            self._asked += 1
            ticket = self._asked
            self._wake.notify_all()
            self._wake.wait_for(lambda: self._served >= ticket or self._closed, timeout_s)
            return self._served >= ticket

    def reader(self) -> Reader:
        """A reader of this store, to be closed by the caller."""
        return Reader(self.path)

    def close(self, timeout_s: float = 5.0) -> bool:
        """Store what waits, the samples the filter keeps back too, and close.

        False when something could not be stored in time; the log then says how much.
        """
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread is None:
            self._closed = True
            return len(self._inbox) == 0 and not self._inbox_events
        self._thread.join(timeout_s)
        status = self.status
        if not self._clean:
            log.error(
                "history closed with %d samples and %d events not stored: %s",
                status.queued,
                status.events_queued,
                status.error or "the disk did not answer in time",
            )
        return self._clean

    async def start_async(self) -> None:
        """`start` beside the event loop."""
        await asyncio.to_thread(self.start)

    async def flush_async(self, timeout_s: float = 10.0) -> bool:
        """`flush` beside the event loop."""
        return await asyncio.to_thread(self.flush, timeout_s)

    async def close_async(self, timeout_s: float = 5.0) -> bool:
        """`close` beside the event loop."""
        return await asyncio.to_thread(self.close, timeout_s)

    def _run(self, writer: Writer) -> None:
        try:
            if self._begun is not None:
                self._begun()
            while self._step(writer):
                pass
        finally:
            with self._wake:
                self._closed = True
                self._published = self._seen(writer)
                self._wake.notify_all()
            writer.close()

    def _step(self, writer: Writer) -> bool:
        """One interval of the writer thread; False after the last."""
        interval_s = self._settings.commit_interval_s
        with self._wake:
            self._wake.wait_for(lambda: self._stopping or self._asked > self._tried, interval_s)
            last, ticket = self._stopping, self._asked
            self._closed = last  # what comes from now on is refused, not lost unseen
            samples = self._inbox.take()
            events, self._inbox_events = self._inbox_events, []
            loss, self._inbox_loss = self._inbox_loss, Loss()
        writer.take(samples, events, loss)
        if last:
            writer.release_held()
        durable = writer.commit()
        if last:
            durable = durable or self._insist(writer)
            writer.commit()  # the event of a recovery
        else:
            writer.upkeep()
        published = self._seen(writer)
        with self._wake:
            self._published = published
            self._tried = ticket
            self._clean = last and durable
            if durable:
                self._served = ticket
            self._wake.notify_all()
        return not last

    def _seen(self, writer: Writer) -> HistorianStatus:
        return replace(writer.status(), disk_free=_free_bytes(self.path))

    def _insist(self, writer: Writer) -> bool:
        """Try the last commit again for a while."""
        pause = threading.Event()
        for _ in range(CLOSING_TRIES):
            pause.wait(0.1)
            if writer.commit():
                return True
        return False

    def _refuse(self, loss: Loss) -> None:
        if not self._inbox_loss:
            log.error("history is closed: samples or events recorded after that are dropped")
        self._inbox_loss.add(loss)


def _free_bytes(path: Path) -> float:
    """What ordinary users may still write beside the store; NaN when the disk does not say."""
    try:
        found = os.statvfs(path.parent)
    except OSError:
        return math.nan
    return float(found.f_bavail * found.f_frsize)
