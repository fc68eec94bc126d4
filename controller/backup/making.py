"""Making a backup: one file that is there whole or not at all."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from controller.backup import copies
from controller.backup.archive import Progress, Writer, Written
from controller.backup.content import content_of
from controller.backup.manifest import BackupError, Kind, Manifest, Member, content_sum
from controller.backup.sources import Source
from controller.durable import sync_folder

NOTES = ("users, tokens, passwords, private keys and certificates are not in a backup",)
PART = ".part"
COPY = ".copy"
SPARE_BYTES = 2**20

Begin = Callable[[str, int], Progress]  # name of a file and the bytes to be dealt with


def make(
    target: Path, sources: Sequence[Source], line: str, software: str, made_utc: str,
    begin: Begin, *, force: bool = False,
) -> Manifest:  # fmt: skip
    """Write a backup beside a line that may run; BackupError, and nothing left, if that fails.

    force: an older file of that name is replaced, once the new one is whole.
    """
    if target.exists() and not force:
        raise BackupError(f"{target}: is there already; take another name, or --force")
    if not target.parent.is_dir():
        raise BackupError(f"{target.parent}: there is no such folder")
    try:
        with _part_of(target) as (stream, part), copies.snapshot(sources) as moment:
            _require_room(target, sources, moment)
            with Writer(stream) as writer:
                members = tuple(_member(writer, source, moment, part, begin) for source in sources)
                manifest = Manifest(
                    line=line, software=software, made_utc=made_utc, members=members,
                    content=content_sum(members), notes=NOTES,
                )  # fmt: skip
                writer.finish(manifest)
            stream.flush()
            os.fsync(stream.fileno())
            part.replace(target)
            sync_folder(target.parent)
    except OSError as error:
        raise BackupError(_in_words(target, error)) from error
    return manifest


def _member(
    writer: Writer, source: Source, moment: copies.Snapshot, part: Path, begin: Begin
) -> Member:
    if source.kind.is_store:
        done, content = _store(writer, source, moment, part, begin)
    else:
        size = source.path.stat().st_size
        told = begin(source.name, size)
        done = writer.add(source.name, copies.plain_pieces(source), size, pack=True, told=told)
        content = done.sha256
    return Member(
        name=source.name, kind=source.kind, size=done.size, sha256=done.sha256, content=content
    )


def _store(
    writer: Writer, source: Source, moment: copies.Snapshot, part: Path, begin: Begin
) -> tuple[Written, str]:
    copy = part.with_name(part.name + COPY)
    told = begin(source.name, 2 * moment.size(source))
    copy.unlink(missing_ok=True)
    try:
        moment.copy(source, copy, told)
        content = content_of(copy)
        # Chunks of a history are packed already; the other stores are mostly words.
        pack = source.kind is not Kind.HISTORY
        size = copy.stat().st_size
        done = writer.add(source.name, copies.file_pieces(copy), size, pack=pack, told=told)
    finally:
        copy.unlink(missing_ok=True)
    return done, content


@contextmanager
def _part_of(target: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """The file that becomes the backup; taken away when it does not."""
    part = target.with_name(target.name + PART)
    handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "r+b") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"{part}: another backup is being written there") from None
        stream.truncate(0)
        try:
            yield stream, part
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise


def _require_room(target: Path, sources: Sequence[Source], moment: copies.Snapshot) -> None:
    """BackupError before anything is written that would not fit anyway."""
    stores = [moment.size(s) for s in sources if s.kind.is_store]
    plain = sum(s.path.stat().st_size for s in sources if not s.kind.is_store)
    histories = sum(moment.size(s) for s in sources if s.kind is Kind.HISTORY)
    needed = histories + max(stores) + plain + SPARE_BYTES
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise BackupError(
            f"{target.parent}: {free / 1e6:,.0f} MB are free, about {needed / 1e6:,.0f} MB are "
            "needed (the backup, and once more the largest store while it is copied)"
        )


def _in_words(target: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{target}: the disk is full; nothing was left there"
    what = error.strerror or str(error)
    return f"{error.filename or target}: {what}; no backup was made"
