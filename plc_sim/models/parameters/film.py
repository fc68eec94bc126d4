"""The film: shared by coater and calender."""

from plc_sim.models.parameters.rows import A, C, rows

FILM = rows(
    ("film_width_m", 0.110, "m", 0.08, 0.20, C, "10 kg/h at 5 m/min and 30 mg/cm2"),
    (
        "theoretical_kg_m3",
        3620.0,
        "kg/m3",
        3400.0,
        3800.0,
        C,
        "80/17/2/1 wt% NCM/LPSCl/carbon/PTFE",
    ),
)

RESISTANCE = rows(
    (
        "asr_floor_ohm_cm2",
        10.0,
        "ohm cm2",
        5.0,
        20.0,
        A,
        "perfectly fibrillated, dry, best porosity",
    ),
    ("asr_unfibrillated_ohm_cm2", 22.0, "ohm cm2", 5.0, 40.0, A, "times the square of the share"),
    ("asr_broken_ohm_cm2", 30.0, "ohm cm2", 5.0, 60.0, A, "times the square of the share"),
    ("porosity_best", 0.14, "-", 0.08, 0.20, A, "more: poor contact; less: cracked particles"),
    ("porosity_weight", 60.0, "-", 20.0, 120.0, A, "times the square of the distance"),
    (
        "dose_scale_ppm_min",
        12000.0,
        "ppm min",
        5500.0,
        25000.0,
        A,
        "bare powder to embedded (GM 2022)",
    ),
)
