"""A history in a local store and, through a sink's own lines, in an InfluxDB: two sources of it."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from controller.clock import SystemClock
from controller.core.event import Event
from controller.core.tag import Tag
from controller.history import Reader, Store
from controller.history.feed import StoredEvent
from controller.history.store import event_row
from controller.queries.influx import EXACT_SAMPLES, InfluxSource
from controller.queries.influx_wire import InfluxWire
from controller.sinks.influx import Sink
from controller.sinks.influx_settings import Settings
from controller.sinks.layout import Layout
from tests.support.history import Row, batch, seal

_lines = itertools.count(1)


def settings_of(url: str, **changes: object) -> Settings:
    """How the server is reached."""
    named = {"kind": "influx", "url": url, "bucket": "line", "timeout_s": 10.0}
    return Settings.model_validate(named | changes)


class Replica:
    """Both, written at once; every one of them is a line of its own on the server."""

    def __init__(self, folder: Path, settings: Settings, tags: Sequence[Tag]) -> None:
        self.line = f"replica{next(_lines)}"
        self.settings, self.folder = settings, folder
        self._store = Store.open(folder / f"{self.line}.db")
        self._ids = self._store.catalogue(list(tags)).tolist()
        self._sink = Sink(settings, folder)
        self._layout = Layout(self.line)
        self._noted = 0
        self.local = Reader(self._store.path)
        self.server = self.source()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()
        self.local.close()
        self._sink.close()
        self._store.close()

    def source(self, exact_samples: int = EXACT_SAMPLES) -> InfluxSource:
        """The server as a source; the catalogue is that of the local store."""
        wire = InfluxWire(self.settings, self.folder, SystemClock().link_s)
        return InfluxSource(wire, self.line, self.local.tags, exact_samples)

    def write(self, rows: Sequence[Row], events: Sequence[Event] = ()) -> None:
        """Samples, their tags by place from 0 on, and events."""
        samples = batch([(self._ids[k], v, q, t) for k, v, q, t in rows])
        self._store.commit(samples, [event_row(event) for event in events])
        self._layout.learn(self.local.tags())
        lines = self._layout.samples(samples)
        twins: dict[tuple[int, str, str], int] = {}
        for event in events:
            key = (event.time_ns, event.station, event.kind.value)
            twins[key] = twins.get(key, -1) + 1
            self._noted += 1
            lines.append(self._layout.event(StoredEvent(self._noted, twins[key], event)))
        if lines:
            answer = self._sink.post(lines)
            assert answer.status == 204, answer

    def seal(self) -> None:
        """Seal the local journal."""
        seal(self._store)
