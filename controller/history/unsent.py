"""Upkeep of the outbox: what every sink has sent goes, and the disk limit holds."""

import sqlite3
from collections.abc import Callable
from typing import Protocol

from controller.history.outbox import AT_ONCE
from controller.history.store import Store

INTERVAL_S = 5.0
NEARLY_FULL = 0.8  # share of the limit from which a warning is given
NO_LONGER = 0.7  # and below which it may be given again
EVERY_NUMBER = 2**62

Sent = Callable[[int], int]  # identity of a store -> number up to which every sink has sent it


class Tell(Protocol):
    """Takes an event of the historian."""

    def __call__(self, text: str, **facts: object) -> None:
        """Record it."""


class Outbox:
    """What the writer does for the outbox of its store, a little at a time.

    sent: None when no sink is configured; what a sink of earlier times left is let go then.
    """

    def __init__(self, store: Store, sent: Sent | None, max_bytes: int, tell: Tell) -> None:
        self._store, self._sent, self._limit, self._tell = store, sent, max_bytes, tell
        self._due_s = 0.0
        self._nearly_full = self._full = False
        self._idle = False  # there is no sink, and nothing left of one
        if sent is None and store.outbox_bytes:
            tell("no sink is configured any more: what it had not sent is let go")

    def sent_seq(self) -> int | None:
        """Number up to which every sink has sent; None when there is no sink."""
        return None if self._sent is None else self._sent(self._store.identity)

    def due(self, now_s: float) -> bool:
        """There may be something to do."""
        return not self._idle and now_s >= self._due_s

    def upkeep(self, now_s: float) -> None:
        """One step, if one is due."""
        if not self.due(now_s):
            return
        self._due_s = now_s + INTERVAL_S
        sent_seq = EVERY_NUMBER if self._sent is None else self._sent(self._store.identity)
        if self._store.forget_sent(sent_seq) == AT_ONCE:
            self._due_s = now_s  # there is more
        else:
            self._idle = self._sent is None
        self.keep_limit()

    def failed(self, now_s: float) -> None:
        """The disk refused: not again at once."""
        self._due_s = now_s + INTERVAL_S

    def keep_limit(self) -> None:
        """Let the oldest go if there is too much; warn before that."""
        facts = {"outbox_bytes": self._store.outbox_bytes, "max_bytes": self._limit}
        share = self._store.outbox_bytes / self._limit
        if share > 1.0:
            if not self._full:
                self._tell("outbox is full: the oldest unsent samples are let go", **facts)
            self._full = self._nearly_full = True
            while self._store.outbox_bytes > self._limit:
                if not self._store.shrink_outbox(self._limit):
                    raise sqlite3.OperationalError("the outbox cannot be shrunk")
        elif share > NEARLY_FULL:
            if not self._nearly_full:
                self._tell("outbox is nearly full: sinks do not send", **facts)
            self._nearly_full = True
        elif share < NO_LONGER:
            self._nearly_full = self._full = False
