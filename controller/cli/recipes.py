"""Commands for recipes: `dryline recipe list|check|show|diff|new|release|obsolete|tags|schema`."""

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from controller.cli import (
    EXIT_FAILED,
    EXIT_INPUT,
    SHIPPED_LINE,
    AsJson,
    LineFolder,
    RunFolder,
    errors,
    print_json,
    screen,
)
from controller.clock import SystemClock
from controller.config import load_line
from controller.core.errors import ConfigError, DrylineError, Problem, Refused
from controller.core.recipe import Recipe, Target, Version
from controller.recipe_diff import Proven, as_json, diff, rows
from controller.recipe_file import as_plain
from controller.recipe_kind import RecipeKind, recipe_kinds
from controller.recipe_ledger import Action, Entry
from controller.recipe_library import SCHEMA, Listed
from controller.recipe_schema import schema_text
from controller.recipe_store import RecipeStore
from controller.run_store import STORE, RunReader
from controller.runs.recipe_changes import proven_ranges
from controller.whole_file import replace_file

Folder = Annotated[Path, typer.Option("--recipes", help="Folder of the recipes.")]
KindName = Annotated[str, typer.Argument(help="enclosure, coater or calender")]
Which = Annotated[str, typer.Argument(help="NAME@VERSION, or NAME for its newest version")]
Actor = Annotated[str, typer.Option("--by", help="Who does it, if not the user of this machine.")]
Reason = Annotated[str, typer.Option(help="Why; recorded.")]

Result = TypeVar("Result")
RECIPES = Path("recipes")
commands = typer.Typer(no_args_is_help=True, help="Recipes: list, check, compare, release.")


def store_of(line: Path, folder: Path) -> tuple[RecipeStore, dict[str, RecipeKind]]:
    """The recipes of a folder, for a line; DrylineError when there is no such folder."""
    kinds = recipe_kinds(load_line(line))
    if not folder.is_dir():
        raise DrylineError(f"no folder {folder}: name the folder of the recipes with --recipes")
    return RecipeStore(folder, kinds, SystemClock()), kinds


