"""A disk of a few MiB that can be filled to the last byte: a tmpfs of its own.

Mounting takes root, or a user and mount namespace of one's own (`in_own_namespace`).
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

INSIDE = "DRYLINE_OWN_NAMESPACE"
BALLAST = "ballast"
PIECES = (2**16, 2**12, 1)
NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


class SmallDisk:
    """Use as a context: mounted over a folder that is made for it."""

    def __init__(self, folder: Path, mib: int) -> None:
        self.folder, self._mib = folder, mib

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        _mount("-t", "tmpfs", "-o", f"size={self._mib}m", "tmpfs", str(self.folder))
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False, capture_output=True)

    def fill(self) -> None:
        """Take all that is free; again, if something has become free since."""
        with (self.folder / BALLAST).open("ab", buffering=0) as stream:
            for size in PIECES:
                try:
                    while stream.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        """Give all of it back."""
        (self.folder / BALLAST).unlink()

    @property
    def free_bytes(self) -> int:
        """What can still be written."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize


def may_mount(folder: Path) -> bool:
    """Whether a disk can be mounted here and now."""
    try:
        with SmallDisk(folder, 1):
            return True
    except PermissionError:
        return False


def in_own_namespace(test_file: Path, root: Path) -> None:
    """Run a whole test file where mounting is allowed; AssertionError with what it said."""
    if os.environ.get(INSIDE):
        raise AssertionError("a user and mount namespace, and yet nothing can be mounted in it")
    done = subprocess.run(
        [*NAMESPACE, sys.executable, "-m", "pytest", "-q", "-s", str(test_file)],
        cwd=root, env=os.environ | {INSIDE: "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def _mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], check=False, capture_output=True, text=True)
    if done.returncode:
        raise PermissionError(done.stderr.strip())
