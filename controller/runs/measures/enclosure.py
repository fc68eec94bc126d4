"""Measures of the enclosure. All humidities are frost points over ice.

The power is that of the enclosure's own dehumidifier; the grey room around it serves others too.
"""

from controller.runs.measure import Measure, RecipeLimits, Sort

MEASURES = (
    Measure(name="frost_point", text="frost point, product zone", unit="degC",
            plus=(".DP.ZONE",), spec=RecipeLimits(), step_s=10),
    Measure(name="moisture", text="moisture, product zone", unit="ppmv",
            plus=(".PPM",), spec=RecipeLimits(), step_s=10),
    Measure(name="moisture_dose", text="moisture dose of the product", unit="ppmv",
            plus=(".PPM",), sort=Sort.DOSE, step_s=10),
    Measure(name="pressure", text="enclosure pressure", unit="Pa",
            plus=(".PRESS.PV",), spec=RecipeLimits()),
    Measure(name="h2s", text="hydrogen sulfide, peak", unit="ppm",
            plus=(".H2S",), spec=RecipeLimits(), sort=Sort.PEAK),
)  # fmt: skip

POWER = Measure(name="power", text="electric power of the dehumidifier", unit="kW",
                plus=("DHU.PWR.REG", "DHU.PWR.FAN", "DHU.PWR.COOL"), step_s=10)  # fmt: skip
METER = ""
