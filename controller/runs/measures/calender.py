"""Measures of the calender."""

from controller.runs.measure import Around, Measure, RecipeLimits

MEASURES = (
    Measure(name="thickness", text="thickness, centre", unit="um", plus=(".THK.C",),
            spec=Around("thickness", by=2.0)),
    Measure(name="side_difference", text="thickness, drive side less operator side", unit="um",
            plus=(".THK.DS",), minus=(".THK.OS",)),
    Measure(name="density", text="coating density", unit="g/cm3", plus=(".DENS",),
            spec=RecipeLimits()),
    Measure(name="run_out", text="run-out amplitude at roll frequency", unit="um",
            plus=(".ECC",), spec=RecipeLimits(), step_s=10),
    Measure(name="line_load", text="line load", unit="N/mm", plus=(".LOAD.PV",),
            spec=RecipeLimits()),
)  # fmt: skip

POWER = Measure(name="power", text="electric power", unit="kW", plus=(".PWR",), step_s=10)
METER = ".METER"
