"""The bytes of a bundle's archive: a ZIP file in which every byte has one right value.

Any program reads it; the form is narrower than ZIP allows. Members lie end to end from the first
byte, the manifest last; then the directory, then the end record with a comment that seals the
manifest. No dates, no extra fields, no gaps, no 64-bit records: nothing can hide between.

What follows the manifest's beginning is computed from what precedes it (see `ending`); that is how
a reader accounts for bytes that belong to no file.
"""

import hashlib
import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from controller.core.errors import DrylineError

MANIFEST = "manifest.json"
NAME = re.compile(r"(?=.{1,160}\Z)[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*){0,3}")
STORED, DEFLATED = 0, 8
MAX_BYTES = 2**32 - 2  # of the archive and of each member: what 32-bit records can say
MAX_MEMBERS = 10_000
MAX_MANIFEST = 16 * 2**20
SEAL = "Dryline run bundle, format 1, SHA-256 of the manifest: "
SEAL_BYTES = len(SEAL) + 64
PIECE = 2**18

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_LOCAL_MARK, _CENTRAL_MARK, _END_MARK = b"PK\3\4", b"PK\1\2", b"PK\5\6"
_VERSION = 20  # what reading it takes: deflate and folders
_MADE_BY = 3 << 8 | _VERSION  # Unix, so that the mode below means something
_MODE = 0o100644 << 16
_DATE = 0x21  # 1980-01-01, the first day the format knows
_LAST = _CENTRAL.size + len(MANIFEST)  # of the directory: the manifest's record
_SMALLEST = _LOCAL.size + len(MANIFEST) + _LAST + _END.size + SEAL_BYTES


class ArchiveError(DrylineError):
    """The bytes are not an archive of this form."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file as the archive has it. packed: bytes it takes there; offset: of its header."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int

    def header(self) -> bytes:
        """What stands before its bytes."""
        name = self.name.encode("ascii")
        sizes = (self.crc, self.packed, self.size, len(name), 0)
        return _LOCAL.pack(_LOCAL_MARK, _VERSION, 0, self.method, 0, _DATE, *sizes) + name

    def record(self) -> bytes:
        """Its record in the directory."""
        name = self.name.encode("ascii")
        sizes = (self.crc, self.packed, self.size, len(name), 0, 0, 0, 0, _MODE, self.offset)
        fixed = (_CENTRAL_MARK, _MADE_BY, _VERSION, 0, self.method, 0, _DATE)
        return _CENTRAL.pack(*fixed, *sizes) + name

    @property
    def stop(self) -> int:
        """Offset of what follows it."""
        return self.offset + _LOCAL.size + len(self.name) + self.packed


@dataclass(frozen=True, slots=True)
class Stored:
    """What was put into the archive under a name."""

    name: str
    size: int
    sha256: str


def directory(members: Sequence[Member]) -> bytes:
    """The directory of members that end where it begins, and the end record without its comment."""
    records = b"".join(m.record() for m in members)
    count, start = len(members), members[-1].stop
    end = _END.pack(_END_MARK, 0, 0, count, count, len(records), start, SEAL_BYTES)
    return records + end


def ending(before: Sequence[Member], manifest: bytes) -> bytes:
    """Everything from the manifest's header to the last byte of the file."""
    last = _manifest_member(manifest, before[-1].stop if before else 0)
    seal = (SEAL + hashlib.sha256(manifest).hexdigest()).encode("ascii")
    return last.header() + manifest + directory((*before, last)) + seal


def _manifest_member(manifest: bytes, offset: int) -> Member:
    n = len(manifest)
    return Member(MANIFEST, STORED, zlib.crc32(manifest), n, n, offset)


