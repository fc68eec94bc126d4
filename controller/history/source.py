"""Where history is read from: the local stores, or a server that a sink has filled.

Screens, reports, exports and scripts ask a `HistorySource` and never a store.
"""

from typing import Protocol

from controller.core.event import Event, EventKind
from controller.core.sample import Sample
from controller.history.codec import Ints
from controller.history.results import Buckets, Series, StoredTag

BEGINNING = -(2**62)
END = 2**62


class HistorySource(Protocol):
    """Answers about samples and events. Times are UTC nanoseconds, windows half-open.

    Every call raises StoreError when the source cannot answer, or when no tag has that name.
    """

    def close(self) -> None:
        """Let go of files and connections."""
        ...

    def tags(self) -> tuple[StoredTag, ...]:
        """All tags that have ever been stored."""
        ...

    def tag(self, name: str) -> StoredTag:
        """The tag of a name: of several units the one that was used last."""
        ...

    def span(self, tag: str) -> tuple[int, int] | None:
        """Times of the oldest and newest sample; None when there are none."""
        ...

    def raw(self, tag: str, start_ns: int, stop_ns: int, limit: int | None = None) -> Series:
        """The samples of a window, oldest first, at most `limit`."""
        ...

    def buckets(
        self, tag: str, start_ns: int, stop_ns: int, n: int, *, aligned: bool = True
    ) -> Buckets:
        """Aggregates of a window in n buckets; aligned: edges may move to where it is cheaper."""
        ...

    def buckets_between(self, tag: str, edges_ns: Ints) -> Buckets:
        """Aggregates of the stretches between edges in their order, which stay as they are."""
        ...

    def at(self, tag: str, time_ns: int) -> Sample | None:
        """The newest sample not after a time, whatever its quality."""
        ...

    def latest(self, tag: str) -> Sample | None:
        """The newest sample, whatever its quality."""
        ...

    def events(
        self,
        start_ns: int = BEGINNING,
        stop_ns: int = END,
        *,
        station: str | None = None,
        kind: EventKind | None = None,
        limit: int | None = None,
    ) -> list[Event]:
        """Events of a window in time order; with a limit the newest ones."""
        ...
