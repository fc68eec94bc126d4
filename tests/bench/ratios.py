"""The ratios that `make test` watches: ours to a thin loop beside it, in CPU time.

    python -m tests.bench ratios            measures and prints them beside those kept
    python -m tests.bench ratios --keep     writes what it measured into tests/bench/ratios.toml
    python -m tests.bench.ratios NAME       one of them, as a line of JSON

Both loops run in the same process and the same seconds, in turn (A B A B), and the medians of their
CPU times make the ratio: so neither the speed of the machine nor its load is in it.
"""

import asyncio
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from plc_sim import compiled
from tests.bench.machine import about
from tests.bench.ratio_pairs import PAIRS

FILE = Path(__file__).with_name("ratios.toml")
ROUNDS = 5
WORSE = 2.0  # so many times the ratio kept is a regression
LIMIT_S = 60.0
HEAD = """\
# Ours to the thin loop beside it, CPU time to CPU time; tests/bench/ratios.py says how. `make test`
# fails when one of them has become twice as bad. Take them anew, and say why in the commit, with
#     python -m tests.bench ratios --keep
"""


async def measure(name: str, rounds: int = ROUNDS) -> float:
    """The ratio of one pair: medians of alternating turns, after one turn of each to warm up."""
    ours: list[float] = []
    thin: list[float] = []
    async with PAIRS[name].open() as (our_turn, thin_turn):
        await our_turn()
        await thin_turn()
        for _ in range(rounds):
            ours.append(await our_turn())
            thin.append(await thin_turn())
    return median(ours) / median(thin)


def apart(name: str) -> float:
    """The same in a fresh process, in which nothing else has filled the memory."""
    done = subprocess.run(
        (sys.executable, "-m", "tests.bench.ratios", name),
        cwd=FILE.parents[2],
        env=os.environ | {compiled.CHOICE: "python"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr.strip()}")
    return float(json.loads(done.stdout)["ratio"])


def kept(file: Path = FILE) -> dict[str, float]:
    """The ratios in the file, by name."""
    found = tomllib.loads(file.read_text(encoding="utf-8"))["ratios"]
    return {name: float(ratio) for name, ratio in found.items()}


def write(found: dict[str, float], file: Path = FILE) -> None:
    """Write the ratios with machine, versions and day."""
    taken = [f"{key} = {json.dumps(value)}" for key, value in about().items()]
    lines = [f"{name} = {ratio:.3g}  # {PAIRS[name].what}" for name, ratio in found.items()]
    parts = (HEAD, "[taken]", *taken, "", "[ratios]", *lines)
    file.write_text("\n".join(parts) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Judged:
    """One ratio and whether it has become twice as bad as the one kept."""

    name: str
    ratio: float
    before: float | None

    @property
    def worse(self) -> bool:
        """Beyond the bound."""
        return self.before is not None and self.ratio > WORSE * self.before

    def __str__(self) -> str:
        beside = ""
        if self.before is not None:
            beside = f"   kept {self.before:8.3g}, fails above {WORSE * self.before:8.3g}"
        return f"{self.name:12} {PAIRS[self.name].what:52} {self.ratio:8.3g}{beside}"


def judged(name: str, before: Mapping[str, float], ask: Callable[[str], float] = apart) -> Judged:
    """Measured; once more, with rounds of its own, before it is called worse."""
    found = Judged(name, ask(name), before.get(name))
    return Judged(name, ask(name), before.get(name)) if found.worse else found


def show(*, keep: bool) -> int:
    """Measure all, print them, and keep them if asked; 1 when one has become twice as bad."""
    before = kept() if FILE.exists() else {}
    found = []
    for name in PAIRS:
        found.append(judged(name, before))
        print(found[-1], flush=True)
    if keep:
        write({each.name: each.ratio for each in found})
        print(f"written to {FILE}")
        return 0
    return int(any(each.worse for each in found))


if __name__ == "__main__":
    print(json.dumps({"ratio": asyncio.run(measure(sys.argv[1]))}))
