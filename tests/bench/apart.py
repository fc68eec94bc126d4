"""Each benchmark in a process of its own: one that fails or hangs costs the others nothing.

    python -m tests.bench.apart MODULE:FUNCTION [--arguments JSON] --into FILE

calls the function and keeps what it returns in FILE.
"""

import argparse
import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from plc_sim import compiled
from tests.bench.goals import Figure, goals_of

MARK = "DRYLINE_BENCH"
GRACE_S = 10.0  # to die in, after the kill
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Outcome:
    """What became of one benchmark: its figures by name, its goals, or why there are none."""

    figures: Mapping[str, float] = field(default_factory=dict)
    goals: tuple[Figure, ...] = ()
    failure: str = ""


def flat(figures: Mapping[str, object], above: str = "") -> Iterator[tuple[str, float]]:
    """Nested figures as one level, names joined."""
    for key, value in figures.items():
        name = f"{above} {key}".strip()
        if isinstance(value, Mapping):
            yield from flat(value, name)
        elif isinstance(value, int | float):
            yield name, float(value)


def run_apart(target: str, arguments: Mapping[str, object], limit_s: float) -> Outcome:
    """Run "module:function" in a process of its own, which may take `limit_s` seconds.

    What it prints is seen at once. It and all it started are killed in the end.
    """
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "result.json"
        words = ("--arguments", json.dumps(arguments), "--into", str(into))
        command = (sys.executable, "-m", "tests.bench.apart", target, *words)
        mark = f"{MARK}={uuid.uuid4().hex}"
        # A plant that somebody compiled is measured only by the benchmark that says so.
        environment = os.environ | {compiled.CHOICE: "python"} | dict([mark.split("=")])
        with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
            try:
                code = process.wait(limit_s)
            except subprocess.TimeoutExpired:
                return Outcome(failure=f"no result within {limit_s:g} s")
            finally:
                _end_all(mark.encode())
                process.kill()
                process.wait(GRACE_S)
        if code:
            return Outcome(failure=f"ended with {code}; its own words are above")
        return _read(into)


def _end_all(mark: bytes) -> None:
    """Kill every process whose environment has the mark: some have sessions of their own."""
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in environment.read_bytes():
                os.kill(int(environment.parent.name), signal.SIGKILL)


def _read(into: Path) -> Outcome:
    kept = json.loads(into.read_text(encoding="utf-8"))
    return Outcome(kept["figures"], tuple(Figure(**goal) for goal in kept["goals"]))


def main() -> None:
    """Call one function and keep its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--arguments", type=json.loads, default={})
    parser.add_argument("--into", type=Path, required=True)
    chosen = parser.parse_args()
    module, _, function = chosen.target.partition(":")
    result = getattr(importlib.import_module(module), function)(**chosen.arguments)
    goals = [asdict(goal) for goal in goals_of({"": result})]
    kept = {"figures": dict(flat(result)), "goals": goals}
    chosen.into.write_text(json.dumps(kept), encoding="utf-8")


if __name__ == "__main__":
    main()
