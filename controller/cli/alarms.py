"""Commands around alarms: list, show, acknowledge, shelve, out of service, journal, figures."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from controller.alarms import journal, kpi
from controller.alarms.catalogue import station_alarms
from controller.alarms.states import Move
from controller.alarms.view import LISTS
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
from controller.cli.alarm_text import kpi_rows, row_of, say, shown
from controller.cli.deploy import Actor, ask_of, require_accepted
from controller.clock import NS, SystemClock
from controller.config import load_line
from controller.consoles import status
from controller.core.errors import DrylineError
from controller.history.several import MergedReader
from controller.run_folder import histories

commands = typer.Typer(
    no_args_is_help=True, help="Alarms: what asks for an action, and its record."
)
AlarmId = Annotated[str, typer.Argument(help="Id of the alarm, as COAT.TORQUE.hi")]
Reason = Annotated[str, typer.Option(help="Why; recorded.")]
Remark = Annotated[str, typer.Option("--reason", help="A remark; recorded.")]
Last = Annotated[str, typer.Option(help="How far back from now: 30m, 8h, 7d.")]
Until = Annotated[str, typer.Option(help="Where that ends, back from now: 0s is now.")]


@commands.command("list")
def list_(
    which: Annotated[str, typer.Argument(help=", ".join(LISTS))] = "active",
    station: Annotated[str, typer.Option(help="Only this station.")] = "",
    run: RunFolder = Path("run"),
    json: AsJson = False,
) -> None:
    """List alarms: what asks for an acknowledgement first, then the graver ones."""
    states = told(lambda: _states(which))
    found = [a for a in _all(run, station) if a["state"] in states]
    if json:
        print_json(found)
        return
    if not found:
        say(f"no alarm is {which}" if which != "all" else "all alarms are normal")
        return
    table = Table("", "since", "alarm", "what", "value / limit", "state", "group")
    for alarm in found:
        table.add_row(*row_of(alarm))
    screen.print(table)


def _states(which: str) -> set[str]:
    if which not in LISTS:
        raise DrylineError(f"no list {which!r}; lists: {', '.join(LISTS)}")
    return {state.value for state in LISTS[which]}


def _all(run: Path, station: str = "") -> list[dict[str, Any]]:
    """Every alarm that is not normal, of all controllers, each once."""
    names = [station] if station else list(told(lambda: status(run))["stations"])
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        answer = ask_of(run, name, "", op="alarms")
        for alarm in (*answer["alarms"], *answer.get("line", ())):
            found[alarm["id"]] = {**alarm, "asked": name}
    return sorted(found.values(), key=lambda a: (not a["asks"], a["priority"], -a["since_ns"]))


def _one(run: Path, alarm_id: str) -> dict[str, Any]:
    for alarm in _all(run):
        if alarm["id"] == alarm_id:
            return alarm
    raise DrylineError(f"{alarm_id} is normal, or there is no such alarm; `dryline alarms table`")


@commands.command()
def show(alarm: AlarmId, run: RunFolder = Path("run"), json: AsJson = False) -> None:
    """Show one alarm that is not normal: cause, consequence, and what to do."""
    found = told(lambda: _one(run, alarm))
    if json:
        print_json(found)
        return
    for text in shown(found):
        say(text)


@commands.command()
def table(line: LineFolder = SHIPPED_LINE, station: str = "", json: AsJson = False) -> None:
    """Print every alarm of the line with its limit, priority and response."""
    config = told(lambda: load_line(line))
    rows = [
        {"id": d.id, "station": d.station, "priority": int(d.priority), "limit": d.limit,
         "relative_to": d.reference, "deadband": d.deadband, "on_delay_s": d.on_delay_s,
         "off_delay_s": d.off_delay_s, "group": d.group, "text": d.text, "cause": d.cause,
         "consequence": d.consequence, "action": d.action, "respond_s": d.respond_s}
        for sc in config.stations if station in ("", sc.name)
        for d in station_alarms(sc.kind, sc.name, sc.prefix)
    ]  # fmt: skip
    if json:
        print_json(rows)
        return
    out = Table("", "alarm", "what", "limit", "what to do", "within")
    for r in rows:
        limit = "recipe" if r["limit"] is None else f"{r['limit']:g}"
        within = f"{r['respond_s']:g} s"
        cells = (r["priority"], r["id"], r["text"], limit, r["action"], within)
        out.add_row(*(str(cell) for cell in cells))
    screen.print(out)


@commands.command()
def ack(
    alarm: AlarmId,
    occurrence: Annotated[
        int | None, typer.Option(help="The coming that you saw; by default the newest now.")
    ] = None,
    reason: Remark = "",
    by: Actor = "",
    run: RunFolder = Path("run"),
) -> None:
    """Acknowledge one coming of an alarm."""
    found = told(lambda: _one(run, alarm))
    seen = found["occurrence"] if occurrence is None else occurrence
    _act(run, found, by, act="acknowledge", occurrence=seen, reason=reason)


@commands.command()
def reset(
    alarm: AlarmId, reason: Remark = "", by: Actor = "", run: RunFolder = Path("run")
) -> None:
    """Let go of a latched alarm whose cause has gone."""
    _act(run, told(lambda: _one(run, alarm)), by, act="reset", reason=reason)


@commands.command()
def shelve(
    alarm: AlarmId,
    station: Annotated[str, typer.Option(help="Station of the alarm.")],
    reason: Reason,
    lasting: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, at most 8h.")],
    once: Annotated[bool, typer.Option("--once", help="Only until it has gone once.")] = False,
    by: Actor = "",
    run: RunFolder = Path("run"),
) -> None:
    """Shelve an alarm for a time; it comes back by itself."""
    for_s = told(lambda: span_ns(lasting, "--for")) / NS
    place = {"id": alarm, "asked": station}
    _act(run, place, by, act="shelve", for_s=for_s, one_shot=once, reason=reason)


@commands.command()
def unshelve(
    alarm: AlarmId, reason: Remark = "", by: Actor = "", run: RunFolder = Path("run")
) -> None:
    """Bring a shelved alarm back now."""
    _act(run, told(lambda: _one(run, alarm)), by, act="unshelve", reason=reason)


@commands.command()
def out(
    alarm: AlarmId,
    station: Annotated[str, typer.Option(help="Station of the alarm.")],
    reason: Reason,
    by: Actor = "",
    run: RunFolder = Path("run"),
) -> None:
    """Take an alarm out of service, for repair, until somebody puts it back."""
    _act(run, {"id": alarm, "asked": station}, by, act="take-out", reason=reason)


@commands.command()
def back(alarm: AlarmId, reason: Remark = "", by: Actor = "", run: RunFolder = Path("run")) -> None:
    """Put an alarm back in service."""
    _act(run, told(lambda: _one(run, alarm)), by, act="put-back", reason=reason)


def _act(run: Path, alarm: dict[str, Any], by: str, **request: Any) -> None:
    answer = ask_of(run, alarm["asked"], by, op="alarm", alarm=alarm["id"], **request)
    require_accepted(answer, alarm["id"])
    for text in answer["told"]:
        say(text)


@commands.command("journal")
def journal_(  # noqa: PLR0913, PLR0917 - each is an option of the command
    last: Last = "8h",
    until: Until = "0s",
    station: Annotated[str, typer.Option(help="Only this station.")] = "",
    priority: Annotated[list[int] | None, typer.Option(help="Only these priorities.")] = None,
    move: Annotated[list[str] | None, typer.Option(help="raise, clear, acknowledge ...")] = None,
    text: Annotated[str, typer.Option(help="Part of the id or of the text.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Newest entries shown.")] = 200,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV of the whole window.")] = False,
    run: RunFolder = Path("run"),
    line: LineFolder = SHIPPED_LINE,
    json: AsJson = False,
) -> None:
    """Print every change of state of alarms, the newest last."""
    start_ns, stop_ns = told(lambda: _window(last, until))
    wanted = told(lambda: _filter(station, priority, move, text))
    with told(lambda: _reader(line, run)) as source:
        if as_csv:
            rows = journal.entries(source, start_ns, stop_ns, station)
            for piece in journal.as_csv(e for e in rows if wanted.wants(e)):
                typer.echo(piece, nl=False)
            return
        page = journal.read(source, start_ns, stop_ns, wanted, limit=limit)
    if json:
        print_json([journal.plain(e) for e in page.entries])
        return
    for entry in reversed(page.entries):
        who = f" [{entry.actor}]" if entry.actor else ""
        say(f"{journal.utc_text(entry.time_ns)} {entry.station:10} {entry.text}{who}")
    if page.cursor:
        errors.print(f"older entries left out; --limit above {limit} shows them", markup=False)


@commands.command("kpi")
def kpi_(
    last: Last = "7d",
    until: Until = "0s",
    station: Annotated[str, typer.Option(help="Only this station.")] = "",
    operators: Annotated[int, typer.Option(min=1, help="How many share the alarms.")] = 1,
    run: RunFolder = Path("run"),
    line: LineFolder = SHIPPED_LINE,
    json: AsJson = False,
) -> None:
    """Print how good the alarm system is: rates, floods, stale, chattering, answers."""
    start_ns, stop_ns = told(lambda: _window(last, until))
    with told(lambda: _reader(line, run)) as source:
        found = kpi.report(source, start_ns, stop_ns, station=station, operators=operators)
    if json:
        print_json(found.plain())
        return
    out = Table("figure", "value", "good", "")
    for cells in kpi_rows(found):
        out.add_row(*cells)
    screen.print(out)
    for alarm, n in found.top:
        say(f"{n:6}  {alarm}")


def _window(last: str, until: str) -> tuple[int, int]:
    stop_ns = SystemClock().utc_ns() - span_ns(until, "--until")
    return stop_ns - span_ns(last, "--last"), stop_ns


def _filter(
    station: str, priority: list[int] | None, move: list[str] | None, text: str
) -> journal.Filter:
    try:
        moves = frozenset(Move(m) for m in move or ())
    except ValueError as error:
        raise DrylineError(f"{error}; moves: {', '.join(Move)}") from None
    return journal.Filter(
        station=station, priorities=frozenset(priority or ()), moves=moves, text=text
    )


def _reader(line: Path, run: Path) -> MergedReader:
    return MergedReader(histories(load_line(line), run))


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(commands, name="alarms")
