"""What a run came to: its measures against their limits, its energy, its course.

Everything here is about the time in EXECUTE unless it says otherwise; a figure of the web counts
from when the gauge sees web that was made in EXECUTE. Mean, sd and Cpk are those of
step means of Good values (see `controller.runs.curve`); shares, extremes, doses and energy are of
all usable values weighted by the time they held (see `controller.runs.held`). Bad values never
count, and `known` says how much of the time had a usable one: a dead sensor is seen as such.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from controller.clock import NS
from controller.core.recipe import Recipe
from controller.core.run import RunHead, RunRecord
from controller.history.codec import Floats
from controller.history.several import AnyReader
from controller.runs.correlation import effective_n
from controller.runs.course import (
    Course,
    Length,
    after_metres,
    last_known_ns,
    read_course,
    read_length,
)
from controller.runs.curve import Curve, read_curve
from controller.runs.held import NOTHING, Held, Spans, read_held, total
from controller.runs.measure import (
    KindMeasures,
    Measure,
    Sort,
    Spec,
    full_name,
    measures_of,
    spec_of,
)

ENOUGH_FOR_CPK = 10.0  # independent values; of fewer the sd is off by a quarter and more
SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Capability:
    """Cpk, or None and why there is none. It is of the whole spread, which some call Ppk."""

    cpk: float | None
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measure of one run. None: nothing is known of it.

    n: step means of step_s; effective_n: as many independent ones tell as much; mean, sd: theirs.
    minimum, maximum, inside: of the values as they were stored; inside: share of the known time
    within the limits. known: share of the time in EXECUTE with a usable value; uncertain: with one
    that is not quite good, so that it is not in mean and sd. dose: in unit x minutes, for a DOSE.
    """

    measure: Measure
    step_s: int
    n: int
    effective_n: float
    mean: float | None
    sd: float | None
    minimum: float | None
    maximum: float | None
    inside: float | None
    known: float
    uncertain: float
    dose: float | None
    spec: Spec | None
    capability: Capability
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Electric energy counted from the power. known: share of the run in which that was known;
    energy is counted over that alone. mean_kw: in EXECUTE; per_metre_kwh: in EXECUTE as well."""

    run_kwh: float | None
    execute_kwh: float | None
    mean_kw: float | None
    per_metre_kwh: float | None
    known: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run in figures. ready_s: from START to the first EXECUTE, None when it never came.

    metres: web made from START to the end, None for a kind without web. curves: what figures were
    computed from, by measure; not part of the JSON.
    """

    head: RunHead
    stop_ns: int
    ready_s: float | None
    course: Course
    metres: float | None
    execute_metres: float | None
    energy: Energy
    figures: Mapping[str, Figure]
    curves: Mapping[str, Curve] = field(repr=False)
    length: Length | None = field(repr=False)

    @property
    def duration_s(self) -> float:
        """From START to the end."""
        return (self.stop_ns - self.head.begun_ns) / NS


class _Source:
    """The history of one run."""

    def __init__(self, reader: AnyReader, head: RunHead, prefix: str, kind: KindMeasures) -> None:
        self.reader, self.head, self.prefix = reader, head, prefix
        self.intervals: dict[str, float] = {}
        for tag in reader.tags():
            known = self.intervals.get(tag.name, 0.0)
            self.intervals[tag.name] = max(known, tag.max_interval_s)
        self.stop_ns = last_known_ns(reader, self.intervals, head, prefix)
        self.window = (head.begun_ns, self.stop_ns)
        self.course = read_course(reader, self.intervals, head, prefix, self.stop_ns)
        self.length = self._length(kind.meter) if kind.meter else None

    def missing(self, measure: Measure) -> list[str]:
        """Tags of the measure that this history never knew."""
        names = (full_name(tag, self.prefix) for tag, _ in measure.terms)
        return [name for name in names if name not in self.intervals]

    def counting(self, measure: Measure) -> Spans:
        """When what is measured was made in EXECUTE."""
        lead_m = measure.gauge_m + measure.settle_m
        if not lead_m or self.length is None or not self.length.known:
            return self.course.execute
        return after_metres(self.course.execute, self.length, lead_m)

    def held(self, measure: Measure) -> Held:
        """The measure over the whole run."""
        if self.missing(measure):
            return NOTHING
        parts = []
        for tag, sign in measure.terms:
            name = full_name(tag, self.prefix)
            held = read_held(self.reader, name, self.intervals[name], *self.window)
            parts.append((held, sign))
        return total(parts)

    def curve(self, measure: Measure) -> Curve:
        """The step means of the measure over the whole run."""
        if self.missing(measure):
            nothing = np.zeros(0)
            return Curve(self.head.begun_ns, measure.step_s, nothing, nothing.astype(np.bool_))
        terms = [(full_name(tag, self.prefix), sign) for tag, sign in measure.terms]
        return read_curve(
            self.reader, terms, measure.sort, measure.step_s, self.window, self.counting(measure)
        )

    def _length(self, meter: str) -> Length:
        name = full_name(meter, self.prefix)
        return read_length(self.reader, self.intervals, name, *self.window)


