"""Stations: what they do, why one cannot start, and changing them in two steps."""

from typing import Annotated, Any

from fastapi import Header, Path, Query, Response

from controller.access.demands import Act
from controller.access.secret import Secret
from controller.api import bodies
from controller.api.changes import Wish
from controller.api.commands import CommandRecord
from controller.api.declared import Anybody, Routes
from controller.api.deployments import DEPLOY, ROLLBACK, TRIAL, Proven
from controller.api.openapi import json_of
from controller.api.parts import Parts
from controller.api.problems import Problem
from controller.api.proposals import Proposal
from controller.api.routes.common import By, OfParts, answer, nothing
from controller.core.event import Verb
from controller.core.run import BUILT_IN

routes = Routes("stations", told=False)
Station = Annotated[str, Path(max_length=40, description="name of a station")]
ACTS = (Act.REST, Act.LEAD, Act.SET, Act.OUTPUT, Act.TUNE)
_OWN_ROUTES = {
    Verb.DEPLOY: "stations/{station}/deployments",
    Verb.BYPASS: "stations/{station}/interlocks/{interlock}/bypass",
    Verb.UNBYPASS: "stations/{station}/interlocks/{interlock}/restore",
}
PROPOSAL = {
    "token": "Vn3k...", "good_for_s": 15.0, "t": 1795317022515, "station": "coater", "verb": "SET",
    "target": "COAT.V.LINE.SP", "from": 5.0, "to": 6.0, "unit": "m/min", "read_back": 5.0,
    "state": "EXECUTE", "version": 3, "act": "set", "reason_needed": False,
    "password_needed": False, "text": "COAT.V.LINE.SP: 5 -> 6 m/min",
}  # fmt: skip
COMMAND = {
    "id": "9f0c21ab34", "actor": "sato", "station": "coater", "verb": "SET",
    "target": "COAT.V.LINE.SP", "requested": 6.0, "accepted": 6.0, "read_back": 6.0, "reason": "",
    "state": "confirmed", "code": "ok", "reasons": ["..."], "result": None, "version": 4,
    "asked_ns": 1795317023000000000, "done_ns": 1795317023100000000,
}  # fmt: skip
_LOOP = {
    "loop": "ENC.L1", "station": "enclosure", "pv": -58.1, "sp": -60.0, "wsp": -60.0, "op": 82.5,
    "out": 82.5, "mode": "AUTO", "read_back": 82.5, "status": "ok", "kc": 20.0, "ti_s": 90.0,
    "td_s": 0.0, "version": 1795317000003, "last": None,
}  # fmt: skip
_PHASES = {
    "station": "coater", "recipe": "coater/nmc-standard@1.1.0", "run": "", "phase": 2,
    "until_t": 1795317022515, "timeout_s": 600.0,
    "phases": [{"number": 2, "name": "warm_up", "title": "Warm up", "timeout_s": 600.0,
                "prompt": ""}],
}  # fmt: skip
_STATION = {
    "name": "coater", "title": "Coater", "kind": "coater", "heard": True, "state": "IDLE",
    "cannot_start": ["Door is open, must be off: close the door"], "waiting_for": ["..."],
}  # fmt: skip


@routes.get("/stations", Act.LOOK, codes=("not controlled",), answers=json_of({"t": 0}))
async def stations(parts: OfParts) -> Response:
    """What every station does, who controls it, and which ones nobody does."""
    status = await parts.given.controllers.status()
    found = {
        name: _station(parts, name, status["stations"].get(name)) for name in parts.facts.stations
    }
    return answer({
        "line": parts.facts.name, "title": parts.facts.title, "t": parts.now_ns() // 1_000_000,
        "stations": found, "uncontrolled": status["uncontrolled"], "silent": status["silent"],
        "controllers": status["controllers"], "history": status["history"],
    })  # fmt: skip


@routes.get("/stations/{station}", Act.LOOK, codes=("not controlled",), answers=json_of(_STATION))
async def station(station: Station, parts: OfParts) -> Response:
    """One station: its state, its step, its loops, its recipe, and every reason why it cannot
    start."""
    parts.changes.station(station)
    status = await parts.given.controllers.status()
    return answer(_station(parts, station, status["stations"].get(station)))


