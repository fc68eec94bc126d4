"""What the benchmarks are to reach: each goal beside the figure that was measured for it.

A benchmark that measures a goal puts a list of `Figure` under the key "goals" of its result;
`python -m tests.bench` prints them as one table and keeps them in the JSON file; nothing is
asserted.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from math import isnan
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """One figure of one goal.

    Args:
        goal: its number, "A1" to "F3".
        what: what was measured, in words, with what it stands beside: "CPU, to asyncua raw".
        value: the figure, in `unit`; NaN when it could not be measured here, `note` says why.
        bound: what it is to be, in the same unit; None: printed for the reader only.
        unit: "x" for a ratio inside one run, else "ms", "1/s", "core", "B", "".
        better: whether a figure below or above the bound is good.
        note: why it is missed and what the next step would be, or how it was measured.
    """

    goal: str
    what: str
    value: float
    bound: float | None = None
    unit: str = "x"
    better: Literal["below", "above"] = "below"
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the bound is kept; None without one, or without a figure."""
        if self.bound is None or isnan(self.value):
            return None
        return self.value <= self.bound if self.better == "below" else self.value >= self.bound


def goals_of(results: Mapping[str, Mapping[str, object]]) -> list[Figure]:
    """The figures of all goals in the results of some benchmarks, in the order of the goals."""
    found: list[Figure] = []
    for result in results.values():
        figures = result.get("goals", ())
        if isinstance(figures, list | tuple):
            found += [figure for figure in figures if isinstance(figure, Figure)]
    return in_order(found)


def in_order(figures: Iterable[Figure]) -> list[Figure]:
    """By the number of the goal."""
    return sorted(figures, key=lambda figure: figure.goal)


def table(figures: Iterable[Figure]) -> Iterator[str]:
    """Lines to print: goal, what, figure, bound and whether it is kept."""
    yield f"{'goal':4} {'what':64} {'figure':>12} {'bound':>12}"
    for figure in figures:
        sign = "<=" if figure.better == "below" else ">="
        bound = "" if figure.bound is None else f"{sign} {figure.bound:g}"
        verdict = {None: "", True: "met", False: "MISSED"}[figure.met]
        value = "-" if isnan(figure.value) else f"{figure.value:.4g} {figure.unit}".strip()
        yield f"{figure.goal:4} {figure.what:64} {value:>12} {bound:>12} {verdict}"
        if figure.note:
            yield f"{'':5}{figure.note}"


def as_json(figures: Iterable[Figure]) -> list[dict[str, object]]:
    """The same for the file; a figure that could not be measured is null."""
    return [
        {
            **asdict(figure),
            "value": None if isnan(figure.value) else figure.value,
            "met": figure.met,
        }
        for figure in figures
    ]
