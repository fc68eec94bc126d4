"""The alarm journal: every change of state of every alarm, read back from history."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from controller.alarms.states import AlarmState, Move
from controller.core.errors import DrylineError
from controller.core.event import Event, EventKind
from controller.core.sample import quality_text
from controller.history.source import BEGINNING, END, HistorySource
from controller.runs.csv_cells import Cell, line

NS = 1_000_000_000
BATCH = 5000
HEAD: tuple[str, ...] = (
    "time", "station", "alarm", "occurrence", "from", "to", "move", "priority", "value", "limit",
    "quality", "actor", "reason", "first", "text",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One change of state of one alarm; the fields are those of `transition.Transition`."""

    time_ns: int
    station: str
    alarm: str
    occurrence: int
    before: AlarmState
    after: AlarmState
    move: Move
    priority: int
    value: float = math.nan
    limit: float = math.nan
    quality: int = 0
    actor: str = ""
    reason: str = ""
    first: str = ""
    text: str = ""

    @property
    def came(self) -> bool:
        """With it the alarm was announced to a person."""
        return self.after is AlarmState.UNACKNOWLEDGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which entries are wanted; empty fields want all. text: part of the alarm's id or text."""

    station: str = ""
    priorities: frozenset[int] = frozenset()
    moves: frozenset[Move] = frozenset()
    text: str = ""

    def wants(self, entry: Entry) -> bool:
        """Whether it is one of them."""
        if self.station and entry.station != self.station:
            return False
        if self.priorities and entry.priority not in self.priorities:
            return False
        if self.moves and entry.move not in self.moves:
            return False
        wanted = self.text.casefold()
        return wanted in entry.alarm.casefold() or wanted in entry.text.casefold()


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, the newest first. cursor: to go on with older ones, "" when there are none."""

    entries: tuple[Entry, ...]
    cursor: str


def entries_of(event: Event) -> tuple[Entry, ...]:
    """The changes of state that an event keeps; none where it is not of the journal.

    An event that cannot be understood (of another version of the program) keeps none.
    """
    data = event.data
    if event.kind is not EventKind.ALARM:
        return ()
    try:
        if "alarms" in data:
            rows = data["alarms"]
            if not isinstance(rows, list):
                return ()
            return tuple(_one_of_many(event, *row) for row in rows)
        return (_entry(event),) if "move" in data else ()
    except (KeyError, TypeError, ValueError):
        return ()


def _entry(event: Event) -> Entry:
    data = event.data
    return Entry(
        time_ns=event.time_ns,
        station=event.station,
        alarm=str(data["alarm"]),
        occurrence=int(str(data["occurrence"])),
        before=AlarmState(str(data["from"])),
        after=AlarmState(str(data["to"])),
        move=Move(str(data["move"])),
        priority=int(str(data["priority"])),
        value=_figure(data["value"]),
        limit=_figure(data["limit"]),
        quality=int(str(data["quality"])),
        actor=event.actor,
        reason=str(data["reason"]),
        first=str(data["first"]),
        text=event.text,
    )


def _one_of_many(event: Event, alarm: str, occurrence: int, priority: int) -> Entry:
    data = event.data
    return Entry(
        time_ns=event.time_ns,
        station=event.station,
        alarm=alarm,
        occurrence=occurrence,
        before=AlarmState(str(data["from"])),
        after=AlarmState(str(data["to"])),
        move=Move(str(data["move"])),
        priority=priority,
        actor=event.actor,
        reason=str(data["reason"]),
        text=f"{alarm} {data['to']}: {data['reason']}",
    )


def read(
    source: HistorySource,
    start_ns: int = BEGINNING,
    stop_ns: int = END,
    wanted: Filter | None = None,
    *,
    limit: int = 200,
    cursor: str = "",
) -> Page:
    """A page of the journal, the newest entries first; a cursor of an earlier page goes on there.

    An event is never cut: a page may have a few entries more than its limit.
    """
    wanted = wanted or Filter()
    stop_ns, skip = _placed(cursor, stop_ns)
    found: list[Entry] = []
    for event, place in _newest_first(source, start_ns, stop_ns, wanted.station, skip, limit):
        found.extend(e for e in reversed(entries_of(event)) if wanted.wants(e))
        if len(found) >= limit:
            return Page(tuple(found), place)
    return Page(tuple(found), "")


def entries(
    source: HistorySource, start_ns: int = BEGINNING, stop_ns: int = END, station: str = ""
) -> list[Entry]:
    """All entries of a window, the oldest first."""
    events = _newest_first(source, start_ns, stop_ns, station, 0, BATCH)
    found = [e for event, _ in events for e in reversed(entries_of(event))]
    found.reverse()
    return found


def as_csv(rows: Iterable[Entry]) -> Iterator[str]:
    """The lines of a CSV file, in which no text can become a formula."""
    yield line(HEAD)
    for e in rows:
        yield line(_cells(e))


def plain(e: Entry) -> dict[str, object]:
    """An entry as plain JSON values."""
    return {**dict(zip(HEAD, _cells(e), strict=True)), "time_ns": e.time_ns}


def _cells(e: Entry) -> Sequence[Cell]:
    return (
        utc_text(e.time_ns), e.station, e.alarm, e.occurrence, e.before.value, e.after.value,
        e.move.value, e.priority, _blank(e.value), _blank(e.limit), quality_text(e.quality),
        e.actor, e.reason, e.first, e.text,
    )  # fmt: skip


def _newest_first(
    source: HistorySource, start_ns: int, stop_ns: int, station: str, skip: int, batch: int
) -> Iterator[tuple[Event, str]]:
    """Alarm events with the cursor behind each; never more than a batch in memory.

    The place is a time and how many events of exactly that time were seen: events of one scan have
    the same.
    """
    batch = min(max(batch, 100), BATCH)
    while True:
        found = source.events(
            start_ns,
            stop_ns,
            station=station or None,
            kind=EventKind.ALARM,
            limit=batch + skip,
        )
        fresh = found[: len(found) - skip] if skip else found
        seen = skip
        for event in reversed(fresh):
            seen = seen + 1 if event.time_ns == stop_ns - 1 else 1
            stop_ns = event.time_ns + 1
            yield event, f"{event.time_ns}:{seen}"
        if len(found) < batch + skip or not fresh:
            return
        skip = seen


def _placed(cursor: str, stop_ns: int) -> tuple[int, int]:
    if not cursor:
        return stop_ns, 0
    time, _, seen = cursor.partition(":")
    try:
        return int(time) + 1, int(seen)
    except ValueError:
        raise DrylineError(f"cursor {cursor!r}: not one of an earlier page") from None


def _figure(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _blank(value: float) -> float | None:
    return value if math.isfinite(value) else None


def utc_text(time_ns: int) -> str:
    """'2026-01-01T00:00:00.123Z'."""
    whole = datetime.fromtimestamp(time_ns // NS, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{time_ns % NS // 1_000_000:03d}Z"
