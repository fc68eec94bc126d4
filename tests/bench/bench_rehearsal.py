"""How long a rehearsal takes: the whole line and each station by itself, one hour of production;
the plant models alone; and a recipe on many plants (goals F1, F2 and F3). With the plant in Python
and with the plant compiled, in turn, each in processes of its own.

python -m tests.bench.bench_rehearsal
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from functools import cache
from math import nan
from typing import Any

from controller.config import load_line
from controller.core.run import MasterRecipe
from controller.recipe_kind import recipe_kinds
from controller.recipe_library import RecipeLibrary
from plc_sim import compiled
from plc_sim.compiling import CompileError, compile_plant
from plc_sim.rehearsal.case import Case, Neighbours
from plc_sim.rehearsal.rehearse import Rehearsal
from plc_sim.rehearsal.seeds import Job, run_all
from plc_sim.rehearsal.spread_file import STANDARD as STANDARD_SPREAD
from plc_sim.rehearsal.spread_file import read_spread
from plc_sim.score import rig
from tests.bench.bench_lockstep import WARM_S, models_speed
from tests.bench.goals import Figure, table
from tests.support.documents import ROOT

LINE = ROOT / "controller" / "lines" / "pilot"
STANDARD = {"enclosure": "standard", "coater": "nmc-standard", "calender": "line-load"}
HOUR_S = 3600.0
PLANTS = ("python", "compiled")


@dataclass(frozen=True)
class Amount:
    """How much is measured. minutes: of production; plant_minutes: the same, of the many plants."""

    minutes: float = 60.0
    plants: int = 8
    plant_minutes: float = 20.0


@dataclass(frozen=True)
class Pace:
    """Plant seconds a CPU second: of rehearsals of the line and of stations by themselves, of the
    models alone, of one recipe on many plants."""

    rehearsals: dict[str, float]
    models: float
    many: float

    def or_better(self, other: "Pace") -> "Pace":
        """The best of both, figure by figure: other programs on the machine must not count."""
        best = {name: max(x, other.rehearsals[name]) for name, x in self.rehearsals.items()}
        return Pace(best, max(self.models, other.models), max(self.many, other.many))


@cache
def _master(kind: str) -> MasterRecipe:
    library = RecipeLibrary(ROOT / "recipes", recipe_kinds(load_line(LINE)))
    stored = library.load(library.find(kind, STANDARD[kind]))
    return MasterRecipe(stored.recipe, stored.content_hash, stored.file.text)


def standard_case(kind: str, minutes: float, *, whole: bool) -> Case:
    """The standard recipe of a station, by itself or in a line of standard recipes."""
    beside = {other: _master(other) for other in STANDARD if other != kind} if whole else {}
    return Case(
        line=LINE, station=kind, master=_master(kind), minutes=minutes, beside=beside,
        neighbours=Neighbours.REAL if whole else Neighbours.IDEAL,
    )  # fmt: skip


def _pace_of(case: Case) -> float:
    """From START to COMPLETED, figures and verdict included."""
    rehearsal = Rehearsal(case)
    begun = time.process_time()
    result = rehearsal.run()
    took_s = time.process_time() - begun
    if not result.verdict.passed:
        raise RuntimeError(f"{result.recipe}: {'; '.join(result.verdict.reasons)}")
    return result.facts.ended_s / took_s


def _many_plants(plants: int, minutes: float) -> float:
    """Plant seconds a CPU second of the calender on plants that differ, workers and their start
    included; the same in any number of processes, since none waits for another."""
    spread = read_spread(STANDARD_SPREAD).of(["calender"])
    case = standard_case("calender", minutes, whole=False)
    jobs = [Job(replace(case, seed=k, drawn=spread.draw(k))) for k in range(1, plants + 1)]
    begun_s = _cpu_s()
    outcomes = run_all(jobs, lambda *_: None, 0)
    took_s = _cpu_s() - begun_s
    lost = [o.error for o in outcomes if o.result is None]
    if lost:
        raise RuntimeError(f"{len(lost)} plants did not run: {lost[0]}")
    return sum(o.result.facts.ended_s for o in outcomes if o.result) / took_s


def _cpu_s() -> float:
    """Of this process and of all its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def _models(seconds: float = 900.0, rounds: int = 3) -> float:
    line = rig()
    line.start()
    line.run(WARM_S)
    return max(models_speed(line, seconds) for _ in range(rounds))


def pace(amount: Amount) -> Pace:
    """What the plant of this process does, measured once."""
    rehearsals = {"three stations": _pace_of(standard_case("coater", amount.minutes, whole=True))}
    for kind in STANDARD:
        case = standard_case(kind, amount.minutes, whole=False)
        rehearsals[f"{kind} alone"] = _pace_of(case)
    return Pace(rehearsals, _models(), _many_plants(amount.plants, amount.plant_minutes))


