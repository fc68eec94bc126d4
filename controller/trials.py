"""Trials: a small change on one station, for a while, with a question and a way back by itself.

A trial deploys a recipe that was derived from a base, rehearsed and released like any other. When
its window is over, when its run ends in any way, or when the controller comes back after the
window, the base is deployed again, and a run that is still open is ended in order. Somebody who
deploys something else meanwhile has taken over: that is never undone.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from controller.console import Json
from controller.control.run import run_id
from controller.control.states import State, enabled
from controller.control.station import Station
from controller.core.errors import DrylineError, Refused, StoreError
from controller.core.event import EventKind, Verb
from controller.core.recipe import RecipeId
from controller.deploy import UNSIGNED, Deployer, released
from controller.gate import MAX_TEXT, Gate, text_of
from controller.recipe_library import RecipeLibrary
from controller.supervise import together

log = logging.getLogger("dryline.trials")

NS = 1_000_000_000
LOOK_S = 0.5
RETRY_S = 10.0
MINUTES = (0.5, 7 * 24 * 60.0)
METRES = (1.0, 100_000.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One trial. Exactly one of minutes and metres is given: the window, from the first EXECUTE.

    base, recipe: NAME@VERSION; deployment: number of the one that brought the trial recipe, 0
    before; run: its run, "" before START; from_ns, from_metres: where the window began; how: why
    it ended; returned: the base is deployed again (or somebody else has taken over); taken_over:
    somebody has deployed something else, so the run is left to him.
    """

    id: str
    station: str
    base: str
    recipe: str
    question: str
    actor: str
    begun_ns: int
    minutes: float | None = None
    metres: float | None = None
    deployment: int = 0
    run: str = ""
    from_ns: int | None = None
    from_metres: float = 0.0
    how: str = ""
    returned: bool = False
    ended_ns: int | None = None
    taken_over: bool = False

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Trial":
        """A trial as `asdict` and JSON have left it."""
        return cls(**plain)

    def over(self, utc_ns: int, metres: float | None) -> bool:
        """The window is over. metres: of the open run, None when there is none."""
        if self.from_ns is None:
            return False
        if self.minutes is not None:
            return utc_ns - self.from_ns >= self.minutes * 60.0 * NS
        return metres is not None and metres - self.from_metres >= (self.metres or 0.0)

    @property
    def window(self) -> str:
        """'30 min', '200 m'."""
        return f"{self.minutes:g} min" if self.minutes is not None else f"{self.metres:g} m"


