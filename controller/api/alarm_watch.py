"""The alarms of all controllers as they stand, with the tick of each change, for screens.

States may be conflated here: what happened in which order is in the journal.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from controller.alarms.rates import FloodWatch
from controller.alarms.view import flood_json
from controller.api.asking import Controllers
from controller.api.mirror import Mirror
from controller.core.errors import DrylineError
from controller.core.ports import Clock

log = logging.getLogger("dryline.api")

LOOK_S = 0.5
PRIORITIES = (1, 2, 3, 4)
MOST_GONE = 2_000
OP = "alarms"
Alarm = Mapping[str, Any]
Coming = tuple[int, str, str]  # time, station, alarm


class AlarmImage:
    """The alarms that are not normal. changed: tick of the last change of any.

    Each has beside what its board says `asked`: the station whose controller has it.
    """

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        self._rows: dict[str, Alarm] = {}
        self._ticks: dict[str, int] = {}
        self.changed = 0
        self.floods: list[Any] = []
        self.unacknowledged = [0, 0, 0, 0]

    @property
    def by_id(self) -> Mapping[str, Alarm]:
        """All of them."""
        return self._rows

    @property
    def rows(self) -> list[Alarm]:
        """As the controllers show them: what asks first, the graver, the newer first."""
        return sorted(self._rows.values(), key=_rank)

    def find(self, own: str) -> Alarm | None:
        """An alarm that is not normal."""
        return self._rows.get(own)

    def take(self, found: Mapping[str, Alarm], floods: list[Any]) -> bool:
        """Take over what the controllers say now; whether anything is new."""
        new = {own: alarm for own, alarm in found.items() if self._rows.get(own) != alarm}
        gone = self._rows.keys() - found.keys()
        if not new and not gone and floods == self.floods:
            return False
        self.changed = self.mirror.stir()
        self._ticks |= dict.fromkeys([*new, *gone], self.changed)
        self._rows = dict(found)
        self.floods = floods
        self.unacknowledged = [
            sum(1 for a in found.values() if a.get("asks") and a.get("priority") == p)
            for p in PRIORITIES
        ]
        if len(self._ticks) > len(self._rows) + MOST_GONE:
            self._forget_oldest()
        return True

    def since(self, position: int) -> list[Alarm]:
        """What changed since a position; an alarm that is normal again is its id and state."""
        if position < 0:
            return self.rows
        return [
            self._rows.get(own) or {"id": own, "state": "normal"}
            for own, tick in self._ticks.items() if tick > position
        ]  # fmt: skip

    def _forget_oldest(self) -> None:
        gone = [own for own in self._ticks if own not in self._rows]
        for own in sorted(gone, key=self._ticks.__getitem__)[: MOST_GONE // 2]:
            del self._ticks[own]


class Floods:
    """The floods that controllers tell of. Where several share a line, each sees a part of what
    its operator gets, so their alarms are counted together here."""

    def __init__(self) -> None:
        self._all = FloodWatch()
        self._seen: dict[Coming, None] = {}

    def together(self, replies: Sequence[Mapping[str, Any]], utc_ns: int) -> list[Any]:
        """The floods now, from what each controller has answered."""
        for coming in sorted({c for reply in replies for c in _comings(reply)}):
            if coming not in self._seen:
                self._seen[coming] = None
                self._all.came(*coming)
        while len(self._seen) > MOST_GONE:
            del self._seen[next(iter(self._seen))]
        whole = flood_json(self._all, utc_ns)
        self._all.ended.clear()
        told = {str(reply.get("operator", "")): reply.get("flood") for reply in replies}
        if len(told) > 1 and whole is not None:
            return [whole]
        return [flood for flood in told.values() if flood]


def _comings(reply: Mapping[str, Any]) -> Iterator[Coming]:
    for time_ns, station, alarm in reply.get("comings", ()):
        yield int(time_ns), str(station), str(alarm)


class AlarmWatch:
    """Asks the controllers that are heard for their alarms, twice a second."""

    def __init__(self, controllers: Controllers, image: AlarmImage, clock: Clock) -> None:
        self._controllers, self._image, self._clock = controllers, image, clock
        self._floods = Floods()

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await self.look()
            await self._clock.sleep_link(LOOK_S)

    async def look(self) -> None:
        """Ask once for each station, all at a time: one that does not answer holds up no other's
        alarms, and keeps what it said last."""
        heard = self._heard()
        said = await asyncio.gather(*map(self._said, heard))
        answered = {station: r for station, r in zip(heard, said, strict=True) if r}
        alarms: dict[str, Alarm] = {}
        for station, reply in answered.items():
            for alarm in (*reply.get("alarms", ()), *reply.get("line", ())):
                alarms.setdefault(alarm["id"], {**alarm, "asked": station})
        for own, alarm in self._image.by_id.items():
            if alarm["asked"] not in answered:
                alarms.setdefault(own, alarm)
        replies = list(answered.values())
        utc_ns = max((int(reply.get("time_ns", 0)) for reply in replies), default=0)
        self._image.take(alarms, self._floods.together(replies, utc_ns))

    async def _said(self, station: str) -> Mapping[str, Any]:
        """What a controller answers; nothing when it does not."""
        try:
            return await self._controllers.ask(station, {"op": OP, "station": station})
        except (DrylineError, OSError) as error:
            log.debug("alarms of %s: %s", station, error)
            return {}

    def _heard(self) -> list[str]:
        found = self._image.mirror.controllers().items()
        return sorted(name for name, source in found if not source.silent)


def _rank(alarm: Alarm) -> tuple[bool, int, int]:
    return (
        not alarm.get("asks"), int(alarm.get("priority") or 9), -int(alarm.get("since_ns") or 0)
    )  # fmt: skip
