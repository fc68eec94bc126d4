"""The air inside the enclosure: pressure, moisture and its reservoirs, heat, hydrogen sulfide.

Moisture is split into steps that each have an exact solution (exchange with the badly flushed
corner, sorption, flow through), so that any flow is stable at 1 s and water is conserved to
rounding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, sqrt

from plc_sim.models.humidity import ATMOSPHERE_PA, vapour_pressure_pa
from plc_sim.models.rotor import AIR_CP, AIR_KG_PER_M3, SMALLEST_W

OXYGEN_PCT = 20.95  # of air


@dataclass(slots=True)
class Ledger:
    """Water that crossed the boundary of the plant section since the start, kg."""

    into: float = 0.0
    out: float = 0.0


class Chamber:
    """State of the enclosure's air. Pressure in Pa above the hall-side room, humidity kg/kg."""

    __slots__ = (
        "_air_j_k",
        "_dead_kg",
        "_dead_part",
        "_door_m2",
        "_fast_kg",
        "_fast_part",
        "_leak_c",
        "_leak_exp",
        "_mass_j_k",
        "_mass_ua",
        "_pa_per_m3",
        "_per_k",
        "_slow_kg",
        "_slow_part",
        "_volume",
        "_wall_ua",
        "air_kg",
        "doors",
        "frame_degc",
        "h2s_ppm",
        "mean_w",
        "oxygen_pct",
        "pressure_pa",
        "q_fast",
        "q_slow",
        "relief_m2",
        "sucked_m3",
        "tear_m2",
        "temp_degc",
        "w",
        "w_dead",
    )

    def __init__(self, v: Mapping[str, float], w: float, degc: float, soaked: bool) -> None:
        total = v["volume"] * AIR_KG_PER_M3
        self._volume = v["volume"]
        self._dead_kg = total * v["dead_share"]
        self.air_kg = total - self._dead_kg
        self._dead_part = 1.0 - exp(-1.0 / v["dead_tau"])
        self._fast_kg, self._slow_kg = v["sorption_fast"], v["sorption_slow"]
        self._fast_part = 1.0 - exp(-1.0 / v["sorption_fast_tau"])
        self._slow_part = 1.0 - exp(-1.0 / v["sorption_slow_tau"])
        self._per_k = v["sorption_per_k"]
        self._pa_per_m3 = ATMOSPHERE_PA / v["volume"]
        self._leak_exp = v["leak_exponent"]
        self._leak_c = v["leak_flow"] / 3600.0 / 50.0**self._leak_exp
        self._door_m2 = v["door_area"]
        self._air_j_k, self._mass_j_k = v["air_heat"], v["mass_heat"]
        self._mass_ua, self._wall_ua = v["mass_ua"], v["wall_ua"]
        self.w = self.w_dead = self.mean_w = w
        self.temp_degc = self.frame_degc = degc
        root = sqrt(vapour_pressure_pa(w) / 100.0)
        dry = sqrt(_DRY_WALLS_PA / 100.0)
        self.q_fast = self._fast_kg * (root if soaked else 0.5 * (root + dry))
        self.q_slow = self._slow_kg * (root if soaked else dry + 0.05 * (root - dry))
        self.pressure_pa = self.h2s_ppm = 0.0
        self.tear_m2 = self.relief_m2 = self.sucked_m3 = 0.0
        self.doors = 0
        self.oxygen_pct = OXYGEN_PCT

    def press(self, dt_s: float, net_m3_s: float) -> None:
        """Pressure after dt_s: air forced in (net of what is drawn out) against the leaks."""
        p = self.pressure_pa
        size = p if p >= 0.0 else -p
        # Below 1 Pa all laws are taken as linear: their slope at zero would be infinite.
        if size > 1.0:
            leak = self._leak_c * size**self._leak_exp
            slope = self._leak_exp * leak / size
        else:
            slope = self._leak_c
            leak = slope * size
        area = self.tear_m2 + self.relief_m2 + self.doors * self._door_m2
        if area > 0.0:
            if size > 1.0:
                hole = area * sqrt(2.0 * size / AIR_KG_PER_M3)
                slope += 0.5 * hole / size
            else:
                hole = area * size * 1.29
                slope += area * 1.29
            leak += hole
        k = dt_s * self._pa_per_m3
        out = leak if p >= 0.0 else -leak
        change = k * (net_m3_s - out) / (1.0 + k * slope)
        self.pressure_pa = p + change
        if p < 0.0:
            self.sucked_m3 += leak * dt_s

    def moisture(
        self, supply: tuple[float, float], inflow: tuple[float, float], source_kg_s: float
    ) -> float:
        """One second of moisture; returns the mean humidity of the air that left meanwhile.

        supply, inflow: (kg/s, kg/kg) of dry supply air and of room air that gets in.
        source_kg_s: water set free inside.
        """
        move = (self.w - self.w_dead) * self._dead_part * self._dead_kg
        self.w_dead += move / self._dead_kg
        warm = exp(-self._per_k * (self.frame_degc - 22.0))
        w = self.w
        root = sqrt(vapour_pressure_pa(w) / 100.0) * warm if w > 0.0 else 0.0
        fast = (self._fast_kg * root - self.q_fast) * self._fast_part
        slow = (self._slow_kg * root - self.q_slow) * self._slow_part
        self.q_fast += fast
        self.q_slow += slow
        # Reservoirs act as a constant source over the second.
        source = source_kg_s - fast - slow - move
        m_s, w_s = supply
        m_i, w_i = inflow
        through = m_s + m_i
        if through < 1e-6:
            self.w = max(w + source / self.air_kg, SMALLEST_W)
            self.mean_w = w
            return w
        end = (m_s * w_s + m_i * w_i + source) / through
        a = through / self.air_kg
        decay = exp(-a)
        self.mean_w = end + (w - end) * (1.0 - decay) / a
        self.w = end + (w - end) * decay
        return self.mean_w

    def stored_kg(self) -> float:
        """Water in air, corner and walls."""
        return self.w * self.air_kg + self.w_dead * self._dead_kg + self.q_fast + self.q_slow

    def heat(
        self, m_s: float, supply_degc: float, air_w: float, frame_w: float, room: float
    ) -> None:
        """One second of temperature; air_w, frame_w: heat set free in air and frames, W."""
        g = m_s * AIR_CP
        total = g + self._mass_ua + self._wall_ua
        load = g * supply_degc + self._mass_ua * self.frame_degc + self._wall_ua * room + air_w
        end = load / total
        self.temp_degc = end + (self.temp_degc - end) * exp(-total / self._air_j_k)
        to_frame = self._mass_ua * (self.temp_degc - self.frame_degc) + frame_w
        self.frame_degc += to_frame / self._mass_j_k

    def sulfide(self, made_cm3_s: float, out_m3_s: float) -> None:
        """One second of hydrogen sulfide.

        out_m3_s: exhaust and what leaks out. Recirculation carries nothing away, and nothing is
        credited to the regeneration air, so that the figure is on the safe side.
        """
        if out_m3_s < 1e-6:
            self.h2s_ppm += made_cm3_s / self._volume
            return
        end = made_cm3_s / out_m3_s
        self.h2s_ppm = end + (self.h2s_ppm - end) * exp(-out_m3_s / self._volume)

    def breathe(self, air_m3_s: float, nitrogen_m3_s: float) -> None:
        """One second of oxygen: fresh air and nitrogen replace what was there."""
        fresh = air_m3_s + nitrogen_m3_s
        if fresh > 0.0:
            end = OXYGEN_PCT * air_m3_s / fresh if nitrogen_m3_s else OXYGEN_PCT
            self.oxygen_pct = end + (self.oxygen_pct - end) * exp(-fresh / self._volume)


