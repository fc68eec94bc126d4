"""How far operators may move a set point: narrower than what the machine and the loops allow.

Beyond these limits, up to the range, an engineer may go who says why. They are the site's, in
line.toml; a tag without an entry has its whole range.
"""

from collections.abc import Mapping
from types import MappingProxyType

from controller.config import LineConfig, StationConfig
from controller.core.errors import ConfigError, Problem, Refused
from controller.core.point import Access
from controller.line import station_kind
from controller.line_file import LINE_FILE

BEYOND = "beyond"  # code of the refusal
Span = tuple[float, float]


class OperatorLimits:
    """Of all stations of a configuration; ConfigError when one names no set point of its station,
    or lies outside of its range."""

    def __init__(self, config: LineConfig) -> None:
        if problems := limit_problems(config):
            raise ConfigError(problems)
        self._spans = {
            (station.name, name): span
            for station in config.stations
            for tag, span in station.operator_limits.items()
            for name in (tag, tag.removeprefix(f"{station.prefix}.SET."))  # both are taken
        }

    def of(self, station: str, tag: str) -> Span | None:
        """What operators may choose from; None for the whole range."""
        return self._spans.get((station, tag))

    def beyond(self, station: str, tag: str, value: object) -> str:
        """Why an operator may not choose this value, "" when he may."""
        span = self._spans.get((station, tag))
        number = _number(value)
        if span is None or number is None or span[0] <= number <= span[1]:
            return ""
        return f"{tag} = {number:g}: operators may choose {span[0]:g} to {span[1]:g}"

    def require(
        self, station: str, tag: str, value: object, reason: str, *, engineer: bool
    ) -> None:
        """Refused for an operator's value beyond his limits, or an engineer's without a reason."""
        told = self.beyond(station, tag, value)
        if told and not engineer:
            raise Refused(BEYOND, [f"{told}; further only an engineer, with a reason"])
        if told and not reason.strip():
            raise Refused("reason", [f"{told}; say why it must be more"])


def limit_problems(config: LineConfig) -> list[Problem]:
    """What is wrong with the limits of line.toml; none when all of them hold."""
    return [
        _problem(station, tag, span, message)
        for station in config.stations
        for tag, span in station.operator_limits.items()
        if (message := _wrong(tag, span, set_points(station)))
    ]


def _number(value: object) -> float | None:
    """As a station reads it; None for what it will refuse."""
    try:
        return float(value) if isinstance(value, float | int | str) else None
    except ValueError:
        return None


def set_points(station: StationConfig) -> Mapping[str, Span]:
    """Every tag that a SET of a station takes, with its range."""
    kind, prefix = station_kind(station.kind), station.prefix
    found: dict[str, Span] = {
        point.tag: (point.low, point.high)
        for point in station.points
        if point.access is Access.WRITE
    }
    for loop in kind.loops_of(prefix).values():
        settings = loop.pid.config
        found[f"{loop.name}.SP"] = (settings.sp_low, settings.sp_high)
    for key, (_, low, high, _, _) in kind.SETTINGS.items():
        found[f"{prefix}.SET.{key}"] = (low, high)
    return MappingProxyType(found)


def _wrong(tag: str, span: Span, ranges: Mapping[str, Span]) -> str:
    if tag not in ranges:
        return "is no set point of this station: a written tag, LOOP.SP or PREFIX.SET.NAME"
    low, high = ranges[tag]
    if not low <= span[0] < span[1] <= high:
        return f"must be [low, high] inside {low:g} to {high:g}"
    return ""


def _problem(station: StationConfig, tag: str, span: Span, message: str) -> Problem:
    where = f"stations.{station.name}.operator_limits.{tag}"
    value = f"[{span[0]:g}, {span[1]:g}]"
    return Problem(file=LINE_FILE, line=None, field=where, value=value, message=message)
