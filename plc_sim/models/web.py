"""The web between coater and calender: a first-in first-out queue by length, never by time.

Everything known about a piece of web was decided where it was made, so it travels with the piece:
loading, fibrillation, film density, moisture dose. Positions are absolute web coordinates (metres
that have ever entered); a slice is found by comparing coordinates, so nothing drifts however odd
the step lengths on either side are.

Until the coater has pushed its first slice an unwinder feeds leader behind what is taken out, so
that the calender can be threaded and tried alone; splicing leader in brings that back. Leader has
lot LEADER_LOT.
"""

from collections import deque
from dataclasses import dataclass, field
from math import inf

from plc_sim.models.parameters import numbers

_WEB = numbers("web")

LEADER_LOT = 0
PATH_M = _WEB["web_path_m"]
STROKE_M = _WEB["dancer_stroke_m"]


@dataclass(slots=True, kw_only=True, eq=False)
class Slice:
    """A length of web with the same properties throughout. SI, except the dose.

    loading_kg_m2, edge_loading_kg_m2: mass per area, centre and edge (0.3 kg/m2 = 30 mg/cm2).
    unfibrillated, fibrils, broken: shares of the binder, sum 1. density_kg_m3, thickness_m: of
    the film as laminated. strength_pa: of the film. dose_ppm_min: moisture dose when pushed. lot:
    number of the coater lot, 1 or more. start_m: metre number of its first end, by `Web.push`.
    """

    length_m: float
    loading_kg_m2: float
    edge_loading_kg_m2: float
    unfibrillated: float
    fibrils: float
    broken: float
    density_kg_m3: float
    thickness_m: float
    strength_pa: float
    dose_ppm_min: float
    lot: int
    start_m: float = field(default=0.0, init=False)
    end_x: float = field(default=0.0, init=False)  # web coordinate of its last end
    exposure_at_push: float = field(default=0.0, init=False)


def leader(length_m: float) -> Slice:
    """Leader: nominal film on foil, kept from earlier runs."""
    return Slice(
        length_m=length_m,
        loading_kg_m2=_WEB["leader_loading_kg_m2"],
        edge_loading_kg_m2=_WEB["leader_loading_kg_m2"],
        unfibrillated=_WEB["leader_unfibrillated"],
        fibrils=_WEB["leader_fibrils"],
        broken=_WEB["leader_broken"],
        density_kg_m3=_WEB["leader_density_kg_m3"],
        thickness_m=_WEB["leader_loading_kg_m2"] / _WEB["leader_density_kg_m3"],
        strength_pa=_WEB["leader_strength_pa"],
        dose_ppm_min=0.0,
        lot=LEADER_LOT,
    )


class Piece:
    """What `Web.pop` hands out: a length out of one slice. Valid until the next pop.

    start_m: metre number of its leading end (of leader: metres of leader).
    """

    __slots__ = ("length_m", "slice", "start_m")

    def __init__(self, slice_: Slice, length_m: float, start_m: float) -> None:
        self.slice = slice_
        self.length_m = length_m
        self.start_m = start_m


