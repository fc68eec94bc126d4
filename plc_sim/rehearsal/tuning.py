"""Other gains for a loop: rehearsed beside the present ones, so that a change is seen beforehand.

A rehearsal with other gains than those of the recipe's station is no proof for a release.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from controller.control.loop import Loop
from plc_sim.rehearsal.loops import smooth
from plc_sim.rehearsal.trace import Column, Trace

MOST_POINTS = 400  # of a course that screens draw


@dataclass(frozen=True, slots=True)
class Gains:
    """Gains of one loop, by its full name. kc: output unit per PV unit."""

    loop: str
    kc: float
    ti_s: float
    td_s: float

    @property
    def value(self) -> str:
        """As the command TUNE takes them."""
        return f"{self.kc:.9g},{self.ti_s:.9g},{self.td_s:.9g}"


def read_gains(text: str) -> Gains:
    """From "ENC.L1=20,90,0"; ValueError when it is none."""
    loop, _, values = text.partition("=")
    try:
        kc, ti_s, td_s = (float(part) for part in values.split(","))
    except ValueError:
        raise ValueError(f"gains {text!r}: expected LOOP=KC,TI_S,TD_S, as ENC.L1=20,90,0") from None
    return Gains(loop.strip(), kc, ti_s, td_s)


def course(trace: Trace, loop: Loop, span_s: tuple[float, float]) -> dict[str, Any]:
    """PV, working set point and output of a loop between two times, for a picture."""
    rows = np.flatnonzero((trace.time_s >= span_s[0]) & (trace.time_s <= span_s[1]))
    rows = rows[:: max(1, -(-len(rows) // MOST_POINTS))]
    columns = {
        "pv": smooth(trace.column(loop.pv)), "sp": trace.column(f"{loop.name}.WSP"),
        "op": trace.column(f"{loop.name}.OP"),
    }  # fmt: skip
    return {
        "time_s": [round(float(s) - span_s[0], 3) for s in trace.time_s[rows]],
        **{name: _plain(column[rows]) for name, column in columns.items()},
    }


def _plain(column: Column) -> list[float | None]:
    return [float(f"{v:.6g}") if np.isfinite(v) else None for v in column.tolist()]
