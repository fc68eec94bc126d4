"""Interlocks of the controller on the command line: list, bypass, restore. The PLC's own stay."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from controller.cli import AsJson, RunFolder, print_json, screen, span_ns, told
from controller.cli.operate import command
from controller.clock import NS
from controller.consoles import controlled, status

commands = typer.Typer(
    no_args_is_help=True, help="Interlocks of the controller: what they see, bypassing one."
)
Station = Annotated[str, typer.Argument(help="enclosure, coater, calender ...")]
Name = Annotated[str, typer.Argument(help='Name of the interlock, as "torque" or "door 1 open"')]
Reason = Annotated[str, typer.Option(help="Why; recorded.")]


@commands.command("list")
def list_(station: Station = "", run: RunFolder = Path("run"), json: AsJson = False) -> None:
    """List permissives and trips with their live values, and what is bypassed until when."""
    state = told(lambda: status(run))
    found = {station: told(lambda: controlled(state, station))} if station else state["stations"]
    rows = {name: said["interlocks"] for name, said in found.items()}
    if json:
        print_json(rows)
        return
    table = Table("station", "interlock", "kind", "is", "must be / trips when", "", "what to do")
    for name, interlocks in rows.items():
        for row in interlocks:
            cells = (name, row["name"], row["kind"], row["shown"], row["wanted"])
            table.add_row(*map(escape, (*cells, _mark(row), row["remedy"])))
    screen.print(table)


@commands.command()
def bypass(
    station: Station,
    name: Name,
    reason: Reason,
    lasting: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, at most 8h.")],
    run: RunFolder = Path("run"),
    json: AsJson = False,
) -> None:
    """Put an interlock of the controller out of force for a time; an alarm stands meanwhile."""
    for_s = told(lambda: span_ns(lasting, "--for")) / NS
    command(run, station, json, verb="BYPASS", target=name, value=for_s, reason=reason)


@commands.command()
def restore(
    station: Station, name: Name, reason: Reason, run: RunFolder = Path("run"), json: AsJson = False
) -> None:
    """End a bypass before its time."""
    command(run, station, json, verb="UNBYPASS", target=name, reason=reason)


def remarkable(interlocks: list[dict[str, Any]]) -> Iterator[str]:
    """What a person must know of the interlocks of a station: what tripped it, what is bypassed."""
    for row in interlocks:
        if row["latched"]:
            first = "first-out trip" if row["first_out"] else "trip"
            yield f"{first} {row['name']}: {row['text']} is {row['shown']}, {_means(row)}"
        if row["bypass"]:
            yield f"BYPASSED {row['name']} {_until(row['bypass'])}; it is {row['shown']}"


def _means(row: dict[str, Any]) -> str:
    return f"trips when {row['wanted']}"


def _mark(row: dict[str, Any]) -> str:
    if row["bypass"]:
        return f"BYPASSED {_until(row['bypass'])}"
    if row["latched"]:
        return "FIRST OUT" if row["first_out"] else "TRIPPED"
    return "" if row["ok"] else "NOT MET"


def _until(bypass: dict[str, Any]) -> str:
    end = datetime.fromtimestamp(bypass["until_ns"] / NS, UTC).strftime("%m-%d %H:%M:%SZ")
    return f"by {bypass['actor']} until {end}: {bypass['reason']}"


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(commands, name="interlocks")
