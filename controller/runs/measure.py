"""Measure: a figure by which runs of a station kind are judged, and the limits it is held to.

Which figures a kind has stands in `controller/runs/measures/KIND.py`; the name of the kind is the
module name. Tags are named as in recipes: a leading "." stands for the prefix of the station.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from controller.core.errors import Refused
from controller.core.recipe import Recipe


class Sort(StrEnum):
    """What a run comes to in a measure."""

    LEVEL = "level"  # a value that shall be kept: mean, sd, Cpk
    DOSE = "dose"  # what adds up: integral over time, in the unit of the tag times minutes
    PEAK = "peak"  # what must not happen: the largest value


@dataclass(frozen=True, slots=True)
class Spec:
    """The limits of one run, None where there is none; a limit is inside. text: their origin."""

    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Around:
    """Limits around a parameter of the formula: by `by` of its unit, or of its value (`share`)."""

    parameter: str
    by: float = 0.0
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class RecipeLimits:
    """The lo and hi alarm limits that the recipe brings for the tag."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Limits that hold for every recipe."""

    low: float | None
    high: float | None


SpecRule = Around | RecipeLimits | Fixed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure: the sum of the tags `plus`, less those of `minus`.

    spec: None when nothing is demanded of it. step_s: its statistics are those of means over so
    many seconds: not shorter than the instrument's own interval, and a divisor of 60. gauge_m: web
    from where the figure is made to where it is measured; settle_m: web until the instrument has
    forgotten what it saw before. The first gauge_m + settle_m of web after each entry into EXECUTE
    do not count: what is measured then was made before.
    """

    name: str
    text: str
    unit: str
    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()
    spec: SpecRule = None
    sort: Sort = Sort.LEVEL
    step_s: int = 1
    gauge_m: float = 0.0
    settle_m: float = 0.0

    @property
    def terms(self) -> tuple[tuple[str, float], ...]:
        """Every tag with its sign."""
        return (*((tag, 1.0) for tag in self.plus), *((tag, -1.0) for tag in self.minus))

    @property
    def title_unit(self) -> str:
        """Unit of the run's figure: a dose is in the unit times minutes."""
        return f"{self.unit} min" if self.sort is Sort.DOSE else self.unit


@dataclass(frozen=True, slots=True, kw_only=True)
class KindMeasures:
    """All of a station kind. power: electric power in kW, what the energy is counted from.

    meter: the length counter in metres, "" for a kind without web.
    """

    kind: str
    measures: tuple[Measure, ...]
    power: Measure
    meter: str

    @property
    def all(self) -> tuple[Measure, ...]:
        """The measures and, last, the power."""
        return (*self.measures, self.power)


def measures_of(kind: str) -> KindMeasures:
    """The measures of a station kind; Refused names the file that is missing."""
    name = f"controller.runs.measures.{kind}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        reason = f"runs of kind {kind!r} need controller/runs/measures/{kind}.py"
        raise Refused("unknown_kind", (reason,)) from None
    return KindMeasures(kind=kind, measures=module.MEASURES, power=module.POWER, meter=module.METER)


def full_name(tag: str, prefix: str) -> str:
    """The tag's name on the line."""
    return prefix + tag if tag.startswith(".") else tag


def spec_of(measure: Measure, recipe: Recipe | None) -> tuple[Spec | None, str]:
    """The limits a run is held to, or None and why there are none."""
    rule = measure.spec
    if rule is None:
        return None, "nothing is demanded of it"
    if isinstance(rule, Fixed):
        return Spec(rule.low, rule.high, "fixed"), ""
    if recipe is None:
        return None, "the run has no recipe"
    if isinstance(rule, Around):
        return _around(rule, recipe)
    return _alarm_limits(measure.plus, recipe)


def _around(rule: Around, recipe: Recipe) -> tuple[Spec | None, str]:
    target = recipe.formula.get(rule.parameter)
    if target is None:
        return None, f"the recipe has no {rule.parameter}"
    by = rule.by + rule.share * abs(target.value)
    width = f"{100 * rule.share:g} %" if rule.share else f"{rule.by:g} {target.unit}"
    return Spec(target.value - by, target.value + by, f"{rule.parameter} {target} +-{width}"), ""


def _alarm_limits(tags: Sequence[str], recipe: Recipe) -> tuple[Spec | None, str]:
    (tag,) = tags
    limits = recipe.limits.get(tag)
    if limits is None or (limits.lo is None and limits.hi is None):
        return None, f"the recipe has no lo or hi limit for {tag}"
    return Spec(limits.lo, limits.hi, f"alarm limits of the recipe for {tag}"), ""
