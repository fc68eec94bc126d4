"""Physics of the calender: mill, rolls, drives and the web from the nip to the gauge. SI inside.

The rolls are pressed by two servo-hydraulic cylinders. Between them stands the film, whose density
follows the line load. What changes fast in the roll bite (run-out) cannot move the blocks against
the friction of their guides, so the rolls' own stiffness and the film share it; what changes
slowly (roll growth) moves the blocks and is seen by the gap sensors, not by the film, unless the
gap is held.
"""

from collections.abc import Mapping, Sequence
from math import exp, pi, sin
from typing import ClassVar

import numpy as np

from plc_sim.models.calender_wiring import ACTUATORS, SENSORS
from plc_sim.models.compaction import CompactionLaw, Springback, exponential_law
from plc_sim.models.cylinders import Cylinders
from plc_sim.models.parameters import numbers
from plc_sim.models.quality import Ledger
from plc_sim.models.resistance import Resistance
from plc_sim.models.roll_heat import RollHeat
from plc_sim.models.web import Piece, Slice, Web

CELLS_PER_M = 200.0  # grid of the web behind the nip
RING = 256  # cells kept, a power of two
FAULTS = ("roll_eccentricity", "servo_stiction", "servo_stuck", "side_stuck", "oil_heater_stuck",
          "drive_slip", "bearing_drag", "web_break", "guard_open", "emergency_stop")  # fmt: skip
THREAD_POSITION = 0.5  # dancer position after leader was spliced in
SLOW_S = 1.0  # period of heat and of the slow wander
NOISE_BLOCK = 4096
TURN = 2.0 * pi


