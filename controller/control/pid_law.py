"""The two PID laws a loop can be built on. The only place that imports simple-pid.

Both know P and I and nothing else: their output is kp * error + integral, `rest` is what the loop
adds to it (feed-forward, derivative). The error already carries the direction of action.
"""

import math
from typing import Protocol

from simple_pid import PID

from controller.control.pid_config import Algorithm


class Law(Protocol):
    """What a loop needs of a law."""

    @property
    def integral(self) -> float: ...

    def tune(self, kp: float, ki: float) -> None: ...

    def seat(self, integral: float) -> None: ...

    def step(self, error: float, dt_s: float, rest: float, low: float, high: float) -> float: ...


class SimplePidLaw:
    """simple-pid without limits of its own; the integral never grows while that only saturates."""

    __slots__ = ("_ki", "_pid")

    def __init__(self) -> None:
        self._ki = 0.0
        # Every call brings its own dt, so the clock it insists on may stand still (float() is 0.0).
        self._pid = PID(0.0, 0.0, 0.0, setpoint=0.0, sample_time=None, time_fn=float)

    @property
    def integral(self) -> float:
        return self._pid.components[1]

    def tune(self, kp: float, ki: float) -> None:
        self._ki = ki
        self._pid.Kp = kp
        self._pid.Ki = ki

    def seat(self, integral: float) -> None:
        self._pid.set_auto_mode(False)  # simple-pid takes an integral only on the way to automatic
        self._pid.set_auto_mode(True, integral)

    def step(self, error: float, dt_s: float, rest: float, low: float, high: float) -> float:
        """The output before limits, with the part of the step that pushes further out undone."""
        demand = (self._pid(-error, dt=dt_s) or 0.0) + rest  # None only in its manual mode
        if low <= demand <= high:
            return demand
        grown = self._ki * error * dt_s
        if demand > high:
            excess = min(grown, demand - high) if grown > 0.0 else 0.0
        else:
            excess = max(grown, demand - low) if grown < 0.0 else 0.0
        if excess != 0.0:
            self.seat(self._pid.components[1] - excess)
        return demand - excess


class BackCalculationLaw:
    """The integral is led back by what the limits cut off, with the integral time as constant."""

    __slots__ = ("_ki", "_kp", "_reset_per_s", "integral")

    def __init__(self) -> None:
        self._kp = 0.0
        self._ki = 0.0
        self._reset_per_s = 0.0
        self.integral = 0.0

    def tune(self, kp: float, ki: float) -> None:
        self._kp = kp
        self._ki = ki
        # Without a proportional part any excess would be pure delay: lead it back at once.
        self._reset_per_s = ki / kp if kp > 0.0 else math.inf

    def seat(self, integral: float) -> None:
        self.integral = integral

    def step(self, error: float, dt_s: float, rest: float, low: float, high: float) -> float:
        """The output before limits."""
        integral = self.integral + self._ki * error * dt_s
        demand = self._kp * error + integral + rest
        if not low <= demand <= high:
            limit = high if demand > high else low
            back = (limit - demand) * min(1.0, dt_s * self._reset_per_s)
            integral += back
            demand += back
        self.integral = integral
        return demand


LAWS: dict[Algorithm, type[SimplePidLaw] | type[BackCalculationLaw]] = {
    Algorithm.SIMPLE_PID: SimplePidLaw,
    Algorithm.BACK_CALCULATION: BackCalculationLaw,
}
