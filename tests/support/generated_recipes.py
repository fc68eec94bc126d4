"""docs/reference/recipe-format.md: the recipe format, made from the types that check it."""

from collections.abc import Callable, Iterable, Sequence
from enum import EnumMeta
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from controller.recipe_kind import RecipeKind
from controller.recipe_shape import (
    LimitsShape,
    PhaseShape,
    PromptShape,
    RampShape,
    RecipeShape,
    TransitionShape,
)
from tests.support.recipe_kinds import RECIPES, shipped_kinds

Table = Callable[[Sequence[str], Iterable[Sequence[object]]], str]
_WORDS = {str: "text", float: "number", int: "whole number", bool: "true or false"}
_PARTS: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("The file", "", RecipeShape),
    ("An element of `phases`", "A phase is over when all its ramps have arrived, all of `until` "
     "holds and its prompt, if it asks for that, is confirmed.", PhaseShape),
    ("An element of `ramps`", "A ramp begins where the tag stands.", RampShape),
    ("An element of `until`", "A value of Bad quality never satisfies it.", TransitionShape),
    ("`prompt`", "", PromptShape),
    ("A tag under `limits`", "One level or more. The limits rise from lolo to hihi.", LimitsShape),
)  # fmt: skip


def recipe_format(note: str, table: Table) -> str:
    """The page."""
    example = (RECIPES / "calender" / "gap" / "1.0.0.yaml").read_text(encoding="utf-8")
    parts = [
        f"""{note}
# Recipe format

A recipe is the file `recipes/KIND/NAME/VERSION.yaml`: YAML 1.2, UTF-8, at most 256 KiB. Tags,
anchors, aliases, merge keys, directives, several documents, doubled keys, nan, inf and numbers that
not every reader takes as the same (010, 0x10, 1_000, .5) are refused. An unknown key is an error.
`recipes/KIND/schema.json` is the same as a JSON Schema; the first line of a recipe names it, so
that an editor completes and checks. See [Write a recipe](../how-to/write-a-recipe.md).

A tag is named as the station kind names it: a leading `.` stands for the prefix of the station, so
that `.FEED.SP` is COAT.FEED.SP on the coater. A value is a number in the tag's unit, a text of the
tag (`run`), true or false for a switch, or `=parameter`: the value of that parameter of the
formula, which must have the tag's unit.
"""
    ]
    for title, text, model in _PARTS:
        parts.append("\n\n".join((f"\n## {title}", text, "") if text else (f"\n## {title}", "")))
        rows = [_row(name, field) for name, field in model.model_fields.items()]
        parts.append(table(("key", "needed", "takes", "meaning"), rows))
    parts.append("\n## Comparisons of `until`\n\n")
    parts.append(
        table(
            ("op", "for", "holds when the tag is"),
            [
                ('`"<="`', "numbers", "at or below the value"),
                ('`">="`', "numbers", "at or above the value"),
                ("`within`", "numbers", "not further from the value than `band`"),
                ("`is`", "states, switches, whole numbers", "exactly the value"),
            ],
        )
    )
    for kind in shipped_kinds().values():
        parts += _kind(kind, table)
    parts.append(f"\n## Example\n\n```text\n{example}```\n")
    return "".join(parts)


def _row(name: str, field: FieldInfo) -> tuple[str, str, str, str]:
    needed = "yes" if field.is_required() else ""
    default = field.get_default()
    about = field.description or ""
    if not field.is_required() and default not in (None, {}, []):
        about += f"; default {getattr(default, 'value', default)}"
    return f"`{name}`", needed, _takes(field), about


def _takes(field: FieldInfo) -> str:
    annotation = field.annotation
    options = [a for a in get_args(annotation) if a is not NoneType]
    if type(None) in get_args(annotation) and len(options) == 1:
        annotation = options[0]
    word = _word(annotation)
    limits = []
    for item in field.metadata:
        for attribute, text in (("ge", "from"), ("gt", "above"), ("le", "to"), ("lt", "below")):
            if getattr(item, attribute, None) is not None:
                limits.append(f"{text} {getattr(item, attribute):g}")
    return " ".join([word, *limits])


def _word(annotation: Any) -> str:
    if isinstance(annotation, EnumMeta):
        return " or ".join(f"`{member.value}`" for member in annotation)
    if get_origin(annotation) is Literal:
        return " or ".join(map(str, get_args(annotation)))
    if get_origin(annotation) is list:
        return "list"
    if get_origin(annotation) is dict or isinstance(annotation, type(BaseModel)):
        return "mapping"
    return _WORDS.get(annotation, "value")


def _kind(kind: RecipeKind, table: Table) -> list[str]:
    """Parameters, rules and interlocks of one kind."""
    rows = [
        (
            f"`{p.name}`",
            p.range_text().removesuffix(p.unit).strip() if p.unit else p.range_text(),
            p.unit,
            p.labels[int(p.typical)] if p.labels else f"{p.typical:g}",
            f"`{kind.prefix}.SET.{p.setting}`" if p.setting else "",
            f"`{p.tag}`" if p.tag else "",
            p.text,
        )
        for p in kind.parameters
    ]
    head = ("parameter", "allowed", "unit", "typical", "setting", "set point", "meaning")
    parts = [f"\n## Formula of a recipe for the {kind.name}\n\n{table(head, rows)}"]
    for rule in kind.rules:
        parts.append(f"\n`{rule.parameters[0]}` {rule.text}.\n")
    watched = [(f"`{tag}`", text) for tag, text in kind.interlocks.items()]
    parts.append("\nA change of one of these touches an interlock:\n\n")
    parts.append(table(("tag", "interlock"), watched))
    return parts
