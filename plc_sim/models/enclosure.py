"""Model of the enclosure station: chamber, air handling, pass box, grey room, baseline.

Pressure and actuators run each 0.1 s, moisture, rotor and energy each 1 s, the grey room each 5 s,
the dry rooms of the baseline each 30 s.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from plc_sim.models.air_handling import AirHandling
from plc_sim.models.chamber import Chamber, Ledger, PassBox
from plc_sim.models.dry_room import DRY_ROOM_STEP_S, Baseline
from plc_sim.models.enclosure_wiring import ACTUATORS, SENSORS
from plc_sim.models.grey_room import GREY_STEP_S, grey_room
from plc_sim.models.humidity import frost_point_of_w, ppmv, w_of_frost_point
from plc_sim.models.parameters import numbers
from plc_sim.models.rotor import AIR_KG_PER_M3
from plc_sim.models.score import EnergyScore
from plc_sim.models.surroundings import Surroundings

_FAST_PER_SLOW = 10
_G_H = 1.0 / 3.6e6  # kg/s per g/h


class Model:
    """The enclosure with everything that belongs to it.

    Inputs, set by whoever couples the stations: machine_heat_w, roll_heat_w, product_kg_per_h,
    web_m_per_s. Outputs for the neighbours: frost_point_degc, ppmv, temp_degc, h2s_ppm.
    """

    SENSORS: ClassVar[tuple[str, ...]] = SENSORS
    ACTUATORS: ClassVar[tuple[str, ...]] = ACTUATORS
    PERIOD_S: ClassVar[float] = 0.1

    def __init__(
        self,
        *,
        seed: int = 0,
        soaked: bool = True,
        start_frost_point_degc: float = -20.0,
        parameters: Mapping[str, float] | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        self._v = v = numbers("enclosure", parameters)
        self.surroundings = surroundings or Surroundings(seed)
        w = w_of_frost_point(start_frost_point_degc)
        degc = v["room_temperature"]
        self.chamber = Chamber(v, w, degc, soaked)
        self.unit = AirHandling(v, w_start=w, degc=degc)
        self.box = PassBox(v, w)
        self.grey = grey_room(v)
        self.baseline = Baseline(v)
        self.book = Ledger()
        self.score = EnergyScore()
        self.machine_heat_w = self.roll_heat_w = 0.0
        self.product_kg_per_h = self.web_m_per_s = 0.0
        self.leak_m3_h = self.nitrogen_m3_s = 0.0
        self._open_door, self._relief_stuck = 0, False
        self._dead_share = v["return_dead_share"]
        self._idle_g_h = v["glove_ports"] * v["glove_idle"] + v["window_release"] + v["outgassing"]
        self._glove_g_h = v["glove_idle"] * (v["glove_used_factor"] - 1.0) + v["glove_work"]
        self._stroke_m3_s = v["glove_volume"] / v["glove_stroke"]
        self._stroke_ticks = round(v["glove_stroke"] / self.PERIOD_S)
        self._strokes: list[list[float]] = []
        self._gloves_in = self._gloves_used = 0
        self._glove_lock = False
        self._sulfide_cm3 = self._spill_kg = 0.0
        self._now_s = 0.0
        self._tick = 0
        self._start_kg = self._stored_kg()
        self._out = [0.0] * len(self.SENSORS)
        self._show_grey()
        self._show()
        self._show_fast()

    def actuate(self, values: Sequence[float]) -> None:
        """Take the PLC's outputs, in the order of ACTUATORS."""
        u = self.unit
        (
            u.want_fan,
            u.want_regeneration,
            u.want_heater,
            u.want_rotor,
            u.want_valve,
            u.want_damper,
            u.want_exhaust,
            relief,
            outer,
            inner,
            purge,
            lock,
            grey_degc,
            grey_pct,
            *_permits,
        ) = values
        box = self.box
        box.outer, box.inner, box.purging = outer > 0.5, inner > 0.5, purge > 0.5
        self._glove_lock = lock > 0.5
        opens = relief > 0.5 and not self._relief_stuck
        self.chamber.relief_m2 = self._v["relief_area"] if opens else 0.0
        self.grey.regeneration_degc = grey_degc
        self.grey.flow_share = grey_pct * 0.01

    def step(self, dt_s: float) -> None:
        """Advance by PERIOD_S (the only step this model knows)."""
        self._now_s += dt_s
        u = self.unit
        u.fast()
        net = u.makeup_m3_s - u.regeneration_m3_s - u.exhaust_m3_s
        if self.box.purging:
            net -= self.box.purge_m3_s
        if self._strokes:
            net += self._glove_flow()
        net += self.nitrogen_m3_s
        self.chamber.press(dt_s, net)
        self._tick += 1
        if self._tick % _FAST_PER_SLOW == 0:
            self._slow()
        self._show_fast()

    def sense(self) -> list[float]:
        """True values in the order of SENSORS; the list is updated in place by `step`."""
        return self._out

    def set_fault(self, name: str, level: float) -> None:
        """Set a fault's level, 0 ends it; KeyError for a name this model does not know."""
        match name:
            case "door_seal_leak":
                self.leak_m3_h = level
            case "glove_tear":
                self.chamber.tear_m2 = level * 1e-4 * self._v["tear_flow_share"]
            case "h2s_release":
                share = self._v["spill_evaporates"]
                self._spill_kg += level * share * 1e-3
                self._sulfide_cm3 += level * (1.0 - share) * self._v["h2s_per_g_water"]
            case "door_open":
                self._open_door = 1 << int(level) - 1 if level >= 1.0 else 0
            case "relief_stuck":
                self._relief_stuck = level != 0.0
            case "nitrogen_leak":
                self.nitrogen_m3_s = level / 3600.0
            case _:
                self.unit.set_fault(name, level)

    @property
    def frost_point_degc(self) -> float:
        """True frost point of the product zone."""
        return self._frost_degc

    @property
    def door_mask(self) -> int:
        """Bit k: door k+1 stands open."""
        return self.surroundings.door_mask | self._open_door

    @property
    def ppmv(self) -> float:
        """True moisture of the product zone."""
        return ppmv(self.chamber.w)

    @property
    def temp_degc(self) -> float:
        """True air temperature."""
        return self.chamber.temp_degc

    @property
    def h2s_ppm(self) -> float:
        """True hydrogen sulfide content."""
        return self.chamber.h2s_ppm

    def add_water_g(self, grams: float) -> None:
        """Set water free in the zone at once, for experiments."""
        self.chamber.w += grams * 1e-3 / self.chamber.air_kg
        self.book.into += grams * 1e-3

    def truth(self) -> dict[str, float]:
        """What only a scoring tool may read: true states, powers, integrals, balance residual."""
        c, base = self.chamber, self.baseline
        return {
            "frost_point_degc": self._frost_degc,
            "supply_frost_point_degc": frost_point_of_w(self.unit.rotor.w_out),
            "grey_frost_point_degc": self.grey.frost_point_degc,
            "ppmv": self.ppmv,
            "pressure_pa": c.pressure_pa,
            "temp_degc": c.temp_degc,
            "h2s_ppm": c.h2s_ppm,
            "power_unit_kw": self.unit.power_w * 1e-3,
            "power_grey_kw": self.grey.power_w * 1e-3,
            "power_env_kw": (self.unit.power_w + self.grey.power_w) * 1e-3,
            "power_base_kw": base.fixed.power_w * 1e-3,
            "power_base_optimised_kw": base.optimised.power_w * 1e-3,
            "power_base_two_stage_kw": base.two_stage.power_w * 1e-3,
            "baseline_frost_point_degc": base.fixed.frost_point_degc,
            "water_residual": self.water_residual(),
            **self.score.truth(),
        }

    def water_residual(self) -> float:
        """Water lost or made by the arithmetic since the start, relative to what went through."""
        gained = self._stored_kg() - self._start_kg
        moved = max(self.book.into, self.book.out, 1e-12)
        return (self.book.into - self.book.out - gained) / moved

    def _stored_kg(self) -> float:
        return self.chamber.stored_kg() + self.unit.rotor.stored_kg + self.box.stored_kg()

    def _slow(self) -> None:
        """One second of moisture, temperature, rotor and energy."""
        now = self._now_s
        around = self.surroundings
        around.step(now)
        self._move_gloves(0 if self._glove_lock else around.glove_mask)
        second = self._tick // _FAST_PER_SLOW
        doors = self.door_mask
        self.chamber.doors = doors.bit_count() if doors else 0
        room_w = self.grey.w
        m_exfiltration = self._air(room_w)
        if second % GREY_STEP_S == 0:
            self._step_grey(m_exfiltration)
        if second % DRY_ROOM_STEP_S == 0:
            heat = self.machine_heat_w + self.roll_heat_w + self._v["base_heat"]
            weather = (around.outdoor_degc, around.outdoor_w)
            self.baseline.step(around.people, heat, weather, around.hall_w)
        env = self.unit.power_w + self.grey.power_w
        b = self.baseline
        bases = (b.fixed.power_w, b.optimised.power_w, b.two_stage.power_w)
        self._show()
        self.score.add(self._frost_degc, env, self.unit.power_w, bases)

    def _air(self, room_w: float) -> float:
        """Moisture, heat and gas of chamber and unit; returns the air lost to the room, kg/s."""
        c, u, box, book = self.chamber, self.unit, self.box, self.book
        rho = AIR_KG_PER_M3
        m_s, m_r = u.supply_m3_s * rho, u.regeneration_m3_s * rho
        m_p, m_up = m_s + m_r, u.makeup_m3_s * rho
        # Make-up air the unit cannot take (fan standing) reaches the zone as it is.
        m_ret = m_p - m_up
        m_over = -m_ret if m_ret < 0.0 else 0.0
        m_ret += m_over
        leak = self.leak_m3_h + self._back_diffusion_m3_h()
        m_in = (leak / 3600.0 + c.sucked_m3) * rho + m_over
        c.sucked_m3 = 0.0
        if c.doors:
            m_in += c.doors * self._v["door_exchange"] / 3600.0 * rho
        source = self._sources()
        w_sup = u.rotor.w_out
        from_room, w_in = m_in, room_w
        if self.nitrogen_m3_s:  # bone dry
            m_in += self.nitrogen_m3_s * rho
            w_in = room_w * from_room / m_in
        mean_w = c.moisture((m_s, w_sup), (m_in, w_in), source)
        m_out = m_s + m_in - m_ret
        c.breathe((m_up - m_over + from_room) / rho, self.nitrogen_m3_s)
        purge = box.purge_m3_s * rho
        book.into += from_room * room_w + source + (m_up - m_over) * room_w
        book.out += (m_out - purge) * mean_w
        book.out += m_r * w_sup + u.rotor.released_kg_s
        box.exchange(room_w, c, book)
        w_mix, t_mix = mean_w, c.temp_degc
        if m_p > 1e-6:
            share = m_ret / m_p
            w_mix = share * mean_w + (1.0 - share) * room_w
            t_mix = share * c.temp_degc + (1.0 - share) * self.grey.temp_degc
        u.slow(m_p, w_mix, t_mix)
        heat = self.machine_heat_w
        to_air = self._v["machine_air_share"] * heat
        air_w = to_air + self.roll_heat_w + self._v["base_heat"]
        c.heat(m_s, u.supply_degc, air_w, heat - to_air, self.grey.temp_degc)
        self._sulfide(m_out / rho)
        return m_out

    def _back_diffusion_m3_h(self) -> float:
        v = self._v
        return v["slot_flow_still"] + v["slot_flow_per_speed"] * self.web_m_per_s

    def _sources(self) -> float:
        """Water set free inside the zone, kg/s."""
        v = self._v
        product = self.product_kg_per_h * v["powder_moisture"] * v["powder_release"] / 3600.0
        source = product + (self._idle_g_h + self._gloves_used * self._glove_g_h) * _G_H
        if self._spill_kg > 1e-12:
            given = self._spill_kg / v["h2s_release_tau"]
            self._spill_kg -= given
            source += given
        return source

    def _sulfide(self, out_m3_s: float) -> None:
        v = self._v
        made = v["h2s_rate"] * v["powder_exposed"] * self.ppmv / 3600.0
        if self._sulfide_cm3 > 1e-9:
            given = self._sulfide_cm3 / v["h2s_release_tau"]
            self._sulfide_cm3 -= given
            made += given
        self.chamber.sulfide(made, out_m3_s)

    def _step_grey(self, m_exfiltration: float) -> None:
        g, around = self.grey, self.surroundings
        g.out_kg_s = self.unit.makeup_m3_s * AIR_KG_PER_M3
        g.in_kg_s, g.in_w = max(m_exfiltration, 0.0), self.chamber.w
        g.extra_water_kg_s = around.grey_water_kg_s
        weather = (around.outdoor_degc, around.outdoor_w)
        g.step(GREY_STEP_S, around.people, weather, around.hall_w)
        if around.grey_forced_degc is not None:
            g.w = w_of_frost_point(around.grey_forced_degc)
        self._show_grey()

    def _move_gloves(self, wanted: int) -> None:
        """Hands go in or out: the displaced air is a pressure pulse."""
        changed = wanted ^ self._gloves_in
        if not changed:
            return
        inward = (changed & wanted).bit_count() - (changed & self._gloves_in).bit_count()
        self._gloves_in = wanted
        self._gloves_used = wanted.bit_count()
        if inward:
            self._strokes.append([inward * self._stroke_m3_s, float(self._stroke_ticks)])

    def _glove_flow(self) -> float:
        flow = 0.0
        for stroke in self._strokes:
            flow += stroke[0]
            stroke[1] -= 1.0
        self._strokes = [s for s in self._strokes if s[1] > 0.0]
        return flow

    def _show_fast(self) -> None:
        u, out = self.unit, self._out
        out[0] = self.chamber.pressure_pa
        out[1] = u.makeup_m3_s * 3600.0
        out[2] = u.damper
        out[3] = u.fan
        out[4] = u.regeneration_pct
        out[5] = u.supply_m3_s * 3600.0

    def _show(self) -> None:
        c, u, box = self.chamber, self.unit, self.box
        dp = self._frost_degc = frost_point_of_w(c.w)
        corner = frost_point_of_w(c.mean_w + self._dead_share * (c.w_dead - c.mean_w))
        supply, lock = frost_point_of_w(u.rotor.w_out), frost_point_of_w(box.w)
        self._out[6:30] = (
            dp,
            corner,
            supply,
            dp,
            c.temp_degc,
            c.h2s_ppm,
            c.oxygen_pct,
            lock,
            u.regeneration_degc,
            u.valve,
            u.rotor.regeneration_out_degc,
            u.rotor_speed,
            u.t_in,
            u.post_degc,
            u.filter_pa,
            u.power_heater_w * 1e-3,
            u.power_fan_w * 1e-3,
            u.power_cool_w * 1e-3,
            self._grey_dp_degc,
            self.grey.temp_degc,
            self.grey.power_w * 1e-3,
            self.surroundings.outdoor_degc,
            self.surroundings.outdoor_w * 1e3,
            u.pulses,
        )
        around = self.surroundings
        self._out[30:37] = (
            float(self._gloves_in),
            float(self.door_mask),
            float(around.pass_box_requests),
            1.0 if box.outer else 0.0,
            1.0 if box.inner else 0.0,
            1.0 if u.limiter_ok else 0.0,
            1.0 if around.people else 0.0,
        )

    def _show_grey(self) -> None:
        self._grey_dp_degc = self.grey.frost_point_degc
