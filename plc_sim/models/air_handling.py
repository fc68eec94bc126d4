"""The enclosure's own air handling: fans, dampers, heater, coolers and rotor.

Air path: return and make-up air are mixed, pre-cooled, dried in the rotor; a part of the dry air
goes through the purge sector and the heater into the regeneration sector and leaves the plant; the
rest passes the fan and the post-cooler and is the supply.
"""

from collections.abc import Mapping
from math import exp, sqrt

from plc_sim.instruments import Stiction
from plc_sim.models.rotor import AIR_CP, AIR_KG_PER_M3, Rotor

FAST_S = 0.1
SLOW_S = 1.0
FREE = -1.0  # an actuator that does not stick


class AirHandling:
    """Wanted positions in `want_*`, reached ones and flows (m3/s) in the other attributes."""

    __slots__ = (
        "_aux_w",
        "_booster",
        "_cooler_gain",
        "_cop",
        "_damper_step",
        "_design",
        "_effect",
        "_exhaust_open",
        "_exhaust_step",
        "_fan_eff",
        "_fan_pa",
        "_fan_step",
        "_filter_clean_pa",
        "_heater_j_k",
        "_heater_ua",
        "_heater_w",
        "_inlet_degc",
        "_limiter_resets",
        "_limiter_trips",
        "_loss",
        "_makeup_open",
        "_reg_design",
        "_reg_fan_pa",
        "_reg_step",
        "_rotor_step",
        "_seal_leak",
        "_static",
        "_valve",
        "_water_degc",
        "damper",
        "damper_stuck",
        "exhaust",
        "exhaust_m3_s",
        "fan",
        "fan_share",
        "filter_load",
        "filter_pa",
        "heater_dead",
        "heater_stuck",
        "limiter_ok",
        "makeup_m3_s",
        "post_degc",
        "power_cool_w",
        "power_fan_w",
        "power_heater_w",
        "pulses",
        "regeneration",
        "regeneration_degc",
        "regeneration_m3_s",
        "regeneration_share",
        "rotor",
        "rotor_dead",
        "rotor_speed",
        "supply_degc",
        "supply_m3_s",
        "t_in",
        "turned",
        "valve_stuck",
        "w_in",
        "want_damper",
        "want_exhaust",
        "want_fan",
        "want_heater",
        "want_regeneration",
        "want_rotor",
        "want_valve",
    )

    def __init__(self, v: Mapping[str, float], *, w_start: float, degc: float) -> None:
        self._design = v["supply_design"] / 3600.0
        self._reg_design = self._design * v["regeneration_ratio"]
        self._fan_pa, self._reg_fan_pa = v["fan_pressure"], v["regeneration_fan_pressure"]
        self._fan_eff, self._cop = v["fan_efficiency"], v["cooling_cop"]
        self._static = v["fan_static_share"]
        self._fan_step = v["fan_ramp"] * FAST_S
        self._reg_step = v["regeneration_ramp"] * FAST_S
        self._exhaust_step = v["exhaust_damper_rate"] * FAST_S
        self._rotor_step = v["rotor_ramp"] * SLOW_S
        self._damper_step = v["makeup_damper_rate"] * FAST_S
        self._heater_w, self._loss = v["heater_rated"], v["heater_loss"]
        self._heater_j_k, self._heater_ua = v["heater_capacity"], v["heater_ua"]
        self._limiter_trips, self._limiter_resets = v["limiter_trips"], v["limiter_resets"]
        self._water_degc, self._effect = v["chilled_water"], v["cooler_effectiveness"]
        self._cooler_gain = 1.0 - exp(-SLOW_S / v["cooler_lag"])
        self._inlet_degc = v["rotor_inlet_set_point"]
        self._aux_w, self._filter_clean_pa = v["auxiliary_power"], v["filter_clean"]
        self._makeup_open = v["makeup_flow_open"] / 3600.0
        self._booster = v["makeup_booster_share"]
        self._exhaust_open = v["exhaust_flow_open"] / 3600.0
        self._seal_leak = v["rotor_seal_leak"]
        self._valve = Stiction(v["chw_valve_band"])
        self.rotor = Rotor(
            v,
            face_m2=(self._design + self._reg_design) / v["rotor_face_velocity"],
            depth_m=v["rotor_depth"],
            w_start=w_start,
            dt_s=SLOW_S,
        )
        self.want_fan = self.want_regeneration = self.want_heater = self.want_rotor = 0.0
        self.want_valve = self.want_damper = self.want_exhaust = 0.0
        self.fan = self.regeneration = self.rotor_speed = self.damper = self.exhaust = 0.0
        self.supply_m3_s = self.regeneration_m3_s = self.makeup_m3_s = self.exhaust_m3_s = 0.0
        self.regeneration_degc = self.t_in = self.supply_degc = self.post_degc = degc
        self.w_in = w_start
        self.power_heater_w = self.power_fan_w = self.power_cool_w = 0.0
        self.filter_pa = self.pulses = self.turned = 0.0
        # Faults; a stuck actuator stands at a position in %, -1: it follows what is wanted.
        self.fan_share = self.regeneration_share = self.filter_load = 1.0
        self.heater_dead = self.rotor_dead = False
        self.damper_stuck = self.valve_stuck = self.heater_stuck = FREE
        self.limiter_ok = True

    @property
    def power_w(self) -> float:
        """Electric power of the whole unit."""
        aux = self._aux_w if self.fan > 1.0 else 0.0
        return self.power_heater_w + self.power_fan_w + self.power_cool_w + aux

    @property
    def regeneration_pct(self) -> float:
        """What the regeneration fan delivers, % of its design flow."""
        return self.regeneration * self.regeneration_share

    @property
    def valve(self) -> float:
        """Reached position of the chilled-water valve, %."""
        return self._valve.position

    def set_fault(self, name: str, level: float) -> None:
        """Set a fault's level, 0 ends it; KeyError for a name that is not of the air handling."""
        stuck = level if level else FREE
        match name:
            case "heater_failure":
                self.heater_dead = level != 0.0
            case "rotor_stopped":
                self.rotor_dead = level != 0.0
            case "seal_wear":
                self.rotor.seal_leak = level * 0.01 if level else self._seal_leak
            case "fan_slip":
                self.fan_share = level * 0.01 if level else 1.0
            case "makeup_damper_stuck":
                self.damper_stuck = stuck
            case "chilled_water_stuck":
                self.valve_stuck = stuck
            case "heater_stuck":
                self.heater_stuck = stuck
            case "regeneration_fan_slip":
                self.regeneration_share = level * 0.01 if level else 1.0
            case "filter_loaded":
                self.filter_load = level or 1.0
            case _:
                raise KeyError(name)

    def fast(self) -> None:
        """Fans and dampers, each FAST_S."""
        if self.fan != self.want_fan:
            self.fan = _toward(self.fan, self.want_fan, self._fan_step)
        if self.regeneration != self.want_regeneration:
            self.regeneration = _toward(self.regeneration, self.want_regeneration, self._reg_step)
        self.regeneration_m3_s = self._reg_design * self.regeneration_pct * 0.01
        x = self.fan * 0.01 * self.fan_share
        if self.filter_load != 1.0:  # a fan gives less flow against more pressure
            more = (self.filter_load - 1.0) * self._filter_clean_pa / self._fan_pa
            x /= sqrt(1.0 + more)
        self.supply_m3_s = self._design * x
        want_damper = self.want_damper if self.damper_stuck < 0.0 else self.damper_stuck
        if self.damper != want_damper:
            self.damper = _toward(self.damper, want_damper, self._damper_step)
        # The suction of the supply fan helps a booster fan to draw the make-up air.
        booster = self._booster
        drawn = sqrt(booster + (1.0 - booster) * x * x)
        self.makeup_m3_s = self._makeup_open * self.damper * 0.01 * drawn
        if self.exhaust != self.want_exhaust:
            self.exhaust = _toward(self.exhaust, self.want_exhaust, self._exhaust_step)
            self.exhaust_m3_s = self._exhaust_open * self.exhaust * 0.01

    def slow(self, m_p: float, w_in: float, t_mix: float) -> None:
        """Rotor, heater, coolers and powers, each SLOW_S; m_p: kg/s through the rotor."""
        rotor = self.rotor
        m_r = self.regeneration_m3_s * AIR_KG_PER_M3
        m_s = m_p - m_r
        cool = m_p * AIR_CP * (t_mix - self._inlet_degc)
        if cool > 0.0 and self.fan > 1.0:
            self.t_in = self._inlet_degc
        else:
            cool, self.t_in = 0.0, t_mix
        self.w_in = w_in
        speed = 0.0 if self.rotor_dead else self.want_rotor
        self.rotor_speed = _toward(self.rotor_speed, speed, self._rotor_step)
        self.turned += self.rotor_speed / 3600.0 * SLOW_S
        if self.turned >= PULSE_REV:
            self.turned -= PULSE_REV
            self.pulses = (self.pulses + 1.0) % 65536.0
        heated = (m_r, rotor.w_out, self.regeneration_degc)
        rotor.step(SLOW_S, (m_p, w_in, self.t_in), heated, self.rotor_speed)
        self._heat(m_r)
        fan = self._fans(m_s)
        t_before = rotor.process_out_degc + (fan / (m_s * AIR_CP) if m_s > 0.01 else 0.0)
        opening = self.want_valve if self.valve_stuck < 0.0 else self.valve_stuck
        drop = self._effect * self._valve.move(opening) * 0.01
        wanted = t_before - drop * max(t_before - self._water_degc, 0.0)
        self.supply_degc += (wanted - self.supply_degc) * self._cooler_gain
        self.post_degc = self.supply_degc
        taken = m_s * AIR_CP * (t_before - wanted)
        self.power_cool_w = (cool + taken) / self._cop

    def _heat(self, m_r: float) -> None:
        """Heater box: one capacity, warmed by electricity, cooled by the regeneration air."""
        rotor = self.rotor
        t, inlet = self.regeneration_degc, rotor.process_out_degc
        if t > self._limiter_trips:
            self.limiter_ok = False
        elif t < self._limiter_resets:
            self.limiter_ok = True
        on = self.limiter_ok and not self.heater_dead
        heat = self.want_heater if self.heater_stuck < 0.0 else self.heater_stuck
        self.power_heater_w = self._heater_w * heat * 0.01 if on else 0.0
        through = m_r * AIR_CP
        if through > 1.0:
            inlet += min(rotor.recovered_w / through, 0.9 * max(t - inlet, 0.0))
        a = through + self._heater_ua
        end = inlet + self.power_heater_w * (1.0 - self._loss) / a
        self.regeneration_degc = end + (t - end) * exp(-a * SLOW_S / self._heater_j_k)

    def _fans(self, m_s: float) -> float:
        """Heat of the supply fan, W; also both fans' power and the filter's pressure drop."""
        x = self.fan * 0.01
        flow = m_s / AIR_KG_PER_M3
        air = flow / self._design
        static, rising = self._static, 1.0 - self._static
        supply = self._design * x * self._fan_pa * (static + rising * x * x) / self._fan_eff
        y = self.regeneration * 0.01
        pa = self._reg_fan_pa * (static + rising * y * y)
        other = self.regeneration_m3_s * pa / self._fan_eff
        self.power_fan_w = supply + other
        self.filter_pa = self._filter_clean_pa * self.filter_load * air * air
        return supply


PULSE_REV = 1.0 / 12.0
"""Turn of the rotor from one pulse to the next."""


def _toward(x: float, wanted: float, step: float) -> float:
    """x moved toward `wanted` by at most `step`."""
    if wanted > x + step:
        return x + step
    if wanted < x - step:
        return x - step
    return wanted