def _station(parts: Parts, name: str, said: dict[str, Any] | None) -> dict[str, Any]:
    facts = parts.facts.stations[name]
    source = parts.mirror.controllers().get(name)
    return {
        "name": name, "title": facts.title, "kind": facts.kind, "prefix": facts.prefix,
        "controlled": said is not None, "heard": source is not None and not source.silent,
        **(said or {}),
    }  # fmt: skip


@routes.get("/stations/{station}/phases", Act.LOOK, codes=("recipe", "not controlled"),
            answers=json_of(_PHASES))  # fmt: skip
async def phases(station: Station, parts: OfParts) -> Response:
    """The phases of the recipe that a station follows, or of that which its next START takes; none
    of the built-in procedure."""
    facts = parts.changes.station(station)
    found = parts.stations.find(station)
    if found is None:
        raise Problem("not controlled", [f"nobody is heard who controls {station}"])
    deployed = found["current"] or found["requested"]
    recipe = deployed["recipe"] if deployed else BUILT_IN
    rows = await parts.pools.files.do(parts.recipes.phases, facts.kind, recipe)
    return answer({
        "station": station, "recipe": recipe, "run": found["run"], "phase": found["phase"],
        "until_t": found["until_t"], "timeout_s": found["timeout_s"], "phases": rows,
    })  # fmt: skip


