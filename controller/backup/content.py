"""The content hash of a store: what its tables say, in whatever pages it lies.

Two stores have the same hash when they have the same tables with the same rows, whatever was
deleted, moved or vacuumed before. The mark that tells a history from every copy of it is left out:
a restored history gets a new one.
"""

import hashlib
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from controller.backup.manifest import BackupError

IDENTITY = " WHERE name <> 'identity'"
_NUMBER = struct.Struct("<d")
BYTES_AT_ONCE = 2**18


def open_still(path: Path) -> sqlite3.Connection:
    """A store that nobody writes, to read; leaves no file beside it."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def content_of(path: Path) -> str:
    """SHA-256 of what a store says that nobody writes; BackupError when it cannot be read."""
    try:
        with closing(open_still(path)) as connection:
            return content_sha256(connection)
    except sqlite3.Error as error:
        raise BackupError(f"{path.name}: cannot be read: {error}") from error


def content_sha256(connection: sqlite3.Connection) -> str:
    """SHA-256 of what a store says. Raises sqlite3.Error."""
    digest = hashlib.sha256()
    for pragma in ("application_id", "user_version"):
        (number,) = connection.execute(f"PRAGMA {pragma}").fetchone()
        digest.update(f"{pragma} {number}\n".encode())
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%'"
        " ESCAPE '!' ORDER BY name"
    ).fetchall()
    for (name,) in names:
        for piece in _table(connection, name):
            digest.update(piece)
    return digest.hexdigest()


def _table(connection: sqlite3.Connection, name: str) -> Iterator[bytes]:
    columns = connection.execute("SELECT name, pk FROM pragma_table_info(?)", (name,)).fetchall()
    keys = [f'"{c}"' for c, pk in sorted(columns, key=lambda column: column[1]) if pk] or ["rowid"]
    yield f"table {name} {' '.join(c for c, _ in columns)}\n".encode()
    but = IDENTITY if name == "mark" else ""
    found = connection.execute(f'SELECT * FROM "{name}"{but} ORDER BY {", ".join(keys)}')  # noqa: S608
    waiting = bytearray()
    for row in found:
        for value in row:
            waiting += _coded(value)
        waiting += b"\n"
        if len(waiting) > BYTES_AT_ONCE:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


def _coded(value: object) -> bytes:
    """A value with its type and length, so that no two rows look alike."""
    if isinstance(value, int):
        return b"i%d;" % value
    if isinstance(value, bytes):
        return b"b%d:" % len(value) + value
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass")
        return b"t%d:" % len(text) + text
    if isinstance(value, float):
        return b"f" + _NUMBER.pack(value)
    return b"n"
