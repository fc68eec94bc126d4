"""The store's file: its tables, its version, how it is opened and who may write.

One SQLite file in WAL mode. `journal` takes whole batches as they come, one row a commit. `chunk`
holds the same samples sealed: one tag, one stretch of time, compressed, with its one-minute
roll-ups in front, so that reading roll-ups never touches the samples. Chunks of one tag that still
have their samples never overlap in time. `quarantine` keeps what failed its checksum.

A chunk is at one level (see `thinning`), and the two last of its columns say at which:

    level      samples      ten_s
    raw        samples      NULL
    10 s       NULL         ten-second roll-ups
    10 s       samples      empty: the samples are smaller than ten-second roll-ups would be
    1 min      NULL         NULL

While a chunk of a fast tag has its samples, `quick` has ten-second roll-ups beside them: buckets of
minutes then need not decode every sample. They are only a short cut, bound to the samples by their
checksum; where they are missing (in chunks of older versions) or damaged, the samples are read.

`times` holds columns of times, each for all chunks whose `times` is its number. It goes with the
last of them, by a trigger: so whatever lets a chunk or its samples go needs not think of it.

`outbox` keeps the rows that sealing took out of the journal while a sink still has to send them,
packed, under their own numbers; a row of it without a row in `outbox_columns` was let go unsent.
`mark` holds single numbers: `identity` tells this store from every other, `used` is the number of
the newest row that left the journal, so that no number is given twice.
"""

import fcntl
import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from controller.core.errors import StoreError
from controller.durable import write_ahead

APPLICATION_ID = 0x44524C48  # "DRLH"
VERSION = 7
OLDEST = 3  # that can be read; a writer brings it to this version
OUTBOX_SINCE = 4  # the version that brought the outbox and the marks
LEVELS_SINCE = 5  # the version that brought the ten-second level
QUICK_SINCE = 6  # the version that brought ten-second roll-ups beside samples
TIMES_SINCE = 7  # the version that brought columns of times that chunks share
# Whether a chunk has such a blob. For "IS NOT NULL" SQLite reads the whole blob (to 3.40 at least);
# its type stands before it.
HAS_SAMPLES, HAS_TEN_S, HAS_QUICK = (
    f"(typeof({name}) <> 'null')" for name in ("samples", "ten_s", "quick")
)
PAGE_BYTES = 4096
BUSY_MS = 5_000

TABLES = """
CREATE TABLE tag (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, unit TEXT NOT NULL, station TEXT NOT NULL,
    description TEXT NOT NULL, kind TEXT NOT NULL, resolution REAL NOT NULL, low REAL NOT NULL,
    high REAL NOT NULL, labels TEXT NOT NULL, max_interval_s REAL NOT NULL,
    opened INTEGER NOT NULL, UNIQUE (name, unit));
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY, n INTEGER NOT NULL, t_min INTEGER NOT NULL, t_max INTEGER NOT NULL,
    crc INTEGER NOT NULL, columns BLOB NOT NULL);
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY, tag INTEGER NOT NULL, t_min INTEGER NOT NULL, t_max INTEGER NOT NULL,
    n INTEGER NOT NULL, rollup_crc INTEGER NOT NULL, crc INTEGER NOT NULL, rollup BLOB NOT NULL,
    samples BLOB);
CREATE INDEX chunk_time ON chunk (tag, t_max, t_min);
CREATE TABLE event (
    id INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, kind TEXT NOT NULL, station TEXT NOT NULL,
    subject TEXT NOT NULL, text TEXT NOT NULL, actor TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX event_time ON event (time_ns);
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY, origin TEXT NOT NULL, origin_id INTEGER NOT NULL, tag INTEGER,
    t_min INTEGER NOT NULL, t_max INTEGER NOT NULL, n INTEGER NOT NULL, reason TEXT NOT NULL,
    payload BLOB);
"""
SINCE_4 = """
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY, n INTEGER NOT NULL, t_min INTEGER NOT NULL, t_max INTEGER NOT NULL,
    crc INTEGER NOT NULL);
CREATE TABLE outbox_columns (seq INTEGER PRIMARY KEY, columns BLOB NOT NULL);
CREATE TABLE mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
SINCE_5 = """
ALTER TABLE chunk ADD COLUMN ten_s_crc INTEGER;
ALTER TABLE chunk ADD COLUMN ten_s BLOB;
DROP INDEX IF EXISTS chunk_raw;
CREATE INDEX chunk_raw ON chunk (t_max) WHERE samples IS NOT NULL AND ten_s IS NULL;
CREATE INDEX chunk_ten_s ON chunk (t_max) WHERE ten_s IS NOT NULL;
CREATE INDEX chunk_minutes ON chunk (t_max) WHERE samples IS NULL AND ten_s IS NULL;
"""
SINCE_6 = """
ALTER TABLE chunk ADD COLUMN quick_crc INTEGER;
ALTER TABLE chunk ADD COLUMN quick BLOB;
"""
_NO_LONGER_SHARED = """
BEGIN
    DELETE FROM times
    WHERE id = OLD.times AND NOT EXISTS (SELECT 1 FROM chunk WHERE times = OLD.times);
