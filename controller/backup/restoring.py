"""Restoring a backup into empty places: everything or nothing.

All files are unpacked, checked and synced in new folders beside the places they are for, and moved
into them by renaming at the very end, the run folder last. A history becomes another store for its
sinks (`renew_identity`): what it says and what the original says go different ways from here.
"""

import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from controller.audit.trail import TRAIL
from controller.backup.archive import Archive, Progress, opened
from controller.backup.content import content_of, open_still
from controller.backup.making import Begin
from controller.backup.manifest import BackupError, Kind, Manifest, Member, content_sum
from controller.durable import make_folder, sync_file, sync_folder
from controller.history.schema import renew_identity

TEMPORARY = ".restore-"
ORDER = ("line", "recipes", "run")  # a run folder is there when all is there
SPARE_BYTES = 2**20
HAS_MARKS = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'mark'"


def verify(file: Path, told: Progress) -> Manifest:
    """Check every byte of a backup against its seal and every file in it against its sum."""
    with opened(file, told) as archive:
        for member in archive.manifest.members:
            for _ in archive.pieces(member):
                pass
        return archive.manifest


def restore(file: Path, places: Mapping[str, Path], told: Progress, begin: Begin) -> Manifest:
    """Put a backup into empty or new folders; BackupError, and nothing changed, if that fails.

    places: of run, recipes and line those that are wanted. told: while the seal is checked.
    """
    for place in places.values():
        _require_empty(place)
    with opened(file, told) as archive:
        wanted = [m for m in archive.manifest.members if m.root in places]
        _require_room(places, wanted)
        try:
            with ExitStack() as held:
                rooms = {
                    root: held.enter_context(_room(places[root]))
                    for root in ORDER
                    if root in places
                }
                for member in wanted:
                    _unpack(archive, member, rooms[member.root] / member.inside, begin)
                _require_equal(wanted, rooms, archive.manifest, whole=len(places) == len(ORDER))
                for room in rooms.values():
                    _sync_all(room)
                _move_in([(rooms[root], places[root]) for root in ORDER if root in places])
        except OSError as error:
            where = error.filename or next(iter(places.values()))
            raise BackupError(f"{where}: {error.strerror}; nothing was restored") from error
        return archive.manifest


def _require_empty(place: Path) -> None:
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise BackupError(f"{place}: is no folder; name a new or an empty one")
    there = sorted(p.name for p in place.iterdir()) if place.is_dir() else []
    if there:
        shown = ", ".join(there[:5]) + (f" and {len(there) - 5} more" if len(there) > 5 else "")
        raise BackupError(
            f"{place}: is not empty ({shown}); a backup is restored into a new or empty folder only"
        )


def _require_room(places: Mapping[str, Path], wanted: Sequence[Member]) -> None:
    needed = sum(member.size for member in wanted) + SPARE_BYTES
    for place in places.values():
        there = next(p for p in (place, *place.absolute().parents) if p.is_dir())
        free = shutil.disk_usage(there).free
        if free < needed:
            raise BackupError(
                f"{there}: {free / 1e6:,.0f} MB are free, {needed / 1e6:,.0f} MB are needed"
            )


@contextmanager
def _room(place: Path) -> Iterator[Path]:
    """A folder to unpack in: beside its place, inside of it where that exists (it may be a mount
    point); gone at the end, with all that was not moved out."""
    name = TEMPORARY + secrets.token_hex(4)
    if place.is_dir():
        room = place / name
    else:
        make_folder(place.absolute().parent)
        room = place.absolute().parent / (name + "-" + place.name)
    room.mkdir()
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _unpack(archive: Archive, member: Member, path: Path, begin: Begin) -> None:
    told = begin(member.name, member.size)
    _make_folders(path.parent, 0o700 if member.kind is Kind.SECRET else 0o777)
    mode = 0o600 if member.kind.is_secret or path.name.startswith(TRAIL) else 0o666
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, mode), "wb") as stream:
        for piece in archive.pieces(member):
            stream.write(piece)
            told(len(piece))
    if member.kind.is_store:
        _require_sound(path, member)
    if member.kind is Kind.HISTORY:
        _renew(path, member)


def _make_folders(folder: Path, mode: int) -> None:
    """With their mode, each of them: `parents` would not give it to the outer ones."""
    if not folder.is_dir():
        _make_folders(folder.parent, mode)
        folder.mkdir(mode)


def _require_sound(path: Path, member: Member) -> None:
    try:
        with closing(open_still(path)) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        verdict = str(error)
    if verdict != "ok":
        raise BackupError(f"{member.name}: was damaged before it was saved: {verdict}")


def _renew(path: Path, member: Member) -> None:
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            if connection.execute(HAS_MARKS).fetchone():  # else a writer adds them, with a new one
                renew_identity(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise BackupError(f"{member.name}: cannot be made a store of its own: {error}") from error


def _require_equal(
    wanted: Sequence[Member], rooms: Mapping[str, Path], manifest: Manifest, *, whole: bool
) -> None:
    """What lies there says what was saved; the hash over all of it is the same."""
    found = []
    for member in wanted:
        path = rooms[member.root] / member.inside
        content = content_of(path) if member.kind.is_store else member.content
        if content != member.content:
            raise BackupError(f"{member.name}: does not say what was saved; nothing was restored")
        found.append(member.model_copy(update={"content": content}))
    if whole and content_sum(found) != manifest.content:
        raise BackupError("the content hash differs from that of the backup; nothing was restored")


def _sync_all(room: Path) -> None:
    for path in sorted(room.rglob("*")):
        if path.is_dir():
            sync_folder(path)
        else:
            sync_file(path)
    sync_folder(room)


def _move_in(moves: Sequence[tuple[Path, Path]]) -> None:
    """Rename all into place; what was moved goes back when one of them cannot be."""
    undo: list[tuple[Path, Path]] = []
    try:
        for room, place in moves:
            pairs = [(p, place / p.name) for p in sorted(room.iterdir())]
            if not place.is_dir():
                pairs = [(room, place.absolute())]
            for old, new in pairs:
                old.rename(new)
                undo.append((old, new))
            sync_folder(place if place in (n.parent for _, n in pairs) else place.absolute().parent)
    except OSError:
        for old, new in reversed(undo):
            with suppress(OSError):
                new.rename(old)
        raise
