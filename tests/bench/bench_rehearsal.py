"""How long a rehearsal takes: the whole line and each station by itself, one hour of production.

python -m tests.bench.bench_rehearsal
"""

import time
from functools import cache

from controller.config import load_line
from controller.core.run import MasterRecipe
from controller.recipe_kind import recipe_kinds
from controller.recipe_library import RecipeLibrary
from plc_sim.rehearsal.case import Case, Neighbours
from plc_sim.rehearsal.rehearse import Rehearsal
from tests.support.documents import ROOT

LINE = ROOT / "controller" / "lines" / "pilot"
STANDARD = {"enclosure": "standard", "coater": "nmc-standard", "calender": "line-load"}
HOUR_S = 3600.0


@cache
def _master(kind: str) -> MasterRecipe:
    library = RecipeLibrary(ROOT / "recipes", recipe_kinds(load_line(LINE)))
    stored = library.load(library.find(kind, STANDARD[kind]))
    return MasterRecipe(stored.recipe, stored.content_hash, stored.file.text)


def _case(kind: str, minutes: float, *, whole: bool) -> Case:
    beside = {other: _master(other) for other in STANDARD if other != kind} if whole else {}
    return Case(
        line=LINE, station=kind, master=_master(kind), minutes=minutes, beside=beside,
        neighbours=Neighbours.REAL if whole else Neighbours.IDEAL,
    )  # fmt: skip


def _timed(case: Case) -> tuple[float, float]:
    """CPU seconds and plant seconds from START to COMPLETED, figures and verdict included."""
    rehearsal = Rehearsal(case)
    begun = time.process_time()
    result = rehearsal.run()
    took_s = time.process_time() - begun
    if not result.verdict.passed:
        raise RuntimeError(f"{result.recipe}: {'; '.join(result.verdict.reasons)}")
    return took_s, result.facts.ended_s


def run(minutes: float = 60.0, rounds: int = 2) -> dict[str, float]:
    """Best of some rounds in CPU time: other programs on the machine must not count."""
    figures = {}
    cases = {"three stations": _case("coater", minutes, whole=True)}
    cases |= {f"{kind} alone": _case(kind, minutes, whole=False) for kind in STANDARD}
    for name, case in cases.items():
        took_s, plant_s = min(_timed(case) for _ in range(rounds))
        figures[f"{name}, an hour of plant time, s"] = took_s * HOUR_S / plant_s
        figures[f"{name}, START to COMPLETED ({plant_s / 60.0:.0f} min), s"] = took_s
        figures[f"{name}, x real time"] = plant_s / took_s
    return figures


def main() -> None:
    """Print the figures."""
    for name, value in run().items():
        print(f"{name:55} {value:10.2f}")


if __name__ == "__main__":
    main()
