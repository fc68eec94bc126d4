"""Every assumed number of the simulated plant: value, unit, plausible range, source.

One table for a subject, grouped by section: the line's couplings, the web between the machines,
the day around them, the film (shared by coater and calender) and the three stations. SI units
where the unit column does not say otherwise; temperatures in degC, all humidities in degC as
frost points over ice. Constants of nature stand beside the laws that use them, steps and limits
of the arithmetic beside the arithmetic, instruments in `plc_sim.field`.

Mass balance of the reference point: 30 mg/cm2 on a film of 0.110 m at 5 m/min take 9.9 kg/h,
which is the reference powder feed of 10 kg/h. A film as wide as the rolls (0.3 m) would take
27 kg/h, more than the feeder's 20 kg/h. So the film is 0.110 m wide on a foil of 0.150 m between
roll faces of 0.3 m; line loads act on the film's width, and tensions are forces on this film and
this foil.
"""

from collections.abc import Mapping
from types import MappingProxyType

from plc_sim.models.parameter import Parameter, Source, values

P, C, A, K = Source.PUBLISHED, Source.COMPUTED, Source.ASSUMED, Source.KNOWN
_HOUR_S = 3600.0


def _table(
    *rows: tuple[str, float, str, float, float, Source, str],
) -> tuple[Parameter, ...]:
    """Rows of name, value, unit, low, high, source, note."""
    return tuple(
        Parameter(name=name, value=value, unit=unit, low=low, high=high, source=source, note=note)
        for name, value, unit, low, high, source, note in rows
    )


# --- line, web, day: what no station owns ---

