"""Where a lot came from and what became of it, through all runs. Blocks: in a thread."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from controller.api.problems import Problem
from controller.core.run import RunHead
from controller.run_store import STORE, RunReader
from controller.runs.run_json import plain_head

MOST_RUNS = 20_000
MOST_STEPS = 200  # runs in one direction
Plain = dict[str, Any]
Ends = Callable[[RunHead], Sequence[str]]


def lot_of(run: Path, lot: str) -> Plain:
    """Every run that a lot went through, with those before and after; Problem("unknown")."""
    heads: list[RunHead] = []
    if (run / STORE).is_file():
        with RunReader(run / STORE) as reader:
            heads = reader.runs("", MOST_RUNS)
    made = [head for head in heads if lot in head.lots_out]
    used = [head for head in heads if lot in head.lots_in]
    if not made and not used:
        raise Problem("unknown", ["no run has this lot"])
    before = _reached(heads, made, lambda h: h.lots_in, lambda h: h.lots_out)
    after = _reached(heads, used, lambda h: h.lots_out, lambda h: h.lots_in)
    return {
        "lot": lot, "made_by": _plain(made), "used_by": _plain(used),
        "before": _plain(before), "after": _plain(after),
        "from": sorted({name for head in (*made, *before) for name in head.lots_in}),
        "into": sorted({name for head in (*used, *after) for name in head.lots_out}),
    }  # fmt: skip


def _reached(
    heads: Sequence[RunHead], start: Sequence[RunHead], ends: Ends, beginnings: Ends
) -> list[RunHead]:
    """Runs that are reached from some by their lots, nearest first, without those."""
    seen = {head.id for head in start}
    wanted = {name for head in start for name in ends(head)}
    found: list[RunHead] = []
    while wanted and len(found) < MOST_STEPS:
        new = [h for h in heads if h.id not in seen and wanted.intersection(beginnings(h))]
        seen |= {head.id for head in new}
        found += new
        wanted = {name for head in new for name in ends(head)}
    return found[:MOST_STEPS]


def _plain(heads: Iterable[RunHead]) -> list[Plain]:
    return [plain_head(head) for head in heads]
