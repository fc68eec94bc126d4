"""What belongs to a backup, and where it lies.

Everything a line needs on an empty machine: histories, station memory with runs and trials, ledgers
of sinks, the audit trail, recipes with their ledgers, the configuration, and, unless they are left
out, its secrets: users and tokens (hashed), private keys, whom it trusts. Never: sessions, sockets,
locks, files that a sink writes anew every second.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from controller.access.database import STORE as ACCESS
from controller.backup.manifest import NAME, BackupError, Kind
from controller.config import LineConfig
from controller.epoch import EPOCH
from controller.line_file import IO_LIST, LINE_FILE
from controller.run_folder import histories
from controller.run_store import STORE
from controller.sinks.places import FOLDER as SINKS

RECIPE_FILES = (".yaml", ".json", ".md")
TRAILS = ("audit*.jsonl", "audit.jsonl.broken-*")
SECRETS = ("pki", "tls")  # folders of keys and certificates
UNSAVED = frozenset({"lock"})


@dataclass(frozen=True, slots=True)
class Source:
    """One file. name: in the backup, with / in it. whole_lines: it only grows, line by line."""

    name: str
    kind: Kind
    path: Path
    whole_lines: bool = False


@dataclass(frozen=True, slots=True)
class Folders:
    """The three folders of a line."""

    run: Path
    recipes: Path
    line: Path


def sources(config: LineConfig, folders: Folders, *, secrets: bool = True) -> list[Source]:
    """Everything that is there; BackupError when there is nothing to keep."""
    if not folders.run.is_dir():
        raise BackupError(f"{folders.run}: there is no such run folder; name it with --run")
    found = [*_stores(config, folders.run), *_plain(config, folders)]
    kept = any(source.kind.is_store for source in found)
    if secrets:
        found += _secrets(folders.run)
    if not kept:
        raise BackupError(
            f"{folders.run}: no history and no station memory in it; has a line run there?"
        )
    return sorted(found, key=lambda source: source.name)


def _stores(config: LineConfig, run: Path) -> Iterator[Source]:
    for path in histories(config, run):
        if path.is_file():
            yield Source(_named("run", run, path), Kind.HISTORY, path)
    if (run / STORE).is_file():
        yield Source(f"run/{STORE}", Kind.STATIONS, run / STORE)
    for path in sorted((run / SINKS).glob("*.db")):
        yield Source(_named("run", run, path), Kind.LEDGER, path)


def _secrets(run: Path) -> Iterator[Source]:
    if (run / ACCESS).is_file():
        yield Source(f"run/{ACCESS}", Kind.ACCESS, run / ACCESS)
    for folder in SECRETS:
        for path in sorted((run / folder).rglob("*")):
            if path.is_file() and not path.is_symlink() and path.name not in UNSAVED:
                yield Source(_named("run", run, path), Kind.SECRET, path)


def _plain(config: LineConfig, folders: Folders) -> Iterator[Source]:
    run = folders.run
    for path in sorted(path for pattern in TRAILS for path in run.glob(pattern)):
        yield Source(_named("run", run, path), Kind.PLAIN, path, whole_lines=True)
    if (run / EPOCH).is_file():
        yield Source(f"run/{EPOCH}", Kind.PLAIN, run / EPOCH)
    for path in _recipe_files(folders.recipes):
        yield Source(_named("recipes", folders.recipes, path), Kind.PLAIN, path)
    for path in (folders.line / LINE_FILE, folders.line / _io_list(folders.line)):
        yield Source(_named("line", folders.line, path), Kind.PLAIN, path)


def _recipe_files(folder: Path) -> Iterator[Path]:
    """Recipes, ledgers, schemas, words about them; nothing hidden, nothing that is a link."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in parts)
        if path.suffix in RECIPE_FILES and not hidden and path.is_file() and not path.is_symlink():
            yield path


def _io_list(line: Path) -> str:
    """Name of the I/O list of a line whose line.toml is right."""
    section = tomllib.loads((line / LINE_FILE).read_text(encoding="utf-8"))["line"]
    return str(section.get("io_list", IO_LIST))


def _named(root: str, folder: Path, path: Path) -> str:
    try:
        name = f"{root}/{path.relative_to(folder).as_posix()}"
    except ValueError:
        raise BackupError(
            f"{path}: lies outside {folder}, a backup could not be restored"
        ) from None
    if not re.fullmatch(NAME, name):
        raise BackupError(f"{path}: only letters, digits, . _ - + @ in names; rename this file")
    return name
