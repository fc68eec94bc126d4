"""Commands that only look: tags, watch, status, history, events."""

import csv
import io
import sys
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
    print_json,
    screen,
    span_ns,
    told,
)
from controller.cli.plot import save_plot
from controller.clock import NS
from controller.config import load_line, tag_dictionary
from controller.consoles import ask_station, controlled
from controller.consoles import status as status_of
from controller.core.errors import DrylineError
from controller.core.event import EventKind
from controller.core.sample import quality_text
from controller.history.several import AnyReader, MergedReader
from controller.line import tag_table
from controller.run_folder import histories

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
        for key, x in s["loops"].items():
            text = f"  {key:4} {x['mode']:4} {x['status']:12} PV {x['pv']:9.3f}"
            screen.print(f"{text}  SP {x['sp']:9.3f}  OP {x['out']:9.3f}", highlight=False)
    _print_controllers(answer)


def _print_controllers(answer: dict[str, Any]) -> None:
    """Nothing for a controller of the whole line that is alone, as it is by default."""
    for c in answer["controllers"]:
        if c["part"]:
            since = _clock_text(c["since_ns"])
            text = f"controller of {c['part']}: pid {c['pid']}, since {since}, {c['software']}"
            screen.print(text, markup=False, highlight=False)
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


def history(
    names: Annotated[list[str], typer.Argument(help="Tags, for example ENC.DP.ZONE DHU.FAN.SP")],
    run: RunFolder = Path("run"),
    line: LineFolder = SHIPPED_LINE,
    last: Annotated[str, typer.Option(help="How far back: 90s, 30m, 8h, 29d")] = "1h",
    buckets: Annotated[int, typer.Option(min=0, help="0: raw samples")] = 20,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV on standard output.")] = False,
    png: Annotated[Path | None, typer.Option(help="Plot into this file.")] = None,
    json: AsJson = False,
) -> None:
    """Print, export or plot the history of tags; works while the line runs and when it does not."""
    paths = told(lambda: histories(load_line(line), run))
    length_ns = told(lambda: span_ns(last, "--last"))
    with told(lambda: MergedReader(paths)) as reader:
        ends = [told(lambda n=n: reader.span(n)) for n in names]  # type: ignore[misc]
        missing = [n for n, end in zip(names, ends, strict=True) if end is None]
        if missing:
            told(lambda: _raise(f"no history of {', '.join(missing)}; `dryline tags` lists tags"))
        stop_ns = max(end[1] for end in ends if end) + 1
        start_ns = stop_ns - length_ns
        if png is not None:
            told(lambda: save_plot(reader, names, start_ns, stop_ns, png))
            screen.print(f"{png} written", highlight=False)
            return
        rows = told(
            lambda: [r for n in names for r in _history_rows(reader, n, start_ns, stop_ns, buckets)]
        )
    if json:
        print_json(rows)
    elif as_csv:
        sys.stdout.write(_as_csv(rows))
    else:
        table = Table(*(rows[0] if rows else ["tag"]))
        for r in rows:
            table.add_row(*(_cell(v) for v in r.values()))
        screen.print(table)


def _raise(text: str) -> None:
    raise DrylineError(text)


def _kind(text: str) -> EventKind:
    if text not in list(EventKind):
        raise DrylineError(f"no kind {text!r} of events; kinds: {', '.join(EventKind)}")
    return EventKind(text)


def _history_rows(
    reader: AnyReader, name: str, start_ns: int, stop_ns: int, buckets: int
) -> list[dict[str, Any]]:
    if not buckets:
        series = reader.raw(name, start_ns, stop_ns)
        return [
            {"tag": name, "time": _clock_text(t), "value": v, "quality": quality_text(q)}
            for t, v, q in zip(
                series.time_ns.tolist(), series.values.tolist(), series.quality.tolist(),
                strict=True,
            )
        ]  # fmt: skip
    b = reader.buckets(name, start_ns, stop_ns, buckets)
    return [
        {
            "tag": name,
            "from": _clock_text(int(b.edges_ns[k])),
            "min": _number(b.minimum[k]),
            "max": _number(b.maximum[k]),
            "mean": _number(b.mean[k]),
            "last": _number(b.last[k]),
            "samples": int(b.count[k]),
            "bad": int(b.bad[k]),
        }
        for k in range(len(b.count))
    ]


def _number(value: float) -> float | None:
    return None if value != value else float(value)  # noqa: PLR0124 - NaN marks a gap


def _as_csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else ["tag"])
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def events(
    run: RunFolder = Path("run"),
    line: LineFolder = SHIPPED_LINE,
    station: Annotated[str, typer.Option(help="Only this station.")] = "",
    kind: Annotated[str, typer.Option(help="state, command, link, quality, device ...")] = "",
    limit: Annotated[int, typer.Option(min=1)] = 50,
    json: AsJson = False,
) -> None:
    """Print the newest events: state changes, commands, faults, quality changes."""
    paths = told(lambda: histories(load_line(line), run))
    wanted = told(lambda: _kind(kind)) if kind else None
    with told(lambda: MergedReader(paths)) as reader:
        found = reader.events(station=station or None, kind=wanted, limit=limit)
    if json:
        print_json(
            [
                {"time_ns": e.time_ns, "kind": e.kind.value, "station": e.station,
                 "subject": e.subject, "text": e.text, "actor": e.actor, "data": e.data}
                for e in found
            ]
        )  # fmt: skip
        return
    for e in found:
        who = f" [{e.actor}]" if e.actor else ""
        text = f"{_clock_text(e.time_ns)} {e.station:10} {e.kind.value:9} {e.text}{who}"
        screen.print(text, markup=False, highlight=False, soft_wrap=True)


def _clock_text(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / NS, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (tags, status, watch, history, events):
        app.command()(command)
