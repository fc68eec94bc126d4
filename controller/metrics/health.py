"""Whether a controller is alive and ready, for whoever starts and supervises it."""

from typing import NamedTuple

from controller.metrics.figures import Shown

ALIVE_S = 2.0  # without a scan for so long the event loop stands still
PERIODS = 3.0  # or for so many periods, of stations that are scanned seldom


class Verdict(NamedTuple):
    """Yes or no, and what a person is told."""

    good: bool
    text: str


def alive(shown: Shown) -> Verdict:
    """Whether the event loop turns: some station was scanned a moment ago.

    Good as well before the first scan and while it ends, neither of which is a reason to kill it.
    """
    line = shown.line
    if shown.ending:
        return Verdict(True, "ending")
    if line is None:
        return Verdict(True, "starting")
    begun = [scan.begun_link_s for scan in line.scans.values() if scan.begun_link_s is not None]
    if not begun:
        return Verdict(True, "starting")
    age_s = shown.clock.link_s() - max(begun)
    periods = (s.scan_period_s for s in shown.config.stations)
    if age_s <= max(ALIVE_S, PERIODS * min(periods) / shown.clock.speed):
        return Verdict(True, "alive")
    return Verdict(False, f"no station was scanned for {age_s:.1f} s: the event loop stands still")


def ready(shown: Shown) -> Verdict:
    """Whether history is open and every station is scanned."""
    if shown.ending:
        return Verdict(False, "ending")
    if shown.history is None or not shown.history().running:
        return Verdict(False, "history is not open")
    if shown.line is None:
        return Verdict(False, "starting")
    missing = [name for name, scan in shown.line.scans.items() if scan.begun_link_s is None]
    if missing:
        return Verdict(False, f"not scanned yet: {', '.join(missing)}")
    living = alive(shown)
    return Verdict(True, "ready") if living.good else living
