"""Area-specific resistance of the cathode from fibrillation, porosity and moisture dose.

The shape only: too little and too much shear both cost contact, and so do pores and cracks on
either side of the best porosity; moisture acts exponentially in its dose. The figures are
assumptions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp


@dataclass(frozen=True, slots=True, kw_only=True)
class Resistance:
    """The law with its figures; see `Resistance.of`."""

    floor_ohm_cm2: float
    unfibrillated_ohm_cm2: float
    broken_ohm_cm2: float
    porosity_best: float
    porosity_weight: float
    dose_scale_ppm_min: float
    theoretical_kg_m3: float

    @classmethod
    def of(cls, p: Mapping[str, float]) -> "Resistance":
        """From the numbers of the film."""
        return cls(
            floor_ohm_cm2=p["asr_floor_ohm_cm2"],
            unfibrillated_ohm_cm2=p["asr_unfibrillated_ohm_cm2"],
            broken_ohm_cm2=p["asr_broken_ohm_cm2"],
            porosity_best=p["porosity_best"],
            porosity_weight=p["porosity_weight"],
            dose_scale_ppm_min=p["dose_scale_ppm_min"],
            theoretical_kg_m3=p["theoretical_kg_m3"],
        )

    def porosity(self, density_kg_m3: float) -> float:
        """Share of pores in a film of this density."""
        return 1.0 - density_kg_m3 / self.theoretical_kg_m3

    def asr_ohm_cm2(
        self, u: float, b: float, porosity: float | None = None, dose_ppm_min: float = 0.0
    ) -> float:
        """Predicted resistance. u, b: unfibrillated and broken share of the binder.

        porosity: behind the calender; None, while not yet known, means the best one.
        dose_ppm_min: moisture powder and film have met, ppmv x minutes.
        """
        base = self.floor_ohm_cm2 + self.unfibrillated_ohm_cm2 * u * u + self.broken_ohm_cm2 * b * b
        off = 0.0 if porosity is None else porosity - self.porosity_best
        contact = 1.0 + self.porosity_weight * off * off
        return base * contact * exp(dose_ppm_min / self.dose_scale_ppm_min)
