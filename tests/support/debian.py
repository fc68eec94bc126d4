"""Debian tools that some tests use as independent peers, installed on demand."""

import os
import shutil
import subprocess

_INSTALL_S = 180


def require(tool: str, package: str | None = None) -> str:
    """Path of a command-line tool; installed when missing and we are root, else RuntimeError."""
    if path := shutil.which(tool):
        return path
    package = package or tool
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise RuntimeError(f"{tool} is needed: install the Debian package {package}")
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
        if path := shutil.which(tool):
            return path
    raise RuntimeError(f"{tool} is needed and apt-get could not install {package}: {said.strip()}")
