"""DeadTime: a value arrives later, by seconds or by metres of web."""

import math
from collections import deque

CAPACITY = 8192  # changes under way at once; 13 minutes at 10 a second


class DeadTime:
    """First in, first out along an axis that only grows.

    With the metre counter as axis it is the web itself: the value pushed at a metre arrives when
    that metre has travelled the distance, whatever the speed did meanwhile, and waits while the web
    stands. With plant time as axis the delay may change from call to call, but what has arrived
    does not leave again: when the delay grows faster than time, the output holds. A pushed value
    that is not a number travels through as the gap it is. An axis that is set back empties the line
    and keeps the output.
    """

    __slots__ = ("_at", "_waiting", "value")

    def __init__(self, value: float) -> None:
        self.value = value  # what arrives until the first pushed value does
        self._at = -math.inf
        self._waiting: deque[tuple[float, float]] = deque()

    def push(self, at: float, value: float, delay: float) -> float:
        """Send `value` off at `at`; returns what has arrived that was sent `delay` earlier."""
        waiting = self._waiting
        if not -math.inf < at < math.inf:
            return self.value
        if at < self._at:
            waiting.clear()
        if at == self._at and waiting and waiting[-1][0] == at:
            waiting[-1] = (at, value)
        elif not waiting or waiting[-1][1] != value:
            waiting.append((at, value))
        self._at = at
        if math.isnan(delay):
            return self.value
        due = at - max(delay, 0.0)
        while waiting and waiting[0][0] <= due:
            self.value = waiting.popleft()[1]
        if len(waiting) > CAPACITY:
            self.value = waiting.popleft()[1]
        return self.value

    def reset(self, value: float) -> None:
        """Empty the line and fill it with `value`."""
        self._waiting.clear()
        self._at = -math.inf
        self.value = value

    def __len__(self) -> int:
        return len(self._waiting)
