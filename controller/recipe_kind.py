"""RecipeKind: what a recipe of one station kind may say, put together from the code and the line.

The parameters come from `controller/formulas/KIND.py`, the tags from the I/O list and from the
loops of `controller/stations/KIND.py`. The name in the config is the module name.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from types import ModuleType

from controller.config import LineConfig, StationConfig
from controller.control.station import Station
from controller.core.errors import ConfigError, Problem
from controller.core.point import Access, Point
from controller.core.tag import Kind
from controller.formulas.parameter import Parameter, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeTag:
    """One tag as a recipe sees it. name: a leading "." stands for the prefix of the station.

    refusal: why a recipe does not set it, "" when it may. readable: a transition may wait for it.
    own: it belongs to the station, so that it may have alarm limits. rate_per_s: how fast the
    machine lets it act.
    """

    name: str
    text: str
    unit: str
    low: float
    high: float
    kind: Kind = Kind.REAL
    labels: tuple[str, ...] = ()
    refusal: str = "it is measured"
    readable: bool = False
    own: bool = True
    rate_per_s: float = inf

    @property
    def settable(self) -> bool:
        """A phase may set or ramp it."""
        return not self.refusal

    @property
    def alarmable(self) -> bool:
        """The recipe may bring alarm limits for it."""
        return self.own and self.readable and self.kind in (Kind.REAL, Kind.INTEGER)

    def range_text(self) -> str:
        """'0 to 20 kg/h', or the texts it takes."""
        if self.kind is Kind.BOOLEAN:
            return "true or false"
        if self.labels:
            return " or ".join(self.labels)
        return f"{self.low:g} to {self.high:g} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeKind:
    """Parameters, rules, interlocks and tags of the recipes of one station kind."""

    name: str
    prefix: str
    parameters: tuple[Parameter, ...]
    rules: tuple[Rule, ...]
    interlocks: Mapping[str, str]
    tags: Mapping[str, RecipeTag]

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name."""
        return next((p for p in self.parameters if p.name == name), None)


def recipe_kinds(config: LineConfig) -> dict[str, RecipeKind]:
    """Every kind of station on the line, by name; of two stations of a kind the first counts."""
    kinds: dict[str, RecipeKind] = {}
    for station in config.stations:
        if station.kind not in kinds:
            kinds[station.kind] = _kind(station, config)
    return kinds


def _kind(station: StationConfig, config: LineConfig) -> RecipeKind:
    formula = _module("formulas", station.kind)
    program: type[Station] = _module("stations", station.kind).Station
    others = (*(s for s in config.stations if s is not station), *config.neighbours)
    foreign = [p for s in others for p in s.points]
    return RecipeKind(
        name=station.kind,
        prefix=station.prefix,
        parameters=formula.PARAMETERS,
        rules=formula.RULES,
        interlocks=formula.INTERLOCKS,
        tags=recipe_tags(station.prefix, station.points, program, foreign),
    )


def _module(package: str, kind: str) -> ModuleType:
    name = f"controller.{package}.{kind}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        file = f"controller/{package}/{kind}.py"
        message = f"recipes of kind {kind!r} need this file"
        problem = Problem(file=file, line=None, field="file", value="", message=message)
        raise ConfigError([problem]) from None


def recipe_tags(
    prefix: str, points: Sequence[Point], program: type[Station], foreign: Sequence[Point] = ()
) -> dict[str, RecipeTag]:
    """The tags of a station by the name a recipe uses; foreign: points of the other stations."""

    def short(tag: str) -> str:
        return tag.removeprefix(prefix) if tag.startswith(f"{prefix}.") else tag

    tags = {}
    for point in points:
        tag = _of_point(point, short(point.tag))
        if point.access is Access.WRITE:
            reason = program.COMPUTED.get(tag.name, "")
            refusal = f"it follows {reason}" if reason else ""
            if tag.name == ".RESET":
                refusal = "it belongs to the procedure, RESET moves it"
            tag = replace(tag, refusal=refusal, readable=False)
        tags[tag.name] = tag
    for point in foreign:
        if point.tag in program.FOREIGN:
            tags[point.tag] = replace(
                _of_point(point, point.tag), own=False, refusal="it belongs to another station"
            )
    for loop in program.loops_of(prefix).values():
        set_point, _, output, *_ = loop.tags("")
        if loop.out:  # the loop would clamp what is beyond its own limits
            tag = tags[short(loop.out)]
            low, high = max(tag.low, output.low), min(tag.high, output.high)
            tags[short(loop.out)] = replace(tag, low=low, high=high)
        settable = [set_point] if loop.out else [set_point, output]  # else the output tag is set
        for one in settable:
            tags[short(one.name)] = RecipeTag(
                name=short(one.name), text=one.description, unit=one.unit,
                low=one.low, high=one.high, refusal="",
            )  # fmt: skip
    return tags


def _of_point(point: Point, name: str) -> RecipeTag:
    return RecipeTag(
        name=name,
        text=point.description,
        unit=point.unit,
        low=point.low,
        high=point.high,
        kind=point.kind,
        labels=point.labels,
        readable=True,
        rate_per_s=point.rate_per_s,
    )
