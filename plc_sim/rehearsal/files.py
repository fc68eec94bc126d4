"""What a rehearsal leaves on disk: the record, the trajectory, the picture."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from controller.core.errors import DrylineError
from controller.core.sample import FIRST_BAD
from plc_sim.rehearsal.kinds import StationKind
from plc_sim.rehearsal.plain import as_plain
from plc_sim.rehearsal.plot import save_plot
from plc_sim.rehearsal.report import Report
from plc_sim.rehearsal.trace import TRUTH, Trace
from plc_sim.rehearsal.verdict import Criteria

RECORD, RECOVERY, TUNING = "rehearsal.json", "recovery.json", "tuning.json"
PLANT, PLANTS = "plant.json", "plants.json"
TRAJECTORY, PICTURE = "trajectory.csv", "trajectory.png"
EACH_ROWS = 5  # seconds between two lines of the trajectory; figures are made from every second


def write(report: Report, folder: Path, kind: StationKind, prefix: str) -> list[str]:
    """Write everything; returns what there is to say about it. OSError when it cannot be."""
    name = _record_name(report)
    _replace(folder / name, json.dumps(as_plain(report), indent=1, allow_nan=False) + "\n")
    said = [f"{folder / name}"]
    results = [r for r in (*report.results[:1], *report.old[:1]) if r.trace is not None]
    traces = [(r.recipe, r.trace) for r in results if r.trace is not None]
    if not traces or len(traces[0][1].time_s) == 0:
        return said
    _replace(folder / TRAJECTORY, csv_text(traces[0][1]))
    said.append(f"{folder / TRAJECTORY}")
    facts = results[0].facts
    try:
        save_plot(folder / PICTURE, traces, kind.CURVES, prefix, facts.phases, facts.ready_s)
        said.append(f"{folder / PICTURE}")
    except DrylineError as error:
        said.append(f"no picture: {error}")
    return said


def _record_name(report: Report) -> str:
    """A release takes the first of them only."""
    if report.tuned:
        return TUNING
    if report.drawn:
        return PLANT
    return RECOVERY if report.criteria is Criteria.RECOVERY else RECORD


def csv_text(trace: Trace) -> str:
    """One column a tag, then plant truth; an empty cell where a value was Bad."""
    names = ["time_s", *(t.name for t in trace.tags), *(TRUTH + n for n in trace.truth_names)]
    shown = np.where(trace.quality < FIRST_BAD, trace.values, np.nan)
    table = np.column_stack([trace.time_s, shown, trace.truth])[::EACH_ROWS]
    lines = [",".join(names), *(",".join(map(_cell, row)) for row in table.tolist())]
    return "\n".join(lines) + "\n"


def _cell(value: float) -> str:
    return f"{value:.7g}" if value == value else ""  # noqa: PLR0124 - not a number: Bad


def write_study(plain: Mapping[str, Any], folder: Path) -> str:
    """Write what many plants came to; returns where. OSError when it cannot be."""
    path = folder / PLANTS
    _replace(path, json.dumps(plain, indent=1, allow_nan=False) + "\n")
    return str(path)


def _replace(path: Path, text: str) -> None:
    """Whole or not at all: a record that was cut off must never be read by a release."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)  # noqa: PTH105 - the atomic one
