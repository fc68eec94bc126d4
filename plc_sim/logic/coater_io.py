"""Names and places of the coater's inputs and outputs, and the tags that only copy an input."""

from collections.abc import Mapping

from plc_sim.models.coater import Model

_S = {name: k for k, name in enumerate(Model.SENSORS)}
_A = {name: k for k, name in enumerate(Model.ACTUATORS)}

HOPPER = _S["hopper_kg"]
SCREW = _S["screw_rpm"]
TORQUE = _S["torque_pct"]
BARREL = _S["barrel_degc"]
ROLL1 = _S["roll1_degc"]
OIL1 = _S["oil1_degc"]
LINE = _S["line_m_per_min"]
GAP = _S["gap_um"]
NIP_POWER = _S["nip_power_w"]
LOAD_CENTRE = _S["load_centre"]
LAMINATION = _S["lamination_degc"]
FILM_N = _S["film_n"]
FOIL_N = _S["foil_n"]
METER = _S["meter_m"]
WEDGE = _S["wedge_mm"]
FILM_PRESENT = _S["film_present"]
NIP_CLOSED = _S["nip_closed"]
FEED_PERMIT = _S["feed_permit"]
ROLLS_PERMIT = _S["rolls_permit"]
EMERGENCY_STOP = _S["emergency_stop"]
BUFFER_PERMIT = _S["buffer_permit"]

U_FEEDER = _A["feeder_pct"]
U_REFILL = _A["refill"]
U_SCREW = _A["screw_rpm"]
U_BARREL = _A["barrel_pct"]
U_OIL1 = _A["oil1_pct"]
U_LAMINATION = _A["lamination_pct"]
U_LAMINATION_LOAD = _A["lamination_n_per_mm"]
U_LINE = _A["line_m_per_min"]
U_BRAKE = _A["brake"]
U_RATIO = _A["ratio"]
U_GAP = _A["gap_um"]
U_NIP_OPEN = _A["nip_open"]
U_FILM_TRIM = _A["film_trim_pct"]
U_FOIL_TRIM = _A["foil_trim_pct"]

COPIES: Mapping[str, str] = {
    "COAT.HOPPER.WT": "hopper_kg",
    "COAT.SCREW.N": "screw_rpm",
    "COAT.TORQUE": "torque_pct",
    "COAT.TBARREL.PV": "barrel_degc",
    "COAT.TROLL1.PV": "roll1_degc",
    "COAT.TROLL2.PV": "roll2_degc",
    "COAT.TROLL3.PV": "roll3_degc",
    "COAT.V.LINE": "line_m_per_min",
    "COAT.RATIO.PV": "ratio",
    "COAT.GAP1.PV": "gap_um",
    "COAT.PNIP": "nip_power_w",
    "COAT.FIBIDX": "fibrillation_index",
    "COAT.LOAD.C": "load_centre",
    "COAT.LOAD.E": "load_edge",
    "COAT.THK": "film_um",
    "COAT.TLAM.PV": "lamination_degc",
    "COAT.QLAM": "lamination_n_per_mm",
    "COAT.TENS.FILM": "film_n",
    "COAT.TENS.FOIL": "foil_n",
    "COAT.WEDGE": "wedge_mm",
    "COAT.PWR": "power_kw",
    "COAT.NIP.CLOSED": "nip_closed",
    "COAT.PERMIT": "feed_permit",
}
