"""Alarms: what stands, what people do about it, the journal, and how good the alarm system is."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import Path, Query, Response

from controller.access.demands import Act
from controller.access.identity import Identity
from controller.alarms import journal, kpi
from controller.alarms.definition import AlarmDefinition
from controller.alarms.states import Move
from controller.alarms.view import LISTS
from controller.api import bodies
from controller.api.alarm_acts import AlarmWish
from controller.api.commands import CommandRecord
from controller.api.declared import Routes
from controller.api.openapi import json_of
from controller.api.parts import Parts
from controller.api.problems import Problem
from controller.api.routes.common import By, OfParts, answer
from controller.config import LineConfig
from controller.history.several import MergedReader
from controller.queries.local_time import parse_moment, zone_of
from controller.run_folder import histories

routes = Routes("alarms", told=False)
Alarm = Annotated[str, Path(max_length=200, description="id of an alarm, as ENC.H2S.hihi")]
Moment = Annotated[str, Query(max_length=60, description="a point in time, as -8h or a date")]
_ALARM = {
    "id": "ENC.H2S.hihi", "station": "enclosure", "priority": 1, "state": "unacknowledged",
    "asks": True, "occurrence": 3, "text": "...", "cause": "...", "action": "...",
}  # fmt: skip
_DEFINED = {
    "id": "ENC.H2S.hihi", "station": "enclosure", "tag": "ENC.H2S", "key": "...", "priority": 1,
    "shelvable": False, "text": "...", "cause": "...", "consequence": "...", "action": "...",
    "respond_s": 60.0, "group": "",
}  # fmt: skip
_ENTRY = {
    "time_ns": 0, "station": "enclosure", "alarm": "ENC.H2S.hihi", "move": "raise", "priority": 1,
    "from": "normal", "to": "unacknowledged", "actor": "", "reason": "", "text": "...",
    "tag": "ENC.H2S", "what": "...",
}  # fmt: skip
_KPI = {
    "alarms": 12, "per_operator_hour": 0.1, "peak_10_min": 3, "floods": 0, "flood_spans": [],
    "top": [{"alarm": "ENC.H2S.hihi", "count": 3}], "stale": {}, "chattering": [],
    "good": {"per_operator_hour": 6.0}, "alarm_texts": {"ENC.H2S.hihi": {"what": "..."}},
}  # fmt: skip
_DONE = {"id": "9f0c21ab34", "state": "confirmed", "verb": "acknowledge", "target": "ENC.H2S.hihi"}
_CODES = ("state", "occurrence", "reason", "not controlled", "no answer")
_CSV = {"text/csv": {"schema": {"type": "string"}}}


@routes.get("/alarms", Act.LOOK, answers=json_of({"alarms": [_ALARM], "unacknowledged": [1, 0]}))
async def alarms(
    parts: OfParts,
    which: Annotated[str, Query(max_length=20, description=", ".join(LISTS))] = "all",
    station: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Every alarm that is not normal: what asks first, the graver, the newer first."""
    if which not in LISTS:
        raise Problem("value", [f"which: {', '.join(LISTS)}"])
    states = {state.value for state in LISTS[which]}
    rows = [
        a for a in parts.alarms.rows
        if a.get("state") in states and (not station or a.get("station") == station)
    ]  # fmt: skip
    image = parts.alarms
    return answer({
        "t": parts.now_ns() // 1_000_000, "alarms": rows, "floods": image.floods,
        "unacknowledged": image.unacknowledged,
    })  # fmt: skip


@routes.get("/alarm-table", Act.LOOK, answers=json_of({"alarms": [_DEFINED]}))
async def table(parts: OfParts) -> Response:
    """Every alarm that there is, normal or not, with its cause and what to do."""
    rows = [_defined(d) for d in parts.alarm_acts.table]
    return answer({"alarms": sorted(rows, key=lambda row: (row["station"], row["id"]))})


@routes.get("/alarms/{alarm}", Act.LOOK, answers=json_of(_ALARM))
async def one(alarm: Alarm, parts: OfParts) -> Response:
    """One alarm with cause, consequence and what to do."""
    found = parts.alarms.find(alarm)
    if found is None:
        raise Problem("unknown", ["it is normal, or there is no such alarm"])
    return answer(found)


