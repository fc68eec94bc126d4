"""What Dryline's samples and events look like in the database: docs/reference/influx-layout.md.

A sample is a point of the measurement named after its station, with the tags `line`, `tag` and
`unit` and the fields `value` and `quality`. A Bad sample has no value, so that a chart that does
not look at the quality draws a gap and never a number that means nothing.

Events are points of the measurement `events`. What has ever new values (subject, run, recipe,
actor, text) is a field, so the number of series stays that of the configuration.
"""

import json
from collections.abc import Iterable

import numpy as np

from controller.core.sample import FIRST_BAD, Samples
from controller.history.feed import StoredEvent
from controller.history.results import StoredTag
from controller.sinks import line_protocol

EVENTS = "events"
LINE = "line"  # station of events of the line as a whole
FIELDS_OF_DATA = ("run", "recipe", "lot", "trial")
# What JSON may hold as it is and a text field may not: so the data comes back exactly.
_ESCAPED = {code: f"\\u{code:04x}" for code in (0x7F, 0x85, 0x2028, 0x2029)}


class Layout:
    """Turns what the store holds into lines of one configured line.

    part: of a controller that runs only a part of the line; "" for all of it.
    """

    def __init__(self, line: str, part: str = "") -> None:
        self._line, self._part = line, part
        self._series: dict[int, str] = {}

    def learn(self, tags: Iterable[StoredTag]) -> None:
        """Take the tags of the store, by whose ids samples name their tag."""
        self._series = {
            tag.id: line_protocol.series(
                tag.station, {"line": self._line, "tag": tag.name, "unit": tag.unit}
            )
            for tag in tags
        }

    def knows(self, samples: Samples) -> bool:
        """Whether the tags of all samples were learned."""
        return all(number in self._series for number in np.unique(samples.tags).tolist())

    def samples(self, samples: Samples) -> list[str]:
        """A line for every sample."""
        return line_protocol.sample_lines(
            self._series,
            samples.tags,
            samples.values,
            samples.quality,
            samples.time_ns,
            np.isfinite(samples.values) & (samples.quality < FIRST_BAD),
        )

    def event(self, stored: StoredEvent) -> str:
        """The line of an event. `twin` tells apart what has the same time, station and kind."""
        event = stored.event
        tags = {
            "line": self._line,
            "station": event.station or LINE,
            "kind": event.kind.value,
            "part": "" if event.station else self._part,
            "twin": str(stored.twin) if stored.twin else "",
        }
        fields: dict[str, line_protocol.Field] = {"text": event.text}
        for key, text in (("subject", event.subject), ("actor", event.actor)):
            if text:
                fields[key] = text
        for key in FIELDS_OF_DATA:
            if isinstance(value := event.data.get(key), str) and value:
                fields[key] = value
        if event.data:
            text = json.dumps(event.data, ensure_ascii=False, default=str)
            fields["data"] = text.translate(_ESCAPED)
        return line_protocol.line(line_protocol.series(EVENTS, tags), fields, event.time_ns)
