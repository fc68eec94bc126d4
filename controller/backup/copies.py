"""Copies of stores that are being written: all of one moment, without holding up their writers.

A read transaction in every store keeps the moment; commits go on beside it in the write-ahead log,
which cannot be folded back until the copy is made. Pages are copied a few at a time.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from controller.access.database import PASSING
from controller.backup.archive import PIECE, Progress
from controller.backup.manifest import BackupError, Kind
from controller.backup.sources import Source

BUSY_MS = 5_000
PAGES_AT_ONCE = 256


class Snapshot:
    """One moment of some stores."""

    def __init__(self, connections: dict[str, sqlite3.Connection], sizes: dict[str, int]) -> None:
        self._connections, self._sizes = connections, sizes

    def size(self, source: Source) -> int:
        """Bytes of a store at that moment."""
        return self._sizes[source.name]

    def copy(self, source: Source, target: Path, told: Progress) -> None:
        """Write a store of that moment as a file. BackupError when it cannot be read or written."""
        connection = self._connections[source.name]
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        page_bytes = self.size(source) // max(1, _pages(connection))
        left = [_pages(connection)]

        def step(_: int, remaining: int, __: int) -> None:
            told((left[0] - remaining) * page_bytes)
            left[0] = remaining

        try:
            with closing(sqlite3.connect(target)) as copy:
                copy.execute("PRAGMA synchronous=OFF")  # it is read once more and then deleted
                connection.backup(copy, pages=PAGES_AT_ONCE, progress=step)
                if source.kind is Kind.ACCESS:
                    _without_sessions(copy)
        except sqlite3.Error as error:
            raise BackupError(f"{source.path}: cannot be copied to {target}: {error}") from error


@contextmanager
def snapshot(sources: Sequence[Source]) -> Iterator[Snapshot]:
    """Hold one moment of all stores among the sources."""
    with ExitStack() as held:
        connections, sizes = {}, {}
        for source in sources:
            if source.kind.is_store:
                connection = held.enter_context(closing(_reading(source.path)))
                connections[source.name] = connection
        for name, connection in connections.items():
            with _told(name):
                connection.execute("BEGIN")
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        for name, connection in connections.items():
            with _told(name):
                (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
                sizes[name] = _pages(connection) * page_bytes
        yield Snapshot(connections, sizes)


def plain_pieces(source: Source) -> Iterator[bytes]:
    """The bytes of a plain file; of one that only grows, whole lines as of now."""
    try:
        with source.path.open("rb") as stream:
            left = os.fstat(stream.fileno()).st_size
            waiting = b""
            while left > 0 and (piece := stream.read(min(PIECE, left))):
                left -= len(piece)
                waiting += piece
                end = waiting.rfind(b"\n") + 1 if source.whole_lines else len(waiting)
                yield waiting[:end]
                waiting = waiting[end:]
    except OSError as error:
        raise BackupError(f"{source.path}: cannot be read: {error.strerror}") from error


def file_pieces(path: Path) -> Iterator[bytes]:
    """The bytes of a file."""
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            yield piece


def _without_sessions(copy: sqlite3.Connection) -> None:
    """Who is logged in now is not logged in on another machine, nor here again."""
    there = {name for (name,) in copy.execute("SELECT name FROM sqlite_master")}
    for table in there.intersection(PASSING):  # a store of an earlier program has not all of them
        copy.execute(f"DELETE FROM {table}")  # noqa: S608 - our own words
    copy.commit()
    copy.execute("VACUUM")  # nothing of them is left in free pages


def _reading(path: Path) -> sqlite3.Connection:
    with _told(str(path)):
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None
        )
        with suppress(sqlite3.Error):
            connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        return connection


def _pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_count").fetchone()[0])


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise BackupError(f"{name}: cannot be read: {error}") from error
