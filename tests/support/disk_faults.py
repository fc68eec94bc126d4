"""A disk that fails on demand, and a model of what a power cut leaves of it.

`build` compiles disk_faults.c; a program started with `environment` has its file calls below one
folder counted, failed and recorded. Inside that program `Faults` arms the failures.

The model (`Recording.cut`) knows what is worth what: bytes count after a sync of their file, names
after a sync of their folder, and nothing else. Clean cuts keep exactly that. Torn cuts keep, in
addition, any part of what was not synced: single sectors of 512 bytes, in any order, sizes without
their bytes, and a beginning of the list of changed names (file systems with a journal keep those
in order). What lay unsynced when a sync failed is never made durable by a later one: the kernel
takes such pages for clean.
"""

import ctypes
import errno
import os
import random
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from tests.support import debian

SOURCE = Path(__file__).with_name("disk_faults.c")
SECTOR = 512
SHARED_MEMORY = "-shm"
SHARED_MEMORY_BYTES = 32_768
FOR_GOOD = 2**40
HEAD = struct.Struct("<BIQq")
ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC}


def compiler() -> str:
    """Path of gcc; with the headers of the C library it is installed when it is missing."""
    debian.require("gencat", "libc6-dev")  # a tool that comes with the headers
    return debian.require("gcc")


def build(folder: Path) -> Path:
    """The library, compiled into a folder."""
    target = folder / "disk_faults.so"
    command = [compiler(), "-shared", "-fPIC", "-O2", "-o", str(target), str(SOURCE), "-ldl"]
    subprocess.run([*command, "-lpthread"], check=True, capture_output=True)
    return target


def environment(library: Path, root: Path) -> dict[str, str]:
    """What a program needs in its environment."""
    own = {"LD_PRELOAD": str(library), "DISK_FAULTS_ROOT": str(root), "OPENBLAS_NUM_THREADS": "1"}
    return os.environ | own


class Faults:
    """Control of the library from inside a program that was started with it."""

    def __init__(self) -> None:
        """AttributeError when the library is not there."""
        self._library = ctypes.CDLL(None)
        self._library.disk_faults_arm.argtypes = [
            ctypes.c_long, ctypes.c_long, ctypes.c_int, ctypes.c_int, ctypes.c_int,
        ]  # fmt: skip
        self._library.disk_faults_calls.restype = ctypes.c_long
        self._library.disk_faults_mark.argtypes = [ctypes.c_int64]

    def concern(self, root: Path, log: str) -> None:
        """Only files below this folder from now on; their calls are recorded in that file."""
        self._library.disk_faults_root(str(root).encode())
        self._library.disk_faults_log(log.encode())

    def arm(self, k: int, n: int, error: str, *, halved: bool = False, syncs: bool = False) -> None:
        """Let calls k .. k + n - 1 from now fail; halved: a write at k writes half of it first.

        syncs: count no other calls.
        """
        self._library.disk_faults_arm(k, n, ERRORS[error], halved, syncs)

    def disarm(self) -> None:
        """Let nothing fail."""
        self._library.disk_faults_arm(0, 0, 0, 0, 0)

    @property
    def calls(self) -> int:
        """Calls since it was armed."""
        return int(self._library.disk_faults_calls())

    @property
    def struck(self) -> bool:
        """Whether a call has failed since it was armed."""
        return bool(self._library.disk_faults_struck())

    def mark(self, number: int) -> None:
        """Note in the recording that so much is promised."""
        self._library.disk_faults_mark(number)


class Op(IntEnum):
    """What was called; the numbers of disk_faults.c."""

    CREATE = 1
    WRITE = 2
    TRUNCATE = 3
    SYNC = 4
    SYNC_FOLDER = 5
    RENAME = 6
    UNLINK = 7
    MKDIR = 8
    MARK = 9
    SYNC_FAILED = 10


@dataclass(frozen=True, slots=True)
class Call:
    """One call. file: number of its inode; number: offset, length or mark; payload: bytes, or
    paths below the root."""

    op: Op
    file: int
    number: int
    payload: bytes


@dataclass(slots=True)
class _Change:
    """Bytes written at a place; data None: the file was cut or grown to that length."""

    at: int
    data: bytes | None


@dataclass(slots=True)
class _File:
    durable: bytearray = field(default_factory=bytearray)
    size: int = 0  # as the program sees it
    pending: list[_Change] = field(default_factory=list)

    def change(self, change: _Change) -> None:
        self.pending.append(change)
        if change.data is None:
            self.size = change.at
        else:
            self.size = max(self.size, change.at + len(change.data))

    def sync(self) -> None:
        for change in self.pending:
            _apply(self.durable, change)
        self.pending.clear()

    def sync_failed(self, chance: random.Random, *, torn: bool) -> None:
        if torn:
            self._write_some(self.durable, chance)
        self.pending.clear()

    def torn(self, chance: random.Random) -> bytes:
        """Durable bytes and some of the others."""
        image = bytearray(self.durable)
        self._write_some(image, chance)
        if chance.random() < 0.3 and self.size > len(image):
            image.extend(bytes(self.size - len(image)))  # the size came first
        return bytes(image)

    def _write_some(self, image: bytearray, chance: random.Random) -> None:
        kept, whole = chance.choice((0.1, 0.5, 0.9)), chance.random()
        for change in self.pending:
            if chance.random() > kept:
                continue
            for piece in _sectors(change) if chance.random() > whole else (change,):
                if piece is change or chance.random() < kept:
                    _apply(image, piece)


