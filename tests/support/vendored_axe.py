"""axe-core, the accessibility rules of the browser tests: installed when first needed."""

import subprocess
from pathlib import Path

from tests.support import debian

FOLDER = Path(__file__).parent.parent / "e2e" / "node"
SCRIPT = FOLDER / "node_modules" / "axe-core" / "axe.min.js"


def axe_script() -> str:
    """Its text; RuntimeError when it cannot be had."""
    lock = FOLDER / "package-lock.json"
    if not SCRIPT.exists() or SCRIPT.stat().st_mtime < lock.stat().st_mtime:
        _install()
    return SCRIPT.read_text(encoding="utf-8")


def _install() -> None:
    npm = debian.require("npm")
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=FOLDER, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"npm ci failed in {FOLDER}:\n{done.stderr[-2000:]}")
    SCRIPT.touch()


if __name__ == "__main__":
    print(len(axe_script()))