def summarise(
    record: RunHead | RunRecord, recipe: Recipe | None, prefix: str, reader: AnyReader
) -> RunSummary:
    """Read a run from the history. recipe: its control recipe, None for the built-in procedure.

    prefix: of the station's tags. An open run is read to the newest sample of its state. Refused
    when the station kind has no measures.
    """
    head = record.head if isinstance(record, RunRecord) else record
    kind = measures_of(head.kind)
    source = _Source(reader, head, prefix, kind)
    course = source.course
    curves = {measure.name: source.curve(measure) for measure in kind.all}
    figures = {
        measure.name: _figure(source, measure, recipe, curves[measure.name])
        for measure in kind.measures
    }
    length = source.length
    made_m = _execute_metres(length, course)
    ready_ns = int(course.execute[0, 0]) - head.begun_ns if len(course.execute) else None
    return RunSummary(
        head=head,
        stop_ns=source.stop_ns,
        ready_s=None if ready_ns is None else ready_ns / NS,
        course=course,
        metres=length.made_m if length else None,
        execute_metres=made_m,
        energy=_energy(source, kind, made_m),
        figures=figures,
        curves=curves,
        length=length,
    )


def capability(
    mean: float | None, sd: float | None, effective: float, spec: Spec | None, why_no_spec: str
) -> Capability:
    """Distance of the mean to the nearer limit in units of 3 sd."""
    if spec is None:
        return Capability(None, why_no_spec)
    if mean is None or sd is None:
        return Capability(None, "too few values")
    if sd <= 1e-12 * abs(mean):
        return Capability(None, "it does not vary")
    if effective < ENOUGH_FOR_CPK:
        text = f"worth {effective:.1f} independent values, {ENOUGH_FOR_CPK:g} are needed"
        return Capability(None, text)
    distances = [spec.high - mean] if spec.high is not None else []
    distances += [mean - spec.low] if spec.low is not None else []
    return Capability(min(distances) / (3.0 * sd))


def mean_and_sd(values: Floats) -> tuple[float | None, float | None]:
    """Mean of one value or more, standard deviation of two or more."""
    mean = float(values.mean()) if len(values) else None
    return mean, float(values.std(ddof=1)) if len(values) > 1 else None


def _figure(source: _Source, measure: Measure, recipe: Recipe | None, curve: Curve) -> Figure:
    counting = source.counting(measure)
    counting_s = float((counting[:, 1] - counting[:, 0]).sum()) / NS
    held = source.held(measure).within(counting)
    spec, why_no_spec = spec_of(measure, recipe)
    values = curve.counted
    mean, sd = mean_and_sd(values)
    worth = effective_n(values)
    found = capability(mean, sd, worth, spec, why_no_spec)
    if measure.sort is not Sort.LEVEL:
        found = Capability(None, f"a {measure.sort} has none")
    some = len(held.values) > 0
    return Figure(
        measure=measure,
        step_s=curve.step_s,
        n=len(values),
        effective_n=worth,
        mean=mean,
        sd=sd,
        minimum=float(held.values.min()) if some else None,
        maximum=float(held.values.max()) if some else None,
        inside=held.share(spec.low, spec.high) if spec else None,
        known=_share(held.known_s, counting_s),
        uncertain=_share(held.uncertain_s, counting_s),
        dose=held.integral / 60.0 if some and measure.sort is Sort.DOSE else None,
        spec=spec,
        capability=found,
        notes=tuple(_notes(source, measure, curve, held)),
    )


def _notes(source: _Source, measure: Measure, curve: Curve, held: Held) -> Sequence[str]:
    notes = [f"this history has no tag {name}" for name in source.missing(measure)]
    if not len(source.course.execute):
        notes.append("the station was never in EXECUTE")
    elif not len(source.counting(measure)):
        notes.append("no web made in EXECUTE came to the gauge")
    elif not len(held.values):
        notes.append("no usable value in EXECUTE")
    if curve.step_s != measure.step_s or held.minutes:
        notes.append("samples are no longer kept: from means over minutes")
    if measure.gauge_m and not (source.length and source.length.known):
        notes.append("the length is not known: web made before EXECUTE is in it")
    return notes


def _energy(source: _Source, kind: KindMeasures, made_m: float | None) -> Energy:
    held = source.held(kind.power)
    inside = held.within(source.course.execute)
    run_s = (source.stop_ns - source.head.begun_ns) / NS
    execute_kwh = inside.integral / SECONDS_PER_HOUR if inside.known_s else None
    per_metre = execute_kwh / made_m if execute_kwh is not None and made_m else None
    return Energy(
        run_kwh=held.integral / SECONDS_PER_HOUR if held.known_s else None,
        execute_kwh=execute_kwh,
        mean_kw=inside.integral / inside.known_s if inside.known_s else None,
        per_metre_kwh=per_metre,
        known=_share(held.known_s, run_s),
    )


def _execute_metres(length: Length | None, course: Course) -> float | None:
    if length is None:
        return None
    made = length.at(course.execute.ravel()).reshape(-1, 2)
    return float((made[:, 1] - made[:, 0]).sum())


def _share(part_s: float, whole_s: float) -> float:
    return min(part_s / whole_s, 1.0) if whole_s > 0 else 0.0
