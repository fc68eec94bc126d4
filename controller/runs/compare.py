"""Comparison of trial runs with base runs: what differs, and how sure one may be of it.

Only the stretch of the axis that all runs have in EXECUTE is compared. What counts as one
independent observation depends on how many runs there are (`Evidence`), stands in every row with
its number, and decides how wide the interval is: neighbouring seconds of one run are never taken
for independent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan, nan

import numpy as np

from controller.core.errors import Refused
from controller.history.codec import Floats
from controller.runs.alignment import Aligned, Axis, align, extent
from controller.runs.correlation import BATCH_TIMES, FEWEST_BATCHES, batch_means, effective_n
from controller.runs.measure import Measure, Sort, Spec, measures_of
from controller.runs.quality import Capability, RunSummary, capability, mean_and_sd
from controller.runs.statistics import LEVEL, Interval, one_against, require_scipy, turned, welch
from controller.runs.verdict import Evidence, figures_text, method_text, verdict_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One measure of the trial or of the base, over the stretch compared.

    mean: of the units of evidence, of all values where there are none; nan when nothing is known.
    sd: of all step means of all runs; of a DOSE or a PEAK of the runs' figures. n, effective_n:
    values and what they are worth; units: independent observations the interval rests on.
    known: least of its runs.
    """

    runs: tuple[str, ...]
    mean: float
    sd: float | None
    n: int
    effective_n: float
    units: int
    known: float
    spec: Spec | None
    capability: Capability


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measure on both sides. difference: trial less base; interval: None where `why_not`."""

    measure: Measure
    step_s: int
    trial: Side
    base: Side
    evidence: Evidence
    method: str
    interval: Interval | None
    why_not: str
    verdict: str

    @property
    def difference(self) -> float | None:
        """Trial less base; None when one side is not known."""
        found = self.trial.mean - self.base.mean
        return None if isnan(found) else found


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergySide:
    """Energy of one side: means over its runs of what is known. known: the least of them."""

    run_kwh: float | None
    execute_kwh: float | None
    mean_kw: float | None
    per_metre_kwh: float | None
    known: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Trial against base. low, high: the stretch compared, in the unit of the axis.

    level: of all intervals; the last row is the electric power.
    """

    kind: str
    axis: Axis
    low: float
    high: float
    level: float
    trial: tuple[str, ...]
    base: tuple[str, ...]
    rows: tuple[Row, ...]
    trial_energy: EnergySide
    base_energy: EnergySide
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """One run in one measure: its values in the stretch, its spec, the share known."""

    summary: RunSummary
    values: Floats
    known: float


def compare(
    trial: Sequence[RunSummary],
    base: Sequence[RunSummary],
    axis: Axis = Axis.EXECUTE,
    *,
    level: float = LEVEL,
    by: Evidence | None = None,
    window: tuple[float, float] | None = None,
) -> Comparison:
    """Trial runs against base runs of one station kind.

    by: RUNS or BATCHES; None takes runs as soon as one side has two. window: a part of the axis,
    in its unit. Refused when runs cannot be compared, DrylineError when scipy is not installed.
    """
    require_scipy()
    _require_comparable(trial, base)
    runs = [*trial, *base]
    low, high, notes = _stretch(runs, axis, window)
    kind = measures_of(runs[0].head.kind)
    evidence = by or (Evidence.RUNS if max(len(trial), len(base)) > 1 else Evidence.BATCHES)
    rows = []
    for measure in kind.all:
        step_s = max(run.curves[measure.name].step_s for run in runs)
        sides = (
            [_part(run, measure, step_s, axis, (low, high)) for run in side]
            for side in (trial, base)
        )
        rows.append(_Judge(measure, step_s, evidence, level).row(*sides))
    return Comparison(
        kind=kind.kind,
        axis=axis,
        low=low,
        high=high,
        level=level,
        trial=tuple(run.head.id for run in trial),
        base=tuple(run.head.id for run in base),
        rows=tuple(rows),
        trial_energy=_energy(trial),
        base_energy=_energy(base),
        notes=(*notes, *_reservations(rows, level, len(runs))),
    )


