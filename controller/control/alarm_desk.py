"""The alarms of one station: their scan, what people do to them, what their changes are told as."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from controller.alarms.board import AlarmBoard, Told
from controller.alarms.definition import AlarmDefinition
from controller.alarms.states import AlarmState
from controller.alarms.transition import events

if TYPE_CHECKING:
    from controller.control.station import Station

Came = Callable[[int, str, str], object]  # time, station, id of an alarm


def _nobody(time_ns: int, station: str, alarm: str) -> None:
    """Nobody counts the alarms."""


class AlarmDesk:
    """The board of one station; part of its scan. came: is told of every alarm that comes."""

    def __init__(self, station: "Station", definitions: Sequence[AlarmDefinition]) -> None:
        self._s = station
        region = station.table.region(station.name)
        tags = station.table.tags[region.start : region.stop]
        self.board = AlarmBoard(definitions, tags, f"{station.prefix}.LINK.UP")
        self.came: Came = _nobody

    def scan(self, now_s: float) -> None:
        """Judge the image in whatever state the station is."""
        s = self._s
        told = self.board.scan(now_s, s.utc_ns, s.v, s.q, s.procedure.state)
        if told:
            self.told(told)

    def use_limits(self) -> None:
        """Judge by the limits of the recipe that runs, where it has any."""
        s = self._s
        limits = s.recipes.alarm_limits().items()
        self.board.use_limits({s.tag_at(s.at(tag)).name: own for tag, own in limits})

    def told(self, told: Told) -> None:
        """Record what has changed, by the scan or by a person between two scans."""
        s = self._s
        s.changed = True
        s.utc_ns = max(s.utc_ns, *(t.time_ns for t in told))
        for event in events(told):
            s.tell(event.kind, event.subject, event.text, event.actor, **event.data)
        for t in told:
            if t.after is AlarmState.UNACKNOWLEDGED:
                self.came(t.time_ns, s.name, t.alarm.id)
