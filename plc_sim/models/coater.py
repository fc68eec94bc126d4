"""Physics of the coater: powder feed, mixer, three shear nips, film, lamination.

Powder: feeder -> mixer -> wedge above the forming nip -> film. The nips take what gap and line
speed ask for; the wedge is the buffer between feed and film, a weir returns what is too much.
Mass is conserved (`truth()["mass_error_kg"]`).

The film starts to exist when powder goes through the closed nip and is continuous while speed,
powder and gap last; after two metres it reaches gauge and lamination. It breaks when its stress
exceeds half of its strength.
"""

from collections.abc import Mapping, Sequence
from math import exp, sqrt
from typing import ClassVar

from plc_sim.models.coater_heat import ROLLS, HeatedRoll, LaminationRoll
from plc_sim.models.coater_nips import NipStack
from plc_sim.models.coater_web import FilmMemory, Gauge, InferredIndex, Span
from plc_sim.models.feeder import Feeder
from plc_sim.models.fibrillation import VIRGIN, Binder, advance
from plc_sim.models.mixer import Mixer
from plc_sim.models.noise import Noise
from plc_sim.models.parameters import numbers
from plc_sim.models.resistance import Resistance

SLOW_STEPS = 5  # powder, heat and quality advance in turn, once a second each
INDEX_STEPS = 50
AT_REST_M_PER_S = 1e-4


