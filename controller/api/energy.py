"""What the line takes, and what drying a whole room would take instead.

Measured: the powers of the air treatment of the enclosure and of the room around it, and those of
the machines. Assumed: the baseline. A saving is the one against the other, over the time in which
the enclosure was as dry as it must be and every power was known; it is never given without how
uncertain the baseline makes it. Reading history blocks: in a thread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.api.energy_baseline import Baseline
from controller.clock import NS
from controller.config import LineConfig
from controller.history.codec import Floats, Ints
from controller.history.several import AnyReader
from controller.queries.asks import WindowAsk

AIR_KIND = "enclosure"  # the kind of station whose air is dried in place of a room's
FROST_POINT = ".DP.ZONE"
LONGEST_S = 92 * 86_400.0
MOST_BUCKETS = 1_440
SHORTEST_S = 10.0
KNOWN = 0.999  # share of a bucket from which on it counts
HISTOGRAM_K = 2.0
Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Consumer:
    """One measured power in kW. air: it dries air, else it moves a machine."""

    tag: str
    station: str
    text: str
    air: bool


@dataclass(frozen=True, slots=True)
class EnergyTags:
    """Which tags say it. frost_point: "" for a line without an enclosure."""

    consumers: tuple[Consumer, ...]
    frost_point: str

    @classmethod
    def of(cls, config: LineConfig) -> "EnergyTags":
        """Every power of the I/O list in kW."""
        found = tuple(
            Consumer(p.tag, s.name, p.description, s.kind == AIR_KIND)
            for s in config.stations
            for p in s.points
            if p.unit == "kW" and "PWR" in p.tag.split(".")
        )
        first = next((s for s in config.stations if s.kind == AIR_KIND), None)
        return cls(found, f"{first.prefix}{FROST_POINT}" if first else "")

    @property
    def air(self) -> tuple[str, ...]:
        """Tags of the air treatment."""
        return tuple(c.tag for c in self.consumers if c.air)

    @property
    def machines(self) -> tuple[str, ...]:
        """Tags of the machines."""
        return tuple(c.tag for c in self.consumers if not c.air)


def now_of(tags: EnergyTags, kw: Mapping[str, float | None], baseline: Baseline) -> Plain:
    """The powers now. kw: by tag, None where a value may not be used."""
    air, machines = _sum(tags.air, kw), _sum(tags.machines, kw)
    return {
        "air_kw": air, "machines_kw": machines, "baseline_kw": baseline.kw,
        "saving_kw": None if air is None else baseline.kw - air,
        "saving": None if air is None else baseline.saving(air),
        "consumers": [
            {"tag": c.tag, "station": c.station, "text": c.text, "air": c.air, "kw": kw[c.tag]}
            for c in tags.consumers
        ],
    }  # fmt: skip


def _sum(tags: Sequence[str], kw: Mapping[str, float | None]) -> float | None:
    """None as soon as one of them is not known, and where there are none."""
    known = [value for tag in tags if (value := kw[tag]) is not None]
    return sum(known) if tags and len(known) == len(tags) else None


def window_of(
    tags: EnergyTags, ask: WindowAsk, source: AnyReader, now_ns: int, baseline: Baseline
) -> Plain:
    """Energies over a window, in buckets of which only those count that are wholly known."""
    start_ns, stop_ns = ask.window(now_ns)
    stop_ns = min(stop_ns, now_ns)
    start_ns = max(start_ns, stop_ns - round(LONGEST_S * NS))
    lasts_s = max((stop_ns - start_ns) / NS, SHORTEST_S)
    n = int(max(1, min(MOST_BUCKETS, lasts_s // SHORTEST_S)))
    edges = np.linspace(start_ns, start_ns + round(lasts_s * NS), n + 1).astype(np.int64)
    known_tags = {tag.name for tag in source.tags()}

    def column(tag: str) -> tuple[Floats, NDArray[np.bool_]]:
        if tag not in known_tags:
            return np.full(n, np.nan), np.zeros(n, np.bool_)
        found = source.buckets_between(tag, edges)
        return found.mean, found.known >= KNOWN

    seconds = np.diff(edges) / NS
    air, air_known = _together([column(tag) for tag in tags.air], n)
    machines, machines_known = _together([column(tag) for tag in tags.machines], n)
    frost, frost_known = column(tags.frost_point)
    counted = air_known & frost_known & (frost <= baseline.limit_degc)
    return {
        "start_ns": int(edges[0]), "stop_ns": int(edges[-1]), "resolution_s": float(seconds[0]),
        "air_kwh": _kwh(air, seconds, air_known),
        "machines_kwh": _kwh(machines, seconds, machines_known),
        "known_s": float(seconds[air_known].sum()),
        **_compared(_kwh(air, seconds, counted), float(seconds[counted].sum()), baseline),
        "frost_point": _frost(frost, frost_known, seconds, baseline.limit_degc, edges),
    }  # fmt: skip


def _together(
    columns: Sequence[tuple[Floats, NDArray[np.bool_]]], n: int
) -> tuple[Floats, NDArray[np.bool_]]:
    total, known = np.zeros(n), np.full(n, bool(columns))
    for values, known_one in columns:
        known &= known_one & np.isfinite(values)
        total += np.where(np.isfinite(values), values, 0.0)
    return total, known


def _kwh(kw: Floats, seconds: Floats, counted: NDArray[np.bool_]) -> float:
    return float((kw[counted] * seconds[counted]).sum() / 3600.0)


def _compared(air_kwh: float, counted_s: float, baseline: Baseline) -> Plain:
    """Against the baseline, over the time that counts."""
    if counted_s <= 0.0:
        return {"counted_s": 0.0, "counted_air_kwh": 0.0, "baseline_kwh": None,
                "saving_kwh": None, "saving": None}  # fmt: skip
    hours = counted_s / 3600.0
    low, high = baseline.span_kw
    return {
        "counted_s": counted_s, "counted_air_kwh": air_kwh, "baseline_kwh": baseline.kw * hours,
        "saving_kwh": {"mean": baseline.kw * hours - air_kwh, "low": low * hours - air_kwh,
                       "high": high * hours - air_kwh},
        "saving": baseline.saving(air_kwh / hours),
    }  # fmt: skip


def _frost(
    frost: Floats, known: NDArray[np.bool_], seconds: Floats, limit: float, edges: Ints
) -> Plain:
    """How the frost point was distributed, and when it was above the limit."""
    values, lasts = frost[known], seconds[known]
    above = known & (frost > limit)
    spans = np.flatnonzero(np.diff(np.concatenate(([0], above.astype(np.int8), [0]))))
    rows: list[list[float]] = []
    if len(values):
        places = np.floor(values / HISTOGRAM_K).astype(np.int64)
        sums = np.bincount(places - places.min(), lasts)
        first = int(places.min())
        rows = [[(first + k) * HISTOGRAM_K, s] for k, s in enumerate(sums.tolist()) if s > 0.0]
    return {
        "known_s": float(lasts.sum()), "above_s": float(seconds[above].sum()),
        "above": [
            {"begin_ns": int(edges[a]), "end_ns": int(edges[b]), "worst": float(frost[a:b].max())}
            for a, b in zip(spans[::2].tolist(), spans[1::2].tolist(), strict=True)
        ][-50:],
        "width": HISTOGRAM_K, "histogram": rows,
    }  # fmt: skip
