"""Commands for runs: `dryline runs` and `dryline run show|export|verify`."""

from collections.abc import Iterator, Sequence
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
    RunFolder,
    errors,
    print_json,
    screen,
    told,
)
from controller.clock import NS
from controller.config import load_line
from controller.core.run import RunHead
from controller.found_run import RunQuality, bundle_source, find_run, quality_in
from controller.history.several import MergedReader
from controller.run_folder import histories
from controller.run_store import STORE, RunReader
from controller.runs.bundle import export
from controller.runs.bundle_check import Verdict, printable, verify
from controller.runs.quality_text import notes, number, percent, table_rows
from controller.runs.recipe_changes import (
    COLUMNS,
)
from controller.runs.run_json import plain, plain_entry, plain_head, recipe_in_words
from controller.runs.run_times import after_text, length_text, short_utc

EXITS = {Verdict.INTACT: 0, Verdict.ALTERED: EXIT_FAILED, Verdict.NO_BUNDLE: EXIT_INPUT}
WhichRun = Annotated[
    str, typer.Argument(help="Id of a run, its unique beginning, or a station: its newest.")
]

# 80 columns: an id of the longest station name, a recipe with a trial's name.
_LINE = "{:25}  {:24}  {:>8}  {:9}  {:>6}"

commands = typer.Typer(no_args_is_help=True, help="A run: look at it, export it, verify a bundle.")


def list_runs(
    run: RunFolder = Path("run"),
    station: Annotated[str, typer.Option(help="Only this station.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest ones.")] = 30,
    json: AsJson = False,
) -> None:
    """List the runs, newest first; works while the line runs and when it does not."""
    with told(lambda: RunReader(run / STORE)) as reader:
        heads = told(lambda: reader.runs(station, limit))
    if json:
        print_json([_listed(head) for head in heads])
        return
    if not heads:
        _print("no runs yet: a run begins with START")
        return
    _print(_LINE.format("run", "recipe", "duration", "outcome", "metres"))
    for head in heads:
        for text in _told(head):
            _print(text)


def _listed(head: RunHead) -> dict[str, Any]:
    ended_ns = head.ended_ns
    duration_s = None if ended_ns is None else (ended_ns - head.begun_ns) / NS
    return plain_head(head) | {"duration_s": duration_s}


def _told(head: RunHead) -> Iterator[str]:
    """The lines of one run. The id says the station and when it began; it must not be cut."""
    ended_ns = head.ended_ns
    yield _LINE.format(
        head.id,
        head.recipe.removeprefix(f"{head.kind}/"),
        "" if ended_ns is None else length_text(ended_ns - head.begun_ns).partition(".")[0],
        head.outcome.value,
        f"{head.metres:.1f}" if head.metres else "",
    ).rstrip()
    if head.trial:
        yield f"  trial {head.trial}"
    lots = (("in", head.lots_in), ("out", head.lots_out))
    if given := [f"{way} {', '.join(names)}" for way, names in lots if names]:
        yield f"  lots {'; '.join(given)}"


@commands.command()
def show(
    which: WhichRun,
    run: RunFolder = Path("run"),
    line: LineFolder = SHIPPED_LINE,
    json: AsJson = False,
) -> None:
    """Print a run: its head, its quality, what changed in the recipe, everything that happened."""
    found = told(lambda: find_run(which, run, load_line(line)))
    record, head = found.record, found.record.head
    quality = told(lambda: quality_in(found, run))
    changes = found.changes
    if json:
        print_json(
            {
                "head": _listed(head),
                "summary": plain(quality.plain()),
                "difference_to_run_before": plain(changes.plain()),
                "entries": [plain_entry(e, head.begun_ns) for e in record.entries],
            }
        )
        return
    for text in _head_lines(head):
        _print(text)
    _print_quality(quality)
    _print(f"recipe: {changes.text}")
    if changes.rows:
        _print_table(COLUMNS, changes.rows)
    for entry in record.entries:
        who = f" [{entry.actor}]" if entry.actor else ""
        _print(f"{after_text(entry.time_ns, head.begun_ns):>12} {entry.kind:9} {entry.text}{who}")


