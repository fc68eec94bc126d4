"""Whether the PLC holds what was asked for: the third number of a set point."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from controller.api.commands import CommandBook, CommandRecord, CommandState
from controller.api.line_facts import LineFacts
from controller.api.mirror import Mirror
from controller.core.ports import Clock
from controller.core.sample import FIRST_BAD

PATIENCE_S = 3.0  # wall; a device writes and reads back within a few scans
LOOK_S = 0.1


class ReadBacks:
    """Follows accepted set points until they are read back, or are not."""

    def __init__(self, book: CommandBook, mirror: Mirror, facts: LineFacts, clock: Clock) -> None:
        self._book, self._mirror, self._clock = book, mirror, clock
        self._written: Mapping[str, str] = {
            tag: back for s in facts.stations.values() for tag, back in s.written.items()
        }
        self._until_s: dict[str, float] = {}

    async def run(self, told: Callable[[], None]) -> None:
        """Look for ever; `told` hears of every change."""
        while True:
            if self.look(self._clock.link_s()):
                told()
            await self._clock.sleep_link(LOOK_S)

    def look(self, now_s: float) -> bool:
        """Compare once; whether anything has changed."""
        change = self._book.change
        waiting = {record.id: record for record in self._book.open()}
        self._until_s = {own: self._until_s.get(own, now_s + PATIENCE_S) for own in waiting}
        for own, record in waiting.items():
            if self._comes_nearer(record):
                self._until_s[own] = now_s + PATIENCE_S
            self._compare(record, over=now_s >= self._until_s[own])
        return self._book.change != change

    def _compare(self, record: CommandRecord, *, over: bool) -> None:
        accepted, back = self._value(record.target), None
        known = accepted
        if (tag := self._written.get(record.target)) is not None:
            known = back = self._value(tag)
        wanted = record.requested
        same = known is not None and isinstance(wanted, float | int)
        if same and known is not None and isinstance(wanted, float | int):
            same = math.isclose(known, wanted, rel_tol=1e-6, abs_tol=self._step(record.target))
        if same:
            state = CommandState.CONFIRMED
        elif over:
            state = CommandState.TIMEOUT if known is None else CommandState.MISMATCH
        elif (accepted, back) == (record.accepted, record.read_back):
            return
        else:
            state = record.state
        self._book.keep(replace(record, accepted=accepted, read_back=back, state=state))

    def _comes_nearer(self, record: CommandRecord) -> bool:
        """It is on its way: a set point is led to its value at the rate of its point."""
        tag, wanted = self._written.get(record.target), record.requested
        back = None if tag is None else self._value(tag)
        if back is None or record.read_back is None or not isinstance(wanted, float | int):
            return False
        return abs(wanted - back) < abs(wanted - record.read_back)

    def _value(self, tag: str) -> float | None:
        if tag not in self._mirror:
            return None
        k = self._mirror.index(tag)
        value = float(self._mirror.value[k])
        return value if self._mirror.quality[k] < FIRST_BAD and math.isfinite(value) else None

    def _step(self, tag: str) -> float:
        """How far apart two values of a tag still mean the same."""
        found = self._mirror.tags[self._mirror.index(tag)] if tag in self._mirror else None
        return max(found.resolution, 1e-6 * abs(found.high - found.low)) if found else 0.0
