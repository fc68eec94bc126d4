"""Runs: the list, one run with everything that happened, its bundle, comparing some."""

from functools import partial
from typing import Annotated

from fastapi import Path, Query, Response
from starlette.responses import StreamingResponse

from controller.access.demands import Act
from controller.api import run_curves, run_work
from controller.api.declared import Routes
from controller.api.lots import lot_of
from controller.api.openapi import json_of
from controller.api.problems import Problem
from controller.api.routes.common import By, OfParts, answer
from controller.api.run_timeline import run_timeline
from controller.audit.record import Category, Entry, Result
from controller.runs.alignment import Axis

routes = Routes("runs")
Which = Annotated[
    str, Path(max_length=100, description="id of a run, its beginning, or a station: its newest")
]
Side = Annotated[list[str], Query(min_length=1, max_length=10)]
_HEAD = {"id": "coater-20261122-104500", "station": "coater", "outcome": "completed"}
_RUN = {
    "head": _HEAD, "entries": [],
    "confidence": {"loading": {"low": 29.9, "high": 30.2, "level": 0.95, "batches": 24,
                               "why_not": ""}},
}  # fmt: skip
_CURVES = {
    "axis": "execute", "unit": "s", "text": "time since EXECUTE", "position": [0.5, 1.5],
    "what": [{"name": "loading", "text": "areal loading", "unit": "mg/cm2"}],
    "runs": [{"run": "coater-20261122-104500", "base": False, "recipe": "coater/nmc@1.1.0",
              "station": "coater", "begun_ns": 1795317022000000000, "extent": [0.0, 3600.0],
              "values": {"loading": [30.1, None]}}],
    "band": {"loading": {"mean": [30.0, None], "sd": [0.2, None], "runs": 3}},
}  # fmt: skip
_LOT = {
    "lot": "L2611-07", "made_by": [_HEAD], "used_by": [_HEAD], "before": [_HEAD],
    "after": [_HEAD], "from": ["B-19"], "into": ["C-3"],
}  # fmt: skip
_TIMELINE = {
    "run": "coater-20261122-104500", "station": "coater", "begun_ns": 1795317022000000000,
    "stop_ns": 1795320622000000000, "open": False,
    "states": [{"begin_s": 0.0, "end_s": 412.5, "state": "STARTING"}],
    "phases": [{"begin_s": 3.1, "end_s": 120.0, "number": 1, "name": "warm_up"}],
    "marks": [{"at_s": 0.0, "kind": "run", "subject": "coater-20261122-104500",
               "text": "run begins", "actor": "sato"}],
}  # fmt: skip
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


@routes.get("/runs/curves", Act.LOOK, codes=("question", "kind", "never_ready", "no_metres"),
            answers=json_of(_CURVES))  # fmt: skip
async def curves(
    parts: OfParts, run: Side,
    what: Annotated[list[str], Query(min_length=1, max_length=12,
                                     description="names of measures, or tags")],
    base: Annotated[list[str], Query(max_length=20, description="runs of which a band is made")]
    = [],  # noqa: B006 - read only
    axis: Annotated[Axis, Query(description="where 0 is")] = Axis.EXECUTE,
    bins: Annotated[int, Query(ge=10, le=4000)] = 600,
    low: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    high: Annotated[float | None, Query(allow_inf_nan=False)] = None,
) -> Response:  # fmt: skip
    """Curves of runs on one axis and one grid, so that what belongs together lies one on another;
    of the base runs mean and standard deviation, too."""
    if low is not None and high is not None and low >= high:
        raise Problem("question", ["low must be below high"])
    wish = run_curves.Wish(runs=run, base=base, what=what, axis=axis, bins=bins, low=low, high=high)
    work = partial(run_curves.run_curves, parts.given.config, parts.given.run, wish)
    return answer(await parts.pools.history.do(work))


@routes.get("/runs/{run}", Act.LOOK, answers=json_of(_RUN))
async def one(run: Which, parts: OfParts) -> Response:
    """A run: its head, its quality and how sure its means are, what changed in the recipe,
    everything that happened."""
    given = parts.given
    work = partial(run_work.one_run, given.config, given.run, run)
    return answer(await parts.pools.history.do(work))


@routes.get("/runs/{run}/timeline", Act.LOOK, answers=json_of(_TIMELINE))
async def timeline(run: Which, parts: OfParts) -> Response:
    """Which state and which phase when, in seconds since START, and everything that happened."""
    work = partial(run_timeline, parts.given.config, parts.given.run, run)
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
    made = await parts.pools.history.do(work)
    if not made.run.replace("-", "").replace(".", "").isalnum():
        made.stream.close()
        raise Problem("value", ["the id of this run is no name for a file"])
    headers = {
        "Content-Disposition": f'attachment; filename="{made.run}.zip"',
        "Content-Length": str(made.size),
        "X-Manifest-SHA256": made.sha256,
    }
    found = run_work.pieces(made.stream)
    return StreamingResponse(found, headers=headers, media_type="application/zip")


@routes.get("/lots/{lot}", Act.LOOK, answers=json_of(_LOT))
async def lot(
    lot: Annotated[str, Path(min_length=1, max_length=200, description="name of a lot")],
    parts: OfParts,
) -> Response:
    """Which runs made a lot and used it, and all runs and lots before and after."""
    return answer(await parts.pools.files.do(lot_of, parts.given.run, lot))
