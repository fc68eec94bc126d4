"""Scripts that tests of screens run in pages, from npm: the accessibility rules of axe-core, and
jsQR, which reads square codes; installed when first needed."""

import subprocess
from pathlib import Path

from tests.support import debian

FOLDER = Path(__file__).parent.parent / "e2e" / "node"
SCRIPT = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
READER = FOLDER / "node_modules" / "jsqr" / "dist" / "jsQR.js"


def axe_script() -> str:
    """The text of axe-core; RuntimeError when it cannot be had."""
    return _text(SCRIPT)


def reader_script() -> str:
    """The text of jsQR, which shares nothing with what draws the codes."""
    return _text(READER)


def _text(script: Path) -> str:
    lock = FOLDER / "package-lock.json"
    if not script.exists() or script.stat().st_mtime < lock.stat().st_mtime:
        _install()
    return script.read_text(encoding="utf-8")


def _install() -> None:
    npm = debian.require("npm")
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=FOLDER, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"npm ci failed in {FOLDER}:\n{done.stderr[-2000:]}")
    SCRIPT.touch()
    READER.touch()


if __name__ == "__main__":
    print(len(axe_script()), len(reader_script()))