class ArchiveWriter:
    """Writes members one after another into an empty file opened "w+b"."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._members: list[Member] = []
        self._names: set[str] = set()

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._members[-1].stop if self._members else 0

    def add(self, name: str, pieces: Iterable[bytes], *, pack: bool = True) -> Stored:
        """Put a file in; its pieces are taken one at a time."""
        self._claim(name)
        offset = self.size
        method = DEFLATED if pack else STORED
        self._stream.write(Member(name, method, 0, 0, 0, offset).header())
        deflate = zlib.compressobj(6, zlib.DEFLATED, -15) if pack else None
        digest, crc, size, packed = hashlib.sha256(), 0, 0, 0
        for piece in pieces:
            digest.update(piece)
            crc = zlib.crc32(piece, crc)
            size += len(piece)
            packed += self._stream.write(deflate.compress(piece) if deflate else piece)
            self._bound(name, max(size, offset + packed))
        packed += self._stream.write(deflate.flush() if deflate else b"")
        member = Member(name, method, crc, packed, size, offset)
        self._stream.seek(offset)
        self._stream.write(member.header())
        self._stream.seek(member.stop)
        self._members.append(member)
        return Stored(name, size, digest.hexdigest())

    def digest(self) -> str:
        """SHA-256 of all bytes so far."""
        self._stream.seek(0)
        found = hashlib.sha256()
        for piece in pieces_of(self._stream, self.size):
            found.update(piece)
        return found.hexdigest()

    def finish(self, manifest: bytes) -> None:
        """Put the manifest in and close the archive; the file is whole then."""
        if len(manifest) > MAX_MANIFEST:
            raise ArchiveError(f"the manifest would have {len(manifest)} bytes, too many")
        tail = ending(self._members, manifest)
        self._bound(MANIFEST, self.size + len(tail))
        self._stream.seek(self.size)
        self._stream.write(tail)

    def _claim(self, name: str) -> None:
        folded = name.lower()  # on many machines such names are one file
        if not NAME.fullmatch(name) or folded == MANIFEST or folded in self._names:
            raise ArchiveError(f"{name!r} cannot be the name of a file in the bundle")
        if len(self._members) >= MAX_MEMBERS:
            raise ArchiveError(f"more than {MAX_MEMBERS} files in one bundle")
        self._names.add(folded)

    def _bound(self, name: str, size: int) -> None:
        if size > MAX_BYTES:
            text = f"{name}: the bundle would grow beyond {MAX_BYTES} bytes"
            raise ArchiveError(f"{text}; the run is too long for one")


def pieces_of(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """The next `size` bytes in pieces; fewer when the file ends before."""
    while size > 0 and (piece := stream.read(min(size, PIECE))):
        size -= len(piece)
        yield piece


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of an archive as it was found. start: offset of the manifest's header; data: all
    bytes from there; seal: SHA-256 in the comment."""

    start: int
    data: bytes
    manifest: bytes
    seal: str


def read_tail(stream: BinaryIO, size: int) -> Tail:
    """Find the manifest from the end of a file; ArchiveError says what is wrong there.

    The bytes found are not compared with anything here.
    """
    if size < _SMALLEST:
        raise ArchiveError("the file is too short for a bundle: cut off, or something else")
    end_at = size - SEAL_BYTES - _END.size
    stream.seek(end_at)
    end = stream.read()
    mark, _, _, _, _, length, start, _ = _END.unpack_from(end)
    comment = end[_END.size :]
    if mark != _END_MARK or not comment.startswith(SEAL.encode()):
        raise ArchiveError("the file does not end as a bundle does: cut off, or bytes were added")
    if start + length != end_at or not _LAST <= length <= MAX_MEMBERS * (_CENTRAL.size + 161):
        raise ArchiveError("the end record points to the wrong place: bytes were added or taken")
    stream.seek(end_at - _LAST)
    last = stream.read(_LAST)
    mark, *_, packed, _, _, _, _, _, _, _, offset = _CENTRAL.unpack_from(last)
    begins = offset + _LOCAL.size + len(MANIFEST)
    if mark != _CENTRAL_MARK or last[_CENTRAL.size :] != MANIFEST.encode():
        raise ArchiveError(f"{MANIFEST} is not the last file of the archive's directory")
    if begins + packed != start or packed > MAX_MANIFEST:
        raise ArchiveError(f"{MANIFEST} does not lie right before the archive's directory")
    stream.seek(offset)
    data = stream.read(size - offset)
    seal = comment[len(SEAL) :].decode("ascii", "replace")
    inside = begins - offset
    return Tail(offset, data, data[inside : inside + packed], seal)


def read_members(stream: BinaryIO, stop: int) -> list[Member]:
    """The members from the first byte to `stop`; ArchiveError where one is not as written."""
    members: list[Member] = []
    at = 0
    while at < stop:
        stream.seek(at)
        head = stream.read(_LOCAL.size)
        if len(head) < _LOCAL.size or len(members) >= MAX_MEMBERS:
            raise ArchiveError(f"byte {at}: no header of a file")
        *_, method, _, _, crc, packed, size, length, _ = _LOCAL.unpack(head)
        name = stream.read(length)
        text = name.decode("ascii", "replace")
        if not NAME.fullmatch(text) or method not in (STORED, DEFLATED):
            raise ArchiveError(f"byte {at}: no header of a file")
        member = Member(text, method, crc, packed, size, at)
        if member.header() != head + name or member.stop > stop:
            raise ArchiveError(f"byte {at}: the header of {text} is not as it was written")
        members.append(member)
        at = member.stop
    return members
