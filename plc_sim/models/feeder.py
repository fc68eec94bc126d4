"""Loss-in-weight powder feeder: dosing screw, hopper on scales, refill, bridging."""

from plc_sim.models.noise import Noise


class Feeder:
    """Screw speed -> powder flow; the hopper's weight is what a scale would show, noise-free.

    bridging: 1 while powder bridges above the screw, which runs empty. store_empty: a refill brings
    no powder. bulk: density of the
    powder over its mean, follows from outside.
    """

    __slots__ = (
        "_bridge_recovery_s",
        "_bridge_tau_s",
        "_disturbance",
        "_full_kg",
        "_gain",
        "_noise",
        "_refill_error",
        "_refill_error_sd",
        "_refill_error_tau_s",
        "_refill_rate",
        "_refilling",
        "_ripple",
        "_ripple_sd",
        "_supply",
        "_tau_s",
        "bridging",
        "bulk",
        "flow_kg_per_s",
        "hopper_kg",
        "refilled_kg",
        "speed_pct",
        "store_empty",
    )

    def __init__(self, p: dict[str, float], noise: Noise) -> None:
        self._noise = noise
        self._gain = p["feeder_gain_kg_per_h_per_pct"] / 3600.0
        self._tau_s = p["feeder_tau_s"]
        self._ripple_sd = 3.0 * p["feeder_noise"]  # first-order noise of 1 s: sd at 0.2 s steps
        self._refill_rate = p["refill_rate_kg_per_s"]
        self._full_kg = p["refill_full_kg"]
        self._refill_error = p["refill_error"]
        self._refill_error_sd = p["refill_error_sd_share"] * p["refill_error"]
        self._refill_error_tau_s = p["refill_error_tau_s"]
        self._bridge_tau_s = p["bridge_tau_s"]
        self._bridge_recovery_s = p["bridge_recovery_tau_s"]
        self.bridging = 0.0
        self.store_empty = False
        self.bulk = 1.0
        self.flow_kg_per_s = self.speed_pct = self.refilled_kg = 0.0
        self.hopper_kg = self._full_kg
        self._supply = 1.0
        self._disturbance = self._ripple = 0.0
        self._refilling = False

    def step(self, dt_s: float, wanted_pct: float, refill: bool) -> None:
        """Advance by dt_s at a wanted screw speed with the refill valve open or closed."""
        self.speed_pct += (wanted_pct - self.speed_pct) * dt_s / (self._tau_s + 0.5 * dt_s)
        self._ripple += (self._noise.draw() * self._ripple_sd - self._ripple) * dt_s
        if refill and not self._refilling:
            draw = self._noise.draw() * self._refill_error_sd
            self._disturbance = max(-self._refill_error, min(self._refill_error, draw))
        self._refilling = refill
        if refill:
            if self.hopper_kg < self._full_kg and not self.store_empty:
                self.hopper_kg += self._refill_rate * dt_s
                self.refilled_kg += self._refill_rate * dt_s
        elif self._disturbance:
            self._disturbance -= self._disturbance * dt_s / self._refill_error_tau_s
        target = 0.0 if self.bridging else 1.0
        tau_s = self._bridge_tau_s if self.bridging else self._bridge_recovery_s
        self._supply += (target - self._supply) * dt_s / tau_s
        flow = self._gain * self.speed_pct * self.bulk * self._supply
        flow *= 1.0 + self._disturbance + self._ripple
        if flow < 0.0 or self.hopper_kg <= 0.0:
            flow = 0.0
        self.hopper_kg -= flow * dt_s
        self.flow_kg_per_s = flow
