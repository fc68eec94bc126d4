"""docs/reference/api.md: every route of the API, from the declarations in the code."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from controller.access.demands import DEMANDS
from controller.access.roles import TABLE, Role
from controller.api.app import PREFIX, bare_app
from controller.api.declared import Anybody, Declared
from controller.api.problems import STATUS, TITLES
from controller.api.routes import ALL

Table = Callable[[Sequence[str], Iterable[Sequence[object]]], str]
Schema = Mapping[str, Any]
WIDTH = 98
LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def api(note: str, table: Table) -> str:
    """The page."""
    parts = [
        f"""{note}
# API

Everything is under `{PREFIX}`, but for `/healthz`, `/readyz` and `/metrics`. A running API gives
the same as an OpenAPI document at `{PREFIX}/openapi.json`. See
[use the API](../how-to/use-the-api.md) for how to log in and how to change something, and
[live protocol](live-protocol.md) for the WebSocket at `{PREFIX}/live`.

A route needs one of the permissions in its row; which role has which is in the table at the end.
K: the request needs a header `Idempotency-Key`. P: it needs a ticket of a password that was entered
again for just this (`POST session/reauth` with the permission class as `purpose` and the path as
`subject`), sent as `X-Dryline-Ticket`.

Under each table is what a request may say, and an answer by example. `*` marks what must be there;
answers may have more members than the example, and null where nothing is known. Names that end in
`_ns` are UTC nanoseconds, `t` and names that end in `_t` milliseconds.
"""
    ]
    head = ("route", "needs", "", "what it does")
    document = bare_app().state.document
    every = [declared for group in ALL for declared, _ in group.all]
    for group, found in groupby(every, key=lambda declared: declared.group):
        routes = list(found)
        parts.append(f"\n## {group.capitalize()}\n\n{table(head, map(_row, routes))}")
        parts += [text for one in routes if (text := "\n".join(_details(one, document)))]
    parts.append(_errors(table))
    parts.append(_roles(table))
    return "".join(parts)


def _row(declared: Declared) -> tuple[str, str, str, str]:
    marks = "K" if declared.changes and declared.repeats and _known(declared) else ""
    marks += "P" if declared.ticket else ""
    return f"`{declared.method} {_path(declared)}`", _needs(declared), marks, declared.words


def _path(declared: Declared) -> str:
    return declared.path.removeprefix("//") if declared.path[:2] == "//" else declared.path[1:]


def _known(declared: Declared) -> bool:
    return declared.needs is not Anybody.OPEN


def _needs(declared: Declared) -> str:
    if declared.needs is Anybody.OPEN:
        return "nothing"
    if declared.needs is Anybody.KNOWN:
        return "a login"
    return ", ".join(sorted({DEMANDS[act].permission.value for act in declared.acts}))


# -- what a request may say, and what is answered ------------------------------------------------


def _details(declared: Declared, document: Schema) -> Iterator[str]:
    rooted = declared.path.startswith("//")
    path = declared.path[1:] if rooted else PREFIX + declared.path
    operation = document["paths"][path][declared.method.lower()]
    said = [*_query(operation, document), *_body(operation, document)]
    example = _example(declared)
    if not said and not example:
        return
    yield f"\n`{declared.method} {_path(declared)}`\n"
    yield from said
    if example:
        yield f"\n```text\n{example}\n```"
    yield ""


def _query(operation: Schema, document: Schema) -> Iterator[str]:
    for one in operation.get("parameters", ()):
        if one["in"] == "query":
            mark = "*" if one.get("required") else ""
            told = f": {one['description']}" if one.get("description") else ""
            yield f"- `?{one['name']}`{mark} {_type(one['schema'], document)}{told}"


def _body(operation: Schema, document: Schema) -> Iterator[str]:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    if schema is None:
        yield from (f"- body: `{kind}`" for kind in content)
        return
    model = _resolved(schema, document)
    if words := " ".join(model.get("description", "").split()):
        yield f"- body: {words}"
    for name, field in model.get("properties", {}).items():
        mark = "*" if name in model.get("required", ()) else ""
        yield f"- `{name}`{mark} {_type(field, document)}"


def _resolved(schema: Schema, document: Schema) -> Schema:
    while "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = document["components"]["schemas"][name]
    return schema


def _type(schema: Schema, document: Schema) -> str:
    schema = _resolved(schema, document)
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if choices:
        found = " or ".join(dict.fromkeys(_type(one, document) for one in choices))
    elif "enum" in schema:
        found = ", ".join(f"`{value}`" for value in schema["enum"])
    elif schema.get("type") == "array":
        found = f"list of {_type(schema.get('items', {}), document)}"
    else:
        found = str(schema.get("type", "anything"))
    limits = [f"{sign} {schema[key]:g}" for key, sign in LIMITS.items() if key in schema]
    found += f" ({', '.join(limits)})" if limits else ""
    default = schema.get("default")
    return f"{found} = {json.dumps(default)}" if default not in (None, "", [], {}) else found


def _example(declared: Declared) -> str:
    content = (declared.answers or {}).get("content", {}).get("application/json", {})
    if "example" not in content:
        return ""
    return _wrapped(content["example"])


def _wrapped(value: object, indent: int = 0) -> str:
    """JSON with no line longer than needed: what fits on one stays there."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        rows = [f"{pad}{json.dumps(k)}: {_wrapped(v, indent + 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(rows) + "\n" + " " * indent + "}"
    rows = [f"{pad}{_wrapped(one, indent + 1)}" for one in value]
    return "[\n" + ",\n".join(rows) + "\n" + " " * indent + "]"


def _errors(table: Table) -> str:
    rows = [
        (f"`{code}`", int(status), TITLES[status])
        for code, status in sorted(STATUS.items(), key=lambda item: (item[1], item[0]))
    ]
    return f"""
## Errors

Every error is a problem body (RFC 9457, `application/problem+json`) with `type`, `title`, `status`,
`code` and `reasons`: programs act on `code`, people read the reasons. What a station or a recipe
refuses for the state it is in has a code of its own and status 409.

{table(("code", "status", "title"), rows)}"""


def _roles(table: Table) -> str:
    rows = [(role.value, ", ".join(sorted(TABLE[role]))) for role in Role]
    return f"\n## Roles\n\n{table(('role', 'permissions'), rows)}"
