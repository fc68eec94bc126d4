"""How good the alarm system is: the figures of ISA-18.2 / IEC 62682, from the journal alone."""

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from controller.alarms.journal import Entry, entries
from controller.alarms.rates import (
    CHATTER_COUNT,
    CHATTER_NS,
    FLOOD_COUNT,
    FLOOD_NS,
    FloodWatch,
)
from controller.alarms.states import STANDING, Move
from controller.history.source import BEGINNING, HistorySource

NS = 1_000_000_000
HOUR_NS, DAY_NS = 3600 * NS, 86_400 * NS
STALE_NS = DAY_NS
TOP = 10
# What the standards and their users call good: share of priority 3 and 4, of 2, of 1.
GOOD_SPLIT = (0.80, 0.15, 0.05)
GOOD_PER_HOUR, MOST_PER_HOUR = 6.0, 12.0  # acceptable, manageable, for one operator
GOOD_FLOOD, GOOD_STALE, GOOD_CHATTERING, GOOD_PEAK = 0.01, 5, 0, FLOOD_COUNT

GOOD: Mapping[str, object] = {
    "per_operator_hour": GOOD_PER_HOUR,
    "most_per_operator_hour": MOST_PER_HOUR,
    "peak_10_min": GOOD_PEAK,
    "share_in_flood": GOOD_FLOOD,
    "stale": GOOD_STALE,
    "chattering": GOOD_CHATTERING,
    "split": dict(zip(("low_and_medium", "high", "critical"), GOOD_SPLIT, strict=True)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Figures of one window. An alarm counts when it is announced, however long it stands.

    peak: most alarms within any 10 min of the window; flood_spans: begin and end of each flood, cut
    to the window; in_flood: share of the window. stale: alarms
    that at some time in it had stood for more than 24 h, with the hours they stood by its end.
    chattering: that came three times within 60 s. p50_s, p90_s: of times to acknowledge, None
    where nobody acknowledged anything (nearest rank, so a time that was really taken).
    """

    start_ns: int
    stop_ns: int
    operators: int
    alarms: int
    peak: int
    floods: int
    flood_spans: tuple[tuple[int, int], ...]
    in_flood: float
    top: tuple[tuple[str, int], ...]
    stale: Mapping[str, float]
    chattering: tuple[str, ...]
    priorities: Mapping[int, int]
    acknowledged: int
    p50_s: float | None
    p90_s: float | None

    @property
    def hours(self) -> float:
        """Length of the window."""
        return (self.stop_ns - self.start_ns) / HOUR_NS

    @property
    def per_hour(self) -> float:
        """Alarms per operator and hour."""
        return self.alarms / self.hours / self.operators

    @property
    def per_10_min(self) -> float:
        """Alarms per operator and 10 min."""
        return self.per_hour / 6.0

    @property
    def top_share(self) -> float:
        """Share of the ten most frequent ones."""
        return sum(n for _, n in self.top) / self.alarms if self.alarms else 0.0

    @property
    def split(self) -> tuple[float, float, float]:
        """Shares of low and medium, of high, of critical."""
        p, n = self.priorities, max(self.alarms, 1)
        return (p[3] + p[4]) / n, p[2] / n, p[1] / n

    def plain(self) -> dict[str, object]:
        """As plain JSON values."""
        low, high, critical = self.split
        return {
            "start_ns": self.start_ns,
            "stop_ns": self.stop_ns,
            "operators": self.operators,
            "alarms": self.alarms,
            "per_operator_hour": self.per_hour,
            "per_10_min": self.per_10_min,
            "per_day": self.per_hour * 24.0,
            "peak_10_min": self.peak,
            "floods": self.floods,
            "flood_spans": [{"start_ns": a, "stop_ns": b} for a, b in self.flood_spans],
            "share_in_flood": self.in_flood,
            "top": [{"alarm": alarm, "count": n} for alarm, n in self.top],
            "top_share": self.top_share,
            "stale": dict(self.stale),
            "chattering": list(self.chattering),
            "priorities": {str(p): n for p, n in self.priorities.items()},
            "split": {"low_and_medium": low, "high": high, "critical": critical},
            "acknowledged": self.acknowledged,
            "acknowledge_p50_s": self.p50_s,
            "acknowledge_p90_s": self.p90_s,
            "good": GOOD,
        }


def report(
    source: HistorySource, start_ns: int, stop_ns: int, *, station: str = "", operators: int = 1
) -> Report:
    """The figures of a window out of the whole journal before and in it.

    What came before decides what stands, floods and chatters at the beginning of the window.
    """
    return figures(entries(source, BEGINNING, stop_ns, station), start_ns, stop_ns, operators)


def figures(journal: Iterable[Entry], start_ns: int, stop_ns: int, operators: int = 1) -> Report:
    """The figures of a window. journal: in the order of time, from well before the window on."""
    if not start_ns < stop_ns:
        raise ValueError(f"window of {stop_ns - start_ns} ns")
    tally = _Tally(start_ns, stop_ns)
    for entry in journal:
        if entry.time_ns < stop_ns:
            tally.take(entry)
    return tally.report(operators)


@dataclass(slots=True)
class _Tally:
    """What has been counted so far."""

    start_ns: int
    stop_ns: int
    times: list[int] = field(default_factory=list)  # comings in the window
    counts: Counter[str] = field(default_factory=Counter)
    priorities: Counter[int] = field(default_factory=Counter)
    waits_ns: list[int] = field(default_factory=list)
    chattering: set[str] = field(default_factory=set)
    stale: dict[str, float] = field(default_factory=dict)
    came: dict[str, deque[int]] = field(default_factory=dict)  # last comings of each alarm
    since: dict[str, int] = field(default_factory=dict)  # what stands, and since when
    flood: FloodWatch = field(default_factory=FloodWatch)

    def take(self, entry: Entry) -> None:
        """One change of state."""
        inside = entry.time_ns >= self.start_ns
        if inside and entry.move is Move.ACKNOWLEDGE and entry.alarm in self.came:
            self.waits_ns.append(entry.time_ns - self.came[entry.alarm][-1])
        if entry.before not in STANDING or entry.after not in STANDING:
            self._falls(entry.alarm, entry.time_ns)
        if entry.after in STANDING:
            self.since.setdefault(entry.alarm, entry.time_ns)
        if entry.came:
            self._comes(entry, inside)

    def _comes(self, entry: Entry, inside: bool) -> None:
        self.flood.came(entry.time_ns)
        last = self.came.setdefault(entry.alarm, deque(maxlen=CHATTER_COUNT))
        last.append(entry.time_ns)
        if not inside:
            return
        self.times.append(entry.time_ns)
        self.counts[entry.alarm] += 1
        self.priorities[entry.priority] += 1
        if len(last) == CHATTER_COUNT and entry.time_ns - last[0] <= CHATTER_NS:
            self.chattering.add(entry.alarm)

    def _falls(self, alarm: str, time_ns: int) -> None:
        """It stands no longer: was it stale at some time in the window?"""
        since_ns = self.since.pop(alarm, None)
        if since_ns is None or max(self.start_ns, since_ns + STALE_NS) >= time_ns:
            return
        hours = (time_ns - since_ns) / HOUR_NS
        self.stale[alarm] = max(hours, self.stale.get(alarm, 0.0))

    def report(self, operators: int) -> Report:
        """The figures."""
        for alarm in tuple(self.since):
            self._falls(alarm, self.stop_ns)
        spans = self._floods()
        waits = sorted(self.waits_ns)
        return Report(
            start_ns=self.start_ns,
            stop_ns=self.stop_ns,
            operators=operators,
            alarms=len(self.times),
            peak=_peak(self.times),
            floods=len(spans),
            flood_spans=tuple(spans),
            in_flood=sum(b - a for a, b in spans) / (self.stop_ns - self.start_ns),
            top=tuple(sorted(self.counts.items(), key=lambda x: (-x[1], x[0]))[:TOP]),
            stale=dict(sorted(self.stale.items())),
            chattering=tuple(sorted(self.chattering)),
            priorities={p: self.priorities[p] for p in range(1, 5)},
            acknowledged=len(waits),
            p50_s=_rank(waits, 50),
            p90_s=_rank(waits, 90),
        )

    def _floods(self) -> list[tuple[int, int]]:
        self.flood.look(self.stop_ns)
        spans = list(self.flood.ended)
        if self.flood.now is not None:
            spans.append((self.flood.now.since_ns, self.stop_ns))
        cut = [(max(a, self.start_ns), min(b, self.stop_ns)) for a, b in spans]
        return [(a, b) for a, b in cut if a < b]


def _peak(times: Sequence[int]) -> int:
    """Most comings within 10 min, the later edge included."""
    return max(
        (k + 1 - bisect_left(times, t - FLOOD_NS + 1) for k, t in enumerate(times)), default=0
    )


def _rank(ordered: Sequence[int], percent: int) -> float | None:
    """Nearest rank, in seconds."""
    if not ordered:
        return None
    return ordered[(percent * len(ordered) + 99) // 100 - 1] / NS
