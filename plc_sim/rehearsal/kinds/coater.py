"""Rehearsal of the coater: film of the right loading and fibrillation, in dry air."""

from collections.abc import Iterator, Mapping

import numpy as np

from controller.core.recipe import Quantity
from plc_sim.lockstep import Lockstep
from plc_sim.models.coater import Model
from plc_sim.models.humidity import w_of_frost_point
from plc_sim.plant import Plant
from plc_sim.rehearsal.case import Neighbours
from plc_sim.rehearsal.figure import POWER, Figure, View, extreme, share, spread
from plc_sim.rehearsal.kinds import EachScan

IDEAL_FROST_DEGC = -65.0
LOADING_SPEC = 0.02  # of the set point, either way

BANDS: Mapping[str, float] = {"L8": 2.0, "L10": 3.0, "L11": 0.02, "L12": 0.6}
NOT_MODELLED: Mapping[str, str] = {
    "ptfe_content": "acts on the strength of the film, not on energy, fibrils or resistance",
}
CURVES = (
    ("areal loading", ("truth.loading_mg_per_cm2", ".LOAD.C", ".L12.SP")),
    ("shear energy", (".SME", ".ENIP")),
    ("fibrils", ("truth.f", ".FIBIDX", ".L11.SP")),
    ("mixer torque", (".TORQUE",)),
    ("film tension", (".TENS.FILM",)),
    ("line speed", (".V.LINE",)),
    ("temperatures", (".TBARREL.PV", ".TROLL1.PV", ".TLAM.PV")),
)
_OF_TRUTH = (
    "loading_mg_per_cm2", "edge_loading_mg_per_cm2", "u", "f", "b", "strength_mpa", "peel_n_per_m",
    "asr_ohm_cm2", "dose_ppm_min", "feed_kg_per_h", "film_m",
)  # fmt: skip
TRUTH = (*_OF_TRUTH, "film_tension_n", "line_m_per_min", POWER)
_TENSION, _SPEED, _POWER = (Model.SENSORS.index(n) for n in ("film_n", "line_m_per_min", POWER))


def parameters(formula: Mapping[str, Quantity]) -> dict[str, dict[str, float]]:
    """Material and length of a lot; everything else reaches the plant through the station."""
    taken = (
        ("coater", "ptfe_wt_pct", "ptfe_content"),
        ("coater", "lot_reactivity", "lot_reactivity"),
        ("line", "lot_m", "lot_length"),
    )
    sections: dict[str, dict[str, float]] = {}
    for section, number, parameter in taken:
        if parameter in formula:
            sections.setdefault(section, {})[number] = formula[parameter].value
    return sections


def read(plant: Plant) -> list[float]:
    """Film and energies as they are."""
    model = plant.coater
    found, shown = model.truth(), model.sense()
    return [*(found[name] for name in _OF_TRUTH), shown[_TENSION], shown[_SPEED], shown[_POWER]]


def ideal(line: Lockstep, neighbours: Neighbours, seed: int) -> EachScan | None:
    """Dry air and all permits from the beginning; the web is wound up and gone."""
    plant = line.plant
    plant.enclosure.chamber.w = w_of_frost_point(IDEAL_FROST_DEGC)
    plant.coater.feed_permit = plant.coater.rolls_permit = 1.0
    return None


def figures(view: View) -> Iterator[Figure]:
    """Loading, fibrils, tension and resistance."""
    trace, mask = view.trace, view.mask
    loading = view.true("loading_mg_per_cm2")
    target = trace.column(view.full(".L12.SP"))[mask]
    yield from spread("loading", "areal loading", loading, "mg/cm2")
    yield from share("loading_in_spec", "loading within 2 % of its set point",
                     np.abs(loading - target) <= LOADING_SPEC * target)  # fmt: skip
    fibrils = view.true("f")
    yield from extreme("fibrils_min", "fibrillation F, lowest", fibrils.min(), "-")
    yield from spread("fibrils", "fibrillation F", fibrils, "-")
    yield from extreme("broken_mean", "broken fibrils B, mean", view.true("b").mean(), "-")
    yield from extreme("strength_min", "film strength, lowest",
                       view.true("strength_mpa").min(), "MPa")  # fmt: skip
    tension = view.true("film_tension_n")
    yield from spread("tension", "film tension", tension, "N")
    yield from extreme("tension_min", "film tension, lowest", tension.min(), "N")
    resistance = view.true("asr_ohm_cm2")
    yield from spread("asr", "ASR", resistance, "ohm cm2")
    yield from extreme("asr_max", "ASR, worst", resistance.max(), "ohm cm2")
    yield from extreme("dose", "moisture dose of the powder", view.true("dose_ppm_min").mean(),
                       "ppm min")  # fmt: skip
    metres = trace.true("film_m")
    yield from extreme("film_m", "film made", float(metres[-1] - metres[0]), "m")
