"""Commands for backups: `dryline backup|restore|inspect`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from controller.audit.reading import Wish, newest
from controller.audit.trail import TRAIL
from controller.backup.inspecting import Report, inspect_run
from controller.backup.making import Begin, make
from controller.backup.manifest import Manifest
from controller.backup.restoring import restore as restore_into
from controller.backup.restoring import verify as verify_file
from controller.backup.sources import Folders, sources
from controller.cli import (
    EXIT_FAILED,
    SHIPPED_LINE,
    AsJson,
    LineFolder,
    RunFolder,
    errors,
    print_json,
    screen,
    told,
)
from controller.clock import NS, SystemClock
from controller.config import load_line
from controller.line import SOFTWARE
from controller.process import RECIPES

BackupFile = Annotated[Path, typer.Argument(help="File of the backup, for example line.backup.zip")]
SHOWN = 20


def backup(
    file: BackupFile,
    run: RunFolder = Path("run"),
    line: LineFolder = SHIPPED_LINE,
    recipes: Annotated[Path, typer.Option(help="Folder of the recipes.")] = RECIPES,
    verify: Annotated[
        bool, typer.Option("--verify", help="Make nothing: check every byte of FILE.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an older file.")] = False,
    secrets: Annotated[
        bool, typer.Option(help="With users, tokens (hashed) and private keys, or without.")
    ] = True,
    json: AsJson = False,
) -> None:
    """Save everything a line needs on an empty machine to one file, while the line runs."""
    begun_s = SystemClock().link_s()
    if verify:
        with _bar() as begin:
            manifest = told(lambda: verify_file(file, begin(file.name, file.stat().st_size)))
        _print(manifest, file, "is whole", begun_s, json)
        return
    config = told(lambda: load_line(line))
    folders = Folders(run, recipes, line.parent if line.is_file() else line)
    made_utc = datetime.fromtimestamp(SystemClock().utc_ns() / NS, UTC).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
    with _bar() as begin:
        manifest = told(
            lambda: make(
                file, sources(config, folders, secrets=secrets), config.name, SOFTWARE, made_utc,
                begin, force=force,
            )
        )  # fmt: skip
    _print(manifest, file, "is written", begun_s, json)


def restore(
    file: BackupFile,
    run: RunFolder = Path("run"),
    recipes: Annotated[
        Path | None, typer.Option(help="Put the recipes there, too.", show_default=False)
    ] = None,
    line: Annotated[
        Path | None,
        typer.Option("--line", help="Put line.toml and its I/O list there, too.",
                     show_default=False),
    ] = None,
    json: AsJson = False,
) -> None:  # fmt: skip
    """Put a backup into new or empty folders: everything or nothing."""
    begun_s = SystemClock().link_s()
    places = {"run": run, "recipes": recipes, "line": line}
    wanted = {root: place for root, place in places.items() if place is not None}
    with _bar() as begin:
        size = told(lambda: file.stat().st_size)
        manifest = told(lambda: restore_into(file, wanted, begin(file.name, size), begin))
    _print(manifest, file, "is restored", begun_s, json)
    if json:
        return
    left = [root for root, place in places.items() if place is None]
    for root in left:
        _say(f"Left out: {root}; --{root} DIR puts them somewhere.")
    for note in manifest.notes:
        _say(f"Note: {note}.")
    if (run / TRAIL).is_file():
        _say(_audit_head(run / TRAIL))


def _audit_head(trail: Path) -> str:
    """To be compared with one that was noted elsewhere."""
    last = newest(trail, Wish(), 1)
    if not last:
        return "The audit trail is empty."
    return (
        f"Audit trail: head {last[0].number}:{last[0].hash}; check it with `dryline audit verify`"
    )


def inspect(
    run: RunFolder = Path("run"),
    line: LineFolder = SHIPPED_LINE,
    json: AsJson = False,
) -> None:
    """Look for damage in everything of a run folder; changes nothing, the line may run."""
    config = told(lambda: load_line(line))
    with _bar() as begin:
        report = told(lambda: inspect_run(config, run, begin))
    if json:
        print_json(report.plain())
    else:
        _print_report(report)
    if not report.sound:
        raise typer.Exit(EXIT_FAILED)


def _print_report(report: Report) -> None:
    for looked in report.files:
        figures = ", ".join(f"{n:,} {what}" for what, n in looked.figures.items())
        _say(f"{'ok     ' if not looked.damage else 'DAMAGED'}  {looked.name}: {figures}")
        for text in looked.damage[:SHOWN]:
            _say(f"         {text}")
        if len(looked.damage) > SHOWN:
            _say(f"         and {len(looked.damage) - SHOWN} more")
        for text in looked.notes:
            _say(f"         note: {text}")
    damaged = sum(bool(looked.damage) for looked in report.files)
    _say(f"{damaged} of {len(report.files)} files are damaged." if damaged else
         f"{len(report.files)} files, no damage.")  # fmt: skip


def _print(manifest: Manifest, file: Path, what: str, begun_s: float, json: bool) -> None:
    took_s = SystemClock().link_s() - begun_s
    if json:
        body = manifest.model_dump(mode="json")
        print_json(body | {"file": str(file), "seconds": round(took_s, 3)})
        return
    _say(
        f"{file} {what} in {took_s:.1f} s: line {manifest.line}, made {manifest.made_utc} by "
        f"{manifest.software}, {len(manifest.members)} files, {manifest.size / 1e6:,.1f} MB."
    )
    _say(f"Content hash: {manifest.content}")


def _say(text: str) -> None:
    screen.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _bar() -> Iterator[Begin]:
    """A bar on standard error for each file in turn; nothing where nobody looks at it."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns, console=errors, transient=True, disable=not errors.is_terminal
    ) as progress:

        def begin(name: str, size: int):  # type: ignore[no-untyped-def] # noqa: ANN202
            for row in progress.task_ids:
                progress.update(row, visible=False)
            row = progress.add_task(name, total=size)
            return lambda n: progress.advance(row, n)

        yield begin


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (backup, restore, inspect):
        app.command()(command)
