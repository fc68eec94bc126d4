"""Recipes: what there is, what is wrong with it, drafts, releases."""

from functools import partial
from typing import Annotated

from fastapi import Path, Query, Request, Response

from controller.access.demands import Act
from controller.access.identity import Identity, require_act
from controller.access.ledger_witness import release_wanted
from controller.access.signature import PURPOSE
from controller.api import bodies
from controller.api.declared import Routes
from controller.api.openapi import json_of
from controller.api.parts import Parts
from controller.api.problems import Problem
from controller.api.recipe_work import MAX_TEXT
from controller.api.rehearsal_files import JobState
from controller.api.routes.common import By, OfParts, answer
from controller.audit.record import Category, Entry, Result
from controller.audit.refusals import mark_recorded
from controller.core.errors import DrylineError, Refused
from controller.recipe_store import Rehearsal

routes = Routes("recipes")
Kind = Annotated[str, Path(max_length=40, description="kind of the station")]
Name = Annotated[str, Path(max_length=80, description="name of the recipe")]
Number = Annotated[str, Path(max_length=30, description="version, or newest")]
YAML = ("application/yaml", "text/yaml", "text/plain", "application/x-yaml")
_RECIPE = {"recipe": "coater/nmc-standard@1.1.0", "status": "released", "content_hash": "9f86..."}
_LISTED = {"recipes": [{**_RECIPE, "kind": "coater", "name": "nmc-standard", "version": "1.1.0",
                        "title": "...", "author": "sato", "problems": []}]}  # fmt: skip
_UPLOAD = {
    "x-max-body": MAX_TEXT,
    "requestBody": {
        "required": True,
        "content": {"application/yaml": {"schema": {"type": "string", "maxLength": MAX_TEXT}}},
    },
}  # fmt: skip


