"""How sure one run is of its own means: intervals from batch means, or why there is none.

They say how well this run's mean is known, not how much runs of its recipe differ.
"""

from dataclasses import dataclass

from controller.core.errors import DrylineError
from controller.runs.correlation import FEWEST_BATCHES, batch_means
from controller.runs.curve import Curve
from controller.runs.measure import Sort
from controller.runs.quality import RunSummary
from controller.runs.statistics import LEVEL, mean_interval


@dataclass(frozen=True, slots=True)
class Confidence:
    """The interval of a mean, in the unit of its measure; None where `why_not`. batches: what it
    rests on, means of stretches so long that neighbours tell independent things."""

    low: float | None
    high: float | None
    level: float
    batches: int
    why_not: str = ""


def confidences(summary: RunSummary, level: float = LEVEL) -> dict[str, Confidence]:
    """Of every measure of a run, by its name."""
    return {
        name: _confidence(figure.measure.sort, summary.curves[name], level)
        for name, figure in summary.figures.items()
    }


def _confidence(sort: Sort, curve: Curve, level: float) -> Confidence:
    if sort is not Sort.LEVEL:
        return Confidence(None, None, level, 0, f"a {sort} is one figure a run")
    values = curve.counted
    if not len(values):
        return Confidence(None, None, level, 0, "nothing is known")
    batches = batch_means(values)
    if len(batches) < FEWEST_BATCHES:
        return Confidence(None, None, level, len(batches), "it drifts or the run is too short")
    try:
        low, high = mean_interval(batches, level)
    except DrylineError as error:  # without scipy there is no quantile
        return Confidence(None, None, level, len(batches), str(error))
    return Confidence(low, high, level, len(batches))
