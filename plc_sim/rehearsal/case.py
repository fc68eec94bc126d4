"""Case: everything that decides how a rehearsal goes. Plain data that travels to a worker."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from controller.core.run import MasterRecipe
from plc_sim.faults import Fault
from plc_sim.rehearsal.tuning import Gains


class Neighbours(StrEnum):
    """What stands beside the station that rehearses."""

    IDEAL = "ideal"  # no models: in production, never in the way
    STANDING = "standing"  # no models and no production: an enclosure between shifts
    REAL = "real"  # the whole line: models, PLC programs and stations


@dataclass(frozen=True, slots=True, kw_only=True)
class Upset:
    """A fault to be injected. for_s: infinite for one that nobody mends.

    from_production: start_s counts from the beginning of production, else from the start of the
    plant, as in a fault schedule.
    """

    fault: Fault
    level: float
    start_s: float
    for_s: float
    from_production: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One rehearsal of one recipe with one seed.

    line: folder of the line. master: None for the built-in procedure of the station. beside:
    station -> recipe for real neighbours; those not named follow their built-in procedure.
    minutes: of production. operator_s: how long a person takes to confirm or to clear a fault.
    gains: of a loop, in place of those it begins with. drawn: what the plant has otherwise than its
    design, by the names of `plc_sim.rehearsal.spread`.
    """

    line: Path
    station: str
    master: MasterRecipe | None
    seed: int = 1
    minutes: float = 60.0
    operator_s: float = 10.0
    neighbours: Neighbours = Neighbours.IDEAL
    beside: Mapping[str, MasterRecipe] = field(default_factory=dict)
    upsets: tuple[Upset, ...] = ()
    gains: Gains | None = None
    drawn: Mapping[str, float] = field(default_factory=dict)

    @property
    def production_s(self) -> float:
        """Seconds of production asked for."""
        return 60.0 * self.minutes
