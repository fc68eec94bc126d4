"""Deploying: which recipe a station follows from its next START on, and what it follows now.

A recipe is read, checked and compared with its release before the station hears of it; the
station takes it inside one scan, and the answer is given when it is on disk. So at every moment
the old or the new version is the requested one, and the answer says which.
"""

import asyncio

from controller.console import Json
from controller.control.drift import Drift
from controller.control.station import Station
from controller.core.errors import ConfigError, DrylineError, Refused
from controller.core.event import Answer, Command, DeployOrder, Verb
from controller.core.recipe import RecipeId
from controller.core.run import BUILT_IN, Deployment, MasterRecipe
from controller.gate import Gate, text_of
from controller.recipe_library import RecipeLibrary, Stored
from controller.run_store import RunReader

MAX_SIGNATURE = 4_000
UNSIGNED = "signature"  # code of a refusal: something else was signed


class Deployer:
    """Deploys from one folder of recipes."""

    def __init__(self, gate: Gate, library: RecipeLibrary) -> None:
        self._gate, self._library = gate, library

    async def deploy(self, request: Json) -> Json:
        """`recipe`: NAME@VERSION, NAME (its newest version) or "built-in"."""
        station = self._station(request)
        master = await self._released(station, text_of(request, "recipe"))
        return await self._order(station, master, request)

    async def rollback(self, request: Json) -> Json:
        """Deploy what was deployed before, if it may still run."""
        station = self._station(request)
        done = station.recipes.deployments
        now = done[-1].title if done else BUILT_IN
        # What a trial has brought is no way back: it came for a while, with a question.
        before = next((d for d in reversed(done) if d.title != now and not d.trial), None)
        if before is None and not (done and done[0].number == 1 and now != BUILT_IN):
            raise Refused("unknown", [f"{station.name} had no other recipe than {now}"])
        title = before.title.partition("/")[2] if before and before.master else BUILT_IN
        master = await self._released(station, title)
        return await self._order(station, master, request)

    async def require_unchanged(self, name: str) -> None:
        """Before a run begins: the recipe it would latch is still as it was released."""
        station = self._gate.line.stations.get(name)
        requested = station.recipes.requested if station and not station.recipes.run else None
        if requested is None or requested.master is None:
            return
        stored = await asyncio.to_thread(released, self._library, requested.master.recipe.id)
        if stored.content_hash != requested.master.content_hash:
            told = f"{requested.title} is not what was deployed any more: deploy it again"
            raise Refused("recipe", [told])

    async def shown(self, request: Json) -> Json:
        """What is requested, what runs, what of it has drifted, and the way here."""
        station = self._station(request)
        return recipe_status(station) | {
            "deployments": [_row(d) for d in station.recipes.deployments]
        }

    async def _released(self, station: Station, text: str) -> MasterRecipe | None:
        if text == BUILT_IN:
            return None
        kind = station.setup.kind
        given, _, name = text.rpartition("/")
        if given not in ("", kind):
            raise Refused("kind", [f"{text} is not for a station of kind {kind}"])

        def read() -> MasterRecipe:
            own: RecipeId = self._library.find(kind, name)
            stored = released(self._library, own)
            return MasterRecipe(stored.recipe, stored.content_hash, stored.file.text)

        return await asyncio.to_thread(read)

    async def _because(self, request: Json) -> str:
        """The run that led to it, by its unique beginning: a wrong one would count nowhere."""
        given = text_of(request, "because")
        path = self._gate.line.record.store.path

        def find() -> str:
            with RunReader(path) as reader:
                return reader.find(given)

        return await asyncio.to_thread(find) if given else ""

    async def _order(self, station: Station, master: MasterRecipe | None, request: Json) -> Json:
        expected = request.get("expected")
        if expected is not None and (isinstance(expected, bool) or not isinstance(expected, int)):
            raise DrylineError(f"expected = {expected!r}: the number of a deployment")
        signature = _signature_of(request)
        _require_signed(signature, master)
        order = DeployOrder(
            master=master, expected=expected, because=await self._because(request),
            trial=text_of(request, "trial"), signature=signature,
        )  # fmt: skip
        command = self._gate.command(
            station.name, Verb.DEPLOY, text_of(request, "actor", "console"),
            text_of(request, "reason"), order=order, own=text_of(request, "id"),
        )  # fmt: skip
        try:
            answer = await self._gate.give(command)
        except Refused:
            raise  # nothing was changed
        except DrylineError as error:
            raise type(error)(f"{error}. {_requested(station)}") from error
        number = _number_of(command, station) if answer.accepted else 0
        return answer_json(answer) | {"deployment": number} | recipe_status(station)

    def _station(self, request: Json) -> Station:
        name = text_of(request, "station")
        stations = self._gate.line.stations
        if name not in stations:
            raise DrylineError(f"no station {name!r}; stations: {', '.join(stations)}")
        return stations[name]


