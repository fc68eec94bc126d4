"""The PI block of the simulated PLCs, written apart from the controller's on purpose.

Two equal mistakes on both sides of the wire would cancel each other in every test.
"""


class PlcPi:
    """Position-form PI with back-calculated integral; `reverse` True: output falls when PV rises.

    gain: output per unit of PV; ti_s > 0; the caller keeps the period (`dt_s`).
    """

    __slots__ = ("gain", "high", "integral", "low", "out", "ti_s")

    def __init__(
        self, gain: float, ti_s: float, low: float, high: float, *, reverse: bool = True
    ) -> None:
        self.gain = gain if reverse else -gain
        self.ti_s = ti_s
        self.low = low
        self.high = high
        self.integral = low
        self.out = low

    def reset(self, out: float) -> None:
        """Start again from an output, without a bump."""
        self.integral = self.out = min(self.high, max(self.low, out))

    def scan(self, dt_s: float, sp: float, pv: float, ff: float = 0.0) -> float:
        """One step; `ff` is added to the output."""
        p = self.gain * (sp - pv) + ff
        i = self.integral + self.gain * (sp - pv) * dt_s / self.ti_s
        u = p + i
        if u > self.high:
            u = self.high
            i = min(i, max(self.integral, u - p))
        elif u < self.low:
            u = self.low
            i = max(i, min(self.integral, u - p))
        self.integral = i
        self.out = u
        return u
