"""Samples and events as lines, on their way from the store to a Sparkplug session, and back.

    sample <tab> station <tab> tag <tab> unit <tab> value <tab> quality <tab> time in ns
    event  <tab> station <tab> kind <tab> time in ns <tab> JSON

A line stands alone: refused ones lie in quarantine, and people read them there. The value is empty
where there is none to be used: quality Bad, or no number.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from controller.core.event import EventKind
from controller.core.sample import FIRST_BAD, Samples
from controller.history.feed import StoredEvent
from controller.history.results import StoredTag

LINE = "line"  # station of events of the line as a whole, and of its own figures
SAMPLE, EVENT = "sample", "event"
_BLANKS = dict.fromkeys([*range(32), 127, 0x85, 0x2028, 0x2029], " ")


class TagKey(NamedTuple):
    """What tells a tag of the store from every other."""

    station: str
    tag: str
    unit: str


class EventKey(NamedTuple):
    """The events of one kind of one station."""

    station: str
    kind: str


Key = TagKey | EventKey


@dataclass(frozen=True, slots=True)
class Reading:
    """What a line says. value: None where there is none to be used; text of an event: JSON."""

    key: Key
    value: float | str | None
    quality: int
    time_ns: int


def key_of(tag: StoredTag) -> TagKey:
    """The key of a stored tag."""
    return TagKey(_plain(tag.station), _plain(tag.name), _plain(tag.unit))


class Lines:
    """Turns what the store holds into lines.

    part: of a controller that runs only a part of the line; "" for all of it.
    """

    def __init__(self, part: str = "") -> None:
        self._part = part
        self._beginnings: dict[int, str] = {}

    def learn(self, tags: Iterable[StoredTag]) -> None:
        """Take the tags of the store, by whose ids samples name their tag."""
        self._beginnings = {tag.id: "\t".join((SAMPLE, *key_of(tag), "")) for tag in tags}

    def knows(self, samples: Samples) -> bool:
        """Whether the tags of all samples were learned."""
        return all(number in self._beginnings for number in np.unique(samples.tags).tolist())

    def samples(self, samples: Samples) -> list[str]:
        """A line for every sample."""
        usable = np.isfinite(samples.values) & (samples.quality < FIRST_BAD)
        columns = (samples.tags, samples.values, samples.quality, samples.time_ns, usable)
        return [
            f"{self._beginnings[tag]}{value!r}\t{quality}\t{time_ns}"
            if has_value
            else f"{self._beginnings[tag]}\t{quality}\t{time_ns}"
            for tag, value, quality, time_ns, has_value in zip(
                *(column.tolist() for column in columns), strict=True
            )
        ]

    def event(self, stored: StoredEvent) -> str:
        """The line of an event."""
        event = stored.event
        station = event.station or LINE
        content = {
            "id": stored.id,
            "time_ns": event.time_ns,
            "kind": event.kind.value,
            "station": station,
            "subject": event.subject,
            "text": event.text,
            "actor": event.actor,
            "data": event.data,
        }
        if self._part and not event.station:
            content["part"] = self._part
        text = json.dumps(content, ensure_ascii=False, default=str)
        return "\t".join((EVENT, _plain(station), event.kind.value, str(event.time_ns), text))


def read_line(line: str) -> Reading:
    """What a line says; ValueError when it is none."""
    match line.split("\t"):
        case [word, station, tag, unit, value, quality, time_ns] if word == SAMPLE:
            number = float(value) if value else None
            return Reading(TagKey(station, tag, unit), number, int(quality), int(time_ns))
        case [word, station, kind, time_ns, text] if word == EVENT:
            return Reading(EventKey(station, EventKind(kind).value), text, 0, int(time_ns))
        case _:
            raise ValueError(f"not a line of this sink: {line[:80]!r}")


def _plain(text: str) -> str:
    return text.translate(_BLANKS)
