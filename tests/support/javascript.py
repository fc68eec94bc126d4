"""Modules of the screens that know no page, run by Node."""

import json
import shutil
import subprocess
from pathlib import Path
from textwrap import dedent

from hmi.page import NAMES, STATIC
from tests.support import debian

PATIENCE_S = 60
_FRAME = """\
import {{ readFileSync as __read }} from "node:fs";
const input = {input};
const read = (name) => __read(new URL(name, import.meta.url), "utf8");
const tell = (found) => console.log(JSON.stringify(found));
"""


def copied(place: Path) -> Path:
    """The modules in a folder of their own, marked as modules for every version of Node."""
    folder = place / "static"
    if not folder.exists():
        shutil.copytree(STATIC, folder)
        (folder / "package.json").write_text('{"type": "module"}')
        _install(folder)
    return folder


def _install(folder: Path) -> None:
    """What the import map of the page does: names for the files of others."""
    by_package: dict[str, dict[str, str]] = {}
    for name, file in NAMES.items():
        parts = name.split("/")
        own = 2 if name.startswith("@") else 1
        package, below = "/".join(parts[:own]), "/".join([".", *parts[own:]])
        by_package.setdefault(package, {})[below] = f"./{file}"
    for package, exports in by_package.items():
        place = folder / "node_modules" / package
        place.mkdir(parents=True)
        for file in exports.values():
            shutil.copy(folder / "vendor" / file, place)
        (place / "package.json").write_text(json.dumps({"name": package, "exports": exports}))


def run_module(place: Path, script: str, given: object = None) -> object:
    """Run a script beside the modules; what it told. `input`, `read` and `tell` are there."""
    folder = copied(place)
    body = dedent(script)
    imports = "\n".join(x for x in body.split("\n") if x.startswith("import "))
    rest = "\n".join(x for x in body.split("\n") if not x.startswith("import "))
    path = folder / "script.js"
    path.write_text(f"{imports}\n{_FRAME.format(input=json.dumps(given))}{rest}\n")
    done = subprocess.run(
        [debian.require("node", "nodejs"), str(path)],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise AssertionError(done.stderr[-3000:])
    return json.loads(done.stdout)
