"""History: the questions of `controller.queries`, one route each."""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response

from controller.access.demands import Act
from controller.api.declared import Routes
from controller.api.openapi import json_of
from controller.api.parts import Parts
from controller.api.problems import PROBLEM, TYPE
from controller.queries.asks import Ask
from controller.queries.door import ASKS, Answer

routes = Routes("history")
_CODES = {400: "question", 404: "unknown", 503: "history"}
_CSV = {"text/csv": {"schema": {"type": "string"}}}


def parameters(model: type[Ask]) -> list[dict[str, Any]]:
    """The fields of a question as parameters of a query string."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    defs = schema.get("$defs", {})
    found = []
    for name, field in schema["properties"].items():
        resolved = _resolved(field, defs)
        members = resolved.items() if isinstance(resolved, dict) else ()
        shape = {k: v for k, v in members if k != "title"}
        words = shape.pop("description", "")
        found.append(
            {"name": name, "in": "query", "required": name in schema.get("required", ()),
             "description": words, "schema": shape}
        )  # fmt: skip
    return found


def _resolved(field: object, defs: dict[str, Any]) -> object:
    """Without references: a query string has no components."""
    if isinstance(field, list):
        return [_resolved(one, defs) for one in field]
    if not isinstance(field, dict):
        return field
    if "$ref" in field:
        target = defs[field["$ref"].rpartition("/")[2]]
        rest = {k: v for k, v in field.items() if k != "$ref"}
        found = _resolved(target, defs)
        return {**found, **rest} if isinstance(found, dict) else rest
    return {key: _resolved(value, defs) for key, value in field.items()}


def _route(path: str, model: type[Ask]) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def ask(request: Request) -> Response:
        parts: Parts = request.app.state.parts
        params = request.query_params.multi_items()
        found = await parts.pools.history.do(parts.given.history.answer, path, params)
        return _response(parts, found)

    ask.__name__ = f"history{path.replace('/', '_')}"
    ask.__doc__ = (model.__doc__ or "").strip()
    return ask


def _response(parts: Parts, found: Answer) -> Response:
    if found.status < 400:
        return Response(found.body, found.status, media_type=found.content_type)
    told = orjson.loads(parts.inside(found.body.decode()))
    code = _CODES.get(found.status, "question")
    told |= {
        "type": TYPE + code, "code": code,
        "reasons": [_sentence(problem) for problem in told.get("problems", ())],
    }  # fmt: skip
    return Response(orjson.dumps(told), found.status, media_type=PROBLEM)


def _sentence(problem: dict[str, str]) -> str:
    place = f"{problem['field']}: " if problem["field"] else ""
    allowed = f"; allowed: {problem['allowed']}" if problem["allowed"] else ""
    return f"{place}{problem['what']}{allowed}"


for _path, _model in ASKS.items():
    _answers = json_of({"source": "local", "zone": "UTC"}, "The answer, in columns.")
    if "format" in _model.model_fields:
        _answers["content"] |= _CSV
    routes.get(
        f"/history{_path}", Act.LOOK, codes=("question", "unknown", "history"), answers=_answers,
        openapi={"parameters": parameters(_model)},
    )(_route(_path, _model))  # fmt: skip
