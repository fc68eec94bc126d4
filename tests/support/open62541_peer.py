"""The OPC UA server on open62541 of the wire tests: installed when first needed.

Python package o6 is open62541 with a Python side. It is no dependency, not even of the tests: its
licence is not ours, and only a process of its own, which answers on the wire, ever loads it.
"""

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "wire" / "open62541"
LOCK = FOLDER / "requirements.lock"
PACKAGES = Path(sys.prefix) / "peers" / "open62541"
_INSTALL_S = 300


def command() -> tuple[list[str], dict[str, str]]:
    """Words that start the server, and its environment; RuntimeError when it cannot be had."""
    _install()
    return [sys.executable, str(FOLDER / "server.py")], os.environ | {"PYTHONPATH": str(PACKAGES)}


def _install() -> None:
    """Unless the very packages of the lock file are there already."""
    installed = PACKAGES / "installed.lock"
    wanted = LOCK.read_text(encoding="utf-8")
    if installed.exists() and installed.read_text(encoding="utf-8") == wanted:
        return
    words = ["install", "--quiet", "--require-hashes", "--no-deps", "--upgrade", "--target"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, str(PACKAGES), "-r", str(LOCK)],
        capture_output=True, text=True, timeout=_INSTALL_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"pip could not install {LOCK}:\n{done.stderr[-2000:]}")
    installed.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    print(*command()[0])
