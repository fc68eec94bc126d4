"""What stations must remember and what their runs did: one file, one transaction a change.

State of a station, its deployments, the head of its run and the new lines of the run's record are
committed together, so that a kill at any moment leaves all of them as they were at one moment.
Several processes may write (a controller per station) and any may read. Recipes lie here by the
hash of their text: what runs does not depend on files that somebody may edit.
"""

import json
import logging
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from controller.control.recipe_desk import run_head
from controller.control.station_memory import Memory
from controller.core.errors import Refused, StoreError
from controller.core.event import Event
from controller.core.recipe import RecipeId, Version
from controller.core.run import (
    BUILT_IN,
    Deployment,
    MasterRecipe,
    Outcome,
    RunEntry,
    RunHead,
    RunRecord,
)
from controller.recipe_file import parse_recipe
from controller.recipe_kind import RecipeKind

log = logging.getLogger("dryline.runs")

STORE = "stations.db"
APPLICATION_ID = 0x44524C52  # "DRLR"
VERSION = 1
BUSY_MS = 5_000

TABLES = """
CREATE TABLE recipe (hash TEXT PRIMARY KEY, title TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE station (name TEXT PRIMARY KEY, memory TEXT NOT NULL);
CREATE TABLE deployment (
    station TEXT NOT NULL, number INTEGER NOT NULL, hash TEXT NOT NULL, actor TEXT NOT NULL,
    reason TEXT NOT NULL, time_ns INTEGER NOT NULL, because TEXT NOT NULL, trial TEXT NOT NULL,
    PRIMARY KEY (station, number)) WITHOUT ROWID;
CREATE TABLE run (
    id TEXT PRIMARY KEY, station TEXT NOT NULL, begun_ns INTEGER NOT NULL, open INTEGER NOT NULL,
    head TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX run_time ON run (station, begun_ns);
CREATE TABLE entry (
    run TEXT NOT NULL, number INTEGER NOT NULL, time_ns INTEGER NOT NULL, kind TEXT NOT NULL,
    subject TEXT NOT NULL, text TEXT NOT NULL, actor TEXT NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (run, number)) WITHOUT ROWID;
CREATE TABLE trial (
    id TEXT PRIMARY KEY, station TEXT NOT NULL, open INTEGER NOT NULL, body TEXT NOT NULL)
    WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class StationFacts:
    """What one station has to say at one moment. masters: every recipe its memory names."""

    memory: Memory
    masters: Mapping[str, MasterRecipe]
    news: Sequence[Deployment | RunHead] = ()
    open_run: RunHead | None = None


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a station finds after a restart. lost: the recipes that can no longer be read."""

    memory: Memory
    masters: Mapping[str, MasterRecipe]
    lost: Mapping[str, str] = field(default_factory=dict)


class Deployed(NamedTuple):
    """One deployment as a list shows it; the fields as in Deployment."""

    station: str
    number: int
    recipe: str
    content_hash: str
    actor: str
    reason: str
    time_ns: int
    because: str
    trial: str


