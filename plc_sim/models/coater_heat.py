"""Heated bodies of the coater: three forming rolls on oil circuits, the lamination roll."""

ROLLS = 3


class HeatedRoll:
    """A roll on its own oil circuit: heater -> oil -> pipe -> steel."""

    __slots__ = ("_p", "_pipe_degc", "heater_w", "oil_degc", "temp_degc")

    def __init__(self, p: dict[str, float], temp_degc: float) -> None:
        self._p = p
        self.settle(temp_degc)
        self.heater_w = 0.0

    def settle(self, temp_degc: float) -> None:
        """Steel and oil at one temperature, as after hours."""
        self.oil_degc = self._pipe_degc = self.temp_degc = temp_degc

    def step(self, dt_s: float, heater_pct: float, nip_w: float, room_degc: float) -> None:
        """Advance by dt_s; nip_w: shear heat that goes into this roll."""
        p = self._p
        end = room_degc + p["oil_gain_k_per_pct"] * heater_pct
        self.oil_degc += (end - self.oil_degc) * dt_s / p["oil_tau_s"]
        self._pipe_degc += (self.oil_degc - self._pipe_degc) * dt_s / p["oil_pipe_tau_s"]
        own_k_per_s = nip_w / p["roll_capacity_j_per_k"]
        self.temp_degc += dt_s * (
            (self._pipe_degc - self.temp_degc) / p["roll_tau_s"] + own_k_per_s
        )
        self.heater_w = heater_pct / 100.0 * p["oil_heater_w"]


class LaminationRoll:
    """The electrically heated lamination roll and its line load."""

    __slots__ = ("_p", "heater_w", "load_n_per_mm", "temp_degc")

    def __init__(self, p: dict[str, float], temp_degc: float) -> None:
        self._p = p
        self.temp_degc = temp_degc
        self.load_n_per_mm = self.heater_w = 0.0

    def step(self, dt_s: float, heater_pct: float, load_n_per_mm: float, room_degc: float) -> None:
        """Advance temperature and load by dt_s."""
        p = self._p
        end = room_degc + p["lamination_gain_k_per_pct"] * heater_pct
        self.temp_degc += (end - self.temp_degc) * dt_s / p["lamination_tau_s"]
        share = min(1.0, dt_s / p["lamination_load_tau_s"])
        self.load_n_per_mm += (load_n_per_mm - self.load_n_per_mm) * share
        self.heater_w = heater_pct / 100.0 * p["lamination_heater_w"]