END;
"""
SINCE_7 = f"""
ALTER TABLE chunk ADD COLUMN times INTEGER;
CREATE TABLE times (id INTEGER PRIMARY KEY, packed BLOB NOT NULL, spare BLOB NOT NULL);
CREATE INDEX chunk_times ON chunk (times) WHERE times IS NOT NULL;
CREATE TRIGGER chunk_went AFTER DELETE ON chunk WHEN OLD.times IS NOT NULL {_NO_LONGER_SHARED}
CREATE TRIGGER samples_went AFTER UPDATE OF times ON chunk
    WHEN OLD.times IS NOT NULL AND OLD.times IS NOT NEW.times {_NO_LONGER_SHARED}
"""
IDENTITY_BITS = 62


class WriterLock:
    """The right to write one store: held by one process at a time, freed by its death."""

    def __init__(self, store: Path) -> None:
        self._path = store.with_name(store.name + ".lock")
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(f"{self._path}: cannot be made: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(self._fd, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            raise StoreError(
                f"{store}: another process (pid {owner}) is writing this history; "
                "stop it or choose another file"
            ) from error
        with suppress(OSError):  # only a note of who it is: a full disk is no reason not to go on
            os.ftruncate(self._fd, 0)
            os.write(self._fd, str(os.getpid()).encode())

    def release(self) -> None:
        """Let another process write. The lock file stays: deleting it would race."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> "WriterLock":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def open_for_writing(
    path: Path, factory: type[sqlite3.Connection] = sqlite3.Connection
) -> sqlite3.Connection:
    """A connection in autocommit mode to an existing or new store, checked and durable.

    StoreError when the file is no Dryline history or of another version; sqlite3.DatabaseError
    when it is one but damaged.
    """
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, factory=factory
    )
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    try:
        empty = _number(connection, "SELECT count(*) FROM sqlite_master") == 0
        identity = _number(connection, "PRAGMA application_id")
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_NOTADB:
            raise _foreign(path) from error
        raise
    if empty and identity == 0:
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    elif identity != APPLICATION_ID:
        raise _foreign(path)
    else:
        check_version(connection, path)
    write_ahead(connection)
    if empty:
        create(connection)
    else:
        _upgrade(connection)


def create(connection: sqlite3.Connection) -> None:
    """All tables and the version, in one transaction: a store is whole or not there."""
    _carry_out(connection, [TABLES, SINCE_4, SINCE_5, SINCE_6, SINCE_7], with_identity=True)


def _upgrade(connection: sqlite3.Connection) -> None:
    """Bring a readable store to this version, in one transaction; its samples are not touched."""
    version = _number(connection, "PRAGMA user_version")
    steps = {
        OUTBOX_SINCE: SINCE_4, LEVELS_SINCE: SINCE_5, QUICK_SINCE: SINCE_6, TIMES_SINCE: SINCE_7
    }  # fmt: skip
    missing = [statements for since, statements in steps.items() if version < since]
    if missing:
        _carry_out(connection, missing, with_identity=version < OUTBOX_SINCE)


def _carry_out(
    connection: sqlite3.Connection, steps: Sequence[str], *, with_identity: bool
) -> None:
    """Add tables and bring the store to this version, or leave it as it was."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _single("".join(steps)):
            connection.execute(statement)
        if with_identity:
            renew_identity(connection)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.rollback()
        raise


def _single(statements: str) -> Iterator[str]:
    """Statement by statement; those of a trigger stay inside it."""
    one = ""
    for part in statements.split(";")[:-1]:
        one += part + ";"
        if sqlite3.complete_statement(one):
            yield one
            one = ""


def renew_identity(connection: sqlite3.Connection) -> None:
    """Make the store another one for its sinks, which then begin anew.

    To be done to a copy that goes on on its own (a restored backup): its numbers and those of the
    original go different ways from there.
    """
    connection.execute(
        "INSERT OR REPLACE INTO mark VALUES ('identity', ?)", (secrets.randbits(IDENTITY_BITS),)
    )


@contextmanager
def snapshot(connection: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    """One moment of a store for all that is read inside; StoreError when it cannot be read."""
    try:
        connection.execute("BEGIN")
        yield connection
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
    finally:
        if connection.in_transaction:
            connection.rollback()


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A read-only connection; StoreError when there is nothing to read."""
    if not path.is_file():
        raise StoreError(f"{path}: there is no history here; has the line run with this file?")
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be opened: {error}") from error
    try:
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        if _number(connection, "PRAGMA application_id") != APPLICATION_ID:
            raise _foreign(path)
        check_version(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise StoreError(f"{path}: cannot be read: {error}") from error
    except StoreError:
        connection.close()
        raise
    return connection


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """StoreError when a newer or older Dryline wrote the file."""
    version = _number(connection, "PRAGMA user_version")
    if OLDEST <= version <= VERSION:
        return
    age, advice = (
        ("a newer", "upgrade Dryline")
        if version > VERSION
        else ("an older", "keep the file for that one, move it away")
    )
    raise StoreError(
        f"{path}: written by {age} Dryline (store version {version}, this one knows "
        f"{VERSION}); {advice} or choose another history file"
    )


def _foreign(path: Path) -> StoreError:
    return StoreError(f"{path}: is not a Dryline history; choose another file")


def _number(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])
