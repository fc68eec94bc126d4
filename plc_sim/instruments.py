"""Instruments between physics and the PLC inputs: lag, asymmetry, noise, drift, freezing.

An instrument turns a true value into a reading and a status. A `Rack` holds all instruments of a
station and steps them together; one seeded generator per rack makes a run reproducible.
"""

from collections.abc import Sequence
from dataclasses import dataclass
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
class Instrument:
    """One measuring chain.

    period_s: update interval. tau_s: lag for rising readings; tau_down_s: for falling ones (None:
    the same). slow_share, slow_tau_s: a part of the response that follows much more slowly when
    falling (desorption of a polymer probe). noise: standard deviation; noise_relative: the same as
    a share of the reading. step: quantisation, 0 for none. low, high: range, saturating.
    drift_per_day: unit per day. calibrate_every_s, calibrate_for_s: the output is frozen that
    often for that long, without any mark in the status where `marks_hold` is False.
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
    calibrate_every_s: float = 0.0
    calibrate_for_s: float = 0.0
    marks_hold: bool = False


class InstrumentFault(IntEnum):
    """What can go wrong with any instrument, by fault level."""

    FROZEN = 0  # level != 0: holds its reading, status stays Good
    DRIFT = 1  # level: unit per day, starting now
    OFFSET = 2  # level: unit
    FAILED = 3  # level != 0: status Failed


class _Chain:
    """State of one instrument; kept apart from the table so that the table stays frozen.

    What `Rack` needs in its inner loop is copied out of the specification, because that loop runs
    for every instrument of the line ten times a plant second. `plain` chains have nothing but lag,
    noise, steps and limits.
    """

    __slots__ = (
        "calibrate_at",
        "calibrate_until",
        "drift",
        "extra_drift",
        "failed",
        "fast",
        "frozen",
        "gain_down",
        "gain_slow",
        "gain_up",
        "high",
        "k",
        "low",
        "margin",
        "noise",
        "noise_relative",
        "offset",
        "per_step",
        "plain",
        "slow",
        "spec",
        "step",
    )

    def __init__(self, k: int, spec: Instrument, phase: float) -> None:
        self.k = k
        self.spec = spec
        down = spec.tau_s if spec.tau_down_s is None else spec.tau_down_s
        self.gain_up = _gain(spec.period_s, spec.tau_s)
        self.gain_down = _gain(spec.period_s, down)
        self.gain_slow = _gain(spec.period_s, spec.slow_tau_s)
        self.noise, self.noise_relative = spec.noise, spec.noise_relative
        self.step = spec.step
        self.per_step = 1.0 / spec.step if spec.step else 0.0
        self.low, self.high = spec.low, spec.high
        span = spec.high - spec.low
        self.margin = 0.01 * span if isfinite(span) else 0.0
        self.fast = self.slow = 0.0
        self.drift = self.extra_drift = self.offset = 0.0
        self.frozen = self.failed = False
        self.calibrate_at = phase * spec.calibrate_every_s if spec.calibrate_every_s > 0 else inf
        self.calibrate_until = -inf
        self.judge()

    def judge(self) -> None:
        """Find out again whether the chain is plain, after a change of its faults."""
        spec = self.spec
        self.plain = not (
            spec.slow_share
            or spec.drift_per_day
            or spec.calibrate_every_s > 0
            or self.extra_drift
            or self.drift
            or self.offset
            or self.frozen
            or self.failed
        )


class Rack:
    """All instruments of a station, in the order of the model's SENSORS.

    `readings` and `status` are lists that are updated in place by `step`.
    """

    _NOISE = 8192

    def __init__(self, instruments: Sequence[Instrument], seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._names = {spec.sensor: k for k, spec in enumerate(instruments)}
        phases = self._rng.uniform(0.2, 1.0, len(instruments)).tolist()
        chains = [_Chain(k, s, p) for k, (s, p) in enumerate(zip(instruments, phases, strict=True))]
        self._chains = chains
        periods = sorted({spec.period_s for spec in instruments})
        self._groups = [(p, [c for c in chains if c.spec.period_s == p]) for p in periods]
        self._waited = [0.0] * len(periods)
        self.readings = [0.0] * len(chains)
        self.status = [int(Status.GOOD)] * len(chains)
        self._noise = self._rng.standard_normal(self._NOISE).tolist()
        self._next_noise = 0
        self._now = 0.0
        self._fresh = True

    def settle(self, truth: Sequence[float]) -> None:
        """Start every chain at the true value, as if it had been watching for hours."""
        for c in self._chains:
            c.fast = c.slow = truth[c.k]
            self.readings[c.k] = truth[c.k]
        self._fresh = False

    def set_fault(self, sensor: str, fault: InstrumentFault, level: float) -> None:
        """Switch a fault of one instrument; level 0 ends it. Drift stays where it has got to."""
        c = self._chains[self._names[sensor]]
        if fault is InstrumentFault.FROZEN:
            c.frozen = level != 0
        elif fault is InstrumentFault.DRIFT:
            c.extra_drift = level
        elif fault is InstrumentFault.OFFSET:
            c.offset = level
        else:
            c.failed = level != 0
        c.judge()

    def step(self, dt: float, truth: Sequence[float]) -> None:
        """Advance by dt seconds (every chain is updated when its own period is over)."""
        if self._fresh:
            self.settle(truth)
        now = self._now = self._now + dt
        waited = self._waited
        for g, (period, chains) in enumerate(self._groups):
            waited[g] += dt
            if waited[g] + 1e-9 >= period:
                waited[g] -= period
                self._update(chains, now, truth)

    def _update(self, chains: list[_Chain], now: float, truth: Sequence[float]) -> None:
        readings, status, noise = self.readings, self.status, self._noise
        i = self._next_noise
        if i + len(chains) > len(noise):
            noise = self._noise = self._rng.standard_normal(self._NOISE).tolist()
            i = 0
        for c in chains:
            k = c.k
            x = truth[k]
            d = x - c.fast
            c.fast += d * (c.gain_up if d > 0 else c.gain_down)
            y = c.fast if c.plain else self._special(c, x, now)
            if c.noise_relative:
                y += (c.noise + c.noise_relative * abs(y)) * noise[i]
            else:
                y += c.noise * noise[i]
            i += 1
            if y != y:  # noqa: PLR0124 - not a number: held or failed, the status says which
                continue
            if c.step:
                y = round(y * c.per_step) * c.step
            status[k] = _GOOD
            if y < c.low or y > c.high:
                # Noise around a zero is clipped without a mark, as transmitters do.
                if y < c.low - c.margin or y > c.high + c.margin:
                    status[k] = _SATURATED
                y = c.low if y < c.low else c.high
            readings[k] = y
        self._next_noise = i

    def _special(self, c: _Chain, x: float, now: float) -> float:
        """The reading before noise of a chain that is not plain; not a number when it holds."""
        spec, y = c.spec, c.fast
        if spec.slow_share:
            d = x - c.slow
            c.slow += d * (c.gain_up if d > 0 else c.gain_slow)
            y += spec.slow_share * (c.slow - y)
        if spec.drift_per_day or c.extra_drift:
            c.drift += (spec.drift_per_day + c.extra_drift) * spec.period_s / 86400.0
        if c.failed or not isfinite(y):
            self.status[c.k] = int(Status.FAILED)
            return nan
        if now >= c.calibrate_at:
            c.calibrate_until = now + spec.calibrate_for_s
            c.calibrate_at += spec.calibrate_every_s
        if c.frozen or now < c.calibrate_until:
            held = now < c.calibrate_until and spec.marks_hold
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
