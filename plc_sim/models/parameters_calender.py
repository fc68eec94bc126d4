"""Parameters of the calender, its web and its film. SI units, temperatures in degC."""

from plc_sim.models.parameter import Parameter, Source


def _p(
    name: str,
    value: float,
    unit: str,
    limits: tuple[float, float],
    note: str = "",
    source: Source = Source.ASSUMED,
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


FILM: tuple[Parameter, ...] = (
    _p("limit_kg_m3", 3260.0, "kg/m3", (3100.0, 3450.0), "limit of the exponential law"),
    _p(
        "theoretical_kg_m3",
        3620.0,
        "kg/m3",
        (3400.0, 3800.0),
        "80/17/2/1 wt% NCM/LPSCl/carbon/PTFE",
        Source.COMPUTED,
    ),
    _p(
        "gamma_n_per_m", 400e3, "N/m", (280e3, 520e3), "form: Meyer et al. 2017; value fitted later"
    ),
    _p("softening_per_k", 0.0035, "1/K", (0.001, 0.006), "fall of gamma with roll temperature"),
    _p("reference_degc", 80.0, "degC", (60.0, 120.0), "where gamma holds"),
    _p("springback_floor", 0.03, "-", (0.01, 0.06)),
    _p("springback_extra", 0.02, "-", (0.0, 0.04)),
    _p("springback_decay_n_per_m", 500e3, "N/m", (300e3, 800e3)),
    _p(
        "heckel_k_per_pa",
        3.86e-9,
        "1/Pa",
        (2e-9, 6e-9),
        "same density as the exponential law at 600 N/mm",
        Source.COMPUTED,
    ),
    _p("heckel_draft_m", 50e-6, "m", (20e-6, 120e-6), "150 um film to 100 um"),
    _p("hardness_sd", 0.008, "-", (0.0, 0.03), "slow wander of the film's resistance"),
    _p("hardness_tau_s", 300.0, "s", (60.0, 1800.0)),
    _p(
        "edge_follow", 0.3, "-", (0.0, 1.0), "share of a thin edge that stays thin: rolls are stiff"
    ),
    _p(
        "shear_softening",
        0.3,
        "-",
        (0.0, 1.0),
        "fall of the film's resistance per roll speed ratio",
    ),
    _p("film_heat_j_per_kg_k", 900.0, "J/(kg K)", (600.0, 1100.0), "film and foil"),
)

MILL: tuple[Parameter, ...] = (
    _p("roll_diameter_m", 0.25, "m", (0.2, 0.4)),
    _p("web_width_m", 0.3, "m", (0.1, 0.6)),
    _p("mill_n_per_m", 1e9, "N/m", (0.5e9, 1.2e9), "whole mill: 1 MN/mm"),
    _p("frame_share", 0.81, "-", (0.7, 0.9), "of the mill's stretch: seen by the gap sensors"),
    _p("run_out_m", 1e-6, "m", (0.5e-6, 3e-6), "below 5 um is claimed for dry films"),
    _p(
        "growth_m_per_k",
        2.9e-6,
        "m/K",
        (2.5e-6, 3.3e-6),
        "two 250 mm rolls, 11.5e-6 1/K",
        Source.COMPUTED,
    ),
    _p("growth_zero_degc", 80.0, "degC", (20.0, 120.0), "roll temperature at which gap was zeroed"),
    _p("crown_share", 0.02, "-", (0.0, 0.05), "of the roll growth that bulges the middle"),
    _p("load_tau_s", 0.8, "s", (0.3, 1.5), "hydraulic cylinder"),
    _p("stiction_n_per_m", 3e3, "N/m", (0.0, 6e3), "servo valve"),
    _p("gain_ds", 0.99, "-", (0.9, 1.1), "force per demanded force, drive side"),
    _p("gain_os", 0.97, "-", (0.9, 1.1), "the same, operator side"),
    _p("release_tau_s", 0.08, "s", (0.03, 0.15), "load when the rolls open"),
    _p("ratio_tau_s", 0.5, "s", (0.2, 2.0)),
    _p("open_m", 2e-3, "m", (1e-3, 5e-3), "opening of the rolls"),
    _p("open_m_per_s", 6e-3, "m/s", (4e-3, 10e-3)),
    _p("close_m_per_s", 0.5e-3, "m/s", (0.1e-3, 1e-3)),
)

DRIVE: tuple[Parameter, ...] = (
    _p("speed_tau_s", 0.3, "s", (0.1, 1.0), "drive with its own speed loop"),
    _p("brake_m_per_s2", 0.8, "m/s2", (0.6, 2.0), "20 m/min to rest within 0.5 s"),
    _p("torque_rated_nm", 600.0, "N m", (300.0, 1200.0)),
    _p("torque_arm_m", 1.2e-3, "m", (0.5e-3, 2e-3), "rolling moment, both rolls"),
    _p("torque_friction_m", 0.48e-3, "m", (0.2e-3, 1e-3), "bearings, both rolls"),
    _p("torque_idle_nm", 12.0, "N m", (5.0, 40.0)),
    _p("torque_slip", 0.05, "-", (0.0, 0.2), "friction per roll speed ratio"),
    _p("drive_efficiency", 0.85, "-", (0.7, 0.95)),
    _p("pump_w", 1500.0, "W", (800.0, 3000.0), "hydraulic pump"),
    _p("oil_pump_w", 750.0, "W", (300.0, 1500.0)),
    _p("standby_w", 300.0, "W", (100.0, 600.0)),
    _p("web_stiffness_n", 40e3, "N", (15e3, 80e3), "of web and load-cell rolls per unit strain"),
    _p("span_in_m", 2.0, "m", (0.5, 4.0)),
    _p("span_out_m", 2.0, "m", (0.5, 4.0)),
    _p("dancer_n", 40.0, "N", (20.0, 80.0), "tension upstream"),
    _p("elongation", 0.01, "-", (0.002, 0.015), "of aluminium foil at 1000 N/mm"),
    _p("gauge_m", 1.25, "m", (0.5, 1.27), "nip to gauge; at most the ring of the model"),
)

HEAT: tuple[Parameter, ...] = (
    _p("roll_j_per_k", 75e3, "J/K", (50e3, 150e3), "154 kg of steel a roll", Source.COMPUTED),
    _p("roll_oil_w_per_k", 50.0, "W/K", (30.0, 80.0), "gives 1500 s with the roll's mass"),
    _p("roll_air_w_per_k", 5.0, "W/K", (2.0, 10.0), "roll to the air around"),
    _p("roll_asymmetry", 0.03, "-", (0.0, 0.1), "oil flow: upper roll less, lower roll more"),
    _p("oil_j_per_k", 25e3, "J/K", (15e3, 80e3), "12 kg"),
    _p("oil_air_w_per_k", 15.0, "W/K", (5.0, 30.0)),
    _p("oil_delay_s", 40.0, "s", (20.0, 90.0), "pipes and drilled channels"),
    _p("heater_w", 18e3, "W", (9e3, 36e3)),
    _p("nip_heat_share", 0.6, "-", (0.0, 1.0), "of the rolling power that warms the rolls"),
)

CALENDER: tuple[Parameter, ...] = FILM + MILL + DRIVE + HEAT
