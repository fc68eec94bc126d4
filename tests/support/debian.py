"""Debian tools that some tests use as independent peers, installed on demand."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_INSTALL_S = 180
Found = TypeVar("Found")


def require(tool: str, package: str | None = None) -> str:
    """Path of a command-line tool; installed when missing and we are root, else RuntimeError."""
    return _found(lambda: shutil.which(tool), tool, package or tool)


def require_file(path: Path, package: str) -> Path:
    """A file of a package, as a font; installed in the same way."""
    return _found(lambda: path if path.exists() else None, path.name, package)


def _found(look: Callable[[], Found | None], what: str, package: str) -> Found:
    if (found := look()) is not None:
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise RuntimeError(f"{what} is needed: install the Debian package {package}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    said = ""
    for command in (
        ("apt-get", "install", "-y", "--no-install-recommends", package),
        ("apt-get", "update"),
        ("apt-get", "install", "-y", "--no-install-recommends", package),
    ):
        done = subprocess.run(
            command,
            env=environment,
            timeout=_INSTALL_S,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stderr
        if (found := look()) is not None:
            return found
    raise RuntimeError(f"{what} is needed and apt-get could not install {package}: {said.strip()}")
