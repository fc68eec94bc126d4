"""The mirror: the tags of all controllers of a line as they were said last, and what changed when.

Every tag keeps the tick of its last change, so a client needs no queue: it is a position, and what
it has not seen is what changed since. A controller that falls silent makes its tags Bad here; their
numbers stay, to be read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.core.sample import Quality
from controller.live_frames import Frame, Hello, TagMeta

NS = 1_000_000_000
SILENT_S = 0.8  # without a frame; ten come in a second
FIRST_ROOM = 256


@dataclass(slots=True)
class Source:
    """One controller. rows: where its tags lie in the mirror; seen_s: when the last frame came.

    serial: newer ones are higher; a station that moved belongs to the newest that claims it.
    ahead_ns: plant time less the clock of links, by the frame that came with the least delay.
    """

    serial: int
    hello: Hello
    rows: NDArray[np.intp]
    seen_s: float
    number: int = 0
    utc_ns: int = 0
    silent: bool = False
    ahead_ns: int | None = None

    def now_ns(self, link_s: float) -> int:
        """Plant time of this controller at a moment, whether it speaks or not; 0 before it did.

        It goes on while the controller, or this process, stands still: so what was seen before
        grows old.
        """
        return 0 if self.ahead_ns is None else self.ahead_ns + self._passed_ns(link_s)

    def heard(self, utc_ns: int, link_s: float) -> None:
        """A frame of a plant time came."""
        self.seen_s, self.silent, self.utc_ns = link_s, False, utc_ns
        ahead_ns = utc_ns - self._passed_ns(link_s)
        self.ahead_ns = ahead_ns if self.ahead_ns is None else max(self.ahead_ns, ahead_ns)

    def _passed_ns(self, link_s: float) -> int:
        return round(link_s * self.hello.speed * NS)


class Mirror:
    """The image of a line. Not for several threads at once.

    value, quality, time_ns: as in the tag table; changed: tick of the last change of each tag.
    """

    def __init__(self) -> None:
        self.tags: list[TagMeta] = []
        self.tick = 0
        self.sources: dict[str, Source] = {}
        self._index: dict[str, int] = {}
        self._value = np.zeros(FIRST_ROOM)
        self._quality = np.full(FIRST_ROOM, int(Quality.BAD_NO_DATA), np.uint8)
        self._time_ns = np.zeros(FIRST_ROOM, np.int64)
        self._changed = np.zeros(FIRST_ROOM, np.int64)
        self._owner = np.zeros(FIRST_ROOM, np.int64)  # serial of the source that has a tag now
        self._serial = 0
        self._retold = 0  # tags that a controller described anew, otherwise than before

    def __len__(self) -> int:
        return len(self.tags)

    def __contains__(self, name: str) -> bool:
        return name in self._index

    @property
    def value(self) -> NDArray[np.float64]:
        """Last values."""
        return self._value[: len(self.tags)]

    @property
    def quality(self) -> NDArray[np.uint8]:
        """Last qualities, Bad where the controller is silent."""
        return self._quality[: len(self.tags)]

    @property
    def time_ns(self) -> NDArray[np.int64]:
        """Source times, UTC nanoseconds."""
        return self._time_ns[: len(self.tags)]

    @property
    def changed(self) -> NDArray[np.int64]:
        """Ticks of the last changes."""
        return self._changed[: len(self.tags)]

    @property
    def told(self) -> int:
        """Another number whenever there are other tags, or others are said of them."""
        return len(self.tags) + self._retold

    def index(self, name: str) -> int:
        """Where a tag lies, for as long as this mirror lives; KeyError when there is none."""
        return self._index[name]

    @property
    def utc_ns(self) -> int:
        """Plant time of the newest frame of all; 0 before the first."""
        return max((source.utc_ns for source in self.sources.values()), default=0)

    def now_ns(self, link_s: float) -> int:
        """Plant time at a moment, by the newest controller that was heard; 0 before the first."""
        heard = [s for s in self.sources.values() if s.ahead_ns is not None]
        talking = [s for s in heard if not s.silent] or heard
        newest = max(talking, key=lambda s: s.serial, default=None)
        return newest.now_ns(link_s) if newest else 0

    def stir(self) -> int:
        """A tick for a change of something that is no tag."""
        self.tick += 1
        return self.tick

    def controllers(self) -> dict[str, Source]:
        """Who feeds which station now."""
        found = sorted(self.sources.values(), key=lambda source: source.serial)
        return {name: source for source in found for name in source.hello.stations}

    def attach(self, hello: Hello, now_s: float) -> None:
        """A controller says who it is; a tag that was known keeps its place."""
        self._serial += 1
        source = Source(self._serial, hello, self._places(hello.tags), now_s)
        self.sources[hello.part] = source
        self._owner[source.rows] = source.serial
        self.tick += 1

    def apply(self, part: str, frame: Frame, now_s: float) -> None:
        """Take over a frame of a controller."""
        source = self.sources[part]
        source.heard(frame.utc_ns, now_s)
        source.number = frame.number
        rows = source.rows
        if (own := self._owner[rows] == source.serial).all():
            self._take(rows, frame.value, frame.quality, frame.time_ns)
        else:
            self._take(rows[own], frame.value[own], frame.quality[own], frame.time_ns[own])

    def _take(
        self,
        rows: NDArray[np.intp],
        value: NDArray[np.float64],
        quality: NDArray[np.uint8],
        time_ns: NDArray[np.int64],
    ) -> None:
        differs = self._quality[rows] != quality
        # Not a number differs from itself: compared as bits.
        differs |= self._value[rows].view(np.int64) != value.view(np.int64)
        self.tick += 1
        self._changed[rows[differs]] = self.tick
        self._value[rows] = value
        self._quality[rows] = quality
        self._time_ns[rows] = time_ns

    def lost(self, part: str) -> None:
        """A controller is silent or gone: its tags are Bad until it speaks again."""
        source = self.sources.get(part)
        if source is None or source.silent:
            return
        source.silent = True
        self.tick += 1
        rows = source.rows[self._owner[source.rows] == source.serial]
        self._quality[rows] = int(Quality.BAD_LINK)
        self._changed[rows] = self.tick

    def check(self, now_s: float) -> None:
        """Notice who has not been heard of for too long."""
        for part, source in self.sources.items():
            if now_s - source.seen_s > SILENT_S:
                self.lost(part)

    def _places(self, tags: Sequence[TagMeta]) -> NDArray[np.intp]:
        for tag in tags:
            at = self._index.setdefault(tag.name, len(self.tags))
            if at == len(self.tags):
                self.tags.append(tag)
            elif self.tags[at] != tag:
                self.tags[at] = tag
                self._retold += 1
        while len(self._value) < len(self.tags):
            self._grow()
        return np.array([self._index[tag.name] for tag in tags], np.intp)

    def _grow(self) -> None:
        room = len(self._value)
        self._value = np.append(self._value, np.zeros(room))
        bad = np.full(room, int(Quality.BAD_NO_DATA), np.uint8)
        self._quality = np.append(self._quality, bad)
        self._time_ns = np.append(self._time_ns, np.zeros(room, np.int64))
        self._changed = np.append(self._changed, np.zeros(room, np.int64))
        self._owner = np.append(self._owner, np.zeros(room, np.int64))
