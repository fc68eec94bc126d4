"""A plot of history: one panel a unit, mean over time and min/max band, the unknown left open."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from controller.clock import NS
from controller.core.errors import DrylineError
from controller.history.source import HistorySource

POINTS = 1000


def save_plot(
    reader: HistorySource, names: Sequence[str], start_ns: int, stop_ns: int, path: Path
) -> None:
    """Draw tags over a window into a PNG; DrylineError when the plot extra is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise DrylineError("plots need the extra: pip install 'dryline[plot]'") from error
    units = {name: reader.tag(name).unit for name in names}
    panels = list(dict.fromkeys(units[n] for n in names))
    figure = Figure(figsize=(10, 2.6 * len(panels) + 0.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for name in names:
        axis = axes[panels.index(units[name])]
        b = reader.buckets(name, start_ns, stop_ns, POINTS)
        middle = (b.edges_ns[:-1] + b.edges_ns[1:]) // 2
        when = [datetime.fromtimestamp(t / NS, UTC) for t in middle.tolist()]
        # NaN where nothing is known: the curve stays open there. The band takes in the mean, which
        # may lie outside the samples of a bucket when a value from before held through most of it.
        (curve,) = axis.plot(when, b.mean, linewidth=1.2, label=name)
        low, high = np.fmin(b.minimum, b.mean), np.fmax(b.maximum, b.mean)
        axis.fill_between(when, low, high, alpha=0.2, color=curve.get_color())
        for k in np.flatnonzero(b.bad > 0).tolist():
            axis.axvline(when[k], color="crimson", alpha=0.15, linewidth=1)
    for axis, unit in zip(axes, panels, strict=True):
        axis.set_ylabel(unit or "-")
        axis.grid(visible=True, alpha=0.3)
        axis.legend(loc="upper left", fontsize="small")
    figure.savefig(path, dpi=110)
