"""The wires between calender and PLC: names, order and units of sensors and actuators."""

SENSORS = (
    "load_ds",  # N/mm
    "load_os",
    "gap",  # um, between the bearing blocks, zeroed at growth_zero_degc
    "v",  # m/min
    "ratio",
    "troll_u",  # degC
    "troll_l",
    "toil",
    "thk_c",  # um, at the gauge
    "thk_ds",
    "thk_os",
    "loading",  # mg/cm2, at the gauge
    "angle",  # deg
    "tens_in",  # N
    "tens_out",
    "torque",  # %
    "guard",  # 1 closed
    "estop",  # 1 not pressed
    "permit",  # 1: the enclosure lets the rolls turn
    "meter",  # m
    "buffer",  # %
    "power",  # kW
)
ACTUATORS = (
    "load_ds",  # N/mm, demand of the servo valve
    "load_os",
    "open",  # above 0.5: rolls open
    "v",  # m/min
    "enable",  # above 0.5: drives on; below: brake
    "ratio",
    "trim_in",  # %, speed trim that tightens the web
    "trim_out",
    "heater",  # %
    "threading",  # above 0.5: people thread the web
)