class Web:
    """The queue. Push at the coater's end, pop at the calender's.

    position: of the dancer at the start, 0 to 1. `torn` is set by whoever breaks the web.
    """

    __slots__ = (
        "_end_x",
        "_exposure",
        "_feeds_leader",
        "_front",
        "_pieces",
        "_queue",
        "_single",
        "_x",
        "leader_m",
        "pushed_m",
        "torn",
    )

    def __init__(self, position: float = 0.5) -> None:
        first = leader(PATH_M + position * STROKE_M)
        first.end_x = first.length_m
        self._queue: deque[Slice] = deque()  # behind the front slice
        self._front = first
        self._x = 0.0  # coordinate that enters the calender now
        self._end_x = first.length_m  # coordinate that leaves the coater now
        self._exposure = 0.0
        self._feeds_leader = True
        self._single = Piece(first, 0.0, 0.0)
        self._pieces = [self._single]
        self.pushed_m = 0.0
        self.leader_m = first.length_m
        self.torn = False

    @property
    def content_m(self) -> float:
        """Length between coater and calender, leader included."""
        return self._end_x - self._x

    @property
    def position(self) -> float:
        """Of the dancer: 0 to 1 inside its stroke; beyond it when the web is too short or long."""
        return (self._end_x - self._x - PATH_M) / STROKE_M

    @property
    def popped_m(self) -> float:
        """Length that has entered the calender, leader included."""
        return self._x

    def expose(self, ppm: float, dt_s: float) -> None:
        """All web in the queue lies in air with `ppm` (by volume) of water for `dt_s`."""
        self._exposure += ppm * dt_s / 60.0

    def dose_ppm_min(self, slice_: Slice) -> float:
        """Dose a slice has gathered up to now, before and inside the queue."""
        return slice_.dose_ppm_min + self._exposure - slice_.exposure_at_push

    def push(self, slice_: Slice) -> None:
        """Append what the coater made; gives the slice its metre number. Length must be above 0."""
        if not 0.0 < slice_.length_m < inf:
            raise ValueError(f"slice length = {slice_.length_m} m: must be above 0 and finite")
        slice_.start_m = self.pushed_m
        self.pushed_m += slice_.length_m
        self._feeds_leader = False
        self._append(slice_)

    def push_leader(self, length_m: float) -> None:
        """Append leader that the coater's line lets through without film of its own."""
        self._feeds_leader = False
        self._append_leader(length_m)

    def splice_leader(self, position: float = 0.5) -> None:
        """Splice leader to the coater's end until the dancer stands at `position`; never shortens.

        With nothing but leader in the queue, the unwinder feeds it from now on.
        """
        missing = PATH_M + position * STROKE_M - self.content_m
        if missing > 0.0:
            self._append_leader(missing)
        self._feeds_leader = not self._queue and self._front.lot == LEADER_LOT

    def pop(self, length_m: float) -> list[Piece]:
        """Take exactly this length (0 or more) off the calender's end, a piece per slice, in order.

        The list and its pieces belong to the queue. If the queue runs empty the rest is leader.
        """
        front = self._front
        x = self._x
        new_x = x + length_m
        if self._feeds_leader:
            front.end_x += length_m
            front.length_m += length_m
            self._end_x = front.end_x
            self.leader_m += length_m
        if new_x < front.end_x:
            piece = self._single
            piece.slice = front
            piece.length_m = length_m
            piece.start_m = front.start_m + front.length_m - (front.end_x - x)
            self._x = new_x
            return self._pieces
        return self._pop_across(new_x)

    def _pop_across(self, new_x: float) -> list[Piece]:
        if new_x >= self._end_x:
            self._append_leader(new_x - self._end_x + PATH_M)
        pieces = []
        x = self._x
        while new_x >= self._front.end_x:
            front = self._front
            if front.end_x > x:
                start_m = front.start_m + front.length_m - (front.end_x - x)
                pieces.append(Piece(front, front.end_x - x, start_m))
                x = front.end_x
            self._front = self._queue.popleft()
        if new_x > x:
            front = self._front
            start_m = front.start_m + front.length_m - (front.end_x - x)
            pieces.append(Piece(front, new_x - x, start_m))
        self._x = new_x
        return pieces

    def _append(self, slice_: Slice) -> None:
        slice_.exposure_at_push = self._exposure
        self._end_x += slice_.length_m
        slice_.end_x = self._end_x
        self._queue.append(slice_)

    def _append_leader(self, length_m: float) -> None:
        last = self._queue[-1] if self._queue else self._front
        if last.lot == LEADER_LOT:
            last.length_m += length_m
            last.end_x += length_m
            self._end_x = last.end_x
        else:
            piece = leader(length_m)
            piece.start_m = self.leader_m
            self._append(piece)
        self.leader_m += length_m
