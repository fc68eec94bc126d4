"""The numbers of the coater model, with unit, plausible range and origin.

Mass balance of the reference point: 30 mg/cm2 on a film of 0.110 m at 5 m/min take 9.9 kg/h,
which is the reference powder feed of 10 kg/h. A film of 0.3 m would take 27 kg/h, more than the
feeder's 20 kg/h; the pilot film is therefore narrow, and tensions are forces on this film, not
per 0.3 m.
"""

from plc_sim.models.parameter import Parameter, Source

_A, _C, _K, _P = Source.ASSUMED, Source.COMPUTED, Source.KNOWN, Source.PUBLISHED


def _row(  # one row of the table
    name: str,
    value: float,
    unit: str,
    limits: tuple[float, float],
    source: Source = _A,
    note: str = "",
) -> Parameter:
    return Parameter(
        name=name,
        value=value,
        unit=unit,
        low=limits[0],
        high=limits[1],
        source=source,
        note=note,
    )


FEEDER: tuple[Parameter, ...] = (
    _row(
        "feeder_gain_kg_per_h_per_pct",
        0.2,
        "kg/h/%",
        (0.05, 0.3),
        _C,
        "20 kg/h, the range of the feed, at full speed",
    ),
    _row("feeder_tau_s", 1.0, "s", (0.3, 3.0)),
    _row("feeder_noise", 0.01, "-", (0.003, 0.03), note="pulsation of the screw, 1 s average"),
    _row("refill_rate_kg_per_s", 0.25, "kg/s", (0.1, 1.0)),
    _row("refill_full_kg", 15.0, "kg", (8.0, 35.0)),
    _row("refill_error", 0.05, "-", (0.0, 0.05), note="largest flow error while powder falls in"),
    _row("refill_error_tau_s", 20.0, "s", (5.0, 60.0)),
    _row("bridge_tau_s", 60.0, "s", (20.0, 120.0)),
    _row("bulk_density_g_per_cm3", 1.0, "g/cm3", (0.6, 1.3)),
    _row("bulk_density_sd", 0.015, "-", (0.0, 0.03)),
    _row("bulk_density_tau_s", 300.0, "s", (60.0, 900.0)),
)

MIXER: tuple[Parameter, ...] = (
    _row("mixer_residence_s", 130.0, "s", (60.0, 300.0)),
    _row("mixer_reference_feed_kg_per_h", 10.0, "kg/h", (5.0, 20.0)),
    _row("mixer_torque_rated_nm", 10.0, "N m", (5.0, 30.0)),
    _row("mixer_torque_idle_nm", 1.0, "N m", (0.3, 2.0)),
    _row(
        "mixer_consistency_nm",
        0.597,
        "N m min^0.3",
        (0.3, 1.2),
        _C,
        "40 kJ/kg at 240 1/min, 10 kg/h, 60 degC",
    ),
    _row("mixer_speed_exponent", 0.3, "-", (0.15, 0.6)),
    _row(
        "mixer_fill_exponent",
        0.5,
        "-",
        (0.2, 1.0),
        note="kneading blocks stay fuller than conveying elements",
    ),
    _row("mixer_fibril_stiffening", 1.5, "-", (0.5, 3.0)),
    _row("mixer_broken_softening", 0.8, "-", (0.2, 1.5)),
    _row(
        "mixer_cold_stiffening_per_k",
        0.010,
        "1/K",
        (0.004, 0.02),
        note="torque x exp(-this (T - 60)): a cold mass is stiffer",
    ),
    _row("barrel_heat_gain_k_per_pct", 1.2, "K/%", (0.8, 2.0)),
    _row("barrel_cool_gain_k_per_pct", 0.6, "K/%", (0.3, 1.2)),
    _row("barrel_tau_s", 400.0, "s", (200.0, 900.0)),
    _row("barrel_heater_tau_s", 50.0, "s", (20.0, 90.0)),
    _row("barrel_loss_w_per_k", 12.0, "W/K", (6.0, 25.0)),
    _row("jacket_failed_degc", 20.0, "degC", (10.0, 22.0)),
    _row("jacket_failed_tau_s", 250.0, "s", (100.0, 600.0)),
)

BINDER: tuple[Parameter, ...] = (
    _row("ptfe_wt_pct", 1.0, "wt%", (0.2, 5.0)),
    _row("lot_reactivity", 1.0, "-", (0.6, 1.2)),
)

NIPS: tuple[Parameter, ...] = (
    _row("nip_count", 3.0, "-", (2.0, 5.0), _K),
    _row("roll_radius_m", 0.125, "m", (0.05, 0.25)),
    _row("nip_draft_um", 100.0, "um", (50.0, 200.0)),
    _row(
        "nip_shear_stress_mpa",
        7.05,
        "MPa",
        (3.0, 8.0),
        _C,
        "65 kJ/kg in three nips at ratio 1.25 and a gap of 100 um",
    ),
    _row("nip_softening_per_k", 0.003, "1/K", (0.0, 0.01)),
    _row("nip_reference_degc", 80.0, "degC", (60.0, 120.0)),
    _row("nip_friction_sd", 0.03, "-", (0.0, 0.06)),
    _row("nip_friction_tau_s", 150.0, "s", (30.0, 600.0)),
    _row("friction_ramp_s", 3600.0, "s", (600.0, 36000.0)),
    _row("ratio_tau_s", 0.5, "s", (0.2, 2.0)),
    _row("roll_drive_idle_nm", 12.0, "N m", (3.0, 40.0), note="sum of all rolls"),
)

