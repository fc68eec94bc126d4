"""Fibrillation of the PTFE binder: fractions and film strength.

A series reaction in specific shear energy E (kJ/kg): unfibrillated U -> fibrils F -> broken
fibrils B, dU/dE = -kf U, dF/dE = kf U - kb F, dB/dE = kb F. First-order kinetics follow Ardakani,
Mitsoulis, Hatzikiriakos (Int. Polymer Processing 2013) in form; that over-working breaks fibrils
follows Ariawan, Ebnesajjad, Hatzikiriakos (Polymer Eng. Sci. 2002). The constants are
assumptions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from typing import NamedTuple


class Fractions(NamedTuple):
    """Shares of the binder: unfibrillated, intact fibrils, broken fibrils; their sum is 1."""

    u: float
    f: float
    b: float


VIRGIN = Fractions(1.0, 0.0, 0.0)


def advance(start: Fractions, forming: float, breaking: float) -> Fractions:
    """Fractions after a stage of constant conditions, closed form.

    forming, breaking: kf E and kb E of the stage, dimensionless, >= 0.
    """
    left = exp(-forming)
    kept = exp(-breaking)
    gap = forming - breaking
    made = forming * kept if abs(gap) < 1e-9 else forming * (kept - left) / gap
    u = start.u * left
    f = start.f * kept + start.u * made
    return Fractions(u, f, 1.0 - u - f)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binder:
    """Kinetics and strength of a binder; see `Binder.of`. kf, kb in kg/kJ."""

    kf: float
    kb: float
    transition_degc: float
    transition_width_k: float
    warm_from_degc: float
    warm_per_k: float
    ptfe_wt_pct: float
    strength_floor_mpa: float
    strength_mpa_per_wt_pct: float
    strength_exponent: float
    strength_broken_loss: float

    @classmethod
    def of(cls, p: Mapping[str, float]) -> "Binder":
        """From the numbers of the coater."""
        return cls(
            kf=p["fibrillation_kg_per_kj"],
            kb=p["breaking_kg_per_kj"],
            transition_degc=p["transition_degc"],
            transition_width_k=p["transition_width_k"],
            warm_from_degc=p["warm_from_degc"],
            warm_per_k=p["warm_per_k"],
            ptfe_wt_pct=p["ptfe_wt_pct"],
            strength_floor_mpa=p["strength_floor_mpa"],
            strength_mpa_per_wt_pct=p["strength_mpa_per_wt_pct"],
            strength_exponent=p["strength_exponent"],
            strength_broken_loss=p["strength_broken_loss"],
        )

    def temperature_factor(self, temp_degc: float) -> float:
        """Factor of kf: small below the crystal transitions of PTFE, rising above."""
        over_k = temp_degc - self.warm_from_degc
        warm = self.warm_per_k * over_k if over_k > 0.0 else 0.0
        below = exp((self.transition_degc - temp_degc) / self.transition_width_k)
        return (1.0 + warm) / (1.0 + below)

    def rate_kg_per_kj(self, temp_degc: float, lot_reactivity: float = 1.0) -> float:
        """Rate constant kf at a temperature and for a binder lot (1 = reference lot)."""
        return self.kf * lot_reactivity * self.temperature_factor(temp_degc)

    def best_energy_kj_per_kg(self, kf: float) -> float:
        """Energy of the most intact fibrils (1/kf where both constants are equal)."""
        if abs(kf - self.kb) < 1e-12:
            return 1.0 / kf
        return log(kf / self.kb) / (kf - self.kb)

    def strength_mpa(self, f: float, b: float) -> float:
        """Tensile strength of the film; a floor remains without any fibril."""
        full = self.strength_mpa_per_wt_pct * self.ptfe_wt_pct
        intact: float = f**self.strength_exponent
        return self.strength_floor_mpa + full * intact * (1.0 - self.strength_broken_loss * b)