@routes.post("/alarms/{alarm}/ack", Act.ACKNOWLEDGE, codes=_CODES, answers=json_of(_DONE))
async def acknowledge(alarm: Alarm, body: bodies.Acknowledge, by: By, parts: OfParts) -> Response:
    """Acknowledge the coming of an alarm that was seen; one that came again since is refused."""
    more = {"occurrence": body.occurrence}
    return await _done(parts, by, alarm, "acknowledge", body.reason, more)


@routes.post("/alarms/{alarm}/reset", Act.ACKNOWLEDGE, codes=_CODES, answers=json_of(_DONE))
async def reset(alarm: Alarm, body: bodies.Remark, by: By, parts: OfParts) -> Response:
    """Let go of a latched alarm whose cause has gone."""
    return await _done(parts, by, alarm, "reset", body.reason, {})


@routes.post(
    "/alarms/{alarm}/shelve", (Act.SHELVE, Act.SHELVE_CRITICAL), codes=_CODES,
    answers=json_of(_DONE, "Done; for a critical alarm a proposal (201)."),
)  # fmt: skip
async def shelve(alarm: Alarm, body: bodies.Shelve, by: By, parts: OfParts) -> Response:
    """Put an alarm on the shelf for a time; it comes back by itself. A critical one takes two
    steps and an engineer."""
    more = {"for_s": body.for_s, "one_shot": body.one_shot}
    return await _done(parts, by, alarm, "shelve", body.reason, more)


@routes.post("/alarms/{alarm}/unshelve", Act.ACKNOWLEDGE, codes=_CODES, answers=json_of(_DONE))
async def unshelve(alarm: Alarm, body: bodies.Remark, by: By, parts: OfParts) -> Response:
    """Bring an alarm back from the shelf now."""
    return await _done(parts, by, alarm, "unshelve", body.reason, {})


@routes.post(
    "/alarms/{alarm}/out-of-service", Act.OUT_OF_SERVICE, status=201, passing=True, codes=_CODES,
    answers=json_of({"token": "Vn3k..."}, "A proposal."),
)  # fmt: skip
async def take_out(alarm: Alarm, body: bodies.Why, by: By, parts: OfParts) -> Response:
    """Propose to take an alarm out of service, for repair, until somebody returns it."""
    return await _done(parts, by, alarm, "take-out", body.reason, {})


@routes.post(
    "/alarms/{alarm}/in-service", Act.OUT_OF_SERVICE, status=201, passing=True, codes=_CODES,
    answers=json_of({"token": "Vn3k..."}, "A proposal."),
)  # fmt: skip
async def put_back(alarm: Alarm, body: bodies.Why, by: By, parts: OfParts) -> Response:
    """Propose to return an alarm to service."""
    return await _done(parts, by, alarm, "put-back", body.reason, {})


async def _done(
    parts: Parts, by: Identity, alarm: str, name: str, reason: str, more: Mapping[str, Any]
) -> Response:
    wish = AlarmWish(alarm=alarm, name=name, reason=reason.strip(), more=more)
    found = await parts.alarm_acts.do(by, wish)
    if isinstance(found, CommandRecord):
        return answer(found.plain())
    return answer(found, 201)


@routes.get("/journal", Act.LOOK, codes=("question", "history"),
            answers=json_of({"entries": [_ENTRY], "next": ""}))  # fmt: skip
async def read_journal(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
    parts: OfParts,
    start: Moment = "-8h",
    stop: Moment = "now",
    station: Annotated[str, Query(max_length=40)] = "",
    text: Annotated[str, Query(max_length=200)] = "",
    priority: Annotated[list[int], Query(max_length=4)] = [],  # noqa: B006 - read only
    move: Annotated[list[str], Query(max_length=20, description=", ".join(Move))] = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=5000)] = 200,
    cursor: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """Every change of state of every alarm, newest first; `next` is the cursor of older ones."""
    window = _window(parts, start, stop)
    wanted = _filter(station, priority, move, text)
    work = partial(_page, parts.given.config, parts, window, wanted, limit, cursor)
    page = await parts.pools.history.do(work)
    entries = [journal.plain(e) | _named(parts, e.alarm) for e in page.entries]
    return answer({"entries": entries, "next": page.cursor})


@routes.get("/journal.csv", Act.EXPORT, codes=("question", "history"),
            answers={"description": "CSV without formulas.", "content": _CSV})  # fmt: skip
