"""The security of the line's wires: settings in their run folder, our own certificate, the news."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from controller.clock import WallClock
from controller.config import LineConfig, StationConfig
from controller.core.ports import Clock
from controller.pki import own

LOOK_S = 3600.0  # how often the dates of our own certificate are looked at (wall)


def anchored(config: LineConfig, run: Path) -> LineConfig:
    """The same line with its drivers' files in the run folder."""
    return replace(
        config,
        stations=tuple(_within(s, run) for s in config.stations),
        neighbours=tuple(_within(s, run) for s in config.neighbours),
    )


def _within(station: StationConfig, run: Path) -> StationConfig:
    within = getattr(station.settings, "within", None)
    return replace(station, settings=within(run)) if within is not None else station


def insecure_stations(config: LineConfig) -> tuple[str, ...]:
    """Stations, neighbours too, that are reached without protection: line.toml says so."""
    every = (*config.stations, *config.neighbours)
    return tuple(s.name for s in every if getattr(s.settings, "insecure", False))


class OwnCertificate:
    """Keeps our certificate good; `tell` takes a sentence about what has been done."""

    def __init__(self, config: LineConfig, clock: Clock, tell: Callable[[str], None]) -> None:
        every = (*config.stations, *config.neighbours)
        found = {
            (s.settings.pki, s.settings.application_uri)  # type: ignore[attr-defined]
            for s in every
            if getattr(s.settings, "needs_certificate", False)
        }
        self._needed = sorted(found)
        self._clock, self._tell = clock, tell

    def ensure(self) -> None:
        """Make or renew it where it is time for that; DrylineError when it cannot be read."""
        for news in self._renewed():
            self._tell(news)

    async def run(self) -> None:
        """Look again now and then, in a thread: to make a key takes longer than a scan period."""
        while True:
            await self._clock.sleep_link(LOOK_S)
            for news in await asyncio.to_thread(self._renewed):
                self._tell(news)

    def _renewed(self) -> list[str]:
        utc_s = WallClock().utc_ns() / 1e9
        found = [own.ensure(pki, utc_s, uri).news for pki, uri in self._needed]
        return [news for news in found if news]
