"""Frames of the live socket: what a view shows, encoded once for all who look alike.

A frame holds everything in a view that changed since a position. Frames are kept for the tick they
were made at, by view and position, so that clients in step share one encoding.
"""

import fnmatch
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from controller.api.alarm_watch import AlarmImage
from controller.api.counts import Counts
from controller.api.line_facts import LineFacts
from controller.api.mirror import Mirror
from controller.api.station_watch import StationImage
from controller.core.sample import GOOD
from controller.live_frames import TagMeta

NS_PER_MS = 1_000_000
OLD_MS = 1_000  # a value so much older than its frame says its own time
MOST_TAGS = 4_000
MOST_PATTERNS = 500
MOST_WILD = 20  # of them with *: each is compared with every tag
NEVER = -1  # the position of who has seen nothing
Row = list[Any]
Key = tuple[bytes, bool, bool]


@dataclass(frozen=True, eq=False)
class View:
    """What one window shows. patterns: names of tags, * for any part of one; rows: in the mirror;
    told: of the mirror when it was made, by another one it would be another; alarms, stations: it
    shows them too."""

    patterns: tuple[str, ...]
    rows: NDArray[np.intp]
    told: int
    alarms: bool
    stations: bool
    unknown: tuple[str, ...]

    @cached_property
    def key(self) -> Key:
        """Equal for views that show the same."""
        return self.rows.tobytes(), self.alarms, self.stations


def view_of(
    mirror: Mirror, patterns: Sequence[str], *, alarms: bool = False, stations: bool = False
) -> View:
    """The view of some patterns; those that name nothing are `unknown`."""
    found: dict[int, None] = {}
    unknown = []
    names = [tag.name for tag in mirror.tags]
    for pattern in patterns:
        if "*" in pattern:
            matching = [k for k, name in enumerate(names) if _matches(name, pattern)]
        else:
            matching = [mirror.index(pattern)] if pattern in mirror else []
        if not matching:
            unknown.append(pattern)
        found |= dict.fromkeys(matching)
    rows = np.array(sorted(found)[:MOST_TAGS], np.intp)
    return View(tuple(patterns), rows, mirror.told, alarms, stations, tuple(unknown))


def _matches(name: str, pattern: str) -> bool:
    """Only * means anything: brackets and question marks are what they are."""
    plain = pattern.replace("[", "[[]").replace("?", "[?]")
    return fnmatch.fnmatchcase(name, plain)


def meta(mirror: Mirror, view: View) -> list[dict[str, Any]]:
    """What a screen needs to know about the tags of a view."""
    return [{"i": k, **tag_meta(mirror.tags[k])} for k in view.rows.tolist()]


def tag_meta(tag: TagMeta) -> dict[str, Any]:
    """One tag. d: decimals that mean something."""
    return {
        "n": tag.name, "s": tag.station, "tx": tag.description, "u": tag.unit, "k": tag.kind,
        "lo": tag.low, "hi": tag.high, "d": _decimals(tag), "lb": list(tag.labels),
    }  # fmt: skip


def _decimals(tag: TagMeta) -> int:
    if tag.resolution > 0.0:
        return max(0, min(9, math.ceil(-math.log10(tag.resolution) - 1e-9)))
    span = abs(tag.high - tag.low)
    return max(0, min(9, 4 - math.ceil(math.log10(span)))) if span > 0.0 else 3


