"""Alarms that look at the same value, judged together: at rest that is one comparison."""

import math
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

from controller.alarms.alarm import Alarm
from controller.alarms.definition import Measure
from controller.alarms.measures import Read, reader

Key = tuple[Measure, str, str]


class Watch:
    """The alarms of one value. Nothing can change while it lies between low and high."""

    __slots__ = ("alarms", "at", "high", "inputs", "low", "read")

    def __init__(self, at: int, read: Read, inputs: Sequence[int]) -> None:
        self.at, self.read, self.inputs = at, read, tuple(inputs)
        self.alarms: list[Alarm] = []
        self.low, self.high = math.inf, -math.inf

    def rest(self) -> None:
        """Find between which values nothing can change; none at all while anything goes on."""
        if any(alarm.condition for alarm in self.alarms):
            self.low, self.high = math.inf, -math.inf
            return
        self.low = max((a.limit for a in self.alarms if not a.definition.above), default=-math.inf)
        self.high = min((a.limit for a in self.alarms if a.definition.above), default=math.inf)


class Watches:
    """All values of a board that are judged now, and the qualities that are."""

    def __init__(self, at: Mapping[str, int]) -> None:
        self._at = at
        self._readers: dict[Key, Read] = {}
        self.plain: list[Watch] = []
        self.computed: list[Watch] = []
        self.qualities: list[tuple[int, Alarm]] = []
        self.pick = itemgetter(0, 0)

    def group(self, alarms: Iterable[Alarm]) -> None:
        """Take those that are judged and have a limit.

        What a measure remembers stays as long as one of its alarms is judged.
        """
        plain: dict[int, Watch] = {}
        computed: dict[Key, Watch] = {}
        self.qualities = []
        for alarm in alarms:
            d = alarm.definition
            if not alarm.judged or not alarm.armed:
                continue
            if d.measure is Measure.QUALITY:
                self.qualities.append((self._at[d.tag], alarm))
            elif alarm.relative:
                key = (d.measure, d.tag, d.reference)
                read = self._readers.get(key) or reader(d, self._at)
                self._readers[key] = read
                k = [self._at[tag] for tag in d.tags]
                computed.setdefault(key, Watch(k[0], read, k)).alarms.append(alarm)
            else:
                at = self._at[d.tag]
                read = reader(d, self._at, relative=False)
                plain.setdefault(at, Watch(at, read, [at])).alarms.append(alarm)
        self._readers = {key: self._readers[key] for key in computed}
        self.plain, self.computed = list(plain.values()), list(computed.values())
        for watch in (*self.plain, *self.computed):
            watch.rest()
        # Twice the first, since a getter of one index would give no tuple.
        at_all = [k for k, _ in self.qualities] or [0]
        self.pick = itemgetter(at_all[0], *at_all)
