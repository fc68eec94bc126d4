"""Formula of the calender."""

from collections.abc import Mapping

from controller.formulas.parameter import Parameter, Rule

PARAMETERS = (
    Parameter(name="roll_mode", text="what the hydraulics hold", labels=("line load", "gap"),
              setting="MODE", tag=".MODE"),
    Parameter(name="thickness", text="thickness", unit="um",
              low=50, high=200, typical=104, setting="THK", tag=".L16.SP"),
    Parameter(name="thickness_control", text="law of the thickness loop", labels=("pi", "smith"),
              typical=1, setting="SMITH"),
    Parameter(name="loading_feedforward", text="share of the loading feed-forward", unit="-",
              low=0, high=1, typical=0.5, setting="FF"),
    Parameter(name="areal_loading", text="areal loading the line load belongs to", unit="mg/cm2",
              low=10, high=50, typical=30, setting="LOADING"),
    Parameter(name="line_load_start", text="line load until the loop takes over", unit="N/mm",
              low=150, high=1100, typical=600, setting="LOAD.START", tag=".LOAD.SP"),
    Parameter(name="gap", text="gap in gap mode", unit="um",
              low=20, high=400, typical=60, setting="GAP", tag=".GAP.SP"),
    Parameter(name="roll_temperature", text="roll temperature", unit="degC",
              low=25, high=130, typical=80, setting="TROLL", tag=".TROLL.SP"),
    Parameter(name="web_source", text="where the web comes from", labels=("coater", "leader"),
              setting="ALONE"),
    Parameter(name="speed_alone", text="speed when the coater gives none", unit="m/min",
              low=0.5, high=20, typical=5, setting="V"),
    Parameter(name="web_in_buffer", text="buffer position at which threading may begin", unit="%",
              low=10, high=80, typical=30, setting="WEB"),
    Parameter(name="web_tension", text="web tension", unit="N",
              low=20, high=150, typical=60, setting="TENS", tag=".TENS.IN.SP"),
    Parameter(name="lot_length", text="length of a lot", unit="m",
              low=20, high=2000, typical=200),
)  # fmt: skip

RULES: tuple[Rule, ...] = ()

# Set points and measured values of what an interlock watches -> what the interlock does.
INTERLOCKS: Mapping[str, str] = {
    ".MODE": "gap mode reaches the line-load trip where line-load mode does not",
    ".LOAD.SP": "line load above 1200 N/mm opens the gap",
    ".LOAD.PV": "line load above 1200 N/mm opens the gap",
    ".GAP.SP": "line load above 1200 N/mm opens the gap",
    ".TROLL.SP": "a roll above 150 degC switches the heater off",
    ".TROLL.U": "a roll above 150 degC switches the heater off",
    ".TROLL.L": "a roll above 150 degC switches the heater off",
    ".TENS.IN.SP": "tension below 5 N is a web break",
    ".TENS.OUT.SP": "tension below 5 N is a web break",
    "BUF.POS": "a buffer at its end stops the line",
}