def _apply(image: bytearray, change: _Change) -> None:
    if change.data is None:
        del image[change.at :]
        image.extend(bytes(change.at - len(image)))
        return
    image.extend(bytes(max(0, change.at - len(image))))
    image[change.at : change.at + len(change.data)] = change.data


def _sectors(change: _Change) -> Iterator[_Change]:
    """A write in the pieces that a disk writes whole."""
    if change.data is None:
        yield change
        return
    at, stop = change.at, change.at + len(change.data)
    while at < stop:
        end = min(stop, (at // SECTOR + 1) * SECTOR)
        yield _Change(at, change.data[at - change.at : end - change.at])
        at = end


Names = dict[str, _File | None]  # by path; None: a folder


@dataclass(slots=True)
class _Rename:
    """One change of names: what is there under a path from now on; gone: there no longer."""

    folder: str
    there: tuple[str, _File | None] | None
    gone: str = ""

    def apply(self, names: Names) -> None:
        if self.gone:
            names.pop(self.gone, None)
        if self.there is not None:
            names[self.there[0]] = self.there[1]


class _Disk:
    """The folder while the calls are played."""

    def __init__(self, chance: random.Random, *, torn: bool) -> None:
        self._chance, self._torn = chance, torn
        self._files: dict[int, _File] = {}
        self._names: Names = {}
        self._durable: Names = {}
        self._pending: list[_Rename] = []

    def play(self, call: Call) -> None:
        match call.op:
            case Op.CREATE:
                self._create(call)
            case Op.WRITE:
                self._file(call).change(_Change(call.number, call.payload))
            case Op.TRUNCATE:
                self._file(call).change(_Change(call.number, None))
            case Op.SYNC:
                self._file(call).sync()
            case Op.SYNC_FAILED:
                self._file(call).sync_failed(self._chance, torn=self._torn)
            case Op.MKDIR:
                self._rename(_Rename(_parent(_text(call)), (_text(call), None)))
            case Op.UNLINK:
                self._rename(_Rename(_parent(_text(call)), None, _text(call)))
            case Op.RENAME:
                old, _, new = _text(call).partition("\0")
                self._rename(_Rename(_parent(new), (new, self._names[old]), old))
            case Op.SYNC_FOLDER:
                self._sync_folder(_text(call))

    def _file(self, call: Call) -> _File:
        return self._files[call.file]

    def _create(self, call: Call) -> None:
        path = _text(call)
        if self._names.get(path) is self._files.get(call.file, 0):
            return  # two threads have found it missing; it was made once
        self._files[call.file] = _File()
        self._rename(_Rename(_parent(path), (path, self._files[call.file])))

    def _rename(self, change: _Rename) -> None:
        change.apply(self._names)
        self._pending.append(change)

    def _sync_folder(self, folder: str) -> None:
        left = []
        for change in self._pending:
            if change.folder == folder:
                change.apply(self._durable)
            else:
                left.append(change)
        self._pending = left

    def after_cut(self) -> dict[str, bytes | None]:
        chance, torn = self._chance, self._torn
        names = dict(self._durable)
        if torn:
            for change in self._pending[: chance.randint(0, len(self._pending))]:
                change.apply(names)
        there = {p: f for p, f in names.items() if all(a in names for a in _ancestors(p))}
        image: dict[str, bytes | None] = {}
        for path, file in there.items():
            if file is None:
                image[path] = None
            elif not path.endswith(SHARED_MEMORY):
                image[path] = file.torn(chance) if torn else bytes(file.durable)
            elif torn:  # written through a mapping, which nobody sees
                image[path] = chance.randbytes(SHARED_MEMORY_BYTES)
        return image


def _text(call: Call) -> str:
    return call.payload.decode()


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _ancestors(path: str) -> Iterator[str]:
    while path := _parent(path):
        yield path


@dataclass(frozen=True, slots=True)
class Cut:
    """What a power cut leaves. at: calls before it; promised: the newest mark, 0 if none."""

    at: int
    promised: int
    image: dict[str, bytes | None]

    def write(self, folder: Path) -> Path:
        """Lay it out in an empty folder."""
        for path in sorted(self.image):
            content = self.image[path]
            if content is None:
                (folder / path).mkdir(parents=True, exist_ok=True)
            else:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
        return folder


class Recording:
    """Everything a program did below its root, which was empty when it began."""

    def __init__(self, log: Path) -> None:
        self.calls = tuple(_calls(log.read_bytes()))

    def __len__(self) -> int:
        return len(self.calls)

    def cut(self, at: int, chance: random.Random, *, torn: bool) -> Cut:
        """The power goes after so many calls."""
        disk, promised = _Disk(chance, torn=torn), 0
        for call in self.calls[:at]:
            if call.op is Op.MARK:
                promised = call.number
            else:
                disk.play(call)
        return Cut(at, promised, disk.after_cut())


def _calls(raw: bytes) -> Iterator[Call]:
    at = 0
    while at < len(raw):
        op, length, file, number = HEAD.unpack_from(raw, at)
        at += HEAD.size
        yield Call(Op(op), file, number, raw[at : at + length])
        at += length
