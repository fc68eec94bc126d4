"""Energy against the baseline, integrated by the plant itself; read by scoring tools only."""

SPEC_LIMIT_DEGC = -60.0


class EnergyScore:
    """Integrals over the run, in kWh; a saving counts only seconds inside the frost-point limit."""

    def __init__(self) -> None:
        self.seconds = self.seconds_in_spec = 0
        self._env_j = self._unit_j = self._qualified_j = 0.0
        self._base_j = [0.0, 0.0, 0.0]
        self._qualified_base_j = [0.0, 0.0, 0.0]

    def add(
        self,
        frost_point_degc: float,
        env_w: float,
        unit_w: float,
        base_w: tuple[float, float, float],
    ) -> None:
        """Count one second; base_w: fixed, optimised, two-stage."""
        self.seconds += 1
        self._env_j += env_w
        self._unit_j += unit_w
        total = self._base_j
        total[0] += base_w[0]
        total[1] += base_w[1]
        total[2] += base_w[2]
        if frost_point_degc <= SPEC_LIMIT_DEGC:
            self.seconds_in_spec += 1
            self._qualified_j += env_w
            part = self._qualified_base_j
            part[0] += base_w[0]
            part[1] += base_w[1]
            part[2] += base_w[2]

    def truth(self) -> dict[str, float]:
        """Energies, qualified savings against the three baselines, share of time in the limit."""
        fixed, optimised, two_stage = (self._saving_pct(base) for base in self._qualified_base_j)
        return {
            "energy_unit_kwh": self._unit_j / 3.6e6,
            "energy_env_kwh": self._env_j / 3.6e6,
            "energy_base_kwh": self._base_j[0] / 3.6e6,
            "energy_base_optimised_kwh": self._base_j[1] / 3.6e6,
            "energy_base_two_stage_kwh": self._base_j[2] / 3.6e6,
            "saving_pct": fixed,
            "saving_optimised_pct": optimised,
            "saving_two_stage_pct": two_stage,
            "in_spec_share": self.seconds_in_spec / max(self.seconds, 1),
        }

    def _saving_pct(self, base_j: float) -> float:
        return 100.0 * (1.0 - self._qualified_j / base_j) if base_j > 0.0 else 0.0
