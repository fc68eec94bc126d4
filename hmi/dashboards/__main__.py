"""`python -m hmi.dashboards [--check]`: writes the dashboards that Grafana loads."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from hmi.dashboards.enclosure_energy import enclosure_energy
from hmi.dashboards.line_overview import line_overview
from hmi.dashboards.panels import Json

FOLDER = Path(__file__).resolve().parents[1] / "grafana" / "dashboards"
DASHBOARDS: dict[str, Callable[[], Json]] = {
    "line-overview.json": line_overview,
    "enclosure-energy.json": enclosure_energy,
}


def text_of(name: str) -> str:
    """The file as it must be."""
    return json.dumps(DASHBOARDS[name](), indent=1, ensure_ascii=False) + "\n"


def stale(folder: Path = FOLDER) -> list[str]:
    """Files that are missing or other than they would be made."""
    return [
        name
        for name in DASHBOARDS
        if not (folder / name).is_file()
        or (folder / name).read_text(encoding="utf-8") != text_of(name)
    ]


def main(arguments: list[str] | None = None) -> int:
    """Write, or check; 1 when a check finds stale files."""
    words = argparse.ArgumentParser(prog="python -m hmi.dashboards", description=__doc__)
    words.add_argument("--check", action="store_true", help="write nothing, name stale files")
    if words.parse_args(arguments).check:
        found = stale()
        for name in found:
            sys.stderr.write(f"{name} is stale; run python -m hmi.dashboards\n")
        return 1 if found else 0
    for name in DASHBOARDS:
        (FOLDER / name).write_text(text_of(name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