class RunStore:
    """The one writer of the stations of a process."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file; a damaged one is kept aside under another name."""
        self.path = path
        self._turn = threading.Lock()
        try:
            self._db = _open(path)
        except sqlite3.DatabaseError as error:
            aside = _free_name(path)
            log.error("%s is damaged (%s): kept as %s, begun anew", path, error, aside.name)  # noqa: TRY400
            for end in ("-wal", "-shm"):
                path.with_name(path.name + end).unlink(missing_ok=True)
            path.replace(aside)
            self._db = _open(path)

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            self._db.close()

    def commit(self, stations: Mapping[str, StationFacts], entries: Sequence[Event] = ()) -> None:
        """Write it all or nothing, durably; StoreError when the disk refuses.

        entries: events of runs, each with the id of its run in `data["run"]`.
        """
        with self._turn:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    for name, facts in stations.items():
                        self._station(name, facts)
                    for event in entries:
                        self._entry(event)
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise StoreError(f"{self.path}: {error}") from error

    def _station(self, name: str, facts: StationFacts) -> None:
        db = self._db
        for master in facts.masters.values():
            self._recipe(master)
        for new in facts.news:
            if isinstance(new, RunHead):
                self._run(new)
                continue
            content_hash = new.master.content_hash if new.master else ""
            if new.master:
                self._recipe(new.master)
            db.execute(
                "INSERT OR REPLACE INTO deployment VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (name, new.number, content_hash, new.actor, new.reason, new.time_ns, new.because,
                 new.trial),
            )  # fmt: skip
        if facts.open_run is not None:
            self._run(facts.open_run)
        body = json.dumps(asdict(facts.memory), sort_keys=True)
        db.execute("INSERT OR REPLACE INTO station VALUES (?, ?)", (name, body))

    def _recipe(self, master: MasterRecipe) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO recipe VALUES (?, ?, ?)",
            (master.content_hash, str(master.recipe.id), master.text),
        )

    def _run(self, head: RunHead) -> None:
        is_open = head.outcome is Outcome.OPEN
        row = (head.id, head.station, head.begun_ns, is_open, json.dumps(asdict(head)))
        self._db.execute("INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?, ?)", row)

    def _entry(self, event: Event) -> None:
        data = {key: value for key, value in event.data.items() if key != "run"}
        self._db.execute(
            "INSERT INTO entry SELECT ?1, 1 + COALESCE((SELECT max(number) FROM entry WHERE"
            " run = ?1), 0), ?2, ?3, ?4, ?5, ?6, ?7",
            (str(event.data["run"]), event.time_ns, event.kind.value, event.subject, event.text,
             event.actor, json.dumps(data, sort_keys=True)),
        )  # fmt: skip

    def load(self, kinds: Mapping[str, RecipeKind]) -> dict[str, Remembered]:
        """What every station has left; recipes are read again as this program understands them."""
        with self._turn:
            rows = self._db.execute("SELECT name, memory FROM station").fetchall()
            texts = self._db.execute("SELECT hash, title, text FROM recipe").fetchall()
        masters: dict[str, MasterRecipe] = {}
        lost: dict[str, str] = {}
        needed = {h for _, body in rows for h in _hashes(json.loads(body))}
        for content_hash, title, text in texts:
            if content_hash in needed:
                _read_again(content_hash, title, text, kinds, masters, lost)
        return {name: Remembered(Memory.of(json.loads(body)), masters, lost) for name, body in rows}

    def trials(self, *, only_open: bool = False) -> list[dict[str, object]]:
        """Bodies of the trials, oldest first."""
        with self._turn:
            return _trials(self._db, only_open=only_open)

    def save_trial(
        self, trial_id: str, station: str, body: Mapping[str, object], *, is_open: bool
    ) -> None:
        """Write one trial; StoreError when the disk refuses."""
        row = (trial_id, station, is_open, json.dumps(body, sort_keys=True))
        with self._turn:
            try:
                self._db.execute("INSERT OR REPLACE INTO trial VALUES (?, ?, ?, ?)", row)
            except sqlite3.Error as error:
                raise StoreError(f"{self.path}: {error}") from error


