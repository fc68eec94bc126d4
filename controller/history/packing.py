"""Packing: from samples of single tags to chunk rows, those with the same times at once.

What came in one message or one poll has one time. Tags that were always sampled together then have
equal columns of times, which are stored once, and all of them are scaled and rolled up in one call
of numpy instead of one each.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from controller.history.codec import Columns, EncodedTimes, Ints, TimeCodec, encode_time
from controller.history.rows import ChunkRow, pack_chunk, pack_chunks
from controller.history.shared_times import SHARED_FROM, TimesRow, pack_times

MOST_WAITING = 65_536  # samples: a call of numpy for so many takes 0.1 to 0.2 ms


class Rule(NamedTuple):
    """What sealing needs to know of a tag."""

    resolution: float
    hold_ns: int


@dataclass(slots=True)
class _Together:
    """Samples of tags at the same times, by rule."""

    time_ns: Ints
    tags: dict[Rule, list[tuple[int, Columns]]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(map(len, self.tags.values()))


class Packer:
    """Makes chunk rows, and rows of the times they share, of samples that are added."""

    def __init__(self, chunks: list[ChunkRow], times: list[TimesRow]) -> None:
        """The lists are those that the rows are put into."""
        self._chunks = chunks
        self._times = times
        self._met: dict[int, bool] = {}  # numbers of columns of times: whether they are shared
        self._waiting: dict[tuple[int, int, int], list[_Together]] = {}
        self._samples = 0

    def add(self, tag: int, columns: Columns, rule: Rule) -> None:
        """Sorted, non-empty samples of one tag that are to become one chunk."""
        time_ns = columns.time_ns
        like = self._waiting.setdefault((len(time_ns), int(time_ns[0]), int(time_ns[-1])), [])
        for group in like:
            if np.array_equal(group.time_ns, time_ns):
                break
        else:
            group = _Together(time_ns)
            like.append(group)
        group.tags.setdefault(rule, []).append((tag, columns))
        self._samples += len(time_ns)
        if self._samples >= MOST_WAITING:
            self.finish()

    def finish(self) -> None:
        """Make rows of all that was added."""
        for groups in self._waiting.values():
            for group in groups:
                self._pack(group)
        self._waiting.clear()
        self._samples = 0

    def _pack(self, group: _Together) -> None:
        times = self._shared(group)
        for rule, members in group.tags.items():
            if times.codec is not TimeCodec.SHARED and (
                len(members) == 1 or len(group.time_ns) < 2
            ):
                self._chunks += [pack_chunk(tag, columns, *rule) for tag, columns in members]
                continue
            columns = Columns(
                group.time_ns,
                np.stack([of.values for _, of in members]),
                np.stack([of.quality for _, of in members]),
            )
            tags = [tag for tag, _ in members]
            self._chunks += pack_chunks(tags, columns, times, *rule)

    def _shared(self, group: _Together) -> EncodedTimes:
        """How the times of a group are to be kept."""
        times = encode_time(group.time_ns)
        if times.codec is TimeCodec.REGULAR or len(group.time_ns) < SHARED_FROM:
            return times
        row = pack_times(group.time_ns, times)
        known = self._met.get(row.number)
        self._met[row.number] = shared = known is not None or group.count > 1
        if not shared:
            return times
        if not known:
            self._times.append(row)
        return EncodedTimes(TimeCodec.SHARED, row.number, b"")
