"""The simulated plant: its faults, its PLCs, and rehearsals of recipes on another one."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import Path, Query, Request, Response

from controller.access.demands import Act
from controller.access.identity import Identity, require_act
from controller.api import bodies
from controller.api.declared import Routes
from controller.api.openapi import json_of
from controller.api.parts import Parts
from controller.api.problems import Problem
from controller.api.rehearsal_files import Wanted
from controller.api.routes.common import By, OfParts, answer, tagged
from controller.audit.record import Category, Entry, Result
from controller.audit.refusals import mark_recorded
from controller.console import Json
from controller.core.run import BUILT_IN

routes = Routes("simulator")
Own = Annotated[str, Path(max_length=40, pattern="^[A-Za-z0-9_-]+$")]
Tags = Annotated[list[str], Query(min_length=1, max_length=20, description="names of tags")]
_FAULT = {
    "id": "F5", "station": "enclosure", "name": "heater_failure", "level": 1.0, "unit": "-",
    "low": 0.0, "high": 1.0, "effect": "the regeneration air stays cold", "active": None,
}  # fmt: skip
_SHOWN = {
    "running": True, "speed": 1.0, "faults": [_FAULT], "plcs": {"enclosure": "running"},
}  # fmt: skip
_JOB = {
    "id": "9f0c21ab34", "by": "eva", "state": "running", "done_pct": 42, "said": ["..."],
    "wanted": {"kind": "coater", "recipe": "nmc-standard@1.1.0", "against": "", "faults": "",
               "seeds": 1, "first_seed": 1, "minutes": 60.0, "neighbours": "ideal"},
    "asked_ns": 1795317022000000000, "begun_ns": 1795317023000000000, "ended_ns": None,
}  # fmt: skip
_CODES = ("no simulator", "no answer")
_TRAJECTORY = {
    "time_s": [0.0, 5.0], "values": {"ENC.DP.ZONE": [-40.1, None]}, "known": ["ENC.DP.ZONE"],
}  # fmt: skip
_PNG = {
    "description": "The picture.",
    "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
}


@routes.get("/simulator", Act.LOOK, codes=("no answer",), answers=json_of(_SHOWN))
async def shown(request: Request, parts: OfParts) -> Response:
    """Whether the line runs on a simulated plant, how fast, which faults that has, and which are
    there."""
    found = await parts.simulator.shown()
    speed = {"speed": parts.given.clock.speed} if found["running"] else {}
    return tagged(request, {**found, **speed})


@routes.post("/simulator/faults", Act.LEAD, codes=_CODES, answers=json_of({"fault": "F5"}))
async def inject(body: bodies.Fault, by: By, parts: OfParts) -> Response:
    """Inject a fault into the simulated plant, now or in a while, for a time or until it is
    cleared."""
    require_act(by, Act.LEAD, "", body.station)
    request = {"op": "fault", **body.model_dump()}
    what = f"{body.station} {body.name}"
    return answer(await _recorded(parts, by, "inject fault", what, body.level, request))


@routes.post("/simulator/faults/clear", Act.LEAD, codes=_CODES,
             answers=json_of({"cleared": "heater_failure"}))  # fmt: skip
async def clear(body: bodies.ClearFault, by: By, parts: OfParts) -> Response:
    """End a fault of the simulated plant."""
    require_act(by, Act.LEAD, "", body.station)
    request = {"op": "clear", **body.model_dump()}
    what = f"{body.station} {body.name}"
    return answer(await _recorded(parts, by, "clear fault", what, None, request))


@routes.post("/simulator/plcs", Act.LEAD, codes=_CODES,
             answers=json_of({"station": "coater", "action": "pause"}))  # fmt: skip
async def plc(body: bodies.PlcAction, by: By, parts: OfParts) -> Response:
    """Pause, stop or start the simulated PLC of a station; the others go on."""
    require_act(by, Act.LEAD, "", body.station)
    request = {"op": "station", "station": body.station, "action": body.action}
    return answer(await _recorded(parts, by, f"{body.action} PLC", body.station, None, request))


async def _recorded(
    parts: Parts, by: Identity, action: str, target: str, new: float | None, request: Json
) -> Json:
    entry = Entry(
        category=Category.COMMAND, action=action, actor=by.actor.name, source=by.actor.source,
        station="", target=target, new=new, result=Result.ACCEPTED,
    )  # fmt: skip
    await parts.recording.append(entry)
    try:
        return await parts.simulator.ask(request)
    except Problem as problem:
        why = "; ".join(problem.reasons)
        ended = replace(entry, result=Result.FAILED, code=problem.code, detail=why)
        await parts.recording.note(ended)
        mark_recorded(problem)
        raise


@routes.get("/rehearsals", Act.LOOK, answers=json_of({"possible": True, "rehearsals": [_JOB]}))
async def rehearsals(parts: OfParts) -> Response:
    """Rehearsals that wait, run or were done, newest first."""
    found = [job.plain() for job in parts.rehearsals.every()]
    return answer({"possible": parts.rehearsals.possible, "rehearsals": found})


@routes.post("/rehearsals", Act.DRAFT, status=201, passing=True, codes=("no simulator", "recipe"),
             answers=json_of(_JOB))  # fmt: skip
async def rehearse(body: bodies.Rehearse, by: By, parts: OfParts) -> Response:
    """Rehearse a recipe on a simulated plant of its own, before it is deployed; it takes a while,
    and the line does not notice."""
    recipe = body.recipe if body.recipe == BUILT_IN else await _exact(parts, body)
    content: dict[str, Any] = body.model_dump() | {"recipe": recipe}
    return answer(parts.rehearsals.ask(Wanted(**content), by.actor.name).plain(), 201)


async def _exact(parts: Parts, body: bodies.Rehearse) -> str:
    """The recipe with its version."""
    find = partial(parts.recipes.find, body.kind)
    name, _, version = body.recipe.partition("@")
    with parts.recipes.told():
        own = await parts.pools.files.do(find, name, version or "newest")
    return f"{own.name}@{own.version}"


@routes.get("/rehearsals/{rehearsal}", Act.LOOK, answers=json_of({**_JOB, "record": None}))
async def one(rehearsal: Own, parts: OfParts) -> Response:
    """How far it is, and what it came to: verdict, figures, alarms, energy. A release names it by
    its id."""
    job = parts.rehearsals.find(rehearsal)
    record = await parts.pools.files.do(parts.rehearsals.files.record, job.id)
    return answer({**job.plain(), "record": record})


@routes.get("/rehearsals/{rehearsal}/trajectory", Act.LOOK, answers=json_of(_TRAJECTORY))
async def trajectory(rehearsal: Own, parts: OfParts, tag: Tags) -> Response:
    """The predicted course of tags, by seconds since START."""
    job = parts.rehearsals.find(rehearsal)
    work = partial(parts.rehearsals.files.trajectory, job.id, tag)
    return answer(await parts.pools.files.do(work))


@routes.get("/rehearsals/{rehearsal}/picture", Act.LOOK, answers=_PNG)
async def picture(rehearsal: Own, parts: OfParts) -> Response:
    """The predicted course as a picture."""
    job = parts.rehearsals.find(rehearsal)
    body = await parts.pools.files.do(parts.rehearsals.files.picture, job.id)
    return Response(body, media_type="image/png")


@routes.delete("/rehearsals/{rehearsal}", Act.DRAFT, codes=("gone",), answers=json_of(_JOB))
async def end(rehearsal: Own, parts: OfParts) -> Response:
    """End a rehearsal that waits or runs."""
    return answer(parts.rehearsals.end(rehearsal).plain())
