"""The trajectory as a picture: one panel a quantity, phases marked, two versions overlaid."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from controller.core.errors import DrylineError
from plc_sim.rehearsal.facts import PhaseTime
from plc_sim.rehearsal.trace import TRUTH, Column, Trace

Panels = Sequence[tuple[str, Sequence[str]]]
DPI = 110
WIDTH, HEIGHT, TOP = 11.0, 1.7, 0.9  # inches: of the picture, of a panel, of title and axis


def save_plot(
    path: Path,
    traces: Sequence[tuple[str, Trace]],
    panels: Panels,
    prefix: str,
    phases: Sequence[PhaseTime],
    ready_s: float | None,
) -> None:
    """Write a PNG; DrylineError when the plot extra is not installed.

    traces: title and trace, the recipe first; of those after it only the first curve of a panel is
    drawn, dashed. phases: of the recipe.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise DrylineError("plots need the extra: pip install 'dryline[plot]'") from error
    figure = Figure(figsize=(WIDTH, HEIGHT * len(panels) + TOP), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (title, names) in zip(axes, panels, strict=True):
        for k, (label, trace) in enumerate(traces):
            _curves(
                axis,
                label.partition("@")[2] or label if k else "",
                trace,
                names if k == 0 else names[:1],
                prefix,
            )
        _marks(axis, phases, ready_s)
        axis.set_ylabel(title, fontsize="small")
        axis.grid(visible=True, alpha=0.3)
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="x-small", frameon=False)
    axes[-1].set_xlabel("minutes since START")
    figure.suptitle(" against ".join(label for label, _ in traces), fontsize="medium")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, metadata={"Software": "dryline"})


def _curves(axis: Any, label: str, trace: Trace, names: Sequence[str], prefix: str) -> None:  # noqa: ANN401 - an axis of matplotlib
    minutes = trace.time_s / 60.0
    for name in names:
        found = _column(trace, name, prefix)
        if found is None:
            continue
        shown, column = found
        if label:
            axis.plot(minutes, column, linewidth=1.0, linestyle="--",
                      label=label.rpartition("@")[2])  # fmt: skip
        else:
            axis.plot(minutes, column, linewidth=1.0, label=shown)


def _column(trace: Trace, name: str, prefix: str) -> tuple[str, Column] | None:
    if name.startswith(TRUTH):
        short = name.removeprefix(TRUTH)
        return f"true {short}", trace.true(short)
    full = prefix + name if name.startswith(".") else name
    if full not in trace:
        return None
    column = trace.column(full)
    unit = trace.unit(full)
    return f"{full} {unit}".rstrip(" -"), np.asarray(column)


def _marks(axis: Any, phases: Sequence[PhaseTime], ready_s: float | None) -> None:  # noqa: ANN401
    for phase in phases:
        axis.axvline(phase.begun_s / 60.0, color="grey", alpha=0.5, linewidth=0.8, linestyle=":")
    if ready_s is not None:
        axis.axvline(ready_s / 60.0, color="green", alpha=0.6, linewidth=1.0)
