"""Figures over seeds, and the same seeds of two versions side by side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from plc_sim.rehearsal.figure import Figure
from plc_sim.rehearsal.result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure over seeds: the seeds that have it, with mean and extremes."""

    key: str
    text: str
    unit: str
    by_seed: Mapping[int, float]

    @property
    def mean(self) -> float:
        """Over the seeds that have it."""
        return sum(self.by_seed.values()) / len(self.by_seed)

    @property
    def low(self) -> float:
        """Lowest."""
        return min(self.by_seed.values())

    @property
    def high(self) -> float:
        """Highest."""
        return max(self.by_seed.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One figure of two versions, paired by seed. difference: new - old over the common seeds;
    None where they have no seed in common."""

    key: str
    text: str
    unit: str
    old: float | None
    new: float | None
    difference: Row | None

    @property
    def same_sign(self) -> bool:
        """Every seed moved in the same direction, and there were several."""
        d = self.difference
        return d is not None and len(d.by_seed) > 1 and (d.low > 0.0 or d.high < 0.0)


def every_figure(result: Result) -> Iterator[Figure]:
    """All numbers of one result that two versions can be compared by."""
    facts = result.facts
    if facts.ready_s is not None:
        yield Figure("ready_min", "time to ready", facts.ready_s / 60.0, "min")
    totals: dict[str, float] = {}
    for phase in facts.phases:
        totals[phase.name] = totals.get(phase.name, 0.0) + phase.took_s
    for name, took_s in totals.items():
        yield Figure(f"phase.{name}", f"phase {name}", took_s, "s")
    yield Figure("alarms", "alarms in production", float(len(facts.alarms)), "")
    yield Figure("alarm_s", "time in alarm", sum(a.for_s for a in facts.alarms), "s")
    yield from result.figures
    for loop in result.loops:
        first, name = loop.first, loop.loop
        if first is not None and first.settle_s is not None:
            yield Figure(f"{name}.settle_s", f"{name} settling", first.settle_s, "s")
        if first is not None:
            yield Figure(f"{name}.overshoot", f"{name} overshoot", first.overshoot, loop.unit)
        yield Figure(f"{name}.iae", f"{name} IAE", loop.iae, f"{loop.unit} min".lstrip("- "))
        yield Figure(f"{name}.limited_pct", f"{name} at a limit", loop.limited_pct, "%")


def over_seeds(results: Sequence[Result]) -> list[Row]:
    """Every figure over the seeds, in the order it first appears."""
    found: dict[str, tuple[Figure, dict[int, float]]] = {}
    for result in results:
        for figure in every_figure(result):
            _, by_seed = found.setdefault(figure.key, (figure, {}))
            by_seed[result.seed] = figure.value
    return [Row(key=f.key, text=f.text, unit=f.unit, by_seed=s) for f, s in found.values()]


def paired(old: Sequence[Result], new: Sequence[Result]) -> list[Pair]:
    """Every figure of both, with the differences of equal seeds."""
    before = {row.key: row for row in over_seeds(old)}
    after = {row.key: row for row in over_seeds(new)}
    pairs = []
    for key in dict.fromkeys((*after, *before)):
        a, b = before.get(key), after.get(key)
        shown = b or a
        if shown is None:
            continue
        common = {s: b.by_seed[s] - a.by_seed[s] for s in a.by_seed if s in b.by_seed} if a and b \
            else {}  # fmt: skip
        difference = Row(key=key, text=shown.text, unit=shown.unit, by_seed=common)
        pairs.append(
            Pair(
                key=key, text=shown.text, unit=shown.unit, old=a.mean if a else None,
                new=b.mean if b else None, difference=difference if common else None,
            )
        )  # fmt: skip
    return pairs
