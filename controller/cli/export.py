"""Commands that carry history out and in: `dryline export` and `dryline import`."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated

import typer

from controller.cli import (
    EXIT_INPUT,
    SHIPPED_LINE,
    LineFolder,
    RunFolder,
    errors,
    screen,
    span_ns,
    told,
)
from controller.cli.progress import progress
from controller.clock import NS, SystemClock
from controller.config import LineConfig, load_line
from controller.core.errors import ConfigError, DrylineError
from controller.core.run import RunHead
from controller.export.choice import choose, in_several_units
from controller.export.exporting import (
    STDOUT,
    Exported,
    Layout,
    Order,
    export,
    form_of,
)
from controller.export.importing import Imported, Intake, import_files
from controller.export.layouts import Extent
from controller.export.moments import window_of
from controller.export.tag_book import IMPORTED, Wording
from controller.export.wide import Take
from controller.history.results import StoredTag
from controller.history.source import BEGINNING, END, HistorySource
from controller.line import SOFTWARE, tag_table
from controller.queries.local_time import zone_of
from controller.queries.sources import LOCAL, open_sources
from controller.run_folder import history_path
from controller.run_store import STORE, RunReader
from controller.runs.run_json import plain_head
from controller.runs.run_samples import run_window
from controller.runs.run_times import short_utc

EXIT_STOPPED = 130  # as after Ctrl-C anywhere
SHORTEST_NS = 1_000_000  # shortest step

Zone = Annotated[
    str, typer.Option(help="Time zone as Europe/Berlin, of times without one.", show_default=False)
]
ExportFile = Annotated[
    Path, typer.Argument(help="NAME.csv, NAME.csv.gz or NAME.parquet; - is standard output.")
]
Patterns = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TAGS]...", help="Tags, for example 'COAT.*' ENC.DP.ZONE"),
]
Stations = Annotated[
    list[str] | None, typer.Option(help="Only this station; may be given several times.")
]
RunId = Annotated[
    str, typer.Option(help="Window and station of this run: an id, or a station: its newest.")
]
Since = Annotated[
    str,
    typer.Option(
        "--from", help="2026-11-22 14:00, with +01:00 or Z, or -8h: before the newest sample."
    ),
]
Taken = Annotated[
    Take, typer.Option(help="With --wide and --every: what of a step stands in the cell.")
]
Comment = Annotated[
    bool, typer.Option("--comment", help="CSV begins with a line about the tags, for import.")
]


def export_(  # noqa: PLR0913, PLR0917 - each is an option of the command
    file: ExportFile,
    patterns: Patterns = None,
    station: Stations = None,
    run_id: RunId = "",
    since: Since = "",
    until: Annotated[str, typer.Option("--to", help="As --from; not included.")] = "",
    zone: Zone = "",
    wide: Annotated[bool, typer.Option("--wide", help="One column a tag.")] = False,
    every: Annotated[str, typer.Option(help="Means of such steps: 1s, 10s, 1min, 1h")] = "",
    take: Taken = Take.MEAN,
    events: Annotated[bool, typer.Option("--events", help="Events too, in NAME.events.*")] = False,
    form: Annotated[str, typer.Option("--format", help="csv, csv.gz or parquet")] = "",
    comment: Comment = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    source: Annotated[str, typer.Option(help="local, or the name of a sink of line.toml.")] = LOCAL,
    run: RunFolder = Path("run"),
    line: LineFolder = SHIPPED_LINE,
) -> None:
    """Write history into CSV or Parquet: samples with unit and quality, or means of steps."""
    config = told(lambda: load_line(line))
    wanted = told(
        lambda: _Wanted(
            tuple(patterns or ()), tuple(station or ()), run_id, since, until,
            zone_of(zone) if zone else None, _step_ns(every) if every else 0,
        )
    )  # fmt: skip
    kind = told(lambda: form_of(file, form))
    with ExitStack() as opened:
        history = told(lambda: _open(config, run, source, opened))
        found = told(lambda: _find(history, wanted, config, run))
        order = Order(
            extent=found.extent,
            form=kind,
            layout=Layout.WIDE if wide else Layout.LONG,
            take=take,
            zone=wanted.zone,
            facts=_facts(config, found.head, zone),
            comment=comment,
            events=events,
            event_window=found.event_window,
            event_stations=[found.head.station] if found.head else wanted.stations,
        )
        with _stoppable("nothing was written"), progress("export") as shown:
            done = told(
                lambda: _piped(lambda: export(history, order, file, force=force, told=shown))
            )
    _tell_exported(done, found.extent, file)
    _tell_notes((*found.notes, *done.notes))


def _open(config: LineConfig, run: Path, name: str, opened: ExitStack) -> HistorySource:
    sources = open_sources(config, run, SystemClock().link_s)
    for source in sources.values():
        opened.callback(source.close)
    if name not in sources:
        raise DrylineError(f"no source {name!r}; sources: {', '.join(sources)}")
    return sources[name]


def _step_ns(text: str) -> int:
    step_ns = span_ns(text.removesuffix("in") if text.endswith("min") else text, "--every")
    if step_ns < SHORTEST_NS:
        raise DrylineError(f"--every {text!r}: at least 0.001s")
    return step_ns


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a person asks for."""

    patterns: tuple[str, ...]
    stations: tuple[str, ...]
    run_id: str
    since: str
    until: str
    zone: tzinfo | None
    every_ns: int


