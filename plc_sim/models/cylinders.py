"""The two servo-hydraulic cylinders that press the rolls together or open them. SI."""

from collections.abc import Mapping
from math import exp

from plc_sim.instruments import Stiction


class Cylinders:
    """Line load of drive side and operator side, and the opening of the rolls.

    Load follows the demand with the lag of the cylinder once the rolls touch the film; the servo
    valve sticks. Inputs: demand_ds, demand_os in N/m, open_wanted. stuck_ds, stuck_os: line load at
    which a servo valve stands whatever is asked of it; opening has a valve of its own.
    """

    __slots__ = (
        "_close_rate",
        "_gain_ds",
        "_gain_os",
        "_k_load",
        "_k_release",
        "_limit_m",
        "_nominal_band",
        "_open_rate",
        "_release_tau",
        "_stick_ds",
        "_stick_os",
        "_tau",
        "demand_ds",
        "demand_os",
        "ds_n_per_m",
        "open_wanted",
        "opening_m",
        "os_n_per_m",
        "stuck_ds",
        "stuck_os",
    )

    def __init__(self, p: Mapping[str, float], dt_s: float) -> None:
        self._gain_ds, self._gain_os = p["gain_ds"], p["gain_os"]
        self._nominal_band = p["stiction_n_per_m"]
        self._stick_ds, self._stick_os = Stiction(self._nominal_band), Stiction(self._nominal_band)
        self._limit_m = p["open_m"]
        self._open_rate, self._close_rate = p["open_m_per_s"], p["close_m_per_s"]
        self._tau, self._release_tau = p["load_tau_s"], p["release_tau_s"]
        self.demand_ds = self.demand_os = 0.0
        self.ds_n_per_m = self.os_n_per_m = 0.0
        self.stuck_ds: float | None = None
        self.stuck_os: float | None = None
        self.open_wanted = True
        self.opening_m = self._limit_m
        self.set_dt(dt_s)

    def set_dt(self, dt_s: float) -> None:
        """Prepare for another step length."""
        self._k_load = 1.0 - exp(-dt_s / self._tau)
        self._k_release = exp(-dt_s / self._release_tau)

    def set_stiction(self, band_n_per_m: float) -> None:
        """Band of both servo valves; 0 or less: the nominal one."""
        band = band_n_per_m if band_n_per_m > 0.0 else self._nominal_band
        self._stick_ds.band = self._stick_os.band = band

    def set_fault(self, name: str, n_per_m: float) -> None:
        """Set a fault of the servo valves in N/m, 0 ends it."""
        if name == "servo_stiction":
            self.set_stiction(n_per_m)
            return
        self.stuck_ds = n_per_m or None
        if name == "servo_stuck":
            self.stuck_os = self.stuck_ds

    def step(self, dt_s: float) -> None:
        """Advance by dt_s."""
        if self.open_wanted or self.opening_m > 0.0:
            self._travel(dt_s)
            return
        k = self._k_load
        ds, os_ = self.ds_n_per_m, self.os_n_per_m
        to_ds, to_os = self.stuck_ds, self.stuck_os
        if to_ds is None:
            to_ds = self._gain_ds * self._stick_ds.move(self.demand_ds)
        if to_os is None:
            to_os = self._gain_os * self._stick_os.move(self.demand_os)
        self.ds_n_per_m = ds + (to_ds - ds) * k
        self.os_n_per_m = os_ + (to_os - os_) * k

    def _travel(self, dt_s: float) -> None:
        if self.open_wanted:
            self.opening_m = min(self._limit_m, self.opening_m + self._open_rate * dt_s)
        else:
            self.opening_m = max(0.0, self.opening_m - self._close_rate * dt_s)
        self.ds_n_per_m *= self._k_release
        self.os_n_per_m *= self._k_release
        self._stick_ds.position = self._stick_os.position = 0.0
