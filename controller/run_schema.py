"""The file of the station store: its tables, its version, how it is opened, and by how many.

Several controllers may have it open at once, each for its own stations. Every one of them holds a
shared lock while it lives; only who is alone may put a damaged file aside and begin a new one,
because the others would go on writing into the old one and lose it all at their next restart.
"""

import fcntl
import logging
import os
import sqlite3
from pathlib import Path

from controller.core.errors import StoreError
from controller.durable import set_aside, write_ahead

log = logging.getLogger("dryline.runs")

APPLICATION_ID = 0x44524C52  # "DRLR"
VERSION = 1
BUSY_MS = 5_000
CHECKED_BYTES = 64 * 2**20  # larger files would delay the start by seconds

TABLES = """
CREATE TABLE recipe (hash TEXT PRIMARY KEY, title TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE station (name TEXT PRIMARY KEY, memory TEXT NOT NULL);
CREATE TABLE deployment (
    station TEXT NOT NULL, number INTEGER NOT NULL, hash TEXT NOT NULL, actor TEXT NOT NULL,
    reason TEXT NOT NULL, time_ns INTEGER NOT NULL, because TEXT NOT NULL, trial TEXT NOT NULL,
    PRIMARY KEY (station, number)) WITHOUT ROWID;
CREATE TABLE run (
    id TEXT PRIMARY KEY, station TEXT NOT NULL, begun_ns INTEGER NOT NULL, open INTEGER NOT NULL,
    head TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX run_time ON run (station, begun_ns);
CREATE TABLE entry (
    run TEXT NOT NULL, number INTEGER NOT NULL, time_ns INTEGER NOT NULL, kind TEXT NOT NULL,
    subject TEXT NOT NULL, text TEXT NOT NULL, actor TEXT NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (run, number)) WITHOUT ROWID;
CREATE TABLE trial (
    id TEXT PRIMARY KEY, station TEXT NOT NULL, open INTEGER NOT NULL, body TEXT NOT NULL)
    WITHOUT ROWID;
"""
# An update touches fewer pages than a replacement, and an open run is written all the time.
PUT_RUN = (
    "INSERT INTO run VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET open = excluded.open, head = excluded.head"
)
TOUCH = f"PRAGMA user_version={VERSION}"  # changes nothing, and is written all the same
PUT_STATION = "INSERT INTO station VALUES (?, ?) ON CONFLICT DO UPDATE SET memory = excluded.memory"


class OpenFile:
    """A connection for writing, with the lock that says so. aside: where a damaged one now lies."""

    def __init__(self, path: Path, factory: type[sqlite3.Connection] = sqlite3.Connection) -> None:
        """Opens or makes the file. StoreError for a foreign one, or what the disk refuses."""
        self.aside: Path | None = None
        lock = path.with_name(path.name + ".lock")
        try:
            self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(f"{lock}: cannot be made: {error.strerror}") from error
        try:
            self.db = self._open(path, factory)
        except sqlite3.Error as error:
            self._let_go()
            raise StoreError(f"{path}: cannot be opened: {error}") from error
        except BaseException:
            self._let_go()
            raise

    def _open(self, path: Path, factory: type[sqlite3.Connection]) -> sqlite3.Connection:
        alone = self._alone()
        try:
            return _attach(path, factory)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            if not alone:
                raise StoreError(
                    f"{path} is damaged ({error}), and another controller has it open: stop that "
                    "one, then start again"
                ) from error
            self.aside = set_aside(path)
            log.error("%s is damaged (%s): kept as %s, begun anew", path, error, self.aside.name)  # noqa: TRY400
            return _attach(path, factory)
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_SH)

    def _alone(self) -> bool:
        """No other process has the file open; waits while one is just opening it."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            return False
        return True

    def close(self) -> None:
        """Let go of the file."""
        self.db.close()
        self._let_go()

    def _let_go(self) -> None:
        """The lock file stays: deleting it would race."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def is_damage(error: sqlite3.Error) -> bool:
    """The content is broken: not merely locked, unreadable now, or on a full disk."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _attach(path: Path, factory: type[sqlite3.Connection]) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=factory)
    try:
        db.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        empty = _number(db, "SELECT count(*) FROM sqlite_master") == 0
        if not empty or _number(db, "PRAGMA application_id"):
            require_ours(db, path)  # before anything in a foreign file is touched
        write_ahead(db)
        if empty:
            _create(db)
        if path.stat().st_size <= CHECKED_BYTES:
            _require_whole(db)
    except BaseException:
        db.close()
        raise
    return db


def _create(db: sqlite3.Connection) -> None:
    """All tables and the version in one transaction: a store is whole or not there."""
    db.execute("BEGIN IMMEDIATE")
    try:
        if _number(db, "SELECT count(*) FROM sqlite_master") == 0:  # still
            for statement in TABLES.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.rollback()
        raise


def require_ours(db: sqlite3.Connection, path: Path) -> None:
    """StoreError for a file of somebody else, or of another version."""
    if _number(db, "PRAGMA application_id") != APPLICATION_ID:
        raise StoreError(f"{path} is no Dryline station store: choose another run folder")
    version = _number(db, "PRAGMA user_version")
    if version != VERSION:
        raise StoreError(
            f"{path} has version {version}, this program writes {VERSION}: use the program that "
            "made it, or another run folder"
        )


def _require_whole(db: sqlite3.Connection) -> None:
    broken = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if broken != "ok":
        error = sqlite3.DatabaseError(broken)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _number(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])
