"""What stations must remember and what their runs did: one file, one transaction a change.

State of a station, its deployments, the head of its run and the new lines of the run's record are
committed together, so that a kill at any moment leaves all of them as they were at one moment.
Several processes may write (a controller per station) and any may read. Recipes lie here by the
hash of their text: what runs does not depend on files that somebody may edit.
"""

import json
import sqlite3
import threading
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from controller.control.recipe_desk import run_head
from controller.control.station_memory import Memory
from controller.core.closing import Closing
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
from controller.run_schema import BUSY_MS, PUT_RUN, PUT_STATION, TOUCH, OpenFile, require_ours

STORE = "stations.db"


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

    def __init__(self, path: Path, factory: type[sqlite3.Connection] = sqlite3.Connection) -> None:
        """Opens or makes the file; a damaged one is kept aside under another name: `aside`."""
        self.path = path
        self._turn = threading.Lock()
        self._file = OpenFile(path, factory)
        self._db = self._file.db
        self.aside = self._file.aside
        self._last: dict[str, int] = {}  # number of the last entry of a run, as it is on disk
        self._known: set[str] = set()  # hashes of recipes that are on disk

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            self._file.close()

    def commit(self, stations: Mapping[str, StationFacts], entries: Sequence[Event] = ()) -> None:
        """Write it all or nothing, durably; StoreError when the disk refuses.

        entries: events of runs, each with the id of its run in `data["run"]`. May be repeated
        after an error with the same entries or more: what was on disk without being reported is
        replaced, not doubled. With nothing to write it finds out whether the disk takes anything.
        """
        with self._transaction():
            known = self._write_stations(stations)
            last = self._write_entries(entries)
            if not stations and not entries:
                self._db.execute(TOUCH)
        self._known |= known
        self._last |= last

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        db = self._db
        with self._turn:
            try:
                if db.in_transaction:
                    db.execute("ROLLBACK")  # the disk had refused even that
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    db.execute("COMMIT")
                except BaseException:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise StoreError(f"{self.path}: {error}") from error

    def _write_stations(self, stations: Mapping[str, StationFacts]) -> set[str]:
        """The hashes of the recipes that were written with them."""
        written: set[str] = set()
        for name, facts in stations.items():
            deployed = [d for d in facts.news if isinstance(d, Deployment)]
            needed = [*facts.masters.values(), *(d.master for d in deployed if d.master)]
            for master in needed:
                if master.content_hash not in self._known:
                    self._recipe(master)
                    written.add(master.content_hash)
            for new in deployed:
                self._deployment(name, new)
            for head in (*(h for h in facts.news if isinstance(h, RunHead)), facts.open_run):
                if head is not None:
                    self._run(head)
            body = json.dumps(asdict(facts.memory), sort_keys=True)
            self._db.execute(PUT_STATION, (name, body))
        return written

    def _deployment(self, station: str, new: Deployment) -> None:
        content_hash = new.master.content_hash if new.master else ""
        self._db.execute(
            "INSERT OR REPLACE INTO deployment VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (station, new.number, content_hash, new.actor, new.reason, new.time_ns, new.because,
             new.trial),
        )  # fmt: skip

    def _recipe(self, master: MasterRecipe) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO recipe VALUES (?, ?, ?)",
            (master.content_hash, str(master.recipe.id), master.text),
        )

    def _run(self, head: RunHead) -> None:
        row = (head.id, head.station, head.begun_ns, head.outcome is Outcome.OPEN,
               json.dumps(asdict(head)))  # fmt: skip
        self._db.execute(PUT_RUN, row)

    def _write_entries(self, entries: Sequence[Event]) -> dict[str, int]:
        """The number of the last entry of each run that has new ones."""
        last: dict[str, int] = {}
        rows = []
        for event in entries:
            run = str(event.data["run"])
            if run not in self._last:
                self._last[run] = self._newest(run)
            last[run] = number = last.get(run, self._last[run]) + 1
            data = {key: value for key, value in event.data.items() if key != "run"}
            rows.append(
                (run, number, event.time_ns, event.kind.value, event.subject, event.text,
                 event.actor, json.dumps(data, sort_keys=True, default=str))
            )  # fmt: skip
        # One call: a statement each would fight with the scan for the interpreter, row by row.
        self._db.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        return last

    def _newest(self, run: str) -> int:
        """Asked once, before the first entry: a commit may succeed without saying so."""
        query = "SELECT COALESCE(max(number), 0) FROM entry WHERE run = ?"
        return int(self._db.execute(query, (run,)).fetchone()[0])

    def load(
        self, kinds: Mapping[str, RecipeKind], stations: Container[str] | None = None
    ) -> dict[str, Remembered]:
        """What these stations have left; recipes are read as this program understands them."""
        with self._turn, self._errors():
            rows = self._db.execute("SELECT name, memory FROM station").fetchall()
            texts = self._db.execute("SELECT hash, title, text FROM recipe").fetchall()
        bodies = {n: body for n, body in rows if stations is None or n in stations}
        memories = {name: self._memory(name, body) for name, body in bodies.items()}
        masters: dict[str, MasterRecipe] = {}
        lost: dict[str, str] = {}
        needed = {h for memory in memories.values() for h in _hashes(memory)}
        for content_hash, title, text in texts:
            if content_hash in needed:
                self._known.add(content_hash)
                _read_again(content_hash, title, text, kinds, masters, lost)
        lost |= dict.fromkeys(needed - set(masters) - set(lost), "its text is not in the store")
        return {name: Remembered(memory, masters, lost) for name, memory in memories.items()}

    def _memory(self, station: str, body: str) -> Memory:
        try:
            return Memory.of(json.loads(body))
        except (ValueError, TypeError) as error:
            told = f"what {station} has left cannot be understood ({error})"
            raise StoreError(
                f"{self.path}: {told}: use the program that made it, or another run folder"
            ) from error

    def run_of_trial(self, station: str, trial_id: str) -> RunHead | None:
        """The newest run of a station that was made for a trial."""
        with self._turn, self._errors():
            rows = self._db.execute(
                "SELECT head FROM run WHERE station = ? ORDER BY begun_ns DESC", (station,)
            )
            heads = (run_head(json.loads(row[0])) for row in rows)
            return next((head for head in heads if head.trial == trial_id), None)

    def trials(self, *, only_open: bool = False) -> list[dict[str, object]]:
        """Bodies of the trials, oldest first."""
        with self._turn, self._errors():
            return _trials(self._db, only_open=only_open)

    def save_trial(
        self, trial_id: str, station: str, body: Mapping[str, object], *, is_open: bool
    ) -> None:
        """Write one trial; StoreError when the disk refuses."""
        row = (trial_id, station, is_open, json.dumps(body, sort_keys=True))
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO trial VALUES (?, ?, ?, ?)", row)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}") from error


