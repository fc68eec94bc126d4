"""Trials: a small change on one station, for a while, with a question and a way back by itself.

A trial deploys a recipe that was derived from a base, rehearsed and released like any other. When
its window is over, when its run ends in any way, or when the controller comes back after the
window, the base is deployed again, and a run that is still open is ended in order. Somebody who
deploys something else meanwhile has taken over: that is never undone.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from controller.console import Json
from controller.control.states import State, enabled
from controller.control.station import Station
from controller.core.errors import ConfigError, DrylineError, Refused
from controller.core.event import EventKind, Verb
from controller.core.recipe import RecipeId
from controller.deploy import Deployer
from controller.gate import Gate, text_of
from controller.recipe_library import RecipeLibrary

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
    it ended; returned: the base is deployed again (or somebody else has taken over).
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
        bodies = self._store.trials(only_open=True)
        found = [Trial.of(body) for body in bodies]
        self._open = {t.station: t for t in found if t.station in self._line.stations}
        self._retry_s: dict[str, float] = {}

    # -- what a person asks ----------------------------------------------------------------------

    async def begin(self, request: Json) -> Json:
        """Deploy a trial recipe with a way back. Refused with every reason why not."""
        station = self._station(request)
        kind = station.setup.kind
        own, base = await asyncio.to_thread(self._both, kind, text_of(request, "recipe"))
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
        stamp = datetime.fromtimestamp(now_ns // NS, UTC).strftime("%Y%m%d-%H%M%S")
        trial = Trial(
            id=f"trial-{station.name}-{stamp}", station=station.name, begun_ns=now_ns,
            base=f"{base.name}@{base.version}", recipe=f"{own.name}@{own.version}",
            question=question, actor=text_of(request, "actor", "console"),
            minutes=minutes, metres=metres,
        )  # fmt: skip
        await self._save(trial)  # before it takes effect: a way back must never be missing
        try:
            answer = await self._deployer.deploy(
                {**request, "recipe": trial.recipe, "trial": trial.id,
                 "reason": text_of(request, "reason") or question}
            )  # fmt: skip
        except DrylineError as error:
            await self._save(replace(trial, ended_ns=now_ns, returned=True, how=str(error)))
            raise
        if not answer["accepted"]:
            how = "not deployed: " + "; ".join(answer["reasons"])
            await self._save(replace(trial, ended_ns=now_ns, returned=True, how=how))
            return answer
        await self._save(replace(trial, deployment=answer["requested"]["number"]))
        self._tell(trial, f"trial {trial.id} begins: {question}", trial.actor)
        return answer | {"trial": trial.id, "base": trial.base}

    def _both(self, kind: str, recipe: str) -> tuple[RecipeId, RecipeId]:
        """The trial recipe and its base, both released."""
        own = self._library.find(kind, recipe)
        try:
            base = self._library.released(own).recipe.base
            if base is None:
                raise Refused("trial", [f"{own} was derived from nothing: there is no way back"])
            self._library.released(base)
        except ConfigError as error:
            raise Refused("recipe", [str(p) for p in error.problems]) from None
        return own, base

    async def end(self, request: Json) -> Json:
        """End a trial before its window is over."""
        station = self._station(request)
        trial = self._open.get(station.name)
        if trial is None:
            raise Refused("trial", [f"{station.name} has no open trial"])
        actor = text_of(request, "actor", "console")
        reason = text_of(request, "reason") or "no reason given"
        await self._save(replace(trial, how=f"ended by {actor}: {reason}"))
        await self._look(station)
        return {"accepted": True, "code": "ok", "reasons": [], "trial": trial.id}

    async def shown(self, request: Json) -> Json:
        """All trials of these stations, ended ones too."""
        return {"trials": [t for t in self._store.trials() if t["station"] in self._line.stations]}

    # -- what happens by itself ------------------------------------------------------------------

    async def run(self) -> None:
        """Look after the open trials for ever."""
        clock = self._line.clock
        while True:
            for name in list(self._open):
                if clock.link_s() >= self._retry_s.get(name, 0.0):
                    try:
                        await self._look(self._line.stations[name])
                    except DrylineError as error:
                        log.warning("trial on %s: %s; tried again", name, error)
                        self._retry_s[name] = clock.link_s() + RETRY_S
            await clock.sleep_link(LOOK_S)

    async def _look(self, station: Station) -> None:
        trial = self._followed(self._open[station.name], station)
        if trial.how and not trial.returned:
            trial = await self._return(trial)
        run = station.recipes.run
        if trial.returned and run is not None and run.head.id == trial.run:
            await self._end_run(trial, station)
        elif trial.returned:
            trial = replace(trial, ended_ns=self._line.clock.utc_ns())
            self._tell(trial, f"trial {trial.id} has ended: {trial.how}", f"trial {trial.id}")
        if trial != self._open[station.name]:
            await self._save(trial)

    def _followed(self, trial: Trial, station: Station) -> Trial:
        """The trial with what has happened on its station since the last look."""
        recipes, now_ns = station.recipes, self._line.clock.utc_ns()
        run, requested = recipes.run, recipes.requested
        if not trial.deployment:
            of_trial = [d.number for d in recipes.deployments if d.trial == trial.id]
            if not of_trial:
                return replace(trial, how="never deployed", returned=True)
            trial = replace(trial, deployment=of_trial[-1])
        if not trial.run and run is not None and run.head.trial == trial.id:
            trial = replace(trial, run=run.head.id)
        taken_over = requested is None or requested.number != trial.deployment
        if taken_over and not trial.returned:
            who = f"{requested.actor} deployed {requested.title}" if requested else "forgotten"
            how = trial.how or f"taken over: {who}"
            # The run goes on as it is: who took over decides when it ends.
            return replace(trial, how=how, returned=True, run=trial.run if trial.how else "")
        is_open = run is not None and run.head.id == trial.run
        if trial.run and not is_open and not trial.how:
            return replace(trial, how="its run has ended")
        if is_open and trial.from_ns is None and station.procedure.state is State.EXECUTE:
            metres = run.state.metres if run else 0.0
            trial = replace(trial, from_ns=now_ns, from_metres=metres)
        if not trial.how and trial.over(now_ns, run.state.metres if run and is_open else None):
            trial = replace(trial, how=f"its window of {trial.window} is over")
        return trial

    async def _return(self, trial: Trial) -> Trial:
        answer = await self._deployer.deploy(
            {"station": trial.station, "recipe": trial.base, "expected": trial.deployment,
             "actor": f"trial {trial.id}",
             "reason": f"return to the base of the trial: {trial.how}"}
        )  # fmt: skip
        if not answer["accepted"] and answer["code"] != "conflict":
            raise Refused(answer["code"], answer["reasons"])
        return replace(trial, returned=True)

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
        await self._line.record.save_trial(trial.id, trial.station, asdict(trial), is_open=is_open)

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
