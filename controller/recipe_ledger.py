"""The ledger beside the versions of a recipe: who released what with which content. Append-only.

One JSON file, `ledger.json`, replaced whole (write, fsync, rename, fsync of the folder). Each entry
carries the hash of the one before it, so that an entry that was edited or taken out shows. One
writer at a time, by a lock of the operating system that dies with its process.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from controller.core.errors import ConfigError, Problem, Refused
from controller.explain import problems_of
from controller.recipe_shape import VERSION_PATTERN
from controller.text_file import read_text
from controller.whole_file import replace_file

LEDGER = "ledger.json"
MAX_LOOKS = 10_000  # about 0.2 s, for a holder that was stopped between lock and name
LOCK = ".ledger.lock"
MAX_BYTES = 4 * 1024 * 1024
_HASH = r"^[0-9a-f]{64}$"
RESTORE = "restore the file from version control"


class Action(StrEnum):
    """What an entry records."""

    RELEASE = "release"
    OBSOLETE = "obsolete"


class Entry(BaseModel):
    """One line of the ledger.

    actor: who did it: for a release the approver, who is not the author. rehearsal: what the passed
    rehearsal came to; brought_by: who brought the record of it, "" where this line has made it
    itself; override: why none was asked for. time_utc: ISO 8601. signature: members of
    the approver's electronic signature, None where the line had no users. previous: the hash of the
    entry before, "" for the first.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    version: str = Field(pattern=VERSION_PATTERN)
    action: Action
    content_hash: str = Field(pattern=_HASH)
    author: str
    actor: str
    reason: str
    rehearsal: str = ""
    brought_by: str = ""
    override: str = ""
    time_utc: str
    signature: dict[str, str | int] | None = None
    previous: str = ""

    @model_serializer(mode="wrap")
    def _written(self, usual: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is not signed, or not brought, has no such member: its hash is that of former
        times."""
        members: dict[str, Any] = usual(self)
        if self.signature is None:
            del members["signature"]
        if not self.brought_by:
            del members["brought_by"]
        return members

    def hash(self) -> str:
        """SHA-256 of the entry, the hash of its forerunner included."""
        body = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(body.encode()).hexdigest()


class _Ledger(BaseModel):
    """The whole file."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    format: Literal[1]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """The entries of one recipe, oldest first."""

    entries: tuple[Entry, ...] = ()

    @classmethod
    def read(cls, folder: Path, file: str) -> Self:
        """The ledger of a folder, empty when there is none; ConfigError when it cannot be believed.

        file: what problems call it.
        """
        path = folder / LEDGER
        if not path.exists():
            return cls()
        text, problems, _ = read_text(path, file, MAX_BYTES, RESTORE)
        if text is None:
            raise ConfigError(problems)
        try:
            ledger = _Ledger.model_validate_json(text)
        except ValidationError as error:
            raise ConfigError(_told(error, file)) from None
        previous = ""
        for number, entry in enumerate(ledger.entries, 1):
            if entry.previous != previous:
                told = f"entry {number} does not follow the one before it, the ledger was edited: "
                raise ConfigError([_problem(file, f"entries.{number - 1}", told + RESTORE)])
            previous = entry.hash()
        return cls(ledger.entries)

    def last(self, version: str) -> Entry | None:
        """The newest entry of a version; None: it is a draft."""
        return next((e for e in reversed(self.entries) if e.version == version), None)

    def release(self, version: str) -> Entry | None:
        """The entry that released a version; the newest, where it was signed later."""
        matching = (e for e in reversed(self.entries) if e.version == version)
        return next((e for e in matching if e.action is Action.RELEASE), None)

    def with_entry(self, entry: Entry) -> "Ledger":
        """The ledger and one more entry, chained to the last."""
        previous = self.entries[-1].hash() if self.entries else ""
        return Ledger((*self.entries, entry.model_copy(update={"previous": previous})))

    def write(self, folder: Path) -> None:
        """Replace the file whole."""
        entries = [e.model_dump(mode="json") for e in self.entries]
        body = json.dumps({"format": 1, "entries": entries}, indent=2, ensure_ascii=False)
        replace_file(folder / LEDGER, body + "\n")


def _told(error: ValidationError, file: str) -> list[Problem]:
    found = problems_of(error, _Ledger, file, {})
    return [_problem(file, p.field, f"{p.message}; {RESTORE}", p.value) for p in found]


def _problem(file: str, field: str, message: str, value: str = "") -> Problem:
    return Problem(file=file, line=None, field=field, value=value, message=message)


@contextmanager
def locked(folder: Path, actor: str, action: str, time_utc: str) -> Iterator[None]:
    """Be the one writer of a folder; Refused("busy") says who is, and since when."""
    path = folder / LOCK
    stream = _take(path, action)
    try:
        stream.seek(0)
        stream.truncate()
        stream.write(f"{action} by {actor} since {time_utc}".encode())
        stream.flush()
        yield
    finally:
        path.unlink(missing_ok=True)
        stream.close()


def _take(path: Path, action: str) -> BinaryIO:
    """The open lock file, locked, and still the one in the folder."""
    looks = 0
    while True:
        stream = path.open("a+b")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            holder = stream.read(400).decode(errors="replace")
            stream.close()
            looks += 1
            if not holder and looks < MAX_LOOKS:
                os.sched_yield()  # it has the lock and is about to write who it is, or is done
                continue
            told = f"{action} not done, {holder or 'another change'} is under way"
            raise Refused("busy", [f"{told}: look at what it did, then try again"]) from None
        try:
            current = path.stat().st_ino
        except FileNotFoundError:
            current = -1  # the last holder took it away between our open and our lock
        if os.fstat(stream.fileno()).st_ino == current:
            return stream
        stream.close()
