"""How a sink is, as a small file that its process writes every second and anybody may read."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from controller.sinks.condition import State

STALE_S = 5.0  # a status older than this is that of a process which is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkStatus:
    """Figures of one sink.

    link_s: monotonic wall time of the machine when this was true. queue: samples that wait;
    age_s: how old the oldest of them is, 0 when none waits; live_s: the same, backfill left aside;
    events_queue: events that wait. The rest as in Totals.
    """

    name: str
    state: State = State.OFF
    reason: str = ""
    link_s: float = 0.0
    queue: int = 0
    age_s: float = 0.0
    live_s: float = 0.0
    events_queue: int = 0
    sent: int = 0
    events_sent: int = 0
    retried: int = 0
    quarantined: int = 0
    dropped: int = 0

    def write(self, path: Path) -> None:
        """Replace the file, whole or not at all. Raises OSError."""
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)), encoding="utf-8")
        fresh.replace(path)


def read_status(path: Path, name: str, now_link_s: float) -> SinkStatus:
    """The status of a sink; state OFF when nobody keeps it up to date."""
    known = {field.name for field in fields(SinkStatus)}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found = {key: value for key, value in found.items() if key in known}
        status = SinkStatus(**found | {"state": State(found["state"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return SinkStatus(name=name, reason="has not run yet")
    if abs(now_link_s - status.link_s) <= STALE_S:
        return status
    left = {**asdict(status), "state": State.OFF, "reason": "its process does not run"}
    return SinkStatus(**left)
