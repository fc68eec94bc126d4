"""A plot of a run as PNG bytes: the same samples give the same bytes."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from controller.clock import NS
from controller.core.errors import DrylineError
from controller.history.several import AnyReader
from controller.runs.key_plots import KeyPlot
from controller.runs.run_times import Window, short_utc

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 1000
NO_PLOTS = "matplotlib is not installed: pip install 'dryline[plot]'"


class PlotError(DrylineError):
    """Plots cannot be drawn here."""


def draw(
    plot: KeyPlot, reader: AnyReader, units: Mapping[str, str], window: Window
) -> bytes | None:
    """One picture over minutes since START; None when history has no sample for it.

    units: of the tags that history knows. PlotError when the plot extra is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an extra
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise PlotError(NO_PLOTS) from error
    panels = [known for panel in plot.panels if (known := [t for t in panel if t in units])]
    if not panels:
        return None
    out = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()  # what the user of the machine prefers must not change the bytes
        figure = Figure(figsize=(10, 2.2 * len(panels) + 1.0), layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(f"{plot.title}, START {short_utc(window.start_ns)}", parse_math=False)
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        drawn = [_curve(axis, reader, t, window) for axis, p in zip(axes, panels, strict=True)
                 for t in p]  # fmt: skip
        for axis, panel in zip(axes, panels, strict=True):
            axis.set_ylabel(units[panel[0]] or "-", parse_math=False)
            axis.grid(visible=True, alpha=0.3)
            axis.legend(loc="upper left", fontsize="small")
        axes[-1].set_xlabel("minutes since START")
        if any(drawn):
            figure.savefig(out, format="png", dpi=100, metadata={"Software": None})
    return out.getvalue() or None


def _curve(axis: "Axes", reader: AnyReader, tag: str, window: Window) -> bool:
    """Mean over time and the band of its samples; open where nothing is known, red where Bad."""
    n = min(POINTS, max(1, (window.stop_ns - window.start_ns) // NS))
    b = reader.buckets(tag, window.start_ns, window.stop_ns, n)
    middle = (b.edges_ns[:-1] + b.edges_ns[1:]) // 2
    minutes = (middle - window.start_ns) / (60.0 * NS)
    (curve,) = axis.plot(minutes, b.mean, linewidth=1.2, label=tag)
    low, high = np.fmin(b.minimum, b.mean), np.fmax(b.maximum, b.mean)
    axis.fill_between(minutes, low, high, alpha=0.2, color=curve.get_color())
    for k in np.flatnonzero(b.bad > 0).tolist():
        axis.axvline(minutes[k], color="crimson", alpha=0.15, linewidth=1)
    return bool((b.known > 0).any())
