"""Desiccant rotor: a semi-physical outlet model without iteration inside a step.

Desiccant that leaves the regeneration sector is in equilibrium with the hot regeneration air; the
process air approaches that equilibrium with a number of transfer units. Heat carried round by
the matrix, the load of the matrix and the leak of the seals spoil it. The
range above 1 g/kg is fitted to a published wheel benchmark (EnergyPlus default
desiccant curve, Worek); frost points below -40 degC rest on the equilibrium rule.
"""

from collections.abc import Mapping
from math import exp, log

from plc_sim.models.humidity import ATMOSPHERE_PA, WATER_TO_AIR, water_pressure_log

AIR_CP = 1006.0  # J/(kg K)
AIR_KG_PER_M3 = 1.2
SMALLEST_W = 1e-7  # kg/kg, about -88 degC frost point: nothing in this plant is drier


class Rotor:
    """One rotor; SI units, humidity in kg/kg, temperatures in degC.

    face_m2: area of the process sector. transport_s, lag_revolutions: dead time and lag of the
    outlet humidity. Results stand in the attributes after `step`: `w_out`, `process_out_degc`,
    `regeneration_out_degc`, `carry_w` (heat the matrix takes from the regeneration air, W),
    `recovered_w` (the part purge air brings back to the regeneration side, W), `released_kg_s`
    (water into the regeneration air), `stored_kg` (water in the matrix relative to the start).
    """

    __slots__ = (
        "_b0",
        "_b1",
        "_capacity_kg",
        "_delay",
        "_exponent",
        "_face_m2",
        "_h",
        "_knee",
        "_lag",
        "_lag_key",
        "_lag_revs",
        "_matrix_j_k",
        "_ntu_m_s",
        "_purge",
        "_slot",
        "_target",
        "_tau",
        "carry_w",
        "process_out_degc",
        "recovered_w",
        "regeneration_out_degc",
        "released_kg_s",
        "residence_s",
        "seal_leak",
        "stored_kg",
        "utilisation",
        "w_out",
    )

    def __init__(
        self,
        v: Mapping[str, float],
        *,
        face_m2: float,
        depth_m: float,
        w_start: float,
        dt_s: float,
        rev_per_h: float = 4.0,
    ) -> None:
        whole_m2 = face_m2 * 360.0 / v["rotor_process_sector"]
        mass = whole_m2 * depth_m * v["rotor_matrix_density"]
        self._face_m2 = face_m2
        self._matrix_j_k = mass * v["rotor_matrix_heat"]
        self._capacity_kg = mass * v["rotor_capacity"]
        self._ntu_m_s = v["rotor_ntu_200mm"] * depth_m / 0.2 * 2.0
        self._b0, self._b1 = v["rotor_cooling_share"], v["rotor_load_share"]
        self._knee = v["rotor_load_knee"]
        self._exponent = v["rotor_heat_ratio"]
        self._h = v["rotor_heat_ratio"] * v["evaporation_heat"]
        self._purge = v["rotor_purge_recovery"]
        self.seal_leak = v["rotor_seal_leak"]
        self._lag_revs = v["rotor_lag_revolutions"]
        self._delay = [log(w_start)] * max(1, round(v["rotor_transport"] / dt_s))
        self._slot = 0
        self._target = self.w_out = w_start
        self.residence_s = 3600.0 / rev_per_h
        self._lag_key = (0.0, 0.0)
        self._lag = self._tau = 0.0
        self.process_out_degc = self.regeneration_out_degc = 20.0
        self.carry_w = self.recovered_w = self.released_kg_s = 0.0
        self.stored_kg = self.utilisation = 0.0

    def step(
        self,
        dt_s: float,
        process: tuple[float, float, float],
        regeneration: tuple[float, float, float],
        rev_per_h: float,
    ) -> float:
        """Advance by dt_s; returns the outlet humidity.

        process: kg/s, kg/kg, degC at the inlet. regeneration: kg/s, kg/kg, degC behind the heater.
        A standing rotor (0 rev/h) keeps its state and fills up slowly.
        """
        m_p, w_in, t_in = process
        rev_s = rev_per_h / 3600.0
        # The time since the matrix was regenerated: 1/N when turning, growing when it stands.
        self.residence_s += dt_s * (1.0 - rev_s * self.residence_s)
        target = self._outlet(m_p if m_p > 1e-4 else 1e-4, w_in, t_in, regeneration, rev_s)
        ring, k = self._delay, self._slot
        arrived = ring[k]
        ring[k] = log(target)
        self._slot = k + 1 if k + 1 < len(ring) else 0
        tau = self._lag_revs * self.residence_s
        if abs(tau - self._tau) > 0.001 * tau or dt_s != self._lag_key[0]:
            self._tau, self._lag, self._lag_key = tau, 1.0 - exp(-dt_s / tau), (dt_s, tau)
        w_out = self.w_out
        taken = m_p * (w_in - w_out)
        self.stored_kg += (taken - self.released_kg_s) * dt_s
        self.released_kg_s += (taken - self.released_kg_s) * self._lag
        now = log(w_out)
        self.w_out = exp(now + (arrived - now) * self._lag)
        return self.w_out

    def _outlet(
        self,
        m_p: float,
        w_in: float,
        t_in: float,
        regeneration: tuple[float, float, float],
        rev_s: float,
    ) -> float:
        """Outlet humidity the present inputs lead to, from the last step's water load."""
        m_r, w_r, t_reg = regeneration
        m_r = max(m_r, 0.004 * m_p)
        rise = t_reg - t_in
        rise = max(rise, 1.0)
        water = m_p * (w_in - self._target)
        matrix = self._matrix_j_k * rev_s
        load = matrix + water * self._h / rise
        ratio = m_r * AIR_CP / load if load > 1.0 else m_r * AIR_CP
        eps = ratio / (1.0 + ratio**2.5) ** 0.4
        t_hot = t_in + eps * rise
        carry = matrix * (t_hot - t_in)
        heat = water * self._h
        t_po = t_in + (heat + (1.0 - self._purge) * carry) / (m_p * AIR_CP)
        t_ro = t_reg - (carry + eps * heat) / (m_r * AIR_CP)
        # Where a flow has stopped, the heat balance alone would leave the range of the inlets.
        t_po = min(t_po, t_hot + 30.0)
        t_ro = max(t_ro, t_in)
        use = water * self.residence_s / self._capacity_kg
        use = max(use, 0.0)
        share = self._b0 + self._b1 * use / (use + self._knee)
        t_eff = t_hot - share * (t_hot - t_ro)
        lift = exp(self._exponent * (water_pressure_log(t_po) - water_pressure_log(t_eff)))
        w_eff = w_r + share * water / m_r
        p_eq = (ATMOSPHERE_PA * w_eff / (WATER_TO_AIR + w_eff) if w_eff > 0.0 else 0.0) * lift
        w_eq = WATER_TO_AIR * p_eq / (ATMOSPHERE_PA - p_eq) if p_eq < 20000.0 else 0.15
        reach = (1.0 - exp(-self._ntu_m_s * self._face_m2 * AIR_KG_PER_M3 / m_p)) / (1 + use * use)
        leak = self.seal_leak
        found = (1.0 - leak) * (w_in - reach * (w_in - w_eq)) + leak * w_in
        # The solution is approached over the calls. A higher load heats the outlet and wets the
        # regeneration air, so a full step would overshoot: the more, the less regeneration air.
        gain = reach * lift * share * m_p / m_r
        target = self._target + 0.4 * (found - self._target) / (1.0 + gain)
        self._target = target if target > SMALLEST_W else SMALLEST_W
        self.carry_w, self.recovered_w = carry, self._purge * carry
        self.process_out_degc, self.regeneration_out_degc = t_po, t_ro
        self.utilisation = use
        return self._target
