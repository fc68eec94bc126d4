"""Reads a PLC's own log of its set points and says what in it should never have happened."""

from collections.abc import Iterable, Mapping, Sequence
from math import inf, isfinite

from controller.core.point import Access, Point
from plc_sim.plc import SCAN_S
from plc_sim.set_point_log import RESTART
from plc_sim.set_point_ramps import Note

ROUNDING = 1e-6  # of a range and of a step, relative; log files have times in milliseconds
MOST = 5  # of the findings that are shown

Notes = Sequence[tuple[float, Note]]


class Judge:
    """Judges the notes of one PLC as they come; `found` is what was wrong.

    Every move of an effective value is noted, so each may be as far as one scan allows and no two
    may stand in one scan. asked_step_s: where the controller is the only one that writes, what it
    asks moves no further than its rates allow in so many seconds; infinity: anybody writes.
    """

    def __init__(self, points: Iterable[Point], free: Iterable[str] = ()) -> None:
        every = list(points)
        self._points = {p.tag: p for p in every if p.access is Access.WRITE}
        self._slots = {k: p.tag for k, p in enumerate(every) if p.access is Access.WRITE}
        self._free = frozenset(free)  # tags that the controller sends at once in some mode
        self._effective: dict[str, float] = {}
        self._moved_s: dict[str, float] = {}
        self._asked: dict[str, float] = {}
        self._begin()
        self.found: list[str] = []
        self.notes = self.moves = self.wishes = 0

    def _begin(self) -> None:
        self._effective = {tag: p.default for tag, p in self._points.items()}
        self._asked = dict(self._effective)
        self._moved_s = dict.fromkeys(self._points, -inf)

    def start_from(self, effective: Sequence[float], asked: Sequence[float]) -> None:
        """Begin in the middle: lists by slot, in the order of the points of the I/O list."""
        for slot, tag in self._slots.items():
            self._effective[tag], self._asked[tag] = effective[slot], asked[slot]

    def see(self, notes: Notes, asked_step_s: float = inf) -> None:
        """Judge some more notes."""
        for now_s, note in notes:
            self.notes += 1
            if note.tag == RESTART:
                self._begin()
                continue
            self._range(note)
            self._move(now_s, note)
            self._wish(now_s, note, asked_step_s)

    def _range(self, note: Note) -> None:
        point = self._points[note.tag]
        for value in (note.asked, note.effective):
            slack = ROUNDING * max(abs(point.low), abs(point.high))
            if not isfinite(value) or not point.low - slack <= value <= point.high + slack:
                self.found.append(f"{note}: outside {point.low:g} to {point.high:g}")

    def _move(self, now_s: float, note: Note) -> None:
        step = abs(note.effective - self._effective[note.tag])
        self._effective[note.tag] = note.effective
        if step == 0.0:
            return
        self.moves += 1
        before_s, self._moved_s[note.tag] = self._moved_s[note.tag], now_s
        rate = self._points[note.tag].rate_per_s
        if not note.acts or rate == inf:
            return
        if step > rate * SCAN_S * (1.0 + ROUNDING) + 1e-9:
            self.found.append(f"{now_s:.3f} s {note}: a step of {step:g} in one scan")
        if now_s - before_s < SCAN_S - 1.1e-3:
            self.found.append(f"{now_s:.3f} s {note}: moved {now_s - before_s:.3f} s before")

    def _wish(self, now_s: float, note: Note, asked_step_s: float) -> None:
        step = abs(note.asked - self._asked[note.tag])
        self._asked[note.tag] = note.asked
        self.wishes += step > 0.0
        point = self._points[note.tag]
        if step == 0.0 or asked_step_s == inf or note.tag in self._free:
            return
        if step > point.rate_per_s * asked_step_s * (1.0 + ROUNDING) + point.resolution:
            self.found.append(f"{now_s:.3f} s {note}: the controller asked for {step:g} at once")

    def verdict(self) -> str:
        """The first findings, empty when there are none."""
        return "\n".join([f"{len(self.found)} findings", *self.found[:MOST]]) if self.found else ""


def free_tags(kinds: Mapping[str, tuple[str, float]], prefix: str) -> set[str]:
    """Tags of a station kind's RESTING by their full names."""
    return {prefix + tag for tag in kinds}
