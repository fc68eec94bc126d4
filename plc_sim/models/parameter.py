"""Parameters of the models: value, unit, plausible range and where the number comes from."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """How well a number is founded."""

    PUBLISHED = "published"  # in the literature or a data sheet; `note` cites it
    KNOWN = "known"  # a constant of nature or a standard figure
    COMPUTED = "computed"  # follows from other numbers; `note` says how
    ASSUMED = "assumed"  # plausible, no source; to be fitted on a real plant


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One number of a model. low, high: the plausible range, both inclusive."""

    name: str
    value: float
    unit: str
    low: float
    high: float
    source: Source
    note: str = ""

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            limits = f"{self.low:g} to {self.high:g} {self.unit}"
            raise ValueError(f"{self.name} = {self.value:g}: allowed {limits}")


def values(table: Iterable[Parameter]) -> dict[str, float]:
    """The numbers of a table by name; ValueError when a name stands twice."""
    out: dict[str, float] = {}
    for parameter in table:
        if parameter.name in out:
            raise ValueError(f"parameter {parameter.name} stands twice")
        out[parameter.name] = parameter.value
    return out
