"""A file that appears whole or not at all: written as NAME.part, renamed when it is complete."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from controller.core.errors import DrylineError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@contextmanager
def whole_file(path: Path, *, force: bool = False) -> Iterator[FileIO]:
    """A stream whose bytes are `path` after the block, and are gone when the block fails.

    DrylineError when the file is there already (force: it is replaced), when another process is
    writing it, or when the disk does not take it. What a killed process left behind is overwritten.
    """
    if not force:
        require_new(path)
    part = path.with_name(path.name + ".part")
    fd = _claim(part)
    with _Direct(fd, "wb") as stream:
        try:
            os.ftruncate(fd, 0)
            yield stream
            os.fsync(fd)
            _put_in_place(part, path, force)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DrylineError(f"{path}: cannot be written: {reason}; no file is left") from error
        finally:
            # While the lock is held: afterwards the name may be another's.
            if _is_same(fd, part):
                part.unlink()


def require_new(path: Path) -> None:
    """DrylineError when there is something of this name."""
    if os.path.lexists(path):
        raise DrylineError(f"{path} is there already: name another file, or say --force")


def _claim(part: Path) -> int:
    """Open the file and take the right to write it."""
    while True:
        try:
            fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise DrylineError(f"{part}: cannot be made: {error.strerror}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            raise DrylineError(f"{part}: another process is writing this file") from error
        if _is_same(fd, part):
            return fd
        os.close(fd)  # it was renamed or deleted between the two


def _is_same(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.lstat())
    except OSError:
        return False


def _put_in_place(part: Path, path: Path, force: bool) -> None:
    if force:
        part.replace(path)
    else:
        try:
            os.link(part, path)  # unlike a rename it fails when somebody was faster
        except FileExistsError:
            require_new(path)
        except OSError:  # a file system without hard links
            require_new(path)
            part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class _Direct(FileIO):
    """Without a buffer, from which closing would write once more what a full disk did not take."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write all of it."""
        left = memoryview(data).cast("B")
        size = len(left)
        while left:
            left = left[super().write(left) or 0 :]
        return size
