"""What happens around the enclosure: weather, shifts, glove work, pass-box requests, the hall.

Seeded and deterministic: the same seed and scenario give the same day. A `Scenario` switches the
parts on and off; attributes with "forced" in their name let an experiment script the rest.
"""

from collections import deque
from dataclasses import dataclass
from math import exp, inf, pi, sin, sqrt
from random import Random

from plc_sim.models.humidity import mass_ratio, water_pressure_log
from plc_sim.models.parameters import numbers

HOUR_S = 3600.0
DAY_S = 86400.0
_WEATHER_PERIOD_S = 60.0
_DAY = numbers("day")
_PORTS = int(numbers("enclosure")["glove_ports"])


def _shifts() -> tuple[tuple[float, float], ...]:
    first, hours = _DAY["first_shift_hour"], _DAY["shift_hours"]
    return tuple((first + k * hours, first + (k + 1) * hours) for k in range(int(_DAY["shifts"])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How a day goes. Hours are plant-local, 0 to 24; a shift is (start hour, end hour)."""

    start_hour: float = _DAY["start_hour"]
    outdoor_degc: float = _DAY["outdoor_degc"]
    outdoor_swing_k: float = _DAY["outdoor_swing_k"]
    outdoor_w: float = _DAY["outdoor_w"]
    weather_noise: bool = True
    shifts: tuple[tuple[float, float], ...] = _shifts()
    people: int = int(_DAY["people"])
    glove_work: bool = True
    glove_ports: int = _PORTS
    glove_every_s: float = _DAY["glove_every_s"]
    glove_for_s: float = _DAY["glove_for_s"]
    gloves_at_work: int = int(_DAY["gloves_at_work"])
    pass_box: bool = True
    pass_box_every_s: float = _DAY["pass_box_every_s"]
    hall_w: float = _DAY["hall_w"]


STEADY = Scenario(outdoor_swing_k=0.0, weather_noise=False, glove_work=False, pass_box=False)
"""Constant weather, people in the room, nobody touches the enclosure: for experiments."""


class Surroundings:
    """The state of the surroundings; `step(now_s)` once a second.

    outdoor_degc, outdoor_w, hall_w (kg/kg), people (in the grey room), glove_mask (bit k: glove
    k+1 in use), pass_box_requests (counter, one up for each wish to pass something through),
    door_mask (bit k: door k+1 open, scripted), grey_water_kg_s (scripted extra load of the grey
    room), grey_forced_degc (None, or a frost point the grey room is held at).
    """

    def __init__(self, seed: int, scenario: Scenario | None = None) -> None:
        self.scenario = s = scenario or Scenario()
        self._weather_rng = Random(seed * 4 + 1)  # noqa: S311 - a simulation, not a secret
        self._glove_rng = Random(seed * 4 + 2)  # noqa: S311
        self._box_rng = Random(seed * 4 + 3)  # noqa: S311
        self._noise_k = self._noise_w = 0.0
        self._next_weather_s = -inf
        self._work_s = s.glove_every_s / 3.0 if s.glove_work else inf
        self._edges: deque[tuple[float, int]] = deque()
        self._box_s = s.pass_box_every_s / 2.0 if s.pass_box else inf
        self._box_at = self._box_s
        self.glove_mask = 0
        self.pass_box_requests = 0
        self.door_mask = 0
        self.grey_water_kg_s = 0.0
        self.grey_forced_degc: float | None = None
        self.hall_w = s.hall_w
        self.people = 0
        self.outdoor_degc, self.outdoor_w = s.outdoor_degc, s.outdoor_w
        self.step(0.0)

    @property
    def occupied(self) -> bool:
        """Whether somebody is in the room."""
        return self.people > 0

    def step(self, now_s: float) -> None:
        """Bring everything to the plant time now_s; times must not go back."""
        if now_s >= self._next_weather_s:
            self._weather(now_s)
        if now_s >= self._work_s:
            self._plan_gloves()
        edges = self._edges
        while edges and now_s >= edges[0][0]:
            self.glove_mask ^= edges.popleft()[1]
        if now_s >= self._box_at:
            self._request_box(now_s)

    def on_shift(self, now_s: float) -> bool:
        """Whether a shift works at this time."""
        hour = (self.scenario.start_hour + now_s / HOUR_S) % 24.0
        return any(a <= hour < b for a, b in self.scenario.shifts)

    def _weather(self, now_s: float) -> None:
        s = self.scenario
        self._next_weather_s = now_s - now_s % _WEATHER_PERIOD_S + _WEATHER_PERIOD_S
        if s.weather_noise:
            keep = exp(-_WEATHER_PERIOD_S / _DAY["weather_tau_s"])
            kick = sqrt(1.0 - keep * keep)
            kick_k, kick_w = kick * _DAY["weather_sd_k"], kick * _DAY["weather_sd_w"]
            self._noise_k = keep * self._noise_k + kick_k * self._weather_rng.gauss(0.0, 1.0)
            self._noise_w = keep * self._noise_w + kick_w * self._weather_rng.gauss(0.0, 1.0)
        hour = s.start_hour + now_s / HOUR_S
        day = sin(2 * pi * (hour - 9.0) / 24.0)  # warmest at 15 h
        self.outdoor_degc = s.outdoor_degc + s.outdoor_swing_k * day + self._noise_k
        full = mass_ratio(exp(water_pressure_log(max(self.outdoor_degc, 0.0))))
        self.outdoor_w = min(s.outdoor_w * max(1.0 + self._noise_w, 0.2), 0.95 * full)
        self.hall_w = min(s.hall_w, max(self.outdoor_w, _DAY["hall_least_w"]))
        self.people = s.people if self.on_shift(now_s) else 0

    def _plan_gloves(self) -> None:
        """One spell of glove work: hands go in one after the other and come out again."""
        rng, s = self._glove_rng, self.scenario
        begin = self._work_s + rng.uniform(0.0, 120.0)
        self._work_s += s.glove_every_s
        if not self.on_shift(begin):
            return
        bits = [1 << k for k in rng.sample(range(s.glove_ports), s.gloves_at_work)]
        for at in (begin, begin + s.glove_for_s):
            times = [at + 6.0 * k + rng.uniform(0.0, 3.0) for k in range(len(bits))]
            self._edges.extend(zip(times, bits, strict=True))

    def _request_box(self, now_s: float) -> None:
        if self.on_shift(now_s):
            self.pass_box_requests += 1
        self._box_s += self.scenario.pass_box_every_s
        self._box_at = self._box_s + self._box_rng.uniform(0.0, 60.0)
