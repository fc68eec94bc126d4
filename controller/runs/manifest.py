"""The manifest of a bundle: what is in it, and the sums by which any change shows."""

from collections.abc import Iterable, Sequence
from typing import Literal, Self

from pydantic import Field

from controller.core.errors import DrylineError
from controller.manifests import SealedList, Shape, Sum, sum_of_sums
from controller.runs.archive import Stored

MAX_TOTAL = 32 * 2**30  # bytes of all files unpacked: a longer run goes into no bundle


class ManifestError(DrylineError):
    """The manifest cannot be used; says why."""


class FileSum(Shape):
    """One file: its size in bytes and SHA-256 of its bytes."""

    name: str
    size: int = Field(ge=0)
    sha256: str = Sum


class BeforeManifest(Shape):
    """The archive from its first byte to the manifest: headers and packed files as they lie."""

    size: int = Field(ge=0)
    sha256: str = Sum


class Manifest(SealedList):
    """Everything in a bundle but the manifest itself, files in the order of their names.

    files_sha256: see `list_sum`. notes: what the files do not hold and why, in words.
    """

    bundle: Literal["dryline-run"] = "dryline-run"
    format: Literal[1] = 1
    run: str
    station: str
    software: str
    files: tuple[FileSum, ...]
    files_sha256: str = Sum
    before_manifest: BeforeManifest
    notes: tuple[str, ...] = ()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read it; ManifestError says what is wrong, and nothing else is raised."""
        try:
            found = cls.parse(raw)
        except ValueError as error:
            raise ManifestError(str(error)) from None
        names = [f.name for f in found.files]
        if names != sorted(set(names)):
            raise ManifestError("files: not in order, or one is named twice")
        if sum(f.size for f in found.files) > MAX_TOTAL:
            raise ManifestError(f"files: more than {MAX_TOTAL} bytes in all")
        if found.files_sha256 != list_sum(found.files):
            raise ManifestError("files_sha256: not the sum of the list of files")
        return found


def list_sum(files: Iterable[FileSum]) -> str:
    """SHA-256 of the list as `sha256sum` prints it: one line `SUM  NAME` a file, by name."""
    return sum_of_sums((f.sha256, f.name) for f in files)


def file_sums(stored: Sequence[Stored]) -> tuple[FileSum, ...]:
    """The list of files, in the order of their names; ManifestError if they are too large."""
    if sum(s.size for s in stored) > MAX_TOTAL:
        raise ManifestError(f"the run has more than {MAX_TOTAL} bytes: too long for one bundle")
    ordered = sorted(stored, key=lambda s: s.name)
    return tuple(FileSum(name=s.name, size=s.size, sha256=s.sha256) for s in ordered)
