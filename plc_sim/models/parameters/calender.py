"""The calender: the film under its rolls, its drive and its heat."""

from plc_sim.models.parameters.rows import A, C, rows

COMPACTION = rows(
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

MILL = rows(
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

DRIVE = rows(
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

CALENDER_HEAT = rows(
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
