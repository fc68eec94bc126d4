"""A file that only grows, and the lock that says whose turn it is to let it grow."""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from controller.core.errors import StoreError
from controller.durable import sync_folder

TRIES = 1_000
PAUSE_S = 0.002
BLOCK = 256 * 1024


class AppendFile:
    """One open file of lines. Every OSError is the disk's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mend_to = -1
        fresh = not path.exists()
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        if fresh:
            sync_folder(path.parent)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @property
    def closed(self) -> bool:
        """Nothing can be read or written any more."""
        return self._descriptor < 0

    def size(self) -> int:
        """Bytes in the file."""
        return os.fstat(self._descriptor).st_size

    def in_place(self) -> bool:
        """The file at the path is still the one that is open."""
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        own = os.fstat(self._descriptor)
        return (there.st_ino, there.st_dev) == (own.st_ino, own.st_dev)

    def append(self, content: bytes) -> None:
        """Add to the end, durably. After an error as much as possible is as it was before.

        What a failed fsync leaves in memory is not trusted: it is cut off and written anew by
        whoever tries again.
        """
        start = self.size()
        try:
            left = content
            while left:
                left = left[self._write(left) :]
            self._sync()
        except OSError:
            self._mend_to = start
            with suppress(OSError):
                self.mend()
            raise

    def mend(self) -> None:
        """Take away what a write that failed has left, if it could not be done at once."""
        if self._mend_to >= 0:
            self.cut(self._mend_to)
            self._mend_to = -1

    def cut(self, size: int) -> None:
        """Take away what stands after so many bytes."""
        os.ftruncate(self._descriptor, size)
        self._sync()

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from start to stop."""
        found = b""
        while len(found) < stop - start:
            block = os.pread(self._descriptor, stop - start - len(found), start + len(found))
            if not block:
                break
            found += block
        return found

    def _write(self, content: bytes) -> int:
        return os.write(self._descriptor, content)

    def _sync(self) -> None:
        os.fdatasync(self._descriptor)


class TurnLock:
    """One process at a time; dies with its process. The lock file stays: deleting it would race."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._pause = threading.Event()

    def close(self) -> None:
        """Let go of the lock file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be the only one inside; StoreError after two seconds of waiting."""
        for _ in range(TRIES):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                self._pause.wait(PAUSE_S)
        else:
            raise StoreError(f"{self._path}: another process does not let go of it: is it stopped?")
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)


def free_name(path: Path, what: str) -> Path:
    """The first of NAME.what-1, NAME.what-2 ... that is not there yet."""
    k = 1
    while (aside := path.with_name(f"{path.name}.{what}-{k}")).exists():
        k += 1
    return aside
