"""The audit trail: looking, verifying, taking away. Nothing can change it, here or elsewhere."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Annotated

from fastapi import Query, Response
from starlette.responses import StreamingResponse

from controller.access.demands import Act
from controller.api.declared import Routes
from controller.api.openapi import json_of
from controller.api.parts import Parts
from controller.api.problems import Problem
from controller.api.routes.common import By, OfParts, answer
from controller.audit import reading
from controller.audit.check import check
from controller.audit.export import as_json, csv_lines
from controller.audit.reading import Wish
from controller.audit.record import Category, Entry, Record, Result
from controller.queries.asks import Format
from controller.queries.local_time import parse_moment, zone_of

routes = Routes("audit")
_RECORD = {"number": 812, "time": "2026-11-22T10:45:00.123Z", "category": "command",
           "action": "START", "actor": "sato", "result": "done"}  # fmt: skip
Actor = Annotated[str, Query(max_length=200)]
Of = Annotated[Category | None, Query(description="only of this category")]
Station = Annotated[str, Query(max_length=40)]
Moment = Annotated[str, Query(max_length=60, description="a point in time, as -8h or a date")]


@routes.get("/audit", Act.READ_AUDIT, answers=json_of({"records": [_RECORD], "next": 811}))
async def records(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
    parts: OfParts,
    actor: Actor = "",
    category: Of = None,
    station: Station = "",
    target: Actor = "",
    start: Moment = "",
    stop: Moment = "",
    after: Annotated[int | None, Query(ge=0, lt=2**53, description="only newer ones")] = None,
    before: Annotated[int | None, Query(ge=0, lt=2**53, description="only older ones")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Records, oldest first: the newest ones, those before a number, or those after one. `next` is
    where to go on: the next `before`, or the next `after` where that was asked."""
    path = parts.given.trail.path
    from_ns, to_ns = _window(parts, start, stop)
    wish = Wish(
        actor=actor, category=category, station=station, target=target, from_ns=from_ns,
        to_ns=to_ns,
    )  # fmt: skip
    if after is None:
        work = partial(reading.newest, path, wish, limit, before)
        found = await parts.pools.files.do(work)
        edge = found[0].number if found else 0
    else:
        newer = await parts.pools.files.do(reading.after, path, after, limit)
        found = [record for record in newer if wish.met(record)]
        edge = newer[-1].number if newer else after
    return answer({"records": [as_json(r) for r in found], "next": edge})


@routes.get("/audit/verify", Act.READ_AUDIT,
            answers=json_of({"intact": True, "records": 812, "first_bad": None}))  # fmt: skip
async def verify(parts: OfParts) -> Response:
    """Find any change of the trail and name the first bad record; reads all of it."""
    trail = parts.given.trail
    found, state = await parts.pools.files.do(check, trail.path, trail.anchor)
    finding = found.finding
    return answer({
        "intact": found.intact, "records": found.records, "anchor": state.value,
        "head": f"{found.head.number}:{found.head.hash}" if found.head else None,
        "first_bad": finding.number if finding else None,
        "damage": finding.damage.value if finding else None,
        "text": finding.text if finding else "", "notes": list(found.notes),
        "broken": trail.broken,
    })  # fmt: skip


@routes.get("/audit/export", Act.READ_AUDIT, answers={
    "description": "CSV without formulas, or JSON lines.",
    "content": {"text/csv": {"schema": {"type": "string"}}},
})  # fmt: skip
async def export(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
    by: By,
    parts: OfParts,
    actor: Actor = "",
    category: Of = None,
    station: Station = "",
    target: Actor = "",
    start: Moment = "",
    stop: Moment = "",
    format_: Annotated[Format, Query(alias="format")] = Format.CSV,
) -> Response:
    """Take records away; that somebody did so is a record, too."""
    if "export" not in by.permissions and "administer" not in by.permissions:
        raise Problem("forbidden", [f"{by.actor.name} may not take records away"])
    from_ns, to_ns = _window(parts, start, stop)
    wish = Wish(
        actor=actor, category=category, station=station, target=target, from_ns=from_ns,
        to_ns=to_ns,
    )  # fmt: skip
    await parts.recording.append(
        Entry(
            category=Category.EXPORT, action="export audit trail", actor=by.actor.name,
            source=by.actor.source, target=format_.value, result=Result.ACCEPTED,
        )
    )  # fmt: skip
    found = reading.matching(parts.given.trail.path, wish)
    lines = csv_lines(found) if format_ is Format.CSV else _json_lines(found)
    kind = "text/csv; charset=utf-8" if format_ is Format.CSV else "application/x-ndjson"
    name = "audit.csv" if format_ is Format.CSV else "audit.jsonl"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Type": kind}
    return StreamingResponse(_gathered(lines), headers=headers)


def _window(parts: Parts, start: str, stop: str) -> tuple[int | None, int | None]:
    """UTC nanoseconds; None where nothing is asked for."""
    now_ns, zone = parts.now_ns(), zone_of("UTC")
    try:
        edges = [parse_moment(edge, zone).at(now_ns) if edge else None for edge in (start, stop)]
    except ValueError as error:
        raise Problem("question", [str(error)]) from None
    return edges[0], edges[1]


def _json_lines(records: Iterator[Record]) -> Iterator[str]:
    return (json.dumps(as_json(record)) + "\n" for record in records)


def _gathered(lines: Iterator[str]) -> Iterator[str]:
    """Some lines at a time: each piece is a turn of a thread."""
    piece: list[str] = []
    for line in lines:
        piece.append(line)
        if len(piece) == 500:
            yield "".join(piece)
            piece.clear()
    yield "".join(piece)
