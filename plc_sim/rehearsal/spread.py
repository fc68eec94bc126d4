"""Spread: in what, and by how much, plants of one design differ; and what one of them drew.

A draw is decided by the seed of the plant and the name of the parameter alone: not by how many
plants there are, in which order they run, or what else is spread.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import isfinite
from random import Random
from statistics import NormalDist

from plc_sim.field import calender as calender_field
from plc_sim.field import coater as coater_field
from plc_sim.field import enclosure as enclosure_field
from plc_sim.instruments import InstrumentFault
from plc_sim.models.parameters import table
from plc_sim.models.surroundings import Scenario
from plc_sim.plant import CHANGEABLE, STATIONS, Plant

_FIELDS = {"enclosure": enclosure_field, "coater": coater_field, "calender": calender_field}
BIAS_SHARE = 0.05  # of an instrument's range: what reads further off is a fault, no spread
NOISE_FACTORS = (0.2, 5.0)
_OF_DAY = ("outdoor_degc", "outdoor_swing_k", "outdoor_w", "hall_w")
Sections = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Spreadable:
    """What may be spread. name: SECTION.NAME, bias.STATION.SENSOR or noise.STATION; low, high:
    allowed, both inclusive."""

    name: str
    unit: str
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Every value between two is as likely as any other."""

    low: float
    high: float

    def at(self, share: float) -> float:
        """The value below which this share (0 to 1) of all lies."""
        return self.low + share * (self.high - self.low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Triangular:
    """Rises from low to mode and falls to high."""

    low: float
    mode: float
    high: float

    def at(self, share: float) -> float:
        """The value below which this share (0 to 1) of all lies."""
        span, rise = self.high - self.low, self.mode - self.low
        if share * span <= rise:
            return self.low + float((share * span * rise) ** 0.5)
        return self.high - float(((1.0 - share) * span * (span - rise)) ** 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """Normal, cut off at low and high: what lies beyond them does not occur."""

    mean: float
    sd: float
    low: float
    high: float

    def at(self, share: float) -> float:
        """The value below which this share (0 to 1) of all lies."""
        law = NormalDist(self.mean, self.sd)
        begin, end = law.cdf(self.low), law.cdf(self.high)
        inside = min(max(begin + share * (end - begin), 1e-12), 1.0 - 1e-12)
        return min(max(law.inv_cdf(inside), self.low), self.high)


Distribution = Uniform | Triangular | Normal


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter and how it is spread."""

    what: Spreadable
    distribution: Distribution
    note: str = ""


@dataclass(frozen=True, slots=True)
class Spread:
    """All rows of a file. title: what a report calls it."""

    title: str
    rows: tuple[Row, ...]

    def of(self, stations: Collection[str]) -> "Spread":
        """Only what acts on these stations."""
        return Spread(self.title, tuple(r for r in self.rows if _acts(r.what.name, stations)))

    def draw(self, seed: int) -> dict[str, float]:
        """The parameters of the plant with this seed, by name."""
        return {
            row.what.name: row.distribution.at(
                Random(f"plant {seed} {row.what.name}").random()  # noqa: S311 - no secret
            )
            for row in self.rows
        }


def spreadables() -> dict[str, Spreadable]:
    """Everything that may be spread, by name."""
    found = [
        Spreadable(f"{section}.{p.name}", p.unit, p.low, p.high)
        for section in CHANGEABLE for p in table(section) if section == "film" or not _film(p.name)
    ]  # fmt: skip
    found += [Spreadable(f"day.{p.name}", p.unit, p.low, p.high)
              for p in table("day") if p.name in _OF_DAY]  # fmt: skip
    for station in STATIONS:
        found.append(Spreadable(f"noise.{station}", "x", *NOISE_FACTORS))
        for spec in _FIELDS[station].INSTRUMENTS:
            span = spec.high - spec.low
            if isfinite(span):
                most = BIAS_SHARE * span
                name = f"bias.{station}.{spec.sensor}"
                found.append(Spreadable(name, "as it reads", -most, most))
    return {one.name: one for one in found}


def parameters_of(drawn: Mapping[str, float]) -> Sections:
    """Sections and numbers of the plant models among what was drawn."""
    sections: Sections = {}
    for name, value in drawn.items():
        section, _, number = name.partition(".")
        if section in CHANGEABLE:
            sections.setdefault(section, {})[number] = value
    return sections


def scenario_of(drawn: Mapping[str, float]) -> Scenario | None:
    """The day that was drawn; None when nothing of it was."""
    day = {name.removeprefix("day."): value for name, value in drawn.items()
           if name.startswith("day.")}  # fmt: skip
    return Scenario(**day) if day else None  # type: ignore[arg-type] # floats all of them


def set_instruments(plant: Plant, drawn: Mapping[str, float]) -> None:
    """Bias and noise of the instruments, of stations that run."""
    for name, value in drawn.items():
        kind, _, where = name.partition(".")
        station, _, sensor = where.partition(".")
        if kind not in ("bias", "noise") or station not in plant.sites:
            continue
        rack = plant.sites[station].rack
        if kind == "bias":
            rack.set_fault(sensor, InstrumentFault.OFFSET, value)
        else:
            rack.scale_noise(value)


def _film(name: str) -> bool:
    return any(p.name == name for p in table("film"))


def _acts(name: str, stations: Collection[str]) -> bool:
    first, _, rest = name.partition(".")
    if first in ("bias", "noise"):
        return rest.partition(".")[0] in stations
    if first == "day":
        return "enclosure" in stations
    if first == "film":
        return "coater" in stations or "calender" in stations
    return first == "line" or first in stations