@dataclass(frozen=True, slots=True)
class _Found:
    """What that is in this history. head: of the run asked for."""

    extent: Extent
    event_window: tuple[int, int]
    head: RunHead | None
    notes: tuple[str, ...]


def _find(source: HistorySource, wanted: _Wanted, config: LineConfig, run: Path) -> _Found:
    head = _run_head(run, wanted.run_id) if wanted.run_id else None
    named = wanted.patterns or wanted.stations
    stations = (head.station,) if head and not named else wanted.stations
    tags = choose(source.tags(), wanted.patterns, stations, source.tag)
    window = _window(source, tags, wanted, config, head)
    extent = Extent(tags=tags, start_ns=window[0], stop_ns=window[1])
    bounded = wanted.since or wanted.until or head
    return _Found(
        extent.in_steps(wanted.every_ns) if wanted.every_ns else extent,
        window if bounded else (BEGINNING, END),
        head,
        tuple(_unit_notes(source, tags)),
    )


def _run_head(run: Path, which: str) -> RunHead:
    with RunReader(run / STORE) as reader:
        return reader.record(reader.find(which)).head


def _window(
    source: HistorySource,
    tags: Sequence[StoredTag],
    wanted: _Wanted,
    config: LineConfig,
    head: RunHead | None,
) -> tuple[int, int]:
    if head is None:
        return window_of(source, tags, wanted.since, wanted.until, wanted.zone or UTC)
    if wanted.since or wanted.until:
        raise DrylineError("--run-id has a window of its own: leave --from and --to out")
    own = [tag for tag in tag_table(config).tags if tag.station == head.station]
    window = run_window(head, own, source)
    return window.start_ns, window.stop_ns


def _unit_notes(source: HistorySource, tags: Sequence[StoredTag]) -> Iterator[str]:
    chosen = {tag.name: tag.unit for tag in tags}
    for name, units in in_several_units(source.tags()).items():
        if name in chosen:
            others = ", ".join(unit or "none" for unit in units if unit != chosen[name])
            yield f"{name}: samples in its unit of today; others were stored in: {others}"


def _facts(config: LineConfig, head: RunHead | None, zone: str) -> dict[str, object]:
    found: dict[str, object] = {
        "software": SOFTWARE,
        "line": {"name": config.name, "title": config.title},
    }
    if zone:
        found["zone"] = zone
    if head is not None:
        found["run"] = plain_head(head)
    return found


def _tell_exported(done: Exported, extent: Extent, file: Path) -> None:
    say = errors if file == STDOUT else screen
    span = f"{short_utc(extent.start_ns)} to {short_utc(extent.stop_ns)}"
    events = f", {done.events:,} events" if len(done.files) > 1 else ""
    names = " and ".join(str(path) for path in done.files) if done.size else "standard output"
    text = f"{_samples(done.samples, len(extent.tags))}{events}, {span}"
    size = f", {done.size:,} bytes" if done.size else ""
    say.print(f"{names}: {text}{size}", markup=False, highlight=False, soft_wrap=True)


