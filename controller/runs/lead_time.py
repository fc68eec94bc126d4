"""Feedback lead time: from the last sample of a run to the deployment that uses its result."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean, median

from controller.core.run import RunHead
from controller.run_store import Deployed

NS = 1_000_000_000
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Lead:
    """One deployment that a run has led to. hours: from the end of the run, never below 0.

    A run that is still open has made its last sample now, so its lead is 0.
    """

    station: str
    number: int
    recipe: str
    run: str
    trial: str
    time_ns: int
    hours: float


@dataclass(frozen=True, slots=True)
class Month:
    """The leads of one station in one month, '2026-11' (UTC), in hours."""

    station: str
    month: str
    n: int
    mean: float
    median: float
    longest: float


def leads(deployments: Iterable[Deployed], runs: Iterable[RunHead]) -> list[Lead]:
    """Every deployment that names the run it was made because of, oldest first.

    A run that the store does not know any more is left out; trial is that of the run.
    """
    known = {head.id: head for head in runs}
    found = []
    for d in deployments:
        head = known.get(d.because)
        if head is None:
            continue
        last_ns = head.ended_ns if head.ended_ns is not None else d.time_ns
        hours = max(0, d.time_ns - last_ns) / NS / HOUR_S
        found.append(Lead(d.station, d.number, d.recipe, head.id, head.trial, d.time_ns, hours))
    return found


def by_month(found: Sequence[Lead]) -> list[Month]:
    """The leads of each station and month, oldest month first."""
    groups: dict[tuple[str, str], list[float]] = {}
    for lead in found:
        month = datetime.fromtimestamp(lead.time_ns // NS, UTC).strftime("%Y-%m")
        groups.setdefault((month, lead.station), []).append(lead.hours)
    return [
        Month(station, month, len(h), fmean(h), median(h), max(h))
        for (month, station), h in sorted(groups.items())
    ]


def of_trials(found: Sequence[Lead]) -> Mapping[str, float]:
    """Hours from the end of each trial's run to the first deployment made because of it."""
    first: dict[str, float] = {}
    for lead in found:
        if lead.trial:
            first.setdefault(lead.trial, lead.hours)
    return first
