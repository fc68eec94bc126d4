"""Keeping the audit trail complete and anchored while the API runs.

What was given to the controllers past the API is taken over from their histories; and a head of the
trail goes into these histories, and with them to wherever they are sent.
"""

import logging
import os
from importlib.metadata import version
from pathlib import Path

from controller.api.asking import Controllers
from controller.api.pools import Pool
from controller.api.problems import Problem
from controller.audit.record import Category, Entry, Result
from controller.audit.takeover import STARTED, STOPPED, Takeover
from controller.audit.trail import PROGRAM, Trail
from controller.config import LineConfig
from controller.core.errors import StoreError
from controller.core.ports import Clock
from controller.run_folder import histories

log = logging.getLogger("dryline.api")

LOOK_S = 2.0
HEAD_S = 60.0


class AuditKeeping:
    """Two services, and the records of start and end. pool: of threads for records."""

    def __init__(
        self, trail: Trail, config: LineConfig, run: Path, controllers: Controllers, pool: Pool,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._trail, self._config, self._run = trail, config, run
        self._controllers, self._pool, self._clock = controllers, pool, clock
        self._takeover: Takeover | None = None
        self._told = 0  # number of the head that the histories have
        self._failing = False

    async def started(self, how: str) -> None:
        """Record that the API runs, and how it listens; a full disk is no reason not to: somebody
        may have to bring a station to rest."""
        takeover = self._takeover = await self._pool.do(Takeover.of, self._trail)
        await self._pool.do(self._trail.note, _about(STARTED, how, takeover.places))

    def stopped(self) -> None:
        """Record that it ends in order."""
        self._trail.note(_about(STOPPED, ""))

    async def take_over(self) -> None:
        """Look for ever at what the controllers tell."""
        while True:
            if self._takeover is not None:
                await self._look(self._takeover)
            await self._clock.sleep_link(LOOK_S)

    async def _look(self, takeover: Takeover) -> None:
        try:
            await self._pool.do(self._trail.look_at_clock)
            places = histories(self._config, self._run)
            await self._pool.do(takeover.look, places)
            self._failing = False
        except StoreError as error:
            if not self._failing:
                log.warning("what was given past the API cannot be recorded yet: %s", error)
            self._failing = True

    async def tell_heads(self) -> None:
        """Give the histories a head of the trail, once a minute when there is a newer one."""
        while True:
            await self._tell_head()
            await self._clock.sleep_link(HEAD_S)

    async def _tell_head(self) -> None:
        head = self._trail.head
        if head.number <= self._told:
            return
        request = {"op": "audit_head", "number": head.number, "hash": head.hash}
        for station in self._config.line_stations:
            try:
                await self._controllers.ask(station, request)
            except Problem:
                continue  # the next minute has a newer head anyway
            self._told = head.number
            return


def _about(action: str, how: str, places: str = "") -> Entry:
    software = f"dryline {version('dryline')}, pid {os.getpid()}"
    return Entry(
        category=Category.PROCESS, action=action, actor=PROGRAM, source="", result=Result.DONE,
        new=how or None, target=software, detail=places,
    )  # fmt: skip