class FrameMaker:
    """Makes and keeps the frames of the present tick."""

    def __init__(
        self, mirror: Mirror, alarms: AlarmImage, stations: StationImage, facts: LineFacts,
        counts: Counts,
    ) -> None:  # fmt: skip
        self._mirror, self._alarms, self._stations = mirror, alarms, stations
        self._counts = counts
        self._scans: Mapping[str, tuple[str, str]] = {
            s.prefix: (f"{s.prefix}.SCAN.COUNT", f"{s.prefix}.SCAN.OVERRUNS")
            for s in facts.stations.values()
        }
        self._made: dict[tuple[Any, ...], bytes] = {}
        self._newest: dict[Key, int] = {}
        self._tick = -1
        self._beat: bytes = b""

    def begin(self, *, beat: bool) -> None:
        """A new round: what was made for the tick before is of no use. beat: with scan counters."""
        self._made.clear()
        self._newest.clear()
        self._tick = self._mirror.tick
        self._beat = b',"st":' + orjson.dumps(self._counters()) if beat else b""

    def changed(self, view: View, position: int) -> bool:
        """Something in the view has changed since a position."""
        newest = self._newest.get(view.key)
        if newest is None:
            newest = int(self._mirror.changed[view.rows].max()) if len(view.rows) else 0
            if view.alarms:
                newest = max(newest, self._alarms.changed)
            if view.stations:
                newest = max(newest, self._stations.changed)
            self._newest[view.key] = newest
        return newest > position

    def frame(self, view: View, number: int, position: int, utc_ns: int) -> tuple[bytes, int]:
        """What changed since a position, for the view number of a client; and its own position."""
        key = (view.key, position)
        tail = self._made.get(key)
        if tail is None:
            tail = self._made[key] = self._tail(view, position, utc_ns)
            self._counts.encoded += 1
        return b'{"op":"f","id":%d,' % number + tail, self._tick

    def _tail(self, view: View, position: int, utc_ns: int) -> bytes:
        t_ms = utc_ns // NS_PER_MS
        full = position == NEVER
        body: dict[str, Any] = {"s": self._tick, "p": max(position, 0), "t": t_ms}
        if full:
            body["full"] = True
        body["v"] = self._values(view, position, t_ms)
        if view.alarms and self._alarms.changed > position:
            body["a"] = self._alarms.since(position)
            body["n"] = self._alarms.unacknowledged
            body["fl"] = self._alarms.floods
        if view.stations and self._stations.changed > position:
            body["ss"] = self._stations.since(position)
        return orjson.dumps(body)[1:-1] + self._beat + b"}"

    def _values(self, view: View, position: int, t_ms: int) -> list[Row]:
        mirror = self._mirror
        rows = view.rows[mirror.changed[view.rows] > position] if position != NEVER else view.rows
        value = mirror.value[rows]
        finite = np.isfinite(value).tolist()
        quality = mirror.quality[rows].tolist()
        times = (mirror.time_ns[rows] // NS_PER_MS).tolist()
        columns = zip(rows.tolist(), value.tolist(), finite, quality, times, strict=True)
        found: list[Row] = []
        for k, number, is_finite, q, time_ms in columns:
            row: Row = [k, number if is_finite else None]
            old = time_ms > 0 and t_ms - time_ms > OLD_MS
            if q != GOOD or old:
                row.append(q)
            if old:
                row.append(time_ms)
            found.append(row)
        return found

    def _counters(self) -> dict[str, list[int]]:
        mirror = self._mirror
        return {
            prefix: [_whole(mirror, tag) for tag in tags] for prefix, tags in self._scans.items()
            if all(tag in mirror for tag in tags)
        }  # fmt: skip


def _whole(mirror: Mirror, tag: str) -> int:
    value = float(mirror.value[mirror.index(tag)])
    return int(value) if math.isfinite(value) else 0


def wild(patterns: Iterable[object]) -> int:
    """How many patterns mean more than one name."""
    return sum(1 for pattern in patterns if "*" in str(pattern))


def texts(patterns: Iterable[object]) -> tuple[str, ...] | None:
    """Patterns as a client sent them; None when they are none."""
    found = tuple(patterns)
    if len(found) > MOST_PATTERNS:
        return None
    if not all(isinstance(p, str) and 0 < len(p) <= 200 for p in found):
        return None
    if wild(found) > MOST_WILD:
        return None
    return tuple(dict.fromkeys(str(p) for p in found))
