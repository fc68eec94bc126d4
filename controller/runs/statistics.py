"""Intervals and tests: Welch, and one run against the spread of several. The quantiles are scipy's.

Unit of evidence: what the interval counts as one independent observation, a run or a batch.
"""

from dataclasses import dataclass
from math import sqrt
from types import ModuleType

import numpy as np

from controller.core.errors import DrylineError
from controller.history.codec import Floats

LEVEL = 0.95
POWER = 0.8  # with which a difference would be seen that is called detectable


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A difference with its confidence interval.

    p: of a difference at least as large when there is none in truth, two-sided. df: degrees of
    freedom. detectable: smallest true difference that such evidence shows with probability POWER.
    """

    difference: float
    low: float
    high: float
    p: float
    df: float
    detectable: float


def require_scipy() -> ModuleType:
    """scipy.stats; DrylineError says what to install when it is missing."""
    try:
        from scipy import stats  # noqa: PLC0415 - an extra, slow to import
    except ImportError as error:
        text = "comparing runs needs the extra: pip install 'dryline[trial]'"
        raise DrylineError(text) from error
    return stats  # type: ignore[no-any-return]


def mean_interval(units: Floats, level: float = LEVEL) -> tuple[float, float]:
    """Confidence interval of the mean of independent units, at least two (Student)."""
    stats = require_scipy()
    half = _half(stats, level, len(units) - 1) * float(units.std(ddof=1)) / sqrt(len(units))
    mean = float(units.mean())
    return mean - half, mean + half


def welch(first: Floats, second: Floats, level: float = LEVEL) -> Interval | None:
    """First less second, two or more units a side, spreads that may differ (Welch 1947).

    None when a side does not vary at all, as a stuck sensor: it cannot tell how far to trust it.
    """
    stats = require_scipy()
    if not _varies(first) or not _varies(second):
        return None
    result = stats.ttest_ind(first, second, equal_var=False)
    low, high = result.confidence_interval(level)
    difference, df = float(first.mean() - second.mean()), float(result.df)
    error = (float(high) - float(low)) / (2.0 * _half(stats, level, df))
    return Interval(
        difference=difference, low=float(low), high=float(high), p=float(result.pvalue), df=df,
        detectable=_detectable(stats, level, df, error),
    )  # fmt: skip


def one_against(one: float, several: Floats, level: float = LEVEL) -> Interval | None:
    """One unit less the mean of several, taking it to vary as these do (Student, pooled).

    None when these do not vary.
    """
    stats = require_scipy()
    n = len(several)
    if not _varies(several):
        return None
    mean, sd = float(several.mean()), float(several.std(ddof=1))
    p = stats.ttest_ind_from_stats(one, 0.0, 1, mean, sd, n, equal_var=True).pvalue
    difference, df, error = one - mean, float(n - 1), sd * sqrt(1.0 + 1.0 / n)
    half = _half(stats, level, df) * error
    return Interval(
        difference=difference, low=difference - half, high=difference + half, p=float(p), df=df,
        detectable=_detectable(stats, level, df, error),
    )  # fmt: skip


def turned(interval: Interval) -> Interval:
    """The same with the sides exchanged."""
    return Interval(
        difference=-interval.difference, low=-interval.high, high=-interval.low, p=interval.p,
        df=interval.df, detectable=interval.detectable,
    )  # fmt: skip


def _varies(units: Floats) -> bool:
    spread = float(np.ptp(units))
    return spread > 1e-12 * float(np.abs(units).max())


def _half(stats: ModuleType, level: float, df: float) -> float:
    return float(stats.t.ppf(0.5 + 0.5 * level, df))


def _detectable(stats: ModuleType, level: float, df: float, error: float) -> float:
    return (_half(stats, level, df) + float(stats.t.ppf(POWER, df))) * error
