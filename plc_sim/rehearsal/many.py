"""Many plants: how sure a recipe is, over plants that differ as a spread says.

Every plant is one whole rehearsal. What did not come to a result is counted as not run and, where
it decides, as not passed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, lgamma, log, log1p, sqrt

import numpy as np
import numpy.typing as npt

from plc_sim.rehearsal.compare import every_figure
from plc_sim.rehearsal.result import Result
from plc_sim.rehearsal.seeds import Outcome
from plc_sim.rehearsal.spread import Spread

LEVEL = 0.95  # of the confidence interval, two-sided
POINTS = (5.0, 50.0, 95.0)  # percent
CHANCE = 1.96  # standard deviations: what chance alone exceeds one time in twenty
WORST = 5
_HALVINGS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """One figure over the plants that have it, at 5, 50 and 95 % of them."""

    key: str
    text: str
    unit: str
    plants: int
    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """A limit of the recipe that plants passed in production. limit: e.g. 'CAL.THK.C hihi';
    seeds: of the plants; failed: how many of them failed."""

    limit: str
    seeds: tuple[int, ...]
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """How a drawn parameter goes with failure. rank: Spearman's correlation, above 0 where high
    values fail; likely: further from 0 than chance alone is in 19 of 20 cases."""

    name: str
    unit: str
    rank: float
    likely: bool
    passed_median: float
    failed_median: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """All plants of one recipe. least: the share of plants that must pass."""

    outcomes: tuple[Outcome, ...]
    spread: Spread
    least: float

    @property
    def results(self) -> list[Result]:
        """Of the plants that have one."""
        return [o.result for o in self.outcomes if o.result]

    @property
    def not_run(self) -> list[Outcome]:
        """Plants without a result."""
        return [o for o in self.outcomes if o.result is None]

    @property
    def passed(self) -> int:
        """How many plants passed."""
        return sum(r.verdict.passed for r in self.results)

    @property
    def interval(self) -> tuple[float, float]:
        """Confidence interval of the share that passes, over the plants that ran."""
        return clopper_pearson(self.passed, len(self.results))

    @property
    def sure_of(self) -> float:
        """Its lower end, with plants that did not run counted as not passed."""
        return clopper_pearson(self.passed, len(self.outcomes))[0]

    @property
    def enough(self) -> bool:
        """At least the share asked for passes, and the confidence says so."""
        return self.sure_of >= self.least

    def points(self) -> list[Points]:
        """Every figure, in the order it first appears."""
        found: dict[str, tuple[str, str, list[float]]] = {}
        for result in self.results:
            for figure in every_figure(result):
                kept = found.setdefault(figure.key, (figure.text, figure.unit, []))
                kept[2].append(figure.value)
        return [
            Points(key=key, text=text, unit=unit, plants=len(values), low=p[0], middle=p[1],
                   high=p[2])
            for key, (text, unit, values) in found.items()
            for p in [np.percentile(values, POINTS).tolist()]
        ]  # fmt: skip

    def outside(self) -> list[Outside]:
        """Limits that were passed in production, those of most plants first."""
        found: dict[str, list[Result]] = {}
        for result in self.results:
            for limit in dict.fromkeys(f"{a.tag} {a.name}" for a in result.facts.alarms):
                found.setdefault(limit, []).append(result)
        rows = [
            Outside(limit=limit, seeds=tuple(r.seed for r in results),
                    failed=sum(not r.verdict.passed for r in results))
            for limit, results in found.items()
        ]  # fmt: skip
        return sorted(rows, key=lambda row: (-len(row.seeds), row.limit))

    def causes(self) -> list[Cause]:
        """What goes with failure, the strongest first; empty unless some passed and some failed."""
        ran = [o for o in self.outcomes if o.result]
        failed = np.array([not o.result.verdict.passed for o in ran if o.result], dtype=np.float64)
        if len(failed) < 3 or failed.min() == failed.max():
            return []
        bound = CHANCE / sqrt(len(failed) - 1)
        found = []
        for row in self.spread.rows:
            drawn = np.array([o.case.drawn[row.what.name] for o in ran])
            rank = rank_correlation(drawn, failed)
            found.append(
                Cause(
                    name=row.what.name, unit=row.what.unit, rank=rank, likely=abs(rank) > bound,
                    passed_median=float(np.median(drawn[failed == 0.0])),
                    failed_median=float(np.median(drawn[failed == 1.0])),
                )
            )  # fmt: skip
        return sorted(found, key=lambda cause: -abs(cause.rank))

    def worst(self) -> list[Result]:
        """The plants to look at: those that failed, with the least production first, then those
        that stood longest in alarm."""
        bad = [r for r in self.results if not r.verdict.passed or r.facts.alarms]

        def order(r: Result) -> tuple[bool, float, float, int]:
            in_alarm_s = sum(a.for_s for a in r.facts.alarms)
            produced_s = 0.0 if r.verdict.passed else r.facts.production_s
            return (r.verdict.passed, produced_s, -in_alarm_s, r.seed)

        return sorted(bad, key=order)[:WORST]

    def summary(self) -> str:
        """One line."""
        low, high = self.interval
        ran = len(self.results)
        text = f"passed: {self.passed} of {ran} plants"
        if ran:
            text += f"; with {LEVEL:.0%} confidence {low:.1%} to {high:.1%} (Clopper-Pearson)"
        if self.not_run:
            text += f"; {len(self.not_run)} not run"
        verdict = "sure enough" if self.enough else "not sure enough"
        return f"{verdict}: {text}; asked: at least {self.least:.1%}, sure of {self.sure_of:.1%}"


def clopper_pearson(passed: int, of: int, level: float = LEVEL) -> tuple[float, float]:
    """Exact interval of a share: its true value lies outside at most as often as is said.

    Clopper and Pearson 1934. 0 to 1 when nothing was tried.
    """
    tail = 0.5 * (1.0 - level)
    low = 0.0 if passed == 0 else _solve(lambda p: _at_least(passed, of, p), tail)
    high = 1.0 if passed == of else 1.0 - _solve(lambda p: _at_least(of - passed, of, p), tail)
    return low, high


def rank_correlation(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    """Spearman's, equal values sharing their mean rank; 0 when one of them does not vary."""
    x, y = _ranks(a), _ranks(b)
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0.0 else 0.0


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - 0.5 * (counts - 1))[where], dtype=np.float64)


def _at_least(k: int, n: int, p: float) -> float:
    """Probability of k or more of n where each has probability p, 0 < p < 1."""
    base = lgamma(n + 1)
    return sum(
        exp(base - lgamma(j + 1) - lgamma(n - j + 1) + j * log(p) + (n - j) * log1p(-p))
        for j in range(k, n + 1)
    )


def _solve(rising: Callable[[float], float], wanted: float) -> float:
    """Where a function that rises from 0 to 1 over 0 to 1 has this value."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if rising(middle) < wanted:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
