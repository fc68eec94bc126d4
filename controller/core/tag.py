"""Tag: a named, typed, unit-bearing point of a station, and who may write it."""

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a tag's number means. All values travel as float64; a boolean is 0 or 1."""

    REAL = "real"
    INTEGER = "int"
    BOOLEAN = "bool"
    ENUM = "enum"


class Writer(StrEnum):
    """The one writer of a tag."""

    DEVICE = "device"  # the driver, from the wire
    STATION = "station"  # the station's scan


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRule:
    """When a sample is stored: it left the dead-band, its quality changed, or the interval is over.

    deadband: same unit as the tag, 0 stores every change; max_interval_s: seconds, > 0.
    """

    deadband: float = 0.0
    max_interval_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """One tag.

    low, high: range in `unit` (for ENUM and BOOLEAN the codes). resolution: the step in which
    the value is meaningful, for storage and display; 0 means full double precision. labels: texts
    of the codes 0, 1, ... of an ENUM.
    """

    name: str
    station: str
    description: str
    writer: Writer
    unit: str = ""
    low: float = 0.0
    high: float = 1.0
    kind: Kind = Kind.REAL
    resolution: float = 0.0
    labels: tuple[str, ...] = ()
    history: HistoryRule = field(default_factory=HistoryRule)
