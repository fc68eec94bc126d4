"""Result of one rehearsal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plc_sim.rehearsal.facts import Facts
from plc_sim.rehearsal.figure import Figure
from plc_sim.rehearsal.loops import LoopFigures
from plc_sim.rehearsal.trace import Trace
from plc_sim.rehearsal.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Everything one rehearsal came to. Times are seconds since START.

    production_from_s: None when it never came to production. digest: hash of every recorded number
    and event; trace: None when left out; course: of the loop whose gains are looked at.
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
    course: Mapping[str, Any] | None = None
