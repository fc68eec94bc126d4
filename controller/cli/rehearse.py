"""`dryline rehearse`: a recipe on the simulated plant, in a process of its own."""

import json as json_text
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from controller.cli import SHIPPED_LINE, AsJson, LineFolder
from controller.cli.recipes import RECIPES, Folder, KindName, Which

DEFAULT_MINUTES = 60.0
DEFAULT_OPERATOR_S = 10.0


class Neighbours(StrEnum):
    """What stands beside the station."""

    IDEAL = "ideal"
    STANDING = "standing"
    REAL = "real"


def rehearse(  # noqa: PLR0913, PLR0917 - each is an option of the command
    kind: KindName,
    recipe: Which,
    against: Annotated[
        str, typer.Option(help="Version to compare with, on the same seeds.")
    ] = "",
    faults: Annotated[
        str, typer.Option(help="Faults by name, separated by commas, or NAME@BEGIN+LASTS in "
                          "minutes of production; or a schedule (CSV).")
    ] = "",
    tune: Annotated[
        str, typer.Option(help="Gains of a loop to look at: LOOP=KC,TI_S,TD_S.")
    ] = "",
    present: Annotated[
        str, typer.Option(help="Its present gains, to compare with --tune on the same seeds.")
    ] = "",
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="How many seeds.")] = 1,
    first_seed: Annotated[int, typer.Option(min=0, help="The first of them.")] = 1,
    minutes: Annotated[
        float, typer.Option(min=1.0, max=10080.0, help="Plant minutes of production.")
    ] = DEFAULT_MINUTES,
    operator_delay: Annotated[
        float, typer.Option(min=0.0, help="Seconds until a prompt is confirmed, a trip reset.")
    ] = DEFAULT_OPERATOR_S,
    beside: Annotated[
        list[str] | None,
        typer.Option("--with", help="A real neighbour with a recipe: KIND=NAME@VERSION."),
    ] = None,
    neighbours: Annotated[
        Neighbours,
        typer.Option(help="ideal: never in the way; standing: no production; real: whole line."),
    ] = Neighbours.IDEAL,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for record, trajectory and picture; "
                     "rehearsals/KIND-NAME-VERSION if not given."),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", "--jobs", min=0, help="Processes at once; 0: one a core.")
    ] = 0,
    plants: Annotated[
        int, typer.Option(min=0, max=100_000, help="So many plants that differ as --spread says: "
                          "how sure is the recipe?")
    ] = 0,
    plant: Annotated[
        int | None, typer.Option(min=0, help="One of them alone, by its seed.")
    ] = None,
    spread: Annotated[
        str, typer.Option(help="How plants differ: a TOML file; if not given, the standard one.")
    ] = "",
    least: Annotated[
        float, typer.Option(help="Share of plants that must pass, with 95 % confidence.")
    ] = 0.9,
    recipes: Folder = RECIPES,
    line: LineFolder = SHIPPED_LINE,
    json: AsJson = False,
    tell: Annotated[bool, typer.Option("--tell", hidden=True)] = False,
) -> None:  # fmt: skip
    """Rehearse a recipe on the simulated plant: verdict, figures, trajectory, before it is
    deployed."""
    wish: dict[str, Any] = {
        "kind": kind, "recipe": recipe, "against": against, "faults": faults,
        "tune": tune, "present": present,
        "seeds": seeds, "first_seed": first_seed, "minutes": minutes,
        "operator_s": operator_delay, "neighbours": neighbours.value, "beside": beside or [],
        "out": str(out) if out else None, "json": json,
        "recipes": str(recipes), "line": str(line), "workers": workers, "tell": tell,
        "plants": plants, "plant": plant, "spread": spread, "least": least,
    }  # fmt: skip
    command = [sys.executable, "-m", "plc_sim", "rehearse", json_text.dumps(wish)]
    os.execv(sys.executable, command)  # noqa: S606


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(rehearse)