@routes.get("/recipes", Act.LOOK, answers=json_of(_LISTED))
async def every(
    parts: OfParts,
    kind: Annotated[str, Query(max_length=40)] = "",
    name: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """Every version, with its status, who changed that last, and what is wrong with its file."""
    if name and not kind:
        raise Problem("value", ["name: name the kind, too"])
    return answer({"recipes": await parts.pools.files.do(parts.recipes.every, kind, name)})


@routes.get("/recipes/{kind}/schema", Act.LOOK, answers=json_of({"type": "object"}))
async def schema(kind: Kind, parts: OfParts) -> Response:
    """The JSON Schema of the recipes of a kind, for editors."""
    return answer(await parts.pools.files.do(parts.recipes.schema, kind))


@routes.get("/recipes/{kind}/diff", Act.LOOK, codes=("recipe",), answers=json_of({"risk": "none"}))
async def compare(
    kind: Kind, parts: OfParts,
    old: Annotated[str, Query(max_length=120, description="NAME@VERSION, or NAME")],
    new: Annotated[str, Query(max_length=120, description="the same, or VERSION")],
) -> Response:  # fmt: skip
    """What changed between two versions, in process words, and how risky each change is."""
    return answer(await parts.pools.files.do(parts.recipes.compared, kind, old, new))


@routes.get(
    "/recipes/{kind}/{name}/{version}", Act.LOOK, codes=("recipe",), answers=json_of(_RECIPE)
)
async def show(kind: Kind, name: Name, version: Number, parts: OfParts) -> Response:
    """One version: header, formula, phases, limits, text, history, and its signatures, verified;
    `parameters` tells of each what may be given, and what good runs had."""
    return answer(await parts.pools.files.do(parts.recipes.shown, kind, name, version))


@routes.post(
    "/recipes/{kind}/{name}/{version}/validate", Act.LOOK, repeats=False, openapi=_UPLOAD,
    answers=json_of({"ok": True, "problems": []}),
)  # fmt: skip
async def validate(
    kind: Kind, name: Name, version: Number, request: Request, parts: OfParts
) -> Response:
    """Everything that is wrong with a text, with line and column; nothing is kept."""
    text = await _text(request)
    work = partial(parts.recipes.validated, kind, name, version, text)
    return answer(await parts.pools.files.do(work))


@routes.put(
    "/recipes/{kind}/{name}/{version}", Act.DRAFT, status=201, openapi=_UPLOAD,
    codes=("recipe", "author", "media type"), answers=json_of(_RECIPE),
)  # fmt: skip
async def upload(
    kind: Kind, name: Name, version: Number, request: Request, by: By, parts: OfParts,
    reason: Annotated[str, Query(min_length=1, max_length=500, description="why")],
) -> Response:  # fmt: skip
    """Bring a draft that was written elsewhere. Its header must name you as its author."""
    text = await _text(request)
    require_act(by, Act.DRAFT, reason)
    work = partial(parts.recipes.take, kind, name, version, text, by.user)
    own = f"{kind}/{name}@{version}"
    return answer(await _recorded(parts, by, "draft", own, reason, work), 201)


@routes.post(
    "/recipes/{kind}/{name}/versions", Act.DRAFT, status=201, codes=("recipe",),
    answers=json_of(_RECIPE),
)  # fmt: skip
async def derive(kind: Kind, name: Name, body: bodies.Derive, by: By, parts: OfParts) -> Response:
    """Make a draft from a version, with other values where some are given."""
    require_act(by, Act.DRAFT, body.reason)
    work = partial(parts.recipes.derive, kind, name, body, by.user)
    own = f"{kind}/{name}@{body.version}"
    return answer(await _recorded(parts, by, "draft", own, body.reason, work), 201)


@routes.get(
    "/recipes/{kind}/{name}/{version}/signing", Act.RELEASE, codes=("recipe",),
    answers=json_of({"purpose": "sign", "subject": "approved coater/nmc@1.1.0 ..."}),
)  # fmt: skip
async def signing(kind: Kind, name: Name, version: Number, parts: OfParts) -> Response:
    """What the password is entered for when this version is released: the first of two steps."""
    own = await parts.pools.files.do(parts.recipes.find, kind, name, version)
    shown = await parts.pools.files.do(parts.recipes.shown, kind, name, str(own.version))
    wanted = release_wanted(own, shown["content_hash"], "", "")
    return answer({"purpose": PURPOSE, "subject": wanted.ticket_subject,
                   "content_hash": shown["content_hash"], "author": shown["author"]})  # fmt: skip


@routes.post(
    "/recipes/{kind}/{name}/{version}/release", Act.RELEASE,
    codes=("recipe", "author", "ticket", "changed", "reason"),
    answers=json_of({"recipe": "coater/nmc-standard@1.1.0"}),
)  # fmt: skip
async def release(
    kind: Kind, name: Name, version: Number, body: bodies.Release, by: By, parts: OfParts
) -> Response:
    """Fix the content of a draft for good, signed by another person than its author. A rehearsal
    that was made here is named by its id; the record of another one counts too, and the ledger says
    for good who brought it."""
    require_act(by, Act.RELEASE, body.reason)
    own = await parts.pools.files.do(parts.recipes.find, kind, name, version)
    made = await _proof(parts, body.rehearsed) if body.rehearsed else None
    work = partial(parts.recipes.release, own, body, by, made)
    return answer(await parts.pools.files.do(work))


@routes.post(
    "/recipes/{kind}/{name}/{version}/obsolete", Act.RELEASE, codes=("recipe", "reason"),
    ticket=True, answers=json_of({"recipe": "coater/nmc-standard@1.0.0"}),
)  # fmt: skip
async def obsolete(
    kind: Kind, name: Name, version: Number, body: bodies.Why, by: By, parts: OfParts
) -> Response:
    """Retire a released version: it stays readable and can no longer be deployed."""
    require_act(by, Act.RELEASE, body.reason)
    own = await parts.pools.files.do(parts.recipes.find, kind, name, version)
    work = partial(parts.recipes.obsolete, own, by, body.reason)
    return answer(await parts.pools.files.do(work))


async def _proof(parts: Parts, rehearsed: str) -> Rehearsal:
    """What a rehearsal of this line came to, from its own record."""
    job = parts.rehearsals.find(rehearsed)
    if job.state is not JobState.DONE:
        raise Problem("release", [f"rehearsal {job.id} is {job.state}: there is no verdict"])
    return await parts.pools.files.do(parts.rehearsals.files.proof, job.id)


async def _text(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in YAML:
        raise Problem("media type", [f"the text of a recipe comes as {YAML[0]}"])
    body = await request.body()
    if len(body) > MAX_TEXT:
        raise Problem("too large", [f"a recipe has at most {MAX_TEXT} bytes"])
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem("value", ["the text of a recipe is UTF-8"]) from None


async def _recorded(
    parts: Parts, by: Identity, action: str, recipe: str, reason: str,
    work: "partial[dict[str, object]]",
) -> dict[str, object]:  # fmt: skip
    """Intent before, outcome after; both in the audit trail."""

    def entry(result: Result, code: str = "ok", detail: str = "") -> Entry:
        return Entry(
            category=Category.RECIPE, action=action, actor=by.actor.name, source=by.actor.source,
            target=recipe, reason=reason, result=result, code=code, detail=detail,
        )  # fmt: skip

    await parts.recording.append(entry(Result.ACCEPTED))
    try:
        found = await parts.pools.files.do(work)
    except DrylineError as error:
        refused = isinstance(error, Refused | Problem)
        code = error.code if isinstance(error, Refused | Problem) else "failed"
        result = Result.REFUSED if refused else Result.FAILED
        await parts.recording.note(entry(result, code, str(error)))
        mark_recorded(error)
        raise
    await parts.recording.note(entry(Result.DONE))
    return found
