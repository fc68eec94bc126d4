"""Heat of two oil-heated rolls and their oil circuit. SI, temperatures in degC."""

from collections import deque
from collections.abc import Mapping


class RollHeat:
    """Lumped balance of upper roll, lower roll and oil; stepped at a fixed period of 1 s.

    The oil reaches the rolls after `oil_delay_s`. heater_share is the input, 0 to 1; heater_stuck
    takes its place while the heater cannot be switched.
    """

    __slots__ = (
        "_delay",
        "_film_share",
        "_nip_share",
        "_oil_air",
        "_oil_capacity",
        "_pump_w",
        "_rated_w",
        "_roll_air",
        "_roll_capacity",
        "_ua_lower",
        "_ua_upper",
        "electric_w",
        "heater_share",
        "heater_stuck",
        "lower_degc",
        "oil_degc",
        "to_air_w",
        "upper_degc",
    )

    def __init__(self, p: Mapping[str, float], start_degc: float) -> None:
        self._ua_upper = p["roll_oil_w_per_k"] * (1.0 - p["roll_asymmetry"])
        self._ua_lower = p["roll_oil_w_per_k"] * (1.0 + p["roll_asymmetry"])
        self._roll_air, self._oil_air = p["roll_air_w_per_k"], p["oil_air_w_per_k"]
        self._roll_capacity, self._oil_capacity = p["roll_j_per_k"], p["oil_j_per_k"]
        self._rated_w, self._pump_w = p["heater_w"], p["oil_pump_w"]
        self._nip_share = p["nip_heat_share"]
        self._film_share = 0.5  # each roll heats one side of the web
        self.upper_degc = self.lower_degc = self.oil_degc = start_degc
        self._delay = deque([start_degc] * max(1, round(p["oil_delay_s"])))
        self.heater_share = 0.0
        self.heater_stuck: float | None = None
        self.electric_w = self.to_air_w = 0.0

    def step(self, dt_s: float, rolling_w: float, film_w_per_k: float, air_degc: float) -> None:
        """Advance by dt_s. rolling_w: power of the nip; film_w_per_k: taken along by the web."""
        self._delay.append(self.oil_degc)
        arriving = self._delay.popleft()
        upper, lower = self.upper_degc, self.lower_degc
        to_upper = self._ua_upper * (arriving - upper)
        to_lower = self._ua_lower * (arriving - lower)
        nip = 0.5 * self._nip_share * rolling_w
        lost = self._roll_air + self._film_share * film_w_per_k
        self.upper_degc += (to_upper + nip - lost * (upper - air_degc)) * dt_s / self._roll_capacity
        self.lower_degc += (to_lower + nip - lost * (lower - air_degc)) * dt_s / self._roll_capacity
        share = self.heater_share if self.heater_stuck is None else self.heater_stuck
        heater_w = min(1.0, max(0.0, share)) * self._rated_w
        oil_lost = self._oil_air * (self.oil_degc - air_degc)
        self.electric_w = heater_w + (self._pump_w if heater_w > 0.0 else 0.0)
        self.oil_degc += (heater_w - to_upper - to_lower - oil_lost) * dt_s / self._oil_capacity
        self.to_air_w = self._roll_air * (upper + lower - 2.0 * air_degc) + oil_lost
