"""What the manifests of backups and of run bundles have in common: lists of files with sums."""

import hashlib
from collections.abc import Iterable
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Sum = Field(pattern=r"^[0-9a-f]{64}$")


class Shape(BaseModel):
    """Nothing but what is declared, and nothing converted."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class SealedList(Shape):
    """A manifest as a file of JSON."""

    def to_bytes(self) -> bytes:
        """The file."""
        return (self.model_dump_json(indent=1) + "\n").encode()

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read it; ValueError says in which place what is wrong, and nothing else is raised."""
        try:
            return cls.model_validate_json(raw)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"{place or 'the text'}: {first['msg']}") from None


def sum_of_sums(files: Iterable[tuple[str, str]]) -> str:
    """SHA-256 of the list as `sha256sum` prints it: one line `SUM  NAME` for each (sum, name)."""
    lines = "".join(f"{found}  {name}\n" for found, name in files)
    return hashlib.sha256(lines.encode()).hexdigest()