_DRY_WALLS_PA = 1.08  # walls in equilibrium with -60 degC frost point


class PassBox:
    """The lock between grey room and enclosure; purged with enclosure air."""

    __slots__ = ("_kg", "_part", "_purge_m3_s", "inner", "outer", "purging", "w")

    def __init__(self, v: Mapping[str, float], w: float) -> None:
        self._kg = v["pass_box_volume"] * AIR_KG_PER_M3
        self._purge_m3_s = v["pass_box_purge"] / 3600.0
        self._part = 1.0 - exp(-1.0 / v["pass_box_exchange_tau"])
        self.w = w
        self.outer = self.inner = self.purging = False

    @property
    def purge_m3_s(self) -> float:
        """Enclosure air that flows through the box into the grey room."""
        return self._purge_m3_s if self.purging else 0.0

    def stored_kg(self) -> float:
        """Water in the box."""
        return self.w * self._kg

    def exchange(self, room_w: float, zone: Chamber, book: Ledger) -> None:
        """One second of exchange through open doors and of purge."""
        if self.outer:
            move = (room_w - self.w) * self._part * self._kg
            self.w += move / self._kg
            book.into += move
        if self.inner:
            move = (self.w - zone.w) * self._part * self._kg
            self.w -= move / self._kg
            zone.w += move / zone.air_kg
        if self.purging:
            m = self._purge_m3_s * AIR_KG_PER_M3
            before = self.w
            self.w = zone.mean_w + (before - zone.mean_w) * exp(-m / self._kg)
            book.out += m * zone.mean_w + (before - self.w) * self._kg
