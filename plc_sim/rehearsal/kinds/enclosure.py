"""Rehearsal of the enclosure: dry air for the power it takes."""

from collections.abc import Iterator, Mapping

import numpy as np

from controller.core.recipe import Quantity
from plc_sim.lockstep import Lockstep
from plc_sim.plant import Plant
from plc_sim.rehearsal.case import Neighbours
from plc_sim.rehearsal.figure import POWER, Figure, View, extreme, share, spread
from plc_sim.rehearsal.kinds import EachScan

# What coater and calender do to the air when both produce with their usual recipes.
COATER_DRIVE_W, COATER_ROLLS_W = 367.0, 1084.0
CALENDER_DRIVE_W, CALENDER_ROLLS_W = 1197.0, 1542.0
POWDER_KG_PER_H = 10.0
WEB_M_PER_S = 5.0 / 60.0
FROST_BAND_K = 1.0

BANDS: Mapping[str, float] = {"L1": FROST_BAND_K, "L2": 5.0}
NOT_MODELLED: Mapping[str, str] = {}
CURVES = (
    ("frost point", ("truth.frost_point_degc", ".DP.ZONE", ".L1.SP")),
    ("supply fan", ("DHU.FAN.PV",)),
    ("regeneration", ("DHU.TREG.PV", "DHU.TREGOUT")),
    ("pressure", (".PRESS.PV",)),
    ("air temperature", (".TEMP.PV",)),
    ("power", ("truth.power_kw",)),
)
_OF_TRUTH = (
    "frost_point_degc", "supply_frost_point_degc", "ppmv", "pressure_pa", "temp_degc", "h2s_ppm",
    "energy_env_kwh", "energy_base_kwh", "power_env_kw",
)  # fmt: skip
TRUTH = (*_OF_TRUTH[:-1], POWER)


def parameters(formula: Mapping[str, Quantity]) -> dict[str, dict[str, float]]:
    """Nothing: everything reaches the plant through the station."""
    return {}


def read(plant: Plant) -> list[float]:
    """Air and power as they are; power and energy with the share of the grey room."""
    found = plant.enclosure.truth()
    return [found[name] for name in _OF_TRUTH]


def ideal(line: Lockstep, neighbours: Neighbours, seed: int) -> EachScan | None:
    """Heat of the machines from the beginning, powder and web as soon as they are permitted."""
    if neighbours is Neighbours.STANDING:
        return None
    film, mill = line.plant.coater, line.plant.calender
    film.drive_power_w, film.roll_heat_w = COATER_DRIVE_W, COATER_ROLLS_W
    mill.drive_power_w, mill.roll_heat_w = CALENDER_DRIVE_W, CALENDER_ROLLS_W

    def each_scan(now_s: float) -> None:
        permitted = film.feed_permit > 0.5
        film.powder_kg_per_h = POWDER_KG_PER_H if permitted else 0.0
        film.line_m_per_s = WEB_M_PER_S if permitted else 0.0

    return each_scan


def figures(view: View) -> Iterator[Figure]:
    """Frost point around its set point, moisture that the product meets, saving."""
    frost, target = view.true("frost_point_degc"), view.trace.column(view.full(".L1.SP"))
    error = np.abs(frost - target[view.mask])
    yield from spread("frost_point", "frost point", frost, "degC")
    yield from share("frost_in_band", "frost point within 1 K of its set point",
                     error <= FROST_BAND_K)  # fmt: skip
    yield from extreme("frost_point_max", "frost point, wettest", frost.max(), "degC")
    ppm = view.true("ppmv")
    yield from extreme("dose_per_h", "moisture dose of an hour in the air",
                       60.0 * ppm.mean(), "ppm min")  # fmt: skip
    yield from extreme("ppm_max", "moisture, highest", ppm.max(), "ppmv")
    yield from extreme("h2s_max", "hydrogen sulfide, highest", view.true("h2s_ppm").max(), "ppm")
    spent, base = view.true("energy_env_kwh"), view.true("energy_base_kwh")
    if base[-1] > base[0]:
        saving = 100.0 * (1.0 - (spent[-1] - spent[0]) / (base[-1] - base[0]))
        yield from extreme("saving", "saving against a dry room", saving, "%")
