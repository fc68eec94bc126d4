"""A life of the store of runs: stations, runs with entries, recipes, a trial; and its promises."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from controller.clock import NS
from controller.control.recipe_desk import RecipeMemory
from controller.control.station_memory import Memory
from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.core.recipe import Recipe, RecipeId, Version
from controller.core.run import Deployment, MasterRecipe, Outcome, RunHead
from controller.durable import make_folder
from controller.recipe_file import content_hash
from controller.run_store import RunReader, RunStore, StationFacts
from tests.support.disk_faults import Faults

T0_NS = 1_767_225_600 * NS
RUN_OF = {"coater": "coater-20260101-000000", "calender": "calender-20260101-000000"}
CHECKPOINT_PAGES = 40
TRIES = 100
PER_STEP = 3  # entries of each run


def _master(number: int) -> MasterRecipe:
    own = RecipeId("coater", "film", Version(1, number, 0))
    text = f"recipe number {number}\n" * 40
    recipe = Recipe(id=own, title="film", author="ann", base=None, reason="", formula={}, phases=(),
                    limits={})  # fmt: skip
    return MasterRecipe(recipe, content_hash(text), text)


def _head(station: str, step: int, last: int) -> RunHead:
    ended = step == last
    return RunHead(
        id=RUN_OF[station], station=station, kind=station, recipe="built-in", content_hash="",
        begun_ns=T0_NS, begun_by="ann", reason="", software="dryline", metres=float(step),
        outcome=Outcome.COMPLETED if ended else Outcome.OPEN,
        ended_ns=T0_NS + step if ended else None,
    )  # fmt: skip


def _nobody(_: int) -> None:
    """Takes marks where nothing is recorded."""


class StationsLife:
    """promised: steps that were acknowledged; after step k each run has PER_STEP * k entries."""

    STEPS = 30

    def __init__(self, folder: Path, faults: Faults | None = None) -> None:
        self.path = folder / "stations.db"
        self._faults = faults
        self._mark = faults.mark if faults else _nobody
        self.promised = self._written = 0

    def run(self, *, passing: bool) -> None:
        """Live once; StoreError when the disk does not even let it begin."""
        try:
            make_folder(self.path.parent)
        except OSError as error:
            raise StoreError(str(error)) from error
        with closing(RunStore(self.path)) as store:
            store._db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            waiting: list[Event] = []
            for step in range(1, self.STEPS + 1):
                waiting += _entries(step)
                done = self._commit(store, step, waiting, TRIES if passing else 2)
                if self._written == step:
                    waiting.clear()
                if done:
                    self.promised = step
                    self._mark(step)

    def _commit(self, store: RunStore, step: int, waiting: Sequence[Event], tries: int) -> bool:
        """As the record does it: until the disk takes it, entries are kept."""
        facts = {name: _facts(name, step, self.STEPS) for name in RUN_OF}
        for _ in range(tries):
            with suppress(StoreError):
                if self._written < step:
                    store.commit(facts, waiting)
                    self._written = step
                body = {"id": "t", "step": step}
                store.save_trial("t", "coater", body, is_open=step < self.STEPS)
                return True
        return False

    def check(self, promised: int) -> None:
        """Everything promised is there, whole and once; AssertionError says what is not."""
        if not self.path.exists() and not promised:
            return
        with closing(RunStore(self.path)) as store:
            assert store.aside is None
        connection = sqlite3.connect(self.path)
        with closing(connection):
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            rows = connection.execute("SELECT name, memory FROM station").fetchall()
            hashes = [h for (h,) in connection.execute("SELECT hash FROM recipe ORDER BY hash")]
        with RunReader(self.path) as reader:
            heads = {head.station: head for head in reader.runs()}
            if not heads:
                assert (promised, rows, hashes) == (0, [], [])
                return
            assert heads["coater"].metres == heads["calender"].metres
            step = round(heads["coater"].metres)
            assert promised <= step <= self.STEPS, f"lost: {step} of {promised}"
            assert heads == {name: _head(name, step, self.STEPS) for name in RUN_OF}
            for name, run in RUN_OF.items():
                record = reader.record(run)
                assert [e.number for e in record.entries] == list(range(1, PER_STEP * step + 1))
                wanted = [e.text for k in range(1, step + 1) for e in _entries(k, name)]
                assert [e.text for e in record.entries] == wanted
            (trial,) = reader.trials() or [{"id": "t", "step": 0}]
            assert promised <= trial["step"] <= step
            assert [d.number for d in reader.deployments("coater")] == list(range(1, step + 1))
        assert len(rows) == len(RUN_OF)
        assert all(f'"reason": "step {step}"' in memory for _, memory in rows)
        assert hashes == sorted(_master(k).content_hash for k in range(1, step + 1))


def _entries(step: int, only: str = "") -> list[Event]:
    return [
        Event(
            time_ns=T0_NS + step, kind=EventKind.RUN, station=name, subject=run,
            text=f"{step}.{k}", actor="ann", data={"run": run, "k": k},
        )
        for name, run in RUN_OF.items()
        if only in ("", name)
        for k in range(PER_STEP)
    ]  # fmt: skip


def _facts(station: str, step: int, last: int) -> StationFacts:
    head = _head(station, step, last)
    news: list[Deployment | RunHead] = [head] if step == last else []
    if station == "coater":
        deployed = Deployment(
            number=step, master=_master(step), actor="ann", reason="x", time_ns=T0_NS + step
        )
        news.append(deployed)
    memory = Memory(state="EXECUTE", reason=f"step {step}", recipes=RecipeMemory())
    return StationFacts(memory, {}, news, None if step == last else head)
