"""The manifest of a backup: what is in it, and the sums by which any change shows."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Literal, Self

from pydantic import Field

from controller.core.errors import DrylineError
from controller.manifests import SealedList, Shape, Sum, sum_of_sums

MANIFEST = "manifest.json"
MAX_BYTES = 16 * 2**20
MAX_MEMBERS = 20_000
NAME = r"^(run|recipes|line)(/[A-Za-z0-9_+@-][A-Za-z0-9._+@-]{0,120}){1,5}$"


class BackupError(DrylineError):
    """A backup cannot be made or used; says why and what to do."""


class Kind(StrEnum):
    """What a file of a backup is."""

    HISTORY = "history"
    STATIONS = "stations"
    LEDGER = "ledger"
    ACCESS = "access"  # users with their hashed passwords, tokens
    PLAIN = "plain"
    SECRET = "secret"  # noqa: S105 - a kind: private keys, and what lies with them

    @property
    def is_store(self) -> bool:
        """It is an SQLite file, whose content has a hash of its own."""
        return self not in (Kind.PLAIN, Kind.SECRET)

    @property
    def is_secret(self) -> bool:
        """Only its owner may read it, also where it is restored."""
        return self in (Kind.ACCESS, Kind.SECRET)


class Member(Shape):
    """One file. sha256: of its bytes; content: of what it says, for a plain file the same."""

    name: str = Field(pattern=NAME)
    kind: Kind = Field(strict=False)
    size: int = Field(ge=0, le=2**46)
    sha256: str = Sum
    content: str = Sum

    @property
    def root(self) -> str:
        """Which of the folders it belongs into: run, recipes or line."""
        return PurePosixPath(self.name).parts[0]

    @property
    def inside(self) -> PurePosixPath:
        """Its path inside that folder."""
        return PurePosixPath(*PurePosixPath(self.name).parts[1:])


class Manifest(SealedList):
    """Everything in a backup, files in the order of their names. made_utc: ISO 8601.

    content: see `content_sum`. notes: what is not in it and why, in words.
    """

    backup: Literal["dryline-line"] = "dryline-line"
    format: Literal[1] = 1
    line: str
    software: str
    made_utc: str
    members: tuple[Member, ...] = Field(max_length=MAX_MEMBERS)
    content: str = Sum
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files unpacked."""
        return sum(member.size for member in self.members)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read it; BackupError says what is wrong, and nothing else is raised."""
        try:
            found = cls.parse(raw)
        except ValueError as error:
            raise BackupError(f"{MANIFEST}: {error}") from None
        names = [m.name for m in found.members]
        if names != sorted(set(names)) or len({n.lower() for n in names}) != len(names):
            raise BackupError(f"{MANIFEST}: files are not in order, or one is named twice")
        folders = {str(p) for n in names for p in PurePosixPath(n).parents}
        if folders & set(names):
            raise BackupError(f"{MANIFEST}: a file has the name of a folder")
        if found.content != content_sum(found.members):
            raise BackupError(f"{MANIFEST}: its content hash is not that of the list of files")
        return found


def content_sum(members: Iterable[Member]) -> str:
    """SHA-256 over what all files say: one line `SUM  NAME` a file, in the order of names."""
    return sum_of_sums((m.content, m.name) for m in sorted(members, key=lambda m: m.name))
