"""Every number of the enclosure's physics: value, unit, plausible range, source."""

from plc_sim.models.parameter import Parameter, Source

_PUB, _COMP, _ASS, _KNOWN = Source.PUBLISHED, Source.COMPUTED, Source.ASSUMED, Source.KNOWN


def _p(  # one row of a table
    name: str,
    value: float,
    unit: str,
    limits: tuple[float, float],
    source: Source,
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


ROTOR: tuple[Parameter, ...] = (
    _p("rotor_process_sector", 270.0, "deg", (240.0, 300.0), _ASS, "45 purge, 45 regeneration"),
    _p("rotor_depth", 0.4, "m", (0.2, 0.4), _ASS),
    _p("rotor_face_velocity", 2.0, "m/s", (1.5, 3.5), _ASS, "at design flow"),
    _p("rotor_matrix_heat", 950.0, "J/(kg K)", (800.0, 1100.0), _KNOWN),
    _p("rotor_cooling_share", 0.10, "-", (0.02, 0.3), _ASS, "b0: matrix not fully heated"),
    _p("rotor_load_share", 0.70, "-", (0.4, 1.0), _COMP, "b1: fit to a wheel benchmark (Worek)"),
    _p("rotor_capacity", 0.30, "kg/kg", (0.15, 0.35), _ASS, "working capacity of the matrix"),
    _p("rotor_ntu_200mm", 4.6, "-", (3.0, 6.0), _COMP, "at 2 m/s: fit to a wheel benchmark"),
    _p("rotor_purge_recovery", 0.65, "-", (0.4, 0.8), _ASS, "share of carried heat recovered"),
    _p("rotor_seal_leak", 0.003, "-", (0.0005, 0.1), _ASS, "inlet air past the seals"),
    _p("rotor_heat_ratio", 1.1, "-", (1.0, 1.3), _KNOWN, "adsorption over evaporation heat"),
    _p("rotor_lag_revolutions", 0.35, "rev", (0.2, 0.5), _ASS, "lag of the outlet humidity"),
    _p("rotor_transport", 45.0, "s", (20.0, 120.0), _ASS),
    _p("evaporation_heat", 2.5e6, "J/kg", (2.4e6, 2.6e6), _KNOWN),
)

AIR_HANDLING: tuple[Parameter, ...] = (
    _p("supply_design", 1800.0, "m3/h", (1200.0, 2900.0), _ASS, "50 air changes per hour"),
    _p("regeneration_ratio", 1.0 / 6.0, "-", (0.12, 0.25), _ASS, "regeneration over supply flow"),
    _p("fan_pressure", 2150.0, "Pa", (1200.0, 3000.0), _ASS, "coils, rotor 400 mm, HEPA"),
    _p("regeneration_fan_pressure", 1500.0, "Pa", (800.0, 2000.0), _ASS),
    _p("fan_efficiency", 0.6, "-", (0.45, 0.75), _KNOWN),
    _p("fan_ramp", 2.0, "%/s", (0.5, 5.0), _ASS),
    _p("heater_rated", 25e3, "W", (15e3, 40e3), _COMP, "2.5 K per % at full flow"),
    _p("heater_capacity", 9050.0, "J/K", (4000.0, 20000.0), _COMP, "90 s at full flow"),
    _p("heater_loss", 0.10, "-", (0.02, 0.2), _ASS, "of the heater power, to the grey room"),
    _p("cooling_cop", 3.5, "-", (2.5, 5.0), _KNOWN),
    _p("chilled_water", 7.0, "degC", (5.0, 12.0), _KNOWN),
    _p("cooler_effectiveness", 0.8, "-", (0.5, 0.9), _ASS, "post-cooler, valve fully open"),
    _p("cooler_lag", 15.0, "s", (5.0, 60.0), _ASS),
    _p("rotor_inlet_set_point", 15.0, "degC", (10.0, 25.0), _ASS, "behind the pre-cooler"),
    _p("auxiliary_power", 100.0, "W", (20.0, 500.0), _ASS, "rotor drive, PLC, dampers"),
    _p("makeup_flow_open", 600.0, "m3/h", (400.0, 900.0), _ASS, "damper fully open, full fan"),
    _p("makeup_damper_rate", 40.0, "%/s", (10.0, 100.0), _ASS),
    _p("chw_valve_band", 2.5, "%", (0.0, 5.0), _ASS, "stiction of the chilled-water valve"),
    _p("filter_clean", 180.0, "Pa", (100.0, 300.0), _ASS, "at full flow"),
    _p("exhaust_flow_open", 300.0, "m3/h", (100.0, 500.0), _ASS, "scrubber branch, fully open"),
)

ENCLOSURE: tuple[Parameter, ...] = (
    _p("volume", 36.0, "m3", (20.0, 60.0), _ASS, "four cells"),
    _p("dead_share", 0.12, "-", (0.02, 0.3), _ASS, "badly flushed share of the volume"),
    _p("dead_tau", 900.0, "s", (300.0, 3600.0), _ASS),
    _p("sorption_fast", 0.002, "kg", (0.0005, 0.01), _ASS, "at 100 Pa: metal surfaces"),
    _p("sorption_fast_tau", 600.0, "s", (200.0, 1800.0), _ASS),
    _p("sorption_slow", 0.015, "kg", (0.003, 0.1), _ASS, "at 100 Pa: polymers, gloves, belts"),
    _p("sorption_slow_tau", 21600.0, "s", (7200.0, 86400.0), _ASS),
    _p("sorption_per_k", 0.07, "1/K", (0.03, 0.1), _ASS, "warmer walls hold less"),
    _p("glove_ports", 24.0, "-", (4.0, 48.0), _ASS),
    _p("glove_idle", 0.01, "g/h", (0.001, 0.05), _ASS, "per glove; butyl to neoprene"),
    _p("glove_used_factor", 4.0, "-", (2.0, 8.0), _ASS, "permeation of a glove in use"),
    _p("glove_work", 0.345, "g/h", (0.1, 1.0), _ASS, "pumping and cuff, per glove in use"),
    _p("glove_volume", 0.003, "m3", (0.001, 0.005), _ASS, "pushed in or pulled out"),
    _p("glove_stroke", 0.5, "s", (0.2, 5.0), _ASS),
    _p("powder_moisture", 150e-6, "kg/kg", (20e-6, 500e-6), _ASS, "pre-dried powder"),
    _p("powder_release", 0.30, "-", (0.1, 0.8), _ASS, "share released in the enclosure"),
    _p("slot_flow_still", 0.05, "m3/h", (0.01, 0.1), _ASS, "back-diffusion, web standing"),
    _p("slot_flow_per_speed", 0.9, "m3/h per m/s", (0.3, 2.0), _ASS, "0.35 m3/h at 20 m/min"),
    _p("window_release", 0.6, "g/h", (0.065, 2.7), _COMP, "20 m2 polycarbonate, after a day"),
    _p("outgassing", 0.6, "g/h", (0.1, 3.0), _ASS, "cables, belts, lubricants"),
    _p("leak_flow", 60.0, "m3/h", (5.0, 120.0), _ASS, "exfiltration at 50 Pa, web slots"),
    _p("leak_exponent", 0.65, "-", (0.5, 1.0), _KNOWN),
    _p("door_area", 0.8, "m2", (0.2, 2.0), _ASS, "one open door"),
    _p("door_exchange", 300.0, "m3/h", (50.0, 1000.0), _ASS, "air exchanged through it"),
    _p("relief_area", 0.02, "m2", (0.005, 0.1), _ASS),
    _p("air_heat", 43.0e3, "J/K", (20e3, 80e3), _COMP, "air of the enclosure"),
    _p("mass_heat", 900.0e3, "J/K", (3e5, 3e6), _ASS, "machine frames, 2 t of steel"),
    _p("mass_ua", 1000.0, "W/K", (300.0, 3000.0), _ASS, "air to frames: 15 min"),
    _p("wall_ua", 120.0, "W/K", (40.0, 300.0), _ASS, "to the grey room"),
    _p("base_heat", 800.0, "W", (200.0, 3000.0), _ASS, "lamps and controls"),
    _p("pass_box_volume", 0.1, "m3", (0.02, 0.5), _ASS),
    _p("pass_box_purge", 6.0, "m3/h", (2.0, 20.0), _ASS),
    _p("pass_box_exchange_tau", 10.0, "s", (3.0, 60.0), _ASS, "door open"),
    _p("powder_exposed", 100.0, "g", (10.0, 1000.0), _ASS),
    _p("h2s_rate", 1.6e-3, "cm3/(g h ppmv)", (1e-4, 1e-2), _COMP, "linearised, GM 2022"),
    _p("h2s_per_g_water", 1100.0, "cm3/g", (100.0, 1300.0), _ASS, "of water spilt on powder"),
    _p("h2s_release_tau", 120.0, "s", (30.0, 600.0), _ASS),
    _p("spill_evaporates", 0.3, "-", (0.0, 1.0), _ASS, "share of spilt water that evaporates"),
)

ROOM: tuple[Parameter, ...] = (
    _p("room_volume", 480.0, "m3", (300.0, 1000.0), _ASS, "160 m2 x 3 m"),
    _p("room_temperature", 22.0, "degC", (18.0, 26.0), _ASS),
    _p("person_water", 120.0, "g/h", (100.0, 200.0), _KNOWN),
    _p("person_heat", 100.0, "W", (80.0, 150.0), _KNOWN, "sensible"),
    _p("room_lights", 1600.0, "W", (500.0, 4000.0), _ASS),
    _p("fresh_dew_point", 8.0, "degC", (4.0, 12.0), _ASS, "pre-cooled outside air"),
    _p("room_heater_loss", 0.04, "-", (0.01, 0.1), _ASS, "of the heater power"),
)
