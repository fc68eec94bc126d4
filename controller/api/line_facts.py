"""What the API knows of a line from its configuration alone: who owns which set point."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from controller.alarms.catalogue import station_alarms
from controller.alarms.definition import Measure
from controller.config import LineConfig
from controller.core.event import Verb
from controller.core.point import READ_BACK, Access
from controller.line import station_kind
from controller.operator_limits import OperatorLimits

_TARGETED = frozenset({Verb.SET, Verb.MODE, Verb.TUNE, Verb.LOT})


@dataclass(frozen=True, slots=True)
class StationFacts:
    """loops: by their full names, and the tags that each measures (pv) and moves (out); outputs:
    tags that a loop moves; written: what the PLC is sent, with the tag of its read-back; settings:
    tags of the built-in procedure; limits: of the alarms of each tag, by level, as they are
    without a recipe."""

    name: str
    kind: str
    prefix: str
    title: str
    period_s: float
    loops: tuple[str, ...]
    outputs: frozenset[str]
    written: Mapping[str, str]
    settings: frozenset[str]
    loop_tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def settable(self, tag: str) -> bool:
        """A SET may name it; what the station says to the value is another thing."""
        is_sp = tag.endswith(".SP") and tag.removesuffix(".SP") in self.loops
        return is_sp or tag in self.written or tag in self.settings


@dataclass(frozen=True, slots=True)
class LineFacts:
    """The stations of the line, by name. limits: how far operators may move set points."""

    name: str
    title: str
    stations: Mapping[str, StationFacts]
    limits: OperatorLimits

    @classmethod
    def of(cls, config: LineConfig) -> Self:
        """From the configuration of the whole line."""
        found = {}
        for station in config.stations:
            kind, prefix = station_kind(station.kind), station.prefix
            loops = kind.loops_of(prefix)
            found[station.name] = StationFacts(
                name=station.name,
                kind=station.kind,
                prefix=prefix,
                title=station.title,
                period_s=station.scan_period_s,
                loops=tuple(loop.name for loop in loops.values()),
                outputs=frozenset(loop.out for loop in loops.values() if loop.out),
                written={
                    p.tag: p.tag + READ_BACK for p in station.points if p.access is Access.WRITE
                },
                settings=frozenset(f"{prefix}.SET.{key}" for key in kind.SETTINGS),
                loop_tags={x.name: {"pv": x.pv, "out": x.out} for x in loops.values()},
                limits=_limits(station.kind, station.name, prefix),
            )
        return cls(config.name, config.title, found, OperatorLimits(config))


def _limits(kind: str, station: str, prefix: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for alarm in station_alarms(kind, station, prefix):
        level = alarm.level
        if level is not None and alarm.measure is Measure.VALUE and alarm.limit is not None:
            found.setdefault(alarm.tag, {})[level.value] = alarm.limit
    return found


def needs_target(verb: Verb) -> bool:
    """The command names a tag, a loop, or a direction."""
    return verb in _TARGETED
