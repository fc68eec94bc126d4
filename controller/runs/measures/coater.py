"""Measures of the coater: mixer, dry coater and laminator."""

from controller.runs.measure import Around, Measure, RecipeLimits
from controller.stations.coater import GAUGE_M

MEASURES = (
    Measure(name="loading", text="areal loading, centre", unit="mg/cm2", plus=(".LOAD.C",),
            spec=Around("areal_loading", share=0.02), gauge_m=GAUGE_M),
    Measure(name="edge_loading", text="areal loading, edge", unit="mg/cm2", plus=(".LOAD.E",),
            spec=RecipeLimits(), gauge_m=GAUGE_M),
    Measure(name="edge_loss", text="areal loading, centre less edge", unit="mg/cm2",
            plus=(".LOAD.C",), minus=(".LOAD.E",), gauge_m=GAUGE_M),
    Measure(name="fibrillation", text="inferred fibrillation index", unit="-",
            plus=(".FIBIDX",), spec=RecipeLimits(), step_s=10),
    Measure(name="nip_energy", text="nip specific shear energy", unit="kJ/kg",
            plus=(".ENIP",), spec=RecipeLimits()),
    Measure(name="mixing_energy", text="specific mixing energy", unit="kJ/kg",
            plus=(".SME",), spec=RecipeLimits()),
    Measure(name="film_tension", text="film tension", unit="N",
            plus=(".TENS.FILM",), spec=RecipeLimits()),
)  # fmt: skip

POWER = Measure(name="power", text="electric power", unit="kW", plus=(".PWR",), step_s=10)
METER = ".METER"
