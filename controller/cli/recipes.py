"""Commands for recipes: `dryline recipe list|check|show|diff|new|release|obsolete|tags|schema`."""

import getpass
import json as json_library
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from controller.cli import (
    EXIT_FAILED,
    EXIT_INPUT,
    SHIPPED_LINE,
    AsJson,
    LineFolder,
    errors,
    print_json,
    screen,
    told,
)
from controller.clock import SystemClock
from controller.config import load_line
from controller.core.errors import ConfigError, DrylineError, Problem, Refused
from controller.core.recipe import Recipe, RecipeId, Version
from controller.recipe_diff import as_json, diff, rows
from controller.recipe_kind import RecipeKind, recipe_kinds
from controller.recipe_ledger import Entry, replace_file
from controller.recipe_library import SCHEMA, Listed
from controller.recipe_schema import schema_text
from controller.recipe_store import RecipeStore, Rehearsal

Folder = Annotated[Path, typer.Option("--recipes", help="Folder of the recipes.")]
KindName = Annotated[str, typer.Argument(help="enclosure, coater or calender")]
Which = Annotated[str, typer.Argument(help="NAME@VERSION, or NAME for its newest version")]
Actor = Annotated[str, typer.Option("--by", help="Who does it; the user of this machine if left out.")]
Reason = Annotated[str, typer.Option(help="Why; recorded.")]

SHIPPED = Path("recipes")
commands = typer.Typer(no_args_is_help=True, help="Recipes: list, check, compare, release.")


def _store(line: Path, folder: Path) -> tuple[RecipeStore, dict[str, RecipeKind]]:
    kinds = recipe_kinds(load_line(line))
    return RecipeStore(folder, kinds, SystemClock()), kinds


def _require(folder: Path) -> None:
    if not folder.is_dir():
        raise DrylineError(f"no folder {folder}: name the folder of the recipes with --recipes")


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
    recipes: Folder = SHIPPED,
    line: LineFolder = SHIPPED_LINE,
    json: AsJson = False,
) -> None:
    """List every version with its status, who released it and whether its file is right."""
    store, _ = told(lambda: _store(line, recipes))
    told(lambda: _require(recipes))
    found = told(lambda: store.every(kind))
    if json:
        print_json([_listed(x) for x in found])
        return
    table = Table("recipe", "status", "title", "author", "last change", "file")
    for x in found:
        change = f"{x.entry.actor}, {x.entry.time_utc}" if x.entry else ""
        state = f"{len(x.problems)} problem(s)" if x.problems else "right"
        cells = (str(x.id), x.status.value, x.title, x.author, change, state)
        table.add_row(*(escape(c) for c in cells))
    screen.print(table)


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
    recipes: Folder = SHIPPED,
    line: LineFolder = SHIPPED_LINE,
    json: AsJson = False,
) -> None:
    """Check every recipe file; print all mistakes with file, line and column."""
    store, _ = told(lambda: _store(line, recipes))
    told(lambda: _require(recipes))
    problems = told(lambda: store.check(kind, name.partition("@")[0]))
    count = len(told(lambda: store.every(kind, name.partition("@")[0])))
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
    recipes: Folder = SHIPPED,
    line: LineFolder = SHIPPED_LINE,
    json: AsJson = False,
) -> None:
    """Print a version: header, formula, phases, limits, and what happened to it."""
    store, kinds = told(lambda: _store(line, recipes))
    own = told(lambda: store.find(kind, recipe))
    stored = _loaded(lambda: store.load(own))
    history = [e for e in told(lambda: store.ledger(kind, own.name)) if e.version == str(own.version)]
    if json:
        body = _as_plain(stored.recipe)
        body |= {"status": stored.status.value, "content_hash": stored.content_hash}
        print_json(body | {"history": [e.model_dump(mode="json") for e in history]})
        return
    r = stored.recipe
    screen.print(f"{own}  {stored.status}: {r.title}", markup=False, highlight=False)
    screen.print(f"by {r.author}: {r.reason}", markup=False, highlight=False, soft_wrap=True)
    screen.print(f"base {r.base or 'none'}, SHA-256 {stored.content_hash}", highlight=False,
                 soft_wrap=True)  # fmt: skip
    for entry in history:
        screen.print(_told_entry(entry), markup=False, highlight=False, soft_wrap=True)
    _show_formula(r, kinds[kind])
    for number, phase in enumerate(r.phases, 1):
        screen.print(f"{number}. {phase.name}: {phase.title}", markup=False, highlight=False)
        settings = [f"set {tag} = {t}" for tag, t in phase.set.items()]
        waits = [f"wait for {u}" for u in phase.until]
        prompt = [f"tell the operator {phase.prompt.text!r}"] if phase.prompt else []
        after = [f"after {phase.timeout_s:g} s {phase.on_timeout}"]
        for text in (*settings, *(f"ramp {x}" for x in phase.ramps), *prompt, *waits, *after):
            screen.print(f"   {text}", markup=False, highlight=False)
    for tag, limits in r.limits.items():
        given = {k: getattr(limits, k) for k in limits.__dataclass_fields__}
        text = ", ".join(f"{k} {v:g}" for k, v in given.items() if v is not None)
        screen.print(f"alarm {tag}: {text}", markup=False, highlight=False)


def _show_formula(recipe: Recipe, kind: RecipeKind) -> None:
    table = Table("parameter", "value", "allowed", "meaning")
    for p in kind.parameters:
        table.add_row(p.name, str(recipe.formula[p.name]), p.range_text(), p.text)
    screen.print(table)


def _told_entry(entry: Entry) -> str:
    proof = f"rehearsal: {entry.rehearsal}" if entry.rehearsal else ""
    proof = f"without rehearsal: {entry.override}" if entry.override else proof
    text = f"{entry.action} by {entry.actor} at {entry.time_utc}: {entry.reason}"
    return f"{text} ({proof})" if proof else text