class RunReader(Closing):
    """Runs, deployments and trials of a run folder, to read, beside their writers."""

    def __init__(self, path: Path) -> None:
        """StoreError when there is none, or a foreign one."""
        if not path.is_file():
            raise StoreError(f"{path}: no runs yet; the controller makes it, see --run")
        self._path = path
        with self._errors():
            self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            with self._errors():
                self._db.execute(f"PRAGMA busy_timeout={BUSY_MS}")
                require_ours(self._db, path)
        except StoreError:
            self._db.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

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
        """A run id by its unique beginning, or a station for its newest; Refused with what is."""
        ids = {head.id: head.station for head in self.runs()}
        found = [i for i in ids if text in (i, ids[i])][:1]
        found = found or [i for i in ids if text and i.startswith(text)]
        if len(found) == 1:
            return found[0]
        near = ", ".join((found or list(ids))[:5]) or "none"
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

    def good_recipes(self, kind: str, before_ns: int = 2**62) -> list[str]:
        """Texts of the recipes with which stations of a kind have completed a run before a time."""
        hashes = {
            head.content_hash
            for head in self.runs()
            if head.kind == kind and head.outcome is Outcome.COMPLETED and head.begun_ns < before_ns
        }
        return [text for h in sorted(hashes) if (text := self.recipe_text(h))]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from error


def _hashes(memory: Memory) -> set[str]:
    """Of the recipes that a memory names."""
    recipes = memory.recipes
    named = {str(d["hash"]) for d in recipes.deployments}
    if recipes.head is not None:
        named.add(str(recipes.head["content_hash"]))
    return named - {""}


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
