"""A batch: lines on their way, and what their delivery changes in the ledger."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from controller.core.sample import Samples
from controller.history.feed import StoredEvent
from controller.history.results import StoredTag
from controller.sinks.ledger import Refused, Step


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Lines of one origin.

    settle: writes into a step what is different once every line was taken or refused; it is told
    how many were taken.
    """

    origin: str
    lines: Sequence[str]
    settle: Callable[[Step, int], None]


@dataclass(frozen=True, slots=True)
class Delivered:
    """A batch of which every line has had its answer."""

    batch: Batch
    taken: int
    refused: tuple[Refused, ...]


class Wording(Protocol):
    """How samples and events become lines, each of which stands alone. One thread."""

    def learn(self, tags: Iterable[StoredTag]) -> None:
        """Take the tags of the store, by whose ids samples name their tag."""
        ...

    def knows(self, samples: Samples) -> bool:
        """Whether the tags of all samples were learned."""
        ...

    def samples(self, samples: Samples) -> list[str]:
        """A line for every sample."""
        ...

    def event(self, stored: StoredEvent) -> str:
        """The line of an event."""
        ...


class Source(Protocol):
    """Where a lane gets its batches. One thread; raises StoreError when the disk refuses."""

    def next(self) -> Batch | None:
        """The next batch; None when there is nothing to send now."""
        ...

    def meanwhile(self) -> None:
        """Called now and then while a batch waits for its server."""
        ...
