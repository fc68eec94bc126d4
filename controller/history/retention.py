"""Retention: when the writer thins its store, by age and by size, and what it tells of it.

One piece at a time: `plan` computes it beside the writer, `carry_out` is one short transaction.
"""

import logging
from contextlib import closing

from controller.core.event import Event, EventKind
from controller.core.ports import Clock
from controller.history.schema import open_for_reading
from controller.history.status import HistorianSettings
from controller.history.store import Store, event_row
from controller.history.thinning import (
    DAY_NS,
    FOR_EVER,
    LEVEL_TEXT,
    Ages,
    Level,
    Thinning,
    plan_by_age,
    plan_by_size,
)
from controller.history.unsent import Tell

log = logging.getLogger(__name__)

INTERVAL_S = 3600.0
RETRY_S = 10.0
NEARLY_FULL = 0.8  # share of the size limit from which a warning is given
NO_LONGER = 0.7  # and below which it may be given again


def ages_of(settings: HistorianSettings) -> Ages:
    """The ages of the levels; none ends before the one above it."""
    raw_ns, ten_s_ns, minute_ns = (
        round(days * DAY_NS)
        for days in (settings.raw_days, settings.ten_s_days, settings.minute_days)
    )
    ten_s_ns = max(raw_ns, ten_s_ns)
    return Ages(raw_ns, ten_s_ns, max(ten_s_ns, minute_ns) if minute_ns else FOR_EVER)


class Retention:
    """What the writer does for age and size of its store."""

    def __init__(self, store: Store, clock: Clock, settings: HistorianSettings, tell: Tell) -> None:
        """Raises sqlite3.Error when the size of the store cannot be read."""
        self._store, self._clock, self._tell = store, clock, tell
        self._ages, self._limit = ages_of(settings), settings.max_bytes
        self._due_s = clock.link_s()  # when ages are looked at
        self._size_due_s = clock.link_s()
        self._nearly_full = self._stuck = False
        self._free_pages = True  # there may be some to give back
        self.used_bytes = store.used_bytes

    def due(self) -> bool:
        """A piece should be planned now."""
        now_s = self._clock.link_s()
        return now_s >= self._due_s or (self._excess() > 0 and now_s >= self._size_due_s)

    def plan(self) -> Thinning:
        """The next piece; empty when there is none. For any thread."""
        excess = self._excess()
        with closing(open_for_reading(self._store.path)) as connection:
            if excess > 0:
                return plan_by_size(connection, self._ages, excess)
            return plan_by_age(connection, self._ages, self._clock.utc_ns())

    def carry_out(self, piece: Thinning) -> None:
        """Do it, tell it, and decide when the next one is due."""
        by_size = self._excess() > 0
        if not piece:
            self._nothing_left(by_size=by_size)
            return
        tells = piece.gone.chunks and (by_size or piece.level is Level.NOTHING)
        self._store.thin(piece, [event_row(self._event(piece, by_size=by_size))] if tells else ())
        if piece.gone.chunks:
            log.info("history: %d samples %s", piece.gone.samples, LEVEL_TEXT[piece.level])
        self._free_pages = True
        self.look_at_size()

    def failed(self) -> None:
        """The disk refused: not again at once."""
        self._due_s = self._size_due_s = self._clock.link_s() + RETRY_S

    def look_at_size(self) -> None:
        """Take note of the size; warn before the limit is reached."""
        self._stuck = False
        self.used_bytes = self._store.used_bytes
        if not self._limit:
            return
        share = (self.used_bytes - self._store.outbox_bytes) / self._limit
        if share > NEARLY_FULL and not self._nearly_full:
            self._tell("history is nearly full", used_bytes=self.used_bytes, max_bytes=self._limit)
        self._nearly_full = share > NEARLY_FULL or (self._nearly_full and share > NO_LONGER)

    def give_back(self) -> bool:
        """Return some free pages to the file system; False when there is nothing to do."""
        if self._free_pages:
            self._free_pages = self._store.give_back()
        return self._free_pages

    def _excess(self) -> int:
        """Bytes above the limit; the outbox has a limit of its own."""
        if not self._limit or self._stuck:
            return 0
        return self.used_bytes - self._store.outbox_bytes - self._limit

    def _nothing_left(self, *, by_size: bool) -> None:
        if not by_size:
            self._due_s = self._clock.link_s() + INTERVAL_S
            return
        self._stuck = True  # until more is stored
        log.warning("history: %d bytes cannot be brought below the limit", self.used_bytes)

    def _event(self, piece: Thinning, *, by_size: bool) -> Event:
        gone = piece.gone
        why = "history reached its size limit" if by_size else "history reached its age"
        limit = {"max_bytes": self._limit} if by_size else {}
        return Event(
            time_ns=self._clock.utc_ns(),
            kind=EventKind.SYSTEM,
            station="",
            subject="historian",
            text=f"{why}: {gone.samples} samples {LEVEL_TEXT[piece.level]}",
            data={
                "level": piece.level.name.lower(),
                "samples": gone.samples,
                "chunks": gone.chunks,
                "from_ns": gone.from_ns,
                "to_ns": gone.to_ns,
                **limit,
            },
        )
