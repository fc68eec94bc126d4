"""Looks for damage in the stores of a run folder, beside their writers, and changes nothing."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.access.database import STORE as ACCESS
from controller.audit.trail import TRAIL
from controller.backup.access_check import access_damage, trail_damage
from controller.backup.archive import Progress
from controller.backup.history_check import check_history
from controller.backup.making import Begin
from controller.backup.manifest import BackupError
from controller.config import LineConfig
from controller.control.recipe_desk import run_head
from controller.control.station_memory import Memory
from controller.core.errors import DrylineError
from controller.history.schema import open_for_reading
from controller.recipe_file import content_hash
from controller.run_folder import histories
from controller.run_schema import BUSY_MS, require_ours
from controller.run_store import STORE
from controller.sinks.ledger import entries_of, position_of, totals_of
from controller.sinks.places import FOLDER as SINKS

WRONG = (ValueError, LookupError, TypeError)


@dataclass(slots=True)
class Looked:
    """What was found in one file. figures: how much of what it holds; damage: one sentence each."""

    name: str
    figures: dict[str, int] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """What was found in all of them."""

    files: list[Looked] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """No damage anywhere."""
        return not any(looked.damage for looked in self.files)

    def plain(self) -> dict[str, Any]:
        """For scripts."""
        files = [
            {"file": x.name, "figures": x.figures, "damage": x.damage, "notes": x.notes}
            for x in self.files
        ]
        return {"sound": self.sound, "files": files}


def inspect_run(config: LineConfig, run: Path, begin: Begin) -> Report:
    """Everything that a backup would take from a run folder; BackupError when there is nothing."""
    if not run.is_dir():
        raise BackupError(f"{run}: there is no such run folder; name it with --run")
    report = Report()
    for path, look in _stores(config, run):
        if path.is_file():
            report.files.append(_looked(path, look, run, begin))
    if not report.files:
        raise BackupError(f"{run}: no history and no station memory in it; has a line run there?")
    for path, look in ((run / ACCESS, _access), (run / TRAIL, _trail)):
        if path.is_file():
            report.files.append(_looked(path, look, run, begin))
    return report


def _looked(path: Path, look: "Look", run: Path, begin: Begin) -> Looked:
    looked = Looked(path.relative_to(run).as_posix())
    told = begin(looked.name, path.stat().st_size)
    try:
        look(path, looked, told)
    except (sqlite3.Error, DrylineError, OSError) as error:
        looked.damage.append(f"cannot be read: {error}")
    looked.notes += _kept_aside(path)
    return looked


Look = Callable[[Path, Looked, Progress], None]


def _stores(config: LineConfig, run: Path) -> Iterator[tuple[Path, Look]]:
    for path in histories(config, run):
        yield path, _history
    yield run / STORE, _stations
    for path in sorted((run / SINKS).glob("*.db")):
        yield path, _ledger


def _kept_aside(path: Path) -> list[str]:
    found = sorted(path.parent.glob(f"{path.name}.damaged-*"))
    return [
        f"{p.name} lies beside it: it was found damaged once and set aside"
        for p in found
        if not p.name.endswith(("-wal", "-shm"))
    ]


def _history(path: Path, looked: Looked, told: Progress) -> None:
    with closing(open_for_reading(path)) as connection:
        connection.execute("BEGIN")
        looked.damage += _structure(connection)
        found = check_history(connection, told)
    looked.figures = found.figures
    looked.damage += found.damage
    looked.notes += found.notes


def _structure(connection: sqlite3.Connection) -> list[str]:
    """What SQLite itself finds: pages, trees, indexes."""
    rows = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    return [] if rows == ["ok"] else rows


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    uri = f"{path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        connection.execute("BEGIN")
        yield connection


def _stations(path: Path, looked: Looked, told: Progress) -> None:
    with _reading(path) as db:
        require_ours(db, path)
        looked.damage += _structure(db)
        names = ("station", "run", "entry", "deployment", "recipe", "trial")
        for name in names:
            (n,) = db.execute(f"SELECT count(*) FROM {name}").fetchone()  # noqa: S608 - our words
            looked.figures[f"rows of {name}"] = n
        looked.damage += _memories(db)
        looked.damage += _recipes(db)
        looked.damage += _runs(db)
    told(path.stat().st_size)


def _access(path: Path, looked: Looked, told: Progress) -> None:
    with _reading(path) as db:
        looked.damage += _structure(db)
        looked.figures, damage = access_damage(db)
        looked.damage += damage
    told(path.stat().st_size)


def _trail(path: Path, looked: Looked, told: Progress) -> None:
    looked.figures, damage, notes = trail_damage(path, told)
    looked.damage += damage
    looked.notes += notes


def _memories(db: sqlite3.Connection) -> Iterator[str]:
    for name, body in db.execute("SELECT name, memory FROM station ORDER BY name"):
        if wrong := _wrong(lambda text: Memory.of(json.loads(text)), body):
            yield f"memory of {name}: {wrong}"
    for number, body in db.execute("SELECT id, body FROM trial ORDER BY id"):
        if wrong := _wrong(json.loads, body):
            yield f"trial {number}: {wrong}"


def _recipes(db: sqlite3.Connection) -> Iterator[str]:
    for known, title, text in db.execute("SELECT hash, title, text FROM recipe ORDER BY hash"):
        if content_hash(text) != known:
            yield f"recipe {title}: its text is not the one of its hash {known[:12]}"
    missing = db.execute(
        "SELECT station, number, hash FROM deployment WHERE hash <> ''"
        " AND hash NOT IN (SELECT hash FROM recipe) ORDER BY station, number"
    )
    for station, number, known in missing:
        yield f"deployment {number} of {station}: its recipe {known[:12]} is not there"


def _runs(db: sqlite3.Connection) -> Iterator[str]:
    for run, body in db.execute("SELECT id, head FROM run ORDER BY id"):
        if wrong := _wrong(lambda text: run_head(json.loads(text)), body):
            yield f"run {run}: {wrong}"
    for run, first, last, n in db.execute(
        "SELECT run, min(number), max(number), count(*) FROM entry GROUP BY run"
    ):
        if (first, last) != (1, n):
            yield f"run {run}: {n} entries, numbered {first} to {last}"
    for run, number, body in db.execute("SELECT run, number, data FROM entry"):
        if wrong := _wrong(json.loads, body):
            yield f"entry {number} of run {run}: {wrong}"


def _wrong(read: Callable[[str], object], text: str) -> str:
    try:
        read(text)
    except WRONG as error:
        return f"cannot be understood: {error}"
    return ""


def _ledger(path: Path, looked: Looked, told: Progress) -> None:
    with _reading(path) as db:
        looked.damage += _structure(db)
        position, totals = position_of(db), totals_of(db)
        entries = entries_of(db, "ORDER BY id", -1)
    looked.figures = {
        "samples sent": totals.sent, "gaps": len(position.gaps), "refused pieces": len(entries),
    }  # fmt: skip
    reached = 0
    for gap in position.gaps:
        if not reached < gap.lo <= gap.hi <= position.live:
            looked.damage.append(f"gap {gap.lo}..{gap.hi} does not lie where a gap can be")
        reached = gap.hi
    told(path.stat().st_size)
