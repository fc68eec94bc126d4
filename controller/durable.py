"""What it takes that a power cut does not take back what was promised.

A file that is synced is of no use when nobody finds it: a new name is only durable once the folder
that holds it is synced, too.
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder, with those above it that are missing; durable. OSError when that fails.

    mode: who may use the folder itself, if it is new.
    """
    missing, above = [], folder
    while not above.is_dir():
        missing.append(above)
        above = above.parent
    for new in reversed(missing):
        new.mkdir(mode if new == folder else 0o777, exist_ok=True)
        try:
            sync_folder(new.parent)
        except OSError:
            with suppress(OSError):
                new.rmdir()  # who tries again must not take it for durable
            raise


def write_ahead(connection: sqlite3.Connection) -> None:
    """Have every commit in a write-ahead log and synced before it returns; sqlite3.Error if not.

    SQLite keeps two things to itself. When it cannot have such a log it goes on with a rollback
    journal, whose removal, which is the commit, it does not sync; that stands in its answer. And it
    syncs the name of a new log without looking whether that worked; so we do it ourselves.
    """
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise sqlite3.OperationalError(f"no write-ahead log to be had, journal mode is {mode!r}")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # makes the log
    for _, _, file in connection.execute("PRAGMA database_list").fetchall():
        try:
            sync_folder(Path(file).parent)
        except OSError as error:
            raise sqlite3.OperationalError(f"folder cannot be synced: {error.strerror}") from error


def set_aside(path: Path) -> Path:
    """Rename a damaged store, with its log, to the first free NAME.damaged-N.

    The log goes first: one without its store would be believed by the store that is made anew.
    """
    k = 1
    while (aside := path.with_name(f"{path.name}.damaged-{k}")).exists():
        k += 1
    for end in ("-wal", "", "-shm"):
        part = path.with_name(path.name + end)
        if part.exists():
            part.rename(aside.with_name(aside.name + end))
    return aside


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. OSError when the disk refuses."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Make the bytes of a file durable. OSError when the disk refuses."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
