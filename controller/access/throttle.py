"""How fast anybody may guess: at most ten tries a minute for each account, whoever makes them.

The ten are dealt out by where a try comes from, so that nobody can lock others out: four for the
consoles of the control room, four for addresses from which this user has logged in before, two for
all others together. Within its share each failure doubles the wait. A console is never stopped by
what its address did, only slowed by its own failures on an account. Every other address has a
limit of its own over all accounts, and unknown addresses have one together, so that a flood of
guesses cannot keep the hashing thread busy. A name that no user has is treated like any other.

Kept in memory: the longest wait is a minute, so a restart gives nothing away worth storing.
"""

import ipaddress
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

WINDOW_S = 60.0
ADDRESS_TRIES = 20
STRANGE_TRIES = 120
TOLD_FAILURES = 30  # records of failed logins from other places than consoles, a minute
MAX_KEYS = 10_000
MAX_NAME = 64


class Origin(Enum):
    """Where a try comes from."""

    CONSOLE = "console"
    PROVEN = "proven"
    UNKNOWN = "unknown"


TRIES = MappingProxyType({Origin.CONSOLE: 4, Origin.PROVEN: 4, Origin.UNKNOWN: 2})


@dataclass(slots=True)
class _Bucket:
    """Tries of the last minute, and failures in a row. free: failures that cost no wait."""

    tries: int
    free: int = 0
    times: deque[float] = field(default_factory=deque)
    failures: int = 0

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next try."""
        while self.times and self.times[0] <= now_s - WINDOW_S:
            self.times.popleft()
        wait = 0.0
        if len(self.times) >= self.tries:
            wait = self.times[-self.tries] + WINDOW_S - now_s
        if self.failures > self.free and self.times:
            doubled = 2.0 ** min(self.failures - self.free - 1, 16)
            wait = max(wait, self.times[-1] + min(doubled, WINDOW_S / self.tries) - now_s)
        return max(wait, 0.0)

    def take(self, now_s: float) -> None:
        """Count a try as a failure: others that come before its result must not profit."""
        self.times.append(now_s)
        self.failures += 1

    @property
    def idle(self) -> bool:
        """Forgetting it changes nothing."""
        return not self.times and not self.failures


class _Buckets:
    """Buckets by key, as many as memory is given for; the longest untouched one goes first."""

    def __init__(self) -> None:
        self._all: OrderedDict[tuple[str, Origin | None], _Bucket] = OrderedDict()

    def of(self, key: str, origin: Origin | None, tries: int, free: int = 0) -> _Bucket:
        place = (key[:MAX_NAME], origin)
        bucket = self._all.get(place)
        if bucket is None:
            bucket = self._all[place] = _Bucket(tries, free)
            if len(self._all) > MAX_KEYS:
                self._all.popitem(last=False)
        self._all.move_to_end(place)
        return bucket


class Throttle:
    """Says how long to wait before a password, a code or an invitation is looked at."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._accounts, self._addresses = _Buckets(), _Buckets()
        self._strange = _Bucket(STRANGE_TRIES, free=2**31)
        self._told: deque[float] = deque()
        self._untold = 0
        self.held_back = 0  # tries that were not looked at

    def admit(self, account: str, address: str, origin: Origin, now_s: float) -> float:
        """Seconds to wait; 0.0: go on, and it counts as a failure until `succeeded`.

        now_s: of a clock that nobody can set.
        """
        with self._turn:
            buckets = self._of(account, address, origin)
            wait = max(bucket.wait_s(now_s) for bucket in buckets)
            if wait > 0.0:
                self.held_back += 1
                return wait
            for bucket in buckets:
                bucket.take(now_s)
            return 0.0

    def succeeded(self, account: str, address: str, origin: Origin) -> None:
        """The try was right. An address is forgiven this one only: who has an account of his own
        could otherwise guess at others between two logins."""
        with self._turn:
            own, *others = self._of(account, address, origin)
            own.failures = 0
            for bucket in others:
                bucket.failures = max(0, bucket.failures - 1)

    def failures_to_tell(self, origin: Origin, now_s: float) -> int:
        """How many failures a record of this one shall speak of; 0: make none now.

        A flood of guesses must not fill the audit trail; what is held back is counted in the next.
        """
        with self._turn:
            while self._told and self._told[0] <= now_s - WINDOW_S:
                self._told.popleft()
            if origin is Origin.UNKNOWN and len(self._told) >= TOLD_FAILURES:
                self._untold += 1
                return 0
            self._told.append(now_s)
            count, self._untold = self._untold + 1, 0
            return count

    def _of(self, account: str, address: str, origin: Origin) -> list[_Bucket]:
        buckets = [self._accounts.of(account, origin, TRIES[origin])]
        if origin is not Origin.CONSOLE:
            buckets.append(self._addresses.of(network_of(address), None, ADDRESS_TRIES, free=5))
        if origin is Origin.UNKNOWN:
            buckets.append(self._strange)
        return buckets


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the first 64 bits, which is what one customer has."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)
