"""The independent OPC UA implementation of the wire tests: installed when first needed."""

import subprocess
from pathlib import Path

from tests.support import debian

FOLDER = Path(__file__).parent.parent / "wire" / "node"
INSTALLED = FOLDER / "node_modules" / ".package-lock.json"


def node() -> str:
    """Path of the node program, installed with the peer's packages; RuntimeError when it cannot."""
    program = debian.require("node", "nodejs")
    _install()
    return program


def _install() -> None:
    """`npm ci` unless the lock file's packages are there already."""
    lock = FOLDER / "package-lock.json"
    if INSTALLED.exists() and INSTALLED.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = debian.require("npm")
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"npm ci failed in {FOLDER}:\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    print(node())
