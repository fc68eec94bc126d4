"""The shape of a recipe file: what keys there are, of what type, in what range.

What one key says about another (tags, references, order of limits) is in recipe_checks.py.
"""

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    create_model,
)

from controller.core.recipe import OnTimeout, OnUnhold, Op
from controller.formulas.parameter import Parameter

FORMAT = 1
MAX_PHASES = 50
DAY_S = 86400
MAX_RATE = 10000
VERSION_PATTERN = r"^(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,4})$"
NAME_PATTERN = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
KIND_PATTERN = r"^[a-z][a-z0-9_]*$"
BASE_PATTERN = VERSION_PATTERN.replace("^", r"^([a-z][a-z0-9]*(-[a-z0-9]+)*@)?", 1)
REFERENCE_PATTERN = r"^=[a-z][a-z0-9_]*$"


def _printable(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("must be printable text on one line, without spaces around it")
    return value


def _value(value: object) -> object:
    if isinstance(value, (bool, int, float, str)) and value != "":
        return value
    raise ValueError("must be a number, a text of the tag, true, false, or =parameter")


_Text = Annotated[str, Field(min_length=1), AfterValidator(_printable)]
_Title = Annotated[_Text, Field(max_length=80)]
_Name = Annotated[str, Field(max_length=40, pattern=NAME_PATTERN)]
_Seconds = Annotated[float, Field(ge=0, le=DAY_S)]
_Value = Annotated[
    object,
    PlainValidator(_value),
    WithJsonSchema({"type": ["number", "string", "boolean"]}),
]


class Section(BaseModel):
    """What all tables of the file have in common: strict, and no unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class RampShape(Section):
    """One element of phases.ramps."""

    tag: str = Field(description="the tag to move")
    to: _Value = Field(description="where to: a number, or =parameter")
    rate: float = Field(gt=0, le=MAX_RATE, description="in the tag's unit per minute")


class TransitionShape(Section):
    """One element of phases.until. A Bad value never satisfies it."""

    tag: str = Field(description="the tag to look at")
    op: Op = Field(description="how to compare")
    value: _Value = Field(description="with what: a number, a text of the tag, or =parameter")
    band: float | None = Field(default=None, ge=0, description="half width, for within only")
    for_s: _Seconds = Field(default=0.0, description="seconds without a break")


class PromptShape(Section):
    """phases.prompt: a text for the operator."""

    text: _Text = Field(max_length=400, description="what the operator is told")
    confirm: bool = Field(description="wait until somebody has confirmed it")


class PhaseShape(Section):
    """One element of phases."""

    name: _Name = Field(description="small letters, digits and -")
    title: _Title = Field(description="name for people")
    set: dict[str, _Value] = Field(
        default={}, description="tag: number, text of the tag, or =parameter; written on entry"
    )
    ramps: list[RampShape] = Field(default=[], max_length=20, description="tags to move slowly")
    until: list[TransitionShape] = Field(
        default=[], max_length=20, description="what must hold, all together, to go on"
    )
    timeout_s: float = Field(ge=1, le=DAY_S, description="seconds, from entry")
    on_timeout: OnTimeout = Field(description="what becomes of the station then")
    on_unhold: OnUnhold = Field(
        default=OnUnhold.REPEAT, description="on the way back from held or paused"
    )
    prompt: PromptShape | None = Field(default=None, description="a text for the operator")


class LimitsShape(Section):
    """One table of limits."""

    lolo: float | None = Field(default=None, description="in the tag's unit")
    lo: float | None = Field(default=None, description="in the tag's unit")
    hi: float | None = Field(default=None, description="in the tag's unit")
    hihi: float | None = Field(default=None, description="in the tag's unit")
    deadband: float = Field(default=0.0, ge=0, description="in the tag's unit")
    delay_s: float = Field(default=0.0, ge=0, le=3600, description="seconds beyond the limit")


class RecipeShape(Section):
    """The whole file."""

    format: int = Field(ge=FORMAT, le=FORMAT, description="version of this file format")
    kind: str = Field(max_length=40, pattern=KIND_PATTERN, description="the station kind")
    name: _Name = Field(description="small letters, digits and -; as the folder")
    version: str = Field(pattern=VERSION_PATTERN, description="as 1.2.0; as the file name")
    title: _Title = Field(description="name for people")
    author: _Text = Field(max_length=60, description="who wrote this version")
    base: str | None = Field(
        pattern=BASE_PATTERN,
        description="version this one was made from, as 1.0.0 or other-name@1.0.0, or null",
    )
    reason: _Text = Field(max_length=400, description="why this version was made")
    formula: dict[str, object] = Field(description="every parameter of the kind")
    phases: list[PhaseShape] = Field(
        min_length=1, max_length=MAX_PHASES, description="the way to production, in order"
    )
    limits: dict[str, LimitsShape] = Field(
        default={}, description="tag: alarm limits that go with the recipe"
    )


def _number(value: float) -> float:
    return int(value) if value == int(value) else value


def _quantity(parameter: Parameter) -> type[Section]:
    fields: dict[str, Any] = {}
    if parameter.labels:
        fields["value"] = (Literal[parameter.labels], Field(description=parameter.text))
    else:
        about = f"{parameter.unit}; {parameter.text}"
        low, high = _number(parameter.low), _number(parameter.high)
        fields["value"] = (float, Field(description=about, ge=low, le=high))
        fields["unit"] = (Literal[parameter.unit], Field(description="must be written"))
    name = "".join(part.capitalize() for part in parameter.name.split("_"))
    return create_model(name, __base__=Section, __doc__=parameter.text, **fields)


def formula_model(parameters: Sequence[Parameter]) -> type[Section]:
    """The table `formula` of a kind: one table a parameter, all of them needed."""
    fields: dict[str, Any] = {}
    for parameter in parameters:
        example = f"{{value: {parameter.range_text()}}}"
        if not parameter.labels:
            span = f"{parameter.low:g} to {parameter.high:g}"
            example = f"{{value: {span}, unit: {parameter.unit}}}"
        about = f"{example}; {parameter.text}"
        fields[parameter.name] = (_quantity(parameter), Field(description=about))
    doc = "Every parameter of the kind, each with its unit."
    return create_model("Formula", __base__=Section, __doc__=doc, **fields)


@cache
def recipe_model(kind: str, parameters: tuple[Parameter, ...]) -> type[RecipeShape]:
    """The shape of the recipes of one kind."""
    fields: dict[str, Any] = {
        "kind": (Literal[kind], Field(description="the station kind")),
        "formula": (formula_model(parameters), Field(description="every parameter of the kind")),
    }
    return create_model("Recipe", __base__=RecipeShape, __doc__=f"Recipe for a {kind}.", **fields)
