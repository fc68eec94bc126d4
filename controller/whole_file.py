"""A file that appears whole or not at all: written beside its place, put there when complete."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from controller.core.errors import DrylineError, StoreError
from controller.durable import sync_folder

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PART = ".part"
PUBLIC, SECRET = 0o644, 0o600
_FRESH = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def whole_file(
    path: Path, *, force: bool = False, mode: int = PUBLIC
) -> AbstractContextManager[FileIO]:
    """A stream whose bytes are `path` after the block, durably, and are gone when the block fails.

    Until then they are in NAME.part, which nobody may read whom `mode` does not let. DrylineError
    when the file is there already (force: it is replaced) or another process is writing it;
    StoreError when the disk does not take it. What a killed process left behind is thrown away.
    """
    if not force:
        require_new(path)
    return _written(path, path.with_name(path.name + PART), mode, force=force)


def replace_file(path: Path, content: bytes | str, mode: int = PUBLIC) -> None:
    """Put something small in the place of a file: a reader, or a crash, finds the old or the new.

    Errors as `whole_file` has them. What a kill leaves behind has a hidden name.
    """
    raw = content.encode() if isinstance(content, str) else content
    with _written(path, path.with_name(f".{path.name}{PART}"), mode, force=True) as stream:
        stream.write(raw)


def require_new(path: Path) -> None:
    """DrylineError when there is something of this name."""
    if os.path.lexists(path):
        raise DrylineError(f"{path} is there already: name another file, or say --force")


@contextmanager
def _written(path: Path, part: Path, mode: int, *, force: bool) -> Iterator[FileIO]:
    fd = _claim(path, part, mode)
    with _Direct(fd, "r+b") as stream:
        try:
            yield stream
            os.fsync(fd)
            _put_in_place(part, path, force=force)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {_told(error, fd, path)}") from error
        finally:
            # While the lock is held: afterwards the name may be another's.
            if _is_same(fd, part):
                part.unlink()


def _told(error: OSError, fd: int, path: Path) -> str:
    reason = error.strerror or str(error)
    if error.filename and Path(error.filename).parent != path.parent:  # what should have been in it
        reason = f"{error.filename}: {reason}"
    if _is_same(fd, path):  # all of it is there, but the folder could not be synced
        return f"{reason}; it is there, but a power cut may take it away"
    return f"{reason}; {'the old one stays' if path.exists() else 'no file is left'}"


def _claim(path: Path, part: Path, mode: int) -> int:
    """Make the file and take the right to write it."""
    try:
        while True:
            _remove_forsaken(part)
            try:
                fd = os.open(part, _FRESH, mode)
            except FileExistsError:
                continue  # somebody was faster
            if _locks(fd) and _is_same(fd, part):
                return fd
            os.close(fd)  # somebody took it for forsaken between the two
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error


def _remove_forsaken(part: Path) -> None:
    """Take away what a killed process has left; DrylineError when its writer lives."""
    try:
        fd = os.open(part, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        if not _locks(fd):
            raise DrylineError(f"{part}: another process is writing this file")
        if _is_same(fd, part):
            part.unlink()
    finally:
        os.close(fd)


def _locks(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_same(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.lstat())
    except OSError:
        return False


def _put_in_place(part: Path, path: Path, *, force: bool) -> None:
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
    sync_folder(path.parent)


class _Direct(FileIO):
    """Without a buffer, from which closing would write once more what a full disk did not take."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write all of it."""
        left = memoryview(data).cast("B")
        size = len(left)
        while left:
            left = left[super().write(left) or 0 :]
        return size
