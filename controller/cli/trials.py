"""Commands around trials: new, start, end, list, show, and the feedback lead time."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from controller.cli import (
    EXIT_INPUT,
    SHIPPED_LINE,
    AsJson,
    LineFolder,
    RunFolder,
    errors,
    print_json,
    screen,
    told,
)
from controller.cli.compare import compare
from controller.cli.deploy import (
    Actor,
    StationName,
    ask_of,
    expected_by,
    require_accepted,
)
from controller.cli.recipes import RECIPES, Folder, store_of, tell_recipe_errors
from controller.cli.signing import PasswordFile
from controller.clock import NS
from controller.core.recipe import RecipeId, Version
from controller.found_run import find_trial
from controller.recipe_store import RecipeStore
from controller.run_store import STORE, RunReader
from controller.runs.lead_time import Lead, by_month, leads, of_trials

commands = typer.Typer(no_args_is_help=True, help="Trials: a small change with a way back.")
MAX_CHANGES = 20


@commands.command()
def new(
    kind: Annotated[str, typer.Argument(help="Kind of station, as coater")],
    base: Annotated[str, typer.Argument(help="NAME@VERSION that the trial starts from")],
    change: Annotated[
        list[str], typer.Option("--set", help="PARAMETER=VALUE, in the unit of the recipe.")
    ],
    question: Annotated[str, typer.Option(help="What the trial shall answer; the change reason.")],
    by: Actor = "",
    name: Annotated[str, typer.Option(help="Name of the recipe; by default BASE-trial.")] = "",
    recipes: Folder = RECIPES,
    line: LineFolder = SHIPPED_LINE,
) -> None:
    """Derive the recipe of a trial: a draft, to be rehearsed and released like any other."""
    store, _ = tell_recipe_errors(lambda: store_of(line, recipes))
    origin = tell_recipe_errors(lambda: store.find(kind, base))
    own = name or f"{origin.name}-trial"
    changes = dict(_change(text) for text in change)
    version = _next(store, kind, own, origin)
    path = tell_recipe_errors(
        lambda: store.create(origin, version, by or getpass.getuser(), question, own, changes)
    )
    _say(f"{path} is a draft of {own}@{version}")
    _say(f"next: dryline rehearse {kind} {own}@{version}, then `dryline recipe release`")


def _change(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not found or not key.strip() or not value.strip():
        errors.print(f"--set {text!r}: expected PARAMETER=VALUE, as nip_energy=80", markup=False)
        raise typer.Exit(EXIT_INPUT)
    return key.strip(), value.strip()


def _next(store: RecipeStore, kind: str, name: str, base: RecipeId) -> Version:
    """The next minor version of the name; greater than the base where the name is the same."""
    used = [*store.versions(kind, name), *([base.version] if base.name == name else [])]
    newest = max(used, default=None)
    return Version(newest.major, newest.minor + 1, 0) if newest else Version(1, 0, 0)


@commands.command()
def start(  # noqa: PLR0913, PLR0917 - an argument for each option
    station: StationName,
    recipe: Annotated[str, typer.Argument(help="NAME@VERSION of the trial recipe, released")],
    question: Annotated[str, typer.Option(help="What the trial shall answer.")],
    minutes: Annotated[float | None, typer.Option(help="Window, from the first EXECUTE.")] = None,
    metres: Annotated[float | None, typer.Option(help="Window, from the first EXECUTE.")] = None,
    by: Actor = "",
    password_file: PasswordFile = None,
    run: RunFolder = Path("run"),
    json: AsJson = False,
) -> None:
    """Deploy a trial recipe; its base comes back by itself when the window is over."""
    answer = ask_of(
        run, station, by, password_file, op="trial", recipe=recipe, question=question,
        minutes=minutes,
        metres=metres, reason=question, expected=expected_by(run, station, None),
    )  # fmt: skip
    if json:
        print_json(answer)
    require_accepted(answer, station)
    if not json:
        text = (
            f"{station}: {answer['trial']} waits for START; {answer['base']} comes back by itself"
        )
        screen.print(text, markup=False, highlight=False, soft_wrap=True)


@commands.command()
def end(
    station: StationName,
    reason: Annotated[str, typer.Option(help="Why; recorded.")],
    by: Actor = "",
    run: RunFolder = Path("run"),
) -> None:
    """End the trial of a station now: its run is completed, the base is deployed."""
    answer = ask_of(run, station, by, op="trial_end", reason=reason)
    require_accepted(answer, station)
    screen.print(f"{answer['trial']} ends", markup=False, highlight=False)


@commands.command("list")
def list_(run: RunFolder = Path("run"), json: AsJson = False) -> None:
    """List all trials, with the hours from their last sample to the deployment they led to."""
    trials, found = told(lambda: _read(run))
    lead = of_trials(found)
    if json:
        print_json([{**t, "lead_h": lead.get(str(t["id"]))} for t in trials])
        return
    for t in trials:
        window = f"{t['minutes']:g} min" if t["minutes"] is not None else f"{t['metres']:g} m"
        hours = lead.get(t["id"])
        _say(f"{t['id']}  {t['how'] if t['ended_ns'] else 'open'}")
        _say(f"  {t['question']}")
        _say(f"  {t['recipe']} after {t['base']} for {window}, run {t['run'] or 'not begun'}")
        if hours is not None:
            _say(f"  its result was used {hours:.2f} h after its last sample")


def _say(text: str) -> None:
    screen.print(text, markup=False, highlight=False, soft_wrap=True)


def _read(run: Path) -> tuple[list[dict[str, Any]], list[Lead]]:
    with RunReader(run / STORE) as reader:
        return list(reader.trials()), leads(reader.deployments(), reader.runs())


@commands.command()
def show(
    trial: Annotated[str, typer.Argument(help="Id of a trial, or its beginning")],
    run: RunFolder = Path("run"),
    json: AsJson = False,
) -> None:
    """Show one trial."""
    trials, found = told(lambda: _read(run))
    one = told(lambda: find_trial(trials, trial))
    one |= {"lead_h": of_trials(found).get(one["id"])}
    if json:
        print_json(one)
        return
    for key, value in one.items():
        shown = _time(value) if key.endswith("_ns") and value else value
        screen.print(f"{key:12} {shown}", markup=False, highlight=False, soft_wrap=True)


def _time(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / NS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def lead(
    station: Annotated[str, typer.Option(help="Only this station.")] = "",
    run: RunFolder = Path("run"),
    json: AsJson = False,
) -> None:
    """Show the feedback lead time: last sample of a run to the deployment that uses its result."""
    _, found = told(lambda: _read(run))
    found = [x for x in found if not station or x.station == station]
    months = by_month(found)
    if json:
        print_json(
            {
                "deployments": [
                    {"station": x.station, "deployment": x.number, "recipe": x.recipe,
                     "run": x.run, "trial": x.trial, "hours": x.hours} for x in found
                ],
                "months": [
                    {"station": m.station, "month": m.month, "n": m.n, "mean_h": m.mean,
                     "median_h": m.median, "longest_h": m.longest} for m in months
                ],
            }
        )  # fmt: skip
        return
    if not found:
        screen.print("No deployment names the run it was made because of: deploy with --because.",
                     highlight=False)  # fmt: skip
        return
    for x in found:
        what = f"{x.station}: deployment {x.number}, {x.recipe.rpartition('/')[2]}"
        _say(f"{what}, {x.hours:.2f} h after run {x.run}")
    table = Table("month", "station", "n", "mean, h", "median, h", "longest, h")
    for m in months:
        figures = (f"{h:.2f}" for h in (m.mean, m.median, m.longest))
        table.add_row(m.month, m.station, str(m.n), *figures)
    screen.print(table)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    commands.command()(compare)
    app.add_typer(commands, name="trial")
    app.command()(lead)
