"""Audit records of what comes through the API: durable before the answer goes out."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from controller.access.identity import Identity
from controller.api.pools import Pool
from controller.api.problems import Problem
from controller.audit.record import Category, Entry, Result
from controller.audit.trail import Trail
from controller.core.errors import StoreError

log = logging.getLogger("dryline.api")

REFUSAL_WAITS_S = 0.3
TOLD_DENIALS = 60  # records of denied requests a minute; the rest is counted
WINDOW_S = 60.0


class Recording:
    """Writes the trail from an event loop."""

    def __init__(self, trail: Trail, pool: Pool, link_s: Callable[[], float]) -> None:
        self.trail, self._pool, self._link_s = trail, pool, link_s
        self._denials: deque[float] = deque()
        self._untold = 0

    async def append(self, entry: Entry) -> None:
        """Before something is done: Problem("trail") when the disk refuses, and it is not done."""
        try:
            await self._pool.do(self.trail.append, entry)
        except StoreError as error:
            log.error("%s", error)  # noqa: TRY400 - the trail says what is wrong
            told = "the audit trail cannot be written, so nothing was done: free the disk"
            raise Problem("trail", [told]) from error

    async def note(self, entry: Entry) -> None:
        """After something was done, or refused: kept in memory while the disk refuses. What was
        done does not become undone because many others are writing records."""
        try:
            await self._pool.do(self.trail.note, entry)
        except Problem:
            self.trail.owe(entry)

    async def note_soon(self, entry: Entry, wait_s: float) -> None:
        """The same, waited for no longer than so: on a disk that stands still it is written when
        its turn comes."""
        try:
            await self._pool.do_within(wait_s, self.trail.note, entry)
        except Problem:
            self.trail.owe(entry)

    async def denied(self, by: Identity, what: str, station: str, code: str, why: str) -> None:
        """Somebody tried what he may not."""
        await self.refused(
            Entry(
                category=Category.COMMAND, action=what, actor=by.actor.name,
                source=by.actor.source, station=station, result=Result.REFUSED, code=code,
                detail=why,
            )
        )  # fmt: skip

    async def refused(self, entry: Entry) -> None:
        """Somebody tried in vain; of a flood of such tries not every one is recorded, and a disk
        that stands still does not hold up the answer."""
        now_s = self._link_s()
        while self._denials and self._denials[0] <= now_s - WINDOW_S:
            self._denials.popleft()
        if len(self._denials) >= TOLD_DENIALS:
            self._untold += 1
            return
        self._denials.append(now_s)
        count, self._untold = self._untold, 0
        more = f"; {count} more were refused before" if count else ""
        await self.note_soon(replace(entry, detail=entry.detail + more), REFUSAL_WAITS_S)
