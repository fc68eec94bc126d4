"""The independent OPC UA implementation of the wire tests: installed when first needed."""

import shutil
import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "wire" / "node"
INSTALLED = FOLDER / "node_modules" / ".package-lock.json"


def node() -> str:
    """Path of the node program, or a LookupError that says what is missing."""
    program = shutil.which("node")
    if program is None:
        raise LookupError("node is not installed: the independent OPC UA peer cannot run")
    _install()
    return program


def _install() -> None:
    """`npm ci` unless the lock file's packages are there already."""
    lock = FOLDER / "package-lock.json"
    if INSTALLED.exists() and INSTALLED.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise LookupError("npm is not installed: the independent OPC UA peer cannot be fetched")
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
