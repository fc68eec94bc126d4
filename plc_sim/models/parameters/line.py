"""What no station owns: the line's couplings, the web between the machines, the day."""

from plc_sim.models.parameters.rows import HOUR_S, A, C, rows

COUPLING = rows(
    (
        "drive_heat_share",
        0.4,
        "-",
        0.2,
        0.7,
        A,
        "of the drive power, into the enclosure's air and frames",
    ),
    (
        "roll_heat_share",
        0.3,
        "-",
        0.1,
        0.6,
        A,
        "of the heat of hot rolls; the rest leaves by their shrouds",
    ),
    ("lot_m", 200.0, "m", 50.0, 1000.0, A, "length of a coater lot"),
    ("buffer_limit", 0.97, "-", 0.9, 0.99, A, "dancer position of the switch wired to the coater"),
)

BUFFER = rows(
    (
        "web_path_m",
        2.5,
        "m",
        1.0,
        5.0,
        A,
        "laminator to dancer to nip, without the dancer's stroke",
    ),
    ("dancer_stroke_m", 10.0, "m", 2.0, 20.0, A, "web held between dancer position 0 and 1"),
    ("leader_loading_kg_m2", 0.30, "kg/m2", 0.2, 0.4, A, "leader: nominal film of earlier runs"),
    ("leader_unfibrillated", 0.26, "-", 0.0, 1.0, C, "shares at 100 kJ/kg"),
    ("leader_fibrils", 0.58, "-", 0.0, 1.0, C, ""),
    ("leader_broken", 0.16, "-", 0.0, 1.0, C, ""),
    ("leader_density_kg_m3", 2000.0, "kg/m3", 1800.0, 2200.0, A, ""),
    ("leader_strength_pa", 0.7e6, "Pa", 0.3e6, 1.5e6, C, ""),
)

DAY = rows(
    ("start_hour", 6.0, "h", 0.0, 23.99, A, "plant-local time at which a run begins"),
    ("outdoor_degc", 20.0, "degC", -15.0, 38.0, A, "mean of the day"),
    ("outdoor_swing_k", 5.0, "K", 0.0, 10.0, A, "warmest at 15 h"),
    ("outdoor_w", 0.010, "kg/kg", 0.001, 0.022, A, ""),
    ("weather_tau_s", 3 * HOUR_S, "s", 1800.0, 86400.0, A, "of the weather's wander"),
    ("weather_sd_k", 1.5, "K", 0.0, 4.0, A, ""),
    ("weather_sd_w", 0.08, "-", 0.0, 0.2, A, "share of the outdoor humidity"),
    ("hall_w", 0.010, "kg/kg", 0.003, 0.018, A, "hall outside the doors of the room"),
    (
        "hall_least_w",
        0.004,
        "kg/kg",
        0.001,
        0.008,
        A,
        "people and wet floors keep the hall from drying",
    ),
    ("first_shift_hour", 6.0, "h", 0.0, 23.0, A, ""),
    ("shift_hours", 8.0, "h", 4.0, 12.0, A, ""),
    ("shifts", 2.0, "-", 0.0, 3.0, A, ""),
    ("people", 3.0, "-", 0.0, 8.0, A, "in the grey room, in a shift"),
    ("glove_every_s", 2700.0, "s", 600.0, 14400.0, A, ""),
    ("glove_for_s", 600.0, "s", 60.0, 1800.0, A, ""),
    ("gloves_at_work", 4.0, "-", 1.0, 8.0, A, ""),
    ("pass_box_every_s", 1500.0, "s", 300.0, 14400.0, A, ""),
)