@routes.get("/loops", Act.LOOK, answers=json_of({"t": 1795317022515, "loops": [_LOOP]}))
async def loops(parts: OfParts) -> Response:
    """The control loops, each with its version."""
    found = [_loop(parts, s, loop) for s, f in parts.facts.stations.items() for loop in f.loops]
    return answer({"t": parts.now_ns() // 1_000_000, "loops": found})


@routes.get("/loops/{loop}", Act.LOOK, answers=json_of(_LOOP))
async def loop(loop: Annotated[str, Path(max_length=200)], parts: OfParts) -> Response:
    """One loop; its version is the ETag that a change names in If-Match."""
    for name, facts in parts.facts.stations.items():
        if loop in facts.loops:
            found = _loop(parts, name, loop)
            return answer(found, ETag=f'"{found["version"]}"')
    raise Problem("unknown", ["no such loop on this line"])


def _loop(parts: Parts, station: str, name: str) -> dict[str, Any]:
    value, facts = parts.changes.value, parts.facts.stations[station]
    tags, last = facts.loop_tags.get(name, {}), parts.book.last(station, f"{name}.SP")
    said = (parts.stations.line or {}).get("stations", {}).get(station, {})
    gains = said.get("loops", {}).get(name.removeprefix(f"{facts.prefix}."), {})
    return {
        "loop": name, "station": station, "pv": value(tags.get("pv", "")),
        "sp": value(f"{name}.SP"), "wsp": value(f"{name}.WSP"), "op": value(f"{name}.OP"),
        "out": value(tags.get("out", "")), "mode": value(f"{name}.MODE"),
        "read_back": value(facts.written.get(tags.get("out", ""), "")),
        "status": value(f"{name}.STATUS"),
        **{key: gains.get(key) for key in ("kc", "ti_s", "td_s")},
        "version": parts.book.version(station, f"{name}.SP"),
        "last": last.plain() if last else None,
    }  # fmt: skip


@routes.post(
    "/stations/{station}/changes", ACTS, status=201, passing=True,
    codes=("value", "range", "beyond", "reason", "changed", "not controlled"),
    answers=json_of(PROPOSAL, "A proposal, good once and for a short time."),
)  # fmt: skip
async def propose(
    station: Station,
    body: bodies.StationChange,
    by: By,
    parts: OfParts,
    if_match: Annotated[str | None, Header(max_length=20)] = None,
) -> Response:
    """Propose a command: the first of two steps. Nothing happens yet."""
    if body.verb in _OWN_ROUTES:
        raise Problem("value", [f"{body.verb} has a route of its own: {_OWN_ROUTES[body.verb]}"])
    version = body.version if body.version is not None else _version(if_match)
    value = float(body.value) if isinstance(body.value, int) else body.value
    wish = Wish(
        station=station, verb=body.verb, target=body.target, value=value,
        reason=body.reason.strip(), version=version,
    )  # fmt: skip
    proposed = parts.changes.propose(by, wish)
    return answer(proposed, 201, ETag=f'"{proposed["version"]}"')


@routes.post(
    "/stations/{station}/actions", ACTS, status=201, passing=True,
    codes=("value", "reason", "not controlled"), answers=json_of(PROPOSAL, "A proposal."),
)  # fmt: skip
async def act(station: Station, body: bodies.StationAction, by: By, parts: OfParts) -> Response:
    """Propose START, HOLD, STOP or another command that has no value."""
    if body.verb in _OWN_ROUTES:
        raise Problem("value", [f"{body.verb} has a route of its own: {_OWN_ROUTES[body.verb]}"])
    wish = Wish(station=station, verb=body.verb, reason=body.reason.strip())
    return answer(parts.changes.propose(by, wish), 201)


def _version(if_match: str | None) -> int | None:
    if if_match is None:
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise Problem("value", ['If-Match: a version, as "3"'])
    return int(text)


@routes.post(
    "/changes/{token}/execute", Anybody.KNOWN, status=202,
    codes=("gone", "changed", "stale", "not controlled", "no answer", "ticket"),
    answers=json_of(COMMAND, "Carried out, as the station has answered."),
)  # fmt: skip
async def execute(
    token: Annotated[str, Path(max_length=100)], body: bodies.Execute, by: By, parts: OfParts
) -> Response:
    """Execute a proposal: refused when it is used or over, when somebody changed the same
    meanwhile, and when the newest frame that was seen is older than 2 s. The answer comes when the
    station has answered; whether the PLC holds the value is in the record of the command."""
    proposal = parts.changes.take(by, token, body.seen_t)
    record = await _carried_out(parts, by, proposal, body)
    parts.fed.set()
    return answer(record.plain(), 202)


async def _carried_out(
    parts: Parts, by: By, proposal: Proposal, body: bodies.Execute
) -> CommandRecord:
    verb = proposal.change.verb
    if verb in (DEPLOY, ROLLBACK, TRIAL):
        proven = Proven(
            ticket=Secret(body.ticket), password=Secret(body.password), code=Secret(body.code)
        )
        return await parts.deployments.execute(by, proposal, proven)
    if proposal.change.request.get("op") == "alarm":
        return await parts.alarm_acts.execute(by, proposal)
    return await parts.changes.execute(by, proposal)


@routes.delete("/changes/{token}", Anybody.KNOWN, status=204, passing=True, codes=("gone",))
async def withdraw(token: Annotated[str, Path(max_length=100)], by: By, parts: OfParts) -> Response:
    """Forget a proposal."""
    if not parts.changes.withdraw(by, token):
        raise Problem("gone", ["the proposal is unknown, was used or is over"])
    return nothing()


@routes.get("/commands", Act.LOOK, answers=json_of({"commands": [COMMAND]}))
async def commands(
    parts: OfParts,
    station: Annotated[str, Query(max_length=40)] = "",
    target: Annotated[str, Query(max_length=200, description="tag, loop or alarm")] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """The newest commands, whoever gave them."""
    found = [record.plain() for record in parts.book.newest(limit, station, target)]
    return answer({"commands": found})


@routes.get("/commands/{command}", Act.LOOK, answers=json_of(COMMAND))
async def command(command: Annotated[str, Path(max_length=40)], parts: OfParts) -> Response:
    """What became of a command: requested, accepted by the controller, read back from the PLC."""
    record = parts.book.find(command)
    if record is None:
        raise Problem("unknown", ["no such command, or it was long ago: see the audit trail"])
    return answer(record.plain())


@routes.get("/stations/{station}/cannot-start", Act.LOOK, codes=("not controlled",),
            answers=json_of({"cannot_start": ["..."], "waiting_for": ["..."]}))  # fmt: skip
async def cannot_start(station: Station, parts: OfParts) -> Response:
    """Why can't I start? Every condition that does not hold, with its live value."""
    parts.changes.station(station)
    status = await parts.given.controllers.status()
    said = status["stations"].get(station)
    if said is None:
        raise Problem("not controlled", [f"nobody controls {station} now"])
    return answer({
        "station": station, "state": said["state"], "link_up": said["link_up"],
        "cannot_start": said.get("cannot_start", []), "waiting_for": said["waiting_for"],
        "reason": said["reason"],
    })  # fmt: skip
