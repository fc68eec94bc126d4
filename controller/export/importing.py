"""Files of history put into a store: every row checked, all of it or nothing."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path

from controller.core.errors import DrylineError, StoreError
from controller.core.event import Event
from controller.core.sample import Samples
from controller.core.tag import Tag
from controller.export.about import as_tags, tags_about
from controller.export.bad_rows import bad_rows
from controller.export.csv_in import CsvIn
from controller.export.exporting import Told, require_parquet
from controller.export.incoming import FileIn, Findings, RawBlock, shape_of
from controller.export.rows_in import RowReader
from controller.export.tag_book import TagBook, Wording
from controller.history.exception_filter import concatenate
from controller.history.query import Reader
from controller.history.schema import WriterLock
from controller.history.store import Store, event_row

LOAD = 1_000_000  # samples that go into the store at once
PARQUET_MAGIC = b"PAR1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What is imported and how it is to be read.

    zone: of times that do not name one, None: they are refused. line: tags of the line, for what a
    file does not say about its own. bad: where rows that cannot be taken are listed; None: one
    such row and nothing is imported.
    """

    files: Sequence[Path]
    wording: Wording = field(default_factory=Wording)
    zone: tzinfo | None = None
    line: Sequence[Tag] = ()
    bad: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What was put in. first_ns, last_ns: None without samples."""

    samples: int
    events: int
    tags: int
    skipped: int
    first_ns: int | None
    last_ns: int | None


def import_files(intake: Intake, into: Path, told: Told = lambda _, __: None) -> Imported:
    """Put files into a history, which is made if it is not there.

    A new history appears whole or not at all. Into an existing one nothing goes before all files
    were checked to their ends; if the disk fails after that, doing it again completes it, because
    of equal times the last written counts. ConfigError with the rows that cannot be taken,
    StoreError when a controller is writing the history.
    """
    for file in intake.files:
        if not file.is_file():
            raise DrylineError(f"{file}: no such file")
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{into.parent}: cannot be made: {error.strerror}") from error
    return (_into_existing if into.exists() else _into_new)(intake, into, told)


def _into_new(intake: Intake, into: Path, told: Told) -> Imported:
    part = into.with_name(into.name + ".part")
    with WriterLock(into):  # nobody begins one meanwhile
        _remove(part)
        try:
            with _writing(part) as store:
                book = TagBook(intake.wording, (), intake.line)
                done = _load(intake, book, _Into(store, book), told)
            _require_absent(into)
            part.rename(into)
        finally:
            _remove(part)
    return done


def _require_absent(into: Path) -> None:
    if into.exists():
        raise StoreError(f"{into}: somebody made this file meanwhile; nothing was imported")


def _into_existing(intake: Intake, into: Path, told: Told) -> Imported:
    with _writing(into) as store:
        with Reader(into) as reader:
            stored = as_tags(reader.tags())
        if intake.bad is None:
            checked = TagBook(intake.wording, stored, intake.line)
            _load(intake, checked, _Nowhere(), lambda share, n: told(share / 2, n))
        book = TagBook(intake.wording, stored, intake.line)
        target = _Into(store, book, known_events=True)
        return _load(intake, book, target, lambda share, n: told((1 + share) / 2, n))


@contextmanager
def _writing(path: Path) -> Iterator[Store]:
    store = Store.open(path)
    try:
        yield store
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be written: {error}") from error
    finally:
        store.close()


def _remove(part: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal", ".lock"):
        with suppress(FileNotFoundError):
            part.with_name(part.name + suffix).unlink()


class _Nowhere:
    """Where rows go that are only checked."""

    def samples(self, samples: Samples) -> None:
        """Let them go."""

    def events(self, events: Sequence[Event]) -> None:
        """Let them go."""

    def end(self) -> None:
        """Nothing is left to do."""


class _Into:
    """Puts samples, numbered as in a book, and events into a store."""

    def __init__(self, store: Store, book: TagBook, *, known_events: bool = False) -> None:
        """known_events: some of them may be there already."""
        self._store, self._book, self._known_events = store, book, known_events
        self._waiting: list[Samples] = []
        self._rows = 0

    def samples(self, samples: Samples) -> None:
        """Take a batch; it is in the store after `end` at the latest."""
        if len(samples):
            self._waiting.append(samples)
            self._rows += len(samples)
        if self._rows >= LOAD:
            self._load()

    def events(self, events: Sequence[Event]) -> None:
        """Put events in."""
        rows = [event_row(event) for event in events]
        if rows and self._known_events:
            times = [row[0] for row in rows]
            with Reader(self._store.path) as reader:
                found = reader.events(min(times), max(times) + 1)
            known = {event_row(event) for event in found}
            rows = [row for row in rows if row not in known]
        if rows:
            self._store.commit(concatenate(()), rows)

    def end(self) -> None:
        """Put in what waits, and what is known of the tags by now."""
        self._load()
        if len(self._book):
            self._store.catalogue(self._book.tags())

    def _load(self) -> None:
        if self._rows:
            batch = concatenate(self._waiting)
            ids = self._store.catalogue(self._book.tags())
            self._store.load(Samples(ids[batch.tags], batch.values, batch.quality, batch.time_ns))
        self._waiting, self._rows = [], 0


class _Count:
    """What went by."""

    def __init__(self) -> None:
        self.samples = self.events = self.skipped = 0
        self.first_ns: int | None = None
        self.last_ns: int | None = None

    def add(self, samples: Samples) -> None:
        if len(samples):
            self.samples += len(samples)
            ends = int(samples.time_ns.min()), int(samples.time_ns.max())
            self.first_ns = ends[0] if self.first_ns is None else min(self.first_ns, ends[0])
            self.last_ns = ends[1] if self.last_ns is None else max(self.last_ns, ends[1])


def _load(intake: Intake, book: TagBook, target: _Into | _Nowhere, told: Told) -> Imported:
    count = _Count()
    with bad_rows(intake.bad) as bad:
        for number, file in enumerate(intake.files):
            for block, findings in _file(intake, file, book, target, count):
                count.skipped += len(findings.rows)
                bad.take(file, findings)
                told((number + block.share) / len(intake.files), count.samples)
        bad.settle()
        target.end()
    return Imported(
        samples=count.samples,
        events=count.events,
        tags=len(book),
        skipped=count.skipped,
        first_ns=count.first_ns,
        last_ns=count.last_ns,
    )


def _file(
    intake: Intake, file: Path, book: TagBook, target: _Into | _Nowhere, count: _Count
) -> Iterator[tuple[RawBlock, Findings]]:
    opened = _open(file)
    try:
        shape = shape_of(opened.names, str(file), opened.unit)
        if opened.about:
            book.learn(fact.tag() for fact in tags_about(opened.about, str(file)))
        is_csv = isinstance(opened, CsvIn)
        comma = isinstance(opened, CsvIn) and opened.decimal_comma
        reader = RowReader(shape, book, intake.zone, comma=comma, defused=is_csv)
        for block in opened.blocks():
            findings = Findings(block)
            if shape.is_events:
                events = list(reader.events(block, findings))
                count.events += len(events)
                target.events(events)
            else:
                samples = reader.samples(block, findings)
                count.add(samples)
                target.samples(samples)
            yield block, findings
    finally:
        opened.close()


def _open(file: Path) -> FileIn:
    try:
        with file.open("rb") as stream:
            is_parquet = stream.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
    except OSError as error:
        raise DrylineError(f"{file}: cannot be read: {error.strerror}") from error
    if is_parquet:
        opened: FileIn = require_parquet().ParquetIn(file)
        return opened
    return CsvIn(file)
