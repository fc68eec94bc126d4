"""The ledger of one sink: durably, how far everything got, what was refused, what is to be told.

One small SQLite file beside the history, written by the sink's process alone (the command line
only marks refused lines to be tried again). Every step of a sink is one transaction: what a server
took, what it refused and where to go on change together or not at all. A step whose commit was
lost is done again; points sent twice are one.

Where a sink stands in the store: `live` is the number of the newest row taken over; rows up to
there are sent, but for those inside gaps. A gap is a stretch of rows, oldest first, that waits
for backfill; of its first row the first `skip` samples are sent.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from controller.core.errors import StoreError
from controller.durable import make_folder, set_aside, write_ahead
from controller.history.schema import WriterLock

VERSION = 2
BUSY_MS = 5_000
QUARANTINE_BYTES = 64 * 2**20  # of refused lines; beyond it the oldest are dropped and told
MAX_NOTES = 10_000  # told or not, so many stay
TABLES = """
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gap (
    lo INTEGER PRIMARY KEY, hi INTEGER NOT NULL, skip INTEGER NOT NULL,
    from_ns INTEGER NOT NULL DEFAULT 0, to_ns INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS refused (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time_ns INTEGER NOT NULL, origin TEXT NOT NULL,
    lines INTEGER NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL, again INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS note (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time_ns INTEGER NOT NULL, text TEXT NOT NULL,
    facts TEXT NOT NULL, told INTEGER NOT NULL);
"""
FROM_VERSION_1 = f"""
BEGIN;
ALTER TABLE gap ADD COLUMN from_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE gap ADD COLUMN to_ns INTEGER NOT NULL DEFAULT 0;
PRAGMA user_version={VERSION};
COMMIT;
"""


class Gap(NamedTuple):
    """Rows lo..hi wait for backfill; of row lo the first `skip` samples are sent.

    from_ns, to_ns: oldest and newest time of what is left of row lo, if something was skipped.
    """

    lo: int
    hi: int
    skip: int = 0
    from_ns: int = 0
    to_ns: int = 0


@dataclass(frozen=True, slots=True)
class Position:
    """How far a sink got in the store of that identity (0: in none so far)."""

    identity: int = 0
    live: int = 0
    event: int = 0
    gaps: tuple[Gap, ...] = ()

    @property
    def sent_seq(self) -> int:
        """Number up to which every row is sent, or given up."""
        return self.gaps[0].lo - 1 if self.gaps else self.live


@dataclass(frozen=True, slots=True)
class Totals:
    """What a sink did since it exists. Samples, but for events, requests and refused lines."""

    sent: int = 0
    events_sent: int = 0
    retried: int = 0
    dropped: int = 0
    quarantined: int = 0  # lines that lie in quarantine now


@dataclass(frozen=True, slots=True)
class Refused:
    """Lines that a server refused, and why."""

    origin: str
    lines: tuple[str, ...]
    reason: str


class Entry(NamedTuple):
    """Refused lines in quarantine. again: they are to be sent once more."""

    id: int
    time_ns: int
    origin: str
    lines: int
    reason: str
    body: str
    again: bool


class Note(NamedTuple):
    """Something that people are to be told, with facts, as an event of the line."""

    id: int
    time_ns: int
    text: str
    facts: dict[str, object]


class Step:
    """The changes of one transaction."""

    def __init__(self, connection: sqlite3.Connection, now_ns: int) -> None:
        self._connection, self._now_ns = connection, now_ns

    def attach(self, identity: int, event: int) -> None:
        """Begin with another store, from its first row and after that event."""
        self._connection.execute("DELETE FROM gap")
        for name, value in (("identity", identity), ("live", 0), ("event", event)):
            self._set(name, value)

    def live(self, seq: int) -> None:
        """Rows up to this number are taken over."""
        self._set("live", seq)

    def event(self, event_id: int) -> None:
        """Events up to this id are sent."""
        self._set("event", event_id)

    def add_gap(self, gap: Gap) -> None:
        """Rows wait for backfill."""
        self._connection.execute("INSERT OR REPLACE INTO gap VALUES (?, ?, ?, ?, ?)", gap)

    def remove_gap(self, gap: Gap) -> None:
        """They wait no longer."""
        self._connection.execute("DELETE FROM gap WHERE lo = ?", (gap.lo,))

    def count(self, name: str, n: int) -> None:
        """Add to one of the totals."""
        if n:
            self._connection.execute(
                "INSERT INTO state VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
                (name, n),
            )

    def refuse(self, refused: Sequence[Refused]) -> None:
        """Put lines into quarantine; what no longer fits there is dropped, oldest first."""
        for piece in refused:
            self._connection.execute(
                "INSERT INTO refused (time_ns, origin, lines, reason, body, again)"
                " VALUES (?, ?, ?, ?, ?, 0)",
                (self._now_ns, piece.origin, len(piece.lines), piece.reason,
                 "\n".join(piece.lines)),
            )  # fmt: skip
        if refused:
            self._bound_quarantine()

    def release(self, entry_id: int) -> None:
        """Take lines out of quarantine."""
        self._connection.execute("DELETE FROM refused WHERE id = ?", (entry_id,))

    def tell(self, text: str, **facts: object) -> None:
        """Leave a note."""
        self._connection.execute(
            "INSERT INTO note (time_ns, text, facts, told) VALUES (?, ?, ?, 0)",
            (self._now_ns, text, json.dumps(facts)),
        )
        self._connection.execute(
            "DELETE FROM note WHERE id <= (SELECT max(id) FROM note) - ?", (MAX_NOTES,)
        )

    def _set(self, name: str, value: int) -> None:
        self._connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, value))

    def _bound_quarantine(self) -> None:
        (size,) = self._connection.execute("SELECT sum(length(body)) FROM refused").fetchone()
        excess = size - QUARANTINE_BYTES
        gone = lines = 0
        for entry_id, length, n in self._connection.execute(
            "SELECT id, length(body), lines FROM refused ORDER BY id"
        ):
            if excess <= 0:
                break
            excess, gone, lines = excess - length, entry_id, lines + n
        if gone:
            self._connection.execute("DELETE FROM refused WHERE id <= ?", (gone,))
            self.count("dropped", lines)
            self.tell(f"gap: quarantine is full, {lines} refused lines are dropped", lines=lines)


class Ledger:
    """One open ledger, shared by the threads of its sink."""

    def __init__(self, path: Path) -> None:
        """Open or make it and take the right to write it. Raises StoreError.

        A damaged file is moved aside: everything that the store still has is sent again then.
        """
        self.path = path
        self.damaged: Path | None = None  # where a damaged predecessor of this file now lies
        self._turn = threading.Lock()
        try:
            make_folder(path.parent)
        except OSError as error:
            raise StoreError(f"{path}: folder cannot be made: {error.strerror}") from error
        self._lock = WriterLock(path)
        try:
            self._connection = self._open()
        except sqlite3.Error as error:
            self._lock.release()
            raise StoreError(f"{path}: cannot be opened: {error}") from error
        except BaseException:
            self._lock.release()
            raise
        self.position = position_of(self._connection)

    def close(self) -> None:
        """Close and let another process write."""
        with self._turn:
            self._connection.close()
            self._lock.release()

    @contextmanager
    def step(self, now_ns: int) -> Iterator[Step]:
        """One transaction. Raises StoreError when the disk refuses; nothing is changed then."""
        with self._turn:
            connection = self._connection
            try:
                if connection.in_transaction:
                    connection.rollback()
                connection.execute("BEGIN IMMEDIATE")
                yield Step(connection, now_ns)
                connection.execute("COMMIT")
                self.position = position_of(connection)
            except sqlite3.Error as error:
                raise StoreError(f"{self.path}: cannot be written: {error}") from error
            finally:
                if connection.in_transaction:
                    connection.rollback()

    def totals(self) -> Totals:
        """What was done so far. Raises StoreError."""
        with self._reading():
            return totals_of(self._connection)

    def again(self) -> Entry | None:
        """The oldest refused lines that are to be sent once more. Raises StoreError."""
        with self._reading():
            found = entries_of(self._connection, "WHERE again ORDER BY id", 1)
        return found[0] if found else None

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._turn:
            try:
                yield
            except sqlite3.Error as error:
                raise StoreError(f"{self.path}: cannot be read: {error}") from error

    def _open(self) -> sqlite3.Connection:
        try:
            return _connect(self.path)
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise
        self.damaged = set_aside(self.path)
        return _connect(self.path)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        # The historian lets rows go that are sent: what says so must not be lost by a power cut.
        write_ahead(connection)
        _require_sound(connection)
        version = _known_version(connection, path)
        connection.executescript(TABLES)
        if version == 1:
            connection.executescript(FROM_VERSION_1)
        connection.execute(f"PRAGMA user_version={VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection


def _require_sound(connection: sqlite3.Connection) -> None:
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        damage = sqlite3.DatabaseError(verdict)
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage


def _known_version(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise StoreError(f"{path}: written by a newer Dryline; upgrade, or move it away")
    return version


def entries_of(connection: sqlite3.Connection, order: str, limit: int) -> list[Entry]:
    """Refused lines in quarantine."""
    rows = connection.execute(
        "SELECT id, time_ns, origin, lines, reason, body, again FROM refused "  # noqa: S608
        f"{order} LIMIT ?",
        (limit,),
    ).fetchall()
    return [
        Entry(number, time_ns, origin, lines, reason, body, bool(again))
        for number, time_ns, origin, lines, reason, body, again in rows
    ]


def _state(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT name, value FROM state"))


def position_of(connection: sqlite3.Connection) -> Position:
    state = _state(connection)
    gaps = connection.execute("SELECT lo, hi, skip, from_ns, to_ns FROM gap ORDER BY lo").fetchall()
    return Position(
        state.get("identity", 0),
        state.get("live", 0),
        state.get("event", 0),
        tuple(Gap(*gap) for gap in gaps),
    )


def totals_of(connection: sqlite3.Connection) -> Totals:
    state = _state(connection)
    (lines,) = connection.execute("SELECT coalesce(sum(lines), 0) FROM refused").fetchone()
    named = {name: state.get(name, 0) for name in ("sent", "events_sent", "retried", "dropped")}
    return Totals(**named, quarantined=lines)
