"""The calender's tags that only copy an input, and the texts of its trips."""

from collections.abc import Mapping

COPIES: Mapping[str, str] = {
    "CAL.LOAD.DS": "load_ds",
    "CAL.LOAD.OS": "load_os",
    "CAL.GAP.PV": "gap",
    "CAL.V.PV": "v",
    "CAL.RATIO.PV": "ratio",
    "CAL.TROLL.U": "troll_u",
    "CAL.TROLL.L": "troll_l",
    "CAL.TOIL": "toil",
    "CAL.THK.C": "thk_c",
    "CAL.THK.DS": "thk_ds",
    "CAL.THK.OS": "thk_os",
    "CAL.LOADING": "loading",
    "CAL.ANGLE": "angle",
    "CAL.TENS.IN": "tens_in",
    "CAL.TENS.OUT": "tens_out",
    "CAL.TORQUE": "torque",
    "CAL.GUARD": "guard",
    "CAL.ESTOP": "estop",
    "CAL.PERMIT": "permit",
    "CAL.METER": "meter",
    "BUF.POS": "buffer",
    "CAL.PWR": "power",
}
TRIPS = (
    "none",
    "line load high",
    "load difference",
    "web break",
    "nip guard",
    "emergency stop",
    "roll hot",
    "enclosure permit",
    "buffer end",
)
