"""A batch: lines on their way, and what their delivery changes in the ledger."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

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


class Source(Protocol):
    """Where a lane gets its batches. One thread; raises StoreError when the disk refuses."""

    def next(self) -> Batch | None:
        """The next batch; None when there is nothing to send now."""
        ...

    def meanwhile(self) -> None:
        """Called now and then while a batch waits for its server."""
        ...
