"""Picture of a comparison: a panel a measure, both sides aligned, with their limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from controller.core.errors import DrylineError
from controller.history.codec import Floats
from controller.runs.alignment import align
from controller.runs.compare import Comparison, Row, Side
from controller.runs.measure import Measure
from controller.runs.quality import RunSummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 240  # across a panel
LIMIT_REACH = 3.0  # a limit is shown when it is at most so many heights of the curves away
COLOURS = {"trial": "tab:orange", "base": "tab:blue"}


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Mean and standard deviation of all runs of a side in each bin, NaN in an empty one."""

    position: Floats
    mean: Floats
    sd: Floats


def save_comparison_plot(
    comparison: Comparison, trial: Sequence[RunSummary], base: Sequence[RunSummary], path: Path
) -> None:
    """Draw into a PNG; DrylineError when the plot extra is not installed.

    trial, base: as they were compared. The stretch compared is shaded. What took no part, as a
    warm-up or web from before EXECUTE, is drawn thin and does not set the scale.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise DrylineError("plots need the extra: pip install 'dryline[plot]'") from error
    figure = Figure(figsize=(10, 2.4 * len(comparison.rows) + 1.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(comparison.rows), 1, sharex=True, squeeze=False)[:, 0]
    for axis, row in zip(axes, comparison.rows, strict=True):
        counted = []
        for name, runs in (("base", base), ("trial", trial)):
            whole = side_band(comparison, runs, row.measure)
            axis.plot(whole.position, whole.mean, linewidth=0.5, color=COLOURS[name], alpha=0.6)
            counted.append(side_band(comparison, runs, row.measure, counted=True))
            _draw(axis, name, counted[-1], len(runs))
        _draw_limits(axis, row)
        if (span := _shown_span(counted, row)) is not None:
            axis.set_ylim(*span)
        axis.axvspan(comparison.low, comparison.high, color="grey", alpha=0.08, linewidth=0)
        axis.set_title(f"{row.measure.text}: {row.verdict}", loc="left", fontsize="small")
        axis.set_ylabel(row.measure.unit)
        axis.grid(visible=True, alpha=0.3)
    axes[0].legend(loc="upper right", fontsize="small")
    axes[-1].set_xlabel(f"{comparison.axis.text} [{comparison.axis.unit}], shaded: compared")
    figure.savefig(path, dpi=110)


def side_band(
    comparison: Comparison, runs: Sequence[RunSummary], measure: Measure, *, counted: bool = False
) -> Band:
    """The curves of the runs of one side together: all that is recorded of them, or what counted.

    Bins are as wide as the stretch compared divided by BINS, and counted from its beginning.
    """
    width = (comparison.high - comparison.low) / BINS
    curves = [
        align(run, run.curves[measure.name], comparison.axis, measure.gauge_m) for run in runs
    ]
    position = np.concatenate([curve.position for curve in curves])
    values = np.concatenate([curve.values for curve in curves])
    kept = np.isfinite(values)
    if counted:
        kept &= np.concatenate([curve.counts for curve in curves])
        kept &= (position >= comparison.low) & (position <= comparison.high)
    position, values = position[kept], values[kept]
    if not len(values):
        return Band(np.zeros(0), np.zeros(0), np.zeros(0))
    # Far outside the stretch nobody looks, and a warm-up may take a hundred times as long.
    near = np.abs(position - comparison.low) <= 2.0 * (comparison.high - comparison.low)
    position, values = position[near], values[near]
    places = np.floor((position - comparison.low) / width).astype(np.int64)
    first = int(places.min(initial=0))
    bins = places - first
    number = np.bincount(bins)
    mean, sd = np.full(len(number), np.nan), np.full(len(number), np.nan)
    np.divide(np.bincount(bins, values), number, out=mean, where=number > 0)
    np.divide(np.bincount(bins, (values - mean[bins]) ** 2), number, out=sd, where=number > 0)
    places = first + np.arange(len(number))
    middle = np.asarray(comparison.low + width * (places + 0.5), np.float64)
    return Band(middle, mean, np.sqrt(sd, out=sd))


def _shown_span(bands: Sequence[Band], row: Row) -> tuple[float, float] | None:
    """From lowest to highest of what counted, and the limits with it unless they are far away."""
    found = np.concatenate([band.mean + sign * band.sd for band in bands for sign in (-1.0, 1.0)])
    found = found[np.isfinite(found)]
    if not len(found) or not np.ptp(found):
        return None
    low, high = float(found.min()), float(found.max())
    reach = LIMIT_REACH * (high - low)
    limits = [*_limits(row.trial), *_limits(row.base)]
    near = [limit for limit in limits if low - reach <= limit <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    margin = 0.06 * (high - low)
    return low - margin, high + margin


def _draw(axis: "Axes", name: str, band: Band, runs: int) -> None:
    label = f"{name}, {runs} run{'s' if runs > 1 else ''}: mean and sd"
    axis.plot(band.position, band.mean, linewidth=1.2, color=COLOURS[name], label=label)
    low, high = band.mean - band.sd, band.mean + band.sd
    axis.fill_between(band.position, low, high, alpha=0.2, color=COLOURS[name], linewidth=0)


def _draw_limits(axis: "Axes", row: Row) -> None:
    sides = [("trial", row.trial), ("base", row.base)]
    if row.trial.spec == row.base.spec:
        sides = [("both", row.base)]
    for name, side in sides:
        for limit in _limits(side):
            axis.axhline(limit, color=COLOURS.get(name, "crimson"), linestyle="--", linewidth=0.9)


def _limits(side: Side) -> list[float]:
    spec = side.spec
    return [] if spec is None else [x for x in (spec.low, spec.high) if x is not None]
