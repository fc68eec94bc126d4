"""Runs: the list, one run with everything that happened, its bundle, comparing some."""

from functools import partial
from typing import Annotated

from fastapi import Path, Query, Response
from starlette.responses import StreamingResponse

from controller.access.demands import Act
from controller.api import run_work
from controller.api.declared import Routes
from controller.api.openapi import json_of
from controller.api.problems import Problem
from controller.api.routes.common import By, OfParts, answer
from controller.audit.record import Category, Entry, Result

routes = Routes("runs")
Which = Annotated[
    str, Path(max_length=100, description="id of a run, its beginning, or a station: its newest")
]
Side = Annotated[list[str], Query(min_length=1, max_length=10)]
_HEAD = {"id": "coater-20261122-104500", "station": "coater", "outcome": "completed"}
_ZIP = {
    "description": "One file that `dryline run verify` checks.",
    "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
}


@routes.get("/runs", Act.LOOK, answers=json_of({"runs": [_HEAD]}))
async def every(
    parts: OfParts,
    station: Annotated[str, Query(max_length=40)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Response:
    """The runs, newest first; `history/runs` finds them by time, recipe, lot and outcome."""
    work = partial(run_work.runs, parts.given.run, station, limit)
    return answer({"runs": await parts.pools.files.do(work)})


@routes.get("/runs/compare", Act.LOOK, codes=("question",), answers=json_of({"comparison": {}}))
async def compare(parts: OfParts, run: Side, base: Side) -> Response:
    """Some runs beside others of the same kind of station: quality, energy, how sure that is."""
    given = parts.given
    work = partial(run_work.runs_compared, given.config, given.run, run, base)
    return answer(await parts.pools.history.do(work))


@routes.get("/runs/{run}", Act.LOOK, answers=json_of({"head": _HEAD, "entries": []}))
async def one(run: Which, parts: OfParts) -> Response:
    """A run: its head, its quality, what changed in the recipe, everything that happened."""
    given = parts.given
    work = partial(run_work.one_run, given.config, given.run, run)
    return answer(await parts.pools.history.do(work))


@routes.get("/runs/{run}/bundle", Act.EXPORT, answers=_ZIP)
async def bundle(run: Which, by: By, parts: OfParts) -> Response:
    """Everything there is of a run in one file; that somebody took it is recorded. The header
    X-Manifest-SHA256 is the sum to be noted elsewhere."""
    given = parts.given
    await parts.recording.append(
        Entry(
            category=Category.EXPORT, action="export run", actor=by.actor.name,
            source=by.actor.source, target=run, result=Result.ACCEPTED,
        )
    )  # fmt: skip
    work = partial(run_work.bundle, given.config, given.run, run)
    path, own, digest = await parts.pools.history.do(work)
    if not own.replace("-", "").replace(".", "").isalnum():
        run_work.discard(path)
        raise Problem("value", ["the id of this run is no name for a file"])
    headers = {
        "Content-Disposition": f'attachment; filename="{own}.zip"',
        "Content-Length": str(path.stat().st_size),
        "X-Manifest-SHA256": digest,
    }
    return StreamingResponse(run_work.pieces(path), headers=headers, media_type="application/zip")
