"""Drift: set points of a run that are no longer what its recipe asked for, at the PLC or here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.control.pid_config import LoopMode
from controller.control.station_parts import ACTIVE
from controller.core.event import EventKind
from controller.core.point import READ_BACK
from controller.core.sample import FIRST_BAD

if TYPE_CHECKING:
    from controller.control.loop import Loop
    from controller.control.station import Station

AFTER_S = 3.0  # seconds of the wires: a write, and the slowest point read back
EVERY_S = 1.0
SP_TOLERANCE = 1e-6  # of set points of loops and of settings, which no wire rounds


_MAN, _CAS = LoopMode.MAN, LoopMode.CAS  # asked for at every look

# How a set point is read (None: it is not the recipe's to say now), its unit and its tolerance.
_Place = tuple[Callable[[], float | None], str, float]
_NOWHERE: _Place = (lambda: None, "", 0.0)


@dataclass(frozen=True, slots=True)
class Drift:
    """One set point that differs. tolerance: the resolution of the point, in `unit`."""

    tag: str
    recipe: float
    found: float
    unit: str
    tolerance: float
    changed_by: str

    def __str__(self) -> str:
        who = f", set by {self.changed_by}" if self.changed_by else ""
        text = f"{self.tag} is {self.found:g} {self.unit}".rstrip()
        return f"{text}, the recipe says {self.recipe:g}{who}"


class DriftWatch:
    """Compares what the PLC holds (and loops aim at) with what the phases have set.

    Outputs that a loop or the procedure moves are not the recipe's any more and are left out, and
    nothing is said on values of Bad quality. set_by: who changed a tag by a command, to what.
    due_s: plant time before which a scan looks at nothing.
    """

    def __init__(self, station: "Station") -> None:
        self._s = station
        self.found: dict[str, Drift] = {}
        self.set_by: dict[str, tuple[str, float]] = {}
        self._since_s: dict[str, float] = {}
        self._places: dict[str, _Place] = {}
        self.due_s = 0.0
        self._after_s = AFTER_S * max(1.0, station.setup.speed)

    def clear(self) -> None:
        """Forget all, for a new run."""
        self.found.clear()
        self.set_by.clear()
        self._since_s.clear()

    def scan(self, now_s: float, expected: Mapping[str, float]) -> None:
        """Once a second: tell of what has begun or ended to differ for a while."""
        s = self._s
        if now_s < self.due_s:
            return
        self.due_s = now_s + EVERY_S
        if not s.takeover.up or s.takeover.local or s.procedure.state not in ACTIVE:
            self._since_s.clear()
            return
        for tag in self.found.keys() - expected.keys():
            self._over(tag, "is moved by the recipe again")
        places = self._places
        for tag, wanted in expected.items():
            place = places.get(tag) or self._know(tag)
            found = place[0]()
            if found is None or abs(found - wanted) <= place[2]:
                if tag in self._since_s or tag in self.found:
                    self._over(tag, "is as the recipe says again")
                continue
            seen = self._seen(tag, wanted, found, place)
            if now_s - self._since_s.setdefault(tag, now_s) >= self._after_s:
                known = self.found.get(tag)
                self.found[tag] = seen
                # A value that creeps is told once, not once a second.
                if known is None or abs(known.found - seen.found) > seen.tolerance:
                    s.tell(EventKind.RECIPE, tag, f"drift: {seen}", seen.changed_by,
                           recipe=wanted, found=seen.found)  # fmt: skip

    def _over(self, tag: str, text: str) -> None:
        self._since_s.pop(tag, None)
        if self.found.pop(tag, None):
            self._s.tell(EventKind.RECIPE, tag, f"{tag} {text}")

    def _know(self, tag: str) -> _Place:
        place = self._places[tag] = self._place(tag)
        return place

    def _seen(self, tag: str, wanted: float, found: float, place: _Place) -> Drift:
        _, unit, tolerance = place
        actor, value = self.set_by.get(tag, ("", wanted))
        who = actor if abs(found - value) <= tolerance else ""  # else the PLC was changed since
        return Drift(tag, wanted, found, unit, tolerance, who)

    def _place(self, tag: str) -> _Place:
        """Where a tag is read, its unit and its tolerance; none of it changes with time."""
        s = self._s
        k = s.offset.get(tag, -1)
        key = tag.removeprefix(f"{s.prefix}.SET.")
        if key in s.settings:
            at = s.settings[key]
            return (lambda: s.v[at]), s.SETTINGS[key][3], SP_TOLERANCE
        if k not in s.writable:
            return self._of_loop(tag)
        if tag == f"{s.prefix}.CMD" or tag.removeprefix(s.prefix) in s.COMPUTED:
            return _NOWHERE
        point, held, loop = s.writable[k], s.offset[tag + READ_BACK], s.owner.get(tag)

        def read() -> float | None:
            if loop is not None and loop.wanted is not _MAN:
                return None
            if s.q[held] >= FIRST_BAD or s.takeover.stage.on_its_way(k):
                return None
            return s.v[held]

        return read, point.unit, point.resolution

    def _of_loop(self, tag: str) -> _Place:
        for loop in self._s.loops.values():
            if tag == f"{loop.name}.SP":
                return _set_point(loop), loop.pid.config.pv_unit, SP_TOLERANCE
        return _NOWHERE


def _set_point(loop: "Loop") -> Callable[[], float | None]:
    def read() -> float | None:
        by_cascade = _CAS in (loop.wanted, loop.pid.mode)
        return None if by_cascade else loop.pid.sp_target

    return read
