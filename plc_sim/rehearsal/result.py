"""Result of one rehearsal."""

from dataclasses import dataclass

from plc_sim.rehearsal.facts import Facts
from plc_sim.rehearsal.figure import Figure
from plc_sim.rehearsal.loops import LoopFigures
from plc_sim.rehearsal.trace import Trace
from plc_sim.rehearsal.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Everything one rehearsal came to. Times are seconds since START.

    production_from_s: None when it never came to production. digest: hash of every recorded number
    and event; trace: None when left out.
    """

    recipe: str
    content_hash: str
    station: str
    seed: int
    minutes: float
    verdict: Verdict
    facts: Facts
    production_from_s: float | None
    loops: tuple[LoopFigures, ...]
    figures: tuple[Figure, ...]
    digest: str
    trace: Trace | None
