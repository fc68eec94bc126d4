"""A plot of history: one panel a unit, min/max band and mean, gaps left open."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from controller.clock import NS
from controller.core.errors import DrylineError
from controller.history.query import Reader

POINTS = 1000


def save_plot(
    reader: Reader, names: Sequence[str], start_ns: int, stop_ns: int, path: Path
) -> None:
    """Draw tags over a window into a PNG; DrylineError when the plot extra is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise DrylineError("plots need the extra: pip install 'dryline[plot]'") from error
    units = {t.name: t.unit for t in reader.tags()}
    panels = list(dict.fromkeys(units[n] for n in names))
    figure = Figure(figsize=(10, 2.6 * len(panels) + 0.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for name in names:
        axis = axes[panels.index(units[name])]
        b = reader.buckets(name, start_ns, stop_ns, POINTS)
        middle = (b.edges_ns[:-1] + b.edges_ns[1:]) // 2
        # A tag that is stored on change is drawn through buckets without samples, except where
        # something Bad lies between: that stays open.
        seen = (b.count > 0) | (b.bad > 0)
        when = [datetime.fromtimestamp(t / NS, UTC) for t in middle[seen].tolist()]
        (curve,) = axis.plot(when, b.mean[seen], linewidth=1.2, label=name)
        axis.fill_between(
            when, b.minimum[seen], b.maximum[seen], alpha=0.2, color=curve.get_color()
        )
        bad = np.flatnonzero(b.bad[seen] > 0)
        for k in bad.tolist():
            axis.axvline(when[k], color="crimson", alpha=0.15, linewidth=1)
    for axis, unit in zip(axes, panels, strict=True):
        axis.set_ylabel(unit or "-")
        axis.grid(visible=True, alpha=0.3)
        axis.legend(loc="upper left", fontsize="small")
    figure.savefig(path, dpi=110)