COUPLING = _table(
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

BUFFER = _table(
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

DAY = _table(
    ("start_hour", 6.0, "h", 0.0, 23.99, A, "plant-local time at which a run begins"),
    ("outdoor_degc", 20.0, "degC", -15.0, 38.0, A, "mean of the day"),
    ("outdoor_swing_k", 5.0, "K", 0.0, 10.0, A, "warmest at 15 h"),
    ("outdoor_w", 0.010, "kg/kg", 0.001, 0.022, A, ""),
    ("weather_tau_s", 3 * _HOUR_S, "s", 1800.0, 86400.0, A, "of the weather's wander"),
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


# --- the film: shared by coater and calender ---

FILM = _table(
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

RESISTANCE = _table(
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


# --- enclosure ---

ROTOR = _table(
    ("rotor_process_sector", 270.0, "deg", 240.0, 300.0, A, "45 purge, 45 regeneration"),
    ("rotor_depth", 0.4, "m", 0.2, 0.4, A, ""),
    ("rotor_face_velocity", 2.0, "m/s", 1.5, 3.5, A, "at design flow"),
    ("rotor_matrix_heat", 950.0, "J/(kg K)", 800.0, 1100.0, K, ""),
    ("rotor_matrix_density", 250.0, "kg/m3", 200.0, 300.0, A, ""),
    ("rotor_cooling_share", 0.1, "-", 0.02, 0.3, A, "b0: matrix not fully heated"),
    ("rotor_load_share", 0.7, "-", 0.4, 1.0, C, "b1: fit to a wheel benchmark (Worek)"),
    ("rotor_load_knee", 0.15, "-", 0.05, 0.4, C, "load at half of b1: fit to a wheel benchmark"),
    ("rotor_capacity", 0.3, "kg/kg", 0.15, 0.35, A, "working capacity of the matrix"),
    ("rotor_ntu_200mm", 4.6, "-", 3.0, 6.0, C, "at 2 m/s: fit to a wheel benchmark"),
    ("rotor_purge_recovery", 0.65, "-", 0.4, 0.8, A, "share of carried heat recovered"),
    ("rotor_seal_leak", 0.003, "-", 0.0005, 0.01, A, "past sound seals; worn ones are a fault"),
    ("rotor_heat_ratio", 1.1, "-", 1.0, 1.3, K, "adsorption over evaporation heat"),
    ("rotor_lag_revolutions", 0.35, "rev", 0.2, 0.5, A, "lag of the outlet humidity"),
    ("rotor_transport", 45.0, "s", 20.0, 120.0, A, ""),
    ("evaporation_heat", 2500000.0, "J/kg", 2400000.0, 2600000.0, K, ""),
)

AIR_HANDLING = _table(
    ("supply_design", 1800.0, "m3/h", 1200.0, 2900.0, A, "50 air changes per hour"),
    ("regeneration_ratio", 1 / 6, "-", 0.12, 0.25, A, "regeneration over supply flow"),
    ("fan_pressure", 2150.0, "Pa", 1200.0, 3000.0, A, "coils, rotor 400 mm, HEPA"),
    ("regeneration_fan_pressure", 1500.0, "Pa", 800.0, 2000.0, A, ""),
    ("fan_efficiency", 0.6, "-", 0.45, 0.75, K, ""),
    (
        "fan_static_share",
        0.2,
        "-",
        0.05,
        0.4,
        A,
        "of a fan's pressure that does not fall with flow",
    ),
    ("fan_ramp", 2.0, "%/s", 0.5, 5.0, A, ""),
    ("regeneration_ramp", 5.0, "%/s", 1.0, 10.0, A, "of the regeneration fan"),
    ("rotor_ramp", 0.5, "rev/h per s", 0.1, 2.0, A, ""),
    ("heater_rated", 25000.0, "W", 15000.0, 40000.0, C, "2.5 K per % at full flow"),
    ("heater_capacity", 9050.0, "J/K", 4000.0, 20000.0, C, "90 s at full flow"),
    ("heater_loss", 0.1, "-", 0.02, 0.2, A, "of the heater power, to the grey room"),
    ("heater_ua", 5.0, "W/K", 2.0, 15.0, A, "standing losses of the heater box"),
    ("limiter_trips", 220.0, "degC", 200.0, 240.0, A, "behind the heater"),
    ("limiter_resets", 150.0, "degC", 100.0, 180.0, A, ""),
    ("cooling_cop", 3.5, "-", 2.5, 5.0, K, ""),
    ("chilled_water", 7.0, "degC", 5.0, 12.0, K, ""),
    ("cooler_effectiveness", 0.8, "-", 0.5, 0.9, A, "post-cooler, valve fully open"),
    ("cooler_lag", 15.0, "s", 5.0, 60.0, A, ""),
    ("rotor_inlet_set_point", 15.0, "degC", 10.0, 25.0, A, "behind the pre-cooler"),
    ("auxiliary_power", 100.0, "W", 20.0, 500.0, A, "rotor drive, PLC, dampers"),
    ("makeup_flow_open", 600.0, "m3/h", 400.0, 900.0, A, "damper fully open, full fan"),
    (
        "makeup_booster_share",
        0.5,
        "-",
        0.2,
        1.0,
        A,
        "of its pressure; the supply fan's suction is the rest",
    ),
    ("makeup_damper_rate", 40.0, "%/s", 10.0, 100.0, A, ""),
    ("chw_valve_band", 2.5, "%", 0.0, 5.0, A, "stiction of the chilled-water valve"),
    ("filter_clean", 180.0, "Pa", 100.0, 300.0, A, "at full flow"),
    ("exhaust_flow_open", 300.0, "m3/h", 100.0, 500.0, A, "scrubber branch, fully open"),
    ("exhaust_damper_rate", 20.0, "%/s", 5.0, 100.0, A, ""),
)

ENCLOSURE = _table(
    ("volume", 36.0, "m3", 20.0, 60.0, A, "four cells"),
    ("dead_share", 0.12, "-", 0.02, 0.3, A, "badly flushed share of the volume"),
    ("dead_tau", 900.0, "s", 300.0, 3600.0, A, ""),
    ("return_dead_share", 0.1, "-", 0.0, 0.3, A, "of badly flushed air at the return probe"),
    ("sorption_fast", 0.002, "kg", 0.0005, 0.01, A, "at 100 Pa: metal surfaces"),
    ("sorption_fast_tau", 600.0, "s", 200.0, 1800.0, A, ""),
    ("sorption_slow", 0.015, "kg", 0.003, 0.1, A, "at 100 Pa: polymers, gloves, belts"),
    ("sorption_slow_tau", 21600.0, "s", 7200.0, 86400.0, A, ""),
    ("sorption_per_k", 0.07, "1/K", 0.03, 0.1, A, "warmer walls hold less"),
    ("glove_ports", 24.0, "-", 4.0, 48.0, A, ""),
    ("glove_idle", 0.01, "g/h", 0.001, 0.05, A, "per glove; butyl to neoprene"),
    ("glove_used_factor", 4.0, "-", 2.0, 8.0, A, "permeation of a glove in use"),
    ("glove_work", 0.345, "g/h", 0.1, 1.0, A, "pumping and cuff, per glove in use"),
    ("glove_volume", 0.003, "m3", 0.001, 0.005, A, "pushed in or pulled out"),
    ("glove_stroke", 0.5, "s", 0.2, 5.0, A, ""),
    ("powder_moisture", 0.00015, "kg/kg", 2e-05, 0.0005, A, "pre-dried powder"),
    ("powder_release", 0.3, "-", 0.1, 0.8, A, "share released in the enclosure"),
    ("slot_flow_still", 0.05, "m3/h", 0.01, 0.1, A, "back-diffusion, web standing"),
    ("slot_flow_per_speed", 0.9, "m3/h per m/s", 0.3, 2.0, A, "0.35 m3/h at 20 m/min"),
    ("window_release", 0.6, "g/h", 0.065, 2.7, C, "20 m2 polycarbonate, after a day"),
    ("outgassing", 0.6, "g/h", 0.1, 3.0, A, "cables, belts, lubricants"),
    ("leak_flow", 60.0, "m3/h", 5.0, 120.0, A, "exfiltration at 50 Pa, web slots"),
    ("leak_exponent", 0.65, "-", 0.5, 1.0, K, ""),
    ("door_area", 0.8, "m2", 0.2, 2.0, A, "one open door"),
    ("door_exchange", 300.0, "m3/h", 50.0, 1000.0, A, "air exchanged through it"),
    ("tear_flow_share", 0.9, "-", 0.5, 1.0, A, "flow through a tear over that of a sharp hole"),
    ("relief_area", 0.02, "m2", 0.005, 0.1, A, ""),
    ("air_heat", 43000.0, "J/K", 20000.0, 80000.0, C, "air of the enclosure"),
    ("mass_heat", 900000.0, "J/K", 300000.0, 3000000.0, A, "machine frames, 2 t of steel"),
    ("mass_ua", 1000.0, "W/K", 300.0, 3000.0, A, "air to frames: 15 min"),
    ("wall_ua", 120.0, "W/K", 40.0, 300.0, A, "to the grey room"),
    (
        "machine_air_share",
        0.5,
        "-",
        0.2,
        0.8,
        A,
        "of the machines' heat, into air; the rest warms frames",
    ),
    ("base_heat", 800.0, "W", 200.0, 3000.0, A, "lamps and controls"),
)

PASS_BOX = _table(
    ("pass_box_volume", 0.1, "m3", 0.02, 0.5, A, ""),
    ("pass_box_purge", 6.0, "m3/h", 2.0, 20.0, A, ""),
    ("pass_box_exchange_tau", 10.0, "s", 3.0, 60.0, A, "door open"),
)

SULFIDE = _table(
    ("powder_exposed", 100.0, "g", 10.0, 1000.0, A, ""),
    ("h2s_rate", 0.0016, "cm3/(g h ppmv)", 0.0001, 0.01, C, "linearised, GM 2022"),
    ("h2s_per_g_water", 1100.0, "cm3/g", 100.0, 1300.0, A, "of water spilt on powder"),
    ("h2s_release_tau", 120.0, "s", 30.0, 600.0, A, ""),
    ("spill_evaporates", 0.3, "-", 0.0, 1.0, A, "share of spilt water that evaporates"),
)

ROOM = _table(
    ("room_volume", 480.0, "m3", 300.0, 1000.0, A, "160 m2 x 3 m"),
    ("room_temperature", 22.0, "degC", 18.0, 26.0, A, ""),
    ("person_water", 120.0, "g/h", 100.0, 200.0, K, ""),
    ("person_heat", 100.0, "W", 80.0, 150.0, K, "sensible"),
    ("room_lights", 1600.0, "W", 500.0, 4000.0, A, ""),
    ("fresh_dew_point", 8.0, "degC", 4.0, 12.0, A, "pre-cooled outside air"),
    ("room_rotor_speed", 4.0, "rev/h", 2.0, 12.0, A, ""),
    ("room_face_velocity", 2.0, "m/s", 1.5, 3.5, A, ""),
    ("room_heater_loss", 0.04, "-", 0.01, 0.1, A, "of the heater power"),
    ("room_heater_lag", 90.0, "s", 30.0, 300.0, A, ""),
)

GREY_ROOM = _table(
    ("grey_supply", 4800.0, "m3/h", 3000.0, 9600.0, A, "10 air changes per hour"),
    ("grey_regeneration_ratio", 0.15, "-", 0.1, 0.33, A, ""),
    ("grey_regeneration", 120.0, "degC", 90.0, 160.0, A, "heated outside air, at fixed settings"),
    ("grey_fresh", 600.0, "m3/h", 200.0, 1500.0, A, ""),
    ("grey_fresh_least", 90.0, "m3/h", 30.0, 300.0, A, "30 m3/h for each of 3 people"),
    ("grey_infiltration", 2.0, "m3/h", 0.5, 20.0, A, "hall air through doors"),
    ("grey_inlet", 14.0, "degC", 10.0, 20.0, A, "rotor inlet, behind the cooler"),
    ("grey_fan_pressure", 1250.0, "Pa", 800.0, 1800.0, A, ""),
    ("grey_start_frost_point", -20.0, "degC", -40.0, 0.0, A, ""),
    ("grey_machine_heat", 8000.0, "W", 2000.0, 15000.0, A, "machines outside the enclosures"),
)

DRY_ROOM = _table(
    ("dry_supply", 12000.0, "m3/h", 9600.0, 24000.0, A, "25 air changes per hour"),
    ("dry_regeneration_ratio", 0.162, "-", 0.12, 0.33, A, ""),
    ("dry_regeneration", 150.0, "degC", 130.0, 180.0, A, ""),
    ("dry_fresh", 1200.0, "m3/h", 400.0, 2400.0, A, ""),
    ("dry_purge_share", 0.5, "-", 0.0, 1.0, A, "of the regeneration air that is dried supply air"),
    ("dry_infiltration", 6.7, "m3/h", 1.0, 50.0, A, "hall air through doors"),
    ("dry_inlet", 15.0, "degC", 10.0, 20.0, A, "rotor inlet, behind the cooler"),
    ("dry_fan_pressure", 1450.0, "Pa", 1000.0, 2200.0, A, ""),
    ("dry_start_frost_point", -42.0, "degC", -60.0, -30.0, A, ""),
    ("optimised_flow_share", 0.85, "-", 0.6, 1.0, A, ""),
    ("optimised_regeneration_share", 0.5, "-", 0.35, 0.8, A, ""),
    ("optimised_regeneration", 170.0, "degC", 140.0, 190.0, A, ""),
    ("optimised_fresh", 600.0, "m3/h", 200.0, 1200.0, A, ""),
    ("two_stage_regeneration_share", 0.65, "-", 0.5, 1.0, A, ""),
    ("two_stage_purge_share", 0.95, "-", 0.5, 1.0, A, ""),
    ("two_stage_start_frost_point", -48.0, "degC", -70.0, -40.0, A, ""),
)


# --- coater ---

FEEDER = _table(
    ("feeder_gain_kg_per_h_per_pct", 0.2, "kg/h/%", 0.05, 0.3, C, "20 kg/h at full speed"),
    ("feeder_tau_s", 1.0, "s", 0.3, 3.0, A, ""),
    ("feeder_noise", 0.01, "-", 0.003, 0.03, A, "pulsation of the screw, 1 s average"),
    ("refill_rate_kg_per_s", 0.25, "kg/s", 0.1, 1.0, A, ""),
    ("refill_full_kg", 15.0, "kg", 8.0, 35.0, A, ""),
    ("refill_error", 0.05, "-", 0.0, 0.05, A, "largest flow error while powder falls in"),
    ("refill_error_sd_share", 0.6, "-", 0.3, 1.0, A, "of the largest error"),
    ("refill_error_tau_s", 20.0, "s", 5.0, 60.0, A, ""),
    ("bridge_tau_s", 60.0, "s", 20.0, 120.0, A, ""),
    ("bridge_recovery_tau_s", 5.0, "s", 2.0, 20.0, A, "flow comes back when a bridge breaks"),
    ("bulk_density_g_per_cm3", 1.0, "g/cm3", 0.6, 1.3, A, ""),
    ("bulk_density_sd", 0.015, "-", 0.0, 0.03, A, ""),
    ("bulk_density_tau_s", 300.0, "s", 60.0, 900.0, A, ""),
)

MIXER = _table(
    ("screw_tau_s", 0.5, "s", 0.2, 2.0, A, "drive with its own speed loop"),
    ("mixer_residence_s", 130.0, "s", 60.0, 300.0, A, ""),
    ("mixer_reference_feed_kg_per_h", 10.0, "kg/h", 5.0, 20.0, A, ""),
    ("mixer_torque_rated_nm", 10.0, "N m", 5.0, 30.0, A, ""),
    ("mixer_torque_idle_nm", 1.0, "N m", 0.3, 2.0, A, ""),
    (
        "mixer_consistency_nm",
        0.597,
        "N m min^0.3",
        0.3,
        1.2,
        C,
        "40 kJ/kg at 240 1/min, 10 kg/h, 60 degC",
    ),
    ("mixer_speed_exponent", 0.3, "-", 0.15, 0.6, A, ""),
    ("mixer_fill_exponent", 0.5, "-", 0.2, 1.0, A, "kneading blocks stay full longest"),
    ("mixer_fibril_stiffening", 1.5, "-", 0.5, 3.0, A, ""),
    ("mixer_broken_softening", 0.8, "-", 0.2, 1.5, A, ""),
    ("mixer_cold_stiffening_per_k", 0.01, "1/K", 0.004, 0.02, A, "a cold mass is stiffer"),
    ("mixer_reference_degc", 60.0, "degC", 40.0, 80.0, A, "where the consistency holds"),
    ("barrel_heat_gain_k_per_pct", 1.2, "K/%", 0.8, 2.0, A, ""),
    ("barrel_cool_gain_k_per_pct", 0.6, "K/%", 0.3, 1.2, A, ""),
    ("barrel_tau_s", 400.0, "s", 200.0, 900.0, A, ""),
    ("barrel_heater_tau_s", 50.0, "s", 20.0, 90.0, A, ""),
    ("barrel_loss_w_per_k", 12.0, "W/K", 6.0, 25.0, A, ""),
    ("barrel_coolant_degc", 10.0, "degC", 6.0, 20.0, A, "the barrel gets no colder"),
    ("jacket_failed_degc", 20.0, "degC", 10.0, 22.0, A, ""),
    ("jacket_failed_tau_s", 250.0, "s", 100.0, 600.0, A, ""),
    (
        "jacket_failed_heat_share",
        0.25,
        "-",
        0.0,
        1.0,
        A,
        "of the own warming that stays without a jacket",
    ),
)

BINDER = _table(
    ("ptfe_wt_pct", 1.0, "wt%", 0.2, 5.0, A, ""),
    ("lot_reactivity", 1.0, "-", 0.6, 1.2, A, ""),
    ("fibrillation_kg_per_kj", 0.012, "kg/kJ", 0.006, 0.024, A, "kf; form: Ardakani et al. 2013"),
    (
        "breaking_kg_per_kj",
        0.004,
        "kg/kJ",
        0.002,
        0.008,
        A,
        "kb; over-working: Ariawan et al. 2002",
    ),
    (
        "transition_degc",
        24.0,
        "degC",
        19.0,
        30.0,
        P,
        "crystal forms of PTFE change at 19 and 30 degC",
    ),
    ("transition_width_k", 3.0, "K", 1.0, 5.0, A, ""),
    ("warm_from_degc", 30.0, "degC", 25.0, 40.0, P, "above the upper transition"),
    ("warm_per_k", 0.004, "1/K", 0.0, 0.01, A, "rise of kf above it"),
    ("strength_floor_mpa", 0.05, "MPa", 0.01, 0.1, A, "without any fibril"),
    ("strength_mpa_per_wt_pct", 1.6, "MPa/wt%", 0.8, 3.0, A, "all binder in intact fibrils"),
    ("strength_exponent", 1.5, "-", 1.0, 2.0, A, "of the share of intact fibrils"),
    ("strength_broken_loss", 0.5, "-", 0.2, 0.8, A, "of strength, by broken fibrils"),
)

NIPS = _table(
    ("nip_count", 3.0, "-", 2.0, 5.0, K, ""),
    ("roll_radius_m", 0.125, "m", 0.05, 0.25, A, ""),
    ("nip_draft_um", 100.0, "um", 50.0, 200.0, A, ""),
    ("nip_shear_stress_mpa", 7.05, "MPa", 3.0, 8.0, C, "65 kJ/kg at ratio 1.25, 100 um"),
    ("nip_softening_per_k", 0.003, "1/K", 0.0, 0.01, A, ""),
    ("nip_reference_degc", 80.0, "degC", 60.0, 120.0, A, ""),
    ("nip_friction_sd", 0.03, "-", 0.0, 0.06, A, ""),
    ("nip_friction_tau_s", 150.0, "s", 30.0, 600.0, A, ""),
    ("friction_ramp_s", 3600.0, "s", 600.0, 36000.0, A, ""),
    ("ratio_tau_s", 0.5, "s", 0.2, 2.0, A, ""),
    ("roll_drive_idle_nm", 12.0, "N m", 3.0, 40.0, A, "sum of all rolls"),
)

FORMING = _table(
    ("forming_gap_ref_um", 100.0, "um", 50.0, 200.0, A, ""),
    ("forming_load_ref_n_per_mm", 100.0, "N/mm", 30.0, 300.0, A, ""),
    ("forming_load_zero_n_per_mm", 10.0, "N/mm", 2.0, 50.0, A, ""),
    ("forming_compaction", 0.438, "-", 0.2, 0.8, C, "2.05 g/cm3 at 100 N/mm"),
    ("forming_springback", 0.2, "-", 0.02, 0.3, A, ""),
    ("mill_stiffness_n_per_mm", 500000.0, "N/mm", 300000.0, 1000000.0, A, ""),
    ("level_density_per_mm", 0.002, "1/mm", 0.0, 0.005, A, "2 % per 10 mm"),
    ("level_reference_mm", 30.0, "mm", 10.0, 60.0, A, ""),
    ("level_starved_mm", 5.0, "mm", 1.0, 15.0, A, ""),
    ("level_weir_mm", 60.0, "mm", 40.0, 100.0, A, "what is above falls into a return bin"),
    ("nip_hopper_depth_m", 0.045, "m", 0.01, 0.06, A, "mean thickness of the powder wedge"),
    ("ratio_density_per_unit", 0.04, "-", 0.0, 0.1, A, "-0.4 % per 0.1 of ratio"),
    ("ratio_reference", 1.25, "-", 1.0, 1.6, A, ""),
    ("edge_zone_mm", 8.0, "mm", 5.0, 8.0, A, ""),
    ("edge_loss", 0.3, "-", 0.1, 0.5, A, "loss at the very edge, parabolic"),
    ("edge_gauge_mm", 6.0, "mm", 2.0, 8.0, A, "where the edge is measured"),
    ("gap_tau_s", 4.0, "s", 1.0, 8.0, A, ""),
    ("gap_forms_um", 600.0, "um", 300.0, 1000.0, A, "no film forms above this gap"),
    ("gap_open_um", 2000.0, "um", 1500.0, 2500.0, P, "rolls open 2 mm when they stop"),
    ("gap_open_rate_um_per_s", 6000.0, "um/s", 2000.0, 20000.0, A, ""),
    ("gap_close_rate_um_per_s", 300.0, "um/s", 50.0, 1000.0, A, ""),
    ("roll_growth_um_per_k", 2.9, "um/K", 2.0, 4.0, C, "2 R alpha, 250 mm steel rolls"),
    ("roll_growth_share", 0.1, "-", 0.0, 1.0, A, "of it that the gap sensor does not see"),
)

WEB = _table(
    ("span_m", 2.0, "m", 1.0, 4.0, K, "nip to gauge and lamination"),
    ("foil_stiffness_n", 157000.0, "N", 50000.0, 300000.0, C, "aluminium 15 um x 150 mm x 70 GPa"),
    ("film_stiffness_n", 2100.0, "N", 1500.0, 3200.0, A, "50-100 times below the foil"),
    ("film_draw_sd", 6e-05, "-", 0.0, 0.0003, A, ""),
    ("foil_draw_sd", 1e-05, "-", 0.0, 5e-05, A, ""),
    ("draw_tau_s", 20.0, "s", 2.0, 60.0, A, ""),
    ("break_share", 0.5, "-", 0.3, 0.8, A, "web breaks at this share of film strength"),
    ("line_tau_s", 0.2, "s", 0.05, 1.0, A, ""),
    ("brake_m_per_s2", 2.0, "m/s2", 0.7, 3.0, A, ""),
    ("gauge_scan_s", 10.0, "s", 2.0, 30.0, A, ""),
    ("gauge_noise", 0.005, "-", 0.001, 0.02, A, "1 sigma of one scan"),
    ("index_delay_s", 240.0, "s", 60.0, 600.0, A, ""),
    ("index_noise", 0.01, "-", 0.0, 0.05, A, ""),
    ("peel_max_n_per_m", 15.0, "N/m", 5.0, 20.0, A, ""),
    ("peel_load_n_per_mm", 30.0, "N/mm", 10.0, 100.0, A, ""),
    ("peel_best_degc", 120.0, "degC", 100.0, 140.0, P, "lamination near 120 degC"),
    ("peel_width_k", 25.0, "K", 10.0, 40.0, A, ""),
    ("lamination_load_tau_s", 1.0, "s", 0.2, 3.0, A, ""),
)

COATER_HEAT = _table(
    ("roll_tau_s", 1500.0, "s", 900.0, 3600.0, A, ""),
    ("roll_capacity_j_per_k", 38000.0, "J/K", 20000.0, 80000.0, C, "80 kg of steel"),
    ("roll_air_w_per_k", 4.0, "W/K", 2.0, 10.0, A, ""),
    ("oil_gain_k_per_pct", 2.2, "K/%", 1.5, 4.0, A, "free oil circuit, no load"),
    ("oil_tau_s", 240.0, "s", 100.0, 500.0, A, ""),
    ("oil_pipe_tau_s", 60.0, "s", 10.0, 120.0, A, ""),
    ("oil_heater_w", 6000.0, "W", 3000.0, 9000.0, A, ""),
    ("lamination_gain_k_per_pct", 2.0, "K/%", 1.2, 3.0, A, ""),
    ("lamination_tau_s", 300.0, "s", 150.0, 900.0, A, ""),
    ("lamination_heater_w", 1500.0, "W", 800.0, 3000.0, A, ""),
    ("auxiliary_w", 600.0, "W", 200.0, 1500.0, A, "controls, pumps, extraction"),
    ("drive_efficiency", 0.85, "-", 0.7, 0.95, A, ""),
)


# --- calender ---

COMPACTION = _table(
    ("limit_kg_m3", 3260.0, "kg/m3", 3100.0, 3450.0, A, "limit of the exponential law"),
    (
        "gamma_n_per_m",
        400000.0,
        "N/m",
        280000.0,
        520000.0,
        A,
        "form: Meyer et al. 2017; to be fitted",
    ),
    ("softening_per_k", 0.0035, "1/K", 0.001, 0.006, A, "fall of gamma with roll temperature"),
    ("reference_degc", 80.0, "degC", 60.0, 120.0, A, "where gamma holds"),
    ("springback_floor", 0.03, "-", 0.01, 0.06, A, ""),
    ("springback_extra", 0.02, "-", 0.0, 0.04, A, ""),
    ("springback_decay_n_per_m", 500000.0, "N/m", 300000.0, 800000.0, A, ""),
    ("heckel_k_per_pa", 3.86e-09, "1/Pa", 2e-09, 6e-09, C, "equals the other law at 600 N/mm"),
    ("heckel_draft_m", 5e-05, "m", 2e-05, 0.00012, A, "150 um film to 100 um"),
    ("hardness_sd", 0.008, "-", 0.0, 0.03, A, "slow wander of the film's resistance"),
    ("hardness_tau_s", 300.0, "s", 60.0, 1800.0, A, ""),
    ("edge_follow", 0.3, "-", 0.0, 1.0, A, "share of a thin edge that stays thin: rolls are stiff"),
    ("shear_softening", 0.3, "-", 0.0, 1.0, A, "fall of gamma per roll speed ratio"),
    ("film_heat_j_per_kg_k", 900.0, "J/(kg K)", 600.0, 1100.0, A, "film and foil"),
)

MILL = _table(
    ("roll_diameter_m", 0.25, "m", 0.2, 0.4, A, ""),
    ("mill_n_per_m", 0.367e9, "N/m", 0.2e9, 0.6e9, A, "whole mill: 180 um at 600 N/mm (66 kN)"),
    ("frame_share", 0.81, "-", 0.7, 0.9, A, "of the mill's stretch: seen by the gap sensors"),
    ("run_out_m", 1e-06, "m", 5e-07, 3e-06, A, "below 5 um is claimed for dry films"),
    ("growth_m_per_k", 2.9e-06, "m/K", 2.5e-06, 3.3e-06, C, "two 250 mm rolls, 11.5e-6 1/K"),
    ("growth_zero_degc", 80.0, "degC", 20.0, 120.0, A, "roll temperature at which gap was zeroed"),
    ("crown_share", 0.02, "-", 0.0, 0.05, A, "of the roll growth that bulges the middle"),
    ("load_tau_s", 0.8, "s", 0.3, 1.5, A, "hydraulic cylinder"),
    ("stiction_n_per_m", 3000.0, "N/m", 0.0, 6000.0, A, "servo valve"),
    ("gain_ds", 0.99, "-", 0.9, 1.1, A, "force per demanded force, drive side"),
    ("gain_os", 0.97, "-", 0.9, 1.1, A, "the same, operator side"),
    ("release_tau_s", 0.08, "s", 0.03, 0.15, A, "load when the rolls open"),
    ("ratio_tau_s", 0.5, "s", 0.2, 2.0, A, ""),
    ("open_m", 0.002, "m", 0.001, 0.005, A, "opening of the rolls"),
    ("open_m_per_s", 0.006, "m/s", 0.004, 0.01, A, ""),
    ("close_m_per_s", 0.0005, "m/s", 0.0001, 0.001, A, ""),
)

DRIVE = _table(
    ("speed_tau_s", 0.3, "s", 0.1, 1.0, A, "drive with its own speed loop"),
    ("brake_m_per_s2", 0.8, "m/s2", 0.6, 2.0, A, "20 m/min to rest within 0.5 s"),
    ("torque_rated_nm", 240.0, "N m", 120.0, 480.0, A, "52 % at 600 N/mm (66 kN)"),
    ("torque_arm_m", 0.0012, "m", 0.0005, 0.002, A, "rolling moment, both rolls"),
    ("torque_friction_m", 0.00048, "m", 0.0002, 0.001, A, "bearings, both rolls"),
    ("torque_idle_nm", 12.0, "N m", 5.0, 40.0, A, ""),
    ("torque_slip", 0.05, "-", 0.0, 0.2, A, "friction per roll speed ratio"),
    ("drive_efficiency", 0.85, "-", 0.7, 0.95, A, ""),
    ("pump_w", 800.0, "W", 400.0, 2000.0, A, "hydraulic pump of a 66 kN mill"),
    ("oil_pump_w", 750.0, "W", 300.0, 1500.0, A, ""),
    ("standby_w", 300.0, "W", 100.0, 600.0, A, ""),
    ("web_stiffness_n", 40000.0, "N", 15000.0, 80000.0, A, "web and load-cell rolls, per strain"),
    ("span_in_m", 2.0, "m", 0.5, 4.0, A, ""),
    ("span_out_m", 2.0, "m", 0.5, 4.0, A, ""),
    ("dancer_n", 40.0, "N", 20.0, 80.0, A, "tension upstream"),
    ("elongation", 0.01, "-", 0.002, 0.015, A, "of aluminium foil at 1000 N/mm"),
    ("gauge_m", 1.25, "m", 0.5, 1.27, A, "nip to gauge; at most the ring of the model"),
)

CALENDER_HEAT = _table(
    ("roll_j_per_k", 75000.0, "J/K", 50000.0, 150000.0, C, "154 kg of steel a roll"),
    ("roll_oil_w_per_k", 50.0, "W/K", 30.0, 80.0, A, "gives 1500 s with the roll's mass"),
    ("roll_air_w_per_k", 5.0, "W/K", 2.0, 10.0, A, "roll to the air around"),
    ("roll_asymmetry", 0.03, "-", 0.0, 0.1, A, "oil flow: upper roll less, lower roll more"),
    ("oil_j_per_k", 25000.0, "J/K", 15000.0, 80000.0, A, "12 kg"),
    ("oil_air_w_per_k", 15.0, "W/K", 5.0, 30.0, A, ""),
    ("oil_delay_s", 40.0, "s", 20.0, 90.0, A, "pipes and drilled channels"),
    ("heater_w", 18000.0, "W", 9000.0, 36000.0, A, ""),
    ("nip_heat_share", 0.6, "-", 0.0, 1.0, A, "of the rolling power that warms the rolls"),
)


SECTIONS: Mapping[str, Mapping[str, tuple[Parameter, ...]]] = MappingProxyType(
    {
        "line": {"coupling": COUPLING},
        "web": {"buffer": BUFFER},
        "day": {"surroundings": DAY},
        "film": {"film": FILM, "resistance": RESISTANCE},
        "enclosure": {
            "rotor": ROTOR,
            "air handling": AIR_HANDLING,
            "enclosure": ENCLOSURE,
            "pass box": PASS_BOX,
            "sulfide": SULFIDE,
            "rooms": ROOM,
            "grey room": GREY_ROOM,
            "dry rooms of the baseline": DRY_ROOM,
        },
        "coater": {
            "feeder": FEEDER,
            "mixer": MIXER,
            "binder": BINDER,
            "nips": NIPS,
            "forming": FORMING,
            "web": WEB,
            "heat": COATER_HEAT,
        },
        "calender": {
            "compaction": COMPACTION,
            "mill": MILL,
            "drive": DRIVE,
            "heat": CALENDER_HEAT,
        },
    }
)
"""All tables by section and title. A name is unique within a section and the film's."""

_WITH_FILM = ("coater", "calender")


def table(section: str) -> tuple[Parameter, ...]:
    """All rows a section's model knows; coater and calender know the film's too."""
    names = ("film", section) if section in _WITH_FILM else (section,)
    return tuple(row for name in names for rows in SECTIONS[name].values() for row in rows)


def numbers(section: str, overrides: Mapping[str, float] | None = None) -> dict[str, float]:
    """Values of `table` by name, some overridden; ValueError names those that do not exist."""
    found = values(table(section))
    unknown = sorted(set(overrides or {}) - set(found))
    if unknown:
        raise ValueError(f"{section}: unknown parameters: {', '.join(unknown)}")
    return found | dict(overrides or {})
