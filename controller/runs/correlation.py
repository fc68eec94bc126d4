"""How much successive values of one record say: correlation time, effective number, batch means.

Neighbouring values of a process are alike, so a record of n values is worth fewer than n: its mean
varies as that of n / T independent ones, T the integrated correlation time in steps. An interval
made as if all n were independent is too narrow by the root of T, tenfold at T = 100.
Needs numpy alone; intervals and tests are in `controller.runs.statistics`.
"""

from math import sqrt

import numpy as np

from controller.history.codec import Floats

BATCH_TIMES = 5.0  # correlation times in a batch: means of neighbours then correlate below 0.05
MOST_BATCHES = 30  # more would narrow the t quantile by under 2 %
FEWEST_BATCHES = 4


def correlation_time(values: Floats) -> float:
    """Integrated autocorrelation time in steps, at least 1: values worth one independent value.

    By the initial monotone sequence (Geyer 1992): sums of two neighbouring autocorrelations are
    added up until one is not positive, none counting more than the one before. As they are taken
    about the record's own mean, the sum falls short by about 2 T / n of itself; that is put right.
    A record of fewer than four values, or one that does not vary, is worth one value.
    """
    n = len(values)
    off = values - values.mean() if n else values
    power = float(off @ off)
    if n < 4 or power <= 1e-24 * float(values @ values):
        return float(max(n, 1))
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(off, size)
    rho = np.fft.irfft(spectrum * spectrum.conj(), size)[:n] / power
    pairs = rho[0 : n - 1 : 2] + rho[1:n:2]
    ends = np.flatnonzero(pairs <= 0.0)
    pairs = np.minimum.accumulate(pairs[: ends[0]] if len(ends) else pairs)
    short = max(1.0, 2.0 * float(pairs.sum()) - 1.0)
    if 8.0 * short >= n:  # the record is too short for the correction; T is at least this
        return min(2.0 * short, float(n))
    return 0.25 * n * (1.0 - sqrt(1.0 - 8.0 * short / n))


def effective_n(values: Floats) -> float:
    """The number of independent values that would tell as much about the mean."""
    return len(values) / correlation_time(values)


def batch_means(values: Floats) -> Floats:
    """Means of batches long against the correlation time; empty when there would be too few.

    All batches are equally long, a value across an edge counts in parts, so that their mean is that
    of the values.
    """
    n = len(values)
    number = min(MOST_BATCHES, int(n / (BATCH_TIMES * correlation_time(values))))
    if number < FEWEST_BATCHES:
        return np.zeros(0)
    middle = values.mean()
    sums = np.concatenate((np.zeros(1), np.cumsum(values - middle)))
    edges = np.linspace(0.0, n, number + 1)
    return np.asarray(middle + np.diff(np.interp(edges, np.arange(n + 1), sums)) * number / n)