def _require_comparable(trial: Sequence[RunSummary], base: Sequence[RunSummary]) -> None:
    if not trial or not base:
        raise Refused("no_runs", ("a comparison needs a run on either side",))
    kinds = sorted({run.head.kind for run in (*trial, *base)})
    if len(kinds) > 1:
        reason = f"runs of one station kind can be compared, these are of {' and '.join(kinds)}"
        raise Refused("different_kinds", (reason,))
    names = [run.head.id for run in (*trial, *base)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Refused("same_run", tuple(f"run {name} is there more than once" for name in twice))


def _stretch(
    runs: Sequence[RunSummary], axis: Axis, window: tuple[float, float] | None
) -> tuple[float, float, list[str]]:
    """The part of the axis that all runs have, and which run bounds it."""
    extents = {run.head.id: extent(run, axis) for run in runs}
    low = max(begin for begin, _ in extents.values())
    high = min(end for _, end in extents.values())
    if window is not None:
        low, high = max(low, window[0]), min(high, window[1])
    if low >= high:
        reasons = [
            f"run {name}: {begin:g} to {end:g} {axis.unit} in EXECUTE"
            for name, (begin, end) in extents.items()
        ]
        asked = [f"asked for: {window[0]:g} to {window[1]:g} {axis.unit}"] if window else []
        raise Refused("no_overlap", (*reasons, *asked))
    notes = []
    shortest = min(extents, key=lambda name: extents[name][1])
    longest = max(end for _, end in extents.values())
    if window is None and longest > 1.1 * high:
        notes.append(
            f"compared up to {high:.0f} {axis.unit}, where run {shortest} ends; the longest goes on"
            f" to {longest:.0f} {axis.unit}"
        )
    return low, high, notes


def _part(
    run: RunSummary, measure: Measure, step_s: int, axis: Axis, stretch: tuple[float, float]
) -> _Part:
    curve = run.curves[measure.name]
    if curve.step_s != step_s:
        curve = curve.coarser(step_s)
    found: Aligned = align(run, curve, axis, measure.gauge_m)
    return _Part(run, found.between(*stretch), found.known(*stretch))


@dataclass(frozen=True, slots=True)
class _Judge:
    """Compares the two sides of one measure."""

    measure: Measure
    step_s: int
    evidence: Evidence
    level: float

    def row(self, trial: Sequence[_Part], base: Sequence[_Part]) -> Row:
        """The row; an interval only where there is evidence for one."""
        kept = [[part for part in side if len(part.values)] for side in (trial, base)]
        evidence, units, why_not = self._units(*kept)
        interval = None
        if not why_not:
            interval = _interval(*units, level=self.level)
            why_not = "" if interval else "a side does not vary at all"
        if interval is None:
            evidence = Evidence.NONE
        sides = [
            self._side(side, parts, unit)
            for side, parts, unit in zip((trial, base), kept, units, strict=True)
        ]
        text = method_text(evidence, [side.units for side in sides])
        return Row(
            measure=self.measure,
            step_s=self.step_s,
            trial=sides[0],
            base=sides[1],
            evidence=evidence,
            method=f"{text}; {figures_text(self.measure, self.step_s)}",
            interval=interval,
            why_not=why_not,
            verdict=verdict_text(interval, why_not, self.measure.title_unit, self.level),
        )

    def _units(
        self, trial: Sequence[_Part], base: Sequence[_Part]
    ) -> tuple[Evidence, tuple[Floats, Floats], str]:
        """Units of evidence of both sides, or why there is no evidence."""
        by_run = self._run_figures(trial), self._run_figures(base)
        if not trial or not base:
            side = "trial" if not trial else "base"
            return Evidence.NONE, by_run, f"nothing is known of the {side} in this stretch"
        fewer, more = sorted((len(trial), len(base)))
        if self.evidence is Evidence.BATCHES and self.measure.sort is Sort.LEVEL:
            batches = _batches(trial), _batches(base)
            if min(map(len, batches)) >= FEWEST_BATCHES:
                return Evidence.BATCHES, batches, ""
            return Evidence.NONE, by_run, _why_no_batches([*trial, *base])
        if more < 2:
            return Evidence.NONE, by_run, "one figure a run: two runs on one side are needed"
        return (Evidence.RUNS if fewer > 1 else Evidence.ONE_RUN), by_run, ""

    def _run_figures(self, parts: Sequence[_Part]) -> Floats:
        """One number a run."""
        if self.measure.sort is Sort.DOSE:
            return np.array([part.values.sum() * self.step_s / 60.0 for part in parts])
        if self.measure.sort is Sort.PEAK:
            return np.array([part.values.max() for part in parts])
        return np.array([part.values.mean() for part in parts])

    def _side(self, all_parts: Sequence[_Part], parts: Sequence[_Part], units: Floats) -> Side:
        """parts: those of all of which something is known."""
        values = np.concatenate([part.values for part in parts]) if parts else np.zeros(0)
        worth = float(sum(effective_n(part.values) for part in parts))
        spec, why_no_spec = self._spec(parts)
        mean = float(units.mean()) if len(units) else nan
        _, sd = mean_and_sd(values if self.measure.sort is Sort.LEVEL else units)
        found = Capability(
            None, "nothing is known" if not parts else f"a {self.measure.sort} has none"
        )
        if parts and self.measure.sort is Sort.LEVEL:
            found = capability(mean, sd, worth, spec, why_no_spec)
        return Side(
            runs=tuple(part.summary.head.id for part in parts),
            mean=mean,
            sd=sd,
            n=len(values),
            effective_n=worth,
            units=len(units),
            known=min((part.known for part in all_parts), default=0.0),
            spec=spec,
            capability=found,
        )

    def _spec(self, parts: Sequence[_Part]) -> tuple[Spec | None, str]:
        figures = [part.summary.figures.get(self.measure.name) for part in parts]
        specs = {figure.spec if figure else None for figure in figures}
        if len(specs) > 1:
            return None, "its runs have different limits"
        spec = specs.pop() if specs else None
        why = [figure.capability.why_not for figure in figures if figure and not spec]
        return spec, next(iter(why), "nothing is demanded of it")


def _why_no_batches(parts: Sequence[_Part]) -> str:
    if any(np.ptp(part.values) == 0.0 for part in parts):
        return "the values of a run do not vary"
    least = min(effective_n(part.values) for part in parts)
    return (
        f"a run is worth {least:.0f} independent values,"
        f" {BATCH_TIMES * FEWEST_BATCHES:.0f} are needed: it drifts or is too short"
    )


def _batches(parts: Sequence[_Part]) -> Floats:
    """Batch means of all runs that are long enough to have some."""
    return np.concatenate([batch_means(part.values) for part in parts])


def _interval(trial: Floats, base: Floats, level: float) -> Interval | None:
    if len(trial) == 1:
        return one_against(float(trial[0]), base, level)
    if len(base) == 1:
        other = one_against(float(base[0]), trial, level)
        return turned(other) if other else None
    return welch(trial, base, level)


def _reservations(rows: Iterable[Row], level: float, runs: int) -> list[str]:
    """What a reader of the intervals must know."""
    used = [row.evidence for row in rows if row.interval]
    notes = []
    if Evidence.BATCHES in used:
        which = "these two runs" if runs == 2 else "these runs"
        notes.append(
            f"intervals from batch means tell {which} apart, not their recipes: how much runs of"
            " one recipe differ is not in them"
        )
    if Evidence.ONE_RUN in used:
        notes.append("the single run is taken to vary from run to run as those of the other side")
    if len(used) > 1:
        chance = len(used) * (1.0 - level)
        notes.append(
            f"{len(used)} measures are judged at {100 * level:g} % each: where nothing differs,"
            f" {chance:.2g} of them still show a difference by chance"
        )
    return notes


def _energy(runs: Sequence[RunSummary]) -> EnergySide:
    sides = [run.energy for run in runs]
    return EnergySide(
        run_kwh=_mean(side.run_kwh for side in sides),
        execute_kwh=_mean(side.execute_kwh for side in sides),
        mean_kw=_mean(side.mean_kw for side in sides),
        per_metre_kwh=_mean(side.per_metre_kwh for side in sides),
        known=min(side.known for side in sides),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
