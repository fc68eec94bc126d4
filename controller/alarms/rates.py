"""How often alarms come: chattering of one, flood of all that one operator sees."""

from collections import deque
from dataclasses import dataclass, field

NS = 1_000_000_000
CHATTER_COUNT, CHATTER_NS = 3, 60 * NS  # so many comings within so long
FLOOD_COUNT, FLOOD_END, FLOOD_NS = 10, 5, 600 * NS  # above so many in so long; over below


class Chatter:
    """The comings of one alarm. Times never run back; one that does counts as now."""

    __slots__ = ("_times", "burst")

    def __init__(self) -> None:
        self._times: deque[int] = deque(maxlen=CHATTER_COUNT)
        self.burst = 0  # comings, each within the time of chattering after the one before

    def came(self, time_ns: int) -> None:
        """The alarm has come once more."""
        times = self._times
        time_ns = max(time_ns, times[-1]) if times else time_ns
        close = bool(times) and time_ns - times[-1] <= CHATTER_NS
        self.burst = self.burst + 1 if close else 1
        times.append(time_ns)

    @property
    def times(self) -> tuple[int, ...]:
        """The last comings."""
        return tuple(self._times)

    def at(self, time_ns: int) -> bool:
        """Whether it chatters: so many comings within the time before now."""
        times = self._times
        return len(times) == CHATTER_COUNT and time_ns - times[0] <= CHATTER_NS

    def plain(self) -> list[int]:
        """For the memory of the station: the burst, then the last comings."""
        return [self.burst, *self._times]

    def recall(self, plain: list[int]) -> None:
        """From the memory of the station."""
        self.burst = plain[0] if plain else 0
        self._times.extend(plain[1:])


@dataclass(slots=True)
class FloodView:
    """What a screen shows of a flood. stations: comings of each since the flood began, with the
    first alarm of each."""

    since_ns: int
    stations: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Comings since it began, with those that made it a flood."""
        return sum(n for n, _ in self.stations.values())


class FloodWatch:
    """Whether more alarms come than one operator can answer.

    A flood begins with the coming that makes more than 10 within 10 min and ends when fewer than 5
    lie within the last 10 min. One coming is kept for each of the counts, whatever the rate.
    stations: what this operator looks after; empty for all.
    """

    def __init__(self, operator: str = "", stations: frozenset[str] = frozenset()) -> None:
        self.operator, self.stations = operator, stations
        self.ended: list[tuple[int, int]] = []  # spans of floods that are over; the owner clears it
        self.now: FloodView | None = None
        self._last: deque[tuple[int, str, str]] = deque(maxlen=FLOOD_COUNT + 1)

    @property
    def recent(self) -> tuple[tuple[int, str, str], ...]:
        """The last comings, oldest first: time, station, alarm. No more are kept than a flood
        begins with."""
        return tuple(self._last)

    def came(self, time_ns: int, station: str = "", alarm: str = "") -> bool:
        """An alarm has come; True when with it a flood begins."""
        if self.stations and station not in self.stations:
            return False
        last = self._last
        time_ns = max(time_ns, last[-1][0]) if last else time_ns
        self.look(time_ns)
        last.append((time_ns, station, alarm))
        if self.now is not None:
            self._count(station, alarm)
            return False
        if len(last) <= FLOOD_COUNT or time_ns - last[0][0] >= FLOOD_NS:
            return False
        self.now = FloodView(time_ns)
        for _, its, first in last:
            self._count(its, first)
        return True

    def look(self, time_ns: int) -> bool:
        """Time goes on; True when a flood has ended by it, its span is in `ended` then."""
        if self.now is None:
            return False
        end_ns = self._last[-FLOOD_END][0] + FLOOD_NS
        if time_ns < end_ns:
            return False
        self.ended.append((self.now.since_ns, end_ns))
        self.now = None
        return True

    def _count(self, station: str, alarm: str) -> None:
        if self.now is not None:
            n, first = self.now.stations.get(station, (0, alarm))
            self.now.stations[station] = n + 1, first
