"""What rehearsal must know of each station kind: one file a kind, named as the kind.

A file gives TRUTH (names of what `read` returns, "power_kw" among them), BANDS (half widths in
which a loop counts as settled), CURVES (panels of the plot), NOT_MODELLED (parameters of the
formula the physics do not know, and why), `parameters` (formula -> numbers of the models), `ideal`
(neighbours that are never in the way) and `figures` (quality).
"""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, cast

from controller.core.recipe import Quantity
from plc_sim.lockstep import Lockstep
from plc_sim.plant import Plant
from plc_sim.rehearsal.case import Neighbours
from plc_sim.rehearsal.figure import Figure, View

EachScan = Callable[[float], None]


class StationKind(Protocol):
    """The module of a kind."""

    TRUTH: tuple[str, ...]
    BANDS: Mapping[str, float]
    CURVES: tuple[tuple[str, tuple[str, ...]], ...]
    NOT_MODELLED: Mapping[str, str]

    def parameters(self, formula: Mapping[str, Quantity]) -> dict[str, dict[str, float]]:
        """Sections and numbers of the plant that the formula decides."""
        ...

    def read(self, plant: Plant) -> Sequence[float]:
        """Plant truth now, in the order of TRUTH."""
        ...

    def ideal(self, line: Lockstep, neighbours: Neighbours, seed: int) -> EachScan | None:
        """Put neighbours without models beside the station; what is to be called every scan."""
        ...

    def figures(self, view: View) -> Iterator[Figure]:
        """Quality, from plant truth."""
        ...


def station_kind(kind: str) -> StationKind:
    """The module of a kind; LookupError when rehearsal does not know it."""
    name = f"{__name__}.{kind}"
    try:
        return cast("StationKind", importlib.import_module(name))
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise LookupError(f"the plant model has no station of kind {kind!r}") from None
