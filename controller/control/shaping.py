"""Small blocks that shape a value: limit, filter, ramp, dead-band, average.

None of them can be poisoned: a value that is not a finite number leaves their state as it was.
"""

import math
from collections import deque


def clamp(value: float, low: float, high: float) -> float:
    """`value` within low .. high; not-a-number gives `low`."""
    if value >= high:
        return high
    return value if value > low else low


def deadband(error: float, width: float) -> float:
    """Zero within +-width, beyond it the error less the width: no jump at the edge."""
    if error > width:
        return error - width
    return error + width if error < -width else 0.0


class FirstOrder:
    """Low-pass with a time constant in seconds, exact for a held input and any step length."""

    __slots__ = ("_for_dt_s", "_share", "tau_s", "value")

    def __init__(self, tau_s: float, value: float = math.nan) -> None:
        self.tau_s = tau_s
        self.value = value  # not-a-number: the first input is taken over
        self._for_dt_s = -1.0
        self._share = 0.0

    def step(self, value: float, dt_s: float) -> float:
        """The filtered value after `dt_s` seconds of this input."""
        if not -math.inf < value < math.inf:
            return self.value
        if math.isnan(self.value) or self.tau_s <= 0.0:
            self.value = value
        elif dt_s > 0.0:
            if dt_s != self._for_dt_s:
                self._for_dt_s = dt_s
                self._share = -math.expm1(-dt_s / self.tau_s)
            self.value += (value - self.value) * self._share
        return self.value

    def retime(self, tau_s: float) -> None:
        """Change the time constant; the state stays."""
        self.tau_s = tau_s
        self._for_dt_s = -1.0

    def reset(self, value: float = math.nan) -> None:
        """Start again from `value`, or from the next input."""
        self.value = value


class RateLimit:
    """Follows its input no faster than the given rates (units per second, both positive)."""

    __slots__ = ("fall_per_s", "rise_per_s", "value")

    def __init__(self, rise_per_s: float, fall_per_s: float, value: float = math.nan) -> None:
        self.rise_per_s = rise_per_s
        self.fall_per_s = fall_per_s
        self.value = value  # not-a-number: the first input is taken over

    def step(self, target: float, dt_s: float) -> float:
        """The limited value after `dt_s` seconds."""
        if not -math.inf < target < math.inf:
            return self.value
        now = self.value
        if math.isnan(now):
            self.value = target
        elif target > now:
            self.value = min(target, now + self.rise_per_s * dt_s) if dt_s > 0.0 else now
        elif target < now:
            self.value = max(target, now - self.fall_per_s * dt_s) if dt_s > 0.0 else now
        return self.value


class Ramp:
    """Moves from where it stands to a target, at a rate given with the target."""

    __slots__ = ("rate_per_s", "target", "value")

    def __init__(self, value: float) -> None:
        self.value = value
        self.target = value
        self.rate_per_s = math.inf

    def to(self, target: float, rate_per_s: float) -> None:
        """Set out for `target` at `rate_per_s` (positive; infinity is a step)."""
        if math.isfinite(target) and rate_per_s > 0.0:
            self.target = target
            self.rate_per_s = rate_per_s

    def step(self, dt_s: float) -> float:
        """The value after `dt_s` seconds."""
        if self.value != self.target and dt_s > 0.0:
            reach = self.rate_per_s * dt_s
            self.value = min(max(self.target, self.value - reach), self.value + reach)
        return self.value

    def freeze(self) -> None:
        """Stay here."""
        self.target = self.value

    @property
    def done(self) -> bool:
        """True when the target is reached."""
        return self.value == self.target


class Deadband:
    """Holds its value until the input has left it by more than `width`, then takes the input."""

    __slots__ = ("value", "width")

    def __init__(self, width: float, value: float = math.nan) -> None:
        self.width = width
        self.value = value

    def step(self, value: float) -> float:
        """The held value."""
        if -math.inf < value < math.inf and not abs(value - self.value) <= self.width:
            self.value = value
        return self.value


class MovingAverage:
    """Mean over the last `window` of an axis: seconds, or metres for one turn of a roll.

    Each value stands for the stretch since the value before it. The window may change with every
    call; a longer one fills as the axis goes on. While the axis stands still nothing changes.
    Values that are not finite leave a gap; `coverage` says which share of the window is known.
    """

    __slots__ = ("_at", "_known", "_parts", "_since_exact", "_sum", "coverage", "value")

    _EXACT_EVERY = 512  # pushes after which rounding errors of the running sums are removed

    def __init__(self) -> None:
        self._parts: deque[tuple[float, float, float]] = deque()  # from, to, value
        self._at = math.nan
        self._sum = 0.0
        self._known = 0.0
        self._since_exact = 0
        self.value = math.nan  # until something is known of the window
        self.coverage = 0.0

    def push(self, at: float, value: float, window: float) -> float:
        """The mean over `window` up to `at`; not-a-number while nothing in it is known."""
        if not -math.inf < at < math.inf:
            return self.value
        if not at >= self._at:  # the first value, or the axis was set back
            self.reset()
            self._at = at
            return self.value
        if at == self._at:
            return self.value
        if -math.inf < value < math.inf:
            self._parts.append((self._at, at, value))
            self._sum += (at - self._at) * value
            self._known += at - self._at
        self._at = at
        self._forget(at - window)
        self._since_exact += 1
        if self._since_exact >= self._EXACT_EVERY:
            self._add_up()
        self.coverage = clamp(self._known / window, 0.0, 1.0) if window > 0.0 else 0.0
        self.value = self._sum / self._known if self._parts else math.nan
        return self.value

    def reset(self) -> None:
        """Forget everything."""
        self._parts.clear()
        self._at = self.value = math.nan
        self._sum = self._known = self.coverage = 0.0

    def _forget(self, start: float) -> None:
        parts = self._parts
        while parts and parts[0][1] <= start:
            begin, end, value = parts.popleft()
            self._sum -= (end - begin) * value
            self._known -= end - begin
        if parts and parts[0][0] < start:
            begin, end, value = parts[0]
            parts[0] = (start, end, value)
            self._sum -= (start - begin) * value
            self._known -= start - begin

    def _add_up(self) -> None:
        self._since_exact = 0
        self._sum = math.fsum((end - begin) * value for begin, end, value in self._parts)
        self._known = math.fsum(end - begin for begin, end, _ in self._parts)
