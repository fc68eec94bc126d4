"""Sequence of the pass box: doors that are never open together, release by frost point."""

from enum import IntEnum

OUTER_OPEN_S = 20.0
PURGE_MIN_S = 30.0
PURGE_MAX_S = 20 * 60.0
RELEASED_S = 3.0
INNER_OPEN_S = 30.0


class BoxState(IntEnum):
    """Codes of the ENC.PB.STATE tag."""

    IDLE = 0
    OUTER_OPEN = 1
    PURGING = 2
    RELEASED = 3
    INNER_OPEN = 4


# State -> outer door, inner door, purge valve. No row opens both doors.
OUTPUTS: dict[BoxState, tuple[float, float, float]] = {
    BoxState.IDLE: (0.0, 0.0, 0.0),
    BoxState.OUTER_OPEN: (1.0, 0.0, 0.0),
    BoxState.PURGING: (0.0, 0.0, 1.0),
    BoxState.RELEASED: (0.0, 0.0, 0.0),
    BoxState.INNER_OPEN: (0.0, 1.0, 0.0),
}


class PassBoxSequence:
    """One item at a time: outer door, purge until released, inner door."""

    __slots__ = ("_seen", "_since_s", "state")

    def __init__(self) -> None:
        self.state = BoxState.IDLE
        self._since_s = 0.0
        self._seen: float | None = None

    def scan(self, dt_s: float, requests: float, *, allowed: bool, dry: bool) -> BoxState:
        """One step. requests: counter of wishes; allowed: the enclosure is under pressure and not
        tripped; dry: the box is below its release frost point."""
        if self._seen is None:
            self._seen = requests
        self._since_s += dt_s
        after = self._after(requests, allowed, dry)
        if after is not self.state:
            if after is BoxState.OUTER_OPEN:
                self._seen = requests
            self.state, self._since_s = after, 0.0
        return self.state

    def _after(self, requests: float, allowed: bool, dry: bool) -> BoxState:
        state, since = self.state, self._since_s
        if state is BoxState.IDLE:
            return BoxState.OUTER_OPEN if allowed and requests != self._seen else state
        if state is BoxState.OUTER_OPEN:
            return BoxState.PURGING if since >= OUTER_OPEN_S else state
        if state is BoxState.PURGING:
            if allowed and dry and since >= PURGE_MIN_S:
                return BoxState.RELEASED
            return BoxState.IDLE if since >= PURGE_MAX_S else state
        if not (allowed and dry):
            return BoxState.IDLE
        if state is BoxState.RELEASED:
            return BoxState.INNER_OPEN if since >= RELEASED_S else state
        return BoxState.IDLE if since >= INNER_OPEN_S else state
