"""The local stores of a line as one source that lives as long as who asks it.

Stores come and go while a service runs: the controller makes its own when it starts first, a
station that moves to a controller of its own brings another, a restored one lies under the old
name. So the files are looked for at every question, and opened again when they have changed.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.core.sample import Sample
from controller.history.codec import Ints
from controller.history.results import Buckets, Series, StoredTag
from controller.history.several import MergedReader
from controller.history.source import BEGINNING, END

Files = tuple[tuple[Path, int, int], ...]  # path, device, number of the file


@dataclass(slots=True)
class _Opened:
    files: Files
    reader: MergedReader
    users: int = 0
    is_old: bool = False


class LocalHistory:
    """A HistorySource. find: the stores there are now. May be shared by threads."""

    def __init__(self, find: Callable[[], Sequence[Path]]) -> None:
        self._find = find
        self._turn = threading.Lock()
        self._opened: _Opened | None = None

    def close(self) -> None:
        """Let go of the files; questions under way are still answered."""
        with self._turn:
            self._let_go()

    def tags(self) -> tuple[StoredTag, ...]:
        """As MergedReader.tags."""
        with self._reader() as reader:
            return reader.tags()

    def tag(self, name: str) -> StoredTag:
        """As MergedReader.tag."""
        with self._reader() as reader:
            return reader.tag(name)

    def span(self, tag: str) -> tuple[int, int] | None:
        """As MergedReader.span."""
        with self._reader() as reader:
            return reader.span(tag)

    def raw(self, tag: str, start_ns: int, stop_ns: int, limit: int | None = None) -> Series:
        """As MergedReader.raw."""
        with self._reader() as reader:
            return reader.raw(tag, start_ns, stop_ns, limit)

    def buckets(
        self, tag: str, start_ns: int, stop_ns: int, n: int, *, aligned: bool = True
    ) -> Buckets:
        """As MergedReader.buckets."""
        with self._reader() as reader:
            return reader.buckets(tag, start_ns, stop_ns, n, aligned=aligned)

    def buckets_between(self, tag: str, edges_ns: Ints) -> Buckets:
        """As MergedReader.buckets_between."""
        with self._reader() as reader:
            return reader.buckets_between(tag, edges_ns)

    def at(self, tag: str, time_ns: int) -> Sample | None:
        """As MergedReader.at."""
        with self._reader() as reader:
            return reader.at(tag, time_ns)

    def latest(self, tag: str) -> Sample | None:
        """As MergedReader.latest."""
        with self._reader() as reader:
            return reader.latest(tag)

    def events(
        self,
        start_ns: int = BEGINNING,
        stop_ns: int = END,
        *,
        station: str | None = None,
        kind: EventKind | None = None,
        limit: int | None = None,
    ) -> list[Event]:
        """As MergedReader.events."""
        with self._reader() as reader:
            return reader.events(start_ns, stop_ns, station=station, kind=kind, limit=limit)

    @contextmanager
    def _reader(self) -> Iterator[MergedReader]:
        opened = self._lent()
        try:
            yield opened.reader
        finally:
            self._given_back(opened)

    def _lent(self) -> _Opened:
        paths = self._find()
        files = _files(paths)
        with self._turn:
            if self._opened is None or self._opened.files != files:
                self._let_go()
                self._opened = _Opened(files, MergedReader(paths))
            self._opened.users += 1
            return self._opened

    def _given_back(self, opened: _Opened) -> None:
        with self._turn:
            opened.users -= 1
            if opened.is_old and not opened.users:
                opened.reader.close()

    def _let_go(self) -> None:
        """Close what is open, or leave that to the last who uses it."""
        if self._opened is not None:
            self._opened.is_old = True
            if not self._opened.users:
                self._opened.reader.close()
            self._opened = None


def _files(paths: Sequence[Path]) -> Files:
    """What tells a file from another one that was put in its place."""
    try:
        return tuple((path, (found := path.stat()).st_dev, found.st_ino) for path in paths)
    except OSError as error:
        raise StoreError(
            f"{error.filename}: there is no history here; the controller makes it, see --run"
        ) from error
