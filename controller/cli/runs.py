"""Commands for runs: `dryline runs` and `dryline run show|export|verify`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from controller.config import LineConfig, StationConfig, load_line
from controller.core.errors import DrylineError, StoreError
from controller.core.run import RunHead, RunRecord
from controller.history.several import AnyReader, MergedReader
from controller.line import station_kind, tag_table
from controller.recipe_diff import Proven
from controller.recipe_kind import RecipeKind, recipe_kinds
from controller.run_folder import histories
from controller.run_store import STORE, RunReader
from controller.runs.bundle import BundleSource, export
from controller.runs.bundle_check import Verdict, printable, verify
from controller.runs.key_plots import key_plots
from controller.runs.quality import RunSummary, summarise
from controller.runs.quality_text import as_json, notes, number, percent, table_rows
from controller.runs.recipe_changes import (
    COLUMNS,
    RecipeChanges,
    proven_ranges,
    recipe_changes,
    recipe_of,
)
from controller.runs.run_json import plain, plain_entry, plain_head, recipe_in_words
from controller.runs.run_times import after_text, length_text, short_utc

EXITS = {Verdict.INTACT: 0, Verdict.ALTERED: EXIT_FAILED, Verdict.NO_BUNDLE: EXIT_INPUT}
WhichRun = Annotated[str, typer.Argument(help="Id of the run, or its unique beginning.")]

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
    columns = (
        "run", "station", "recipe", "begun", "duration", "outcome", "metres", "lots", "trial"
    )  # fmt: skip
    _print_table(columns, [_cells(head) for head in heads])


def _listed(head: RunHead) -> dict[str, Any]:
    ended_ns = head.ended_ns
    duration_s = None if ended_ns is None else (ended_ns - head.begun_ns) / NS
    return plain_head(head) | {"duration_s": duration_s}


def _cells(head: RunHead) -> tuple[str, ...]:
    lots = [", ".join(lots) for lots in (head.lots_in, head.lots_out)]
    return (
        head.id,
        head.station,
        head.recipe,
        short_utc(head.begun_ns),
        "" if head.ended_ns is None else length_text(head.ended_ns - head.begun_ns),
        head.outcome.value,
        f"{head.metres:.1f}" if head.metres else "",
        " -> ".join(lots) if any(lots) else "",
        head.trial,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """A run with what the line knows of its station. proven: as for `recipe_diff.diff`."""

    record: RunRecord
    config: LineConfig
    station: StationConfig
    kinds: Mapping[str, RecipeKind]
    proven: Proven

    @property
    def changes(self) -> RecipeChanges:
        """Against the recipe of the run before."""
        return recipe_changes(self.record, self.kinds, self.proven)


def _find(which: str, run: Path, line: Path) -> _Found:
    config = load_line(line)
    with RunReader(run / STORE) as reader:
        record = reader.record(reader.find(which))
        good = reader.good_recipes(record.head.kind, record.head.begun_ns)
    name, kind = record.head.station, record.head.kind
    station = next((s for s in config.stations if s.name == name and s.kind == kind), None)
    if station is None:
        raise DrylineError(
            f"run {record.head.id} is of {kind} {name!r}, which this line does not have: name the "
            "folder of its line with --line"
        )
    kinds = recipe_kinds(config)
    return _Found(record, config, station, kinds, proven_ranges(good, kinds))


@dataclass(frozen=True, slots=True)
class _Quality:
    """Figures of a run, or why there are none; notes on what was missing for them."""

    summary: RunSummary | None
    notes: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        figures = as_json(self.summary) if self.summary else {}
        return figures | {"notes": list(self.notes)}


def _quality(found: _Found, history: AnyReader) -> _Quality:
    """Figures as far as they can be had: a run must be seen and kept without them, too."""
    recipe, notes = None, []
    if found.record.recipe_text:
        try:
            recipe = recipe_of(found.record.recipe_text, "recipe of this run", found.kinds)
        except DrylineError as error:
            notes.append(f"without the limits of the recipe, which cannot be read: {error}")
    try:
        summary = summarise(found.record, recipe, found.station.prefix, history)
    except DrylineError as error:
        return _Quality(None, (*notes, f"no figures: {error}"))
    return _Quality(summary, tuple(notes))


def _quality_in(found: _Found, run: Path) -> _Quality:
    try:
        with MergedReader(histories(found.config, run)) as history:
            return _quality(found, history)
    except StoreError as error:
        return _Quality(None, (f"no figures: {error}",))


@commands.command()
def show(
    which: WhichRun,
    run: RunFolder = Path("run"),
    line: LineFolder = SHIPPED_LINE,
    json: AsJson = False,
) -> None:
    """Print a run: its head, its quality, what changed in the recipe, everything that happened."""
    found = told(lambda: _find(which, run, line))
    record, head = found.record, found.record.head
    quality = told(lambda: _quality_in(found, run))
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


def _print_quality(quality: _Quality) -> None:
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
    found = told(lambda: _find(which, run, line))
    station, head = found.station, found.record.head
    path = out or Path(f"{head.id}.zip")
    with (
        told(lambda: MergedReader(histories(found.config, run))) as history,
        errors.status(f"{path}") as status,
    ):
        source = BundleSource(
            record=found.record,
            summary=told(lambda: _quality(found, history)).plain(),
            tags=[t for t in tag_table(found.config).tags if t.station == head.station],
            plots=key_plots(station_kind(station.kind), station.prefix),
            kinds=found.kinds,
            proven=found.proven,
        )
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
