"""Fence of sqlite3: the file of users, sessions and tokens.

Commits are durable (WAL, synchronous FULL), one transaction a change, and several processes may
change it: the command line works while the line runs. A damaged file is never replaced by a new
one: an empty store of users would hand the line to whoever sets up the first administrator.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controller.core.closing import Closing
from controller.core.errors import StoreError
from controller.durable import make_folder, write_ahead

STORE = "access.db"
APPLICATION_ID = 0x44524C41  # "DRLA"
VERSION = 2
BUSY_MS = 5_000

RESETS = """
CREATE TABLE reset (
    user TEXT PRIMARY KEY, hash TEXT NOT NULL, boot TEXT NOT NULL, made_ns INTEGER NOT NULL)
    WITHOUT ROWID;
"""
TABLES = f"""
CREATE TABLE user (
    name TEXT PRIMARY KEY, display TEXT NOT NULL, roles TEXT NOT NULL, password TEXT NOT NULL,
    active INTEGER NOT NULL, version INTEGER NOT NULL, made_ns INTEGER NOT NULL,
    password_ns INTEGER NOT NULL, factor_key TEXT NOT NULL, factor_new TEXT NOT NULL,
    factor_step INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE recovery (user TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (user, hash))
    WITHOUT ROWID;
CREATE TABLE session (
    hash TEXT PRIMARY KEY, user TEXT NOT NULL, version INTEGER NOT NULL, address TEXT NOT NULL,
    strong INTEGER NOT NULL, boot TEXT NOT NULL, begun_ns INTEGER NOT NULL,
    acted_ns INTEGER NOT NULL, begun_utc_ns INTEGER NOT NULL, ended TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX session_user ON session (user, address);
CREATE TABLE ending (
    number INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL, why TEXT NOT NULL);
CREATE TABLE ticket (
    hash TEXT PRIMARY KEY, session TEXT NOT NULL, purpose TEXT NOT NULL, subject TEXT NOT NULL,
    boot TEXT NOT NULL, made_ns INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE token (
    id TEXT PRIMARY KEY, hash TEXT NOT NULL, owner TEXT NOT NULL, label TEXT NOT NULL,
    permissions TEXT NOT NULL, stations TEXT NOT NULL, address TEXT NOT NULL,
    made_ns INTEGER NOT NULL, expires_ns INTEGER NOT NULL, used_ns INTEGER NOT NULL,
    ended TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE invitation (
    hash TEXT PRIMARY KEY, boot TEXT NOT NULL, made_ns INTEGER NOT NULL) WITHOUT ROWID;
{RESETS}"""
ADDED = {1: RESETS}  # to a file of this version, which then has the next

PASSING = (
    "session",
    "ending",
    "ticket",
    "invitation",
    "reset",
)  # tables of what is over soon anyway

Row = tuple[Any, ...]


class Change:
    """One transaction; statements see what earlier ones did."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def rows(self, query: str, *values: object) -> list[Row]:
        """Rows of a query."""
        return self._db.execute(query, values).fetchall()

    def row(self, query: str, *values: object) -> Row | None:
        """The first row of a query."""
        row: Row | None = self._db.execute(query, values).fetchone()
        return row

    def run(self, statement: str, *values: object) -> int:
        """Carry out a statement; how many rows it touched."""
        return self._db.execute(statement, values).rowcount


class Database(Closing):
    """The open file; StoreError for whatever the disk or another program does to it."""

    def __init__(self, path: Path, factory: type[sqlite3.Connection] = sqlite3.Connection) -> None:
        self.path = path
        self._turn = threading.RLock()
        try:
            make_folder(path.parent)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = self._attach(factory)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"{path}: the store of users cannot be opened: {error}; bring it back from a backup"
            ) from error

    def _attach(self, factory: type[sqlite3.Connection]) -> sqlite3.Connection:
        db = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, factory=factory
        )
        try:
            db.execute(f"PRAGMA busy_timeout={BUSY_MS}")
            empty = _number(db, "SELECT count(*) FROM sqlite_master") == 0
            identity = _number(db, "PRAGMA application_id")
            if not empty or identity:
                self._require_ours(db, identity)
            write_ahead(db)
            if empty:
                _create(db)
            _require_whole(db)
            _bring_up_to_date(db)
        except BaseException:
            db.close()
            raise
        return db

    def _require_ours(self, db: sqlite3.Connection, identity: int) -> None:
        if identity != APPLICATION_ID:
            raise StoreError(f"{self.path} is no Dryline store of users: choose another run folder")
        version = _number(db, "PRAGMA user_version")
        if version not in (VERSION, *ADDED):
            raise StoreError(
                f"{self.path} has version {version}, this program writes {VERSION}: use the "
                "program that made it"
            )

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            self._db.close()

    @contextmanager
    def reading(self) -> Iterator[Change]:
        """Queries; every one of them sees what is committed by then."""
        with self._turn:
            try:
                yield Change(self._db)
            except sqlite3.Error as error:
                raise StoreError(f"{self.path}: cannot be read: {error}") from error

    @contextmanager
    def changing(self, before_commit: Callable[[], None] | None = None) -> Iterator[Change]:
        """One transaction, all or nothing. before_commit: when it fails nothing is changed."""
        with self._turn:
            try:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")  # the disk had refused even that
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield Change(self._db)
                    if before_commit is not None:
                        before_commit()
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise StoreError(f"{self.path}: {error}") from error


def _create(db: sqlite3.Connection) -> None:
    with _at_once(db):
        if _number(db, "SELECT count(*) FROM sqlite_master") == 0:  # still
            _run_all(db, TABLES)
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={VERSION}")


def _bring_up_to_date(db: sqlite3.Connection) -> None:
    """What a file that an earlier program made lacks; a step at a time, each whole."""
    while _number(db, "PRAGMA user_version") < VERSION:
        with _at_once(db):
            version = _number(db, "PRAGMA user_version")
            if version < VERSION:  # still
                _run_all(db, ADDED[version])
                db.execute(f"PRAGMA user_version={version + 1}")


def _run_all(db: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";"):
        if statement.strip():
            db.execute(statement)


@contextmanager
def _at_once(db: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing, and one process at a time."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.rollback()
        raise


def _number(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])


def _require_whole(db: sqlite3.Connection) -> None:
    broken = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if broken != "ok":
        raise sqlite3.DatabaseError(broken)
