"""What the API counts of itself, for /metrics."""

from collections import Counter


class Counts:
    """Plain numbers; read as they stand."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()  # method, class of status
        self.frames = 0
        self.frame_bytes = 0
        self.encoded = 0  # frames that were made; the others were made for somebody else
        self.sockets_refused = 0
        self.conflated = 0  # as of a window's `Pace`, of windows that went
        self.stalls = 0
        self.closed: Counter[int] = Counter()  # WebSockets by close code

    def request(self, method: str, status: int) -> None:
        """One answer."""
        known = method if method in ("GET", "POST", "PUT", "DELETE") else "other"
        self.requests[known, f"{status // 100}xx"] += 1
