"""Which runs a trial is compared with, and their figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.config import LineConfig
from controller.core.errors import DrylineError, Refused
from controller.core.run import Outcome
from controller.found_run import find_run, find_trial, quality_of
from controller.history.several import AnyReader
from controller.run_store import STORE, RunReader
from controller.runs.quality import RunSummary

MOST_BASE_RUNS = 5


@dataclass(frozen=True, slots=True)
class Sides:
    """Who is compared with whom. base: ids of runs, newest first."""

    trial: dict[str, Any]
    run: str
    base: tuple[str, ...]


def sides_of(trial: str, base: Sequence[str], run: Path) -> Sides:
    """A trial and the runs that were named, or the newest completed ones of its base."""
    with RunReader(run / STORE) as reader:
        one = find_trial(list(reader.trials()), trial)
        name, station, recipe = str(one["run"]), str(one["station"]), str(one["base"])
        if not name:
            raise Refused("no_run", [f"trial {one['id']} has not begun a run yet"])
        if base:
            return Sides(one, name, tuple(reader.find(text) for text in base))
        found = [
            head.id for head in reader.runs(station)
            if head.outcome is Outcome.COMPLETED and not head.trial
            and head.recipe == f"{head.kind}/{recipe}"
        ]  # fmt: skip
    if not found:
        raise Refused(
            "no_runs", [f"no completed run of {station} with {recipe} to compare with: name runs"]
        )
    return Sides(one, name, tuple(found[:MOST_BASE_RUNS]))


def summary_of(name: str, run: Path, config: LineConfig, history: AnyReader) -> RunSummary:
    """The figures of a run; DrylineError when there are none."""
    quality = quality_of(find_run(name, run, config), history)
    if quality.summary is None:
        raise DrylineError(f"run {name}: {'; '.join(quality.notes)}")
    return quality.summary
