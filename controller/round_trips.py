"""Round trips: how long the PLC takes to confirm what is written to it, last and of a minute."""

SECONDS = 60


class RoundTrips:
    """The last round trip, and the longest of the last minute: one number a second is kept.

    Times are link seconds. What is older than a minute is forgotten; both are 0 after a minute
    without any.
    """

    __slots__ = ("_last_s", "_second", "_worst_s")

    def __init__(self) -> None:
        self._worst_s = [0.0] * SECONDS
        self._second = 0
        self._last_s = 0.0

    def add(self, took_s: float, now_s: float) -> None:
        """Count a round trip that ended now."""
        self._forget(now_s)
        place = self._second % SECONDS
        self._worst_s[place] = max(self._worst_s[place], took_s)
        self._last_s = took_s

    def figures(self, now_s: float) -> tuple[float, float]:
        """The last and the longest, in seconds."""
        self._forget(now_s)
        worst_s = max(self._worst_s)
        return (self._last_s, worst_s) if worst_s > 0.0 else (0.0, 0.0)

    def _forget(self, now_s: float) -> None:
        second = int(now_s)
        for old in range(max(self._second + 1, second - SECONDS + 1), second + 1):
            self._worst_s[old % SECONDS] = 0.0
        self._second = max(self._second, second)
