"""Run: one START..COMPLETED of one station (ISA-88 batch), and the words around it. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from controller.core.recipe import Recipe

BUILT_IN = "built-in"  # what a run without a recipe follows: the procedure of the station kind


class Outcome(StrEnum):
    """How a run ended; OPEN while it has not."""

    OPEN = "open"
    COMPLETED = "completed"
    STOPPED = "stopped"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class MasterRecipe:
    """A recipe with the text it was read from. content_hash: SHA-256 of the text, hexadecimal.

    At START a run keeps it as its control recipe: whatever happens to the file, that is what runs.
    """

    recipe: Recipe
    content_hash: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Which recipe a station shall follow from its next START on, who said so, when and why.

    number: counts the deployments of the station from 1; master: None for the built-in procedure;
    because: the run whose result led to it, "" when none did; trial: of which it is a part;
    signature: members of the electronic signature, None where nobody has signed.
    """

    number: int
    master: MasterRecipe | None
    actor: str
    reason: str
    time_ns: int
    because: str = ""
    trial: str = ""
    signature: Mapping[str, str | int] | None = None

    @property
    def title(self) -> str:
        """'coater/nmc-standard@1.1.0', or 'built-in'."""
        return str(self.master.recipe.id) if self.master else BUILT_IN


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHead:
    """What a list of runs shows. Times are UTC nanoseconds; ended_ns is None while it is open.

    recipe: as Deployment.title; content_hash: "" for the built-in procedure. metres: web made,
    0 for a station without web. lots_in, lots_out: in the order they were given or made.
    """

    id: str
    station: str
    kind: str
    recipe: str
    content_hash: str
    begun_ns: int
    begun_by: str
    reason: str
    software: str
    trial: str = ""
    ended_ns: int | None = None
    outcome: Outcome = Outcome.OPEN
    why_ended: str = ""
    metres: float = 0.0
    lots_in: tuple[str, ...] = ()
    lots_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEntry:
    """One line of a run's record, in the order it happened. number: 1, 2, 3 ... without a gap.

    kind: value of an EventKind; data: plain JSON values.
    """

    number: int
    time_ns: int
    kind: str
    subject: str
    text: str
    actor: str = ""
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run with all its entries and the text of its control recipe ("" for built-in).

    before: the recipe text of the run before it on the station, "" when there was none.
    """

    head: RunHead
    recipe_text: str
    entries: tuple[RunEntry, ...]
    before: str = ""
