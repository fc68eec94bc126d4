"""Interlocks of the controller: putting one out of force for a time. Those of the PLC stay."""

from typing import Annotated, Any

from fastapi import Path, Response

from controller.access.demands import Act
from controller.access.identity import Identity, require_act
from controller.api import bodies
from controller.api.declared import Routes
from controller.api.openapi import json_of
from controller.api.parts import Parts
from controller.api.proposals import Change
from controller.api.routes.common import By, OfParts, answer

routes = Routes("interlocks")
Station = Annotated[str, Path(max_length=40)]
Interlock = Annotated[str, Path(max_length=100, description="name of the condition")]
BYPASS, END_BYPASS = "BYPASS", "END BYPASS"
_PROPOSAL = json_of({"token": "Vn3k...", "text": "BYPASS coater"}, "A proposal.")
_CODES = ("bypass", "reason", "not controlled")


@routes.post("/stations/{station}/interlocks/{interlock}/bypass", Act.BYPASS_INTERLOCK, status=201,
             codes=_CODES, answers=_PROPOSAL)  # fmt: skip
async def bypass(
    station: Station, interlock: Interlock, body: bodies.Bypass, by: By, parts: OfParts
) -> Response:
    """Propose to put an interlock of the controller out of force for a time, with a reason; an
    alarm stands meanwhile, and it ends by itself."""
    more = {"op": "bypass", "for_s": body.for_s}
    return _proposed(parts, by, station, BYPASS, interlock, body.reason, more)


@routes.post("/stations/{station}/interlocks/{interlock}/restore", Act.BYPASS_INTERLOCK,
             status=201, codes=_CODES, answers=_PROPOSAL)  # fmt: skip
async def restore(
    station: Station, interlock: Interlock, body: bodies.Why, by: By, parts: OfParts
) -> Response:
    """Propose to end a bypass before its time."""
    more = {"op": "unbypass"}
    return _proposed(parts, by, station, END_BYPASS, interlock, body.reason, more)


def _proposed(
    parts: Parts, by: Identity, station: str, verb: str, interlock: str, reason: str,
    more: dict[str, Any],
) -> Response:  # fmt: skip
    parts.changes.station(station)
    parts.changes.source(station)
    require_act(by, Act.BYPASS_INTERLOCK, reason, station)
    change = Change(
        station=station, verb=verb, target=interlock, value=more.get("for_s"),
        request={"station": station, "interlock": interlock, "reason": reason, **more},
    )  # fmt: skip
    return answer(parts.changes.open(by, change, reason, Act.BYPASS_INTERLOCK), 201)
