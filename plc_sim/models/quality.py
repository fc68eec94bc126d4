"""Quality of finished electrode by metre and by lot: plant truth, for scoring and teaching.

The ledger is fed with every piece of web that left the nip. It closes a record at each whole metre
of the coater's length counter and wherever the lot changes, so a figure belongs to the metre that
was made and not to the time it was measured.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, inf, sqrt

from plc_sim.models.parameters import numbers
from plc_sim.models.resistance import Resistance
from plc_sim.models.web import LEADER_LOT, Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Metre:
    """One metre of finished electrode, engineering units, means over its length.

    number: of the coater's length counter. length_m: below 1 where a lot begins or ends inside.
    edge_loss: share of loading missing at the edge. thickness_low_um, thickness_high_um: extremes
    of the centre. run_out_um: half of their difference, mostly the line at roll frequency.
    """

    number: int
    lot: int
    length_m: float
    loading_mg_cm2: float
    edge_loss: float
    thickness_um: float
    thickness_low_um: float
    thickness_high_um: float
    run_out_um: float
    density_g_cm3: float
    porosity: float
    unfibrillated: float
    fibrils: float
    broken: float
    strength_mpa: float
    dose_ppm_min: float
    asr_ohm_cm2: float


QUANTITIES: tuple[str, ...] = tuple(
    name for name in Metre.__slots__ if name not in ("number", "lot", "length_m")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Both limits, inclusive, of one quantity of a metre."""

    quantity: str
    low: float = -inf
    high: float = inf

    def holds(self, metre: Metre) -> bool:
        """Whether a metre is inside."""
        value: float = getattr(metre, self.quantity)
        return self.low <= value <= self.high

    def excess(self, metre: Metre) -> float:
        """How far outside a metre is, in the unit of the quantity; negative inside."""
        value: float = getattr(metre, self.quantity)
        return max(self.low - value, value - self.high)


