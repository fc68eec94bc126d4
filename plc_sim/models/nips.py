"""Roll nips: contact, strain, shear energy, and the film a forming nip lets through.

The strain of a nip follows from the speed ratio and the geometry alone; line speed sets the rate
and the power, not the strain. All closed forms, SI inside unless a name says otherwise.
"""

from math import log, sqrt
from typing import NamedTuple


class FormedFilm(NamedTuple):
    """What leaves the forming nip: height (springback included), density, line load."""

    height_um: float
    density_g_per_cm3: float
    load_n_per_mm: float


def contact_length_m(radius_m: float, draft_m: float) -> float:
    """Length over which the rolls touch the film: sqrt(R dh)."""
    return sqrt(radius_m * draft_m)


def relative_slip(ratio: float) -> float:
    """Speed difference of the two rolls over their mean speed; 0 at ratio 1."""
    return 2.0 * (ratio - 1.0) / (ratio + 1.0)


def strain(ratio: float, radius_m: float, draft_m: float, height_m: float) -> float:
    """Shear strain of one passage, independent of line speed."""
    return relative_slip(ratio) * contact_length_m(radius_m, draft_m) / height_m


def shear_rate_per_s(ratio: float, speed_m_per_s: float, height_m: float) -> float:
    """Shear rate in the nip; speed_m_per_s: mean speed of the two rolls."""
    return relative_slip(ratio) * speed_m_per_s / height_m


def shear_energy_kj_per_kg(
    stress_pa: float, shear_strain: float, density_kg_per_m3: float
) -> float:
    """Specific energy of one passage: interface shear stress x strain / density."""
    return stress_pa * shear_strain / density_kg_per_m3 / 1000.0


class FormingNip:
    """Gap -> film height and density under choke feed.

    The contact length of a choke-fed nip grows with the root of the gap, and so does its line
    load: q = q_ref sqrt(gap / gap_ref). The mill stretches by q w / K, the film springs back by a
    fixed share.
    """

    __slots__ = ("_bulk_gain", "_gap_ref", "_load_ref", "_load_zero", "_spring", "_stretch")

    def __init__(self, p: dict[str, float]) -> None:
        self._gap_ref = p["forming_gap_ref_um"]
        self._load_ref = p["forming_load_ref_n_per_mm"]
        self._load_zero = p["forming_load_zero_n_per_mm"]
        self._bulk_gain = p["forming_compaction"]
        self._spring = 1.0 + p["forming_springback"]
        self._stretch = p["film_width_m"] * 1e6 / p["mill_stiffness_n_per_mm"]  # um per N/mm

    def film(self, gap_um: float, bulk_g_per_cm3: float) -> FormedFilm:
        """The film of a gap > 0 and the density of the powder above the nip."""
        load = self._load_ref * sqrt(gap_um / self._gap_ref)
        height = (gap_um + load * self._stretch) * self._spring
        density = bulk_g_per_cm3 * (1.0 + self._bulk_gain * log(1.0 + load / self._load_zero))
        return FormedFilm(height, density, load)
