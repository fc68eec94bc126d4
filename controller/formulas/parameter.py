"""Parameter: one number or choice of a recipe, with its range and what it feeds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of the formula of a station kind.

    low, high, typical: in `unit`. labels: texts of a choice; its value is the code 0, 1, ... of
    the text and it has no unit. setting: the key of the station kind's SETTINGS that it feeds.
    tag: the output or set point it ends up in; "" when nothing on the station is set to it.
    """

    name: str
    text: str
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    typical: float = 0.0
    labels: tuple[str, ...] = ()
    setting: str = ""
    tag: str = ""

    def range_text(self) -> str:
        """'20 to 140 kJ/kg', or the choices."""
        if self.labels:
            return " or ".join(self.labels)
        return f"{self.low:g} to {self.high:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold between parameters; the first one named is where the mistake is shown.

    holds: is given all values by name.
    """

    parameters: tuple[str, ...]
    holds: Callable[[Mapping[str, float]], bool]
    text: str
