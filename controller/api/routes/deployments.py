"""Deployments: which recipe a station follows from its next START on."""

from functools import partial
from typing import Annotated

from fastapi import Path, Query, Response

from controller.access.demands import Act
from controller.api import bodies
from controller.api.declared import Routes
from controller.api.deployments import DEPLOY, ROLLBACK, TRIAL
from controller.api.openapi import json_of
from controller.api.problems import Problem
from controller.api.routes.common import By, OfParts, answer
from controller.api.run_work import deployments_of, lead_times, one_trial, trial_compared, trials

routes = Routes("deployments", told=False)
Station = Annotated[str, Path(max_length=40)]
_PROPOSAL = {
    "token": "Vn3k...", "recipe": "coater/nmc-standard@1.1.0", "content_hash": "9f86...",
    "requested": {"number": 3, "recipe": "coater/nmc-standard@1.0.0", "actor": "eva"},
    "diff": {"risk": "inside"}, "sign": {"purpose": "sign", "subject": "deployed ..."},
}  # fmt: skip
_CODES = ("recipe", "conflict", "reason", "not controlled", "no answer")


@routes.get(
    "/stations/{station}/deployments", Act.LOOK, codes=("not controlled", "no answer"),
    answers=json_of({"requested": None, "current": None, "deployments": []}),
)  # fmt: skip
async def shown(station: Station, parts: OfParts) -> Response:
    """What is requested, what runs, what has drifted from it, and every deployment."""
    return answer(await parts.deployments.shown(station))


@routes.get("/deployments", Act.LOOK, answers=json_of({"deployments": []}))
async def every(parts: OfParts, station: Annotated[str, Query(max_length=40)] = "") -> Response:
    """Every deployment of the line, oldest first."""
    work = partial(deployments_of, parts.given.run, station)
    return answer({"deployments": await parts.pools.files.do(work)})


@routes.get("/stations/{station}/deployments/{number}", Act.LOOK,
            answers=json_of({"number": 3, "recipe": "coater/nmc-standard@1.1.0"}))  # fmt: skip
async def one(
    station: Station, number: Annotated[int, Path(ge=1, lt=2**31)], parts: OfParts
) -> Response:
    """One deployment."""
    found = await parts.pools.files.do(partial(deployments_of, parts.given.run, station))
    for row in found:
        if row["number"] == number:
            return answer(row)
    raise Problem("unknown", [f"{station} has no deployment {number}"])


@routes.post(
    "/stations/{station}/deployments", Act.DEPLOY, status=201, passing=True, codes=_CODES,
    answers=json_of(_PROPOSAL, "A proposal; executed with a ticket for `sign`."),
)  # fmt: skip
async def deploy(station: Station, body: bodies.Deploy, by: By, parts: OfParts) -> Response:
    """Propose a deployment: shows what it changes. Executing it takes the password again, and
    signs station, recipe and content."""
    wish = body.model_dump()
    return answer(await parts.deployments.propose(by, station, DEPLOY, wish), 201)


@routes.post(
    "/stations/{station}/rollback", Act.DEPLOY, status=201, passing=True, codes=_CODES,
    answers=json_of(_PROPOSAL, "A proposal."),
)  # fmt: skip
async def rollback(station: Station, body: bodies.Rollback, by: By, parts: OfParts) -> Response:
    """Propose to deploy what was deployed before."""
    wish = body.model_dump()
    return answer(await parts.deployments.propose(by, station, ROLLBACK, wish), 201)


@routes.post(
    "/stations/{station}/trials", Act.DEPLOY, status=201, passing=True, codes=_CODES,
    answers=json_of(_PROPOSAL, "A proposal."),
)  # fmt: skip
async def begin_trial(
    station: Station, body: bodies.TrialStart, by: By, parts: OfParts
) -> Response:
    """Propose a trial: a recipe for a window, with a question; its base comes back by itself."""
    wish = body.model_dump() | {"reason": body.question}
    return answer(await parts.deployments.propose(by, station, TRIAL, wish), 201)


@routes.post(
    "/stations/{station}/trials/end", Act.LEAD, status=201, passing=True,
    codes=("reason", "not controlled"),
    answers=json_of({"token": "Vn3k..."}, "A proposal."),
)  # fmt: skip
async def end_trial(station: Station, body: bodies.Why, by: By, parts: OfParts) -> Response:
    """Propose to end the trial of a station now."""
    return answer(parts.deployments.propose_end(by, station, body.reason), 201)


@routes.get("/trials", Act.LOOK, answers=json_of({"trials": []}))
async def all_trials(parts: OfParts) -> Response:
    """All trials, with the hours from their last sample to the deployment they led to."""
    return answer({"trials": await parts.pools.files.do(trials, parts.given.run)})


@routes.get("/trials/{trial}", Act.LOOK, answers=json_of({"id": "trial-coater-..."}))
async def trial(trial: Annotated[str, Path(max_length=100)], parts: OfParts) -> Response:
    """One trial, by its id or its unique beginning."""
    return answer(await parts.pools.files.do(one_trial, parts.given.run, trial))


@routes.get("/trials/{trial}/compare", Act.LOOK, codes=("no_run", "no_runs"),
            answers=json_of({"trial": {}, "comparison": {}}))  # fmt: skip
async def compare(
    trial: Annotated[str, Path(max_length=100)],
    parts: OfParts,
    base: Annotated[list[str], Query(max_length=10, description="runs to compare with")] = [],  # noqa: B006
) -> Response:
    """The run of a trial beside runs of its base: quality, energy, and how sure that is."""
    given = parts.given
    work = partial(trial_compared, given.config, given.run, trial, base)
    return answer(await parts.pools.history.do(work))


@routes.get("/lead-time", Act.LOOK, answers=json_of({"deployments": [], "months": []}))
async def lead_time(parts: OfParts, station: Annotated[str, Query(max_length=40)] = "") -> Response:
    """Feedback lead time: from the last sample of a run to the deployment that uses its result."""
    return answer(await parts.pools.files.do(lead_times, parts.given.run, station))
