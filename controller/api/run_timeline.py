"""The course of a run in stretches: which state and which phase when. Blocks: in a thread."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from controller.clock import NS
from controller.config import LineConfig
from controller.control.states import State
from controller.core.errors import DrylineError
from controller.core.run import RunEntry, RunHead
from controller.found_run import FoundRun, find_run
from controller.history.several import MergedReader
from controller.run_folder import histories
from controller.runs.course import last_known_ns
from controller.runs.held import Held, read_held
from controller.runs.recipe_changes import recipe_of

Plain = dict[str, Any]


def run_timeline(config: LineConfig, run: Path, which: str) -> Plain:
    """Stretches in seconds since START; of minutes, where nothing finer is kept, there are none."""
    found = find_run(which, run, config)
    head, prefix = found.record.head, found.station.prefix
    names = _phase_names(found)
    with MergedReader(histories(config, run)) as history:
        intervals = {tag.name: tag.max_interval_s for tag in history.tags()}
        stop_ns = last_known_ns(history, intervals, head, prefix)

        def spans(tag: str, name: Callable[[int], Plain | None]) -> list[Plain]:
            if tag not in intervals:
                return []
            held = read_held(history, tag, intervals[tag], head.begun_ns, stop_ns)
            return _stretches(held, head, name)

        return {
            "run": head.id, "station": head.station, "begun_ns": head.begun_ns,
            "stop_ns": stop_ns, "open": head.ended_ns is None,
            "states": spans(f"{prefix}.SERVICE.STATE", _state),
            "phases": spans(f"{prefix}.RUN.PHASE", lambda number: _phase(number, names)),
            "marks": [_mark(entry, head) for entry in found.record.entries],
        }  # fmt: skip


def _stretches(held: Held, head: RunHead, name: Callable[[int], Plain | None]) -> list[Plain]:
    if held.minutes:  # means of codes mean nothing
        return []
    found: list[Plain] = []
    columns = zip(
        held.start_ns.tolist(), held.stop_ns.tolist(), held.values.tolist(), strict=True
    )  # fmt: skip
    for start_ns, stop_ns, value in columns:
        what = name(int(value))
        if what is None:
            continue
        begin_s, end_s = ((t - head.begun_ns) / NS for t in (start_ns, stop_ns))
        last = found[-1] if found else None
        if last is not None and last["end_s"] == begin_s and last.items() >= what.items():
            last["end_s"] = end_s
        else:
            found.append({"begin_s": begin_s, "end_s": end_s, **what})
    return found


def _state(code: int) -> Plain | None:
    try:
        return {"state": State(code).name}
    except ValueError:
        return None


def _phase(number: int, names: Mapping[int, str]) -> Plain | None:
    """0 is between phases."""
    return {"number": number, "name": names.get(number, "")} if number else None


def _phase_names(found: FoundRun) -> dict[int, str]:
    """By number, from the recipe as the run kept it."""
    if not found.record.recipe_text:
        return {}
    try:
        recipe = recipe_of(found.record.recipe_text, "recipe of this run", found.kinds)
    except DrylineError:  # of a kind of recipe that this program does not read any more
        return {}
    return {number: phase.name for number, phase in enumerate(recipe.phases, 1)}


def _mark(entry: RunEntry, head: RunHead) -> Plain:
    return {
        "at_s": (entry.time_ns - head.begun_ns) / NS, "kind": entry.kind,
        "subject": entry.subject, "text": entry.text, "actor": entry.actor,
    }  # fmt: skip
