"""Finds out whether a bundle is what `export` wrote, and names every difference.

Two checks that do not lean on each other. The *form*: every byte of the archive is either covered
by a sum in the manifest or computed from bytes that are, and compared. The *contents*: what any
program would unpack is what the manifest lists. A bundle that was unpacked, altered and packed
again fails the first and is told file by file by the second.

The limit: whoever rebuilds a whole bundle with sums of its own makes one that is intact. Only a sum
noted elsewhere (`expect`) tells the two apart.
"""

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from controller.runs.archive import (
    DEFLATED,
    MANIFEST,
    MAX_MANIFEST,
    MAX_MEMBERS,
    PIECE,
    SEAL,
    SEAL_BYTES,
    STORED,
    ArchiveError,
    Tail,
    ending,
    pieces_of,
    read_members,
    read_tail,
)
from controller.runs.manifest import FileSum, Manifest, ManifestError
from controller.runs.run_json import MAX_BYTES, numbering

MARK = b'"dryline-run"'
MAX_RECIPE = 2**20
MAX_DIRECTORY = 4 * 2**20
_END_SEARCH = 22 + 2**16  # the end record with the longest comment a ZIP file can have
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError,
    OSError, ValueError, OverflowError, LookupError,
)  # fmt: skip


class Verdict(StrEnum):
    """What became of a verification."""

    INTACT = "intact"
    ALTERED = "altered"
    NO_BUNDLE = "no bundle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """differences: one sentence each, none when it is intact. sha256: of the manifest as found, ""
    when there is none; run, files, notes: what the manifest says."""

    path: Path
    verdict: Verdict
    differences: tuple[str, ...] = ()
    sha256: str = ""
    run: str = ""
    files: int = 0
    notes: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        """Nothing was found."""
        return self.verdict is Verdict.INTACT


def verify(path: Path, expect: str = "") -> Verification:
    """Check a bundle. expect: SHA-256 of its manifest as noted when it was exported, if known.

    Never raises for what a file holds; a file that cannot be read is no bundle.
    """
    try:
        if not path.is_file():
            reason = "not a regular file" if path.exists() else "no such file"
            return Verification(path=path, verdict=Verdict.NO_BUNDLE, differences=(reason,))
        with path.open("rb") as stream:
            return _Check(path, stream).run(expect.strip().lower())
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        reason = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        return Verification(path=path, verdict=Verdict.NO_BUNDLE, differences=(reason,))


def printable(text: str) -> str:
    """A text that only prints: no line breaks, nothing that a terminal obeys."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


