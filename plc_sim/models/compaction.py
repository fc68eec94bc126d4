"""Laws of compaction: film density under line load. Plug-ins of the calender; SI units.

The calender asks a law for density and its slope; springback is the same for all.
"""

from collections.abc import Mapping
from math import exp, sqrt
from typing import Protocol


class CompactionLaw(Protocol):
    """Density in the nip as a function of line load."""

    def density(
        self, load_n_per_m: float, degc: float, start_kg_m3: float, hardness: float = 1.0
    ) -> tuple[float, float]:
        """(kg/m3, slope in kg/m3 per N/m) of a film that came with density `start_kg_m3`.

        hardness scales the resistance of the film; 1 is the nominal material.
        """
        ...


class ExponentialLaw:
    """Exponential approach to a limit density (form of Meyer et al. 2017).

    gamma_n_per_m: compaction resistance at reference_degc; softening_per_k: its fall per K.
    """

    __slots__ = ("gamma_n_per_m", "limit_kg_m3", "reference_degc", "softening_per_k")

    def __init__(
        self,
        limit_kg_m3: float,
        gamma_n_per_m: float,
        softening_per_k: float,
        reference_degc: float,
    ) -> None:
        self.limit_kg_m3 = limit_kg_m3
        self.gamma_n_per_m = gamma_n_per_m
        self.softening_per_k = softening_per_k
        self.reference_degc = reference_degc

    def density(
        self, load_n_per_m: float, degc: float, start_kg_m3: float, hardness: float = 1.0
    ) -> tuple[float, float]:
        """See CompactionLaw."""
        gamma = self.gamma_n_per_m * hardness
        gamma *= exp(-self.softening_per_k * (degc - self.reference_degc))
        rest = (self.limit_kg_m3 - start_kg_m3) * exp(-load_n_per_m / gamma)
        return self.limit_kg_m3 - rest, rest / gamma


class HeckelLaw:
    """Heckel's law ln(1/porosity) = K p + A with the mean nip pressure p = load / contact length.

    A follows from the porosity the film comes with. The contact length is that of the nip at the
    draft of the nominal film.
    """

    __slots__ = (
        "contact_m",
        "k_per_pa",
        "reference_degc",
        "softening_per_k",
        "theoretical_kg_m3",
    )

    def __init__(
        self,
        theoretical_kg_m3: float,
        k_per_pa: float,
        contact_m: float,
        softening_per_k: float,
        reference_degc: float,
    ) -> None:
        self.theoretical_kg_m3 = theoretical_kg_m3
        self.k_per_pa = k_per_pa
        self.contact_m = contact_m
        self.softening_per_k = softening_per_k
        self.reference_degc = reference_degc

    def density(
        self, load_n_per_m: float, degc: float, start_kg_m3: float, hardness: float = 1.0
    ) -> tuple[float, float]:
        """See CompactionLaw."""
        k = self.k_per_pa * exp(self.softening_per_k * (degc - self.reference_degc))
        k /= self.contact_m * hardness
        porosity = (1.0 - start_kg_m3 / self.theoretical_kg_m3) * exp(-k * load_n_per_m)
        return self.theoretical_kg_m3 * (1.0 - porosity), self.theoretical_kg_m3 * porosity * k


class Springback:
    """Relative recovery of thickness behind the nip: floor + extra * exp(-load / decay)."""

    __slots__ = ("decay_n_per_m", "extra", "floor")

    def __init__(self, floor: float, extra: float, decay_n_per_m: float) -> None:
        self.floor = floor
        self.extra = extra
        self.decay_n_per_m = decay_n_per_m

    def share(self, load_n_per_m: float) -> float:
        """Of the thickness in the nip that is added behind it."""
        return self.floor + self.extra * exp(-load_n_per_m / self.decay_n_per_m)


def contact_length_m(roll_radius_m: float, draft_m: float) -> float:
    """Length of the roll bite for a thickness reduction `draft_m`."""
    return sqrt(roll_radius_m * draft_m)


def exponential_law(p: Mapping[str, float]) -> ExponentialLaw:
    """The law of the parameter table."""
    return ExponentialLaw(
        p["limit_kg_m3"], p["gamma_n_per_m"], p["softening_per_k"], p["reference_degc"]
    )


def heckel_law(p: Mapping[str, float]) -> HeckelLaw:
    """Heckel's law of the same film, for comparison or for a press."""
    contact = contact_length_m(0.5 * p["roll_diameter_m"], p["heckel_draft_m"])
    return HeckelLaw(
        p["theoretical_kg_m3"],
        p["heckel_k_per_pa"],
        contact,
        p["softening_per_k"],
        p["reference_degc"],
    )
