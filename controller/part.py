"""A part of the line: the stations one controller runs, and what they read of the others.

A station reads a few tags of its neighbours (`Station.FOREIGN`). When a neighbour belongs to
another controller these tags come from the neighbour's PLC over a link that only reads: the part
works whether that other controller lives or not.
"""

from collections.abc import Sequence
from dataclasses import replace

from controller.config import LineConfig, StationConfig
from controller.core.errors import ConfigError, Problem
from controller.core.point import Access
from controller.line import station_kind

LIFE = ("HEART", "BOOT", "MAP", "SEQ")  # what a driver and a link need of any PLC


def part_of(config: LineConfig, names: Sequence[str]) -> LineConfig:
    """The line cut down to some stations, in the line's order; no names, or all: the whole line.

    ConfigError for a name that is no station of the line.
    """
    known = [s.name for s in config.stations]
    wrong = [
        Problem(
            file="command line",
            line=None,
            field="--station",
            value=name,
            message=f"no such station on line {config.name}; stations: {', '.join(known)}",
        )
        for name in dict.fromkeys(names)
        if name not in known
    ]
    if wrong:
        raise ConfigError(wrong)
    own = tuple(s for s in config.stations if s.name in names)
    others = tuple(s for s in config.stations if s.name not in names)
    if not own or not others:
        return config
    wanted = {tag for s in own for tag in station_kind(s.kind).FOREIGN}
    read = (_read_of(other, wanted) for other in others)
    return replace(
        config,
        stations=own,
        whole=tuple(known),
        neighbours=tuple(n for n in read if n is not None),
    )


def _read_of(station: StationConfig, wanted: set[str]) -> StationConfig | None:
    """A neighbour with the points that are read of it and its signs of life; None for no such."""
    readable = [p for p in station.points if p.access is Access.READ]
    if not any(p.tag in wanted for p in readable):
        return None
    life = {f"{station.prefix}.{suffix}" for suffix in LIFE}
    return replace(station, points=tuple(p for p in readable if p.tag in wanted | life))
