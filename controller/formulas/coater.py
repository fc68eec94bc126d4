"""Formula of the coater: mixer, dry coater and laminator."""

from collections.abc import Mapping

from controller.formulas.parameter import Parameter, Rule

MAX_SHEAR_KJ_PER_KG = 150.0  # 1.1 of the energy at which most fibrils are intact

PARAMETERS = (
    Parameter(name="ptfe_content", text="PTFE in the powder, by mass", unit="%",
              low=0.2, high=5, typical=1),
    Parameter(name="lot_reactivity", text="reactivity of the PTFE lot, 1 nominal", unit="-",
              low=0.6, high=1.2, typical=1),
    Parameter(name="feed", text="powder feed", unit="kg/h",
              low=2, high=20, typical=10, setting="FEED", tag=".FEED.SP"),
    Parameter(name="mixing_energy", text="mixing energy", unit="kJ/kg",
              low=20, high=120, typical=40, setting="SME", tag=".L8.SP"),
    Parameter(name="screw_start", text="screw speed until the loop takes over", unit="1/min",
              low=100, high=500, typical=200, setting="SCREW.START", tag=".SCREW.SP"),
    Parameter(name="mixer_temperature", text="mixer temperature", unit="degC",
              low=20, high=90, typical=60, setting="TBARREL", tag=".TBARREL.SP"),
    Parameter(name="roll_temperature", text="forming roll temperature", unit="degC",
              low=40, high=140, typical=80, setting="TROLL", tag=".TROLL1.SP"),
    Parameter(name="nip_energy", text="nip shear energy, all nips", unit="kJ/kg",
              low=20, high=140, typical=65, setting="ENIP", tag=".L11.OP"),
    Parameter(name="speed_ratio_start", text="speed ratio until the loop takes over", unit="-",
              low=1.02, high=1.6, typical=1.25, setting="RATIO.START", tag=".RATIO.SP"),
    Parameter(name="fibrillation_index", text="fibrillation index aimed at by the supervisor",
              unit="-", low=0.3, high=0.65, typical=0.59, setting="FIB", tag=".L11.SP"),
    Parameter(name="film_gap_start", text="film gap until the loop takes over", unit="um",
              low=60, high=400, typical=100, setting="GAP.START", tag=".GAP1.SP"),
    Parameter(name="areal_loading", text="areal loading", unit="mg/cm2",
              low=10, high=50, typical=30, setting="LOADING", tag=".L12.SP"),
    Parameter(name="line_speed", text="line speed", unit="m/min",
              low=0.5, high=20, typical=5, setting="V", tag=".V.LINE.SP"),
    Parameter(name="lamination_temperature", text="lamination temperature", unit="degC",
              low=60, high=150, typical=120, setting="TLAM", tag=".TLAM.SP"),
    Parameter(name="lamination_load", text="lamination line load", unit="N/mm",
              low=10, high=150, typical=40, setting="QLAM", tag=".QLAM.SP"),
    Parameter(name="film_tension", text="film tension", unit="N",
              low=0.5, high=4, typical=1.5, setting="TENS.FILM", tag=".TENS.FILM.SP"),
    Parameter(name="foil_tension", text="foil tension", unit="N",
              low=20, high=150, typical=60, setting="TENS.FOIL", tag=".TENS.FOIL.SP"),
    Parameter(name="lot_length", text="length of a lot", unit="m",
              low=20, high=2000, typical=200),
)  # fmt: skip

RULES = (
    Rule(
        ("nip_energy", "mixing_energy"),
        lambda f: f["nip_energy"] + f["mixing_energy"] <= MAX_SHEAR_KJ_PER_KG,
        f"with mixing_energy must be at most {MAX_SHEAR_KJ_PER_KG:g} kJ/kg:"
        " beyond it fibrils break faster than they form",
    ),
)

# Set points and measured values of what an interlock watches -> what the interlock does.
INTERLOCKS: Mapping[str, str] = {
    ".TORQUE": "torque above 92 % holds the line, above 95 % trips it",
    ".SCREW.SP": "torque above 92 % holds the line, above 95 % trips it",
    ".TBARREL.SP": "a mixer above 110 degC trips",
    ".TBARREL.PV": "a mixer above 110 degC trips",
    ".GAP1.SP": "a gap below 40 um trips",
    ".GAP1.PV": "a gap below 40 um trips",
    ".TENS.FILM.SP": "film tension below 0.3 or above 6 N is a web break",
    ".TENS.FILM": "film tension below 0.3 or above 6 N is a web break",
    ".PERMIT": "powder feed needs the permit of the enclosure",
}
