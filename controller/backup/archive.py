"""The file of a backup: a ZIP archive that any program unpacks, sealed as a whole.

It ends with a comment that carries the SHA-256 of all bytes before the sum itself, so any change of
any byte shows before anything in the file is believed. Written in one stream, without going back.
The seal shows accidents and clumsy hands; who rebuilds the whole file makes a valid one, and only a
content hash that was noted elsewhere tells the two apart.
"""

import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from controller.backup.manifest import MANIFEST, MAX_BYTES, BackupError, Manifest, Member

SEAL = b"Dryline backup, format 1, SHA-256 of all before: "
SUM_BYTES = 64
PIECE = 2**20
SYNCED_BYTES = 8 * 2**20  # as much is written before the disk is made to take it
LARGE = 2**31  # members from this size on get 64-bit records
LEVEL = 1
_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100600 << 16
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError,
    OverflowError, LookupError,
)  # fmt: skip

Progress = Callable[[int], None]  # takes bytes that were dealt with


@dataclass(frozen=True, slots=True)
class Written:
    """What was put into the archive."""

    size: int
    sha256: str


class _Sealing(io.RawIOBase):
    """Passes bytes on and sums them up, all but the last ones, in whose place the sum will be."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self._kept = b""
        self._place = self._synced = 0
        self._abandoned = False

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def write(self, data: object, /) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._place += len(piece)
        if self._abandoned:
            return len(piece)
        whole = self._kept + piece
        self._pass(whole[:-SUM_BYTES])
        self._kept = whole[-SUM_BYTES:]
        return len(piece)

    def abandon(self) -> None:
        """Pass nothing on any more."""
        self._abandoned = True

    def seal(self) -> None:
        """Write the sum in the place of what was kept back."""
        self._stream.write(self._digest.hexdigest().encode())

    def _pass(self, data: bytes) -> None:
        self._digest.update(data)
        self._stream.write(data)
        self._synced += len(data)
        if self._synced >= SYNCED_BYTES:  # else one long sync at the end holds up everybody else's
            self._synced = 0
            self._stream.flush()
            os.fdatasync(self._stream.fileno())


class Writer:
    """Puts files into a new archive, one after another. A context; `finish` is its good end."""

    def __init__(self, stream: BinaryIO) -> None:
        self._sealing = _Sealing(stream)
        self._zip = zipfile.ZipFile(self._sealing, "w", allowZip64=True)

    def add(
        self, name: str, pieces: Iterable[bytes], size: int, *, pack: bool, told: Progress
    ) -> Written:
        """Put a file in. size: about how large it is."""
        info = zipfile.ZipInfo(name, _DATE)
        info.external_attr = _MODE
        info.compress_type = zipfile.ZIP_DEFLATED if pack else zipfile.ZIP_STORED
        info._compresslevel = LEVEL  # type: ignore[attr-defined]  # noqa: SLF001 - no other way in
        digest, total = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=size >= LARGE) as member:
            for piece in pieces:
                digest.update(piece)
                member.write(piece)
                total += len(piece)
                told(len(piece))
        return Written(total, digest.hexdigest())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sealing.abandon()
        with suppress(ValueError):  # a file was being put in when it failed
            self._zip.close()

    def finish(self, manifest: Manifest) -> None:
        """Put the manifest in and seal the archive."""
        raw = manifest.to_bytes()
        self.add(MANIFEST, [raw], len(raw), pack=True, told=_nobody)
        self._zip.comment = SEAL + bytes(SUM_BYTES)
        self._zip.close()
        self._sealing.seal()


def _nobody(_: int) -> None:
    """Takes no notice."""


class Archive:
    """An archive whose seal and list of files are right; files are checked as they are read."""

    def __init__(self, file: zipfile.ZipFile, manifest: Manifest) -> None:
        self._zip, self.manifest = file, manifest

    def pieces(self, member: Member) -> Iterator[bytes]:
        """The bytes of a file; BackupError at the end when they are not those listed."""
        digest, left = hashlib.sha256(), member.size
        try:
            with self._zip.open(member.name) as stream:
                while piece := stream.read(PIECE):
                    left -= len(piece)
                    if left < 0:
                        raise BackupError(f"{member.name}: is longer than {MANIFEST} says")
                    digest.update(piece)
                    yield piece
        except _UNREADABLE as error:
            raise BackupError(f"{member.name}: cannot be unpacked: {error}") from error
        if left or digest.hexdigest() != member.sha256:
            raise BackupError(f"{member.name}: is not what {MANIFEST} lists")


@contextmanager
def opened(path: Path, told: Progress) -> Iterator[Archive]:
    """Check the seal of a file and read its manifest; BackupError says what is wrong with it."""
    try:
        with path.open("rb") as stream:
            require_sealed(stream, path, told)
            with _zip_of(stream, path) as file:
                yield Archive(file, _manifest_of(file, path))
    except OSError as error:
        raise BackupError(f"{path}: cannot be read: {error.strerror}") from error


def require_sealed(stream: BinaryIO, path: Path, told: Progress) -> None:
    """BackupError unless every byte of a file is the one that was written."""
    size = stream.seek(0, os.SEEK_END)
    end = len(SEAL) + SUM_BYTES
    stream.seek(max(0, size - end))
    comment = stream.read()
    if len(comment) < end or not comment.startswith(SEAL):
        raise BackupError(f"{path}: does not end as a Dryline backup does: cut off, or no backup")
    stream.seek(0)
    digest, left = hashlib.sha256(), size - SUM_BYTES
    while left > 0 and (piece := stream.read(min(PIECE, left))):
        digest.update(piece)
        left -= len(piece)
        told(len(piece))
    if digest.hexdigest().encode() != comment[len(SEAL) :]:
        raise BackupError(
            f"{path}: was altered or damaged since it was made: its seal does not fit; take "
            "another copy"
        )


def _zip_of(stream: BinaryIO, path: Path) -> zipfile.ZipFile:
    stream.seek(0)
    try:
        return zipfile.ZipFile(stream)
    except _UNREADABLE as error:
        raise BackupError(f"{path}: is no archive: {error}") from error


def _manifest_of(file: zipfile.ZipFile, path: Path) -> Manifest:
    entries = file.infolist()
    names = sorted(entry.filename for entry in entries)
    try:
        info = file.getinfo(MANIFEST)
        with file.open(info) as stream:
            raw = stream.read(MAX_BYTES + 1)
    except _UNREADABLE as error:
        raise BackupError(f"{path}: no {MANIFEST} in it: {error}") from error
    if len(raw) > MAX_BYTES:
        raise BackupError(f"{path}: its {MANIFEST} is too large to be true")
    manifest = Manifest.from_bytes(raw)
    if names != sorted([*(m.name for m in manifest.members), MANIFEST]):
        raise BackupError(f"{path}: the files in it are not those that its {MANIFEST} lists")
    return manifest
