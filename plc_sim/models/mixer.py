"""Twin-screw mixer: powder held in three tanks, torque of a forming dough, barrel heat."""

from math import exp, pi

from plc_sim.models.fibrillation import VIRGIN, Binder, Fractions, advance

TANKS = 3


class Powder:
    """A stirred amount of powder and its history, averaged by mass.

    energy_kj_per_kg: taken up so far; forming: kf E of that history; lot: reactivity of its binder;
    dose_ppm_min: moisture met so far.
    """

    __slots__ = ("dose_ppm_min", "energy_kj_per_kg", "forming", "lot", "mass_kg")

    def __init__(self, mass_kg: float = 0.0, lot: float = 1.0) -> None:
        self.mass_kg = mass_kg
        self.energy_kj_per_kg = self.forming = self.dose_ppm_min = 0.0
        self.lot = lot

    def take(
        self, dt_s: float, inflow_kg_per_s: float, outflow_kg_per_s: float, of: "Powder"
    ) -> None:
        """Balance of mass and history over dt_s; the outflow has the state of the whole."""
        mass = self.mass_kg + (inflow_kg_per_s - outflow_kg_per_s) * dt_s
        if mass <= 0.0:
            self.mass_kg = 0.0
            return
        self.mass_kg = mass
        share = min(1.0, inflow_kg_per_s * dt_s / mass)
        self.energy_kj_per_kg += (of.energy_kj_per_kg - self.energy_kj_per_kg) * share
        self.forming += (of.forming - self.forming) * share
        self.lot += (of.lot - self.lot) * share
        self.dose_ppm_min += (of.dose_ppm_min - self.dose_ppm_min) * share

    def fractions(self, binder: Binder) -> Fractions:
        """Binder fractions of this history."""
        return advance(VIRGIN, self.forming, binder.kb * self.energy_kj_per_kg)


class Mixer:
    """Screw speed, feed and heat -> torque, temperature, powder out.

    Energy is shared out by mass: a tank's powder takes up net power over mass held up, so that at
    rest the mean energy is net power over throughput.
    """

    __slots__ = (
        "_binder",
        "_heat_pct",
        "_p",
        "_reference_kg",
        "_speed_exponent",
        "_tank_s",
        "fresh",
        "jacket_failed",
        "jacket_stuck_pct",
        "jam_nm",
        "net_w",
        "out_kg_per_s",
        "power_w",
        "screw_rpm",
        "tanks",
        "temp_degc",
        "torque_nm",
        "torque_rated_nm",
    )

    def __init__(self, p: dict[str, float], binder: Binder, temp_degc: float) -> None:
        self._p = p
        self._binder = binder
        self._tank_s = p["mixer_residence_s"] / TANKS
        self._reference_kg = p["mixer_reference_feed_kg_per_h"] / 3600.0 * p["mixer_residence_s"]
        self._speed_exponent = p["mixer_speed_exponent"]
        self.torque_rated_nm = p["mixer_torque_rated_nm"]
        self.fresh = Powder(0.0, p["lot_reactivity"])
        self.tanks = [Powder(0.0, p["lot_reactivity"]) for _ in range(TANKS)]
        self.temp_degc = temp_degc
        self._heat_pct = 0.0
        self.jacket_failed = self.jam_nm = 0.0
        self.jacket_stuck_pct: float | None = None
        self.screw_rpm = self.torque_nm = self.net_w = self.power_w = self.out_kg_per_s = 0.0

    @property
    def held_kg(self) -> float:
        """Powder in the mixer."""
        return self.tanks[0].mass_kg + self.tanks[1].mass_kg + self.tanks[2].mass_kg

    @property
    def torque_pct(self) -> float:
        """Torque over the rated torque of the gearbox."""
        return 100.0 * self.torque_nm / self.torque_rated_nm

    def turn(self) -> None:
        """Torque and power at the present speed, fill and state of the dough."""
        p = self._p
        rpm = self.screw_rpm
        if rpm < 0.5:
            self.torque_nm = self.net_w = self.power_w = 0.0
            return
        fill: float = (self.held_kg / self._reference_kg) ** p["mixer_fill_exponent"]
        _, f, b = self.tanks[1].fractions(self._binder)
        dough = 1.0 + p["mixer_fibril_stiffening"] * f - p["mixer_broken_softening"] * b
        cold = exp(-p["mixer_cold_stiffening_per_k"] * (self.temp_degc - p["mixer_reference_degc"]))
        net = p["mixer_consistency_nm"] * rpm**self._speed_exponent * fill * dough * cold
        omega = 2.0 * pi * rpm / 60.0
        self.torque_nm = p["mixer_torque_idle_nm"] + net + self.jam_nm
        self.net_w = net * omega
        self.power_w = self.torque_nm * omega

    def step(self, dt_s: float, feed_kg_per_s: float, enclosure_ppmv: float) -> None:
        """Move powder through the tanks and work on it for dt_s (about 1 s)."""
        held = self.held_kg
        specific = self.net_w / held / 1000.0 * dt_s if held > 1e-3 else 0.0  # kJ/kg
        kf_per_lot = self._binder.rate_kg_per_kj(self.temp_degc)
        wet = enclosure_ppmv * dt_s / 60.0
        turning = self.screw_rpm / 60.0
        out_share = (turning if turning < 1.0 else 1.0) / self._tank_s
        flow, source = feed_kg_per_s, self.fresh
        for tank in self.tanks:
            out = tank.mass_kg * out_share
            tank.take(dt_s, flow, out, source)
            if tank.mass_kg > 0.0:
                tank.energy_kj_per_kg += specific
                tank.forming += kf_per_lot * tank.lot * specific
                tank.dose_ppm_min += wet
            flow, source = out, tank
        self.out_kg_per_s = flow

    def heat(self, dt_s: float, heat_pct: float, room_degc: float) -> None:
        """Barrel temperature over dt_s; heat_pct: -100 (cooling) to 100 (heating)."""
        p = self._p
        if self.jacket_stuck_pct is not None:
            heat_pct = self.jacket_stuck_pct
        self._heat_pct += (heat_pct - self._heat_pct) * dt_s / p["barrel_heater_tau_s"]
        own_k = self.net_w / p["barrel_loss_w_per_k"]
        if self.jacket_failed:
            end = p["jacket_failed_degc"] + p["jacket_failed_heat_share"] * own_k
            tau_s = p["jacket_failed_tau_s"]
        else:
            u = self._heat_pct
            gain = p["barrel_heat_gain_k_per_pct" if u > 0 else "barrel_cool_gain_k_per_pct"]
            end = max(p["barrel_coolant_degc"], room_degc + gain * u + own_k)
            tau_s = p["barrel_tau_s"]
        self.temp_degc += (end - self.temp_degc) * dt_s / tau_s

    @property
    def heater_w(self) -> float:
        """Electric power of the barrel heater."""
        p = self._p
        if self._heat_pct <= 0.0 or self.jacket_failed:
            return 0.0
        return self._heat_pct * p["barrel_heat_gain_k_per_pct"] * p["barrel_loss_w_per_k"]
