"""Measures of the calender."""

from controller.runs.measure import Around, Measure, RecipeLimits
from controller.stations.calender import GAUGE_M

# The run-out is found over four turns of a 250 mm roll (3.1 m). After five such lengths less than
# 1 % is left of the step when threaded web gives way to rolled web, which is tens of micrometres.
RUN_OUT_M = 16.0

MEASURES = (
    Measure(name="thickness", text="thickness, centre", unit="um", plus=(".THK.C",),
            spec=Around("thickness", by=2.0), gauge_m=GAUGE_M),
    Measure(name="side_difference", text="thickness, drive side less operator side", unit="um",
            plus=(".THK.DS",), minus=(".THK.OS",), gauge_m=GAUGE_M),
    Measure(name="density", text="coating density", unit="g/cm3", plus=(".DENS",),
            spec=RecipeLimits(), gauge_m=GAUGE_M),
    Measure(name="run_out", text="run-out amplitude at roll frequency", unit="um",
            plus=(".ECC",), spec=RecipeLimits(), step_s=10, gauge_m=GAUGE_M,
            settle_m=RUN_OUT_M),
    Measure(name="line_load", text="line load", unit="N/mm", plus=(".LOAD.PV",),
            spec=RecipeLimits()),
)  # fmt: skip

POWER = Measure(name="power", text="electric power", unit="kW", plus=(".PWR",), step_s=10)
METER = ".METER"
