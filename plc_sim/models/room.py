"""A dried room with its desiccant unit: the grey room and the dry rooms of the baseline.

Quasi-steady energy, dynamic moisture and rotor. The room temperature is held by its own
cooling. All power is electric: regeneration, fans, cooling over the coefficient of performance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp

from plc_sim.models.humidity import frost_point_degc, vapour_pressure_pa, w_of_frost_point
from plc_sim.models.rotor import AIR_CP, AIR_KG_PER_M3, Rotor


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomDesign:
    """Settings and size of a room's air handling.

    supply_m3_h: design flow. flow_share: share of it that runs. ratio: regeneration over supply
    flow at design. regeneration_share: share of that. fresh_m3_h: outside air. dry_purge: share of
    the regeneration air that is dried supply air. precooled: whether the rest is cooled to the
    fresh-air dew point first. infiltration_m3_h: hall air through doors. stages: rotors in series.
    """

    supply_m3_h: float
    flow_share: float = 1.0
    ratio: float
    regeneration_share: float = 1.0
    regeneration_degc: float
    rev_per_h: float
    fresh_m3_h: float
    fresh_min_m3_h: float = 0.0
    dry_purge: float = 0.0
    precooled: bool = True
    infiltration_m3_h: float
    inlet_degc: float
    fan_pressure_pa: float
    face_velocity: float
    stages: int = 1
    start_frost_point_degc: float


class Room:
    """One room. Set the inputs, `step`, read the outputs.

    Inputs: `flow_share`, `regeneration_degc` (wanted), `heat_w` (machines inside),
    `extra_water_kg_s`, `out_kg_s` (air taken out of the room by others; made up with fresh air),
    `in_kg_s` and `in_w` (dry air that flows in). Outputs: `w`, `w_supply`, `power_regeneration_w`,
    `power_fan_w`, `power_cooling_w`.
    """

    def __init__(self, design: RoomDesign, v: Mapping[str, float], *, dt_s: float) -> None:
        self.design = d = design
        self.flow_share = d.flow_share
        self.regeneration_degc = self._t_reg = d.regeneration_degc
        self.heat_w = self.extra_water_kg_s = 0.0
        self.out_kg_s = self.in_kg_s = self.in_w = 0.0
        self.w = w_of_frost_point(d.start_frost_point_degc)
        self.w_supply = w_of_frost_point(d.start_frost_point_degc - 4.0)
        self.temp_degc = v["room_temperature"]
        self._mass = v["room_volume"] * AIR_KG_PER_M3
        self._person_kg_s = v["person_water"] / 3.6e6
        self._person_w, self._lights_w = v["person_heat"], v["room_lights"]
        self._w_fresh = w_of_frost_point(v["fresh_dew_point"])
        self._t_fresh = v["fresh_dew_point"]
        self._cop, self._fan_eff = v["cooling_cop"], v["fan_efficiency"]
        self._static, self._evaporation = v["fan_static_share"], v["evaporation_heat"]
        self._loss, self._reg_fan_pa = v["room_heater_loss"], v["regeneration_fan_pressure"]
        self._heater_lag_s = v["room_heater_lag"]
        self._design_kg_s = d.supply_m3_h / 3600.0 * AIR_KG_PER_M3
        regeneration = self._design_kg_s * d.ratio * d.regeneration_share
        self._m_r = regeneration
        face = (d.supply_m3_h / 3600.0) / d.face_velocity
        depth = v["rotor_depth"]
        self._rotors = [
            Rotor(
                v,
                face_m2=face,
                depth_m=depth,
                w_start=self.w_supply,
                dt_s=dt_s,
                rev_per_h=d.rev_per_h,
            )
            for _ in range(d.stages)
        ]
        self.power_regeneration_w = self.power_fan_w = self.power_cooling_w = 0.0

    @property
    def frost_point_degc(self) -> float:
        """Frost point of the room air."""
        return frost_point_degc(vapour_pressure_pa(self.w))

    @property
    def supply_frost_point_degc(self) -> float:
        """Frost point of the supply air."""
        return frost_point_degc(vapour_pressure_pa(self.w_supply))

    @property
    def power_w(self) -> float:
        """Electric power of the room's air treatment."""
        return self.power_regeneration_w + self.power_fan_w + self.power_cooling_w

    def step(self, dt_s: float, people: float, outdoor: tuple[float, float], hall_w: float) -> None:
        """Advance by dt_s. outdoor: degC and kg/kg; hall_w: humidity outside the doors."""
        d = self.design
        share = max(self.flow_share, 0.05)
        m_s = self._design_kg_s * share
        fresh = d.fresh_m3_h / 3600.0 * AIR_KG_PER_M3 * share + self.out_kg_s - self.in_kg_s
        fresh = max(fresh, d.fresh_min_m3_h / 3600.0 * AIR_KG_PER_M3)
        t_out, w_out = outdoor
        cooled, w_fresh, t_fresh = self._precool(fresh, t_out, w_out)
        purge = d.dry_purge * self._m_r
        m_p = m_s + purge
        back = m_p - fresh
        w_mix = (back * self.w + fresh * w_fresh) / m_p
        t_mix = (back * self.temp_degc + fresh * t_fresh) / m_p
        self._t_reg += (self.regeneration_degc - self._t_reg) * (
            1.0 - exp(-dt_s / self._heater_lag_s)
        )
        heat_in, cool_in, w_s, t_s = self._dry(dt_s, m_p, w_mix, t_mix, outdoor)
        flow = m_s / AIR_KG_PER_M3
        pa = d.fan_pressure_pa * (self._static + (1.0 - self._static) * share * share)
        fan = flow * pa / self._fan_eff
        regeneration_flow = self._m_r / AIR_KG_PER_M3
        self.power_fan_w = fan + regeneration_flow * self._reg_fan_pa / self._fan_eff
        self.power_regeneration_w = heat_in
        sensible = self.heat_w + self._lights_w + people * self._person_w
        t_sup = self.temp_degc - sensible / (m_s * AIR_CP)
        post = m_s * AIR_CP * (t_s + fan / (m_s * AIR_CP) - t_sup)
        self.power_cooling_w = (cooled + cool_in + max(post, 0.0)) / self._cop
        self._moisture(dt_s, m_s, w_s, people, hall_w)

    def _moisture(self, dt_s: float, m_s: float, w_s: float, people: float, hall_w: float) -> None:
        leak = self.design.infiltration_m3_h / 3600.0 * AIR_KG_PER_M3
        source = people * self._person_kg_s + self.extra_water_kg_s
        through = m_s + leak + self.in_kg_s
        end = (m_s * w_s + leak * hall_w + self.in_kg_s * self.in_w + source) / through
        self.w = end + (self.w - end) * exp(-through * dt_s / self._mass)
        self.w_supply = w_s

    def _precool(self, m: float, t: float, w: float) -> tuple[float, float, float]:
        """Cooling heat, humidity and temperature of outside air behind its pre-cooler."""
        if m <= 0.0:
            return 0.0, min(w, self._w_fresh), min(t, self._t_fresh)
        dry = max(w - self._w_fresh, 0.0)
        warm = max(t - self._t_fresh, 0.0)
        return m * (AIR_CP * warm + self._evaporation * dry), w - dry, t - warm

    def _dry(
        self, dt_s: float, m_p: float, w: float, t: float, outdoor: tuple[float, float]
    ) -> tuple[float, float, float, float]:
        """The rotors in series: heater power, heat taken by coolers, outlet humidity and degC."""
        d = self.design
        m_r = self._m_r
        cooling, (w_air, t_air) = self._regeneration_air(outdoor)
        inlet = [(w_air, t_air)]
        # Regeneration air goes against the process air: from the last rotor to the one before.
        for rotor in reversed(self._rotors[1:]):
            w_air += rotor.released_kg_s / m_r
            t_air = rotor.regeneration_out_degc
            inlet.insert(0, (w_air, t_air))
        power = 0.0
        for rotor, (w_reg, t_in) in zip(self._rotors, inlet, strict=True):
            cooling += max(m_p * AIR_CP * (t - d.inlet_degc), 0.0)
            t = min(t, d.inlet_degc)
            w = rotor.step(dt_s, (m_p, w, t), (m_r, w_reg, self._t_reg), d.rev_per_h)
            t = rotor.process_out_degc
            need = m_r * AIR_CP * (self._t_reg - t_in) - rotor.recovered_w
            power += max(need, 0.0) / (1.0 - self._loss)
        return power, cooling, w, t

    def _regeneration_air(self, outdoor: tuple[float, float]) -> tuple[float, tuple[float, float]]:
        """Cooling heat, and humidity and degC of the air that enters the last rotor's heater."""
        d = self.design
        t_out, w_out = outdoor
        cooling, w_own, t_own = 0.0, w_out, t_out
        if d.precooled:
            cooling, w_own, t_own = self._precool(self._m_r * (1.0 - d.dry_purge), t_out, w_out)
        last = self._rotors[-1]
        w = d.dry_purge * last.w_out + (1.0 - d.dry_purge) * w_own
        t = d.dry_purge * last.process_out_degc + (1.0 - d.dry_purge) * t_own
        return cooling, (w, t)