FORMING: tuple[Parameter, ...] = (
    _row(
        "film_width_m",
        0.110,
        "m",
        (0.08, 0.20),
        _C,
        "10 kg/h at 5 m/min and 30 mg/cm2",
    ),
    _row("forming_gap_ref_um", 100.0, "um", (50.0, 200.0)),
    _row("forming_load_ref_n_per_mm", 100.0, "N/mm", (30.0, 300.0)),
    _row("forming_load_zero_n_per_mm", 10.0, "N/mm", (2.0, 50.0)),
    _row(
        "forming_compaction",
        0.438,
        "-",
        (0.2, 0.8),
        _C,
        "2.05 g/cm3 at 100 N/mm",
    ),
    _row("forming_springback", 0.20, "-", (0.02, 0.30)),
    _row("mill_stiffness_n_per_mm", 5.0e5, "N/mm", (3.0e5, 1.0e6)),
    _row("level_density_per_mm", 0.002, "1/mm", (0.0, 0.005), note="2 % per 10 mm"),
    _row("level_reference_mm", 30.0, "mm", (10.0, 60.0)),
    _row("level_starved_mm", 5.0, "mm", (1.0, 15.0)),
    _row("level_weir_mm", 60.0, "mm", (40.0, 100.0), note="what is above falls into a return bin"),
    _row("nip_hopper_depth_m", 0.045, "m", (0.01, 0.06), note="mean thickness of the powder wedge"),
    _row("ratio_density_per_unit", 0.04, "-", (0.0, 0.1), note="-0.4 % per 0.1 of ratio"),
    _row("ratio_reference", 1.25, "-", (1.0, 1.6)),
    _row("edge_zone_mm", 8.0, "mm", (5.0, 8.0)),
    _row("edge_loss", 0.30, "-", (0.1, 0.5), note="loss at the very edge, parabolic"),
    _row("edge_gauge_mm", 6.0, "mm", (2.0, 8.0), note="where the edge is measured"),
    _row("gap_tau_s", 4.0, "s", (1.0, 8.0)),
    _row("gap_open_um", 2000.0, "um", (1500.0, 2500.0), _P, "rolls open 2 mm when they stop"),
    _row("gap_open_rate_um_per_s", 6000.0, "um/s", (2000.0, 20000.0)),
    _row("gap_close_rate_um_per_s", 300.0, "um/s", (50.0, 1000.0)),
    _row(
        "roll_growth_um_per_k",
        2.9,
        "um/K",
        (2.0, 4.0),
        _C,
        "2 R alpha, 250 mm steel rolls",
    ),
    _row(
        "roll_growth_share",
        0.1,
        "-",
        (0.0, 1.0),
        note="share the gap sensor at the roll faces does not see",
    ),
)

WEB: tuple[Parameter, ...] = (
    _row("span_m", 2.0, "m", (1.0, 4.0), _K, "nip to gauge and lamination"),
    _row("foil_stiffness_n", 157e3, "N", (5e4, 3e5), _C, "aluminium 15 um x 150 mm x 70 GPa"),
    _row("film_stiffness_n", 2100.0, "N", (1500.0, 3200.0), note="50-100 times below the foil"),
    _row("film_draw_sd", 6e-5, "-", (0.0, 3e-4)),
    _row("foil_draw_sd", 1e-5, "-", (0.0, 5e-5)),
    _row("draw_tau_s", 20.0, "s", (2.0, 60.0)),
    _row("break_share", 0.5, "-", (0.3, 0.8), note="web breaks at this share of film strength"),
    _row("line_tau_s", 0.2, "s", (0.05, 1.0)),
    _row("brake_m_per_s2", 2.0, "m/s2", (0.7, 3.0)),
    _row("gauge_scan_s", 10.0, "s", (2.0, 30.0)),
    _row("gauge_noise", 0.005, "-", (0.001, 0.02), note="1 sigma of one scan"),
    _row("index_delay_s", 240.0, "s", (60.0, 600.0)),
    _row("index_noise", 0.01, "-", (0.0, 0.05)),
    _row("peel_max_n_per_m", 15.0, "N/m", (5.0, 20.0)),
    _row("peel_load_n_per_mm", 30.0, "N/mm", (10.0, 100.0)),
    _row("peel_best_degc", 120.0, "degC", (100.0, 140.0), _P, "lamination near 120 degC"),
    _row("peel_width_k", 25.0, "K", (10.0, 40.0)),
    _row("lamination_load_tau_s", 1.0, "s", (0.2, 3.0)),
)

HEAT: tuple[Parameter, ...] = (
    _row("roll_tau_s", 1500.0, "s", (900.0, 3600.0)),
    _row("roll_capacity_j_per_k", 38e3, "J/K", (2e4, 8e4), _C, "80 kg of steel"),
    _row("roll_air_w_per_k", 4.0, "W/K", (2.0, 10.0)),
    _row("oil_gain_k_per_pct", 2.2, "K/%", (1.5, 4.0), note="free oil circuit, no load"),
    _row("oil_tau_s", 240.0, "s", (100.0, 500.0)),
    _row("oil_pipe_tau_s", 60.0, "s", (10.0, 120.0)),
    _row("oil_heater_w", 6000.0, "W", (3000.0, 9000.0)),
    _row("lamination_gain_k_per_pct", 2.0, "K/%", (1.2, 3.0)),
    _row("lamination_tau_s", 300.0, "s", (150.0, 900.0)),
    _row("lamination_heater_w", 1500.0, "W", (800.0, 3000.0)),
    _row("auxiliary_w", 600.0, "W", (200.0, 1500.0), note="controls, pumps, extraction"),
    _row("drive_efficiency", 0.85, "-", (0.7, 0.95)),
)

TABLE: tuple[Parameter, ...] = FEEDER + MIXER + BINDER + NIPS + FORMING + WEB + HEAT
