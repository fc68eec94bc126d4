"""Curves of several runs on one axis and one grid, as a chart takes them. Blocks: in a thread."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from controller.clock import NS
from controller.config import LineConfig
from controller.core.errors import Refused
from controller.history.codec import Floats
from controller.history.several import AnyReader, MergedReader
from controller.run_folder import histories
from controller.runs.alignment import Aligned, Axis, align, extent
from controller.runs.curve import read_curve
from controller.runs.measure import Measure, Sort, measures_of
from controller.runs.quality import RunSummary
from controller.trial_runs import summary_of

LEAST_STEPS = 8  # of the history in a bin, where it has so many
STEPS_S = (1, 2, 5, 10, 20, 30, 60)  # divisors of a minute
Plain = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What shall be drawn. runs, base: ids of runs; what: names of measures, or tags; low, high:
    the stretch of the axis, None for all that there is; bins: of it."""

    runs: Sequence[str]
    base: Sequence[str]
    what: Sequence[str]
    axis: Axis
    bins: int
    low: float | None = None
    high: float | None = None


def run_curves(config: LineConfig, run: Path, wish: Wish) -> Plain:
    """Every curve on the same grid; of the base runs their mean and spread, too."""
    with MergedReader(histories(config, run)) as history:
        names = list(dict.fromkeys([*wish.runs, *wish.base]))
        found = {name: summary_of(name, run, config, history) for name in names}
        _require_one_kind(found.values())
        aligned = {
            (name, what): _aligned(summary, what, wish, history)
            for name, summary in found.items()
            for what in wish.what
        }
    edges = _edges(list(aligned.values()), wish)
    values = {key: _binned(curve, edges) for key, curve in aligned.items()}
    own = {name: summary.head.id for name, summary in found.items()}
    return {
        "axis": wish.axis.value, "unit": wish.axis.unit, "text": wish.axis.text,
        "position": np.asarray((edges[:-1] + edges[1:]) / 2.0, np.float64),
        "what": [_titled(what, next(iter(found.values())).head.kind) for what in wish.what],
        "runs": [
            {
                "run": own[name], "base": name in wish.base, "recipe": summary.head.recipe,
                "station": summary.head.station, "begun_ns": summary.head.begun_ns,
                "extent": _extent(summary, wish.axis),
                "values": {what: values[name, what] for what in wish.what},
            }
            for name, summary in found.items()
        ],
        "band": {what: _band([values[name, what] for name in wish.base]) for what in wish.what}
        if wish.base else {},
    }  # fmt: skip


def _require_one_kind(summaries: Iterable[RunSummary]) -> None:
    kinds = {summary.head.kind for summary in summaries}
    if len(kinds) > 1:
        raise Refused("kind", [f"runs of {' and '.join(sorted(kinds))} have nothing to compare"])


def _measure(what: str, kind: str) -> Measure | None:
    return next((m for m in measures_of(kind).all if m.name == what), None)


def _titled(what: str, kind: str) -> Plain:
    measure = _measure(what, kind)
    if measure is None:
        return {"name": what, "text": "", "unit": ""}
    return {"name": what, "text": measure.text, "unit": measure.unit}


def _aligned(summary: RunSummary, what: str, wish: Wish, history: AnyReader) -> Aligned:
    measure = _measure(what, summary.head.kind)
    if measure is not None:
        return align(summary, summary.curves[what], wish.axis, measure.gauge_m)
    if what not in {tag.name for tag in history.tags()}:
        names = ", ".join(m.name for m in measures_of(summary.head.kind).all)
        raise Refused("unknown", [f"{what!r} is neither a tag nor a measure: {names}"])
    window = (summary.head.begun_ns, summary.stop_ns)
    step_s = _step_s((window[1] - window[0]) / NS, wish.bins)
    terms = [(what, 1.0)]
    curve = read_curve(history, terms, Sort.LEVEL, step_s, window, summary.course.execute)
    return align(summary, curve, wish.axis)


def _step_s(lasts_s: float, bins: int) -> int:
    """The longest step of which a bin still has some."""
    wanted = lasts_s / (bins * LEAST_STEPS)
    return max((s for s in STEPS_S if s <= wanted), default=STEPS_S[0])


def _edges(curves: Sequence[Aligned], wish: Wish) -> Floats:
    positions = [curve.position for curve in curves if len(curve.position)]
    low, high = wish.low, wish.high
    if low is None:
        low = min((float(p[0]) for p in positions), default=0.0)
    if high is None:
        high = max((float(p[-1]) for p in positions), default=1.0)
    if high <= low:
        high = low + 1.0
    return np.linspace(low, high, wish.bins + 1)


def _binned(curve: Aligned, edges: Floats) -> Floats:
    """Means of what is known in each bin, NaN where nothing is.

    A bin narrower than the steps, with no middle of a step in it, shows the step in which it lies:
    a slow measure is a line, not a row of dots.
    """
    number = len(edges) - 1
    known = np.isfinite(curve.values)
    position, values = curve.position[known], curve.values[known]
    at = np.searchsorted(edges, position, side="right") - 1
    at[position == edges[-1]] = number - 1
    inside = (at >= 0) & (at < number)
    counts = np.bincount(at[inside], minlength=number)
    sums = np.bincount(at[inside], values[inside], minlength=number)
    found = np.full(number, np.nan)
    np.divide(sums, counts, out=found, where=counts > 0)
    if len(curve.position) > 1:
        step = np.searchsorted(_bounds(curve.position), (edges[:-1] + edges[1:]) / 2.0) - 1
        within = (counts == 0) & (step >= 0) & (step < len(curve.position))
        found[within] = curve.values[step[within]]
    return found


def _bounds(middle: Floats) -> Floats:
    """Where steps that follow one another begin, and where the last one ends."""
    between = (middle[1:] + middle[:-1]) / 2.0
    first, last = 2.0 * middle[0] - between[0], 2.0 * middle[-1] - between[-1]
    return np.concatenate(([first], between, [last]))


def _band(curves: Sequence[Floats]) -> Plain:
    """Mean of the base runs, and sd where at least two of them are known."""
    rows = np.array(curves)
    known = np.isfinite(rows)
    number = known.sum(axis=0)
    sums = np.where(known, rows, 0.0).sum(axis=0)
    mean, sd = np.full(rows.shape[1], np.nan), np.full(rows.shape[1], np.nan)
    np.divide(sums, number, out=mean, where=number > 0)
    squares = np.where(known, (rows - mean) ** 2, 0.0).sum(axis=0)
    np.divide(squares, number - 1, out=sd, where=number > 1)
    return {"mean": mean, "sd": np.sqrt(sd), "runs": len(curves)}


def _extent(summary: RunSummary, axis: Axis) -> tuple[float, float] | None:
    """Where on the axis the run was in EXECUTE; None when it never was."""
    try:
        return extent(summary, axis)
    except Refused:
        return None
