"""The command: from names to cases, a progress bar, the report, files and the exit code.

Without `--out` the files go to `rehearsals/KIND-NAME-VERSION/` below the current folder: a release
asks for the record in there. A rehearsal with `--faults` writes another file there, which no
release takes.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from math import inf
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from controller.config import LineConfig, load_line
from controller.core.errors import ConfigError, DrylineError, Refused
from controller.core.recipe import RecipeId
from controller.core.run import BUILT_IN, MasterRecipe
from controller.recipe_diff import diff
from controller.recipe_kind import RecipeKind, recipe_kinds
from controller.recipe_library import RecipeLibrary, Stored
from plc_sim.plant import STATIONS
from plc_sim.rehearsal.case import Case, Neighbours
from plc_sim.rehearsal.files import write, write_study
from plc_sim.rehearsal.kinds import station_kind
from plc_sim.rehearsal.many import Study
from plc_sim.rehearsal.many_text import show_study, study_as_plain
from plc_sim.rehearsal.plain import as_plain
from plc_sim.rehearsal.report import Report
from plc_sim.rehearsal.screen import show
from plc_sim.rehearsal.seeds import Job, Outcome, run_all
from plc_sim.rehearsal.spread import Spread
from plc_sim.rehearsal.spread_file import STANDARD, read_spread
from plc_sim.rehearsal.tuning import read_gains
from plc_sim.rehearsal.upsets import read_upsets

EXIT_PASSED, EXIT_FAILED, EXIT_INPUT, EXIT_INTERRUPTED = 0, 1, 2, 130
OUT = Path("rehearsals")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asks for. beside: KIND=NAME@VERSION each; out: None for the usual;
    recipe: "built-in" for the procedure of the kind; plants: so many, spread as `spread` says;
    plant: the seed of one of them, alone; tune: gains to look at, as ENC.L1=20,90,0;
    present: those to compare with; tell: progress as lines of JSON on standard error."""

    kind: str
    recipe: str
    against: str = ""
    faults: str = ""
    tune: str = ""
    present: str = ""
    seeds: int = 1
    first_seed: int = 1
    minutes: float = 60.0
    operator_s: float = 10.0
    neighbours: Neighbours = Neighbours.IDEAL
    beside: tuple[str, ...] = ()
    out: Path | None = None
    json: bool = False
    recipes: Path
    line: Path
    workers: int = 0
    tell: bool = False
    plants: int = 0
    plant: int | None = None
    spread: str = ""
    least: float = 0.9


def read_wish(text: str) -> Wish:
    """A wish from JSON; ValueError when it is none."""
    return TypeAdapter(Wish).validate_json(text)


