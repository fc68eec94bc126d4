"""How a set point comes to act: what was asked for is kept, the effective value follows its rate.

A write of any size is harmless so: no client, whoever it is, can make a machine jump.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from operator import itemgetter
from typing import Protocol

from controller.core.point import Access, Point

ASKED, WORKING = ".SP", ".WSP"  # ends of a set point's tag, and of the tag of its effective value


@dataclass(frozen=True, slots=True)
class Note:
    """A value was asked for and taken, or the effective one moved. acts: the program follows it."""

    tag: str
    asked: float
    effective: float
    acts: bool = True


class Journal(Protocol):
    """Takes what becomes of the set points of one PLC; see plc_sim.set_point_log."""

    def note(self, now_s: float, note: Note) -> None:
        """Keep it."""
        ...

    def restarted(self, now_s: float) -> None:
        """A power cycle: what follows is not measured by what was before."""
        ...


class Slots(Protocol):
    """The part of the image that is needed here: lists by slot, changed in place."""

    points: tuple[Point, ...]
    value: list[float]
    effective: list[float]
    resting: set[int]


class SetPointRamps:
    """Leads `effective` to `value`, slot by slot, at the rate of each written point.

    A point without a rate acts at once, and so does one that the program does not follow now.
    """

    __slots__ = ("_asked", "_image", "_moving", "_pick", "_rate", "_seen", "_shown", "journal")

    def __init__(self, image: Slots) -> None:
        self.journal: Journal | None = None
        self._image, points = image, image.points
        self._asked = [k for k, p in enumerate(points) if p.access is Access.WRITE]
        self._pick = itemgetter(*self._asked)  # at least CMD and RESET, so it is a tuple
        self._rate = {k: points[k].rate_per_s for k in self._asked}
        place = {p.tag: k for k, p in enumerate(points)}
        self._shown = {
            k: place[working]
            for tag, k in place.items()
            if tag.endswith(ASKED) and (working := tag.removesuffix(ASKED) + WORKING) in place
        }
        self._moving: list[int] = []
        self._seen: tuple[float, ...] = ()
        self.jump()

    def jump(self) -> None:
        """Everything acts as it stands in the image: after a power cycle, with nothing moving."""
        self._moving.clear()
        self._seen = self._pick(self._image.value)
        for slot in self._asked:
            self._set(slot, self._image.value[slot])

    def scan(self, now_s: float, dt_s: float) -> None:
        """One scan of the program. Also what a hand at the machine has changed is followed."""
        asked = self._pick(self._image.value)
        if asked != self._seen:
            self._take(now_s, asked)
        if self._moving:
            self._moving = [slot for slot in self._moving if self._move(now_s, slot, dt_s)]

    def taken(self, now_s: float, slots: Sequence[int]) -> None:
        """Note what a client's write has asked for, though the next may come before it acts."""
        if self.journal is not None:
            for slot in slots:
                self._note(now_s, slot)

    def _take(self, now_s: float, asked: tuple[float, ...]) -> None:
        for slot, value, before in zip(self._asked, asked, self._seen, strict=True):
            if value == before or not isfinite(value):
                continue
            if self._rate[slot] == inf or slot in self._image.resting:
                self._set(slot, value)
                self._note(now_s, slot)
            elif slot not in self._moving:
                self._moving.append(slot)
        self._seen = asked

    def _move(self, now_s: float, slot: int, dt_s: float) -> bool:
        """One step; whether there is more to go."""
        goal, now = self._image.value[slot], self._image.effective[slot]
        reach = inf if slot in self._image.resting else self._rate[slot] * dt_s
        value = min(max(goal, now - reach), now + reach) if isfinite(goal) else now
        self._set(slot, value)
        self._note(now_s, slot)
        return value != goal

    def _set(self, slot: int, value: float) -> None:
        self._image.effective[slot] = value
        if (shown := self._shown.get(slot)) is not None:
            self._image.value[shown] = value

    def _note(self, now_s: float, slot: int) -> None:
        if self.journal is not None:
            image = self._image
            acts = slot not in image.resting
            tag, asked, effective = image.points[slot].tag, image.value[slot], image.effective[slot]
            self.journal.note(now_s, Note(tag, asked, effective, acts))
