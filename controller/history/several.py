"""Reading several stores as one: each controller of a line writes a store of its own.

A station has one controller at a time, so at any time one store has news of a tag, but over the
weeks it may have moved: from the store of the whole line to one of a part and back. Answers are
put together by time.
"""

import difflib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.closing import Closing
from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.core.sample import Sample
from controller.history.bucketing import equal_edges
from controller.history.codec import Floats, Ints
from controller.history.query import FAR, Reader
from controller.history.results import Buckets, Series, StoredTag


class MergedReader(Closing):
    """Answers like a `Reader` for all tags and events of several stores."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Raises StoreError when one of them is not there, or foreign, or newer."""
        self._paths = tuple(paths)
        with ExitStack() as opened:
            self._readers = [opened.enter_context(Reader(path)) for path in paths]
            self._open = opened.pop_all()

    def close(self) -> None:
        """Let go of the files."""
        self._open.close()

    def tags(self) -> tuple[StoredTag, ...]:
        """All tags ever stored, each name and unit once; ids are those of the first store."""
        found: dict[tuple[str, str], StoredTag] = {}
        for reader in self._readers:
            for tag in reader.tags():
                found.setdefault((tag.name, tag.unit), tag)
        return tuple(found.values())

    def tag(self, name: str) -> StoredTag:
        """As `Reader.tag`; where stores do not agree, as the one with the newest sample has it."""
        readers = self._of(name)
        return self._newest(name, readers).tag(name)

    def span(self, tag: str) -> tuple[int, int] | None:
        """As `Reader.span`, over all stores."""
        spans = [s for reader in self._of(tag) if (s := reader.span(tag)) is not None]
        return (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else None

    def raw(self, tag: str, start_ns: int, stop_ns: int, limit: int | None = None) -> Series:
        """As `Reader.raw`, over all stores."""
        parts = [reader.raw(tag, start_ns, stop_ns, limit) for reader in self._of(tag)]
        if len(parts) == 1:
            return parts[0]
        # Beyond the last sample of a part that was cut short something may be missing.
        reached = min([int(p.time_ns[-1]) for p in parts if p.truncated], default=stop_ns)
        time_ns = np.concatenate([p.time_ns for p in parts])
        order = np.argsort(time_ns, kind="stable")
        ordered_ns = time_ns[order]
        last_of_its_time = np.append(ordered_ns[1:] != ordered_ns[:-1], True)
        order = order[last_of_its_time & (ordered_ns <= reached)]
        kept = order if limit is None else order[:limit]
        return Series(
            time_ns[kept],
            np.concatenate([p.values for p in parts])[kept],
            np.concatenate([p.quality for p in parts])[kept],
            len(kept) < len(order) or any(p.truncated for p in parts),
            sum(p.damaged for p in parts),
            tuple(sorted(t for p in parts for t in p.thinned if t.from_ns <= reached)),
        )

    def latest(self, tag: str) -> Sample | None:
        """The newest sample, whatever its quality."""
        return self.at(tag, FAR)

    def at(self, tag: str, time_ns: int) -> Sample | None:
        """As `Reader.at`, over all stores."""
        found = [s for reader in self._of(tag) if (s := reader.at(tag, time_ns)) is not None]
        return max(found, key=lambda sample: sample.time_ns, default=None)

    def buckets(
        self, tag: str, start_ns: int, stop_ns: int, n: int, *, aligned: bool = True
    ) -> Buckets:
        """As `Reader.buckets`; exact but for the bucket in which a tag moved between stores.

        There the last value of the old store is counted to the end of the bucket.
        """
        return self.buckets_between(tag, equal_edges(start_ns, stop_ns, n, aligned=aligned))

    def buckets_between(self, tag: str, edges_ns: Ints) -> Buckets:
        """As `buckets`, between edges in their order."""
        readers = self._of(tag)
        parts = [reader.buckets_between(tag, edges_ns) for reader in readers]
        if len(parts) == 1:
            return parts[0]
        start_ns = int(edges_ns[0])
        merged = _together(parts, [_time_ns(r.at(tag, start_ns)) for r in readers])
        for k in np.flatnonzero(np.sum([p.count > 0 for p in parts], axis=0) > 1).tolist():
            stop_ns = int(merged.edges_ns[k + 1]) - 1
            ends = [_time_ns(reader.at(tag, stop_ns)) for reader in readers]
            with_good = [i for i, part in enumerate(parts) if part.count[k] > 0]
            merged.first[k] = parts[min(with_good, key=ends.__getitem__)].first[k]
            merged.last[k] = parts[max(with_good, key=ends.__getitem__)].last[k]
        return merged

    def events(
        self,
        start_ns: int = -FAR,
        stop_ns: int = FAR,
        *,
        station: str | None = None,
        kind: EventKind | None = None,
        limit: int | None = None,
    ) -> list[Event]:
        """As `Reader.events`, over all stores."""
        found = [
            event
            for reader in self._readers
            for event in reader.events(start_ns, stop_ns, station=station, kind=kind, limit=limit)
        ]
        found.sort(key=lambda event: event.time_ns)
        return found if limit is None else found[-limit:]

    def damage(self) -> list[tuple[str, int, int, int, str]]:
        """As `Reader.damage`, store after store."""
        return [row for reader in self._readers for row in reader.damage()]

    def _of(self, tag: str) -> list[Reader]:
        """The stores that know a tag, in the unit it had last; StoreError when none does."""
        knowing = [reader for reader in self._readers if reader.knows(tag)]
        if not knowing:
            names = {known.name for reader in self._readers for known in reader.tags()}
            close = difflib.get_close_matches(tag, names, 3)
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            where = ", ".join(str(path) for path in self._paths)
            raise StoreError(f"{where}: no tag {tag!r} in this history{hint}")
        units = [reader.tag(tag).unit for reader in knowing]
        if len(set(units)) == 1:
            return knowing
        unit = self._newest(tag, knowing).tag(tag).unit
        return [reader for reader, its in zip(knowing, units, strict=True) if its == unit]

    def _newest(self, tag: str, readers: Sequence[Reader]) -> Reader:
        """The store with the newest sample of a tag."""
        if len(readers) == 1:
            return readers[0]
        return max(readers, key=lambda reader: _time_ns(reader.latest(tag)))


AnyReader = Reader | MergedReader


def _time_ns(sample: Sample | None) -> int:
    return -FAR if sample is None else sample.time_ns


def _together(parts: Sequence[Buckets], before_ns: Sequence[int]) -> Buckets:
    """Buckets of one tag from several stores. before_ns: newest sample of each before the window.

    In a bucket count the stores that have samples in it; where none has, the value holds that came
    last of all, which one store knows. first, last: where one store alone has Good samples.
    """
    good = np.array([p.count for p in parts])
    counts = _counting(np.array([(p.count + p.uncertain + p.bad) > 0 for p in parts]), before_ns)
    known = np.where(counts, [p.known for p in parts], 0.0)
    return replace(
        parts[0],
        minimum=np.fmin.reduce([p.minimum for p in parts]),
        maximum=np.fmax.reduce([p.maximum for p in parts]),
        mean=_weighted([p.mean for p in parts], known),
        known=np.minimum(known.sum(axis=0), 1.0),
        first=np.fmax.reduce([p.first for p in parts]),
        last=np.fmax.reduce([p.last for p in parts]),
        sample_mean=_weighted([p.sample_mean for p in parts], good),
        count=good.sum(axis=0),
        uncertain=np.sum([p.uncertain for p in parts], axis=0),
        bad=np.sum([p.bad for p in parts], axis=0),
        inexact=sum(p.inexact for p in parts),
        damaged=sum(p.damaged for p in parts),
    )


def _counting(sampled: NDArray[np.bool_], before_ns: Sequence[int]) -> NDArray[np.bool_]:
    """Which store says what held in which bucket; stores are rows, buckets columns."""
    number = np.arange(1, sampled.shape[1] + 1)
    news = np.maximum.accumulate(np.where(sampled, number, 0), axis=1)  # last bucket with samples
    age = np.argsort(np.argsort(np.array(before_ns))) - len(before_ns)  # negative: before all
    news = np.where(news > 0, news, age[:, None])
    return np.asarray(sampled | (~sampled.any(axis=0) & (news == news.max(axis=0))))


def _weighted(columns: Sequence[Floats], weights: NDArray[Any]) -> Floats:
    """Mean of the rows by weight, NaN where all weights are 0."""
    total = weights.sum(axis=0)
    values = np.where(weights > 0, columns, 0.0)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(total > 0, (values * weights).sum(axis=0) / total, np.nan))
