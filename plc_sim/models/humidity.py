"""Humidity of air: vapour pressure, frost point over ice, mole and mass fractions.

Saturation over ice after Murphy & Koop 2005 (Q. J. R. Meteorol. Soc. 131, 1539), over hot water
after Hyland & Wexler 1983. A frost point is always one over ice, above 0 degC too (the extrapolated
ice curve), so that one scale holds for the whole plant.
"""

from math import exp, log

ATMOSPHERE_PA = 101325.0
WATER_TO_AIR = 0.62198  # ratio of the molar masses of water and dry air
GAS_CONSTANT = 8.314462618  # J/(mol K)
WATER_G_PER_MOL = 18.015
ZERO_DEGC_K = 273.15

_MAGNUS_A, _MAGNUS_B, _MAGNUS_P0 = 22.46, 272.62, 611.15


def ice_pressure_pa(degc: float) -> float:
    """Saturation vapour pressure over ice."""
    t = degc + ZERO_DEGC_K
    return exp(9.550426 - 5723.265 / t + 3.53068 * log(t) - 0.00728332 * t)


def water_pressure_log(degc: float) -> float:
    """Natural logarithm of the saturation vapour pressure (Pa) over liquid water, 0 to 200 degC."""
    t = degc + ZERO_DEGC_K
    poly = 1.3914993 + t * (-0.048640239 + t * (4.1764768e-5 - 1.4452093e-8 * t))
    return -5800.2206 / t + poly + 6.5459673 * log(t)


def frost_point_degc(vapour_pa: float) -> float:
    """Frost point of a vapour pressure (> 0): Magnus start value and two Newton steps in ln p."""
    wanted = log(vapour_pa)
    m = wanted - log(_MAGNUS_P0)
    t = _MAGNUS_B * m / (_MAGNUS_A - m) + ZERO_DEGC_K
    for _ in (1, 2):
        f = 9.550426 - 5723.265 / t + 3.53068 * log(t) - 0.00728332 * t - wanted
        t -= f / (5723.265 / (t * t) + 3.53068 / t - 0.00728332)
    return t - ZERO_DEGC_K


def vapour_pressure_pa(w: float, total_pa: float = ATMOSPHERE_PA) -> float:
    """Vapour pressure of air that holds w kg water per kg dry air."""
    return total_pa * w / (WATER_TO_AIR + w)


def mass_ratio(vapour_pa: float, total_pa: float = ATMOSPHERE_PA) -> float:
    """Water per dry air, kg/kg."""
    return WATER_TO_AIR * vapour_pa / (total_pa - vapour_pa)


def ppmv(w: float) -> float:
    """Moles of water per million moles of dry air."""
    return w / WATER_TO_AIR * 1e6


def vapour_density(vapour_pa: float, degc: float) -> float:
    """Water per volume of air, g/m3."""
    return vapour_pa * WATER_G_PER_MOL / (GAS_CONSTANT * (degc + ZERO_DEGC_K))


def frost_point_of_w(w: float) -> float:
    """Frost point of w kg/kg (> 0) at atmospheric pressure, degC."""
    return frost_point_degc(vapour_pressure_pa(w))


def w_of_frost_point(degc: float) -> float:
    """kg water per kg dry air of a frost point at atmospheric pressure."""
    return mass_ratio(ice_pressure_pa(degc))
