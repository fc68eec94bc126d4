"""`make bench`: every figure of this project, printed as a table and kept in bench-out/bench.json.

Nothing is asserted about the figures. Ratios inside one run are firm, absolute figures belong to
the machine. A benchmark that fails or hangs is named at the end, and the exit code is then 1.

    python -m tests.bench [NAMES]              the benchmarks, or those named
    python -m tests.bench --add NAMES          those named; figures of the others stay in the file
    python -m tests.bench --add --long cycle store   these for as long as their goals say
    python -m tests.bench --write-docs         the last figures into docs/explanation/benchmarks.md
    python -m tests.bench ratios [--keep]      the ratios that `make test` watches
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import last_figures, ratios
from tests.bench.apart import Outcome, run_apart
from tests.bench.goals import Figure, as_json, in_order, table
from tests.bench.machine import about, same

OUT = Path("bench-out/bench.json")
NAMES = (
    "lockstep", "line", "control", "cycle", "isolation", "push", "acquire", "reconnect", "store",
    "opcua", "modbus", "rehearsal", "historian", "queries", "sink", "alarms", "access", "screens",
)  # fmt: skip
Kept = dict[str, Any]  # what the file has
LONG_S = {"cycle": 600.0, "store": 3600.0}  # what C2 and B2 ask for
LIMIT_S = 1800.0  # for one of them


@dataclass(frozen=True)
class Wish:
    """How much of them. msamples: of history; long: for as long as the goals say."""

    msamples: float = 100.0
    limit_s: float = LIMIT_S
    long: bool = False


def measure(name: str, wish: Wish) -> Outcome:
    """One benchmark, with its figures printed."""
    arguments = {"msamples": wish.msamples} if name == "historian" else {}
    limit_s = wish.limit_s
    if wish.long and name in LONG_S:
        arguments["seconds"] = LONG_S[name]
        limit_s += 2.0 * LONG_S[name]
    outcome = run_apart(f"tests.bench.bench_{name}:run", arguments, limit_s)
    print(f"\n{name}")
    for key, value in outcome.figures.items():
        print(f"  {key:50} {value:14.4g}")
    if outcome.failure:
        print(f"  FAILED: {outcome.failure}")
    sys.stdout.flush()
    return outcome


def keep(path: Path, outcomes: dict[str, Outcome], before: Kept) -> list[Figure]:
    """Write what there is so far, and what there was of others; the figures of the goals."""
    goals = in_order(goal for outcome in outcomes.values() for goal in outcome.goals)
    rows = [
        {"benchmark": name, **row}
        for name, outcome in outcomes.items()
        for row in as_json(outcome.goals)
    ]
    stay = [row for row in before.get("goals", ()) if row["benchmark"] not in outcomes]
    found = {
        "about": about(before.get("about")),
        "figures": _others(before, "figures", outcomes)
        | {name: each.figures for name, each in outcomes.items() if not each.failure},
        "goals": sorted([*stay, *rows], key=lambda row: str(row["goal"])),
        "failed": _others(before, "failed", outcomes)
        | {name: each.failure for name, each in outcomes.items() if each.failure},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return goals


def _others(before: Kept, part: str, outcomes: dict[str, Outcome]) -> Kept:
    return {name: each for name, each in before.get(part, {}).items() if name not in outcomes}


def kept_before(path: Path) -> Kept:
    """What the file has; ValueError when it is of another machine or of other versions."""
    if not path.exists():
        return {}
    found: Kept = json.loads(path.read_text(encoding="utf-8"))
    if not same(found["about"], about()):
        told = "another machine or other versions: take all of them anew, without --add"
        raise ValueError(f"{path} has figures of {told}")
    return found


def run_all(names: Sequence[str], wish: Wish, path: Path = OUT, *, add: bool = False) -> int:
    """Run benchmarks one after the other; 1 when one of them brought no figures."""
    outcomes: dict[str, Outcome] = {}
    goals: list[Figure] = []
    before = kept_before(path) if add else {}
    for name in names:
        outcomes[name] = measure(name, wish)
        goals = keep(path, outcomes, before)  # after each: nothing that comes later can lose it
    if goals:
        print("\n" + "\n".join(table(goals)))
    print(f"\nwritten to {path}")
    failed = [name for name, outcome in outcomes.items() if outcome.failure]
    if failed:
        print(f"without figures: {', '.join(failed)}")
    return 1 if failed else 0


def main() -> int:
    """Run all benchmarks, or those named on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="; ".join((*NAMES, "ratios")))
    parser.add_argument("--msamples", type=float, default=100.0, help="history, in millions")
    parser.add_argument("--limit-s", type=float, default=LIMIT_S, help="for one benchmark")
    parser.add_argument("--write-docs", action="store_true", help="table of the last figures")
    parser.add_argument("--keep", action="store_true", help="with ratios: take them as they are")
    parser.add_argument("--add", action="store_true", help="figures of the others stay")
    parser.add_argument("--long", action="store_true", help=f"{', '.join(LONG_S)} in full")
    chosen = parser.parse_args()
    if chosen.write_docs:
        return last_figures.write(OUT)
    if chosen.names == ["ratios"]:
        return ratios.show(keep=chosen.keep)
    unknown = set(chosen.names) - set(NAMES)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(NAMES)}")
    try:
        names = chosen.names or NAMES
        wish = Wish(chosen.msamples, chosen.limit_s, chosen.long)
        return run_all(names, wish, add=chosen.add)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
