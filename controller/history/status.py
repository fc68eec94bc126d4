"""Settings and counters of the historian."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorianSettings:
    """How the history is kept.

    queue_samples, queue_events: what may wait in memory for the disk. seal_samples, seal_per_tag,
    seal_interval_s: the journal is sealed when it holds that many samples and, on average, that
    many of each tag, or when it is that old (wall time). Queries read the journal of their window
    whole, sealing a few samples a tag at a time rewrites chunks too often.
    raw_days, ten_s_days, minute_days: age until which raw samples, ten-second and one-minute
    roll-ups stay, the last 0 for ever; none ends before the one above it. max_bytes: size of the
    file above which all of that goes earlier, 0 for no limit; the outbox does not count.
    outbox_bytes: what may wait on disk for sinks, beyond it the oldest goes unsent.
    round_values: store values in steps of the tag's resolution, which makes them small.
    """

    commit_interval_s: float = 0.5
    queue_samples: int = 2_000_000
    queue_events: int = 100_000
    seal_samples: int = 600_000
    seal_per_tag: int = 300
    seal_interval_s: float = 600.0
    raw_days: float = 30.0
    ten_s_days: float = 365.0
    minute_days: float = 0.0
    max_bytes: int = 0
    outbox_bytes: int = 2**31
    round_values: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorianStatus:
    """What the historian has done, and how it is.

    accepted = stored + filtered + dropped + queued + held, in samples. accepted: taken by
    `record`; stored: durable; filtered: suppressed for good by the exception filter; dropped: lost
    because the disk did not take them; queued: waiting; held: suppressed but kept back in case a
    step follows. failing: the last commit failed, `error` says why. outbox_share: how full the
    outbox is, 1 at its limit. disk_free: bytes that the disk has left, NaN when not known.
    """

    accepted: int = 0
    stored: int = 0
    filtered: int = 0
    dropped: int = 0
    queued: int = 0
    held: int = 0
    events_stored: int = 0
    events_dropped: int = 0
    events_queued: int = 0
    commits: int = 0
    commit_ms: float = 0.0
    failures: int = 0
    failing: bool = False
    error: str = ""
    journal_samples: int = 0
    seals: int = 0
    quarantined: int = 0
    used_bytes: int = 0
    outbox_share: float = 0.0
    disk_free: float = math.nan
    running: bool = False
