"""Fibrillation of the PTFE binder: fractions, film strength and area-specific resistance.

A series reaction in specific shear energy E (kJ/kg): unfibrillated U -> fibrils F -> broken
fibrils B, dU/dE = -kf U, dF/dE = kf U - kb F, dB/dE = kb F. First-order kinetics follow Ardakani,
Mitsoulis, Hatzikiriakos (Int. Polymer Processing 2013) in form; that over-working breaks fibrils
follows Ariawan, Ebnesajjad, Hatzikiriakos (Polymer Eng. Sci. 2002). The constants are
assumptions.
"""

from math import exp, log
from typing import NamedTuple

KF0_KG_PER_KJ = 0.012
KB_KG_PER_KJ = 0.004
ASR_FLOOR_OHM_CM2 = 10.0
ASR_UNFIBRILLATED = 22.0
ASR_BROKEN = 30.0
POROSITY_BEST = 0.14
POROSITY_PENALTY = 60.0
DOSE_SCALE_PPM_MIN = 12_000.0


class Fractions(NamedTuple):
    """Shares of the binder: unfibrillated, intact fibrils, broken fibrils; their sum is 1."""

    u: float
    f: float
    b: float


VIRGIN = Fractions(1.0, 0.0, 0.0)


def temperature_factor(temp_degc: float) -> float:
    """Factor of kf: small below the crystal transitions of PTFE (19, 30 degC), rising above."""
    warm = 0.004 * (temp_degc - 30.0) if temp_degc > 30.0 else 0.0
    return (1.0 + warm) / (1.0 + exp((24.0 - temp_degc) / 3.0))


def fibrillation_rate(temp_degc: float, lot_reactivity: float = 1.0) -> float:
    """Rate constant kf, kg/kJ, at a temperature and for a binder lot (1 = reference lot)."""
    return KF0_KG_PER_KJ * lot_reactivity * temperature_factor(temp_degc)


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


def best_energy(kf_kg_per_kj: float, kb_kg_per_kj: float = KB_KG_PER_KJ) -> float:
    """Energy of the most intact fibrils, kJ/kg (1/kf where both constants are equal)."""
    if abs(kf_kg_per_kj - kb_kg_per_kj) < 1e-12:
        return 1.0 / kf_kg_per_kj
    return log(kf_kg_per_kj / kb_kg_per_kj) / (kf_kg_per_kj - kb_kg_per_kj)


def strength_mpa(f: float, b: float, ptfe_wt_pct: float = 1.0) -> float:
    """Tensile strength of the film, MPa; 0.05 MPa remain without any fibril."""
    return float(0.05 + 1.6 * ptfe_wt_pct * f**1.5 * (1.0 - 0.5 * b))


def asr_ohm_cm2(
    u: float, b: float, porosity: float = POROSITY_BEST, dose_ppm_min: float = 0.0
) -> float:
    """Predicted area-specific resistance of the cathode, ohm cm2.

    porosity: after the calender; the best one when not yet known. dose_ppm_min: moisture the powder
    and film have met, ppmv x minutes.
    """
    base = ASR_FLOOR_OHM_CM2 + ASR_UNFIBRILLATED * u * u + ASR_BROKEN * b * b
    off = porosity - POROSITY_BEST
    return base * (1.0 + POROSITY_PENALTY * off * off) * exp(dose_ppm_min / DOSE_SCALE_PPM_MIN)
