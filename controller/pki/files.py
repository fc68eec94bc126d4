"""Files of keys and certificates: written whole or not at all, keys for their owner alone."""

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.core.errors import DrylineError
from controller.durable import make_folder, sync_folder

FOLDER_MODE = 0o700
SECRET, PUBLIC = 0o600, 0o644
LOCK = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time makes or moves files here: several controllers share a run folder."""
    if not folder.is_dir():
        make_folder(folder)
        folder.chmod(FOLDER_MODE)
    with (folder / LOCK).open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def write(path: Path, content: bytes, mode: int) -> None:
    """Replace a file in one step, durable; never is it readable for more than `mode` says."""
    make_folder(path.parent)
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


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
