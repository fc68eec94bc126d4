"""Instruments between physics and the PLC inputs: lag, asymmetry, noise, drift, freezing.

An instrument turns a true value into a reading and a status. A `Rack` holds all instruments of a
station and steps them together; one seeded generator per rack makes a run reproducible.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from math import exp, inf, isfinite, nan

import numpy as np


class Status(IntEnum):
    """What an instrument says of its own reading."""

    GOOD = 0
    HELD = 1  # holds its last value on purpose (auto-calibration, cleaning)
    SATURATED = 2  # at the end of its range
    FAILED = 3  # broken: the reading means nothing


_GOOD, _SATURATED = int(Status.GOOD), int(Status.SATURATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A regular pause in which an instrument keeps its last reading: calibration, cleaning.

    marked: whether the status says so (HELD); otherwise it stays Good.
    """

    every_s: float
    for_s: float
    marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One measuring chain.

    period_s: update interval. tau_s: lag for rising readings; tau_down_s: for falling ones (None:
    the same). slow_share, slow_tau_s: a part of the response that follows much more slowly when
    falling (desorption of a polymer probe). noise: standard deviation; noise_relative: the same as
    a share of the reading. step: quantisation, 0 for none. low, high: range, saturating.
    drift_per_day: unit per day. holds: pauses of the output, each on its own schedule.
    """

    sensor: str
    period_s: float = 0.1
    tau_s: float = 0.0
    tau_down_s: float | None = None
    slow_share: float = 0.0
    slow_tau_s: float = 0.0
    noise: float = 0.0
    noise_relative: float = 0.0
    step: float = 0.0
    low: float = -inf
    high: float = inf
    drift_per_day: float = 0.0
    holds: tuple[Hold, ...] = ()


class InstrumentFault(IntEnum):
    """What can go wrong with any instrument, by fault level."""

    FROZEN = 0  # level != 0: holds its reading, status stays Good
    DRIFT = 1  # level: unit per day, starting now
    OFFSET = 2  # level: unit
    FAILED = 3  # level != 0: status Failed


_Row = tuple[int, "_Chain | None", float, float, float, float, float, float, float, float, float]


class _Chain:
    """What can differ from chain to chain over time; the specification stays frozen."""

    __slots__ = (
        "drift",
        "extra_drift",
        "failed",
        "frozen",
        "gain_slow",
        "gain_up",
        "hold_at",
        "hold_marked",
        "hold_until",
        "holds_due",
        "k",
        "offset",
        "slow",
        "spec",
    )

    def __init__(self, k: int, spec: Instrument, phases: Sequence[float]) -> None:
        self.k = k
        self.spec = spec
        self.gain_up = _gain(spec.period_s, spec.tau_s)
        self.gain_slow = _gain(spec.period_s, spec.slow_tau_s)
        self.slow = self.drift = self.extra_drift = self.offset = 0.0
        self.frozen = self.failed = False
        self.holds_due = [h.every_s * x for h, x in zip(spec.holds, phases, strict=False)]
        self.hold_at = min(self.holds_due, default=inf)
        self.hold_until = -inf
        self.hold_marked = False

    def begin_hold(self, now: float) -> None:
        """Start what is due; the longest of overlapping pauses ends the hold."""
        for k, hold in enumerate(self.spec.holds):
            if now >= self.holds_due[k]:
                self.holds_due[k] += hold.every_s
                if now + hold.for_s > self.hold_until:
                    self.hold_until, self.hold_marked = now + hold.for_s, hold.marked
        self.hold_at = min(self.holds_due)

    @property
    def plain(self) -> bool:
        """Nothing but lag, noise, steps and limits."""
        spec = self.spec
        return not (
            spec.slow_share
            or spec.drift_per_day
            or spec.holds
            or self.extra_drift
            or self.drift
            or self.offset
            or self.frozen
            or self.failed
        )

    @property
    def contact(self) -> bool:
        """Shows the truth as it is: a switch, a counter."""
        spec = self.spec
        lags = spec.tau_s > 0 or bool(spec.tau_down_s)
        limited = isfinite(spec.low) or isfinite(spec.high)
        return self.plain and not (
            lags or limited or spec.noise or spec.noise_relative or spec.step
        )

    def row(self) -> _Row:
        """The constants of the inner loop."""
        spec = self.spec
        down = spec.tau_s if spec.tau_down_s is None else spec.tau_down_s
        span = spec.high - spec.low
        margin = 0.01 * span if isfinite(span) else 0.0
        return (
            self.k,
            None if self.plain else self,
            self.gain_up,
            _gain(spec.period_s, down),
            spec.noise,
            spec.noise_relative,
            1.0 / spec.step if spec.step else 0.0,
            spec.step,
            spec.low,
            spec.high,
            margin,
        )


class _Group:
    """Instruments that are updated together, sorted by how much work they are."""

    __slots__ = ("chains", "contacts", "period_s", "rows", "waited_s")

    def __init__(self, period_s: float, chains: list[_Chain]) -> None:
        self.period_s = period_s
        self.chains = chains
        self.waited_s = 0.0
        self.sort()

    def sort(self) -> None:
        """Build the tables of the inner loop, at the start and after a change of a fault."""
        self.contacts = [c.k for c in self.chains if c.contact]
        self.rows = [c.row() for c in self.chains if not c.contact]


class Rack:
    """All instruments of a station, in the order of the model's SENSORS.

    `readings` and `status` are lists that are updated in place by `step`. The inner loop runs for
    every instrument of the line ten times a plant second; that is why it works on tuples.
    """

    _NOISE = 8192

    def __init__(self, instruments: Sequence[Instrument], seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._names = {spec.sensor: k for k, spec in enumerate(instruments)}
        first = self._rng.uniform(0.2, 1.0, len(instruments)).tolist()
        # Further holds have a generator of their own: adding one leaves all noise as it was.
        most = max((len(spec.holds) for spec in instruments), default=0)
        further = np.random.default_rng((seed, 1)).uniform(0.2, 1.0, (len(first), most)).tolist()
        chains = [_Chain(k, s, (first[k], *further[k])) for k, s in enumerate(instruments)]
        self._chains = chains
        self._lagged = [0.0] * len(chains)
        periods = sorted({spec.period_s for spec in instruments})
        self._groups = [_Group(p, [c for c in chains if c.spec.period_s == p]) for p in periods]
        self.readings = [0.0] * len(chains)
        self.status = [_GOOD] * len(chains)
        self._noise = self._rng.standard_normal(self._NOISE).tolist()
        self._next_noise = 0
        self._now = 0.0
        self._fresh = True

    def settle(self, truth: Sequence[float]) -> None:
        """Start every chain at the true value, as if it had been watching for hours."""
        self._lagged = list(truth)
        self.readings[:] = truth
        for c in self._chains:
            c.slow = truth[c.k]
        self._fresh = False

    def set_fault(self, sensor: str, fault: InstrumentFault, level: float) -> None:
        """Switch a fault of one instrument; level 0 ends it. Drift stays where it has got to."""
        c = self._chains[self._names[sensor]]
        if c.contact:
            self._lagged[c.k] = self.readings[c.k]
        if fault is InstrumentFault.FROZEN:
            c.frozen = level != 0
        elif fault is InstrumentFault.DRIFT:
            c.extra_drift = level
        elif fault is InstrumentFault.OFFSET:
            c.offset = level
        else:
            c.failed = level != 0
        if c.contact:
            self.status[c.k] = _GOOD
        for group in self._groups:
            group.sort()

    def scale_noise(self, factor: float) -> None:
        """Multiply the noise of every chain, for a rack of better or worse instruments."""
        for c in self._chains:
            noise, relative = factor * c.spec.noise, factor * c.spec.noise_relative
            c.spec = replace(c.spec, noise=noise, noise_relative=relative)
        for group in self._groups:
            group.sort()

    def step(self, dt: float, truth: Sequence[float]) -> None:
        """Advance by dt seconds (every chain is updated when its own period is over)."""
        if self._fresh:
            self.settle(truth)
        now = self._now = self._now + dt
        readings = self.readings
        for group in self._groups:
            waited = group.waited_s + dt
            if waited + 1e-9 >= group.period_s:
                waited -= group.period_s
                for k in group.contacts:
                    readings[k] = truth[k]
                self._update(group.rows, now, truth)
            group.waited_s = waited

    def _update(self, rows: list[_Row], now: float, truth: Sequence[float]) -> None:
        readings, status, noise, lagged = self.readings, self.status, self._noise, self._lagged
        i = self._next_noise
        if i + len(rows) > len(noise):
            noise = self._noise = self._rng.standard_normal(self._NOISE).tolist()
            i = 0
        for k, special, up, down, sd, relative, per_step, step, low, high, margin in rows:
            y = lagged[k]
            d = truth[k] - y
            lagged[k] = y = y + d * (up if d > 0 else down)
            if special is not None:
                y = self._special(special, y, truth[k], now)
                if y != y:  # noqa: PLR0124 - not a number: held or failed, the status says which
                    continue
            if relative:
                y += (sd + relative * abs(y)) * noise[i]
            elif sd:
                y += sd * noise[i]
            i += 1
            if step:
                y = round(y * per_step) * step
            status[k] = _GOOD
            if y < low or y > high:
                # Noise around a zero is clipped without a mark, as transmitters do.
                if y < low - margin or y > high + margin:
                    status[k] = _SATURATED
                y = low if y < low else high
            readings[k] = y
        self._next_noise = i

    def _special(self, c: _Chain, y: float, x: float, now: float) -> float:
        """The reading before noise of a chain that is not plain; not a number when it holds."""
        spec = c.spec
        if spec.slow_share:
            d = x - c.slow
            c.slow += d * (c.gain_up if d > 0 else c.gain_slow)
            y += spec.slow_share * (c.slow - y)
        if spec.drift_per_day or c.extra_drift:
            c.drift += (spec.drift_per_day + c.extra_drift) * spec.period_s / 86400.0
        if c.failed or not isfinite(y):
            self.status[c.k] = int(Status.FAILED)
            return nan
        if now >= c.hold_at:
            c.begin_hold(now)
        if c.frozen or now < c.hold_until:
            held = now < c.hold_until and c.hold_marked
            self.status[c.k] = int(Status.HELD) if held else _GOOD
            return nan
        return y + c.drift + c.offset


class Stiction:
    """A sticking valve or servo: it moves only when asked to move further than its band."""

    __slots__ = ("band", "position")

    def __init__(self, band: float, position: float = 0.0) -> None:
        self.band = band
        self.position = position

    def move(self, wanted: float) -> float:
        """The position taken after the actuator was asked for `wanted` (same unit as band)."""
        if abs(wanted - self.position) > self.band:
            self.position = wanted
        return self.position


def _gain(period_s: float, tau_s: float) -> float:
    return 1.0 - exp(-period_s / tau_s) if tau_s > 0 else 1.0
