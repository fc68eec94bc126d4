"""What the API knows of a line from its configuration alone: who owns which set point."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from controller.config import LineConfig
from controller.core.event import Verb
from controller.core.point import READ_BACK, Access
from controller.line import station_kind

_TARGETED = frozenset({Verb.SET, Verb.MODE, Verb.TUNE, Verb.LOT})


@dataclass(frozen=True, slots=True)
class StationFacts:
    """loops: by their full names; outputs: tags that a loop moves; written: what the PLC is sent,
    with the tag of its read-back; settings: tags of the built-in procedure."""

    name: str
    kind: str
    prefix: str
    title: str
    period_s: float
    loops: tuple[str, ...]
    outputs: frozenset[str]
    written: Mapping[str, str]
    settings: frozenset[str]

    def settable(self, tag: str) -> bool:
        """A SET may name it; what the station says to the value is another thing."""
        is_sp = tag.endswith(".SP") and tag.removesuffix(".SP") in self.loops
        return is_sp or tag in self.written or tag in self.settings


@dataclass(frozen=True, slots=True)
class LineFacts:
    """The stations of the line, by name."""

    name: str
    title: str
    stations: Mapping[str, StationFacts]

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
            )
        return cls(config.name, config.title, found)


def needs_target(verb: Verb) -> bool:
    """The command names a tag, a loop, or a direction."""
    return verb in _TARGETED