def _samples(samples: int, tags: int) -> str:
    return f"{samples:,} samples of {tags} tag{'' if tags == 1 else 's'}"


def _tell_notes(notes: Sequence[str]) -> None:
    for note in notes:
        errors.print(note, style="yellow", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _stoppable(consequence: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        errors.print(f"stopped: {consequence}", markup=False, highlight=False)
        raise typer.Exit(EXIT_STOPPED) from None


def _piped(work: Callable[[], Exported]) -> Exported:
    """Whoever read standard output may have seen enough: no error, and no more may be written."""
    try:
        return work()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def import_(  # noqa: PLR0913, PLR0917 - each is an option of the command
    files: Annotated[
        list[Path], typer.Argument(help="CSV or Parquet, of `dryline export` or of others.")
    ],
    run: Annotated[
        Path | None, typer.Option(help="Run folder whose history takes them; made if new.")
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="History file that takes them, instead of --run.")
    ] = None,
    unit: Annotated[
        list[str] | None, typer.Option(help="TAG=UNIT, where the file does not say it.")
    ] = None,
    rename: Annotated[
        list[str] | None, typer.Option("--map", help="NAME=TAG: the tag a name in the file means.")
    ] = None,
    station: Annotated[str, typer.Option(help="Of tags of which nobody says one.")] = IMPORTED,
    interval: Annotated[
        str, typer.Option(help="How often at least unknown tags were stored; see the how-to.")
    ] = "60s",
    zone: Zone = "",
    skip_bad: Annotated[
        Path | None, typer.Option(help="Leave rows out that are wrong, list them in this CSV file.")
    ] = None,
    line: LineFolder = SHIPPED_LINE,
) -> None:
    """Make a history from CSV or Parquet files, to be read like a recorded one."""
    config = told(lambda: load_line(line))
    target = told(lambda: _target(config, run, into))
    intake = told(
        lambda: Intake(
            files=files,
            wording=Wording(
                units=_pairs(unit or [], "--unit"),
                names=_pairs(rename or [], "--map"),
                station=station,
                interval_s=span_ns(interval, "--interval") / NS,
            ),
            zone=zone_of(zone) if zone else None,
            line=tag_table(config).tags,
            bad=skip_bad,
        )
    )
    partly = "do it again to complete it" if target.exists() else "nothing was imported"
    with _stoppable(partly), progress("import") as shown:
        done = told(lambda: _all_right(lambda: import_files(intake, target, shown)))
    _tell_imported(done, target, skip_bad)


def _target(config: LineConfig, run: Path | None, into: Path | None) -> Path:
    if (run is None) == (into is None):
        raise DrylineError("name either a run folder with --run or a file with --into")
    return into if into is not None else history_path(config, run or Path())


def _pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise DrylineError(f"{option} {text!r}: as NAME=VALUE")
        found[name] = value
    return found


def _all_right(work: Callable[[], Imported]) -> Imported:
    """Wrong rows are told one by one, with the way out."""
    try:
        return work()
    except ConfigError as error:
        for problem in error.problems:
            errors.print(str(problem), style="red", markup=False, highlight=False, soft_wrap=True)
        text = "Nothing was imported; --skip-bad FILE leaves such rows out and lists them all."
        errors.print(text, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(EXIT_INPUT) from None


def _tell_imported(done: Imported, target: Path, skip_bad: Path | None) -> None:
    span = ""
    if done.first_ns is not None and done.last_ns is not None:
        span = f", {short_utc(done.first_ns)} to {short_utc(done.last_ns)}"
    text = f"{_samples(done.samples, done.tags)}, {done.events:,} events{span}"
    screen.print(f"{target}: {text}", markup=False, highlight=False, soft_wrap=True)
    if done.skipped:
        text = f"rows left out: {done.skipped:,}, see {skip_bad}"
        errors.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("export")(export_)
    app.command("import")(import_)
