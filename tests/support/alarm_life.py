"""The life of alarms on the real stations: they come, a person acts on them, they go.

Every play runs in a fork of a warm plant. What it gives back are plain values: the journal of every
alarm concerned, what was refused, what the PLC showed, and the figures of the KPI report.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from controller.alarms.alarm import NS, Alarm, By
from controller.alarms.board import AlarmBoard
from controller.alarms.journal import Entry, entries_of
from controller.alarms.kpi import figures
from controller.alarms.states import AlarmState
from controller.control.alarm_desk import AlarmDesk
from controller.control.states import State
from controller.core.errors import Refused
from controller.core.event import Verb
from plc_sim.lockstep import Lockstep
from tests.support.alarm_branches import aside, blind
from tests.support.alarm_causes import Cause
from tests.support.forked import in_fork

OPERATOR, ENGINEER = By(actor="ann"), By(actor="eve", engineer=True)
WAITING = frozenset({AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED, AlarmState.LATCHED})
AT_PEACE = frozenset({AlarmState.NORMAL, AlarmState.SUPPRESSED})
SHELF_NS = 600 * NS
RESET_S = 2000.0


class Person:
    """Sees to some alarms of a station the moment they come, between two scans.

    shelves: puts what has returned in the same scan (its station has tripped by it) on the shelf
    instead of acknowledging it; both is not possible then.
    """

    def __init__(
        self, line: Lockstep, desk: AlarmDesk, alarms: Sequence[str], *, shelves: bool
    ) -> None:
        self.line, self.desk, self.shelves = line, desk, shelves
        self.hidden: list[str] = []  # came and were suppressed in one scan
        self._known = {name: desk.board.alarms[name].occurrence for name in alarms}
        self.left = list(alarms)
        self.came_s: dict[str, float] = {}
        self.refused: dict[str, list[str]] = {name: [] for name in alarms}

    @property
    def board(self) -> AlarmBoard:
        return self.desk.board

    def look(self, now_s: float) -> None:
        """Part of every scan."""
        for name in [n for n in self.left if self._of(n).occurrence > self._known[n]]:
            self.left.remove(name)
            self.came_s[name] = now_s
            if self._state(name) is AlarmState.RETURNED:
                self.hidden.append(name)
            self._attend(name)

    def finish(self) -> None:
        """What still waits is acknowledged, what latches is reset."""
        for name in self.came_s:
            alarm = self.board.alarms[name]
            if alarm.state in WAITING:
                self._do("acknowledge", name, alarm.occurrence)
            if alarm.state is AlarmState.LATCHED_ACKNOWLEDGED:
                self._do("reset", name)

    def _attend(self, name: str) -> None:
        """Acknowledge and shelve; back from the shelf the alarm, which still holds, is a new one.

        What must not be done is tried first.
        """
        seen = self._of(name).occurrence
        self._try("acknowledge", name, seen - 1)
        if not (self.shelves and name in self.hidden):
            self._do("acknowledge", name, seen)
            self._try("acknowledge", name, seen)
        until_ns = self._utc_ns + SHELF_NS
        self._try("shelve", name, until_ns, reason=" ")
        self._try("shelve", name, self._utc_ns + 9 * 3600 * NS, reason="for too long")
        if not self._try("shelve", name, until_ns, reason="seen to"):
            self._try("shelve", name, until_ns, by=ENGINEER, reason="seen to")
        if self._state(name) is AlarmState.SHELVED:
            self._do("unshelve", name)

    def _do(self, act: str, name: str, *args: int, by: By = OPERATOR, **more: str) -> None:
        work = getattr(self.board, act)
        self.desk.told(work(name, *args, self._utc_ns, by, **more))

    def _try(self, act: str, name: str, *args: int, by: By = OPERATOR, **more: str) -> bool:
        """True when it was done; the code of the refusal is kept."""
        try:
            self._do(act, name, *args, by=by, **more)
        except Refused as refused:
            self.refused[name].append(refused.code)
            return False
        return True

    def _of(self, name: str) -> Alarm:
        return self.board.alarms[name]

    def _state(self, name: str) -> AlarmState:
        return self._of(name).state

    @property
    def _utc_ns(self) -> int:
        return self.line.clock.utc_ns()


def play(line: Lockstep, cause: Cause, *, shelves: bool = False) -> dict[str, Any]:
    """The whole life of the alarms of a cause, on a line that nobody needs afterwards."""
    station = line.stations[cause.station]
    desk = station.alarm_desk
    before = [name for name in cause.alarms if desk.board.alarms[name].state not in AT_PEACE]
    assert not before, f"already there: {before}"
    cause.before(line)
    person = Person(line, desk, cause.alarms, shelves=shelves)
    line.on_scan = person.look
    begun_s = line.plant.now_s
    cause.begin(line)
    _wait(line, lambda: not person.left, cause.within_s, lambda: f"not raised: {person.left}")
    if cause.trip:
        _wait(line, lambda: _trip(line, cause) == cause.trip, cause.settle_s + 1.0,
              lambda: f"trip is {_trip(line, cause)!r}, not {cause.trip!r}")  # fmt: skip
    _wait(line, lambda: _shown(line, cause) == dict(cause.shows), cause.settle_s,
          lambda: f"shows {_shown(line, cause)}, not {dict(cause.shows)}")  # fmt: skip
    at_worst = {
        "station": station.procedure.state.name,
        "blind": in_fork(lambda: blind(line, cause)),
        "aside": in_fork(lambda: aside(line, cause)),
    }
    cause.end(line)
    cause.repair(line)
    ended_s = line.plant.now_s
    if cause.goes_with_reset:
        _reset(line, cause, person)

    def gone() -> bool:
        person.finish()
        return all(desk.board.alarms[n].state in AT_PEACE for n in cause.alarms)

    _wait(line, gone, cause.gone_s, lambda: f"not gone: {_states(line, cause)}")
    gone_s = line.plant.now_s - ended_s
    if cause.trip:
        _reset(line, cause, person)
    return {
        "came_s": {name: round(at - begun_s, 1) for name, at in person.came_s.items()},
        "gone_s": round(gone_s, 1),
        "refused": person.refused,
        "hidden": person.hidden,
        **at_worst,
        **_books(line, cause, begun_s),
    }


def _reset(line: Lockstep, cause: Cause, person: Person) -> None:
    """RESET from wherever the trip has led, until the PLC has let go of it."""
    station = line.stations[cause.station]
    begun_s = line.plant.now_s
    while _trip(line, cause) != "none" or station.procedure.state is not State.IDLE:
        assert line.plant.now_s - begun_s < RESET_S, (
            f"still tripped ({_trip(line, cause)}) in {station.procedure.state.name}: "
            f"{station.procedure.reason}; {station.procedure.waiting_for()}"
        )
        if station.procedure.state in (State.ABORTED, State.STOPPED):
            line.command(cause.station, Verb.RESET)
        line.run(1.0)
        person.finish()


def _wait(line: Lockstep, test, within_s: float, why) -> None:
    end_s = line.plant.now_s + within_s
    while not test():
        assert line.plant.now_s < end_s, f"within {within_s:g} s: {why()}"
        line.run(0.1)


def _trip(line: Lockstep, cause: Cause) -> str:
    plc = line.plcs[cause.station]
    return str(plc.logic.TRIPS[plc.trip_code])


def _shown(line: Lockstep, cause: Cause) -> dict[str, float]:
    return {tag: round(line.value(tag), 3) for tag in cause.shows}


def journal_of(line: Lockstep) -> list[Entry]:
    """Everything the alarm journal has of a line."""
    return [entry for event in line.log.events for entry in entries_of(event)]


def _books(line: Lockstep, cause: Cause, begun_s: float) -> dict[str, Any]:
    """Journal of the alarms concerned, and figures since the cause began beside our own count."""
    every = journal_of(line)
    start_ns = line.clock.utc0_ns + round(begun_s * NS)
    stop_ns = line.clock.utc_ns() + 1
    report = figures(every, start_ns, stop_ns)
    since = [e for e in every if e.time_ns >= start_ns]
    counted: dict[str, int] = {}
    for entry in since:
        if entry.after is AlarmState.UNACKNOWLEDGED:
            counted[entry.alarm] = counted.get(entry.alarm, 0) + 1
    return {
        "journal": {
            name: [_plain(e) for e in since if e.alarm == name] for name in cause.alarms
        },
        "others": sorted({e.alarm for e in since if e.after is AlarmState.UNACKNOWLEDGED}
                         - set(cause.alarms)),
        "counted": counted,
        "report": {"alarms": report.alarms, "top": report.top,
                   "acknowledged": report.acknowledged, "priorities": report.priorities},
        "states": _states(line, cause),
        "at_the_end": _trip(line, cause),
    }  # fmt: skip


def _states(line: Lockstep, cause: Cause) -> dict[str, str]:
    board = line.stations[cause.station].alarm_desk.board
    return {name: board.alarms[name].state.value for name in cause.alarms}


def _plain(entry: Entry) -> dict[str, Any]:
    known = asdict(entry)
    return {k: known[k] for k in ("time_ns", "occurrence", "before", "after", "move", "actor",
                                  "reason", "quality", "text", "first", "limit")}  # fmt: skip
