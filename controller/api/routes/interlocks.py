"""Interlocks of the controller: what they see, and putting one out of force for a time. Those of
the PLC stay."""

from typing import Annotated, Any

from fastapi import Path, Response

from controller.access.demands import Act
from controller.access.identity import Identity, require_act
from controller.api import bodies
from controller.api.declared import Routes
from controller.api.openapi import json_of
from controller.api.parts import Parts
from controller.api.problems import Problem
from controller.api.proposals import Change
from controller.api.routes.common import By, OfParts, answer
from controller.core.event import Verb

routes = Routes("interlocks", told=False)
Station = Annotated[str, Path(max_length=40)]
Interlock = Annotated[str, Path(max_length=100, description="name of the condition")]
_PROPOSAL = json_of({"token": "Vn3k...", "text": "BYPASS coater torque"}, "A proposal.")
_CODES = ("bypass", "reason", "not controlled")
_ROW = {
    "name": "torque", "kind": "trip", "tag": "COAT.TORQUE", "text": "mixer torque",
    "wanted": "above 92 %", "shown": "96.2 %", "remedy": "", "ok": False, "latched": True,
    "first_out": True, "bypassable": True, "bypass": None,
}  # fmt: skip


@routes.get("/stations/{station}/interlocks", Act.LOOK, codes=("not controlled",),
            answers=json_of({"t": 0, "station": "coater", "interlocks": [_ROW]}))  # fmt: skip
async def interlocks(station: Station, parts: OfParts) -> Response:
    """Every permissive and trip of a station's controller: its live value, whether it is met or
    latched, which trip was the first, and who has bypassed what until when."""
    return answer({
        "t": parts.now_ns() // 1_000_000, "station": station,
        "interlocks": await _rows(parts, station),
    })  # fmt: skip


@routes.post("/stations/{station}/interlocks/{interlock}/bypass", Act.BYPASS_INTERLOCK, status=201,
             passing=True, codes=_CODES, answers=_PROPOSAL)  # fmt: skip
async def bypass(
    station: Station, interlock: Interlock, body: bodies.Bypass, by: By, parts: OfParts
) -> Response:
    """Propose to put an interlock of the controller out of force for a time, with a reason; an
    alarm stands meanwhile, and it ends by itself."""
    return await _proposed(parts, by, station, Verb.BYPASS, interlock, body.reason, body.for_s)


@routes.post("/stations/{station}/interlocks/{interlock}/restore", Act.BYPASS_INTERLOCK,
             status=201, passing=True, codes=_CODES, answers=_PROPOSAL)  # fmt: skip
async def restore(
    station: Station, interlock: Interlock, body: bodies.Why, by: By, parts: OfParts
) -> Response:
    """Propose to end a bypass before its time."""
    return await _proposed(parts, by, station, Verb.UNBYPASS, interlock, body.reason, None)


async def _proposed(
    parts: Parts, by: Identity, station: str, verb: Verb, interlock: str, reason: str,
    for_s: float | None,
) -> Response:  # fmt: skip
    parts.changes.station(station)
    parts.changes.source(station)
    require_act(by, Act.BYPASS_INTERLOCK, reason, station)
    rows = await _rows(parts, station)
    row = next((r for r in rows if r["name"] == interlock), None)
    if row is None:
        known = ", ".join(r["name"] for r in rows)
        raise Problem("unknown", [f"no such interlock in {station}; interlocks: {known}"])
    if verb is Verb.BYPASS and not row["bypassable"]:
        told = f"{interlock} may not be bypassed: the PLC would stop the machine anyway"
        raise Problem("bypass", [told])
    change = Change(
        station=station, verb=verb, target=interlock, value=for_s,
        request={"op": "command", "station": station, "verb": verb.value, "target": interlock,
                 "value": for_s, "reason": reason.strip()},
    )  # fmt: skip
    lasts = f" for {for_s:g} s" if for_s else ""
    shown = {"text": f"{verb} {interlock}{lasts}: {row['text']} is {row['shown']}"}
    proposed = parts.changes.open(by, change, reason.strip(), Act.BYPASS_INTERLOCK, shown)
    return answer(proposed, 201)


async def _rows(parts: Parts, station: str) -> list[dict[str, Any]]:
    parts.changes.station(station)
    said = (await parts.given.controllers.status())["stations"].get(station)
    if said is None:
        raise Problem("not controlled", [f"nobody controls {station} now"])
    rows: list[dict[str, Any]] = said["interlocks"]
    return rows