def released(library: RecipeLibrary, own: RecipeId) -> Stored:
    """A version that may run; Refused with file and line of everything that speaks against it."""
    try:
        return library.released(own)
    except ConfigError as error:
        raise Refused("recipe", [str(p) for p in error.problems]) from None
    except Refused as error:
        file = library.path(own).as_posix()
        raise Refused(error.code, [f"{file}:1: {r}" for r in error.reasons]) from None


def _signature_of(request: Json) -> dict[str, str | int] | None:
    """As the API has it made; it is kept as it comes, and looked at by whoever has the trail."""
    given = request.get("signature")
    if given is None:
        return None
    right = isinstance(given, dict) and all(type(v) in (str, int) for v in given.values())
    if not right or len(str(given)) > MAX_SIGNATURE:
        raise DrylineError("signature: the members of an electronic signature, or nothing")
    return dict(given)


def _require_signed(
    signature: dict[str, str | int] | None, master: MasterRecipe | None
) -> None:  # fmt: skip
    """Refused when what is deployed now is not what was signed a moment ago: a file was exchanged,
    or a rollback finds another version."""
    if signature is None or "subject" not in signature:
        return
    title = str(master.recipe.id) if master else BUILT_IN
    content = master.content_hash if master else ""
    signed = (signature["subject"], signature.get("content_hash"))
    returns = str(signature.get("returns", ""))  # of a trial: covered by what brought it
    if signed != (title, content) and returns.split(" ")[:2] != [title, content]:
        told = f"{signed[0]} was signed, and {title} would be deployed, or its text has changed"
        raise Refused(UNSIGNED, [f"{told}: look again"])


def _requested(station: Station) -> str:
    """What holds, said to somebody who got no proper answer."""
    now = station.recipes.requested
    what = f"{now.title} (deployment {now.number} by {now.actor})" if now else BUILT_IN
    return f"{station.name} is to follow {what} from its next START on"


def _number_of(command: Command, station: Station) -> int:
    """Of the deployment that a command has made, 0 for none: somebody may have deployed since."""
    order = command.order
    if order is None:
        return 0
    mine = (order.master, command.actor, command.reason.strip(), order.because, order.trial)
    found = [
        d.number for d in station.recipes.deployments
        if (d.master, d.actor, d.reason, d.because, d.trial) == mine
    ]  # fmt: skip
    return found[-1] if found else 0


def answer_json(answer: Answer) -> Json:
    """An answer as the console gives it."""
    return {"accepted": answer.accepted, "code": answer.code, "reasons": list(answer.reasons)}


def recipe_status(station: Station) -> Json:
    """Requested and current recipe, the open run, its prompt, and what differs at the PLC."""
    recipes = station.recipes
    run, asking = recipes.run, recipes.run.asking() if recipes.run else None
    return {
        "requested": _row(recipes.requested) if recipes.requested else None,
        "current": _row(recipes.current) if run and recipes.current else None,
        "pending": recipes.pending,
        "run": run.head.id if run else "",
        "run_s": round(run.state.time_s, 1) if run else 0.0,
        "phase": int(recipes.figures()[1]),
        "metres": round(run.state.metres, 2) if run else 0.0,
        "prompt": asking.phase.prompt.text if asking and asking.phase.prompt else "",
        "drift": [_drift(d) for d in recipes.drift.found.values()],
    }


def _row(d: Deployment) -> Json:
    return {
        "number": d.number, "recipe": d.title, "actor": d.actor, "reason": d.reason,
        "time_ns": d.time_ns, "because": d.because, "trial": d.trial,
        "content_hash": d.master.content_hash if d.master else "", "signature": d.signature,
    }  # fmt: skip


def _drift(d: Drift) -> Json:
    return {
        "tag": d.tag, "recipe": d.recipe, "found": d.found, "unit": d.unit,
        "tolerance": d.tolerance, "changed_by": d.changed_by, "text": str(d),
    }  # fmt: skip