class Model:
    """One calender on its `web`.

    Inputs, set from outside: coater_m_per_s, rolls_permit, ambient_degc, guard_closed, estop_free.
    Outputs: drive_power_w, roll_heat_w (to the air around), line_m_per_s. Finished web goes into
    `ledger`. `roll_degc` is the temperature of rolls and oil at the start.
    """

    SENSORS: ClassVar[tuple[str, ...]] = SENSORS
    ACTUATORS: ClassVar[tuple[str, ...]] = ACTUATORS
    PERIOD_S: ClassVar[float] = 0.1

    __slots__ = (
        "_arm",
        "_brake",
        "_cell",
        "_contact_m",
        "_crown",
        "_drag_nm",
        "_drive_share",
        "_dt",
        "_edge_follow",
        "_elongation",
        "_enable",
        "_gauge",
        "_gauge_cells",
        "_growth",
        "_hardness",
        "_hardness_keep",
        "_hardness_kick",
        "_k_ratio",
        "_k_speed",
        "_last",
        "_law",
        "_next_noise",
        "_noise",
        "_p",
        "_per_turn",
        "_radius",
        "_ratio_wanted",
        "_ring",
        "_rng",
        "_roll_compliance",
        "_roll_degc",
        "_rolling_w",
        "_run_out",
        "_sense",
        "_slow_left",
        "_softening",
        "_span_in",
        "_span_out",
        "_springback",
        "_threading",
        "_torque_nm",
        "_trim_in",
        "_trim_out",
        "_turns",
        "_v_wanted",
        "_web_stiffness",
        "_width",
        "ambient_degc",
        "coater_m_per_s",
        "cylinders",
        "drive_power_w",
        "estop_free",
        "guard_closed",
        "heat",
        "ledger",
        "line_m_per_s",
        "meter_m",
        "ratio",
        "roll_heat_w",
        "rolls_permit",
        "tension_in_n",
        "tension_out_n",
        "thickness_m",
        "web",
    )

    def __init__(
        self,
        web: Web,
        *,
        seed: int = 0,
        parameters: Mapping[str, float] | None = None,
        law: CompactionLaw | None = None,
        ledger: Ledger | None = None,
        roll_degc: float = 22.0,
    ) -> None:
        self._p = p = numbers("calender", parameters)
        self.web = web
        self.ledger = Ledger(Resistance.of(p)) if ledger is None else ledger
        self._law = exponential_law(p) if law is None else law
        self._springback = Springback(
            p["springback_floor"], p["springback_extra"], p["springback_decay_n_per_m"]
        )
        self.heat = RollHeat(p, roll_degc)
        self.cylinders = Cylinders(p, self.PERIOD_S)
        self._rng = np.random.default_rng(seed)
        self._noise: list[float] = []
        self._next_noise = 0
        self._hardness = 1.0
        self.coater_m_per_s = 0.0
        self.rolls_permit = self.guard_closed = self.estop_free = True
        self.ambient_degc = 22.0
        self._read_parameters(p)
        self._start()

    def _read_parameters(self, p: Mapping[str, float]) -> None:
        self._width = p["film_width_m"]
        self._radius = 0.5 * p["roll_diameter_m"]
        self._per_turn = pi * p["roll_diameter_m"]
        self._roll_compliance = (1.0 - p["frame_share"]) * self._width / p["mill_n_per_m"]
        self._run_out = p["run_out_m"]
        self._drive_share, self._drag_nm = 1.0, 0.0
        self._brake = p["brake_m_per_s2"]
        self._edge_follow, self._softening = p["edge_follow"], p["shear_softening"]
        self._web_stiffness, self._elongation = p["web_stiffness_n"], p["elongation"] / 1e6
        self._span_in, self._span_out = p["span_in_m"], p["span_out_m"]
        self._arm = p["torque_arm_m"] + p["torque_friction_m"]
        self._gauge_cells = round(p["gauge_m"] * CELLS_PER_M)
        self._hardness_keep = exp(-SLOW_S / p["hardness_tau_s"])
        self._hardness_kick = p["hardness_sd"] * (1.0 - self._hardness_keep**2) ** 0.5
        self._k_speed = 1.0 - exp(-self.PERIOD_S / p["speed_tau_s"])
        self._k_ratio = 1.0 - exp(-self.PERIOD_S / p["ratio_tau_s"])
        self._dt = self.PERIOD_S

    def _set_dt(self, dt_s: float) -> None:
        self._dt = dt_s
        self._k_speed = 1.0 - exp(-dt_s / self._p["speed_tau_s"])
        self._k_ratio = 1.0 - exp(-dt_s / self._p["ratio_tau_s"])
        self.cylinders.set_dt(dt_s)

    def _start(self) -> None:
        """State after power-up: rolls open, nothing turns, leader lies in the machine."""
        first = self.web.pop(0.0)[0].slice
        thickness = first.thickness_m
        self._last: Slice | None = None
        self._gauge = (thickness, thickness, thickness, first.loading_kg_m2)
        self._ring = [self._gauge] * RING
        self._cell = 0
        self.thickness_m = thickness
        self.meter_m = self._turns = 0.0
        self.line_m_per_s = self._v_wanted = 0.0
        self.ratio = self._ratio_wanted = 1.0
        self._enable = self._threading = False
        self._contact_m = thickness
        self._trim_in = self._trim_out = 0.0
        self.tension_in_n = self.tension_out_n = self._p["dancer_n"]
        self._torque_nm = self._rolling_w = 0.0
        self.drive_power_w = self._p["standby_w"]
        self.roll_heat_w = 0.0
        self._slow_left = 0.0
        self._sense = [0.0] * len(SENSORS)
        self._slow()

    def actuate(self, wanted: Sequence[float]) -> None:
        """Take the PLC's outputs, engineering units, in the order of ACTUATORS."""
        (ds, os_, opened, v, enable, ratio, trim_in, trim_out, heater, threading) = wanted
        cylinders = self.cylinders
        cylinders.demand_ds = ds * 1e3
        cylinders.demand_os = os_ * 1e3
        cylinders.open_wanted = opened > 0.5
        self._v_wanted = v / 60.0
        self._enable = enable > 0.5
        self._ratio_wanted = ratio
        self._trim_in = trim_in * 0.01
        self._trim_out = trim_out * 0.01
        self.heat.heater_share = heater * 0.01
        self._threading = threading > 0.5

    def step(self, dt_s: float) -> None:
        """Advance by dt_s seconds."""
        if dt_s != self._dt:
            self._set_dt(dt_s)
        self.cylinders.step(dt_s)
        if self._enable:
            wanted = self._v_wanted * self._drive_share
            self.line_m_per_s += (wanted - self.line_m_per_s) * self._k_speed
            if self.line_m_per_s < 1e-5:
                self.line_m_per_s = 0.0
        elif self.line_m_per_s > 0.0:
            self.line_m_per_s = max(0.0, self.line_m_per_s - self._brake * dt_s)
        self.ratio += (self._ratio_wanted - self.ratio) * self._k_ratio
        if self.line_m_per_s > 0.0:
            for piece in self.web.pop(self.line_m_per_s * dt_s):
                self._roll(piece)
            self._tensions(dt_s)
        self._slow_left -= dt_s
        if self._slow_left < 1e-9:
            self._slow_left += SLOW_S
            self._slow()

    def _roll(self, piece: Piece) -> None:
        """A piece of web goes through the nip and moves what lies between nip and gauge."""
        web = piece.slice
        length = piece.length_m
        self._turns = turns = (self._turns + length / self._per_turn) % 1.0
        cylinders = self.cylinders
        if cylinders.opening_m > 0.0:
            centre = side_ds = side_os = self._contact_m = web.thickness_m
        else:
            ds, os_ = cylinders.ds_n_per_m, cylinders.os_n_per_m
            load = 0.5 * (ds + os_)
            density, slope = self._law.density(
                load,
                self._roll_degc,
                web.density_kg_m3,
                self._hardness * (1.0 - self._softening * (self.ratio - 1.0)),
            )
            springback = self._springback.share(load)
            in_nip = web.loading_kg_m2 / density
            mean = in_nip * (1.0 + springback)
            film = mean * slope / density  # compliance, m per N/m
            share = film / (film + self._roll_compliance)
            centre = mean + share * self._run_out * sin(TURN * turns) - self._crown
            edge = 1.0 + self._edge_follow * (web.edge_loading_kg_m2 / web.loading_kg_m2 - 1.0)
            side = centre * edge + 1.5 * self._crown
            tilt = 0.5 * film * (ds - os_)
            side_ds, side_os = side - tilt, side + tilt
            self._contact_m = in_nip - self._roll_compliance * load
        self.thickness_m = centre
        self.meter_m += length
        self._lay((centre, side_ds, side_os, web.loading_kg_m2))
        dose = 0.0
        if web is not self._last:
            self._last = web
            dose = self.web.dose_ppm_min(web)
        self.ledger.add(web, piece.start_m, length, centre, dose)

    def _lay(self, profile: tuple[float, float, float, float]) -> None:
        """Lay a profile on the grid behind the nip and read the cell under the gauge."""
        last = int(self.meter_m * CELLS_PER_M)
        cell = self._cell
        if cell == last:
            return
        ring = self._ring
        while cell < last:
            cell += 1
            ring[cell % RING] = profile
        self._cell = cell
        self._gauge = ring[(cell - self._gauge_cells) % RING]

    def _tensions(self, dt_s: float) -> None:
        """Strain that enters a span spreads with time constant length / speed."""
        if self.web.torn:
            self.tension_in_n = self.tension_out_n = 0.0
            return
        v_dt = self.line_m_per_s * dt_s
        load = 0.5 * (self.cylinders.ds_n_per_m + self.cylinders.os_n_per_m)
        stiffness = self._web_stiffness
        t_in = self.tension_in_n
        t_out = self.tension_out_n
        goal_out = t_in + stiffness * (self._trim_out - self._elongation * load)
        goal_in = self._p["dancer_n"] + stiffness * self._trim_in
        t_in += (goal_in - t_in) * v_dt / self._span_in
        t_out += (goal_out - t_out) * v_dt / self._span_out
        self.tension_in_n = t_in if t_in > 0.0 else 0.0
        self.tension_out_n = t_out if t_out > 0.0 else 0.0

    def _slow(self) -> None:
        """Once a second: torque and power, heat of rolls and oil, wander of the film, threading."""
        p, heat, cylinders = self._p, self.heat, self.cylinders
        force = 0.5 * (cylinders.ds_n_per_m + cylinders.os_n_per_m) * self._width
        moment = self._arm + p["torque_slip"] * abs(self.ratio - 1.0) * self._radius
        turning = self.line_m_per_s > 0.0
        idle_nm = p["torque_idle_nm"] + self._drag_nm
        self._torque_nm = idle_nm + force * moment if turning else 0.0
        self._rolling_w = self._torque_nm * self.line_m_per_s / self._radius
        pump_w = p["pump_w"] if self._enable else 0.0
        self.drive_power_w = p["standby_w"] + pump_w + self._rolling_w / p["drive_efficiency"]
        heat.step(SLOW_S, self._rolling_w, self._film_w_per_k(), self.ambient_degc)
        self.roll_heat_w = heat.to_air_w
        self._roll_degc = 0.5 * (heat.upper_degc + heat.lower_degc)
        self._growth = p["growth_m_per_k"] * (self._roll_degc - p["growth_zero_degc"])
        self._crown = p["crown_share"] * self._growth
        if self._next_noise >= len(self._noise):
            self._noise = self._rng.standard_normal(NOISE_BLOCK).tolist()
            self._next_noise = 0
        kick = self._hardness_kick * self._noise[self._next_noise]
        self._next_noise += 1
        self._hardness = 1.0 + self._hardness_keep * (self._hardness - 1.0) + kick
        if self._threading:
            if self.web.torn:
                self.web.torn = False
                self.tension_in_n = self.tension_out_n = p["dancer_n"]
            if self.coater_m_per_s <= 0.0:
                self.web.splice_leader(THREAD_POSITION)

    def _film_w_per_k(self) -> float:
        """Heat flow that the web takes along, per K between roll and web."""
        if self._last is None or self.cylinders.opening_m > 0.0:
            return 0.0
        mass_kg_s = self._last.loading_kg_m2 * self._width * self.line_m_per_s
        return mass_kg_s * self._p["film_heat_j_per_kg_k"]

    def sense(self) -> list[float]:
        """True values in the order of SENSORS; the list is used again by the next call."""
        out = self._sense
        heat, cylinders = self.heat, self.cylinders
        thickness, side_ds, side_os, loading = self._gauge
        out[:] = (
            cylinders.ds_n_per_m * 1e-3,
            cylinders.os_n_per_m * 1e-3,
            (self._contact_m + self._growth + cylinders.opening_m) * 1e6,
            self.line_m_per_s * 60.0,
            self.ratio,
            heat.upper_degc,
            heat.lower_degc,
            heat.oil_degc,
            thickness * 1e6,
            side_ds * 1e6,
            side_os * 1e6,
            loading * 100.0,
            self._turns * 360.0,
            self.tension_in_n,
            self.tension_out_n,
            self._torque_nm * 100.0 / self._p["torque_rated_nm"],
            self.guard_closed * 1.0,
            self.estop_free * 1.0,
            self.rolls_permit * 1.0,
            self.meter_m,
            self.web.position * 100.0,
            (self.drive_power_w + heat.electric_w) * 1e-3,
        )
        return out

    def set_fault(self, name: str, level: float) -> None:
        """Switch a fault of the physics: level in the unit of the fault table, 0 ends it."""
        match name:
            case "roll_eccentricity":
                self._run_out = level * 1e-6 if level else self._p["run_out_m"]
            case "servo_stiction" | "servo_stuck" | "side_stuck":
                self.cylinders.set_fault(name, level * 1e3)
            case "oil_heater_stuck":
                self.heat.heater_stuck = 0.01 * level or None
            case "drive_slip":
                self._drive_share = 1.0 + 0.01 * level
            case "bearing_drag":
                self._drag_nm = 0.01 * level * self._p["torque_rated_nm"]
            case "web_break":
                self.web.torn = self.web.torn or level != 0.0
            case "guard_open":
                self.guard_closed = level == 0.0
            case "emergency_stop":
                self.estop_free = level == 0.0
            case _:
                raise LookupError(f"calender has no fault {name!r}; faults: {', '.join(FAULTS)}")

    def truth(self) -> dict[str, float]:
        """What no instrument shows, engineering units, for scoring."""
        return {
            "thickness_um": self.thickness_m * 1e6,
            "thickness_at_gauge_um": self._gauge[0] * 1e6,
            "load_n_per_mm": 5e-4 * (self.cylinders.ds_n_per_m + self.cylinders.os_n_per_m),
            "roll_degc": self._roll_degc,
            "roll_growth_um": self._growth * 1e6,
            "run_out_um": self._run_out * 1e6,
            "hardness": self._hardness,
            "rolling_w": self._rolling_w,
            "web_content_m": self.web.content_m,
            "finished_m": float(len(self.ledger.metres)),
        }
