"""A history written into files: what, in which form, where to."""

import gzip
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, cast

from controller.core.errors import DrylineError
from controller.export.about import about_text
from controller.export.blocks import Block, Column, RowsOut, rows_in
from controller.export.csv_out import CsvOut
from controller.export.events import EVENT_COLUMNS, event_blocks
from controller.export.layouts import (
    SAMPLE_COLUMNS,
    STEP_COLUMNS,
    Extent,
    Tally,
    samples,
    steps,
)
from controller.export.wide import Take, moment_columns, moments, step_columns, wide_steps
from controller.history.source import BEGINNING, END, HistorySource
from controller.whole_file import whole_file

GZIP_LEVEL = 4  # level 6 takes twice the time for 4 % of the size
STDOUT = Path("-")
Told = Callable[[float, int], None]  # share done, 0..1, and samples so far


class Form(StrEnum):
    """How a file is written."""

    CSV = "csv"
    CSV_GZ = "csv.gz"
    PARQUET = "parquet"


class Layout(StrEnum):
    """What a row is."""

    LONG = "long"  # one sample, or one tag and step
    WIDE = "wide"  # one moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is exported and how.

    extent: tags, window, steps. zone: of local times beside those in UTC. facts: about the file,
    JSON values. comment: CSV begins with the facts. events: into a file of their own, of
    `event_window` and `event_stations` (none: all).
    """

    extent: Extent
    form: Form
    layout: Layout = Layout.LONG
    take: Take = Take.MEAN
    zone: tzinfo | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    comment: bool = False
    events: bool = False
    event_window: tuple[int, int] = (BEGINNING, END)
    event_stations: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written. size: bytes of all files, 0 on standard output."""

    samples: int
    rows: int
    events: int
    size: int
    files: tuple[Path, ...]
    notes: tuple[str, ...]


def form_of(path: Path, said: str = "") -> Form:
    """By what a person says, else by the end of the name; DrylineError when neither tells."""
    allowed = ", ".join(Form)
    if said:
        if said not in list(Form):
            raise DrylineError(f"no format {said!r}; formats: {allowed}")
        return Form(said)
    if path == STDOUT:
        return Form.CSV
    for form in (Form.CSV_GZ, Form.CSV, Form.PARQUET):
        if path.name.lower().endswith(f".{form}"):
            return form
    raise DrylineError(f"{path}: its name ends in no format; say --format, one of {allowed}")


def events_path(path: Path, form: Form) -> Path:
    """Where the events go: coater.parquet has coater.events.parquet beside it."""
    suffix = f".{form}"
    stem = path.name[: -len(suffix)] if path.name.lower().endswith(suffix) else path.name
    return path.with_name(f"{stem}.events{suffix}")


def export(
    source: HistorySource,
    order: Order,
    path: Path,
    *,
    force: bool = False,
    told: Told = lambda _, __: None,
) -> Exported:
    """Write the samples, and the events if they are wanted; each file whole or not at all.

    `-` is standard output. Memory does not depend on the window. DrylineError when a file is there
    already, the disk is full or Parquet is not installed.
    """
    if path == STDOUT and (order.form is Form.PARQUET or order.events):
        raise DrylineError("standard output takes CSV, and no events: name a file")
    tally = Tally()
    columns, blocks = _table(source, order, tally)
    files = [path, *([events_path(path, order.form)] if order.events else [])]
    events = 0
    with ExitStack() as open_files:
        streams = [open_files.enter_context(_stream(file, force)) for file in files]
        about = about_text(order.extent, order.facts)
        _write(streams[0], order, columns, _counted(blocks, tally, told), about)
        if order.events:
            window = order.event_window
            found = Tally()
            table = event_blocks(source, *window, order.event_stations)
            _write(streams[1], order, EVENT_COLUMNS, _counted(table, found, told), "")
            events = found.rows
        size = 0 if path == STDOUT else sum(stream.tell() for stream in streams)
    return Exported(
        samples=tally.samples,
        rows=tally.rows,
        events=events,
        size=size,
        files=tuple(files),
        notes=tally.notes(),
    )


def _table(
    source: HistorySource, order: Order, tally: Tally
) -> tuple[Sequence[Column], Iterator[Block]]:
    extent, tags = order.extent, order.extent.tags
    match order.layout, bool(extent.every_ns):
        case Layout.LONG, False:
            return SAMPLE_COLUMNS, samples(source, extent, tally)
        case Layout.LONG, True:
            return STEP_COLUMNS, steps(source, extent, tally)
        case Layout.WIDE, False:
            return moment_columns(tags), moments(source, extent, tally)
    return step_columns(tags), wide_steps(source, extent, tally, order.take)


def _counted(blocks: Iterable[Block], tally: Tally, told: Told) -> Iterator[Block]:
    for block in blocks:
        tally.rows += rows_in(block)
        yield block
        told(tally.share, tally.samples)


@contextmanager
def _stream(path: Path, force: bool) -> Iterator[BinaryIO]:
    if path == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.flush()
    else:
        with whole_file(path, force=force) as stream:
            yield stream


def _write(
    stream: BinaryIO, order: Order, columns: Sequence[Column], blocks: Iterable[Block], about: str
) -> None:
    with _opened(stream, order, columns, about) as out:
        for block in blocks:
            out.write(block)


@contextmanager
def _opened(
    stream: BinaryIO, order: Order, columns: Sequence[Column], about: str
) -> Iterator[RowsOut]:
    if order.form is Form.PARQUET:
        with require_parquet().ParquetOut(stream, columns, order.zone, about) as out:
            yield out
        return
    comment = about if order.comment else ""
    if order.form is Form.CSV:
        yield CsvOut(stream, columns, order.zone, comment)
        return
    # Without name and time, so that the same history gives the same bytes.
    with gzip.GzipFile("", "wb", GZIP_LEVEL, stream, mtime=0) as packed:
        yield CsvOut(cast("BinaryIO", packed), columns, order.zone, comment)


def require_parquet() -> ModuleType:
    """The fence of pyarrow; DrylineError when the extra is not installed."""
    try:
        return import_module("controller.export.parquet")
    except ImportError as error:
        raise DrylineError("Parquet needs the extra: pip install 'dryline[parquet]'") from error
