"""Files of keys and certificates: written whole or not at all, keys for their owner alone."""

import fcntl
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.core.errors import DrylineError
from controller.durable import make_folder, sync_folder
from controller.whole_file import replace_file

FOLDER_MODE = 0o700
LOCK = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time makes or moves files here: several controllers share a run folder."""
    make_folder(folder, FOLDER_MODE)
    with (folder / LOCK).open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def write(path: Path, content: bytes, mode: int) -> None:
    """Replace a file in one step, durable; never is it readable for more than `mode` says."""
    make_folder(path.parent)
    replace_file(path, content, mode)


def move(path: Path, folder: Path) -> None:
    """Move a file to another folder in one step, durable on both sides."""
    make_folder(folder)
    path.replace(folder / path.name)
    sync_folder(folder)
    sync_folder(path.parent)


def read_secret(path: Path) -> bytes:
    """The content of a file that others must not read; DrylineError when they can."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise DrylineError(f"{path}: others can read this secret: chmod 600 it")
        return path.read_bytes()
    except OSError as error:
        raise DrylineError(f"{path}: cannot be read: {error.strerror}") from error
