"""Bounded queues in front of the disk: what does not fit drops the oldest, counted exactly."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from controller.core.sample import Samples
from controller.history.exception_filter import concatenate


@dataclass(slots=True)
class Loss:
    """Samples and events that were dropped: how many, and between which source times."""

    samples: int = 0
    events: int = 0
    from_ns: int = 0
    to_ns: int = 0

    def __bool__(self) -> bool:
        return self.samples + self.events > 0

    def samples_lost(self, n: int, from_ns: int, to_ns: int) -> None:
        """Count samples that were dropped."""
        self._stretch(from_ns, to_ns)
        self.samples += n

    def events_lost(self, n: int, time_ns: int) -> None:
        """Count events that were dropped."""
        self._stretch(time_ns, time_ns)
        self.events += n

    def add(self, other: "Loss") -> None:
        """Count another loss too."""
        if other:
            self._stretch(other.from_ns, other.to_ns)
            self.samples += other.samples
            self.events += other.events

    def _stretch(self, from_ns: int, to_ns: int) -> None:
        self.from_ns = min(self.from_ns, from_ns) if self else from_ns
        self.to_ns = max(self.to_ns, to_ns) if self else to_ns


class Backlog:
    """Batches of samples in order, at most `limit` samples. Not for several threads at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._batches: deque[Samples] = deque()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, samples: Samples, loss: Loss) -> None:
        """Take a batch; what no longer fits at the old end is dropped and added to `loss`."""
        if not len(samples):
            return
        self._batches.append(samples)
        self._size += len(samples)
        while self._size > self._limit:
            self._drop(self._size - self._limit, loss)

    def take(self) -> Samples:
        """Everything as one batch; the backlog is empty then."""
        batch = self.peek()
        self.clear()
        return batch

    def peek(self) -> Samples:
        """Everything as one batch, which stays."""
        batch = concatenate(self._batches)
        if len(self._batches) > 1:
            self._batches = deque((batch,))
        return batch

    def clear(self) -> None:
        """Forget everything: it is stored."""
        self._batches.clear()
        self._size = 0

    def _drop(self, excess: int, loss: Loss) -> None:
        oldest = self._batches.popleft()
        n = min(excess, len(oldest))
        gone = oldest.time_ns[:n]
        loss.samples_lost(n, int(np.min(gone)), int(np.max(gone)))
        self._size -= n
        if n < len(oldest):
            rest = Samples(
                oldest.tags[n:], oldest.values[n:], oldest.quality[n:], oldest.time_ns[n:]
            )
            self._batches.appendleft(rest)
