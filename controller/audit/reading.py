"""Reading the trail: the newest records, those after a number, those that somebody asks for."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from controller.audit.record import Category, Record, decode
from controller.core.errors import StoreError

BLOCK = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which records: every field that is set must hold. from_ns, to_ns: UTC, to_ns excluded."""

    actor: str = ""
    category: Category | None = None
    station: str = ""
    target: str = ""
    from_ns: int | None = None
    to_ns: int | None = None

    def met(self, record: Record) -> bool:
        """This record is wanted."""
        entry, at_ns = record.entry, record.moment.utc_ns
        return (
            (not self.actor or entry.actor == self.actor)
            and (self.category is None or entry.category is self.category)
            and (not self.station or entry.station == self.station)
            and (not self.target or entry.target == self.target)
            and (self.from_ns is None or at_ns >= self.from_ns)
            and (self.to_ns is None or at_ns < self.to_ns)
        )


def newest(path: Path, wish: Wish, limit: int, before: int | None = None) -> list[Record]:
    """The newest `limit` records that are wanted, oldest first. before: only lower numbers."""
    found: list[Record] = []
    for record in newest_first(path):
        if before is not None and record.number >= before:
            continue
        if wish.met(record):
            found.append(record)
            if len(found) == limit:
                break
    return found[::-1]


def after(path: Path, number: int, limit: int) -> list[Record]:
    """The `limit` records that follow a number, oldest first: how to read on."""
    found: deque[Record] = deque(maxlen=limit)
    for record in newest_first(path):
        if record.number <= number:
            break
        found.append(record)
    return list(found)[::-1]


def matching(path: Path, wish: Wish) -> Iterator[Record]:
    """Every record that is wanted, oldest first; lines that are no records are left out."""
    try:
        with path.open("rb") as stream:
            yield from (record for record in _decoded(stream) if wish.met(record))
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from error


def numbered(path: Path, number: int) -> Record | None:
    """The record of a number, found by halving; None where there is no such record."""
    try:
        with path.open("rb") as stream:
            low, high = 0, stream.seek(0, 2)
            while high - low > BLOCK:
                middle = (low + high) // 2
                start, record = _next_record(stream, middle, high)
                if record is None or record.number > number:
                    high = middle
                else:
                    low = start
            stream.seek(low)
            for line in stream:
                record = decode(line)
                if record is not None and record.number >= number:
                    return record if record.number == number else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
    return None


def kept(path: Path, number: int, content_hash: str) -> Record | None:
    """The record of a number in a trail, or in what was kept of it when it was found broken.

    Where several have the number that of the hash, else any of them.
    """
    found = None
    for place in (path, *sorted(path.parent.glob(f"{path.name}.broken-*"))):
        record = numbered(place, number)
        if record is not None and record.hash == content_hash:
            return record
        found = found or record
    return found


def _next_record(stream: BinaryIO, start: int, stop: int) -> tuple[int, Record | None]:
    """The first whole record that begins after an offset, and where; None before `stop`."""
    stream.seek(start)
    stream.readline()
    while (place := stream.tell()) < stop:
        record = decode(stream.readline())
        if record is not None:
            return place, record
    return stop, None


def newest_first(path: Path) -> Iterator[Record]:
    """Every record, a block at a time."""
    try:
        with path.open("rb") as stream:
            left = stream.seek(0, 2)
            rest = b""
            while left > 0:
                start = max(0, left - BLOCK)
                stream.seek(start)
                raw = stream.read(left - start) + rest
                left = start
                rest, *lines = raw.split(b"\n") if start else [b"", *raw.split(b"\n")]
                yield from _decoded(line + b"\n" for line in reversed(lines) if line)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from error


def _decoded(lines: Iterable[bytes]) -> Iterator[Record]:
    for line in lines:
        record = decode(line)
        if record is not None:
            yield record
