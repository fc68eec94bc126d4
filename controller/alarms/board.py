"""The alarms of one station (or of the line's own figures): its scan, what people do, its memory.

One board each, so that stations stay independent. It is told the time and gives back what changed;
whoever asks it turns that into events (`transition.events`) and saves the station's memory.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from controller.alarms.alarm import Alarm, By, out_of_service, shelf
from controller.alarms.definition import AlarmDefinition
from controller.alarms.scanned import ScannedAlarms
from controller.alarms.states import ASKING, AlarmState, Move
from controller.alarms.transition import Transition
from controller.core.errors import Refused
from controller.core.tag import Tag

VERSION = 1
Told = tuple[Transition, ...]


class AlarmBoard(ScannedAlarms):
    """All alarms over one image of values and qualities; see `ScannedAlarms` for the arguments.

    Every act of a person names the alarm by its id and raises Refused with a code and reasons:
    alarm (no such id), occurrence (another one than he saw), state, reason, role, time, shelvable.
    """

    def __init__(
        self, definitions: Iterable[AlarmDefinition], tags: Sequence[Tag], link_up: str = ""
    ) -> None:
        self._unknown: Mapping[str, Any] = {}  # remembered alarms that no definition has (yet)
        self._restored_ns = 0
        super().__init__(definitions, tags, link_up)

    def acknowledge(
        self, alarm_id: str, occurrence: int, utc_ns: int, by: By, reason: str = ""
    ) -> Told:
        """Acknowledge one coming of an alarm; one that has come again since is refused."""
        alarm = self._of(alarm_id)
        if occurrence != alarm.occurrence:
            told = f"{alarm_id} has come again: occurrence {alarm.occurrence}, you saw {occurrence}"
            raise Refused("occurrence", [told])
        if alarm.state not in ASKING:
            raise self._wrong(alarm, "is not waiting for an acknowledgement")
        return self._done(alarm, Move.ACKNOWLEDGE, utc_ns, by, reason)

    def reset(self, alarm_id: str, utc_ns: int, by: By, reason: str = "") -> Told:
        """Let go of a latching alarm whose condition has gone."""
        alarm = self._of(alarm_id)
        if alarm.state not in (AlarmState.LATCHED, AlarmState.LATCHED_ACKNOWLEDGED):
            raise self._wrong(alarm, "has nothing to reset")
        return self._done(alarm, Move.RESET, utc_ns, by, reason)

    def shelve(
        self,
        alarm_id: str,
        until_ns: int,
        utc_ns: int,
        by: By,
        reason: str,
        *,
        one_shot: bool = False,
    ) -> Told:
        """Put an alarm on the shelf until a time; one_shot: or until it has gone once."""
        alarm = self._of(alarm_id)
        aside = shelf(alarm, by, reason, utc_ns, until_ns, one_shot=one_shot)
        if alarm.state in (AlarmState.SHELVED, AlarmState.SUPPRESSED, AlarmState.OUT_OF_SERVICE):
            raise self._wrong(alarm, "cannot be shelved")
        alarm.aside = aside
        told = self._done(alarm, Move.SHELVE, utc_ns, by, aside.reason)
        self._find_shelf_end()
        return told

    def unshelve(self, alarm_id: str, utc_ns: int, by: By, reason: str = "") -> Told:
        """Bring an alarm back before its time."""
        return self._back(alarm_id, AlarmState.SHELVED, Move.UNSHELVE, utc_ns, by, reason)

    def take_out(self, alarm_id: str, utc_ns: int, by: By, reason: str) -> Told:
        """Take an alarm out of service until a person returns it, for repair."""
        alarm = self._of(alarm_id)
        aside = out_of_service(alarm, by, reason, utc_ns)
        if alarm.state is AlarmState.OUT_OF_SERVICE:
            raise self._wrong(alarm, "is out of service already")
        alarm.aside = aside
        return self._done(alarm, Move.REMOVE, utc_ns, by, aside.reason)

    def put_back(self, alarm_id: str, utc_ns: int, by: By, reason: str = "") -> Told:
        """Return an alarm to service."""
        return self._back(alarm_id, AlarmState.OUT_OF_SERVICE, Move.RETURN, utc_ns, by, reason)

    def _back(
        self, alarm_id: str, state: AlarmState, move: Move, utc_ns: int, by: By, reason: str
    ) -> Told:
        alarm = self._of(alarm_id)
        if alarm.state is not state:
            raise self._wrong(alarm, f"is not {state.value}")
        alarm.aside = None
        return self._done(alarm, move, utc_ns, by, reason)

    def _done(self, alarm: Alarm, move: Move, utc_ns: int, by: By, reason: str) -> Told:
        self._move(alarm, move, utc_ns, by.actor, reason.strip())
        self._settle(alarm, utc_ns)
        self._find_shelf_end()
        return self._take()

    def _of(self, alarm_id: str) -> Alarm:
        found = self.alarms.get(alarm_id)
        if found is None:
            raise Refused("alarm", [f"no alarm {alarm_id!r} on this station"])
        return found

    def _wrong(self, alarm: Alarm, what: str) -> Refused:
        return Refused("state", [f"{alarm.definition.id} {what}: it is {alarm.state.value}"])

    def comings(self) -> Iterator[tuple[int, str]]:
        """The last comings of every alarm: time and id."""
        for key, alarm in self.alarms.items():
            for time_ns in alarm.chatter.times:
                yield time_ns, key

    # -- memory ----------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What must survive a restart, as plain JSON values."""
        known = {key: a.plain() for key, a in self.alarms.items() if not a.pristine}
        return {"version": VERSION, "alarms": {**self._unknown, **known}}

    def restore(self, plain: Mapping[str, Any], utc_ns: int) -> tuple[str, ...]:
        """Come back after a restart; what could not be read, in sentences.

        Call it before the first scan and before `use_limits`. What stood before is not new: it
        keeps its occurrence and its acknowledgement. Alarms that no definition has any more are
        kept for `use_limits`, in case the running recipe brings them.
        """
        if not plain:
            return ()
        if plain.get("version") != VERSION:
            return (f"alarms of memory version {plain.get('version')!r} cannot be read",)
        problems, unknown = [], {}
        for key, remembered in plain.get("alarms", {}).items():
            if key in self.alarms:
                problems += self._recall(key, remembered, utc_ns)
            else:
                unknown[key] = remembered
        self._unknown = unknown
        self._restored_ns = utc_ns
        self._find_shelf_end()
        self._regroup()
        return tuple(problems)

    def _recall(self, key: str, remembered: Mapping[str, Any], utc_ns: int) -> list[str]:
        try:
            self.alarms[key].recall(remembered, utc_ns)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return [f"alarm {key} begins anew, its memory is broken: {error}"]
        return []

    def _add(self, definition: AlarmDefinition) -> None:
        super()._add(definition)
        if definition.id in self._unknown:
            unknown = dict(self._unknown)
            self._recall(definition.id, unknown.pop(definition.id), self._restored_ns)
            self._unknown = unknown
