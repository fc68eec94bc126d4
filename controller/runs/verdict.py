"""What is said of a comparison: the evidence, the method and the verdict in plain words."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from controller.runs.correlation import BATCH_TIMES
from controller.runs.measure import Measure, Sort
from controller.runs.statistics import Interval


class Evidence(StrEnum):
    """What counts as one independent observation."""

    RUNS = "runs"  # run means, two runs or more a side: speaks for the recipes
    ONE_RUN = "one run"  # one run against run means: it is taken to vary as the others do
    BATCHES = "batches"  # batch means within runs: speaks for these runs alone
    NONE = "none"  # no interval can be given


def method_text(evidence: Evidence, units: Sequence[int]) -> str:
    """How the interval was found. units: observations on either side."""
    first, second = units
    if evidence is Evidence.RUNS:
        return f"Welch t on run means, {first} against {second} runs"
    if evidence is Evidence.ONE_RUN:
        return f"Student t of one run against the spread of {max(units)} runs"
    if evidence is Evidence.BATCHES:
        return (
            f"Welch t on batch means, {first} against {second} batches of at least"
            f" {BATCH_TIMES:g} correlation times"
        )
    return "no interval"


def figures_text(measure: Measure, step_s: int) -> str:
    """What one number of a measure is."""
    if measure.sort is Sort.LEVEL:
        return f"mean and sd of {step_s} s means of Good values in EXECUTE"
    if measure.sort is Sort.DOSE:
        return f"of every run the integral of {step_s} s means in EXECUTE"
    return f"of every run the largest value in EXECUTE, from maxima of {step_s} s"


def verdict_text(interval: Interval | None, why_not: str, unit: str, level: float) -> str:
    """The outcome in plain words. unit: of the difference, '-' for none."""
    if interval is None:
        return f"cannot be judged: {why_not}"
    shown_unit = "" if unit == "-" else f" {unit}"
    if interval.low <= 0.0 <= interval.high:
        least = f"{interval.detectable:.2g}{shown_unit}"
        return f"no difference seen; smallest difference this data could show is about {least}"
    word = "higher" if interval.difference > 0.0 else "lower"
    half = 0.5 * (interval.high - interval.low)
    places = int(np.clip(1 - np.floor(np.log10(half)), 0, 9)) if half > 0.0 else 9
    ends = sorted((abs(interval.low), abs(interval.high)))
    size, near, far = (f"{x:.{places}f}" for x in (abs(interval.difference), *ends))
    return f"{word} by {size}{shown_unit}, {100 * level:g} % CI {near} to {far}"
