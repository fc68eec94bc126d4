"""Run-out of a roll, found in a reading of the web: a lock-in on the roll angle."""

from math import cos, hypot, pi, sin

MEMORY_TURNS = 4.0


class RunOut:
    """Amplitude of a thickness at roll frequency, over the last few turns."""

    __slots__ = ("_cos", "_mean", "_sin")

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget everything."""
        self._mean = 0.0
        self._sin = self._cos = 0.0

    def scan(self, thickness_um: float, angle_deg: float, turns: float) -> None:
        """One reading, `turns` of the roll after the last one."""
        gain = turns / MEMORY_TURNS
        if self._mean == 0.0:
            self._mean = thickness_um
        ripple = thickness_um - self._mean
        self._mean += gain * ripple
        angle = angle_deg * (pi / 180.0)
        self._sin += gain * (ripple * sin(angle) - self._sin)
        self._cos += gain * (ripple * cos(angle) - self._cos)

    @property
    def amplitude_um(self) -> float:
        """Of the line in the thickness."""
        return 2.0 * hypot(self._sin, self._cos)