async def journal_csv(
    parts: OfParts,
    start: Moment = "-8h",
    stop: Moment = "now",
    station: Annotated[str, Query(max_length=40)] = "",
    text: Annotated[str, Query(max_length=200)] = "",
    priority: Annotated[list[int], Query(max_length=4)] = [],  # noqa: B006 - read only
    move: Annotated[list[str], Query(max_length=20, description=", ".join(Move))] = [],  # noqa: B006
) -> Response:
    """The journal of a window as CSV, oldest first, at most 100,000 entries."""
    window = _window(parts, start, stop)
    wanted = _filter(station, priority, move, text)
    work = partial(_csv, parts.given.config, parts, window, wanted)
    body = await parts.pools.history.do(work)
    named = 'attachment; filename="alarm-journal.csv"'
    kind = "text/csv; charset=utf-8"
    return Response(body, headers={"Content-Disposition": named, "Content-Type": kind})


@routes.get("/alarm-kpi", Act.LOOK, codes=("question", "history"), answers=json_of(_KPI))
async def figures(
    parts: OfParts,
    start: Moment = "-7d",
    stop: Moment = "now",
    station: Annotated[str, Query(max_length=40)] = "",
    operators: Annotated[int, Query(ge=1, le=100)] = 1,
) -> Response:
    """How good the alarm system is: rates, floods, stale and chattering alarms, priorities."""
    start_ns, stop_ns = _window(parts, start, stop)

    def work() -> dict[str, Any]:
        with MergedReader(histories(parts.given.config, parts.given.run)) as source:
            found = kpi.report(source, start_ns, stop_ns, station=station, operators=operators)
        return found.plain()

    told = await parts.pools.history.do(work)
    mentioned = {*told["stale"], *told["chattering"], *(row["alarm"] for row in told["top"])}
    return answer(told | {"alarm_texts": {one: _named(parts, one) for one in sorted(mentioned)}})


def _defined(d: AlarmDefinition) -> dict[str, Any]:
    return {
        "id": d.id, "station": d.station, "tag": d.subject or d.tag, "key": d.key,
        "priority": int(d.priority), "shelvable": d.shelvable, "text": d.text, "cause": d.cause,
        "consequence": d.consequence, "action": d.action, "respond_s": d.respond_s,
        "group": d.group,
    }  # fmt: skip


def _named(parts: Parts, alarm: str) -> dict[str, Any]:
    """What an alarm is about, from its table; of one that is in no table any more, its name."""
    found = parts.alarm_acts.defined(alarm)
    if found is None:
        return {"tag": alarm.rpartition(".")[0], "what": "", "of": "", "grade": None}
    return {
        "tag": found.subject or found.tag, "what": found.text, "of": found.station,
        "grade": int(found.priority),
    }  # fmt: skip


MOST_CSV = 100_000


def _csv(
    config: LineConfig, parts: Parts, window: tuple[int, int], wanted: journal.Filter
) -> bytes:
    with MergedReader(histories(config, parts.given.run)) as source:
        found = journal.read(source, *window, wanted, limit=MOST_CSV + 1).entries
    if len(found) > MOST_CSV:
        told = f"more than {MOST_CSV} entries, which is the most at once: choose a shorter window"
        raise Problem("question", [told])
    return "".join(journal.as_csv(reversed(found))).encode()


def _page(  # each is a part of the question
    config: LineConfig, parts: Parts, window: tuple[int, int], wanted: journal.Filter,
    limit: int, cursor: str,
) -> journal.Page:  # fmt: skip
    with MergedReader(histories(config, parts.given.run)) as source:
        return journal.read(source, *window, wanted, limit=limit, cursor=cursor)


def _window(parts: Parts, start: str, stop: str) -> tuple[int, int]:
    """UTC nanoseconds; Problem when the window ends before it begins."""
    now_ns, zone = parts.now_ns(), zone_of("UTC")
    try:
        window = parse_moment(start, zone).at(now_ns), parse_moment(stop, zone).at(now_ns)
    except ValueError as error:
        raise Problem("question", [str(error)]) from None
    if window[0] >= window[1]:
        raise Problem("question", ["the window ends before it begins"])
    return window


def _filter(station: str, priority: list[int], move: list[str], text: str) -> journal.Filter:
    try:
        moves = frozenset(Move(m) for m in move)
    except ValueError:
        raise Problem("question", [f"move: {', '.join(Move)}"]) from None
    return journal.Filter(station=station, priorities=frozenset(priority), moves=moves, text=text)