def specs(
    loading_mg_cm2: float = 30.0, thickness_um: float = 104.0, dose_ppm_min: float = 600.0
) -> tuple[Spec, ...]:
    """The usual limits around given targets: loading 2 %, thickness 2 um, dose."""
    return (
        Spec(quantity="loading_mg_cm2", low=0.98 * loading_mg_cm2, high=1.02 * loading_mg_cm2),
        Spec(quantity="thickness_um", low=thickness_um - 2.0, high=thickness_um + 2.0),
        Spec(quantity="dose_ppm_min", high=dose_ppm_min),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """One quantity over a lot. Weighted with length. share_in_spec: 1 where no limit is given.

    worst_metre: the number of the metre farthest outside (or nearest to) its limits; without limits
    the one farthest from the mean.
    """

    quantity: str
    mean: float
    sd: float
    low: float
    high: float
    share_in_spec: float
    worst_metre: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LotQuality:
    """A finished lot. yield_share: share of its length with all limits met."""

    lot: int
    length_m: float
    yield_share: float
    statistics: tuple[Statistic, ...]

    def __getitem__(self, quantity: str) -> Statistic:
        for statistic in self.statistics:
            if statistic.quantity == quantity:
                return statistic
        raise KeyError(quantity)


class Ledger:
    """Collects finished metres; `resistance` is the law of the film they are made of."""

    __slots__ = (
        "_end_m",
        "_high",
        "_length",
        "_lot",
        "_low",
        "_slice",
        "_slice_dose",
        "_slice_length",
        "_start_m",
        "_sums",
        "_thickness",
        "metres",
        "resistance",
    )

    def __init__(self, resistance: Resistance | None = None) -> None:
        self.metres: list[Metre] = []
        self.resistance = resistance or Resistance.of(numbers("film"))
        self._slice: Slice | None = None  # the slice that is running now
        self._slice_dose = 0.0
        self._slice_length = 0.0
        self._end_m = -inf  # end of the metre that is open
        self._lot = LEADER_LOT
        self._clear()

    def _clear(self) -> None:
        self._length = self._thickness = 0.0
        self._low, self._high = inf, -inf
        self._sums = [0.0] * 7

    def add(
        self,
        slice_: Slice,
        start_m: float,
        length_m: float,
        thickness_m: float,
        dose_ppm_min: float,
    ) -> None:
        """Book a piece of finished web. Leader is not a product and is left out.

        dose_ppm_min: asked for only where a slice begins.
        """
        if slice_ is not self._slice:
            self._change_slice(slice_, start_m, dose_ppm_min)
        if slice_.lot == LEADER_LOT:
            return
        end_m = start_m + length_m
        while end_m >= self._end_m:
            part = max(0.0, self._end_m - start_m)
            self._book(part, thickness_m)
            self._close()
            start_m += part
            length_m -= part
            self._end_m = floor(start_m + 1e-9) + 1.0
        if length_m > 0.0:
            self._book(length_m, thickness_m)

    def _book(self, length_m: float, thickness_m: float) -> None:
        self._slice_length += length_m
        self._length += length_m
        self._thickness += length_m * thickness_m
        if not self._low <= thickness_m <= self._high:
            self._low = min(self._low, thickness_m)
            self._high = max(self._high, thickness_m)

    def _change_slice(self, slice_: Slice, start_m: float, dose_ppm_min: float) -> None:
        self._flush_slice()
        if slice_.lot != self._lot:
            self._close()
            self._lot = slice_.lot
            self._end_m = floor(start_m + 1e-9) + 1.0
        self._slice = slice_
        self._slice_dose = dose_ppm_min

    def _flush_slice(self) -> None:
        s, length, sums = self._slice, self._slice_length, self._sums
        if s is None or length <= 0.0:
            return
        sums[0] += length * s.loading_kg_m2
        sums[1] += length * s.edge_loading_kg_m2
        sums[2] += length * s.unfibrillated
        sums[3] += length * s.fibrils
        sums[4] += length * s.broken
        sums[5] += length * s.strength_pa
        sums[6] += length * self._slice_dose
        self._slice_length = 0.0

    def _close(self) -> None:
        self._flush_slice()
        if self._length > 1e-9:
            self.metres.append(self._record())
        self._clear()

    def _record(self) -> Metre:
        n = self._length
        loading, edge, unfibrillated, fibrils, broken, strength, dose = (x / n for x in self._sums)
        thickness_um = self._thickness / n * 1e6
        low_um, high_um = self._low * 1e6, self._high * 1e6
        density = loading * 1e3 / thickness_um
        porosity = self.resistance.porosity(density * 1e3)
        return Metre(
            number=int(self._end_m) - 1,
            lot=self._lot,
            length_m=n,
            loading_mg_cm2=loading * 100.0,
            edge_loss=1.0 - edge / loading,
            thickness_um=thickness_um,
            thickness_low_um=low_um,
            thickness_high_um=high_um,
            run_out_um=0.5 * (high_um - low_um),
            density_g_cm3=density,
            porosity=porosity,
            unfibrillated=unfibrillated,
            fibrils=fibrils,
            broken=broken,
            strength_mpa=strength * 1e-6,
            dose_ppm_min=dose,
            asr_ohm_cm2=self.resistance.asr_ohm_cm2(unfibrillated, broken, porosity, dose),
        )

    def finish(self) -> None:
        """Close the metre that is open, however short: the end of a run."""
        self._close()

    def lots(self) -> tuple[int, ...]:
        """Lots seen, in order of first appearance."""
        return tuple(dict.fromkeys(m.lot for m in self.metres))

    def lot(self, lot: int, limits: Sequence[Spec] = ()) -> LotQuality:
        """Statistics of one lot; LookupError when no metre of it is finished."""
        return summarize([m for m in self.metres if m.lot == lot], limits)


def summarize(metres: Sequence[Metre], limits: Sequence[Spec] = ()) -> LotQuality:
    """Statistics of a non-empty list of metres (the lot is that of the first)."""
    if not metres:
        raise LookupError("no finished metre to judge")
    total = sum(m.length_m for m in metres)
    good = sum(m.length_m for m in metres if all(s.holds(m) for s in limits))
    by_quantity = {s.quantity: s for s in limits}
    return LotQuality(
        lot=metres[0].lot,
        length_m=total,
        yield_share=good / total,
        statistics=tuple(_statistic(q, metres, by_quantity.get(q), total) for q in QUANTITIES),
    )


def _weighted(pairs: Iterable[tuple[float, float]], total: float) -> float:
    return sum(value * weight for value, weight in pairs) / total


def _statistic(
    quantity: str, metres: Sequence[Metre], spec: Spec | None, total: float
) -> Statistic:
    column = [(float(getattr(m, quantity)), m.length_m) for m in metres]
    mean = _weighted(column, total)
    if spec is None:
        worst = max(metres, key=lambda m: abs(getattr(m, quantity) - mean))
        share = 1.0
    else:
        worst = max(metres, key=spec.excess)
        share = sum(m.length_m for m in metres if spec.holds(m)) / total
    return Statistic(
        quantity=quantity,
        mean=mean,
        sd=sqrt(max(0.0, _weighted(((((v - mean) ** 2), w) for v, w in column), total))),
        low=min(v for v, _ in column),
        high=max(v for v, _ in column),
        share_in_spec=share,
        worst_metre=worst.number,
    )
