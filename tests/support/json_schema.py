"""The part of JSON Schema that our generated schemas use: what an editor would underline."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}
_KNOWN = frozenset(
    ("$ref", "$defs", "additionalProperties", "anyOf", "const", "default", "description", "enum",
     "exclusiveMinimum", "items", "maxItems", "maxLength", "maximum", "minItems", "minLength",
     "minimum", "pattern", "properties", "propertyNames", "required", "title", "type")
)  # fmt: skip


def mistakes(value: object, schema: Mapping[str, Any]) -> list[str]:
    """Where a value does not fit a schema, as dotted paths with the keyword that says so."""
    return list(_check(value, schema, schema, ""))


def _check(
    value: object, schema: Mapping[str, Any], root: Mapping[str, Any], path: str
) -> Iterator[str]:
    unknown = set(schema) - _KNOWN
    if unknown:
        raise ValueError(f"no rule for {unknown}")
    if reference := schema.get("$ref"):
        name = reference.removeprefix("#/$defs/")
        yield from _check(value, root["$defs"][name], root, path)
    if "type" in schema and not _is(value, schema["type"]):
        yield f"{path}: type"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{path}: const"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: enum"
    if "anyOf" in schema and not any(
        not list(_check(value, one, root, path)) for one in schema["anyOf"]
    ):
        yield f"{path}: anyOf"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _number(value, schema, path)
    elif isinstance(value, str):
        yield from _text(value, schema, path)
    elif isinstance(value, list):
        yield from _list(value, schema, root, path)
    elif isinstance(value, dict):
        yield from _object(value, schema, root, path)


def _is(value: object, kinds: str | list[str]) -> bool:
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if kind == "number" and number:
            return True
        if kind == "integer" and number and value == int(value):  # type: ignore[call-overload]
            return True
        if kind in _TYPES and isinstance(value, _TYPES[kind]):
            return True
    return False


def _number(value: float, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if value < schema.get("minimum", value):
        yield f"{path}: minimum"
    if value > schema.get("maximum", value):
        yield f"{path}: maximum"
    if value <= schema.get("exclusiveMinimum", value - 1):
        yield f"{path}: exclusiveMinimum"


def _text(value: str, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if len(value) < schema.get("minLength", 0):
        yield f"{path}: minLength"
    if len(value) > schema.get("maxLength", len(value)):
        yield f"{path}: maxLength"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: pattern"


def _list(
    value: list[object], schema: Mapping[str, Any], root: Mapping[str, Any], path: str
) -> Iterator[str]:
    if len(value) < schema.get("minItems", 0):
        yield f"{path}: minItems"
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{path}: maxItems"
    for k, item in enumerate(value):
        yield from _check(item, schema.get("items", {}), root, f"{path}/{k}")


def _object(
    value: dict[str, object], schema: Mapping[str, Any], root: Mapping[str, Any], path: str
) -> Iterator[str]:
    for key in schema.get("required", ()):
        if key not in value:
            yield f"{path}/{key}: required"
    for key, item in value.items():
        below = f"{path}/{key}"
        yield from _check(key, schema.get("propertyNames", {}), root, below)
        if key in schema.get("properties", {}):
            yield from _check(item, schema["properties"][key], root, below)
        elif (extra := schema.get("additionalProperties", True)) is False:
            yield f"{below}: additionalProperties"
        elif isinstance(extra, dict):
            yield from _check(item, extra, root, below)