def _print_quality(quality: RunQuality) -> None:
    summary = quality.summary
    if summary is not None:
        ready = "never ready"
        if summary.ready_s is not None:
            ready = f"ready after {length_text(round(summary.ready_s * NS))}"
        energy = summary.energy
        used = f"{number(energy.run_kwh)} kWh, {number(energy.per_metre_kwh)} kWh a metre"
        _print(f"{ready}; energy {used} (power known {percent(energy.known)} of the time)")
        rows = table_rows(summary)
        if rows:
            _print_table(tuple(rows[0]), [tuple(row.values()) for row in rows])
        for note in notes(summary):
            _print(f"note: {note}")
    for note in quality.notes:
        _print(f"note: {note}")


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*columns)
    for row in rows:
        table.add_row(*(escape(printable(cell)) for cell in row))
    screen.print(table)


def _print(text: str) -> None:
    screen.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def _head_lines(head: RunHead) -> Iterator[str]:
    yield f"{head.id}  {head.outcome.value}{f': {head.why_ended}' if head.why_ended else ''}"
    yield f"recipe {recipe_in_words(head)}"
    why = f": {head.reason}" if head.reason else ""
    yield f"begun {short_utc(head.begun_ns)} by {head.begun_by or 'nobody named'}{why}"
    if head.ended_ns is not None:
        lasted = length_text(head.ended_ns - head.begun_ns)
        yield f"ended {short_utc(head.ended_ns)} after {lasted}"
    if head.metres:
        yield f"web {head.metres:.1f} m"
    for text, lots in (("in", head.lots_in), ("out", head.lots_out)):
        if lots:
            yield f"lots {text}: {', '.join(lots)}"
    if head.trial:
        yield f"part of trial {head.trial}"
    yield f"software {head.software}"


@commands.command("export")
def export_run(
    which: WhichRun,
    run: RunFolder = Path("run"),
    line: LineFolder = SHIPPED_LINE,
    out: Annotated[
        Path | None, typer.Option(help="File to write.", show_default="RUN-ID.zip")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    json: AsJson = False,
) -> None:
    """Write everything there is of a run into one file that `run verify` can check."""
    found = told(lambda: find_run(which, run, load_line(line)))
    head = found.record.head
    path = out or Path(f"{head.id}.zip")
    with (
        told(lambda: MergedReader(histories(found.config, run))) as history,
        errors.status(f"{path}") as status,
    ):
        source = told(lambda: bundle_source(found, history))
        done = told(lambda: export(source, history, path, force=force, told=status.update))
    if json:
        print_json(
            {"file": str(done.path), "run": head.id, "bytes": done.size, "files": done.files,
             "manifest_sha256": done.sha256, "notes": list(done.notes)}
        )  # fmt: skip
        return
    _print(f"{done.path} written: {done.files} files, {done.size} bytes")
    _print(f"SHA-256 of its manifest: {done.sha256}")
    for note in done.notes:
        _print(f"note: {note}")
    _print(f"note the sum elsewhere: `dryline run verify {done.path} --expect SUM` needs it")


@commands.command("verify")
def verify_bundle(
    bundle: Annotated[Path, typer.Argument(help="File that `run export` wrote.")],
    expect: Annotated[
        str, typer.Option(help="SHA-256 of the manifest, as `run export` printed it.")
    ] = "",
    json: AsJson = False,
) -> None:
    """Find any altered, added, removed or renamed byte of a bundle; exit code 1 if there is one.

    Without --expect a bundle that somebody rebuilt as a whole, sums included, counts as intact.
    """
    found = verify(bundle, expect)
    if json:
        print_json(
            {"file": str(bundle), "verdict": found.verdict.value, "run": found.run,
             "differences": list(found.differences), "manifest_sha256": found.sha256,
             "expected": bool(expect), "files": found.files, "notes": list(found.notes)}
        )  # fmt: skip
    elif found.intact:
        _print(f"{bundle}: intact, run {found.run}, {found.files} files")
        _print(f"SHA-256 of its manifest: {found.sha256}{', as expected' if expect else ''}")
        for note in found.notes:
            _print(f"note: {note}")
    else:
        errors.print(printable(f"{bundle}: {found.verdict.value}"), style="red", markup=False,
                     highlight=False, soft_wrap=True)  # fmt: skip
        for text in found.differences:
            errors.print(f"  - {text}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(EXITS[found.verdict])


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("runs")(list_runs)
    app.add_typer(commands, name="run")
