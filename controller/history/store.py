"""The store as its one writer sees it: durable commits, sealing, retention, quarantine.

Every method is one SQLite transaction (or none at all), so the file is whole at every moment. A
commit may be repeated after an error with another batch: what an unreported commit had stored is
taken out by the next one, so nothing is doubled. Its numbers are not used again, so that whoever
follows the numbers (a sink) never takes new samples for those it has seen.
"""

import itertools
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from controller.core.errors import StoreError
from controller.core.event import Event
from controller.core.sample import Samples
from controller.core.tag import Tag
from controller.history import outbox, schema
from controller.history.codec import DamageError
from controller.history.rows import (
    Broken,
    checksum,
    pack_batch,
    read_journal,
    unpack_chunk,
)
from controller.history.seal import Plan, plan_load

NEWEST_CHECKED = 256  # chunks whose checksum is tried at every opening
STRUCTURE_CHECKED_BYTES = 64 * 2**20  # larger files would delay the start by seconds
BATCH_OF_CHUNKS = 200  # chunks let go in one transaction
FREED_PAGES = 4000  # given back to the file system at once
ADD_CHUNK = (
    "INSERT INTO chunk (tag, t_min, t_max, n, rollup_crc, crc, rollup, samples)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
USED = (
    "INSERT INTO mark VALUES ('used', ?)"
    " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)"
)

PLAIN_FIELDS = ("name", "unit", "station", "description", "resolution", "low", "high")
ADD_TAG = (
    "INSERT INTO tag (name, unit, station, description, kind, resolution, low, high, labels,"
    " max_interval_s, opened) VALUES (:name, :unit, :station, :description, :kind, :resolution,"
    " :low, :high, :labels, :max_interval_s, :opened) ON CONFLICT (name, unit) DO UPDATE SET"
    " station = excluded.station, description = excluded.description, kind = excluded.kind,"
    " resolution = excluded.resolution, low = excluded.low, high = excluded.high,"
    " labels = excluded.labels, opened = excluded.opened,"
    " max_interval_s = max(max_interval_s, excluded.max_interval_s)"
)

EventRow = tuple[int, str, str, str, str, str, str]


def event_row(event: Event) -> EventRow:
    """An event as it is stored. What JSON cannot say in `data` becomes its text."""
    data = json.dumps(event.data, default=str) if event.data else ""
    return (
        event.time_ns,
        event.kind.value,
        event.station,
        event.subject,
        event.text,
        event.actor,
        data,
    )


@dataclass(frozen=True, slots=True)
class LetGo:
    """Raw samples that retention deleted; their roll-ups stay."""

    chunks: int = 0
    samples: int = 0
    from_ns: int = 0
    to_ns: int = 0


class Store:
    """One open store. All calls from one thread; use `Store.open`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: schema.WriterLock) -> None:
        self.path = path
        self._connection = connection
        self._lock = lock
        self.last_seq = self._newest_seq()  # number of the last journal row acknowledged
        self._last_event = self._number("SELECT coalesce(max(id), 0) FROM event")
        self._unreported = False  # the last commit failed, and yet it may have been carried out
        self.identity = self._number("SELECT value FROM mark WHERE name = 'identity'")
        self.outbox_bytes = outbox.size(connection)
        self.journal_samples = self._number("SELECT coalesce(sum(n), 0) FROM journal")
        self.set_aside: Path | None = None  # where a damaged predecessor of this file now lies
        self.found_broken = self._first_look()

    @classmethod
    def open(cls, path: Path, factory: type[sqlite3.Connection] = sqlite3.Connection) -> "Store":
        """Open or make the store and take the right to write it. Raises StoreError.

        Rows of the journal and of the newest chunks that fail their checksum go to quarantine:
        `found_broken` lists them. A file whose structure is damaged is moved aside as
        NAME.damaged-N and a new one begun: `set_aside` then names it.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path}: folder cannot be made: {error.strerror}") from error
        lock = schema.WriterLock(path)
        try:
            return cls._open_or_replace(path, factory, lock)
        except (sqlite3.Error, OSError) as error:
            lock.release()
            raise StoreError(f"{path}: cannot be opened: {error}") from error
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _open_or_replace(
        cls, path: Path, factory: type[sqlite3.Connection], lock: schema.WriterLock
    ) -> "Store":
        try:
            return cls._attach(path, factory, lock)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_CORRUPT:
                raise
        aside = schema.set_aside(path)
        store = cls._attach(path, factory, lock)
        store.set_aside = aside
        return store

    @classmethod
    def _attach(
        cls, path: Path, factory: type[sqlite3.Connection], lock: schema.WriterLock
    ) -> "Store":
        connection = schema.open_for_writing(path, factory)
        try:
            return cls(path, connection, lock)
        except BaseException:
            connection.close()
            raise

    def _first_look(self) -> list[Broken]:
        if self.used_bytes <= STRUCTURE_CHECKED_BYTES:
            verdict = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                damage = sqlite3.DatabaseError(verdict)
                damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise damage
        return self.check()

    def close(self) -> None:
        """Fold the write-ahead log into the file, close and let another process write."""
        try:
            # Without it the log stays beside the file and is read at the next opening.
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._connection.close()
            self._lock.release()

    @property
    def used_bytes(self) -> int:
        """Bytes of the file that hold something."""
        pages = self._number("PRAGMA page_count") - self._number("PRAGMA freelist_count")
        return pages * self._number("PRAGMA page_size")

    def catalogue(self, tags: Sequence[Tag]) -> NDArray[np.int32]:
        """Store ids of the tags of a line, in their order; new names are added.

        A tag is known by name and unit: the same name in another unit is another tag, so that
        two quantities never share a curve. What a line no longer has stays readable. Of the maximum
        intervals of a tag the longest stays: a shorter one must not turn what was stored under it
        into gaps.
        """
        rows = [
            {
                "labels": json.dumps(tag.labels),
                "kind": tag.kind.value,
                "max_interval_s": tag.history.max_interval_s,
            }
            | {name: getattr(tag, name) for name in PLAIN_FIELDS}
            for tag in tags
        ]
        with self._transaction():
            opened = 1 + self._number("SELECT coalesce(max(opened), 0) FROM tag")
            self._connection.executemany(ADD_TAG, [row | {"opened": opened} for row in rows])
            found = self._connection.execute("SELECT name, unit, id FROM tag").fetchall()
        ids = {(name, unit): tag_id for name, unit, tag_id in found}
        return np.array([ids[t.name, t.unit] for t in tags], np.int32)

    def commit(self, samples: Samples, events: Sequence[EventRow] = ()) -> None:
        """Make a batch (store tag ids) and events durable; returning is the acknowledgement."""
        n = len(samples)
        with self._transaction():
            seq, event_id = self.last_seq, self._last_event
            if self._unreported:
                seq, event_id = self._take_out_unreported()
            self._unreported = True
            if n:
                seq += 1
                self._connection.execute(
                    "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", pack_batch(seq, samples)
                )
            if events:
                self._connection.executemany(
                    "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [(event_id + k, *row) for k, row in enumerate(events, 1)],
                )
        self._unreported = False
        self.last_seq = seq
        self._last_event = event_id + len(events)
        self.journal_samples += n

    def _take_out_unreported(self) -> tuple[int, int]:
        """Delete what a commit stored that was reported as failed; the numbers used so far."""
        used = self._newest_seq(), self._number("SELECT coalesce(max(id), 0) FROM event")
        self._connection.execute("DELETE FROM journal WHERE seq > ?", (self.last_seq,))
        self._connection.execute("DELETE FROM event WHERE id > ?", (self._last_event,))
        self._connection.execute(USED, used[:1])
        return used

    def _newest_seq(self) -> int:
        return self._number(
            "SELECT max((SELECT coalesce(max(seq), 0) FROM journal),"
            " (SELECT coalesce(max(seq), 0) FROM outbox),"
            " (SELECT coalesce(max(value), 0) FROM mark WHERE name = 'used'))"
        )

    def apply(self, plan: Plan) -> None:
        """Do what a plan says: chunks in, what they replace and the journal they cover out.

        Rows that a sink has not sent go from the journal to the outbox.
        """
        with self._transaction():
            for broken in plan.broken:
                self._quarantine(broken)
            self._connection.executemany(
                "DELETE FROM chunk WHERE id = ?", [(chunk_id,) for chunk_id in plan.replaced]
            )
            self._connection.executemany(ADD_CHUNK, plan.chunks)
            if plan.upto_seq >= 0:
                self._connection.execute("DELETE FROM journal WHERE seq <= ?", (plan.upto_seq,))
                self._connection.execute(USED, (plan.upto_seq,))
            added = outbox.put(self._connection, plan.unsent)
            left = self._number("SELECT coalesce(sum(n), 0) FROM journal")
        self.journal_samples = left
        self.outbox_bytes += added

    def forget_sent(self, upto_seq: int) -> int:
        """Take rows that every sink has sent out of the outbox, some at a time; how many."""
        with self._transaction():
            rows, freed = outbox.forget(self._connection, upto_seq)
        self._outbox_shrunk(freed)
        return rows

    def shrink_outbox(self, max_bytes: int) -> int:
        """Let the oldest unsent samples go until the outbox fits; bytes freed, some at a time."""
        with self._transaction():
            freed = outbox.let_go(self._connection, self.outbox_bytes - max_bytes)
        self._outbox_shrunk(freed)
        return freed

    def _outbox_shrunk(self, freed: int) -> None:
        self.outbox_bytes -= freed
        if freed:
            self._connection.execute(f"PRAGMA incremental_vacuum({FREED_PAGES})").fetchall()

    def load(self, samples: Samples) -> None:
        """Put many samples straight into chunks, durable on return. For imports."""
        self.apply(plan_load(self._connection, samples))

    def check(self, chunks: int | None = NEWEST_CHECKED) -> list[Broken]:
        """Try the checksums of the journal and of the newest chunks (None: all of them).

        Rows that fail are moved to quarantine, and returned.
        """
        broken: list[Broken] = []
        for _ in read_journal(self._connection, broken):
            pass
        limit = -1 if chunks is None else chunks
        for chunk_id, *fields in self._connection.execute(
            "SELECT id, tag, t_min, t_max, n, crc, samples FROM chunk"
            " WHERE samples IS NOT NULL ORDER BY id DESC LIMIT ?",
            (limit,),
        ):
            try:
                unpack_chunk(*fields)
            except DamageError as error:
                broken.append(Broken("chunk", chunk_id, str(error)))
        if broken:
            self.apply(Plan(broken=broken))
        return broken

    def retain(self, now_ns: int, raw_ns: int) -> LetGo:
        """Let go of raw samples that are older than `raw_ns`.

        Age counts from now or from the newest sealed sample, whichever is earlier, so that neither
        a clock that is wrong at the start nor a long standstill empties the store.
        """
        newest = self._number("SELECT coalesce(max(t_max), 0) FROM chunk WHERE samples IS NOT NULL")
        before_ns = min(now_ns, newest) - raw_ns
        total = LetGo()
        while rows := self._oldest(before_ns):
            total = _added(total, self._let_go(rows))
        self._give_back(total)
        return total

    def shrink(self, max_bytes: int) -> LetGo:
        """Let go of the oldest raw samples until the file fits; as far as that is possible."""
        total = LetGo()
        while (excess := self.used_bytes - max_bytes) > 0:
            rows = self._oldest(2**62)
            if not rows:
                break
            sizes = itertools.accumulate(row[-1] for row in rows)
            enough = sum(1 for size in sizes if size < excess) + 1
            total = _added(total, self._let_go(rows[:enough]))
        self._give_back(total)
        return total

    def _oldest(self, before_ns: int) -> list[tuple[int, int, int, int, int]]:
        return self._connection.execute(
            "SELECT id, n, t_min, t_max, length(samples) FROM chunk"
            " WHERE samples IS NOT NULL AND t_max < ? ORDER BY t_max LIMIT ?",
            (before_ns, BATCH_OF_CHUNKS),
        ).fetchall()

    def _let_go(self, rows: list[tuple[int, int, int, int, int]]) -> LetGo:
        with self._transaction():
            self._connection.executemany(
                "UPDATE chunk SET samples = NULL WHERE id = ?", [(row[0],) for row in rows]
            )
        _, n, t_min, t_max, _ = zip(*rows, strict=True)
        return LetGo(len(rows), sum(n), min(t_min), max(t_max))

    def _give_back(self, gone: LetGo) -> None:
        """Return freed pages to the file system."""
        if gone.chunks:
            self._connection.execute("PRAGMA incremental_vacuum").fetchall()

    def _quarantine(self, broken: Broken) -> None:
        """Move a row that failed its check out of the way. A sound roll-up stays in place."""
        row = (broken.reason, broken.row_id)
        if broken.origin == "journal":
            self._connection.execute(
                "INSERT INTO quarantine (origin, origin_id, t_min, t_max, n, reason, payload)"
                " SELECT 'journal', seq, t_min, t_max, n, ?, columns FROM journal WHERE seq = ?",
                row,
            )
            self._connection.execute("DELETE FROM journal WHERE seq = ?", (broken.row_id,))
            return
        self._connection.execute(
            "INSERT INTO quarantine (origin, origin_id, tag, t_min, t_max, n, reason, payload)"
            " SELECT 'chunk', id, tag, t_min, t_max, n, ?, samples FROM chunk WHERE id = ?",
            row,
        )
        tag, t_min, t_max, crc, rolled = self._connection.execute(
            "SELECT tag, t_min, t_max, rollup_crc, rollup FROM chunk WHERE id = ?",
            (broken.row_id,),
        ).fetchone()
        sound = checksum(rolled, tag, t_min, t_max) == crc
        change = "UPDATE chunk SET samples = NULL" if sound else "DELETE FROM chunk"
        self._connection.execute(f"{change} WHERE id = ?", (broken.row_id,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        connection = self._connection
        if connection.in_transaction:
            connection.rollback()  # left behind by a rollback that failed itself
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.rollback()
            raise

    def _number(self, statement: str) -> int:
        return int(self._connection.execute(statement).fetchone()[0])


def _added(a: LetGo, b: LetGo) -> LetGo:
    if a.chunks == 0:
        return b
    return LetGo(
        a.chunks + b.chunks,
        a.samples + b.samples,
        min(a.from_ns, b.from_ns),
        max(a.to_ns, b.to_ns),
    )
