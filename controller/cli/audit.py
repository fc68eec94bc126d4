"""Commands for the audit trail: `dryline audit show|verify|export|accept`."""

import getpass
import json as json_text
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from controller.access.identity import TERMINAL
from controller.audit.anchor import Anchor, AnchorFile, AnchorState, default_anchor
from controller.audit.check import check
from controller.audit.export import as_json, csv_lines, utc_text
from controller.audit.moment import moments
from controller.audit.outside import heads_in
from controller.audit.reading import Wish, matching, newest
from controller.audit.record import Category, Entry, Record, Result
from controller.audit.trail import TRAIL, Trail
from controller.audit.verify import Verification
from controller.cli import (
    EXIT_FAILED,
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
from controller.clock import WallClock
from controller.config import load_line
from controller.core.errors import DrylineError
from controller.core.event import EventKind
from controller.history.several import MergedReader
from controller.run_folder import histories
from controller.runs.bundle_check import printable

AnchorFolder = Annotated[
    Path | None,
    typer.Option("--anchors", help="Folder of the anchor, if it is not the usual one."),
]
OfActor = Annotated[str, typer.Option("--actor", help="Only what this user did.")]
OfCategory = Annotated[Category | None, typer.Option("--category", help="Only this category.")]
OfStation = Annotated[str, typer.Option("--station", help="Only this station.")]
Since = Annotated[str, typer.Option("--since", help="Not older than this, for example 8h.")]

commands = typer.Typer(no_args_is_help=True, help="The audit trail: show, verify, export.")


class Format(StrEnum):
    """Of an export."""

    CSV = "csv"
    JSON = "json"


def _wish(actor: str, category: Category | None, station: str, since: str) -> Wish:
    from_ns = WallClock().utc_ns() - span_ns(since, "--since") if since else None
    return Wish(actor=actor, category=category, station=station, from_ns=from_ns)


def _trail_path(run: Path) -> Path:
    path = run / TRAIL
    if not path.exists():
        raise DrylineError(f"{path}: there is no audit trail here")
    return path


@commands.command()
def show(
    run: RunFolder = Path("run"), actor: OfActor = "", category: OfCategory = None,
    station: OfStation = "", since: Since = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest ones.")] = 50,
    json: AsJson = False,
) -> None:  # fmt: skip
    """Print the newest records: who did what, when, from where, why, and what came of it."""
    wish = told(lambda: _wish(actor, category, station, since))
    records = told(lambda: newest(_trail_path(run), wish, limit))
    if json:
        print_json([as_json(record) for record in records])
        return
    for record in records:
        _say(_told(record))


def _told(record: Record) -> str:
    entry = record.entry
    who = f"{entry.actor or 'program'}{f' ({entry.source})' if entry.source else ''}"
    what = " ".join(x for x in (entry.action, entry.station, entry.target) if x)
    change = ""
    if entry.old is not None or entry.new is not None:
        change = f": {_value(entry.old)} -> {_value(entry.new)}"
    became = entry.result.value
    if entry.result in (Result.REFUSED, Result.FAILED) and entry.code != "ok":
        became += f" ({entry.code})"
    more = "; ".join(x for x in (entry.detail, f"reason: {entry.reason}" if entry.reason else "")
                     if x)  # fmt: skip
    head = f"{record.number:>6} {utc_text(record.moment.utc_ns)} {entry.category.value:9}"
    return f"{head} {who}: {what}{change} [{became}]{f' {more}' if more else ''}"


def _value(value: object) -> str:
    return "-" if value is None else str(value)


@commands.command("verify")
def verify_(
    run: RunFolder = Path("run"), line: LineFolder = SHIPPED_LINE,
    anchors: AnchorFolder = None,
    head: Annotated[
        list[str] | None,
        typer.Option(help="NUMBER:HASH as it was noted elsewhere; may be given several times."),
    ] = None,
    json: AsJson = False,
) -> None:  # fmt: skip
    """Find any change of the trail and name the first bad record; exit code 1 if there is one.

    Compared with its anchor, the heads that the history keeps, and those given with --head.
    """
    path = run / TRAIL
    anchor = default_anchor(path, anchors)
    more = told(lambda: [*(_head(text) for text in head or []), *_in_history(run, line)])
    found, state = told(lambda: check(path, anchor, more))
    trouble = _about_anchor(anchor, state)
    if json:
        print_json(_verification(found, trouble))
    else:
        _print_verification(path, found, trouble)
    raise typer.Exit(0 if found.intact and not trouble else EXIT_FAILED)


def _in_history(run: Path, line: Path) -> list[Anchor]:
    """Heads that this run folder's histories keep; none where nothing was recorded yet."""
    there = [path for path in histories(load_line(line), run) if path.exists()]
    if not there:
        return []
    with MergedReader(there) as history:
        return heads_in(history.events(kind=EventKind.SYSTEM))


def _head(text: str) -> Anchor:
    number, _, content_hash = text.partition(":")
    if not number.isdigit() or len(content_hash) != 64:
        raise DrylineError(f"--head {text!r}: NUMBER:HASH, as `dryline audit verify` prints it")
    return Anchor(int(number), content_hash.lower(), "--head")


def _about_anchor(anchor: AnchorFile, state: AnchorState) -> str:
    match state:
        case AnchorState.MISSING:
            return f"no anchor at {anchor.path}: a trail that was cut off or exchanged looks whole"
        case AnchorState.DAMAGED:
            return f"the anchor {anchor.path} is damaged"
    return ""


def _verification(found: Verification, trouble: str) -> dict[str, Any]:
    finding = found.finding
    return {
        "intact": found.intact and not trouble, "records": found.records,
        "head": None if found.head is None else f"{found.head.number}:{found.head.hash}",
        "first_bad": None if finding is None else finding.number,
        "damage": None if finding is None else finding.damage.value,
        "text": finding.text if finding else "", "anchor": trouble, "notes": list(found.notes),
    }  # fmt: skip


def _print_verification(path: Path, found: Verification, trouble: str) -> None:
    for note in found.notes:
        _say(f"note: {note}")
    for text in (found.finding.text if found.finding else "", trouble):
        if text:
            errors.print(printable(text), style="red", markup=False, highlight=False,
                         soft_wrap=True)  # fmt: skip
    if found.finding is not None:
        _say(f"first bad record: {found.finding.number} ({found.finding.damage.value})")
    elif found.head is not None:
        _say(f"{path}: {found.records} records, every one as it was written")
        _say(f"head {found.head.number}:{found.head.hash}")


@commands.command()
def export(
    out: Annotated[Path, typer.Argument(help="File to write.")],
    run: RunFolder = Path("run"), actor: OfActor = "", category: OfCategory = None,
    station: OfStation = "", since: Since = "",
    format_: Annotated[Format, typer.Option("--format", help="CSV or JSON lines.")] = Format.CSV,
) -> None:  # fmt: skip
    """Write records into a file; that somebody did so is a record too."""
    wish = told(lambda: _wish(actor, category, station, since))

    def work() -> int:
        records = list(matching(_trail_path(run), wish))
        with Trail(run / TRAIL, moments()) as trail:
            trail.append(
                Entry(
                    category=Category.EXPORT, action="export audit trail",
                    actor=getpass.getuser(), source=TERMINAL, target=out.name,
                    detail=f"{len(records)} records",
                )
            )  # fmt: skip
        with out.open("x", encoding="utf-8", newline="") as stream:
            stream.writelines(_lines(records, format_))
        return len(records)

    _say(f"{out}: {told(work)} records")


def _lines(records: list[Record], format_: Format) -> Iterator[str]:
    if format_ is Format.CSV:
        return csv_lines(records)
    return (json_text.dumps(as_json(record)) + "\n" for record in records)


@commands.command()
def accept(
    reason: Annotated[str, typer.Option(help="What was found out about it; recorded.")],
    run: RunFolder = Path("run"),
) -> None:
    """Answer for a trail that was found broken: after it, verify looks at what came since."""

    def work() -> int:
        if not reason.strip():
            raise DrylineError("--reason: say what was found out")
        with Trail(_trail_path(run), moments()) as trail:
            return trail.accept_break(getpass.getuser(), TERMINAL, reason.strip()).number

    _say(f"recorded as number {told(work)}")


def _say(text: str) -> None:
    screen.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(commands, name="audit")
