"""Which metrics an edge node has, and what a value of each looks like: sparkplug-layout.md.

A tag that the PLC writes belongs to the device of its station. What the controller computes, its
set points, states and figures, and all events belong to the edge node, which is the controller:
they live on while the link to a PLC is down.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from controller.core.event import EventKind
from controller.core.sample import Quality, is_usable
from controller.core.tag import Kind
from controller.history.results import StoredTag
from controller.sinks.sparkplug_lines import LINE, EventKey, Key, Reading, key_of
from controller.sinks.sparkplug_payload import DataType, Metric, Property

NODE = ""  # device of a metric of the edge node itself
MS = 1_000_000  # nanoseconds
GOOD, BAD, STALE = 192, 0, 500  # the three codes that Sparkplug has
QUALITY = "Quality"
EXACT_QUALITY = "DrylineQuality"  # the byte as Dryline keeps it
AWAY = frozenset({Quality.BAD_NO_DATA, Quality.BAD_LINK, Quality.BAD_STALE})  # the PLC is not there

_DATATYPES = {
    Kind.REAL.value: DataType.DOUBLE,
    Kind.INTEGER.value: DataType.INT64,
    Kind.ENUM.value: DataType.INT64,
    Kind.BOOLEAN.value: DataType.BOOLEAN,
}


@dataclass(frozen=True, slots=True)
class Definition:
    """What a birth says of a metric.

    device: NODE, or the station whose PLC writes it. is_former: no controller writes it any more.
    """

    name: str
    alias: int
    device: str
    datatype: DataType
    properties: tuple[tuple[str, Property], ...] = ()
    is_former: bool = False


class Catalogue:
    """The metrics of an edge node by what lines name; aliases count from 1."""

    def __init__(
        self,
        tags: Iterable[StoredTag] = (),
        in_use: Collection[int] = (),
        device_tags: Collection[str] = (),
    ) -> None:
        """tags: those that may come; in_use: ids of those the controller writes now.

        device_tags: names of the tags that a PLC writes.
        """
        self._metrics: dict[Key, Definition] = {}
        chosen = sorted(tags, key=lambda tag: (tag.station, tag.name, tag.id))
        taken = {(tag.station, tag.name) for tag in chosen if tag.id in in_use}
        for tag in chosen:
            is_former = tag.id not in in_use
            # Two tags that differ in their unit alone: the one of the past carries it in its name.
            unit = f" [{tag.unit or 'no unit'}]" * (is_former and (tag.station, tag.name) in taken)
            device = tag.station if tag.name in device_tags and tag.station != LINE else NODE
            folder = "" if device or tag.station == LINE else f"{tag.station}/"
            self._metrics[key_of(tag)] = Definition(
                name=f"{folder}{tag.name}{unit}",
                alias=len(self._metrics) + 1,
                device=device,
                datatype=_DATATYPES.get(tag.kind, DataType.DOUBLE),
                properties=_properties_of(tag),
                is_former=is_former,
            )
        for station in sorted({tag.station for tag in chosen} | {LINE}):
            folder = "" if station == LINE else f"{station}/"
            for kind in EventKind:
                self._metrics[EventKey(station, kind.value)] = Definition(
                    name=f"{folder}Events/{kind.value}",
                    alias=len(self._metrics) + 1,
                    device=NODE,
                    datatype=DataType.STRING,
                )
        self._by_device: dict[str, list[tuple[Key, Definition]]] = {}
        for key, definition in self._metrics.items():
            self._by_device.setdefault(definition.device, []).append((key, definition))

    def find(self, key: Key) -> Definition | None:
        """The metric of what a line names; None when it is not known."""
        return self._metrics.get(key)

    def of(self, device: str) -> Sequence[tuple[Key, Definition]]:
        """The metrics of a device, or of the node."""
        return self._by_device.get(device, ())

    @property
    def devices(self) -> list[str]:
        """Stations with a PLC."""
        return sorted(set(self._by_device) - {NODE})


def birth_metric(definition: Definition, known: Reading | None, now_ms: int) -> Metric:
    """A metric in a birth: everything there is to say, with the value that is known."""
    about = dict(definition.properties)
    if definition.datatype is DataType.STRING:
        value, time_ms = None, now_ms  # an event happens once: it is no state to be told again
    elif known is None:
        about |= _quality(Quality.BAD_NO_DATA)
        value, time_ms = None, now_ms
    else:
        about |= _quality(known.quality)
        value, time_ms = value_of(definition, known), known.time_ns // MS
    return Metric(
        name=definition.name, alias=definition.alias, time_ms=time_ms,
        datatype=definition.datatype, value=value, properties=about,
    )  # fmt: skip


def data_metric(definition: Definition, reading: Reading, *, is_historical: bool) -> Metric:
    """A metric in a data message: alias, time and value, and the quality unless it is Good."""
    return Metric(
        alias=definition.alias,
        time_ms=reading.time_ns // MS,
        datatype=None,
        value=value_of(definition, reading),
        is_historical=is_historical,
        properties=_quality(reading.quality) if reading.quality else {},
    )


def value_of(definition: Definition, reading: Reading) -> float | int | bool | str | None:
    """A value in the type of its metric; ValueError when it is none of that type."""
    value = reading.value
    if value is None or not is_usable(reading.quality):
        return None
    if isinstance(value, str) or definition.datatype is DataType.DOUBLE:
        return value
    if not value.is_integer() or abs(value) >= 2**63:
        raise ValueError(f"{definition.name}: {value!r} is no integer")
    if definition.datatype is DataType.INT64:
        return int(value)
    if value not in (0.0, 1.0):
        raise ValueError(f"{definition.name}: {value!r} is neither 0 nor 1")
    return bool(value)


def is_away(reading: Reading | None) -> bool:
    """Whether this says that the PLC is not there."""
    return reading is None or reading.quality in AWAY


def quality_code(quality: int) -> int:
    """A quality as Sparkplug has it. What is Uncertain may be used, and so counts as good."""
    if quality in AWAY:
        return STALE
    return GOOD if is_usable(quality) else BAD


def _quality(quality: int) -> dict[str, Property]:
    found = {QUALITY: Property(DataType.INT32, quality_code(quality))}
    if quality:
        found[EXACT_QUALITY] = Property(DataType.INT32, quality)
    return found


def _properties_of(tag: StoredTag) -> tuple[tuple[str, Property], ...]:
    found = [
        ("engUnit", Property(DataType.STRING, tag.unit)),
        ("engLow", Property(DataType.DOUBLE, float(tag.low))),
        ("engHigh", Property(DataType.DOUBLE, float(tag.high))),
        ("documentation", Property(DataType.STRING, tag.description)),
    ]
    if tag.labels:
        text = json.dumps(dict(enumerate(tag.labels)), ensure_ascii=False)
        found.append(("labels", Property(DataType.STRING, text)))
    return tuple(found)
