"""The last thing a station does to an output: it leaves within its range and no faster than its
rate, whoever asked for it (a command, a recipe, a loop, what was restored after a restart).

The PLC does the same on its own. What is asked for stays in the table; what is on its way there is
seen in the read-back.
"""

from collections.abc import Callable, Mapping, Sequence
from math import inf, isfinite

from controller.core.point import Point

Tell = Callable[[str, str], None]  # a tag, and what is wrong with its value


class OutputStage:
    """Written points of one station, in the order in which they are sent.

    resting: offset -> (offset of the switch, its value): while the PLC holds this value of the
    switch nothing follows the point, so it is sent at once. So the way to a value does not begin
    when the value comes into force, where it would be a bump.
    """

    def __init__(
        self,
        written: Mapping[int, Point],
        tell: Tell,
        resting: Mapping[int, tuple[int, float]] | None = None,
    ) -> None:
        self._tell = tell
        self._at = list(written)
        self._points = list(written.values())
        place = {k: j for j, k in enumerate(self._at)}
        self._rest = {place[k]: (place[at], value) for k, (at, value) in (resting or {}).items()}
        self._sent = [p.default for p in self._points]
        self._wanted: list[float] = []
        self._moving: set[int] = set()
        self._wrong: set[int] = set()
        self._last_s = inf

    def follow(self, v: Sequence[float]) -> None:
        """Begin at what stands in the image, which is what the PLC holds."""
        self._sent = [v[k] for k in self._at]
        self._wanted = []
        self._moving.clear()
        self._last_s = inf

    def step(self, now_s: float, v: Sequence[float]) -> list[float]:
        """What may be sent now. now_s: plant time, never running backwards."""
        dt_s = max(0.0, now_s - self._last_s)
        self._last_s = now_s
        wanted = [v[k] for k in self._at]
        if wanted != self._wanted or self._moving:
            held = list(self._sent)
            for j, value in enumerate(wanted):
                if value != held[j] or j in self._wrong:
                    self._sent[j] = self._next(j, self._judged(j, value, held[j]), held, dt_s)
            self._wanted = wanted
        return list(self._sent)

    def on_its_way(self, k: int) -> bool:
        """True while what is sent of the point at an offset has not yet come to what is asked."""
        return k in self._moving

    def _next(self, j: int, goal: float, held: Sequence[float], dt_s: float) -> float:
        reach = self._points[j].rate_per_s * dt_s
        switch = self._rest.get(j)
        if self._points[j].rate_per_s == inf or (switch and held[switch[0]] == switch[1]):
            value = goal
        else:
            value = min(max(goal, held[j] - reach), held[j] + reach)
        (self._moving.discard if value == goal else self._moving.add)(self._at[j])
        return value

    def _judged(self, j: int, value: float, held: float) -> float:
        """The value taken into its range, or what is held where it is no number; told once."""
        point = self._points[j]
        if point.low <= value <= point.high:
            self._wrong.discard(j)
            return value
        if j not in self._wrong:
            self._wrong.add(j)
            allowed = f"{point.low:g} to {point.high:g} {point.unit}".rstrip()
            self._tell(point.tag, f"{point.tag} = {value:g} is not sent: allowed {allowed}")
        return min(max(value, point.low), point.high) if isfinite(value) else held
