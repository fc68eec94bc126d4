"""`make bench`: every figure of this project, printed as a table and kept in bench-out/bench.json.

Nothing is asserted here. Ratios inside one run are firm, absolute figures belong to the machine.
"""

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from tests.bench import (
    bench_access,
    bench_alarms,
    bench_control,
    bench_cycle,
    bench_historian,
    bench_isolation,
    bench_line,
    bench_lockstep,
    bench_modbus,
    bench_opcua,
    bench_push,
    bench_rehearsal,
    bench_screens,
    bench_sink,
)
from tests.bench.goals import as_json, goals_of, table

OUT = Path("bench-out/bench.json")
NAMES = (
    "lockstep", "line", "control", "cycle", "isolation", "push", "opcua", "modbus", "rehearsal",
    "historian", "sink", "alarms", "access", "screens",
)  # fmt: skip
PACKAGES = ("asyncua", "pymodbus", "numpy", "simple-pid")


def flat(figures: Mapping[str, object], above: str = "") -> Iterator[tuple[str, float]]:
    """Nested figures as one level, names joined."""
    for key, value in figures.items():
        name = f"{above} {key}".strip()
        if isinstance(value, Mapping):
            yield from flat(value, name)
        elif isinstance(value, int | float):
            yield name, float(value)


def main() -> None:
    """Run all benchmarks, or those named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="; ".join(NAMES))
    parser.add_argument("--msamples", type=float, default=100.0, help="history, in millions")
    chosen = parser.parse_args()
    benches: dict[str, Callable[[], Mapping[str, object]]] = {
        "lockstep": bench_lockstep.run,
        "line": bench_line.run,
        "control": bench_control.run,
        "cycle": bench_cycle.run,
        "isolation": bench_isolation.run,
        "push": bench_push.run,
        "opcua": bench_opcua.run,
        "modbus": bench_modbus.run,
        "rehearsal": bench_rehearsal.run,
        "historian": lambda: bench_historian.run(chosen.msamples),
        "sink": bench_sink.run,
        "alarms": bench_alarms.run,
        "access": bench_access.run,
        "screens": bench_screens.run,
    }
    unknown = set(chosen.names) - set(benches)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(benches)}")
    results: dict[str, Mapping[str, object]] = {}
    figures: dict[str, Mapping[str, float]] = {}
    for name in chosen.names or benches:
        results[name] = benches[name]()
        figures[name] = dict(flat(results[name]))
        print(f"\n{name}")
        for key, value in figures[name].items():
            print(f"  {key:50} {value:14.4g}")
        sys.stdout.flush()
    goals = goals_of(results)
    if goals:
        print("\n" + "\n".join(table(goals)))
    about = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{package: version(package) for package in PACKAGES},
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(
        json.dumps({"about": about, "figures": figures, "goals": as_json(goals)}, indent=1) + "\n"
    )
    print(f"\nwritten to {OUT}")


if __name__ == "__main__":
    main()