class Trials:
    """The trials of the stations of this process; supervised."""

    def __init__(self, gate: Gate, deployer: Deployer, library: RecipeLibrary) -> None:
        self._gate, self._deployer, self._library = gate, deployer, library
        self._line = gate.line
        self._store = gate.line.record.store
        found = [Trial.of(body) for body in self._store.trials(only_open=True)]
        own = [self._with_run(t) for t in found if t.station in self._line.stations]
        self._open = {t.station: t for t in own}
        self._unsaved: dict[str, Trial] = {}  # by id: the disk has refused them
        self._turn = {name: asyncio.Lock() for name in self._line.stations}
        self._retry_s: dict[str, float] = {}
        self._trouble: dict[str, str] = {}  # why a station's trial cannot go on, as it was told
        self._last_id: dict[str, str] = {}  # by station

    def _with_run(self, trial: Trial) -> Trial:
        """A run that began and ended just before the program did belongs to it as well."""
        head = None if trial.run else self._store.run_of_trial(trial.station, trial.id)
        return replace(trial, run=head.id) if head else trial

    # -- what a person asks ----------------------------------------------------------------------

    async def begin(self, request: Json) -> Json:
        """Deploy a trial recipe with a way back. Refused with every reason why not."""
        station = self._station(request)
        kind = station.setup.kind
        own, base = await asyncio.to_thread(self._both, kind, text_of(request, "recipe"))
        async with self._turn[station.name]:
            trial = self._trial(request, station, own, base)
            try:
                await self._save(trial)  # before it takes effect: a way back must never be missing
            except StoreError:
                self._forget(trial)
                raise
            return await self._deploy(trial, request)

    def _trial(self, request: Json, station: Station, own: RecipeId, base: RecipeId) -> Trial:
        question = text_of(request, "question").strip()
        minutes, metres = _number(request, "minutes", MINUTES), _number(request, "metres", METRES)
        reasons = []
        if station.name in self._open:
            reasons.append(f"trial {self._open[station.name].id} is open: end it first")
        if not question:
            reasons.append("a trial needs a question: what shall it answer?")
        if (minutes is None) == (metres is None):
            reasons.append("a trial needs its window: minutes or metres, one of them")
        if metres is not None and f"{station.prefix}.METER" not in station.offset:
            reasons.append(f"{station.name} makes no metres: give minutes")
        if reasons:
            raise Refused("trial", reasons)
        now_ns = self._line.clock.utc_ns()
        last = self._last_id.get(station.name, "")
        own_id = self._last_id[station.name] = run_id(f"trial-{station.name}", now_ns, last)
        return Trial(
            id=own_id, station=station.name, begun_ns=now_ns,
            base=f"{base.name}@{base.version}", recipe=f"{own.name}@{own.version}",
            question=question, actor=text_of(request, "actor", "console"),
            minutes=minutes, metres=metres,
        )  # fmt: skip

    async def _deploy(self, trial: Trial, request: Json) -> Json:
        reason = text_of(request, "reason") or trial.question
        try:
            answer = await self._deployer.deploy(
                {**request, "recipe": trial.recipe, "trial": trial.id, "reason": reason}
            )
        except StoreError:
            raise  # it may be deployed, though not yet on disk: the next look finds out
        except DrylineError as error:
            await self._never(trial, str(error))
            raise
        if not answer["accepted"]:
            await self._never(trial, "; ".join(answer["reasons"]))
            return answer
        with contextlib.suppress(StoreError):  # it is on disk; what is new is saved later
            await self._save(replace(trial, deployment=answer["deployment"]))
        self._tell(trial, f"trial {trial.id} begins: {trial.question}", trial.actor)
        return answer | {"trial": trial.id, "base": trial.base}

    async def _never(self, trial: Trial, why: str) -> None:
        how = f"not deployed: {why}"
        await self._save(replace(trial, ended_ns=trial.begun_ns, returned=True, how=how))

    def _both(self, kind: str, recipe: str) -> tuple[RecipeId, RecipeId]:
        """The trial recipe and its base, both released."""
        own = self._library.find(kind, recipe)
        base = released(self._library, own).recipe.base
        if base is None:
            raise Refused("trial", [f"{own} was derived from nothing: there is no way back"])
        released(self._library, base)
        return own, base

    async def end(self, request: Json) -> Json:
        """End a trial before its window is over."""
        station = self._station(request)
        actor = text_of(request, "actor", "console")
        reason = text_of(request, "reason") or "no reason given"
        async with self._turn[station.name]:
            trial = self._open.get(station.name)
            if trial is None:
                raise Refused("trial", [f"{station.name} has no open trial"])
            if not trial.how:
                await self._save(replace(trial, how=f"ended by {actor}: {reason}"))
            try:
                await self._look(station)
            except Refused as error:
                told = f"the way back of {trial.id} is tried again every {RETRY_S:g} s"
                raise Refused(error.code, [*error.reasons, told]) from error
        return {"accepted": True, "code": "ok", "reasons": [], "trial": trial.id}

    async def shown(self, request: Json) -> Json:
        """All trials of these stations, ended ones too."""
        found = await asyncio.to_thread(self._store.trials)
        return {"trials": [t for t in found if t["station"] in self._line.stations]}

    # -- what happens by itself ------------------------------------------------------------------

    async def run(self) -> None:
        """Look after the open trials for ever, of each station apart from the others."""
        await together(*(self._watch(s) for s in self._line.stations.values()))

    async def _watch(self, station: Station) -> None:
        while True:
            await self._attend(station)
            await self._line.clock.sleep_link(LOOK_S)

    async def _attend(self, station: Station) -> None:
        name, clock = station.name, self._line.clock
        if clock.link_s() < self._retry_s.get(name, 0.0):
            return
        try:
            async with self._turn[name]:
                for trial in [t for t in self._unsaved.values() if t.station == name]:
                    await self._save(trial)
                if name in self._open:
                    await self._look(station)
        except DrylineError as error:
            self._retry_s[name] = clock.link_s() + RETRY_S
            self._failed(station, str(error))
            return
        self._trouble.pop(name, None)

    def _failed(self, station: Station, why: str) -> None:
        """Tell once what keeps a trial from going on, and again only when it is something else."""
        if self._trouble.get(station.name) == why:
            return
        self._trouble[station.name] = why
        text = f"trial on {station.name} cannot go on: {why}; it is tried again"
        log.warning(text)
        trial = self._open.get(station.name)
        station.tell(EventKind.RECIPE, trial.id if trial else "trial", text)

    async def _look(self, station: Station) -> None:
        trial = self._followed(self._open[station.name], station)
        if trial != self._open[station.name]:
            await self._save(trial)  # first of all: what is known of it outlives a kill
        if trial.how and not trial.returned:
            trial = await self._return(trial)
            await self._save(trial)
        if not trial.returned:
            return
        run = station.recipes.run
        if run is not None and run.head.trial == trial.id and not trial.taken_over:
            await self._end_run(trial, station)
            return
        self._tell(trial, f"trial {trial.id} has ended: {trial.how}", f"trial {trial.id}")
        await self._save(replace(trial, ended_ns=self._line.clock.utc_ns()))

    def _followed(self, trial: Trial, station: Station) -> Trial:
        """The trial with what has happened on its station since the last look."""
        recipes, now_ns = station.recipes, self._line.clock.utc_ns()
        run, requested = recipes.run, recipes.requested
        if not trial.deployment:
            of_trial = [d.number for d in recipes.deployments if d.trial == trial.id]
            if not of_trial:
                return replace(trial, how="never deployed", returned=True)
            trial = replace(trial, deployment=of_trial[-1])
        heads = [head for head in (run.head if run else None, recipes.ended) if head]
        mine = next((head.id for head in heads if head.trial == trial.id), "")
        trial = replace(trial, run=trial.run or mine)
        if trial.returned:
            return trial
        if requested is None or requested.number != trial.deployment:
            who = f"{requested.actor} deployed {requested.title}" if requested else "forgotten"
            # The run goes on as it is: who took over decides when it ends.
            how = trial.how or f"taken over: {who}"
            return replace(trial, how=how, returned=True, taken_over=not trial.how)
        is_open = run is not None and run.head.id == trial.run
        executed = run is not None and run.state.reached > len(run.phases)  # be it for a moment
        if run is not None and is_open and executed and trial.from_ns is None:
            trial = replace(trial, from_ns=now_ns, from_metres=run.state.metres)
        if trial.how:
            return trial
        if trial.run and not is_open:
            return replace(trial, how="its run has ended")
        if trial.over(now_ns, run.state.metres if run and is_open else None):
            return replace(trial, how=f"its window of {trial.window} is over")
        return trial

    async def _return(self, trial: Trial) -> Trial:
        signature, told = self._signed(trial)
        reason = f"return to the base of the trial: {trial.how}"
        wish = {"station": trial.station, "recipe": trial.base, "expected": trial.deployment,
                "actor": f"trial {trial.id}"}  # fmt: skip
        signed = {"signature": signature, "reason": reason[: MAX_TEXT - len(told)] + told}
        try:
            answer = await self._deployer.deploy({**wish, **signed})
        except Refused as error:
            if error.code != UNSIGNED:
                raise
            # The base is another one than was signed: it was released all the same, and a trial
            # that could not end would be worse.
            answer = await self._deployer.deploy({**wish, "reason": reason[:MAX_TEXT]})
        if not answer["accepted"] and answer["code"] != "conflict":
            raise Refused(answer["code"], answer["reasons"])
        return replace(trial, returned=True)

    def _signed(self, trial: Trial) -> tuple[dict[str, str | int] | None, str]:
        """The signature of the trial's deployment, if it covers the way back, and words for it."""
        station = self._line.stations[trial.station]
        brought = station.recipes.requested
        made = brought.signature if brought and brought.number == trial.deployment else None
        if made is None or not str(made.get("returns", "")).startswith(
            f"{station.setup.kind}/{trial.base} "
        ):
            return None, ""
        return dict(made), f"; signed with the trial's deployment by {made.get('signer')}"

    async def _end_run(self, trial: Trial, station: Station) -> None:
        """In order, or by STOP where that is all there is; nothing to do while it stops."""
        possible = enabled(station.procedure.state)
        verb = next((v for v in (Verb.COMPLETE, Verb.STOP) if v in possible), None)
        if verb is None or station.procedure.state is State.COMPLETING:
            return
        await self._gate.give(
            self._gate.command(trial.station, verb, f"trial {trial.id}", trial.how)
        )

    async def _save(self, trial: Trial) -> None:
        is_open = trial.ended_ns is None
        if is_open:
            self._open[trial.station] = trial
        else:
            self._open.pop(trial.station, None)
        self._unsaved[trial.id] = trial
        await self._line.record.save_trial(trial.id, trial.station, asdict(trial), is_open=is_open)
        self._unsaved.pop(trial.id, None)

    def _forget(self, trial: Trial) -> None:
        self._open.pop(trial.station, None)
        self._unsaved.pop(trial.id, None)

    def _tell(self, trial: Trial, text: str, actor: str) -> None:
        station = self._line.stations[trial.station]
        station.tell(EventKind.RECIPE, trial.id, text, actor, trial=trial.id)

    def _station(self, request: Json) -> Station:
        name = text_of(request, "station")
        if name not in self._line.stations:
            names = ", ".join(self._line.stations)
            raise DrylineError(f"no station {name!r}; stations: {names}")
        return self._line.stations[name]


def _number(request: Json, key: str, bounds: tuple[float, float]) -> float | None:
    value = request.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DrylineError(f"{key} = {value!r}: must be a number")
    low, high = bounds
    if not low <= value <= high:
        raise Refused("range", [f"{key} = {value:g}: allowed {low:g} to {high:g}"])
    return float(value)