def _pace_apart(plant: str, amount: Amount) -> Pace:
    words = ["--pace", json.dumps(asdict(amount))]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.bench_rehearsal", *words],
        env=os.environ | {compiled.CHOICE: plant}, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return Pace(**json.loads(done.stdout))


def goals(python: Pace, quick: Pace) -> list[Figure]:
    """F1, F2 and F3: with the plant in Python, and compiled."""
    line, quick_line = (each.rehearsals["three stations"] for each in (python, quick))
    return [
        Figure("F1", "rehearsal of three stations, x real time: the study's goal", line, 500.0,
               better="above"),
        Figure("F1", "the same: what is asked for (stretch 2,000)", line, 1000.0, better="above",
               note=WHY_F1),
        Figure("F1", "the same, after make compiled (stretch 2,000)", quick_line, 1000.0,
               better="above", note=WHY_F1_COMPILED),
        Figure("F2", "plant models alone, in Python, x real time", python.models, 5000.0,
               better="above",
               note="all physics of the three stations, without instruments and PLC programs"),
        Figure("F2", "plant models compiled, x real time", quick.models, 100_000.0, better="above",
               note=WHY_F2_COMPILED),
        Figure("F3", "recipe on many plants, whole stations, plant-s a CPU second", python.many,
               50_000.0, unit="1/s", better="above", note=WHY_F3),
        Figure("F3", "the same, after make compiled", quick.many,
               50_000.0, unit="1/s", better="above"),
    ]  # fmt: skip


WHY_F1 = (
    "a scan of the line in production takes about 134 us (100 for the goal), timed where it runs: "
    "stations 48 (loops 16, own tags to the table 10, alarms 8, recipe and drift 4, values of the "
    "device 4, interlocks 3, steps and link 3), PLC programs at 20 Hz 31 (calender 12, coater 10, "
    "enclosure 9), physics 23, instruments 13, writes to the PLCs 6, couplings 5, reads 3, the "
    "rest 5. The same calls repeated by themselves take half of that: the cost is one pass of much "
    "different code, not one function, and gains measured alone shrink in the line. Next: fewer "
    "steps of the interpreter, or the plant compiled, as in the next row. Debian's build of Python "
    "3.11, which is optimised by profiles as that of these figures is not, is 4 % faster"
)
WHY_F1_COMPILED = (
    "the same sources, translated to C by mypyc, give the same samples bit for bit, which is "
    "proven before they are put in place; the stations of the controller, two thirds of what is "
    "left, stay Python"
)
WHY_F2_COMPILED = (
    "64 % of the time is Python's own library, which mypyc keeps for numbers in lists, names of "
    "modules (14 %) and calls of what is not compiled; 26 % is the compiled model, 8 % exp and "
    "pow. Next: constants declared Final, numbers in arrays. The figure of the study is one "
    "function over arrays, made by numba from another text of the model"
)
WHY_F3 = (
    "each plant is a rehearsal of the real station code, so a core does about what F1 says for one "
    "station; cores add up. 50,000 needs arrays of plants; as the study measured it that is the "
    "model without controller, which cannot say whether a recipe passes"
)


def run(
    minutes: float = 60.0, rounds: int = 2, plants: int = 8, plant_minutes: float = 20.0
) -> dict[str, Any]:
    """Best of some rounds in CPU time; what cannot be compiled is told, and has no figures."""
    amount = Amount(minutes, plants, plant_minutes)
    best: dict[str, Pace] = {}
    chosen = PLANTS
    try:
        compile_plant()
    except (CompileError, OSError, subprocess.SubprocessError) as error:
        print(f"without a compiled plant: {error}")
        chosen = PLANTS[:1]
    for _ in range(rounds):
        for plant in chosen:
            found = _pace_apart(plant, amount)
            best[plant] = found.or_better(best.get(plant, found))
    figures: dict[str, Any] = {plant: _told(each, plants) for plant, each in best.items()}
    none = Pace(dict.fromkeys(best["python"].rehearsals, nan), nan, nan)
    return figures | {"goals": goals(best["python"], best.get("compiled", none))}


def _told(found: Pace, plants: int) -> dict[str, float]:
    told: dict[str, float] = {}
    for name, speed in found.rehearsals.items():
        told[f"{name}, an hour of plant time, s"] = HOUR_S / speed
        told[f"{name}, x real time"] = speed
    told["plant models alone, x real time"] = found.models
    told[f"{plants} plants of a calender, plant-s a CPU second"] = found.many
    return told


def main() -> None:
    """Print the figures; those of this process alone as JSON, if that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pace", type=json.loads, help="an Amount, as JSON")
    chosen = parser.parse_args()
    if chosen.pace:
        print(json.dumps(asdict(pace(Amount(**chosen.pace)))))
        return
    figures = run()
    found = figures.pop("goals")
    for plant, told in figures.items():
        for name, value in told.items():
            print(f"{plant:8} {name:55} {value:10.2f}")
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
