"""The OpenAPI document: what every operation may answer, and who may use it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from controller.access.demands import DEMANDS
from controller.api.declared import Anybody, Declared
from controller.api.problems import PROBLEM, STATUS, TITLES, TYPE

DESCRIPTION = """The interface of a Dryline line, for its screens, its command line and scripts.

Errors are problem bodies (RFC 9457): act on `code`, show `title` and `reasons`. Every change needs
a header `Idempotency-Key`; with a session cookie also `X-Requested-With: dryline` and
`X-CSRF-Token`. A change of a station takes two steps: propose it, then execute the proposal with
the server time `t` of the newest frame that was seen."""

PROBLEM_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status", "code", "reasons"],
    "properties": {
        "type": {"type": "string", "description": f"{TYPE}CODE"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "for programs; never changes its meaning"},
        "reasons": {
            "type": "array", "items": {"type": "string"}, "description": "for people, every one",
        },
        "command": {"type": "string", "description": "id of the command that was refused"},
    },
    "example": {
        "type": f"{TYPE}range", "title": "Something in the request is wrong.", "status": 422,
        "code": "range", "reasons": ["COAT.V.LINE.SP = 99: allowed 0 to 20 m/min"],
    },
}  # fmt: skip
_ALWAYS = ("request", "busy")
_KNOWN = ("session", "forbidden")
_CHANGES = ("csrf", "too large", "trail")
_REPEATS = ("key", "key used")
_LASTING = ("unfinished", "answered")
_PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "key": {
        "name": "Idempotency-Key", "in": "header", "required": True,
        "description": "another for each change; the same again gives the same answer, for a day "
        "and across restarts; `unfinished` where nobody knows how the first try ended",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_.:-]{8,100}$"},
        "example": "8f14e45f-ceea-467f",
    },
    "ticket": {
        "name": "X-Dryline-Ticket", "in": "header", "required": False,
        "description": "of POST session/reauth, for exactly this; not for tokens",
        "schema": {"type": "string", "maxLength": 100},
    },
}  # fmt: skip


def operation(declared: Declared) -> dict[str, Any]:
    """Arguments of a route that describe it."""
    extra = {k: v for k, v in declared.openapi.items() if not k.startswith("x-max")}
    more = [_PARAMETERS["key"]] if declared.changes and declared.repeats else []
    more += [_PARAMETERS["ticket"]] if declared.ticket else []
    if declared.needs is Anybody.OPEN or not declared.repeats or not declared.changes:
        more = [p for p in more if p is not _PARAMETERS["key"]]
    parameters = [*extra.pop("parameters", []), *more]
    if parameters:
        extra["parameters"] = parameters
    extra["x-needs"] = _needs(declared)
    if declared.needs is Anybody.OPEN:
        extra["security"] = []
    return {
        "tags": [declared.group],
        "summary": declared.words.partition(".")[0],
        "description": f"{declared.words}\n\nNeeds: {', '.join(_needs(declared)) or 'nothing'}.",
        "operation_id": _name(declared),
        "responses": responses(declared),
        "openapi_extra": extra,
    }


def _needs(declared: Declared) -> list[str]:
    if declared.needs is Anybody.KNOWN:
        return ["a session or a token"]
    return sorted({DEMANDS[act].permission.value for act in declared.acts})


def _name(declared: Declared) -> str:
    words = declared.path.replace("{", "").replace("}", "").replace("-", "_").split("/")
    return "_".join([declared.method.lower(), *(word for word in words if word)])


def responses(declared: Declared) -> dict[int | str, Any]:
    """What may come back, by status."""
    codes = [*_ALWAYS, *declared.codes]
    if declared.needs is not Anybody.OPEN:
        codes += _KNOWN
    if declared.changes:
        codes += _CHANGES
    if declared.changes and declared.repeats:
        codes += [*_REPEATS, *(() if declared.passing else _LASTING)]
    if "{" in declared.path:
        codes.append("unknown")
    found: dict[int | str, Any] = {}
    for code in dict.fromkeys(codes):
        status = STATUS.get(code, HTTPStatus.CONFLICT)
        entry = found.setdefault(
            int(status), {"description": TITLES[status], "content": {PROBLEM: {"schema": _REF}}}
        )
        entry["description"] += f" `{code}`"
    if 200 not in found and declared.answers is not None:
        found[declared.status] = declared.answers
    return found


_REF = {"$ref": "#/components/schemas/Problem"}


def json_of(example: object, words: str = "Done.") -> dict[str, Any]:
    """An answer by example."""
    return {
        "description": words,
        "content": {"application/json": {"schema": _schema(example), "example": example}},
    }


def _schema(example: object) -> dict[str, Any]:
    """The shape of an example, loosely: further members may come."""
    match example:
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case str():
            return {"type": "string"}
        case None:
            return {}
        case list():
            return {"type": "array", "items": _schema(example[0]) if example else {}}
        case dict():
            return {
                "type": "object",
                "properties": {key: _schema(value) for key, value in example.items()},
            }
    raise TypeError(type(example).__name__)


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """What the framework does not know: problems, ways to say who one is."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = dict(PROBLEM_SCHEMA)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": "dryline-session"},
        "token": {"type": "http", "scheme": "bearer"},
    }
    document["security"] = [{"session": []}, {"token": []}]
    for item in document["paths"].values():
        for op in item.values():
            _as_problem(op["responses"])
    return document


def _as_problem(answers: dict[str, Any]) -> None:
    """The framework's own 422 is ours."""
    answer = answers.get("422")
    if answer is not None and PROBLEM not in answer.get("content", {}):
        answer["content"] = {PROBLEM: {"schema": _REF}}
    if answer is not None:
        answer["content"].pop("application/json", None)
