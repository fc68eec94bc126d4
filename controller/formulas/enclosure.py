"""Formula of the enclosure. All humidities are frost points over ice."""

from collections.abc import Mapping

from controller.formulas.parameter import Parameter, Rule

PARAMETERS = (
    Parameter(name="frost_point", text="frost point in production", unit="degC",
              low=-80, high=-40, typical=-65, setting="DP", tag=".L1.SP"),
    Parameter(name="ready_frost_point", text="frost point at which the enclosure is ready",
              unit="degC", low=-80, high=-30, typical=-62, setting="READY"),
    Parameter(name="fan_start", text="supply fan while pulling down", unit="%",
              low=40, high=100, typical=100, setting="FAN.START", tag="DHU.FAN.SP"),
    Parameter(name="regeneration_start_temperature",
              text="regeneration temperature while pulling down", unit="degC",
              low=100, high=170, typical=160, setting="TREG.START", tag="DHU.TREG.SP"),
    Parameter(name="regeneration_flow", text="regeneration flow in production", unit="%",
              low=40, high=100, typical=60, setting="FREG", tag="DHU.FREG.SP"),
    Parameter(name="rotor_speed", text="rotor speed", unit="rev/h",
              low=1, high=12, typical=4, setting="NROT", tag="DHU.NROT.SP"),
    Parameter(name="pressure", text="enclosure pressure", unit="Pa",
              low=20, high=100, typical=50, setting="PRESS", tag=".PRESS.SP"),
    Parameter(name="temperature", text="air temperature", unit="degC",
              low=18, high=26, typical=22, setting="TEMP", tag=".TEMP.SP"),
    Parameter(name="pass_box_release", text="pass-box release frost point", unit="degC",
              low=-60, high=-20, typical=-45, tag=".PB.SP"),
)  # fmt: skip

RULES = (
    Rule(
        ("ready_frost_point", "frost_point"),
        lambda f: f["ready_frost_point"] > f["frost_point"],
        "must be above frost_point: the enclosure swings around that and would never be ready",
    ),
)

# Set points and measured values of what an interlock watches -> what the interlock does.
INTERLOCKS: Mapping[str, str] = {
    ".L1.SP": "powder feed loses its permit above -50 degC",
    ".DP.ZONE": "powder feed loses its permit above -50 degC",
    "DHU.TREG.SP": "regeneration above 205 degC trips the heater",
    "DHU.TREG.PV": "regeneration above 205 degC trips the heater",
    "DHU.FREG.SP": "regeneration flow below 25 % trips the heater",
    "DHU.FREG.PV": "regeneration flow below 25 % trips the heater",
    "DHU.NROT.SP": "a rotor without pulses for 10 min trips the heater",
    ".PRESS.SP": "pressure below 5 or above 150 Pa trips",
    ".PRESS.PV": "pressure below 5 or above 150 Pa trips",
    ".TEMP.SP": "air above 32 degC trips the heater",
    ".TEMP.PV": "air above 32 degC trips the heater",
    ".H2S": "hydrogen sulfide above 10 ppm trips",
    ".O2": "oxygen below 18 % trips",
    ".PB.SP": "the inner door of the pass box opens at this frost point only",
    ".PB.DP": "the inner door of the pass box opens at its release frost point only",
}
