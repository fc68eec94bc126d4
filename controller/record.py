"""Record: passes on what stations tell, and keeps on disk what must outlive the program.

Everything that belongs to an open run is kept twice: in history, with all else, and in the store
of the runs, in one transaction with the state of the station that it happened in.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from controller.control.recipe_desk import run_head
from controller.control.station import Station
from controller.control.station_memory import Memory
from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.core.ports import Clock, Recorder
from controller.core.run import Outcome
from controller.core.sample import Samples
from controller.recipe_kind import RecipeKind
from controller.run_store import Remembered, RunStore, StationFacts

log = logging.getLogger("dryline.record")

MAX_WAITING = 20_000  # entries of runs that memory keeps while the disk refuses


class Remembering(Protocol):
    """Who leaves a memory beside the stations. changed: since it was saved last."""

    changed: bool

    def memory(self) -> Memory:
        """What must survive a restart."""
        ...


@dataclass(frozen=True, slots=True)
class _Gap:
    """Entries that are missing in the record of a run: how many, and between which times."""

    station: str
    run: str
    entries: int
    from_ns: int
    to_ns: int

    def __add__(self, other: "_Gap") -> "_Gap":
        from_ns, to_ns = min(self.from_ns, other.from_ns), max(self.to_ns, other.to_ns)
        return replace(self, entries=self.entries + other.entries, from_ns=from_ns, to_ns=to_ns)

    def event(self) -> Event:
        """What the record of the run, and history, say of it."""
        text = f"gap: {self.entries} entries of this run were lost, the disk had refused them"
        told = _told(self.station, self.run, text, self.to_ns)
        facts = {"entries": self.entries, "from_ns": self.from_ns, "to_ns": self.to_ns}
        return replace(told, data=told.data | facts)


class Record:
    """The event log of the stations of one process, and their memory."""

    def __init__(self, path: Path, recorder: Recorder, clock: Clock) -> None:
        self.store = RunStore(path)
        self._recorder, self._clock = recorder, clock
        self._pending: deque[Event] = deque()  # of runs, not yet on disk
        self._flying = 0  # of them, being written
        self._lost: dict[str, _Gap] = {}  # by run: tells how much of it memory could not keep
        self._writing: asyncio.Future[StoreError | None] | None = None
        self.failure = ""  # why the disk refuses, "" while it does not
        self.others: dict[str, Remembering] = {}  # by the name of their memory
        if self.store.aside is not None:
            text = f"{path.name} was damaged: kept as {self.store.aside.name}, begun anew"
            self._recorder.event(_told("", "", text, clock.utc_ns()))

    def event(self, event: Event) -> None:
        """Pass one on; one of a run is also kept for its record."""
        self._recorder.event(event)
        if "run" in event.data:
            self._pending.append(event)
            if len(self._pending) > MAX_WAITING:
                self._lose(self._pending[self._flying])
                del self._pending[self._flying]

    def _lose(self, event: Event) -> None:
        """Count an entry that will not get into the record of its run; history has it, or its gap.

        What waits never becomes less by that: the store relies on it (see RunStore.commit).
        """
        run = str(event.data["run"])
        gap = _Gap(event.station, run, 1, event.time_ns, event.time_ns)
        self._lost[run] = self._lost[run] + gap if run in self._lost else gap

    def record(self, samples: Samples) -> None:
        """Pass samples on."""
        self._recorder.record(samples)

    def recall(
        self, stations: Mapping[str, Station], kinds: Mapping[str, RecipeKind]
    ) -> dict[str, Memory]:
        """Bring back every station that has left a memory; what `others` have left."""
        utc_ns = self._clock.utc_ns()
        left = {}
        for name, remembered in self.store.load(kinds, [*stations, *self.others]).items():
            station = stations.get(name)
            if station is not None:
                memory = self._without_lost(station, remembered, utc_ns)
                station.recall(memory, utc_ns, remembered.masters)
            else:
                left[name] = remembered.memory
        return left

    def _without_lost(self, station: Station, found: Remembered, utc_ns: int) -> Memory:
        """The memory without a run whose recipe this program does not understand any more."""
        recipes = found.memory.recipes
        lost = {d["hash"]: found.lost[d["hash"]] for d in recipes.deployments
                if d["hash"] in found.lost}  # fmt: skip
        if recipes.head is not None and recipes.head["content_hash"] in found.lost:
            why = f"its recipe cannot be read any more: {found.lost[recipes.head['content_hash']]}"
            head = replace(
                run_head(recipes.head), ended_ns=utc_ns, outcome=Outcome.ABORTED, why_ended=why
            )
            station.recipes.news.append(head)
            self.event(_told(station.name, head.id, f"run {head.id} aborted: {why}", utc_ns))
            recipes = replace(recipes, head=None, state=None)
        for content_hash, why in lost.items():
            text = f"deployed recipe {content_hash[:12]} cannot be read any more: {why}"
            self._recorder.event(_told(station.name, "", text, utc_ns))
        return replace(found.memory, recipes=recipes)

    @property
    def waiting(self) -> int:
        """Entries of runs that are not on disk yet."""
        return len(self._pending)

    async def save(self, stations: Mapping[str, Station]) -> None:
        """Commit all that has changed, now; StoreError when the disk refuses (it is kept).

        One commit at a time, whoever asked for it and whether he still waits or not: an older
        state of a station never comes after a newer one.
        """
        while self._writing is not None and not self._writing.done():
            await asyncio.wait([self._writing])  # it began too early to hold what is asked for
        entries = (*(gap.event() for gap in self._lost.values()), *self._pending)
        told = {event.station for event in entries}  # what is told has changed its station
        changed = {n: s for n, s in stations.items() if s.changed or n in told}
        others = {n: o for n, o in self.others.items() if o.changed}
        if not (changed or others or entries or self.failure):
            return
        facts = {name: _facts(s) for name, s in changed.items()}  # of this moment, as the entries
        facts |= {name: StationFacts(o.memory(), {}) for name, o in others.items()}
        for one in (*changed.values(), *others.values()):
            one.changed = False
        self._flying, gaps, self._lost = len(self._pending), self._lost, {}
        self._writing = asyncio.ensure_future(
            self._write({**changed, **others}, facts, entries, gaps)
        )
        error = await asyncio.shield(self._writing)
        if error is not None:
            raise error

    async def _write(
        self,
        changed: Mapping[str, Remembering],
        facts: Mapping[str, StationFacts],
        entries: Sequence[Event],
        gaps: Mapping[str, _Gap],
    ) -> StoreError | None:
        """Goes on although who asked has given up waiting."""
        try:
            await asyncio.to_thread(self.store.commit, facts, entries)
        except BaseException as error:
            for one in changed.values():
                one.changed = True
            self._flying = 0
            for run, gap in gaps.items():
                self._lost[run] = gap + self._lost[run] if run in self._lost else gap
            if not isinstance(error, StoreError):
                raise
            self._fails(str(error))
            return error
        for _ in range(self._flying):
            self._pending.popleft()
        self._flying = 0
        for gap in gaps.values():
            self._recorder.event(gap.event())
        for name, one in changed.items():
            if isinstance(one, Station):
                del one.recipes.news[: len(facts[name].news)]
        self._fails("")
        return None

    async def save_trial(
        self, trial_id: str, station: str, body: Mapping[str, object], *, is_open: bool
    ) -> None:
        """Write one trial, durably; StoreError when the disk refuses."""
        await asyncio.to_thread(self.store.save_trial, trial_id, station, body, is_open=is_open)

    def _fails(self, why: str) -> None:
        if bool(why) != bool(self.failure):
            text = f"runs and station memory cannot be saved: {why}" if why else (
                "runs and station memory are saved again")  # fmt: skip
            log.warning(text)
            self._recorder.event(_told("", "", text, self._clock.utc_ns()))
        self.failure = why

    def close(self) -> None:
        """Let go of the file."""
        self.store.close()


def _facts(station: Station) -> StationFacts:
    recipes = station.recipes
    return StationFacts(
        memory=station.memory(),
        masters=recipes.masters(),
        news=tuple(recipes.news),
        open_run=recipes.run.snapshot() if recipes.run else None,
    )


def _told(station: str, run: str, text: str, utc_ns: int) -> Event:
    return Event(
        time_ns=utc_ns, kind=EventKind.SYSTEM, station=station, subject=run or "record",
        text=text, data={"run": run} if run else {},
    )  # fmt: skip