class RunReader:
    """Runs, deployments and trials of a run folder, to read, beside their writers."""

    def __init__(self, path: Path) -> None:
        """StoreError when there is none, or a foreign one."""
        if not path.is_file():
            raise StoreError(f"{path}: no runs yet; the controller makes it, see --run")
        try:
            self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            self._db.execute(f"PRAGMA busy_timeout={BUSY_MS}")
            _require_ours(self._db, path)
        except sqlite3.Error as error:
            raise StoreError(f"{path}: {error}") from error
        self._path = path

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def runs(
        self, station: str = "", limit: int | None = None, since_ns: int | None = None
    ) -> list[RunHead]:
        """Heads of the runs, newest first."""
        where, values = ["begun_ns >= ?"], [since_ns if since_ns is not None else -(2**62)]
        if station:
            where.append("station = ?")
        with self._errors():
            rows = self._db.execute(
                f"SELECT head FROM run WHERE {' AND '.join(where)}"  # noqa: S608 - our own words
                " ORDER BY begun_ns DESC, id DESC LIMIT ?",
                (*values, *([station] if station else []), -1 if limit is None else limit),
            ).fetchall()
        return [run_head(json.loads(row[0])) for row in rows]

    def find(self, text: str) -> str:
        """The id of a run, given in full or by its unique beginning; Refused with what there is."""
        ids = [head.id for head in self.runs()]
        found = [i for i in ids if i == text] or [i for i in ids if text and i.startswith(text)]
        if len(found) == 1:
            return found[0]
        near = ", ".join((found or ids)[:5]) or "none"
        what = "several runs begin so" if found else "no such run"
        raise Refused("unknown", [f"{text!r}: {what}; newest: {near}"])

    def record(self, run_id: str) -> RunRecord:
        """A run with everything that happened in it."""
        with self._errors():
            self._db.execute("BEGIN")  # one moment for all that follows
            try:
                row = self._db.execute("SELECT head FROM run WHERE id = ?", (run_id,)).fetchone()
                if row is None:
                    raise Refused("unknown", [f"no run {run_id!r}"])
                head = run_head(json.loads(row[0]))
                rows = self._db.execute(
                    "SELECT number, time_ns, kind, subject, text, actor, data FROM entry"
                    " WHERE run = ? ORDER BY number", (run_id,)
                ).fetchall()  # fmt: skip
                before = self._db.execute(
                    "SELECT head FROM run WHERE station = ? AND begun_ns < ?"
                    " ORDER BY begun_ns DESC LIMIT 1", (head.station, head.begun_ns)
                ).fetchone()  # fmt: skip
                earlier = run_head(json.loads(before[0])).content_hash if before else ""
                entries = tuple(_run_entry(*r) for r in rows)
                text = self.recipe_text(head.content_hash)
                return RunRecord(
                    head=head, recipe_text=text, entries=entries, before=self.recipe_text(earlier)
                )
            finally:
                self._db.execute("COMMIT")

    def deployments(self, station: str = "") -> list[Deployed]:
        """Every deployment (of a station), oldest first."""
        with self._errors():
            rows = self._db.execute(
                "SELECT d.station, d.number, COALESCE(r.title, ?2), d.hash, d.actor, d.reason,"
                " d.time_ns, d.because, d.trial FROM deployment d LEFT JOIN recipe r"
                " ON r.hash = d.hash WHERE ?1 = '' OR d.station = ?1 ORDER BY d.time_ns, d.number",
                (station, BUILT_IN),
            ).fetchall()
        return [Deployed(*row) for row in rows]

    def trials(self) -> list[dict[str, object]]:
        """Bodies of the trials, oldest first."""
        with self._errors():
            return _trials(self._db, only_open=False)

    def recipe_text(self, content_hash: str) -> str:
        """The text of a recipe that was deployed or has run; "" when it never was."""
        with self._errors():
            row = self._db.execute(
                "SELECT text FROM recipe WHERE hash = ?", (content_hash,)
            ).fetchone()
        return str(row[0]) if row else ""

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from error


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        db.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("BEGIN IMMEDIATE")  # two controllers may make the file at the same moment
        empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if empty:
            for statement in TABLES.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("COMMIT")
        _require_ours(db, path)
        _require_whole(db)
    except BaseException:
        db.close()
        raise
    return db


def _require_ours(db: sqlite3.Connection, path: Path) -> None:
    identity = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if identity != APPLICATION_ID:
        raise StoreError(f"{path} is no Dryline station store: choose another run folder")
    if version != VERSION:
        raise StoreError(
            f"{path} has version {version}, this program writes {VERSION}: use the program that "
            "made it, or another run folder"
        )


def _require_whole(db: sqlite3.Connection) -> None:
    broken = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if broken != "ok":
        raise sqlite3.DatabaseError(broken)


def _free_name(path: Path) -> Path:
    k = 1
    while (aside := path.with_name(f"{path.name}.damaged-{k}")).exists():
        k += 1
    return aside


def _hashes(memory: Mapping[str, dict[str, object]]) -> set[str]:
    recipes = memory.get("recipes", {})
    deployments = recipes.get("deployments") or []
    head = recipes.get("head") or {}
    named = [d.get("hash", "") for d in deployments] if isinstance(deployments, list) else []
    if isinstance(head, dict):
        named.append(str(head.get("content_hash", "")))
    return {h for h in named if h}


def _read_again(
    content_hash: str, title: str, text: str, kinds: Mapping[str, RecipeKind],
    masters: dict[str, MasterRecipe], lost: dict[str, str],
) -> None:  # fmt: skip
    kind, _, rest = title.partition("/")
    name, _, version = rest.partition("@")
    own = RecipeId(kind, name, Version.parse(version))
    found, problems = parse_recipe(text, title, own, kinds)
    if found is None:
        lost[content_hash] = "; ".join(map(str, problems))
    else:
        masters[content_hash] = MasterRecipe(found.recipe, content_hash, text)


def _run_entry(
    number: int, time_ns: int, kind: str, subject: str, text: str, actor: str, data: str
) -> RunEntry:
    return RunEntry(
        number=number, time_ns=time_ns, kind=kind, subject=subject, text=text, actor=actor,
        data=json.loads(data),
    )  # fmt: skip


def _trials(db: sqlite3.Connection, *, only_open: bool) -> list[dict[str, object]]:
    where = "WHERE open" if only_open else ""
    rows = db.execute(f"SELECT body FROM trial {where} ORDER BY id").fetchall()  # noqa: S608
    return [json.loads(row[0]) for row in rows]