def tell_recipe_errors(work: Callable[[], Result]) -> Result:
    """Run; wrong files and refusals become lines on standard error and an exit code."""
    try:
        return work()
    except ConfigError as error:
        _problems(list(error.problems))
        raise typer.Exit(EXIT_INPUT) from None
    except Refused as error:
        errors.print(f"refused ({error.code})", style="red", highlight=False)
        for reason in error.reasons:
            errors.print(f"  - {reason}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(EXIT_FAILED) from None
    except DrylineError as error:
        errors.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(EXIT_FAILED) from None


def _row(p: Problem) -> dict[str, Any]:
    column = getattr(p, "column", None)
    return {"file": p.file, "line": p.line, "column": column, "field": p.field,
            "value": p.value, "message": p.message}  # fmt: skip


def _problems(problems: list[Problem]) -> None:
    for p in problems:
        errors.print(str(p), style="red", markup=False, highlight=False, soft_wrap=True)
    errors.print(f"{len(problems)} problem(s).", markup=False, highlight=False)


@commands.command("list")
def list_recipes(
    kind: Annotated[str, typer.Argument(help="Only this kind.")] = "",
    recipes: Folder = RECIPES,
    line: LineFolder = SHIPPED_LINE,
    json: AsJson = False,
) -> None:
    """List every version with its status, who released it and whether its file is right."""
    store, _ = tell_recipe_errors(lambda: store_of(line, recipes))
    found = tell_recipe_errors(lambda: store.every(kind))
    if json:
        print_json([_listed(x) for x in found])
        return
    for x in found:
        say(f"{x.id!s:34}  {x.status.value:8}  {x.title}".rstrip())
        if x.entry:
            say(f"  {x.entry.action} by {x.entry.actor} at {x.entry.time_utc}: {x.entry.reason}")
        if x.problems:
            say(f"  {len(x.problems)} problem(s): `dryline recipe check` tells them")


def say(text: str) -> None:
    screen.print(text, markup=False, highlight=False, soft_wrap=True)


def _listed(x: Listed) -> dict[str, Any]:
    return {
        "recipe": str(x.id), "kind": x.id.kind, "name": x.id.name, "version": str(x.id.version),
        "status": x.status.value, "title": x.title, "author": x.author,
        "last": x.entry.model_dump(mode="json") if x.entry else None,
        "problems": [_row(p) for p in x.problems],
    }  # fmt: skip


@commands.command()
def check(
    kind: Annotated[str, typer.Argument(help="Only this kind.")] = "",
    name: Annotated[str, typer.Argument(help="Only this recipe.")] = "",
    recipes: Folder = RECIPES,
    line: LineFolder = SHIPPED_LINE,
    json: AsJson = False,
) -> None:
    """Check every recipe file; print all mistakes with file, line and column."""
    store, _ = tell_recipe_errors(lambda: store_of(line, recipes))
    problems = tell_recipe_errors(lambda: store.check(kind, name.partition("@")[0]))
    count = len(tell_recipe_errors(lambda: store.every(kind, name.partition("@")[0])))
    if json:
        print_json({"ok": not problems, "versions": count, "problems": [_row(p) for p in problems]})
    elif problems:
        _problems(problems)
    else:
        screen.print(f"{count} version(s) are right.", highlight=False)
    if problems:
        raise typer.Exit(EXIT_INPUT)


@commands.command()
def show(
    kind: KindName,
    recipe: Which,
    recipes: Folder = RECIPES,
    line: LineFolder = SHIPPED_LINE,
    json: AsJson = False,
) -> None:
    """Print a version: header, formula, phases, limits, and what happened to it."""
    store, kinds = tell_recipe_errors(lambda: store_of(line, recipes))
    own = tell_recipe_errors(lambda: store.find(kind, recipe))
    stored = tell_recipe_errors(lambda: store.load(own))
    entries = tell_recipe_errors(lambda: store.ledger(kind, own.name))
    history = [e for e in entries if e.version == str(own.version)]
    if json:
        body = as_plain(stored.recipe)
        body |= {"status": stored.status.value, "content_hash": stored.content_hash}
        print_json(body | {"history": [e.model_dump(mode="json") for e in history]})
        return
    r = stored.recipe
    screen.print(
        f"{own}  {stored.status}: {r.title}", markup=False, highlight=False, soft_wrap=True
    )
    screen.print(f"by {r.author}: {r.reason}", markup=False, highlight=False, soft_wrap=True)
    screen.print(f"base {r.base or 'none'}, SHA-256 {stored.content_hash}", highlight=False,
                 soft_wrap=True)  # fmt: skip
    for entry in history:
        screen.print(told_entry(entry), markup=False, highlight=False, soft_wrap=True)
    _show_formula(r, kinds[kind])
    _show_phases(r)
    for tag, limits in r.limits.items():
        given = {k: getattr(limits, k) for k in limits.__dataclass_fields__}
        text = ", ".join(f"{k} {v:g}" for k, v in given.items() if v is not None)
        screen.print(f"alarm {tag}: {text}", markup=False, highlight=False)


def _show_phases(r: Recipe) -> None:
    for number, phase in enumerate(r.phases, 1):
        screen.print(f"{number}. {phase.name}: {phase.title}", markup=False, highlight=False)
        settings = [f"set {tag} to {_shown(t)}" for tag, t in phase.set.items()]
        ramps = [
            f"ramp {r.tag} to {_shown(r.target)} by {r.rate_per_min:g} a minute"
            for r in phase.ramps
        ]
        waits = [f"wait for {u}" for u in phase.until]
        prompt = [f"tell the operator {phase.prompt.text!r}"] if phase.prompt else []
        after = [f"after {phase.timeout_s:g} s {phase.on_timeout}"]
        for text in (*settings, *ramps, *prompt, *waits, *after):
            screen.print(f"   {text}", markup=False, highlight=False)


def _shown(target: Target) -> str:
    number = target.label or f"{target.value:g}"
    return f"{number} (={target.parameter})" if target.parameter else number


def _show_formula(recipe: Recipe, kind: RecipeKind) -> None:
    table = Table("parameter", "value", "allowed", "meaning")
    for p in kind.parameters:
        table.add_row(p.name, str(recipe.formula[p.name]), p.range_text(), p.text)
    screen.print(table)


def told_entry(entry: Entry) -> str:
    """'release by grace at 2026-01-01T00:00:00Z: good runs (rehearsal: passed; unsigned)'."""
    brought = f" brought by {entry.brought_by}" if entry.brought_by else ""
    proof = [f"rehearsal{brought}: {entry.rehearsal}"] if entry.rehearsal else []
    proof = [f"without rehearsal: {entry.override}"] if entry.override else proof
    if entry.signature is not None:
        proof.append(f"signed, audit record {entry.signature.get('number')}")
    elif entry.action is Action.RELEASE:
        proof.append("unsigned")
    text = f"{entry.action} by {entry.actor} at {entry.time_utc}: {entry.reason}"
    return f"{text} ({'; '.join(proof)})" if proof else text


@commands.command("diff")
def compare(
    kind: KindName,
    old: Which,
    new: Annotated[str, typer.Argument(help="NAME@VERSION, or VERSION of the same name")],
    recipes: Folder = RECIPES,
    run: RunFolder = Path("run"),
    line: LineFolder = SHIPPED_LINE,
    json: AsJson = False,
) -> None:
    """Say in process words what changed between two versions, and how risky each change is."""
    store, kinds = tell_recipe_errors(lambda: store_of(line, recipes))
    first = tell_recipe_errors(lambda: store.find(kind, old))
    second = tell_recipe_errors(
        lambda: store.find(kind, f"{first.name}@{new}" if new[:1].isdigit() else new)
    )
    one, two = (
        tell_recipe_errors(lambda: store.load(first)),
        tell_recipe_errors(lambda: store.load(second)),
    )
    found = diff(one.recipe, two.recipe, kinds[kind], _proven(run, kinds[kind], kinds))
    if json:
        print_json(as_json(found))
        return
    say(f"{found.old} -> {found.new}: {found.reason}")
    if found.empty:
        screen.print("nothing that the process would notice", highlight=False)
        return
    table = Table("what", "old", "new", "unit", "change", "risk")
    for row in rows(found):
        table.add_row(*(escape(cell) for cell in row))
    screen.print(table)
    screen.print(f"highest risk: {found.risk.value}", highlight=False)


def _proven(run: Path, kind: RecipeKind, kinds: dict[str, RecipeKind]) -> Proven:
    """What the completed runs of a run folder have proven; nothing where there is none."""
    if not (run / STORE).is_file():
        return {}

    def ranges() -> Proven:
        with RunReader(run / STORE) as reader:
            return proven_ranges(reader.good_recipes(kind.name), kinds)

    return tell_recipe_errors(ranges)


@commands.command()
def tags(
    kind: KindName,
    line: LineFolder = SHIPPED_LINE,
    json: AsJson = False,
) -> None:
    """List the tags a recipe of a kind may set, wait for, or have alarm limits for."""
    kinds = tell_recipe_errors(lambda: recipe_kinds(load_line(line)))
    if kind not in kinds:
        errors.print(f"no kind {kind!r}; kinds: {', '.join(kinds)}", style="red", highlight=False)
        raise typer.Exit(EXIT_FAILED)
    usable = [t for t in kinds[kind].tags.values() if t.settable or t.readable]
    if json:
        print_json(
            [
                {"tag": t.name, "text": t.text, "unit": t.unit, "low": t.low, "high": t.high,
                 "labels": list(t.labels), "set": t.settable, "wait": t.readable,
                 "alarm": t.alarmable}
                for t in usable
            ]
        )  # fmt: skip
        return
    table = Table("tag", "set", "wait", "alarm", "takes", "meaning")
    for t in usable:
        uses = ("yes" if use else "" for use in (t.settable, t.readable, t.alarmable))
        table.add_row(t.name, *uses, t.range_text(), t.text)
    screen.print(table)


@commands.command()
def schema(
    recipes: Folder = RECIPES,
    line: LineFolder = SHIPPED_LINE,
    only_check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when a schema is not current.")
    ] = False,
) -> None:
    """Write the JSON Schema of each kind beside its recipes: editors complete and check by it."""
    _, kinds = tell_recipe_errors(lambda: store_of(line, recipes))
    stale = False
    for name, kind in kinds.items():
        path, text = recipes / name / SCHEMA, schema_text(kind)
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale = True
        if only_check:
            errors.print(f"{path} is not current: run `dryline recipe schema`", highlight=False)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, text)
            screen.print(f"{path} written", highlight=False)
    if stale and only_check:
        raise typer.Exit(EXIT_FAILED)


@commands.command()
def new(
    kind: KindName,
    base: Which,
    version: Annotated[str, typer.Argument(help="Number of the new version, as 1.2.0")],
    reason: Reason,
    author: Actor = "",
    name: Annotated[str, typer.Option(help="Name of the new recipe, if another one.")] = "",
    recipes: Folder = RECIPES,
    line: LineFolder = SHIPPED_LINE,
) -> None:
    """Make a draft from a version, ready to be edited."""
    store, _ = tell_recipe_errors(lambda: store_of(line, recipes))
    origin = tell_recipe_errors(lambda: store.find(kind, base))
    number = tell_recipe_errors(lambda: _number(version))
    who = author or getpass.getuser()
    path = tell_recipe_errors(lambda: store.create(origin, number, who, reason, name))
    say(f"{path} is a draft: edit it, then `dryline recipe check`")


def _number(version: str) -> Version:
    try:
        return Version.parse(version)
    except ValueError as error:
        raise DrylineError(f"version {version!r} {error}") from None


def add_to(app: typer.Typer) -> None:
    """Register the group of commands."""
    app.add_typer(commands, name="recipe")