class Model:
    """The coater station; see the module docstring. PERIOD_S is the only valid step.

    Inputs set by the coupler: feed_permit, rolls_permit, emergency_stop, buffer_permit (1 or 0,
    hard-wired into the PLC), enclosure_ppmv, enclosure_temp_degc. Outputs for the coupler:
    drive_power_w (shaft and motor losses), roll_heat_w (hot surfaces to air), powder_kg_per_h,
    line_m_per_s, and of the web made in the last step: made_m (line, with or without film) and
    made_* (all 0 without film).
    """

    PERIOD_S: ClassVar[float] = 0.2
    SENSORS: ClassVar[tuple[str, ...]] = (
        "hopper_kg",
        "screw_rpm",
        "torque_pct",
        "barrel_degc",
        "roll1_degc",
        "roll2_degc",
        "roll3_degc",
        "oil1_degc",
        "oil2_degc",
        "oil3_degc",
        "line_m_per_min",
        "ratio",
        "gap_um",
        "nip_power_w",
        "load_centre",
        "load_edge",
        "film_um",
        "lamination_degc",
        "lamination_n_per_mm",
        "film_n",
        "foil_n",
        "meter_m",
        "power_kw",
        "wedge_mm",
        "fibrillation_index",
        "film_present",
        "nip_closed",
        "feed_permit",
        "rolls_permit",
        "emergency_stop",
        "buffer_permit",
    )
    ACTUATORS: ClassVar[tuple[str, ...]] = (
        "feeder_pct",
        "refill",
        "screw_rpm",
        "barrel_pct",
        "oil1_pct",
        "oil2_pct",
        "oil3_pct",
        "lamination_pct",
        "lamination_n_per_mm",
        "line_m_per_min",
        "brake",
        "ratio",
        "gap_um",
        "nip_open",
        "film_trim_pct",
        "foil_trim_pct",
    )

    def __init__(self, seed: int = 1, parameters: Mapping[str, float] | None = None) -> None:
        p = self._p = numbers("coater", parameters)
        self._binder, self._resistance = Binder.of(p), Resistance.of(p)
        noise = self._noise = Noise(seed)
        self.feed_permit = self.rolls_permit = self.buffer_permit = 1.0
        self.emergency_stop = 0.0
        self.enclosure_ppmv = 5.0
        self.enclosure_temp_degc = room = 22.0
        self.feeder = Feeder(p, noise)
        self.mixer = Mixer(p, self._binder, room)
        self.nips = NipStack(p, noise)
        self.rolls = [HeatedRoll(p, room) for _ in range(ROLLS)]
        self.lamination = LaminationRoll(p, room)
        self.film = Span(p["film_stiffness_n"], p["span_m"], p["film_draw_sd"], noise)
        self.foil = Span(p["foil_stiffness_n"], p["span_m"], p["foil_draw_sd"], noise)
        self._memory = FilmMemory(p["span_m"])
        self._gauge = Gauge(p, self.PERIOD_S, noise)
        self._index = InferredIndex(p, noise)
        self._bulk = 0.0
        self._span_m = p["span_m"]
        self._edge_share = self._gauge.edge_share
        self._brake = p["brake_m_per_s2"]
        self._line_share = 1.0 - exp(-self.PERIOD_S / p["line_tau_s"])
        self._screw_share = 1.0 - exp(-self.PERIOD_S / p["screw_tau_s"])
        self.film_m = 0.0  # length of the continuous film
        self.broken = False
        self._making = False  # film leaves the nip
        self._winder_draw_pct = 0.0
        self.meter_m = self.fed_kg = 0.0
        self._dose_kg = 0.0  # fed since the powder was last moved on
        self.binder = VIRGIN
        self.strength_mpa = self._binder.strength_mpa(0.0, 0.0)
        self._break_n = 0.0
        self.drive_power_w = self.roll_heat_w = self.powder_kg_per_h = self.line_m_per_s = 0.0
        self.made_m = self.made_loading_mg_per_cm2 = self.made_edge_loading = 0.0
        self.made_u = self.made_f = self.made_b = 0.0
        self.made_density_g_per_cm3 = self.made_film_um = self.made_strength_mpa = 0.0
        self._u = [0.0] * len(self.ACTUATORS)
        self._u[self.ACTUATORS.index("ratio")] = 1.0
        self._u[self.ACTUATORS.index("nip_open")] = 1.0
        self._sense = [0.0] * len(self.SENSORS)
        self._count = 0
        self._slow = (self._move_powder, self._heat, self._judge_film, self._disturb)

    def actuate(self, values: Sequence[float]) -> None:
        """Take the outputs of the PLC, in the order of ACTUATORS."""
        self._u[:] = values

    def set_fault(self, name: str, level: float) -> None:
        """Set a fault; level 0 ends it. KeyError for an unknown name.

        feeder_bridging, jacket_failure: on or off. ptfe_lot: reactivity of the powder fed from
        now on. roll_friction: change of the nip shear stress in %, reached within an hour; 0:
        rolls cleaned. web_break: tears the film now; a new thread mends it.
        """
        match name:
            case "feeder_bridging":
                self.feeder.bridging = level
            case "ptfe_lot":
                self.mixer.fresh.lot = level or self._p["lot_reactivity"]
            case "jacket_failure":
                self.mixer.jacket_failed = level
            case "roll_friction":
                self.nips.wear(level)
            case "web_break":
                self.broken = self.broken or level != 0.0
            case "jacket_stuck":
                self.mixer.jacket_stuck_pct = level or None
            case "mixer_jam":
                self.mixer.jam_nm = 0.01 * level * self.mixer.torque_rated_nm
            case "roll_growth":
                self.nips.growth_um = level
            case "winder_draw":
                self._winder_draw_pct = level
            case "refill_empty":
                self.feeder.store_empty = level != 0.0
            case "emergency_stop":
                self.emergency_stop = level
            case _:
                raise KeyError(name)

    def step(self, dt_s: float) -> None:
        """Advance by PERIOD_S."""
        k = self._count = self._count + 1
        phase = k % SLOW_STEPS
        if phase:
            self._slow[phase - 1](dt_s * SLOW_STEPS)
        elif k % INDEX_STEPS == 0:
            self._index.renew(self.binder.f if self.film_m > 0.0 else 0.0)
        u = self._u
        feeder = self.feeder
        feeder.step(dt_s, u[0], u[1] > 0.5)
        self._dose_kg += feeder.flow_kg_per_s * dt_s
        mixer = self.mixer
        mixer.screw_rpm += (u[2] - mixer.screw_rpm) * self._screw_share
        v = self.line_m_per_s
        if u[10] > 0.5:
            v -= self._brake * dt_s
        else:
            v += (u[9] / 60.0 - v) * self._line_share
        self.line_m_per_s = v = v if v > AT_REST_M_PER_S else 0.0
        self.nips.drive(dt_s, u[11], u[12], u[13] > 0.5)
        self._move_web(dt_s, v * dt_s, u)

    def _move_web(self, dt_s: float, way_m: float, u: list[float]) -> None:
        """Film, foil and gauges over way_m."""
        nips = self.nips
        self.made_m = way_m
        self.meter_m += way_m
        if nips.form(dt_s, way_m) and not self.broken:
            self.film_m += way_m
            if not self._making:
                self._making = True
                self._show_binder()
            self.made_loading_mg_per_cm2 = loading = nips.loading
            self.made_edge_loading = loading * self._edge_share
            self.made_density_g_per_cm3 = nips.density
            self.made_film_um = nips.height_um
            self._memory.push(way_m, loading, nips.height_um)
            if self.film_m > self._span_m:
                self.film.step(way_m, 0.01 * (u[14] + self._winder_draw_pct))
                if self.film.tension_n > self._break_n:
                    self.broken = True
        else:
            self._no_film(way_m)
        self.foil.step(way_m, 0.01 * u[15])
        self._gauge.step(self._memory.at_gauge[0])

    def _no_film(self, way_m: float) -> None:
        """No film comes out: what there was has ended, unless it only stands still.

        Where the line stands with open rolls, old film is taken out and a tear is mended.
        """
        opened = not self.nips.closed
        if self.broken or opened or way_m > 0.0:
            self.film_m = self.film.tension_n = 0.0
        if opened and way_m == 0.0:
            self.broken = False
            self._memory.clear()
        if way_m > 0.0:
            self._memory.push(way_m, 0.0, 0.0)
        if self._making:
            self._making = False
            self.made_loading_mg_per_cm2 = self.made_edge_loading = self.made_strength_mpa = 0.0
            self.made_u = self.made_f = self.made_b = 0.0
            self.made_density_g_per_cm3 = self.made_film_um = 0.0

    def _show_binder(self) -> None:
        self.made_u, self.made_f, self.made_b = self.binder
        self.made_strength_mpa = self.strength_mpa

    def _move_powder(self, dt_s: float) -> None:
        mixer = self.mixer
        self.fed_kg += self._dose_kg
        mixer.step(dt_s, self._dose_kg / dt_s, self.enclosure_ppmv)
        self._dose_kg = 0.0
        mixer.turn()
        self.nips.fill(dt_s, mixer.out_kg_per_s, mixer.tanks[-1])
        self.powder_kg_per_h = 3600.0 * self.feeder.flow_kg_per_s

    def _heat(self, dt_s: float) -> None:
        """Temperatures, heater and drive powers."""
        p, u, room = self._p, self._u, self.enclosure_temp_degc
        mixer, nips, lamination = self.mixer, self.nips, self.lamination
        mixer.heat(dt_s, u[3], room)
        share_w = nips.power_w / ROLLS
        hot_k = lamination.temp_degc - room
        for roll, pct in zip(self.rolls, u[4:7], strict=True):
            roll.step(dt_s, pct, share_w, room)
            hot_k += roll.temp_degc - room
        lamination.step(dt_s, u[7], u[8], room)
        self.roll_heat_w = p["roll_air_w_per_k"] * hot_k
        idle_w = p["roll_drive_idle_nm"] * self.line_m_per_s / p["roll_radius_m"]
        shaft_w = mixer.power_w + nips.power_w + idle_w
        self.drive_power_w = shaft_w / p["drive_efficiency"]

    def _judge_film(self, dt_s: float) -> None:
        """Binder state, strength and breaking force of the film that is made now."""
        wedge, nips = self.nips.wedge, self.nips
        roll_degc = sum(roll.temp_degc for roll in self.rolls) / ROLLS
        nips.wander(dt_s, roll_degc)
        energy = nips.energy_kj_per_kg
        law, p = self._binder, self._p
        kf = law.rate_kg_per_kj(roll_degc, wedge.lot)
        self.binder = state = advance(wedge.fractions(law), kf * energy, law.kb * energy)
        self.strength_mpa = law.strength_mpa(state.f, state.b)
        section_mm2 = p["film_width_m"] * nips.height_um
        if self._making:
            self._show_binder()
        self._break_n = p["break_share"] * self.strength_mpa * section_mm2

    def _disturb(self, dt_s: float) -> None:
        """Random walks with return: bulk density, draw of film and foil."""
        p = self._p
        share = dt_s / p["bulk_density_tau_s"]
        step = self._noise.draw() * p["bulk_density_sd"] * sqrt(2.0 * share)
        self._bulk += step - self._bulk * share
        self.feeder.bulk = self.nips.bulk = 1.0 + self._bulk
        self.film.disturb(dt_s, p["draw_tau_s"])
        self.foil.disturb(dt_s, p["draw_tau_s"])

    def _electric_kw(self) -> float:
        heaters = self.mixer.heater_w + self.lamination.heater_w
        for roll in self.rolls:
            heaters += roll.heater_w
        return (heaters + self.drive_power_w + self._p["auxiliary_w"]) / 1000.0

    def sense(self) -> list[float]:
        """True values in the order of SENSORS; the same list every time."""
        s, rolls, mixer, nips = self._sense, self.rolls, self.mixer, self.nips
        at_gauge = self._memory.at_gauge
        s[:] = (
            self.feeder.hopper_kg,
            mixer.screw_rpm,
            100.0 * mixer.torque_nm / mixer.torque_rated_nm,
            mixer.temp_degc,
            rolls[0].temp_degc,
            rolls[1].temp_degc,
            rolls[2].temp_degc,
            rolls[0].oil_degc,
            rolls[1].oil_degc,
            rolls[2].oil_degc,
            self.line_m_per_s * 60.0,
            nips.ratio,
            nips.gap_um,
            nips.power_w,
            self._gauge.centre,
            self._gauge.edge,
            at_gauge[1],
            self.lamination.temp_degc,
            self.lamination.load_n_per_mm,
            self.film.tension_n,
            self.foil.tension_n,
            self.meter_m,
            self._electric_kw(),
            nips.level_mm,
            self._index.value,
            1.0 if self.film_m > self._span_m else 0.0,
            1.0 if nips.closed else 0.0,
            self.feed_permit,
            self.rolls_permit,
            self.emergency_stop,
            self.buffer_permit,
        )
        return s

    def peel_n_per_m(self) -> float:
        """Peel strength of film on foil at the present lamination temperature and load."""
        p = self._p
        off = (self.lamination.temp_degc - p["peel_best_degc"]) / p["peel_width_k"]
        pressed = 1.0 - exp(-self.lamination.load_n_per_mm / p["peel_load_n_per_mm"])
        return p["peel_max_n_per_m"] * pressed * exp(-0.5 * off * off)

    def truth(self) -> dict[str, float]:
        """What only a scoring tool may see."""
        wedge, nips, mixer, state = self.nips.wedge, self.nips, self.mixer, self.binder
        held = mixer.held_kg + wedge.mass_kg
        asr = self._resistance.asr_ohm_cm2
        return {
            "u": state.u,
            "f": state.f,
            "b": state.b,
            "asr_ohm_cm2": asr(state.u, state.b, dose_ppm_min=wedge.dose_ppm_min),
            "asr_dry_ohm_cm2": asr(state.u, state.b),
            "strength_mpa": self.strength_mpa,
            "peel_n_per_m": self.peel_n_per_m(),
            "loading_mg_per_cm2": self.made_loading_mg_per_cm2,
            "edge_loading_mg_per_cm2": self.made_edge_loading,
            "film_um": nips.height_um,
            "density_g_per_cm3": nips.density,
            "e_mix_kj_per_kg": wedge.energy_kj_per_kg,
            "e_nip_kj_per_kg": nips.energy_kj_per_kg,
            "mixer_degc": mixer.temp_degc,
            "mixer_net_w": mixer.net_w,
            "friction": nips.friction,
            "lot_reactivity": wedge.lot,
            "bulk_density": nips.bulk,
            "feed_kg_per_h": self.powder_kg_per_h,
            "web_kg_per_h": 36.0 * self.line_m_per_s * self._p["film_width_m"] * nips.loading,
            "wedge_mm": nips.level_mm,
            "dose_ppm_min": wedge.dose_ppm_min,
            "returned_kg": nips.returned_kg,
            "coated_kg": nips.coated_kg,
            "film_m": self.film_m,
            "mass_error_kg": self.fed_kg - nips.coated_kg - nips.returned_kg - held,
        }
