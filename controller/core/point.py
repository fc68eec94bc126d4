"""Point: where a tag lives on the wire. The I/O list is a table of points."""

from dataclasses import dataclass
from enum import StrEnum
from math import inf

from controller.core.tag import HistoryRule, Kind, Tag, Writer

READ_BACK = ".RB"  # suffix of the tag that shows what the device holds of a written point


class Access(StrEnum):
    """Direction seen from the controller."""

    READ = "R"
    WRITE = "W"  # written by the station, read back into a second tag


class Wire(StrEnum):
    """How a value is encoded on the wire."""

    DOUBLE = "double"  # OPC UA
    FLOAT = "float"
    INT32 = "int32"
    UINT32 = "uint32"  # OPC UA, or two Modbus registers, high word first
    BOOL = "bool"
    INT16 = "int16"  # Modbus register; -32768 means "no valid value"
    UINT16 = "uint16"  # Modbus register; no invalid marker
    BIT = "bit"  # Modbus discrete input


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One row of the I/O list.

    address: protocol text, "s=COAT.FEED.PV" for OPC UA, "hr:12" or "di:3" for Modbus.
    scale: engineering value = raw value * scale. scan_s: how often the point is wanted, seconds.
    default: the value a written point has after a restart of the device. rate_per_s: the
    value of a written point comes to act no faster than this, `unit` per second; infinity: at once.
    """

    tag: str
    station: str
    description: str
    unit: str
    low: float
    high: float
    kind: Kind
    access: Access
    address: str
    wire: Wire
    scale: float
    scan_s: float
    resolution: float
    history: HistoryRule
    default: float = 0.0
    labels: tuple[str, ...] = ()
    rate_per_s: float = inf

    def tags(self) -> tuple[Tag, ...]:
        """The tag itself and, for a written point, its read-back."""
        writer = Writer.DEVICE if self.access is Access.READ else Writer.STATION
        own = self._tag(self.tag, self.description, writer)
        if self.access is Access.READ:
            return (own,)
        held = self._tag(self.tag + READ_BACK, f"{self.description}, held by device", Writer.DEVICE)
        return (own, held)

    def _tag(self, name: str, description: str, writer: Writer) -> Tag:
        return Tag(
            name=name,
            station=self.station,
            description=description,
            writer=writer,
            unit=self.unit,
            low=self.low,
            high=self.high,
            kind=self.kind,
            resolution=self.resolution,
            labels=self.labels,
            history=self.history,
        )