def run_command(wish: Wish) -> int:
    """Do it; returns the exit code. Wrong input becomes lines on standard error."""
    errors = Console(stderr=True, emoji=False)

    def say(text: str) -> None:
        errors.print(text, style="red", markup=False, highlight=False, soft_wrap=True)

    try:
        task = _task(wish)
        return _many(wish, task, errors) if wish.plants else _few(wish, task, errors)
    except ConfigError as error:
        for problem in error.problems:
            say(str(problem))
        say(f"{len(error.problems)} problem(s); nothing was rehearsed.")
        return EXIT_INPUT
    except Refused as error:
        for reason in error.reasons:
            say(reason)
        return EXIT_INPUT
    except (DrylineError, LookupError, ValueError, OSError) as error:
        say(str(error).strip("'\""))
        return EXIT_INPUT
    except KeyboardInterrupt:
        say("interrupted; nothing was written")
        return EXIT_INTERRUPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What a wish comes to. folder: for the files."""

    case: Case
    new: Stored | None
    old: Stored | None
    spread: Spread | None
    folder: Path
    kinds: Mapping[str, RecipeKind]
    prefix: str


def _task(wish: Wish) -> _Task:
    _check_plants(wish)
    config = load_line(wish.line)
    kinds = recipe_kinds(config)
    if not wish.recipes.is_dir():
        raise DrylineError(f"no folder {wish.recipes}: name that of the recipes with --recipes")
    library = RecipeLibrary(wish.recipes, kinds)
    new, old = _versions(library, wish)
    station = _station(config, wish.kind)
    case = Case(
        line=wish.line, station=station, master=_master(new) if new else None, seed=wish.first_seed,
        minutes=wish.minutes, operator_s=wish.operator_s,
        neighbours=Neighbours.REAL if wish.beside else wish.neighbours,
        beside=dict(_beside(library, config, text, station) for text in wish.beside),
        upsets=tuple(read_upsets(wish.faults, station, wish.minutes)),
        gains=read_gains(wish.tune) if wish.tune else None,
    )  # fmt: skip
    _check(case, config)
    spread = _spread(wish, case)
    if wish.plant is not None and spread is not None:
        case = replace(case, seed=wish.plant, drawn=spread.draw(wish.plant))
    folder = wish.out or OUT / _folder_name(wish.kind, new)
    folder.mkdir(parents=True, exist_ok=True)  # now, not after an hour of work in vain
    return _Task(case=case, new=new, old=old, spread=spread, folder=folder, kinds=kinds,
                 prefix=config.station(station).prefix)  # fmt: skip


def _check_plants(wish: Wish) -> None:
    """Options that say something about other plants go with no others of another question."""
    plants = "--plants" if wish.plants else "--plant" if wish.plant is not None else ""
    if wish.plants and wish.plant is not None:
        raise DrylineError("--plants and --plant: many plants, or one of them alone")
    if wish.spread and not plants:
        raise DrylineError("--spread: say how many plants with --plants, or which with --plant")
    if not 0.0 < wish.least < 1.0:
        raise DrylineError(f"--least {wish.least:g}: must be above 0 and below 1")
    if plants and (wish.against or wish.tune or wish.seeds != 1):
        raise DrylineError(f"{plants} does not go together with --against, --tune and --seeds")


def _spread(wish: Wish, case: Case) -> Spread | None:
    """What is spread of the stations that are simulated; None when no other plant is asked for."""
    if not wish.plants and wish.plant is None:
        return None
    every = read_spread(wish.spread or STANDARD)
    stations = STATIONS if case.neighbours is Neighbours.REAL else (case.station,)
    spread = every.of(stations)
    if not spread.rows:
        raise DrylineError(f"{every.title}: spreads nothing of {', '.join(stations)}")
    return spread


def _few(wish: Wish, task: _Task, errors: Console) -> int:
    """One seed or some, with the usual report."""
    case, old, new = task.case, task.old, task.new
    jobs = _jobs(case, wish.seeds)
    if old is not None:
        jobs += _jobs(replace(case, master=_master(old)), wish.seeds)
    elif wish.tune and wish.present:
        jobs += _jobs(replace(case, gains=read_gains(wish.present)), wish.seeds)
    outcomes = _run(wish, jobs, errors)
    kind, prefix = station_kind(wish.kind), task.prefix
    report = Report(
        outcomes=tuple(outcomes[: wish.seeds]), against=tuple(outcomes[wish.seeds :]),
        diff=diff(old.recipe, new.recipe, task.kinds[wish.kind]) if old and new else None,
        not_modelled=kind.NOT_MODELLED, software=version("dryline"),
        curves={
            title: [prefix + n if n.startswith(".") else n for n in names]
            for title, names in kind.CURVES
        },
    )  # fmt: skip
    notes = write(report, task.folder, kind, prefix)
    if wish.json:
        _print_json(as_plain(report))
    else:
        screen = Console(emoji=False)
        show(report, screen)
        for note in notes:
            screen.print(note, markup=False, highlight=False, soft_wrap=True)
    return EXIT_PASSED if report.passed else EXIT_FAILED


def _many(wish: Wish, task: _Task, errors: Console) -> int:
    """Many plants; passed when the confidence says that enough of them pass."""
    case, spread = task.case, task.spread
    if spread is None:
        raise ValueError("many plants need a spread")
    seeds = range(wish.first_seed, wish.first_seed + wish.plants)
    jobs = [Job(replace(case, seed=seed, drawn=spread.draw(seed))) for seed in seeds]
    outcomes = _run(wish, jobs, errors)
    study = Study(outcomes=tuple(outcomes), spread=spread, least=wish.least)
    title, found = (str(case.master.recipe.id), case.master.content_hash) if case.master else (
        BUILT_IN, "")  # fmt: skip
    plain = study_as_plain(study, title, found, version("dryline"))
    written = write_study(plain, task.folder)
    if wish.json:
        _print_json(plain)
    else:
        screen = Console(emoji=False)
        again = f"dryline rehearse {wish.kind} {wish.recipe} --minutes {wish.minutes:g}"
        again += f" --spread {wish.spread}" if wish.spread else ""
        show_study(study, screen, again)
        screen.print(written, markup=False, highlight=False, soft_wrap=True)
    return EXIT_PASSED if study.enough else EXIT_FAILED


def _run(wish: Wish, jobs: Sequence[Job], errors: Console) -> list[Outcome]:
    run = _with_lines if wish.tell else _with_bar
    return run(jobs, wish.workers, errors)


def _print_json(plain: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(plain, indent=1, allow_nan=False) + "\n")


def _versions(library: RecipeLibrary, wish: Wish) -> tuple[Stored | None, Stored | None]:
    """What is rehearsed, None for the built-in procedure, and what it is compared with."""
    if wish.recipe == BUILT_IN:
        if wish.against:
            raise DrylineError("the built-in procedure is compared with no recipe")
        return None, None
    own = library.find(wish.kind, wish.recipe)
    old = library.load(_other(library, own, wish.against)) if wish.against else None
    return library.load(own), old


def _folder_name(kind: str, stored: Stored | None) -> str:
    if stored is None:
        return f"{kind}-{BUILT_IN}"
    own = stored.recipe.id
    return f"{own.kind}-{own.name}-{own.version}"


def _master(stored: Stored) -> MasterRecipe:
    return MasterRecipe(stored.recipe, stored.content_hash, stored.file.text)


def _other(library: RecipeLibrary, own: RecipeId, text: str) -> RecipeId:
    """A version of the same recipe, or NAME@VERSION of another."""
    return library.find(own.kind, f"{own.name}@{text}" if text[:1].isdigit() else text)


def _station(config: LineConfig, kind: str) -> str:
    """The first station of a kind that the plant model knows."""
    for station in config.stations:
        if station.kind == kind and station.name in STATIONS:
            return station.name
    known = ", ".join(STATIONS)
    raise DrylineError(f"the plant model knows the stations {known}, none of them is a {kind} here")


def _beside(
    library: RecipeLibrary, config: LineConfig, text: str, own: str
) -> tuple[str, MasterRecipe]:
    kind, sign, recipe = text.partition("=")
    if not sign:
        raise DrylineError(f"--with {text}: give KIND=NAME@VERSION, as enclosure=standard@1.0.0")
    station = _station(config, kind)
    if station == own:
        raise DrylineError(f"--with {text}: {station} is the station that rehearses")
    return station, _master(library.load(library.find(kind, recipe)))


def _check(case: Case, config: LineConfig) -> None:
    """What would otherwise be found out in every worker."""
    simulated = {s.name for s in config.stations} if case.neighbours is Neighbours.REAL else {
        case.station
    }  # fmt: skip
    for upset in case.upsets:
        if upset.fault.station not in simulated:
            told = "add --neighbours real, so that its station is simulated"
            raise DrylineError(f"fault {upset.fault.station} {upset.fault.name}: {told}")
        if not upset.for_s > 0.0 or (upset.for_s == inf and upset.from_production):
            raise DrylineError(f"fault {upset.fault.name}: it must last longer than 0 s")


def _jobs(case: Case, seeds: int) -> list[Job]:
    return [Job(replace(case, seed=case.seed + k), keep_trace=k == 0) for k in range(seeds)]


def _with_bar(jobs: Sequence[Job], workers: int, errors: Console) -> list[Outcome]:
    """Run with one bar over the plant time of all."""
    columns = (TextColumn("{task.description}"), BarColumn(),
               TextColumn("{task.percentage:3.0f} %"), TimeRemainingColumn())  # fmt: skip
    quiet = not errors.is_terminal
    with Progress(*columns, console=errors, transient=True, disable=quiet) as progress:
        bar: TaskID = progress.add_task("rehearsing", total=None)
        share = [0.0] * len(jobs)

        def moved(job: int, done_s: float, all_s: float) -> None:
            share[job] = min(1.0, done_s / all_s)
            text = f"seed {jobs[job].case.seed}: {done_s / 3600.0:.1f} h of plant time"
            progress.update(bar, completed=sum(share), total=len(jobs), description=text)

        return run_all(jobs, moved, workers)


def _with_lines(jobs: Sequence[Job], workers: int, errors: Console) -> list[Outcome]:
    """The same for a program: a line of JSON for every hundredth that is done."""
    share = [0.0] * len(jobs)
    told = -1

    def moved(job: int, done_s: float, all_s: float) -> None:
        nonlocal told
        share[job] = min(1.0, done_s / all_s)
        hundredth = int(100.0 * sum(share) / len(jobs))
        if hundredth > told:
            told = hundredth
            errors.file.write(json.dumps({"done_pct": hundredth, "plant_s": done_s}) + "\n")
            errors.file.flush()

    return run_all(jobs, moved, workers)
