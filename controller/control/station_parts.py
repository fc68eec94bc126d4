"""What surrounds a station: its set-up, its memory, the figures of its scan and their tags."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from controller.control.states import State
from controller.core.point import Point
from controller.core.tag import HistoryRule, Kind, Tag, Writer

QUIET = frozenset({State.IDLE, State.STOPPED, State.COMPLETED, State.ABORTED})
DOWN = frozenset({State.ABORTING, State.ABORTED, State.STOPPING, State.STOPPED, State.RESETTING})
ACTIVE = frozenset(State) - QUIET - DOWN - {State.HOLDING, State.HELD}
SHOWN_TAGS = 5  # of a group of tags that change quality together


class AfterLinkLoss(StrEnum):
    """What a running station does when its link was lost."""

    HOLD = "hold"  # motion: held, a person says UNHOLD
    RESUME = "resume"  # no motion: loops go on as soon as the link is back


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSetup:
    """What the line gives a station.

    software: version of the program, for the record of a run. speed: plant seconds per second of
    the wires, for what waits for an answer of the PLC.
    """

    name: str
    prefix: str
    points: tuple[Point, ...]
    period_s: float
    after_link_loss: AfterLinkLoss = AfterLinkLoss.HOLD
    kind: str = ""
    software: str = ""
    speed: float = 1.0


@dataclass(slots=True)
class ScanTiming:
    """Figures of the scan that the async shell measures, published as tags by the station."""

    count: int = 0
    late_ms: float = 0.0
    took_ms: float = 0.0
    overruns: int = 0
    link_up: bool = False
    link_losses: int = 0
    writes_refused: int = 0
    age_s: float = 0.0
    round_trip_ms: float = 0.0  # both 0 while no write was confirmed within a minute
    round_trip_worst_ms: float = 0.0


_HEALTH: tuple[tuple[str, str, str, float, Kind], ...] = (
    ("SERVICE.STATE", "procedure state (MTP code)", "", 131072, Kind.INTEGER),
    ("SERVICE.PACKML", "procedure state (PackML number)", "", 17, Kind.INTEGER),
    ("SERVICE.STEP", "step of the state, 0 none", "", 99, Kind.INTEGER),
    ("SERVICE.LEFT", "time until the step times out", "s", 1e6, Kind.REAL),
    ("SCAN.COUNT", "scans since start", "", 1e12, Kind.INTEGER),
    ("SCAN.LATE", "lateness of the scan", "ms", 1e6, Kind.REAL),
    ("SCAN.TOOK", "duration of the scan", "ms", 1e6, Kind.REAL),
    ("SCAN.OVERRUNS", "scans left out after an overrun", "", 1e9, Kind.INTEGER),
    ("SCAN.FAULTED", "the scan fails by a mistake of the program", "", 1, Kind.BOOLEAN),
    ("LINK.UP", "link to the PLC is up", "", 1, Kind.BOOLEAN),
    ("LINK.LOSSES", "times the link was lost", "", 1e9, Kind.INTEGER),
    ("LINK.REFUSED", "writes that failed or were refused", "", 1e9, Kind.INTEGER),
    ("LINK.AGE", "age of the last heartbeat", "s", 1e6, Kind.REAL),
    ("LINK.RTT", "time in which the PLC confirmed the last write", "ms", 1e6, Kind.REAL),
    ("LINK.RTTMAX", "longest such time of the last minute", "ms", 1e6, Kind.REAL),
    ("INTERLOCK.BYPASSED", "interlocks out of force by a person", "", 99, Kind.INTEGER),
    ("RUN.TIME", "time since START of the open run", "s", 1e9, Kind.REAL),
    ("RUN.PHASE", "phase of the recipe, 0 none", "", 99, Kind.INTEGER),
    ("RUN.PROMPT", "a prompt waits for CONFIRM", "", 1, Kind.BOOLEAN),
    ("RUN.DRIFT", "set points that differ from the recipe", "", 999, Kind.INTEGER),
    ("RUN.PENDING", "another recipe is deployed for the next START", "", 1, Kind.BOOLEAN),
)
HEALTH = len(_HEALTH)
_RULES = {
    "SERVICE.LEFT": HistoryRule(deadband=10, max_interval_s=60),
    "SCAN.COUNT": HistoryRule(deadband=1e12, max_interval_s=60),
    "SCAN.LATE": HistoryRule(deadband=20, max_interval_s=60),
    "SCAN.TOOK": HistoryRule(deadband=20, max_interval_s=60),
    "LINK.AGE": HistoryRule(deadband=0.5, max_interval_s=60),
    "LINK.RTT": HistoryRule(deadband=20, max_interval_s=60),
    "LINK.RTTMAX": HistoryRule(deadband=20, max_interval_s=60),
    "RUN.TIME": HistoryRule(deadband=30, max_interval_s=60),
}


def health_tags(station: str, prefix: str) -> tuple[Tag, ...]:
    """The tags every station publishes about itself."""
    return tuple(
        Tag(
            name=f"{prefix}.{name}",
            station=station,
            description=text,
            writer=Writer.STATION,
            unit=unit,
            high=high,
            kind=kind,
            resolution=1.0 if kind is not Kind.REAL else 0.0,
            history=_RULES.get(name, HistoryRule()),
        )
        for name, text, unit, high, kind in _HEALTH
    )


def setting_tags(
    station: str, prefix: str, settings: Mapping[str, tuple[float, float, float, str, str]]
) -> tuple[Tag, ...]:
    """The tags of the values of a station's built-in procedure."""
    return tuple(
        Tag(
            name=f"{prefix}.SET.{key}",
            station=station,
            description=text,
            writer=Writer.STATION,
            unit=unit,
            low=low,
            high=high,
        )
        for key, (_, low, high, unit, text) in settings.items()
    )


def changed_severity(
    names: Sequence[str], new: Sequence[int], old: Sequence[int]
) -> Iterator[tuple[int, list[str], str]]:
    """Tags whose severity changed, grouped by their new quality: quality, tags, a short list."""
    groups: dict[int, list[str]] = {}
    for name, now, before in zip(names, new, old, strict=True):
        if now >> 6 != before >> 6:
            groups.setdefault(now, []).append(name)
    for quality, tags in groups.items():
        more = f" and {len(tags) - SHOWN_TAGS} more" if len(tags) > SHOWN_TAGS else ""
        yield quality, tags, ", ".join(tags[:SHOWN_TAGS]) + more
