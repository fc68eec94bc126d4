"""Figure: one number of a rehearsal's result, and what it is taken from."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from plc_sim.models.quality import Metre
from plc_sim.rehearsal.trace import Column, Mask, Trace

POWER = "power_kw"  # name every station kind gives its electric power among the truths
SETTLE_S = 600.0  # of production are left out of quality: what is made then is start-up
SETTLE_SHARE = 0.2  # but never more than this share of production


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. key: stable, for scripts and comparisons; text, unit: for people."""

    key: str
    text: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class View:
    """What figures of quality are taken from.

    mask: rows of the trace that count, in EXECUTE and settled; metres: of the calender's ledger,
    all that were finished since the plant was built. prefix: of the tags.
    """

    trace: Trace
    mask: Mask
    prefix: str
    metres: tuple[Metre, ...] = ()

    def tag(self, name: str) -> Column:
        """Values of a tag in the rows that count, usable ones only; "." stands for the prefix."""
        column = self.trace.column(self.full(name))[self.mask]
        return column[np.isfinite(column)]

    def true(self, name: str) -> Column:
        """Plant truth in the rows that count."""
        return self.trace.true(name)[self.mask]

    def full(self, name: str) -> str:
        """The tag a leading "." stands for."""
        return self.prefix + name if name.startswith(".") else name

    @property
    def empty(self) -> bool:
        """Nothing was produced that could be judged."""
        return not bool(self.mask.any())


def settled_mask(trace: Trace, execute: tuple[tuple[float, float], ...], from_s: float) -> Mask:
    """Rows in EXECUTE, without the beginning of production (at from_s)."""
    time_s = trace.time_s
    mask = np.zeros(len(time_s), dtype=np.bool_)
    for start, stop in execute:
        mask |= (time_s >= start) & (time_s <= stop)
    if not execute:
        return mask
    whole_s = max(0.0, execute[-1][1] - from_s)
    return mask & (time_s >= from_s + min(SETTLE_S, SETTLE_SHARE * whole_s))


def energy(trace: Trace, from_s: float | None, to_s: float) -> Iterator[Figure]:
    """Electric energy up to production and in it, from true power."""
    power, time_s = trace.true(POWER), trace.time_s
    steps = np.diff(time_s, prepend=0.0)
    begun_s = to_s if from_s is None else from_s
    before, during = time_s < begun_s, (time_s >= begun_s) & (time_s <= to_s)
    yield Figure("energy_start_kwh", "energy until production",
                 float((power * steps)[before].sum()) / 3600.0, "kWh")  # fmt: skip
    if from_s is not None and during.any():
        spent = float((power * steps)[during].sum()) / 3600.0
        yield Figure("energy_production_kwh", "energy in production", spent, "kWh")
        yield Figure("power_kw", "power in production", float(power[during].mean()), "kW")


def spread(key: str, text: str, values: Column, unit: str) -> Iterator[Figure]:
    """Mean and standard deviation."""
    if len(values):
        yield Figure(f"{key}_mean", f"{text}, mean", float(values.mean()), unit)
        yield Figure(f"{key}_sd", f"{text}, standard deviation", float(values.std()), unit)


def share(key: str, text: str, inside: Mask) -> Iterator[Figure]:
    """Share in percent."""
    if len(inside):
        yield Figure(f"{key}_pct", text, 100.0 * float(inside.mean()), "%")


def extreme(key: str, text: str, value: float, unit: str) -> Iterator[Figure]:
    """One number as it is, unless it is none."""
    if np.isfinite(value):
        yield Figure(key, text, float(value), unit)
