"""JSON Schema of the recipes of a kind, so that an editor completes and checks while one types."""

import json
from typing import Any

from controller.core.tag import Kind
from controller.recipe_kind import RecipeKind, RecipeTag
from controller.recipe_shape import recipe_model


def schema(kind: RecipeKind) -> dict[str, Any]:
    """The schema as plain values: the shape of the file, and the tags of the line with it."""
    found = recipe_model(kind.name, kind.parameters).model_json_schema()
    definitions = found["$defs"]
    settable = {t.name: t for t in kind.tags.values() if t.settable}
    readable = sorted(t.name for t in kind.tags.values() if t.readable)
    phase = definitions["PhaseShape"]["properties"]
    phase["set"] = {
        **{k: v for k, v in phase["set"].items() if k != "additionalProperties"},
        "properties": {name: _value(tag, kind) for name, tag in settable.items()},
        "additionalProperties": False,
    }
    ramped = sorted(t.name for t in settable.values() if t.kind is Kind.REAL)
    definitions["RampShape"]["properties"]["tag"]["enum"] = ramped
    definitions["TransitionShape"]["properties"]["tag"]["enum"] = readable
    alarmed = sorted(t.name for t in kind.tags.values() if t.alarmable)
    found["properties"]["limits"]["propertyNames"] = {"enum": alarmed}
    found["title"] = f"Recipe for a {kind.name}"
    _without_titles(found)
    return found


def _value(tag: RecipeTag, kind: RecipeKind) -> dict[str, Any]:
    """What a tag may be set to: its own values, or a parameter of the same unit."""
    fitting = sorted(
        f"={p.name}" for p in kind.parameters if (p.unit, p.labels) == (tag.unit, tag.labels)
    )
    own: dict[str, Any] = {"type": "number", "minimum": tag.low, "maximum": tag.high}
    if tag.kind is Kind.BOOLEAN:
        own = {"type": "boolean"}
    elif tag.labels:
        own = {"enum": list(tag.labels)}
    about = f"{tag.text}: {tag.range_text()}"
    return {"description": about, "anyOf": [own, {"enum": fitting}] if fitting else [own]}


def _without_titles(part: object) -> None:
    """Take out the titles that pydantic makes from names: an editor would show them twice."""
    if isinstance(part, dict):
        for inner in part.get("properties", {}).values():
            inner.pop("title", None)
        for inner in part.values():
            _without_titles(inner)
    elif isinstance(part, list):
        for inner in part:
            _without_titles(inner)


def schema_text(kind: RecipeKind) -> str:
    """The schema as the file has it."""
    return json.dumps(schema(kind), indent=2, ensure_ascii=False) + "\n"
