"""Recipe: immutable, versioned values and phases for one station kind. Pure data.

Tags in a recipe are named as a station kind names them: a leading "." stands for the prefix of the
station (".FEED.SP" is COAT.FEED.SP), so that one recipe serves every station of its kind.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Self

from controller.core.sample import is_usable

_VERSION = re.compile(r"(0|[1-9]\d{0,4})\.(0|[1-9]\d{0,4})\.(0|[1-9]\d{0,4})", re.ASCII)


class Op(StrEnum):
    """How a transition compares a tag."""

    AT_MOST = "<="
    AT_LEAST = ">="
    WITHIN = "within"  # of the value by not more than the band
    IS = "is"  # exactly: states, switches, whole numbers


# Asked for at every scan: the attribute of an enum costs ten times as much as a global.
_AT_MOST, _AT_LEAST, _WITHIN = Op.AT_MOST, Op.AT_LEAST, Op.WITHIN


class OnTimeout(StrEnum):
    """What becomes of the station when a phase takes too long."""

    HOLD = "hold"
    ABORT = "abort"


class OnUnhold(StrEnum):
    """Whether a phase is gone through again on the way back from held or paused."""

    REPEAT = "repeat"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Semantic version: parts above 99999 are refused."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """'1.2.0'; ValueError says what a version looks like."""
        match = _VERSION.fullmatch(text)
        if match is None:
            raise ValueError("must be MAJOR.MINOR.PATCH without leading zeros, as 1.2.0")
        return cls(*(int(part) for part in match.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True, order=True)
class RecipeId:
    """Which recipe: kind and name are the folders, the version is the file."""

    kind: str
    name: str
    version: Version

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A parameter of the formula. label: the text of a choice, whose code the value is."""

    value: float
    unit: str = ""
    label: str = ""

    def __str__(self) -> str:
        return self.label or f"{self.value:g} {self.unit}".rstrip(" -")


@dataclass(frozen=True, slots=True)
class Target:
    """What a tag is set to or compared with, always as a number in the tag's unit.

    parameter: the parameter of the formula the number came from; label: the text of the number of
    an enum or a switch.
    """

    value: float
    parameter: str = ""
    label: str = ""

    def __str__(self) -> str:
        if self.parameter:
            return f"={self.parameter}"
        return self.label or f"{self.value:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A condition a phase waits for. band: half width of WITHIN; for_s: seconds without a break."""

    tag: str
    op: Op
    target: Target
    band: float = 0.0
    for_s: float = 0.0

    def met(self, value: float, quality: int) -> bool:
        """The comparison alone; a Bad value and not-a-number never satisfy it."""
        if not is_usable(quality):
            return False
        wanted = self.target.value
        if self.op is _AT_MOST:
            return value <= wanted
        if self.op is _AT_LEAST:
            return value >= wanted
        if self.op is _WITHIN:
            return abs(value - wanted) <= self.band
        return value == wanted

    def __str__(self) -> str:
        band = f" by {self.band:g}" if self.op is Op.WITHIN else ""
        lasting = f" for {self.for_s:g} s" if self.for_s else ""
        return f"{self.tag} {self.op} {self.target}{band}{lasting}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """Moves a tag from where it stands to a target. rate_per_min: tag units a minute, above 0."""

    tag: str
    target: Target
    rate_per_min: float

    def __post_init__(self) -> None:
        if not 0.0 < self.rate_per_min < inf:
            raise ValueError(f"rate {self.rate_per_min:g} of {self.tag}: must be above 0")

    def __str__(self) -> str:
        return f"{self.tag} to {self.target} by {self.rate_per_min:g} a minute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A text for the operator. confirm: the phase waits until somebody has confirmed it."""

    text: str
    confirm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One phase: on entry it sets and begins its ramps and shows its prompt; it is over when all
    ramps have arrived, all transitions hold and the prompt, if it asks for that, is confirmed.

    set: tag -> target. timeout_s: from entry, prompts included.
    """

    name: str
    title: str
    timeout_s: float
    on_timeout: OnTimeout
    set: Mapping[str, Target]
    ramps: tuple[Ramp, ...] = ()
    until: tuple[Transition, ...] = ()
    prompt: Prompt | None = None
    on_unhold: OnUnhold = OnUnhold.REPEAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Alarm limits of one tag, in its unit; None: no such limit."""

    lolo: float | None = None
    lo: float | None = None
    hi: float | None = None
    hihi: float | None = None
    deadband: float = 0.0
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One version of a recipe, checked. Never change the mappings.

    base: the version it was made from. formula: parameter -> quantity; limits: tag -> limits.
    """

    id: RecipeId
    title: str
    author: str
    base: RecipeId | None
    reason: str
    formula: Mapping[str, Quantity]
    phases: tuple[Phase, ...]
    limits: Mapping[str, Limits]
