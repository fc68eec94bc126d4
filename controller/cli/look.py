"""Commands that only look: tags, watch, status; and those of `history`."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from controller.cli import (
    SHIPPED_LINE,
    AsJson,
    LineFolder,
    RunFolder,
    errors,
    history,
    print_json,
    screen,
    told,
)
from controller.cli.alarm_text import alarms_told
from controller.cli.interlocks import remarkable
from controller.clock import NS
from controller.config import load_line, tag_dictionary
from controller.consoles import ask_station, controlled
from controller.consoles import status as status_of
from controller.core.errors import DrylineError
from controller.line import tag_table

REFRESH_S = 0.5
COLUMN_WIDTH = 55


def tags(
    station: Annotated[str, typer.Argument(help="Only this station.")] = "",
    line: LineFolder = SHIPPED_LINE,
    json: AsJson = False,
) -> None:
    """Print the tag dictionary: every tag with unit, range, writer, address."""
    config = told(lambda: load_line(line))
    rows = tag_dictionary(config)
    known = {r["name"] for r in rows}
    rows += [
        {
            **dict.fromkeys(rows[0], ""),
            "name": tag.name,
            "station": tag.station,
            "description": tag.description,
            "unit": tag.unit,
            "low": tag.low,
            "high": tag.high,
            "kind": tag.kind.value,
            "writer": tag.writer.value,
        }
        for tag in tag_table(config).tags
        if tag.name not in known
    ]
    names = list(dict.fromkeys(r["station"] for r in rows))
    if station and station not in names:
        told(lambda: _raise(f"no station {station!r}; stations: {', '.join(map(str, names))}"))
    rows = [r for r in rows if not station or r["station"] == station]
    if json:
        print_json(rows)
        return
    table = Table("tag", "unit", "low", "high", "writer", "address", "description")
    for r in rows:
        cells = [r["name"], r["unit"], r["low"], r["high"], r["writer"], r["address"]]
        table.add_row(*(_cell(c) for c in cells), str(r["description"]))
    screen.print(table)


def _cell(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def status(run: RunFolder = Path("run"), json: AsJson = False) -> None:
    """Print what every station does and what it waits for, and who controls it."""
    answer = told(lambda: status_of(run))
    if json:
        print_json(answer)
        return
    for name, s in answer["stations"].items():
        link = "link up" if s["link_up"] else "NO LINK"
        told_by = escape(s["reason"])  # may hold what a person typed
        screen.print(f"[bold]{name}[/bold]  {s['state']}  {link}  {told_by}", highlight=False)
        if s["step"]:
            screen.print(f"  step {s['step']}, times out in {s['left_s']:g} s", highlight=False)
        for reason in s["waiting_for"]:
            screen.print(f"  waits for {reason}", markup=False, highlight=False)
        _print_alarms(s)
        for key, x in s["loops"].items():
            text = f"  {key:4} {x['mode']:4} {x['status']:12} PV {x['pv']:9.3f}"
            screen.print(f"{text}  SP {x['sp']:9.3f}  OP {x['out']:9.3f}", highlight=False)
    _print_controllers(answer)


def _print_alarms(s: dict[str, Any]) -> None:
    """How many alarms ask for somebody, and interlocks that have tripped or are bypassed."""
    alarms = s.get("alarms", {})
    if alarms.get("active") or alarms.get("shelved") or alarms.get("out-of-service"):
        screen.print(f"  {alarms_told(alarms)}", style="red", markup=False, highlight=False)
    for text in remarkable(s.get("interlocks", [])):
        screen.print(f"  {text}", style="red", markup=False, highlight=False, soft_wrap=True)


def _print_controllers(answer: dict[str, Any]) -> None:
    """Nothing for a controller of the whole line that is alone, as it is by default."""
    for c in answer["controllers"]:
        if c["part"]:
            since = _clock_text(c["since_ns"])
            text = f"controller of {c['part']}: pid {c['pid']}, since {since}, {c['software']}"
            screen.print(text, markup=False, highlight=False)
        _print_priority(c.get("real_time", {}))
        for name in c.get("insecure", ()):
            banner = f" INSECURE: {name} is read and written without encryption or password "
            errors.print(banner, style="bold white on red", markup=False, highlight=False)
        for alarm in c.get("alarms", ()):
            errors.print(f"ALARM {alarm['tag']}: {alarm['text']}", style="red", highlight=False)
            errors.print(f"  to do: {alarm['action']}", markup=False, highlight=False)
        for name, reads in c["reads"].items():
            link = "link up" if reads["link_up"] else "NO LINK"
            screen.print(f"  reads {', '.join(reads['tags'])} of {name}: {link}", highlight=False)
    for part in answer["silent"]:
        whose = part or "the whole line"
        errors.print(f"the controller of {whose} does not answer", style="red", highlight=False)
    for name in answer["uncontrolled"]:
        how = f"`dryline controller --station {name}`"
        errors.print(f"{name}  NOBODY CONTROLS IT; start {how}", style="red", highlight=False)


def _print_priority(real_time: dict[str, Any]) -> None:
    """Nothing where none is asked for."""
    if real_time.get("refused"):
        errors.print(real_time["refused"], style="red", markup=False, highlight=False)
    elif real_time.get("wanted"):
        text = f"control has real-time priority {real_time['wanted']}"
        screen.print(text, markup=False, highlight=False)


def watch(
    station: Annotated[str, typer.Argument(help="enclosure, coater or calender")],
    run: RunFolder = Path("run"),
    pattern: Annotated[str, typer.Option(help="Only tags that contain this text.")] = "",
    once: Annotated[bool, typer.Option("--once", help="Print once and leave.")] = False,
) -> None:
    """Live table of a station; bad values are marked, never shown as good."""
    if once:
        screen.print(told(lambda: _live_table(run, station, pattern)))
        return

    def show() -> None:
        with Live(_live_table(run, station, pattern), console=screen, screen=True) as live:
            while True:
                time.sleep(REFRESH_S)
                live.update(_live_table(run, station, pattern))

    try:
        told(show)
    except KeyboardInterrupt:
        raise typer.Exit from None


def _live_table(run: Path, station: str, pattern: str) -> Table:
    head = controlled(status_of(run), station)
    answer = ask_station(run, station, {"op": "tags", "station": station})
    clock = _clock_text(answer["time_ns"])
    title = f"{station}  {head['state']}"
    title += f", step {head['step']}" if head["step"] else ""
    alarms = head.get("alarms", {})
    title += f", {alarms_told(alarms)}" if alarms.get("active") else ""
    rows = [r for r in answer["tags"] if pattern.upper() in r["tag"]]
    lines = max(5, screen.height - 5)
    columns = max(1, min(screen.width // COLUMN_WIDTH, -(-len(rows) // lines)))
    table = Table(title=escape(f"{title}  {clock}  {head['reason']}"), pad_edge=False)
    for _ in range(columns):
        table.add_column("tag", no_wrap=True)
        table.add_column("value", justify="right", no_wrap=True)
        table.add_column("quality", no_wrap=True)
    depth = -(-len(rows) // columns) if rows else 0
    for k in range(depth):
        cells: list[str] = []
        for c in range(columns):
            r = rows[c * depth + k] if c * depth + k < len(rows) else None
            cells += _row_cells(r) if r else ["", "", ""]
        table.add_row(*cells)
    return table


def _row_cells(r: dict[str, Any]) -> list[str]:
    value = r["text"] or f"{r['value']:.6g} {r['unit']}".rstrip()
    if r["quality"].startswith("Bad"):
        return [r["tag"], f"[strike]{value}[/strike]", f"[bold red]{r['quality']}[/bold red]"]
    if r["quality"].startswith("Uncertain"):
        return [r["tag"], value, f"[yellow]{r['quality']}[/yellow]"]
    return [r["tag"], value, ""]


def _raise(text: str) -> None:
    raise DrylineError(text)


def _clock_text(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / NS, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (tags, status, watch):
        app.command()(command)
    history.add_to(app)