class _Check:
    """One verification; collects differences."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path, self._stream = path, stream
        self._size = stream.seek(0, io.SEEK_END)
        self._found: list[str] = []
        self._raw = b""
        self._manifest: Manifest | None = None

    def run(self, expect: str) -> Verification:
        self._form()
        self._contents()
        if not self._looks_like_one():
            reason = "not a Dryline run bundle: nothing in it says so"
            return Verification(path=self._path, verdict=Verdict.NO_BUNDLE, differences=(reason,))
        sha256 = hashlib.sha256(self._raw).hexdigest() if self._raw else ""
        if expect and expect != sha256:
            text = f"the manifest has SHA-256 {sha256 or 'none'}, expected was {expect}"
            self._wrong(f"{text}: another bundle, or one that was rebuilt")
        manifest = self._manifest
        return Verification(
            path=self._path,
            verdict=Verdict.ALTERED if self._found else Verdict.INTACT,
            differences=tuple(dict.fromkeys(map(printable, self._found))),
            sha256=sha256,
            run=printable(manifest.run) if manifest else "",
            files=len(manifest.files) + 1 if manifest else 0,
            notes=tuple(map(printable, manifest.notes)) if manifest else (),
        )

    def _wrong(self, text: str) -> None:
        self._found.append(text)

    def _looks_like_one(self) -> bool:
        """Cut, altered or packed again, a bundle still has one of its ends or its manifest."""
        self._stream.seek(0)
        head = self._stream.read(PIECE)
        self._stream.seek(max(0, self._size - PIECE))
        tail = self._stream.read(PIECE)
        ends = b"README.txtDryline run bundle" in head or SEAL.encode()[:18] in tail
        return ends or MARK in self._raw or MARK in tail

    # -- the form --------------------------------------------------------------------------------

    def _form(self) -> None:
        try:
            tail = read_tail(self._stream, self._size)
        except ArchiveError as error:
            self._wrong(f"archive: {error}")
            return
        self._read_manifest(tail.manifest)
        if tail.seal != hashlib.sha256(tail.manifest).hexdigest():
            self._wrong(f"{MANIFEST}: not the one that the seal at the end of the archive is of")
        if self._manifest is not None:
            before = self._manifest.before_manifest
            if before.size != tail.start:
                text = f"{tail.start} bytes before the manifest, it says {before.size}"
                self._wrong(f"archive: {text}: bytes were added or taken")
            elif before.sha256 != self._sum_of_first(tail.start):
                self._wrong("archive: bytes before the manifest were altered")
        self._compare_ending(tail)

    def _sum_of_first(self, size: int) -> str:
        self._stream.seek(0)
        digest = hashlib.sha256()
        for piece in pieces_of(self._stream, size):
            digest.update(piece)
        return digest.hexdigest()

    def _compare_ending(self, tail: Tail) -> None:
        try:
            members = read_members(self._stream, tail.start)
        except ArchiveError as error:
            self._wrong(f"archive: {error}")
            return
        expected = ending(members, tail.manifest)
        if expected == tail.data:
            return
        pairs = zip(expected, tail.data, strict=False)
        first = next((k for k, (a, b) in enumerate(pairs) if a != b), len(expected))
        inside = len(tail.data) - tail.start
        where = "the header of the manifest" if first < inside else "the directory at the end"
        where = "the seal at the end" if first >= len(expected) - SEAL_BYTES else where
        self._wrong(f"archive: byte {tail.start + first}: {where} is not as it was written")

    def _read_manifest(self, raw: bytes) -> None:
        self._raw = raw
        try:
            self._manifest = Manifest.from_bytes(raw)
        except ManifestError as error:
            self._wrong(f"{MANIFEST}: {error}")

    # -- the contents ----------------------------------------------------------------------------

    def _contents(self) -> None:
        if not _is_modest(self._stream, self._size):
            self._wrong("archive: no directory that could be read")
            return
        try:
            with zipfile.ZipFile(self._stream) as archive:
                self._compare_files(archive)
        except _UNREADABLE as error:
            self._wrong(f"archive: cannot be unpacked: {error}")

    def _compare_files(self, archive: zipfile.ZipFile) -> None:
        entries = _Entries(archive)
        for name in entries.twice:
            self._wrong(f"{name}: is in the archive more than once")
        if not self._raw:
            raw = entries.read(MANIFEST, MAX_MANIFEST)
            if isinstance(raw, str):
                self._wrong(f"{MANIFEST}: {raw}")
                return
            self._read_manifest(raw)
        if self._manifest is None:
            return
        listed = {f.name: f for f in self._manifest.files}
        missing = [f for name, f in listed.items() if name not in entries.names]
        for name in sorted(entries.names - set(listed) - {MANIFEST}):
            self._tell_added(entries, name, missing)
        for file in missing:
            self._wrong(f"{file.name}: is missing")
        for name in sorted(set(listed) & entries.names):
            self._wrong_if(name, entries.compare(listed[name]))
        self._meaning(entries, listed)

    def _wrong_if(self, name: str, text: str) -> None:
        if text:
            self._wrong(f"{name}: {text}")

    def _tell_added(self, entries: "_Entries", name: str, missing: list[FileSum]) -> None:
        for file in missing:
            renamed = FileSum(name=name, size=file.size, sha256=file.sha256)
            if not entries.compare(renamed):
                self._wrong(f"{name}: is new; has the content of {file.name}, so it was renamed")
                return
        self._wrong(f"{name}: was added")

    # -- what the files say of one another -------------------------------------------------------

    def _meaning(self, entries: "_Entries", listed: dict[str, FileSum]) -> None:
        """The record and the recipe belong together and to the manifest."""
        manifest = self._manifest
        raw = entries.read("run.json", MAX_BYTES) if "run.json" in listed else "is not listed"
        if isinstance(raw, str):
            self._wrong(f"run.json: {raw}")
            return
        try:
            record = json.loads(raw)
            head, numbers = record["head"], [e["number"] for e in record["entries"]]
            says = (head["id"], head["station"], head["software"])
            wanted = head["content_hash"], record["recipe_sha256"]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            self._wrong(f"run.json: not a record of a run: {type(error).__name__}: {error}")
            return
        self._wrong_if("run.json", numbering(numbers))
        if manifest is not None and says != (manifest.run, manifest.station, manifest.software):
            self._wrong(f"run.json: run, station or software differ from {MANIFEST}")
        recipe = listed.get("recipe.yaml")
        found = recipe.sha256 if recipe else ""
        if recipe and recipe.size > MAX_RECIPE:
            self._wrong("recipe.yaml: too large for a recipe")
        if wanted != (found, found):
            text = f"SHA-256 {found or 'none'} is not that of the record, {wanted[0] or 'none'}"
            self._wrong(f"recipe.yaml: {text}")


class _Entries:
    """The files of an archive as any program finds them, read with limits."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        entries = archive.infolist()
        self._entries = {e.filename: e for e in entries}
        self.names = set(self._entries)
        counted: dict[str, int] = {}
        for e in entries:
            folded = e.filename.lower()
            counted[folded] = counted.get(folded, 0) + 1
        self.twice = sorted({e.filename for e in entries if counted[e.filename.lower()] > 1})

    def read(self, name: str, limit: int) -> bytes | str:
        """The bytes of a file, or what is wrong with it."""
        try:
            raw = b"".join(self._pieces(name, limit))
        except _UNREADABLE as error:
            return _reason(error)
        return raw if len(raw) <= limit else "is too large"

    def compare(self, file: FileSum) -> str:
        """How a file differs from what is listed, "" when it does not."""
        digest, size = hashlib.sha256(), 0
        try:
            for piece in self._pieces(file.name, file.size):
                digest.update(piece)
                size += len(piece)
        except _UNREADABLE as error:
            return _reason(error)
        if size != file.size:
            more = "more" if size > file.size else str(size)
            return f"was altered: {more} instead of {file.size} bytes"
        return "" if digest.hexdigest() == file.sha256 else "was altered: its SHA-256 is another"

    def _pieces(self, name: str, limit: int) -> Iterator[bytes]:
        """What a file unpacks to, never more than a byte above the limit."""
        entry = self._entries.get(name)
        if entry is None:
            raise LookupError("is missing")
        if entry.compress_type not in (STORED, DEFLATED):
            raise ValueError("is packed in a way that bundles do not use")
        left = limit + 1
        with self._archive.open(entry) as stream:
            while left > 0 and (piece := stream.read(min(left, PIECE))):
                left -= len(piece)
                yield piece


def _reason(error: BaseException) -> str:
    text = str(error).strip("'\"")
    return text if text == "is missing" else f"cannot be unpacked: {text or type(error).__name__}"


def _is_modest(stream: BinaryIO, size: int) -> bool:
    """There is a directory, and it is small enough to be read into memory."""
    stream.seek(max(0, size - _END_SEARCH))
    end = stream.read()
    at = end.rfind(b"PK\5\6")
    if at < 0 or len(end) - at < 22 or b"PK\6\7" in end[max(0, at - 20) : at]:
        return False
    count, length = struct.unpack_from("<HL", end, at + 10)
    return bool(length <= MAX_DIRECTORY and count <= MAX_MEMBERS)
