"""Report: the seeds of a recipe, and of the version it is compared with, as one verdict."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from controller.core.run import BUILT_IN
from controller.recipe_diff import RecipeDiff
from plc_sim.rehearsal.case import Case
from plc_sim.rehearsal.result import Result
from plc_sim.rehearsal.seeds import Outcome
from plc_sim.rehearsal.verdict import Criteria

MAX_SUMMARY = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All seeds of a recipe, and of the version it is compared with. diff: between the two;
    curves: panels of a plot, and the columns of the trajectory each shows, what counts first."""

    outcomes: tuple[Outcome, ...]
    against: tuple[Outcome, ...] = ()
    diff: RecipeDiff | None = None
    not_modelled: Mapping[str, str]
    curves: Mapping[str, Sequence[str]] = field(default_factory=dict)
    software: str

    @property
    def case(self) -> Case:
        """The first one; all differ in the seed only."""
        return self.outcomes[0].case

    @property
    def results(self) -> list[Result]:
        """Of the seeds that have one."""
        return [o.result for o in self.outcomes if o.result]

    @property
    def old(self) -> list[Result]:
        """The same of the other version."""
        return [o.result for o in self.against if o.result]

    @property
    def criteria(self) -> Criteria:
        """What was asked of it."""
        return Criteria.RECOVERY if self.case.upsets else Criteria.GOOD_RUN

    @property
    def tuned(self) -> bool:
        """The gains of a loop were looked at: no proof for a release."""
        return self.case.gains is not None

    @property
    def drawn(self) -> bool:
        """The plant was another one than that of the design: no proof for a release."""
        return bool(self.case.drawn)

    @property
    def passed(self) -> bool:
        """All seeds came to an end and passed."""
        return all(o.result is not None and o.result.verdict.passed for o in self.outcomes)

    @property
    def title(self) -> str:
        """Which recipe."""
        master = self.case.master
        return str(master.recipe.id) if master else BUILT_IN

    @property
    def old_title(self) -> str:
        """Which version it is compared with."""
        master = self.against[0].case.master if self.against else None
        return str(master.recipe.id) if master else ""

    @property
    def old_passed(self) -> bool:
        """The same of that version."""
        return all(o.result is not None and o.result.verdict.passed for o in self.against)

    def reasons(self) -> list[str]:
        """Every reason against it, with its seed."""
        return list(by_seed(self.outcomes, lambda r: r.verdict.reasons))

    def warnings(self) -> list[str]:
        """Every warning, with its seed."""
        return list(by_seed([o for o in self.outcomes if o.result],
                             lambda r: r.verdict.warnings))  # fmt: skip

    def summary(self) -> str:
        """One line for the ledger."""
        good = "recovered" if self.criteria is Criteria.RECOVERY else "passed"
        bad = "not recovered" if self.criteria is Criteria.RECOVERY else "failed"
        seeds = f"{len(self.outcomes)} seed{'s' if len(self.outcomes) > 1 else ''}"
        extent = f"{seeds}, {self.case.minutes:g} min of production each"
        ready = [r.facts.ready_s for r in self.results if r.facts.ready_s is not None]
        if ready:
            extent += f", ready after {max(ready) / 60.0:.1f} min"
        if self.passed:
            count = sum(len(r.facts.alarms) for r in self.results)
            return f"{good}: {extent}, {count or 'no'} alarm{'s' if count > 1 else ''}"
        return f"{bad}: {extent}: {self.reasons()[0]}"[:MAX_SUMMARY]


def by_seed(outcomes: Sequence[Outcome], of: Callable[[Result], Sequence[str]]) -> Iterator[str]:
    """What each seed says, with its number where there are several."""
    many = len(outcomes) > 1
    for outcome in outcomes:
        said = of(outcome.result) if outcome.result else [f"no result: {outcome.error}"]
        for text in said:
            yield f"seed {outcome.case.seed}: {text}" if many else text
