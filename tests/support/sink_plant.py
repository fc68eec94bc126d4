"""A historian that is fed, the sink that follows it, and what a real server has of it then."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from controller.clock import SystemClock
from controller.core.sample import FIRST_BAD
from controller.core.tag import Tag
from controller.historian import Historian, HistorianSettings
from controller.history.query import Reader
from controller.sinks.condition import State
from controller.sinks.forwarder import Forwarder, Plan
from controller.sinks.influx import Sink
from controller.sinks.influx_settings import Settings
from controller.sinks.ledger_reader import SentByAll
from controller.sinks.places import SinkPlaces
from controller.sinks.status import SinkStatus
from tests.support.history import Row, batch, make_tag
from tests.support.read_back import ReadBack, Reading, all_readings

ENOUGH_S = 60.0
END_OF_TIME_NS = 2**62
SMALL = HistorianSettings(commit_interval_s=0.05, seal_samples=4000, seal_per_tag=0)


@dataclass(frozen=True)
class RealServer:
    """A server to be tested: how a sink reaches it, and how a test reads what it has."""

    settings: Settings
    read: ReadBack


def tags_of(*names: str, station: str = "cell") -> list[Tag]:
    """Tags of a station, kept in full precision."""
    return [replace(make_tag(name), station=station) for name in names]


def eventually(is_so: Callable[[], bool], told: Callable[[], object] = str) -> None:
    """Wait until something is so."""
    until_s = time.monotonic() + ENOUGH_S
    while not is_so():
        assert time.monotonic() < until_s, told()
        time.sleep(0.02)


class SinkPlant:
    """Use as a context. Times of samples are given by the test."""

    def __init__(
        self,
        folder: Path,
        server: RealServer,
        tags: Sequence[Tag],
        *,
        settings: HistorianSettings = SMALL,
        batch_points: int = 1000,
    ) -> None:
        self.folder, self.server, self.tags = folder, server, tuple(tags)
        self.places = SinkPlaces(folder, "plant")
        self.clock = SystemClock()
        self.historian = Historian(
            folder / "history.db", self.tags, self.clock, settings, SentByAll([self.places.ledger])
        )
        self._batch_points = batch_points
        self.forwarder: Forwarder | None = None

    def __enter__(self) -> Self:
        self.historian.start()
        self.start_sink()
        return self

    def __exit__(self, *_: object) -> None:
        broken = self.forwarder is not None and self.forwarder.broken.is_set()
        self.stop_sink()
        self.historian.close()
        assert not broken

    def start_sink(self) -> None:
        """As its process begins."""
        plan = Plan(
            "plant", self.historian.path, self.places, self.server.read.line,
            self.connect, self._batch_points, 1e6,
        )  # fmt: skip
        self.forwarder = Forwarder(plan, self.clock)
        self.forwarder.start()

    def connect(self) -> Sink:
        """A connection to the server, as the lanes of the sink have them."""
        return Sink(self.server.settings, self.folder)

    def stop_sink(self) -> None:
        """As its process ends."""
        if self.forwarder is not None:
            self.forwarder.stop()
            self.forwarder = None

    def record(self, rows: Sequence[Row]) -> None:
        """Samples; the first of a row is the index of the tag."""
        self.historian.record(batch(rows))

    @property
    def status(self) -> SinkStatus:
        """How the sink is."""
        assert self.forwarder is not None
        return self.forwarder.status()

    def reach(self, state: State) -> None:
        """Wait until the sink is in a state."""
        eventually(lambda: self.status.state is state, lambda: self.status)

    def arrive(self) -> None:
        """Wait until nothing is left to be sent."""
        assert self.historian.flush()
        eventually(
            lambda: (self.status.queue, self.status.events_queue) == (0, 0), lambda: self.status
        )

    def local(self, tag: str) -> list[Reading]:
        """A tag as the local store has it."""
        with Reader(self.historian.path) as reader:
            found = reader.raw(tag, 0, END_OF_TIME_NS)
        has_value = np.isfinite(found.values) & (found.quality < FIRST_BAD)
        columns = (found.time_ns.tolist(), found.values.tolist(), found.quality.tolist())
        return [
            Reading(time_ns, value if whole else None, quality)
            for time_ns, value, quality, whole in zip(*columns, has_value.tolist(), strict=True)
        ]

    def assert_all_there(self) -> None:
        """Every sample of the store is on the server, once and bit for bit; nothing else is."""
        for station in {tag.station for tag in self.tags}:
            found = all_readings(self.server.read, station)
            assert set(found) <= {tag.name for tag in self.tags}
            for tag in (t.name for t in self.tags if t.station == station):
                wanted = self.local(tag)
                assert len(found.get(tag, [])) == len(wanted), tag
                assert exactly(found.get(tag, [])) == exactly(wanted), tag


def exactly(found: Sequence[Reading]) -> list[tuple[int, str | None, int]]:
    """Readings in which 0.0 and -0.0 differ."""
    return [(r.time_ns, None if r.value is None else r.value.hex(), r.quality) for r in found]
