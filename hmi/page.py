"""`python -m hmi.page`: writes into index.html what follows from the files beside it.

The import map with the hashes of the files of others, so that browsers may keep those for ever, and
a preload for what all screens need, so that it comes in one round trip: the modules of others, and
the server's bundle of our own. The other screens are imported when they are first looked at.
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

STATIC = Path(__file__).parent / "static"
BEGIN = "<!-- what follows up to the end mark is made by python -m hmi.page -->\n"
END = "<!-- end -->"
NAMES = {
    "preact": "preact.mjs",
    "preact/hooks": "hooks.mjs",
    "@preact/signals-core": "signals-core.mjs",
    "@preact/signals": "signals.mjs",
    "htm": "htm.mjs",
    "htm/preact": "htm-preact.mjs",
    "lean-qr": "lean-qr.mjs",
    "uplot": "uplot.mjs",
}
BUNDLE = "/modules.js"  # made by the server of what main.js needs: controller/api/bundling.py
HASH_LENGTH = 12
# A static import or a re-export; import() is another thing. Minified ones have no blanks.
_IMPORT = re.compile(
    r"""(?:^|;|\})\s*(?:import|export)\b(?:[^"';()]*?\bfrom)?\s*["']([^"']+)["']""", re.M
)


def vendor_address(name: str, static: Path = STATIC) -> str:
    """Where a file of others is served, with the beginning of its hash."""
    content = (static / "vendor" / name).read_bytes()
    return f"/vendor/{name}?h={hashlib.sha256(content).hexdigest()[:HASH_LENGTH]}"


def needed(static: Path = STATIC, first: str = "main.js") -> list[Path]:
    """The files of a module and of all that it imports, and these import, before it can begin."""
    found: set[Path] = set()
    ahead = [static.resolve() / first]
    while ahead:
        path = ahead.pop()
        if path in found:
            continue
        found.add(path)
        for name in _IMPORT.findall(path.read_text(encoding="utf-8")):
            if name in NAMES:
                ahead.append(static.resolve() / "vendor" / NAMES[name])
            elif name.startswith("."):
                ahead.append((path.parent / name).resolve())
    return sorted(path.relative_to(static.resolve()) for path in found)


def head(static: Path = STATIC) -> str:
    """The part of the head that is made."""
    addresses = {name: vendor_address(file, static) for name, file in NAMES.items()}
    vendors = {f"vendor/{file}": addresses[name] for name, file in NAMES.items()}
    first = (path.as_posix() for path in needed(static))
    preloads = [BUNDLE, *(vendors[path] for path in first if path in vendors)]
    lines = [
        f'<link rel="stylesheet" href="{vendor_address("uplot.css", static)}">',
        '<link rel="stylesheet" href="/hmi.css">',
        f'<script type="importmap">{json.dumps({"imports": addresses})}</script>',
        *(f'<link rel="modulepreload" href="{address}">' for address in preloads),
        '<script type="module" src="/main.js"></script>',
    ]
    return "\n".join(lines) + "\n"


def made(page: str, static: Path = STATIC) -> str:
    """The page with its made part as it has to be; ValueError without the marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("index.html: a mark is missing")
    return before + begin + head(static) + end + after


def main(arguments: Sequence[str] | None = None) -> int:
    """Write it, or with --check say whether it is as it has to be."""
    words = argparse.ArgumentParser(prog="python -m hmi.page", description=__doc__)
    words.add_argument("--check", action="store_true")
    path = STATIC / "index.html"
    present = path.read_text(encoding="utf-8")
    wanted = made(present)
    if words.parse_args(arguments).check:
        if present != wanted:
            sys.stderr.write("index.html is old: run python -m hmi.page\n")
        return int(present != wanted)
    if present != wanted:
        path.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
