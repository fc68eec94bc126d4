"""The security of the line's wires: settings in their run folder, certificates and their end."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from controller.access import certificate as web
from controller.clock import WallClock
from controller.config import LineConfig, StationConfig
from controller.core.errors import DrylineError
from controller.core.ports import Clock
from controller.pki import own
from controller.pki.certificates import facts_of
from controller.pki.trust import TrustList

LOOK_S = 3600.0  # how often the dates of the certificates are looked at (wall)
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Expiry:
    """The end of a certificate. whose: for people."""

    not_after: datetime
    whose: str

    def days_left(self) -> float:
        """Until then, by the clock of the wall; negative afterwards."""
        return (self.not_after.timestamp() - WallClock().utc_ns() / 1e9) / DAY_S


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


class Certificates:
    """Keeps our own certificate good and watches the end of all that the line stands on.

    `tell` takes a sentence about what has been done; `first` is the one that ends first.
    """

    def __init__(
        self, config: LineConfig, run: Path, clock: Clock, tell: Callable[[str], None]
    ) -> None:
        every = (*config.stations, *config.neighbours)
        used = [s for s in every if getattr(s.settings, "needs_certificate", False)]
        keys = [(s.settings.pki, s.settings.application_uri) for s in used]  # type: ignore[attr-defined]
        self._ours = sorted(set(keys))
        self._plcs = [(s.name, pki) for s, (pki, _) in zip(used, keys, strict=True)]
        self._web = _web_certificate(config, run)
        self._clock, self._tell = clock, tell
        self.first: Expiry | None = None

    def look(self) -> None:
        """Make or renew ours where it is time for that; DrylineError when it cannot be read."""
        for news in self._looked():
            self._tell(news)

    async def run(self) -> None:
        """Look again now and then, in a thread: to make a key takes longer than a scan period."""
        while True:
            await self._clock.sleep_link(LOOK_S)
            for news in await asyncio.to_thread(self._looked):
                self._tell(news)

    def _looked(self) -> list[str]:
        utc_s = WallClock().utc_ns() / 1e9
        ours = [own.ensure(pki, utc_s, uri) for pki, uri in self._ours]
        found = [Expiry(o.facts.not_after, "our own, for the PLCs") for o in ours]
        found += [*self._of_plcs(), *self._of_screens()]
        self.first = min(found, key=lambda e: e.not_after, default=None)
        return [o.news for o in ours if o.news]

    def _of_plcs(self) -> Iterator[Expiry]:
        """A PLC that has got a new one is trusted by that."""
        for station, pki in self._plcs:
            ends: list[datetime] = []
            with suppress(OSError):  # its driver tells of a list that it cannot read
                for der in TrustList(pki).trusted(station).values():
                    with suppress(DrylineError):  # no certificate: no PLC can show it
                        ends.append(facts_of(der).not_after)
            if ends:
                yield Expiry(max(ends), f"of the PLC of {station}")

    def _of_screens(self) -> Iterator[Expiry]:
        if self._web is None or not self._web.exists():
            return
        # One that cannot be read is the news of whoever serves with it.
        with suppress(DrylineError, OSError):
            yield Expiry(facts_of(self._web.read_bytes()).not_after, "of the screens")


def _web_certificate(config: LineConfig, run: Path) -> Path | None:
    if not config.api.tls:
        return None
    if config.api.certificate:
        return config.folder / config.api.certificate
    return run / web.FOLDER / web.CERTIFICATE
