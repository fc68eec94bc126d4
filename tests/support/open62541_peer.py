"""OPC UA by open62541 as a peer of tests and benchmarks: installed when first needed.

Python package o6 is open62541 with a Python side. It is no dependency, not even of the tests: its
licence is not ours, and only processes of their own, met on the wire, ever load it.
"""

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "wire" / "open62541"
LOCK = FOLDER / "requirements.lock"
PACKAGES = Path(sys.prefix) / "peers" / "open62541"
_INSTALL_S = 300


def program(name: str) -> tuple[list[str], dict[str, str]]:
    """Words that start a program of FOLDER, and its environment; RuntimeError when the package
    cannot be had."""
    install()
    return [sys.executable, str(FOLDER / name)], os.environ | {"PYTHONPATH": str(PACKAGES)}


def install() -> None:
    """Nothing to do when the very packages of the lock file are there; RuntimeError on failure."""
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
    print(*program("server.py")[0])
