"""A change of state of an alarm, and the event that the journal keeps of it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from controller.alarms.definition import AlarmDefinition, Measure
from controller.alarms.states import AlarmState, Move
from controller.core.event import Event, EventKind

TOGETHER = (Move.SUPPRESS, Move.RELEASE)  # many at once, and no news of any of them alone
_QUIET = (AlarmState.NORMAL, AlarmState.SUPPRESSED)
_SAYS = {
    Move.RAISE: "alarm",
    Move.CLEAR: "alarm gone",
    Move.LATCH: "alarm gone, to be reset",
    Move.ACKNOWLEDGE: "acknowledged",
    Move.RESET: "reset",
    Move.SHELVE: "shelved",
    Move.UNSHELVE: "back from the shelf",
    Move.SUPPRESS: "suppressed by design",
    Move.RELEASE: "no longer suppressed",
    Move.REMOVE: "taken out of service",
    Move.RETURN: "back in service",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One alarm went from one state to another.

    occurrence: which coming of the alarm it belongs to, 0 before the first; value: what decided, or
    the last one known; limit: that it was judged by; first: id of the first alarm of its group when
    it came, its own id where it is the first, "" without a group. relative: value and limit are
    deviations from the reference of the alarm.
    """

    alarm: AlarmDefinition
    occurrence: int
    before: AlarmState
    after: AlarmState
    move: Move
    time_ns: int
    value: float = math.nan
    limit: float = math.nan
    quality: int = 0
    actor: str = ""
    reason: str = ""
    first: str = ""
    relative: bool = False

    @property
    def text(self) -> str:
        """'CAL.LOAD.PV hi alarm: 1010 N/mm, limit 1000 N/mm: line load high'."""
        a = self.alarm
        says = f"{a.subject or a.tag} {a.name} {_SAYS[self.move]}"
        if self.move in (Move.RAISE, Move.CLEAR, Move.LATCH):
            says += self._figures()
        if self.move is Move.RAISE:
            says += f": {a.text}"
        return f"{says}: {self.reason}" if self.reason else says

    def _figures(self) -> str:
        if not math.isfinite(self.value):
            return ""
        if 0 <= self.value < len(self.alarm.labels):
            return f": {self.alarm.labels[int(self.value)]}"
        unit = self.alarm.unit
        value = _shown(self.value, unit)
        if self.relative and self.alarm.measure is Measure.DEVIATION:
            value += f" from {self.alarm.reference}"
        return f": {value}, limit {_shown(self.limit, unit)}" if self.armed else f": {value}"

    @property
    def armed(self) -> bool:
        """There was a limit to judge by."""
        return math.isfinite(self.limit)

    def plain(self) -> dict[str, object]:
        """What the journal keeps, as plain JSON values; None where there is no number."""
        a = self.alarm
        return {
            "alarm": a.id,
            "name": a.name,
            "occurrence": self.occurrence,
            "move": self.move.value,
            "from": self.before.value,
            "to": self.after.value,
            "priority": int(a.priority),
            "value": _number(self.value),
            "limit": _number(self.limit),
            "quality": self.quality,
            "reason": self.reason,
            "group": a.group,
            "first": self.first,
        }


def events(transitions: Iterable[Transition]) -> list[Event]:
    """The events of what a board told in one scan or command.

    What a station's state suppresses or releases while nothing was wrong with it goes into one
    event together: nobody wants to read it, and the journal stays complete all the same.
    """
    told: list[Event] = []
    for together, group in groupby(transitions, _gathered):
        several = list(group)
        if together is not None and len(several) > 1:
            told.append(_event_of_many(several))
        else:
            told.extend(_event(t) for t in several)
    return told


def _gathered(t: Transition) -> tuple[object, ...] | None:
    if t.move in TOGETHER and t.before in _QUIET and t.after in _QUIET:
        return t.move, t.time_ns, t.reason, t.alarm.station
    return None


def _event(t: Transition) -> Event:
    return Event(
        time_ns=t.time_ns,
        kind=EventKind.ALARM,
        station=t.alarm.station,
        subject=t.alarm.subject or t.alarm.tag,
        text=t.text,
        actor=t.actor,
        data=t.plain(),
    )


def _event_of_many(several: Sequence[Transition]) -> Event:
    one = several[0]
    return Event(
        time_ns=one.time_ns,
        kind=EventKind.ALARM,
        station=one.alarm.station,
        subject=one.alarm.station,
        text=f"{len(several)} alarms {_SAYS[one.move]}: {one.reason}",
        actor=one.actor,
        data={
            "alarms": [[t.alarm.id, t.occurrence, int(t.alarm.priority)] for t in several],
            "move": one.move.value,
            "from": one.before.value,
            "to": one.after.value,
            "reason": one.reason,
        },
    )


def _shown(value: float, unit: str) -> str:
    return f"{value:.5g} {unit}".rstrip(" -")


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
