"""The store as its one writer sees it: durable commits, sealing, retention, quarantine.

Every method is one SQLite transaction (or none at all), so the file is whole at every moment. A
commit may be repeated after an error with another batch: what an unreported commit had stored is
taken out by the next one, so nothing is doubled. Its numbers are not used again, so that whoever
follows the numbers (a sink) never takes new samples for those it has seen.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from controller.core.errors import StoreError
from controller.core.event import Event
from controller.core.sample import Samples
from controller.core.tag import Tag
from controller.durable import make_folder, set_aside
from controller.history import outbox, schema, thinning
from controller.history.codec import DamageError
from controller.history.rows import (
    Broken,
    checksum,
    pack_batch,
    read_journal,
    unpack_chunk,
    unpack_ten_s,
)
from controller.history.seal import Plan, plan_load
from controller.history.shared_times import SharedTimes
from controller.history.thinning import DEFAULT_AGES, Ages, LetGo, Level, Thinning

NEWEST_CHECKED = 256  # chunks whose checksum is tried at every opening
STRUCTURE_CHECKED_BYTES = 64 * 2**20  # larger files would delay the start by seconds
FREED_PAGES = 4000  # given back to the file system at once
RETURNED_PAGES = 256  # at once after thinning: moving them takes about 5 ms
KEPT_FREE_PAGES = 2048  # not worth returning: sealing will need them soon
ADD_CHUNK = (
    "INSERT INTO chunk (tag, t_min, t_max, n, rollup_crc, crc, rollup, samples,"
    " quick_crc, quick, times) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
ADD_TIMES = "INSERT OR IGNORE INTO times (id, packed, spare) VALUES (?, ?, ?)"  # by its content
NEWEST_EVENT = "SELECT coalesce(max(id), 0) FROM event"
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


class Store:
    """One open store. All calls from one thread; use `Store.open`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: schema.WriterLock) -> None:
        self.path = path
        self._connection = connection
        self._lock = lock
        self.last_seq = self._newest_seq()  # number of the last journal row acknowledged
        self._last_event = self._number(NEWEST_EVENT)
        self._events_unsure = False  # thinning may have added some
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
            make_folder(path.parent)
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
        aside = set_aside(path)
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
        if self._events_unsure and not self._unreported:
            self._last_event = self._number(NEWEST_EVENT)
            self._events_unsure = False
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
        used = self._newest_seq(), self._number(NEWEST_EVENT)
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
            self._connection.executemany(ADD_TIMES, plan.times)
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
        shared = SharedTimes(self._connection)
        limit = -1 if chunks is None else chunks
        chunks_left = self._connection.execute(
            "SELECT id, tag, t_min, t_max, n, crc, samples, ten_s_crc, ten_s FROM chunk"
            " WHERE samples IS NOT NULL OR ten_s IS NOT NULL ORDER BY id DESC LIMIT ?",
            (limit,),
        )
        for chunk_id, tag, t_min, t_max, n, crc, samples, ten_s_crc, ten_s in chunks_left:
            try:
                if samples is not None:
                    unpack_chunk(tag, t_min, t_max, n, crc, samples, shared)
                else:
                    unpack_ten_s(tag, t_min, t_max, ten_s_crc, ten_s)
            except DamageError as error:
                broken.append(Broken("chunk", chunk_id, str(error)))
        if broken:
            self.apply(Plan(broken=broken))
        return broken

    def thin(self, piece: Thinning, events: Sequence[EventRow] = ()) -> None:
        """Carry out one piece of thinning, together with the events that tell of it."""
        self._events_unsure = True
        with self._transaction():
            for broken in piece.broken:
                self._quarantine(broken)
            thinning.carry_out(self._connection, piece)
            self._connection.executemany(
                "INSERT INTO event SELECT coalesce(max(id), 0) + 1, ?, ?, ?, ?, ?, ?, ? FROM event",
                events,
            )

    def retain(self, now_ns: int, ages: Ages) -> dict[Level, LetGo]:
        """Thin all that is due by age at once; what became of it, by the level it came to."""
        return self._thin_all(lambda: thinning.plan_by_age(self._connection, ages, now_ns))

    def shrink(self, max_bytes: int, ages: Ages = DEFAULT_AGES) -> dict[Level, LetGo]:
        """Thin at once until the file fits, as far as that is possible."""

        def plan() -> Thinning:
            excess = self.used_bytes - max_bytes
            fits = excess <= 0
            return Thinning() if fits else thinning.plan_by_size(self._connection, ages, excess)

        return self._thin_all(plan)

    def _thin_all(self, plan: Callable[[], Thinning]) -> dict[Level, LetGo]:
        gone: dict[Level, LetGo] = {}
        while piece := plan():
            self.thin(piece)
            gone[piece.level] = gone.get(piece.level, LetGo()) + piece.gone
        while self.give_back():
            pass
        return gone

    def give_back(self) -> bool:
        """Return some free pages to the file system; True when there are more to return."""
        free = self._number("PRAGMA freelist_count")
        if free <= KEPT_FREE_PAGES:
            return False
        self._connection.execute(f"PRAGMA incremental_vacuum({RETURNED_PAGES})").fetchall()
        return KEPT_FREE_PAGES < self._number("PRAGMA freelist_count") < free

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
            " SELECT 'chunk', id, tag, t_min, t_max, n, ?, coalesce(samples, ten_s) FROM chunk"
            " WHERE id = ?",
            row,
        )
        tag, t_min, t_max, crc, rolled = self._connection.execute(
            "SELECT tag, t_min, t_max, rollup_crc, rollup FROM chunk WHERE id = ?",
            (broken.row_id,),
        ).fetchone()
        sound = checksum(rolled, tag, t_min, t_max) == crc
        to_minutes = (
            "UPDATE chunk SET samples = NULL, ten_s_crc = NULL, ten_s = NULL,"
            " quick_crc = NULL, quick = NULL, times = NULL"
        )
        change = to_minutes if sound else "DELETE FROM chunk"
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
