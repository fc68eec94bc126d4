"""How well each loop did: settling and overshoot after a change, error and limits in production."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from controller.control.loop import Loop
from controller.control.pid_config import LoopMode, LoopStatus
from plc_sim.rehearsal.trace import Column, Mask, Trace

SMOOTH_S = 10  # measured values are averaged over this before they are judged, centred
STAYS_S = 120.0  # in the band for so long is settled
BAND_SHARE = 0.02  # of the set-point range: the band of a loop nobody gave one
_LIMITED = (LoopStatus.LIMITED_LOW, LoopStatus.LIMITED_HIGH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A new set point, or the hand-over at the beginning of production (old: where the PV stood).

    settle_s: until the PV stayed in the band; None: it did not before the next change or the end.
    overshoot: the farthest beyond the set point before it had settled, in the unit of the PV.
    """

    at_s: float
    old: float
    new: float
    settle_s: float | None
    overshoot: float

    @property
    def overshoot_pct(self) -> float | None:
        """Of the step; None where there was none to speak of."""
        step = abs(self.new - self.old)
        return 100.0 * self.overshoot / step if step > 1e-9 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopFigures:
    """One loop over production, where it was in AUTO or CAS.

    band: half width that counts as settled; iae: integral of the absolute error, unit x min;
    worst: the largest error after the first settling; control_pct, limited_pct: shares of
    production in AUTO or CAS, and of that at a limit of the output.
    """

    loop: str
    title: str
    unit: str
    band: float
    changes: tuple[Change, ...]
    iae: float
    mean_error: float
    worst: float
    control_pct: float
    limited_pct: float

    @property
    def first(self) -> Change | None:
        """The hand-over at the beginning."""
        return self.changes[0] if self.changes else None


def loop_figures(
    trace: Trace,
    loops: Mapping[str, Loop],
    bands: Mapping[str, float],
    execute: Sequence[tuple[float, float]],
) -> tuple[LoopFigures, ...]:
    """All loops of a station. bands: by short name ("L1"), in the unit of the PV."""
    time_s = trace.time_s
    inside = np.zeros(len(time_s), dtype=np.bool_)
    for start, stop in execute:
        inside |= (time_s >= start) & (time_s <= stop)
    return tuple(_of_loop(trace, key, loop, bands, inside) for key, loop in loops.items())


def _of_loop(
    trace: Trace, key: str, loop: Loop, bands: Mapping[str, float], inside: Mask
) -> LoopFigures:
    config = loop.pid.config
    band = bands.get(key, BAND_SHARE * (config.sp_high - config.sp_low))
    pv = smooth(trace.column(loop.pv))
    sp, wsp = trace.column(f"{loop.name}.SP"), trace.column(f"{loop.name}.WSP")
    active = inside & (trace.column(f"{loop.name}.MODE") != LoopMode.MAN)
    error = np.where(active & np.isfinite(pv), np.abs(pv - wsp), 0.0)
    limited = active & np.isin(trace.column(f"{loop.name}.STATUS"), _LIMITED)
    changes = tuple(_changes(trace.time_s, pv, sp, active, band))
    settled_s = next((c.at_s + c.settle_s for c in changes if c.settle_s is not None), 0.0)
    late = active & (trace.time_s >= settled_s)
    dt_s = _period_s(trace.time_s)
    count, of = int(active.sum()), max(1, int(inside.sum()))
    return LoopFigures(
        loop=loop.name,
        title=config.name,
        unit=config.pv_unit,
        band=band,
        changes=changes,
        iae=float(error.sum()) * dt_s / 60.0,
        mean_error=float(error.sum()) / max(1, count),
        worst=float(error[late].max(initial=0.0)),
        control_pct=100.0 * count / of,
        limited_pct=100.0 * int(limited.sum()) / max(1, count),
    )


def _changes(time_s: Column, pv: Column, sp: Column, active: Mask, band: float) -> Iterator[Change]:
    """Beginnings of control, and set points that moved by more than the band at once."""
    starts = np.flatnonzero(active & ~np.concatenate(([False], active[:-1])))
    jumps = np.flatnonzero(np.abs(np.diff(sp, prepend=sp[:1])) > band)
    rows = sorted({*starts.tolist(), *(k for k in jumps.tolist() if active[k])})
    ends = [*rows[1:], len(time_s)] if rows else []
    for row, end in zip(rows, ends, strict=True):
        stop = row + int(np.argmin(np.append(active[row:end], [False])))
        began = row in starts
        yield _change(time_s[row:stop], pv[row:stop], float(pv[row] if began else sp[row - 1]),
                      float(sp[row]), band)  # fmt: skip


def _change(time_s: Column, pv: Column, old: float, new: float, band: float) -> Change:
    settled = settled_row(time_s, np.abs(pv - new) <= band)
    until = len(pv) if settled is None else settled + 1
    sign = 1.0 if new >= old else -1.0
    beyond = sign * (pv[:until] - new)
    beyond = beyond[np.isfinite(beyond)]
    return Change(
        at_s=float(time_s[0]),
        old=old,
        new=new,
        settle_s=None if settled is None else float(time_s[settled] - time_s[0]),
        overshoot=max(0.0, float(beyond.max(initial=0.0))),
    )


def settled_row(time_s: Column, inside: Mask) -> int | None:
    """The first row from which the value is inside for at least STAYS_S; None: there is none."""
    outside = np.flatnonzero(~inside)
    starts = np.concatenate(([0], outside + 1))
    stops = np.concatenate((outside, [len(inside)]))
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        if start < stop and time_s[stop - 1] - time_s[start] >= STAYS_S:
            return int(start)
    return None


def smooth(column: Column, rows: int = SMOOTH_S) -> Column:
    """Centred mean over some rows; not-a-number only where none of them is a number."""
    known = np.isfinite(column)
    kernel = np.ones(min(rows, max(1, len(column))))
    total = np.convolve(np.where(known, column, 0.0), kernel, mode="same")
    count = np.convolve(known.astype(np.float64), kernel, mode="same")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0.0, total / count, np.nan)


def _period_s(time_s: Column) -> float:
    return float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0
