"""Making a backup: one file that is there whole or not at all."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from controller.backup import copies
from controller.backup.archive import Progress, Writer, Written
from controller.backup.content import content_of
from controller.backup.manifest import BackupError, Kind, Manifest, Member, content_sum
from controller.backup.sources import Source
from controller.whole_file import PART, SECRET, whole_file

NOTES = (
    "with users and tokens, their secrets hashed, and with private keys: keep it as you keep these",
    "sessions are not in it, nor files that line.toml names outside the run folder",
)
NO_SECRETS = ("without users, tokens, private keys and certificates", NOTES[1])
COPY = PART + ".copy"  # beside the backup that is being written, and of him who writes that
SPARE_BYTES = 2**20

Begin = Callable[[str, int], Progress]  # name of a file and the bytes to be dealt with


def make(
    target: Path, sources: Sequence[Source], line: str, software: str, made_utc: str,
    begin: Begin, *, force: bool = False,
) -> Manifest:  # fmt: skip
    """Write a backup beside a line that may run; DrylineError, and nothing left, if that fails.

    force: an older file of that name is replaced, once the new one is whole.
    """
    if not target.parent.is_dir():
        raise BackupError(f"{target.parent}: there is no such folder")
    copy = target.with_name(target.name + COPY)
    with (
        whole_file(target, force=force, mode=SECRET) as stream,
        copies.snapshot(sources) as moment,
        Writer(stream) as writer,
    ):
        _require_room(target, sources, moment)
        members = tuple(_member(writer, source, moment, copy, begin) for source in sources)
        manifest = Manifest(
            line=line, software=software, made_utc=made_utc, members=members,
            content=content_sum(members), notes=_notes(sources),
        )  # fmt: skip
        writer.finish(manifest)
    return manifest


def _notes(sources: Sequence[Source]) -> tuple[str, ...]:
    return NOTES if any(source.kind.is_secret for source in sources) else NO_SECRETS


def _member(
    writer: Writer, source: Source, moment: copies.Snapshot, copy: Path, begin: Begin
) -> Member:
    if source.kind.is_store:
        done, content = _store(writer, source, moment, copy, begin)
    else:
        size = source.path.stat().st_size
        told = begin(source.name, size)
        done = writer.add(source.name, copies.plain_pieces(source), size, pack=True, told=told)
        content = done.sha256
    return Member(
        name=source.name, kind=source.kind, size=done.size, sha256=done.sha256, content=content
    )


def _store(
    writer: Writer, source: Source, moment: copies.Snapshot, copy: Path, begin: Begin
) -> tuple[Written, str]:
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
