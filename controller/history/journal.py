"""The journal as a reader sees it: decoded once, not at every query.

A row of the journal never changes under its number, times and checksum. So what was decoded stays
of use until sealing takes the row away. Which rows are there is asked anew in every snapshot.
"""

import sqlite3
from typing import NamedTuple

import numpy as np

from controller.core.sample import Samples
from controller.history.codec import NO_SAMPLES, Columns, DamageError, between, merge
from controller.history.exception_filter import concatenate
from controller.history.rows import JournalRow, unpack_batch

KEPT_SAMPLES = 1_000_000  # 21 MB; a longer journal is decoded at every query
NOTHING = concatenate([])


class Head(NamedTuple):
    """What identifies a row."""

    seq: int
    n: int
    t_min: int
    t_max: int
    crc: int


class JournalView:
    """Rows of a journal that were decoded, one after the other in the order of their commits.

    Not for several threads at once.
    """

    def __init__(self, kept_samples: int = KEPT_SAMPLES) -> None:
        self._limit = kept_samples
        self._heads: list[Head] = []
        self._damaged: frozenset[Head] = frozenset()
        self._samples = NOTHING

    def columns(
        self, connection: sqlite3.Connection, tag: int, start_ns: int, stop_ns: int
    ) -> tuple[Columns, int]:
        """A tag's samples in a window, sorted, of equal times the last written; damaged rows.

        `connection` is inside a read transaction.
        """
        heads = _heads(connection)
        wanted = [h for h in heads if h.t_max >= start_ns and h.t_min < stop_ns]
        if not wanted:
            return NO_SAMPLES, 0
        if sum(h.n for h in heads) <= self._limit:
            self._follow(connection, heads)
            samples, damaged = self._samples, self._damaged
        else:
            self._heads, self._damaged, self._samples = [], frozenset(), NOTHING
            samples, damaged = _decoded(connection, wanted)
        rows = np.flatnonzero(samples.tags == tag)
        columns = Columns(samples.time_ns, samples.values, samples.quality).rows(rows)
        return between(merge([columns]), start_ns, stop_ns), len(damaged.intersection(wanted))

    def _follow(self, connection: sqlite3.Connection, heads: list[Head]) -> None:
        """Drop what was sealed and decode what is new; begin anew after any other change."""
        if heads == self._heads:
            return
        gone = next((k for k, h in enumerate(self._heads) if h == heads[0]), len(self._heads))
        stayed = self._heads[gone:]
        if heads[: len(stayed)] != stayed:
            gone, stayed = len(self._heads), []
        lost = sum(h.n for h in self._heads[:gone] if h not in self._damaged)
        new, damaged = _decoded(connection, heads[len(stayed) :])
        self._samples = concatenate([_from(self._samples, lost), new])
        self._damaged = self._damaged.intersection(stayed) | damaged
        self._heads = heads


def _heads(connection: sqlite3.Connection) -> list[Head]:
    rows = connection.execute("SELECT seq, n, t_min, t_max, crc FROM journal ORDER BY seq")
    return [Head(*row) for row in rows]


def _decoded(connection: sqlite3.Connection, heads: list[Head]) -> tuple[Samples, frozenset[Head]]:
    """Samples of the rows, and the rows that are not what was written."""
    batches, damaged = [], []
    for head in heads:
        (blob,) = connection.execute(
            "SELECT columns FROM journal WHERE seq = ?", (head.seq,)
        ).fetchone()
        try:
            batches.append(unpack_batch(JournalRow(*head, blob)))
        except DamageError:
            damaged.append(head)
    return concatenate(batches), frozenset(damaged)


def _from(samples: Samples, start: int) -> Samples:
    return Samples(
        samples.tags[start:],
        samples.values[start:],
        samples.quality[start:],
        samples.time_ns[start:],
    )
