"""Film and foil between forming nip and lamination: tension, break, gauge, inferred index."""

from collections import deque
from typing import ClassVar

from plc_sim.models.noise import Noise

_CELL_M = 0.02  # grain of the film's memory


class Span:
    """Tension of one web span: (L/v) dT/dt = EA draw + T0 - T, never negative.

    A span at rest keeps its tension.
    """

    __slots__ = (
        "_disturbance",
        "_length_m",
        "_noise",
        "_sd",
        "stiffness_n",
        "tension_n",
    )

    def __init__(self, stiffness_n: float, length_m: float, draw_sd: float, noise: Noise) -> None:
        self.stiffness_n = stiffness_n
        self._length_m = length_m
        self._sd = draw_sd
        self._noise = noise
        self._disturbance = 0.0
        self.tension_n = 0.0

    def disturb(self, dt_s: float, tau_s: float) -> None:
        """Advance the random draw error of the drives (first-order, time constant tau_s)."""
        share = dt_s / tau_s
        self._disturbance += self._noise.draw() * self._sd * (2.0 * share) ** 0.5
        self._disturbance -= self._disturbance * share

    def step(self, way_m: float, draw: float) -> None:
        """Move the web by way_m with a speed difference `draw` (share) over the span."""
        share = way_m / self._length_m
        end = self.stiffness_n * (draw + self._disturbance)
        tension = self.tension_n + (end - self.tension_n) * share / (1.0 + share)
        self.tension_n = tension if tension > 0.0 else 0.0


class FilmMemory:
    """What the gauge will see: a ring of film cells, one for each 20 mm between nip and gauge."""

    __slots__ = ("_cells", "_k", "_rest_m", "_used", "at_gauge")

    def __init__(self, length_m: float) -> None:
        self._cells = [(0.0, 0.0)] * max(1, round(length_m / _CELL_M))
        self._k = 0
        self._rest_m = 0.0
        self._used = False
        self.at_gauge = (0.0, 0.0)

    def push(self, way_m: float, loading: float, height_um: float) -> None:
        """Move by way_m, with film of this loading and height at the nip."""
        self._used = True
        rest = self._rest_m + way_m
        cells = self._cells
        while rest >= _CELL_M:
            rest -= _CELL_M
            self.at_gauge = cells[self._k]
            cells[self._k] = (loading, height_um)
            self._k = self._k + 1 if self._k + 1 < len(cells) else 0
        self._rest_m = rest

    def clear(self) -> None:
        """No film anywhere any more."""
        if self._used:
            self._used = False
            self._cells = [(0.0, 0.0)] * len(self._cells)
            self.at_gauge = (0.0, 0.0)


class Gauge:
    """Scanning loading gauge: centre and edge, averaged over a scan, shown at its end."""

    __slots__ = ("_count", "_noise", "_sd", "_steps", "_sum", "centre", "edge", "edge_share")

    def __init__(self, p: dict[str, float], step_s: float, noise: Noise) -> None:
        self._noise = noise
        self._sd = p["gauge_noise"]
        self._steps = max(1, round(p["gauge_scan_s"] / step_s))
        self.edge_share = 1.0 - edge_loss(p)
        self._count = 0
        self._sum = self.centre = self.edge = 0.0

    def step(self, loading: float) -> None:
        """One step of the scan over film of this loading, mg/cm2."""
        self._sum += loading
        self._count += 1
        if self._count == self._steps:
            mean = self._sum / self._steps
            self.centre = mean * (1.0 + self._sd * self._noise.draw())
            self.edge = mean * self.edge_share * (1.0 + self._sd * self._noise.draw())
            self._count = 0
            self._sum = 0.0


class InferredIndex:
    """Fibrillation index inferred from the process: late, noisy, renewed every 10 s."""

    __slots__ = ("_line", "_noise", "_sd", "value")

    PERIOD_S: ClassVar[float] = 10.0

    def __init__(self, p: dict[str, float], noise: Noise) -> None:
        self._line = deque([0.0] * max(1, round(p["index_delay_s"] / self.PERIOD_S)))
        self._noise = noise
        self._sd = p["index_noise"]
        self.value = 0.0

    def renew(self, intact: float) -> None:
        """Take in the intact fraction of now (0 without film), show the one of the delay ago."""
        self._line.append(intact)
        late = self._line.popleft()
        if late <= 0.0:
            self.value = 0.0
            return
        self.value = min(1.0, max(0.0, late + self._sd * self._noise.draw()))


def edge_loss(p: dict[str, float]) -> float:
    """Share of loading that the edge gauge misses: parabola over the trim zone."""
    inside = 1.0 - p["edge_gauge_mm"] / p["edge_zone_mm"]
    return p["edge_loss"] * inside * inside
