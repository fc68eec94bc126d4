"""The nip stack of the coater: powder wedge, forming gap, shear in three nips."""

from math import sqrt

from plc_sim.models.mixer import Powder
from plc_sim.models.nips import FormingNip, contact_length_m, relative_slip
from plc_sim.models.noise import Noise

LEAST_LEVEL_MM = 0.2  # an empty wedge


class NipStack:
    """Gap, ratio and powder -> film loading, height, density and shear energy.

    wedge: the powder above the forming nip; bulk: density of powder over its mean; friction:
    share of the reference shear stress that the roll surfaces pass on; growth_um: by which the
    rolls are nearer to each other than the gap drive believes.
    """

    __slots__ = (
        "_bulk_mean",
        "_close_rate",
        "_contact_um",
        "_forming",
        "_forms_um",
        "_friction_end",
        "_friction_rate",
        "_gap_error_um",
        "_gap_tau_s",
        "_level_density",
        "_level_reference",
        "_mm_per_kg",
        "_noise",
        "_open_rate",
        "_open_um",
        "_p",
        "_ratio_density",
        "_ratio_reference",
        "_ratio_tau_s",
        "_section",
        "_starved_mm",
        "_stress",
        "_stretch",
        "_wander",
        "_width_kg",
        "bulk",
        "coated_kg",
        "density",
        "energy_kj_per_kg",
        "friction",
        "gap_um",
        "growth_um",
        "height_um",
        "loading",
        "power_w",
        "ratio",
        "returned_kg",
        "wedge",
    )

    def __init__(self, p: dict[str, float], noise: Noise) -> None:
        self._p = p
        self._noise = noise
        self._forming = FormingNip(p)
        self._stretch = p["film_width_m"] * 1e6 / p["mill_stiffness_n_per_mm"]  # um per N/mm
        self._contact_um = (
            p["nip_count"] * 1e6 * contact_length_m(p["roll_radius_m"], p["nip_draft_um"] * 1e-6)
        )
        self._width_kg = 0.01 * p["film_width_m"]  # mg/cm2 and m -> kg
        self._section = p["film_width_m"] * p["nip_hopper_depth_m"]
        self._bulk_mean = p["bulk_density_g_per_cm3"]
        self._starved_mm = p["level_starved_mm"]
        self._level_density = p["level_density_per_mm"]
        self._level_reference = p["level_reference_mm"]
        self._ratio_density = p["ratio_density_per_unit"]
        self._ratio_reference = p["ratio_reference"]
        self._ratio_tau_s = p["ratio_tau_s"]
        self._gap_tau_s = p["gap_tau_s"]
        self._close_rate = p["gap_close_rate_um_per_s"]
        self._open_rate = p["gap_open_rate_um_per_s"]
        self._open_um, self._forms_um = p["gap_open_um"], p["gap_forms_um"]
        self.wedge = Powder(0.0, p["lot_reactivity"])
        self.bulk = self.friction = self._friction_end = self.ratio = 1.0
        self._friction_rate = self._wander = self._gap_error_um = self.growth_um = 0.0
        self.gap_um = self._open_um
        self.loading = self.height_um = self.density = 0.0
        self.energy_kj_per_kg = self.power_w = self.returned_kg = self.coated_kg = 0.0
        self._mm_per_kg = 1.0 / (self._section * self._bulk_mean)
        self._stress = p["nip_shear_stress_mpa"]

    @property
    def level_mm(self) -> float:
        """Height of the powder above the forming nip."""
        return self.wedge.mass_kg * self._mm_per_kg

    @property
    def closed(self) -> bool:
        """Whether the gap can form a film."""
        return self.gap_um < self._forms_um

    def wear(self, change_pct: float) -> None:
        """Let the friction change by this within the ramp time; 0: rolls cleaned, as new."""
        self._friction_end = 1.0 + change_pct / 100.0
        self._friction_rate = abs(change_pct) / 100.0 / self._p["friction_ramp_s"]
        if change_pct == 0.0:
            self.friction = 1.0

    def drive(self, dt_s: float, ratio: float, gap_um: float, opened: bool) -> None:
        """Move ratio and gap towards what is wanted; opening is much faster than closing."""
        self.ratio += (ratio - self.ratio) * dt_s / (self._ratio_tau_s + 0.5 * dt_s)
        if opened:
            self.gap_um = min(self._open_um, self.gap_um + self._open_rate * dt_s)
            return
        move = (max(0.0, gap_um - self.growth_um) - self.gap_um) * dt_s / self._gap_tau_s
        slowest = -self._close_rate * dt_s
        self.gap_um += move if move > slowest else slowest

    def form(self, dt_s: float, way_m: float) -> bool:
        """Draw powder over way_m; False when no film comes out (open, empty or at rest)."""
        wedge = self.wedge
        level = wedge.mass_kg * self._mm_per_kg
        if way_m <= 0.0 or level < LEAST_LEVEL_MM or self.gap_um > self._forms_um:
            self.power_w = self.loading = 0.0
            return False
        ratio = self.ratio
        powder = self._bulk_mean * self.bulk
        powder *= 1.0 + self._level_density * (level - self._level_reference)
        powder *= 1.0 - self._ratio_density * (ratio - self._ratio_reference)
        if level < self._starved_mm:
            powder *= level / self._starved_mm
        gap = self.gap_um - self._gap_error_um
        gap = gap if gap > 5.0 else 5.0
        height, density, load = self._forming.film(gap, powder)
        loading = 0.1 * density * height
        taken = self._width_kg * loading * way_m
        if taken > wedge.mass_kg:
            loading *= wedge.mass_kg / taken
            taken = wedge.mass_kg
        wedge.mass_kg -= taken
        self.coated_kg += taken
        shear = relative_slip(ratio) * self._contact_um / (gap + load * self._stretch)
        self.energy_kj_per_kg = energy = self._stress * shear / density  # MPa/(g/cm3) = kJ/kg
        self.power_w = 1000.0 * energy * taken / dt_s
        self.loading, self.height_um, self.density = loading, height, density
        return True

    def fill(self, dt_s: float, inflow_kg_per_s: float, of: Powder) -> None:
        """Powder falls into the wedge; what is above the weir goes to the return bin."""
        wedge = self.wedge
        wedge.take(dt_s, inflow_kg_per_s, 0.0, of)
        self._mm_per_kg = 1.0 / (self._section * self._bulk_mean * self.bulk)
        most = self._p["level_weir_mm"] / self._mm_per_kg
        if wedge.mass_kg > most:
            self.returned_kg += wedge.mass_kg - most
            wedge.mass_kg = most

    def wander(self, dt_s: float, roll_degc: float) -> None:
        """Slow changes over dt_s: friction, softening when warm, gap error by roll growth."""
        p = self._p
        share = dt_s / p["nip_friction_tau_s"]
        step = self._noise.draw() * p["nip_friction_sd"] * sqrt(2.0 * share)
        self._wander += step - self._wander * share
        left = self._friction_end - self.friction
        most = self._friction_rate * dt_s
        self.friction += max(-most, min(most, left))
        warm = roll_degc - p["nip_reference_degc"]
        factor = self.friction * (1.0 + self._wander) * (1.0 - p["nip_softening_per_k"] * warm)
        self._stress = p["nip_shear_stress_mpa"] * factor
        self._gap_error_um = p["roll_growth_um_per_k"] * p["roll_growth_share"] * warm
