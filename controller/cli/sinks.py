"""Commands for sinks: `dryline sink list|quarantine|retry`."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from controller.cli import (
    SHIPPED_LINE,
    AsJson,
    LineFolder,
    RunFolder,
    print_json,
    screen,
    told,
)
from controller.clock import NS, SystemClock
from controller.config import load_line
from controller.sinks.ledger import Entry
from controller.sinks.ledger_reader import quarantine as quarantine_of
from controller.sinks.ledger_reader import send_again
from controller.sinks.places import SinkPlaces, all_places
from controller.sinks.status import read_status

commands = typer.Typer(no_args_is_help=True, help="Sinks: what history is sent to outside.")
SHOWN_LINE = 100

SinkName = Annotated[str, typer.Argument(help="Name of a sink of line.toml")]
Part = Annotated[
    str, typer.Option(help="Part of the line that a controller of its own runs, as coater.")
]


@commands.command("list")
def list_(
    line: LineFolder = SHIPPED_LINE, run: RunFolder = Path("run"), json: AsJson = False
) -> None:
    """List the sinks of the line: what each does, what waits, what was refused or given up."""
    config = told(lambda: load_line(line))
    now_s = SystemClock().link_s()
    found = [
        (places.part, sink.kind, read_status(places.status, sink.name, now_s))
        for sink in config.sinks
        for places in all_places(run, sink.name)
    ]
    if json:
        rows = [
            asdict(status) | {"kind": kind, "part": part, "state": status.state.name.lower()}
            for part, kind, status in found
        ]
        print_json(rows)
        return
    if not found:
        screen.print("No sinks: add [sinks.NAME] to line.toml.", markup=False, highlight=False)
        return
    table = Table(
        "sink", "state", "waits", "age", "events", "sent", "retried", "quarantine", "dropped"
    )
    for part, _, s in found:
        name = f"{s.name} ({part})" if part else s.name
        figures = (s.events_queue, s.sent, s.retried, s.quarantined, s.dropped)
        table.add_row(name, s.state.name.lower(), str(s.queue), f"{s.age_s:.1f} s",
                      *(str(n) for n in figures))  # fmt: skip
    screen.print(table)
    for _, _, s in found:
        if s.reason:
            screen.print(f"{s.name}: {s.reason}", markup=False, highlight=False, soft_wrap=True)


@commands.command()
def quarantine(
    sink: SinkName,
    run: RunFolder = Path("run"),
    part: Part = "",
    limit: Annotated[int, typer.Option(min=1, help="Newest entries shown.")] = 20,
    full: Annotated[bool, typer.Option("--full", help="Every line, as it was sent.")] = False,
    json: AsJson = False,
) -> None:
    """List what the server of a sink refused, and why; newest first."""
    entries = told(lambda: quarantine_of(SinkPlaces(run, sink, part).ledger, limit))
    if json:
        print_json([e._asdict() | {"body": e.body.split("\n")} for e in entries])
        return
    if not entries:
        screen.print("Nothing is in quarantine.", highlight=False)
    for entry in entries:
        _show(entry, full)


def _show(entry: Entry, full: bool) -> None:
    when = datetime.fromtimestamp(entry.time_ns / NS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    again = ", is sent again" if entry.again else ""
    head = f"{entry.id}  {when}  {entry.lines} line(s) of {entry.origin}{again}: {entry.reason}"
    screen.print(head, markup=False, highlight=False, soft_wrap=True)
    lines = entry.body.split("\n")
    for text in lines if full else lines[:1]:
        cut = text if full or len(text) <= SHOWN_LINE else text[:SHOWN_LINE] + "..."
        screen.print(f"    {cut}", markup=False, highlight=False, soft_wrap=True)


@commands.command()
def retry(
    sink: SinkName,
    entry: Annotated[
        list[int] | None, typer.Option("--id", help="Only this entry; may be given several times.")
    ] = None,
    run: RunFolder = Path("run"),
    part: Part = "",
) -> None:
    """Send refused lines once more, after the server or its data was mended."""
    lines = told(lambda: send_again(SinkPlaces(run, sink, part).ledger, entry or []))
    screen.print(f"{lines} line(s) are sent again; what is refused again comes back",
                 highlight=False)  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(commands, name="sink")
