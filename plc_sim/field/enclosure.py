"""Instruments of the enclosure, in the order of the model's SENSORS, and their faults.

The capacitive frost-point probes answer fast to moisture and slowly to dryness (order of magnitude
after domnick hunter and Xentaur notes; the figures are assumed). They hold their output for 65 s of
auto-calibration every hour and for some minutes of sensor purge once a day without saying so
(Vaisala DMP248 and DMT143 manuals: 60-70 s; several minutes a day). The chilled mirror is slow at
low frost points and keeps its reading while it cleans itself, and says so (MSL Technical Guide 24;
how often and how long is assumed). Ranges are those of the tags. Lags, noise and steps of all other
instruments are assumed, as good industrial instruments have them: 0.5 % for flow and power meters,
some hundredths of a kelvin and seconds of lag for thermometers in a pocket.
"""

from plc_sim.instruments import Hold, Instrument, InstrumentFault

AUTO_CALIBRATION = Hold(every_s=3600.0, for_s=65.0)
SENSOR_PURGE = Hold(every_s=86400.0, for_s=300.0)
MIRROR_CLEANING = Hold(every_s=12 * 3600.0, for_s=300.0, marked=True)


def _capacitive(sensor: str) -> Instrument:
    return Instrument(
        sensor=sensor,
        period_s=1.0,
        tau_s=12.0,
        tau_down_s=35.0,
        slow_share=0.15,
        slow_tau_s=240.0,
        noise=0.08,
        step=0.1,
        low=-100.0,
        high=20.0,
        holds=(AUTO_CALIBRATION, SENSOR_PURGE),
    )


def _slow(sensor: str, tau_s: float, noise: float, high: float, low: float = 0.0) -> Instrument:
    return Instrument(
        sensor=sensor, period_s=1.0, tau_s=tau_s, noise=noise, step=0.01, low=low, high=high
    )


def _meter(sensor: str, high: float) -> Instrument:
    return Instrument(
        sensor=sensor, period_s=5.0, tau_s=2.0, noise_relative=0.005, step=0.01, low=0.0, high=high
    )


def _contact(sensor: str, period_s: float = 0.5) -> Instrument:
    return Instrument(sensor=sensor, period_s=period_s)


INSTRUMENTS: tuple[Instrument, ...] = (
    Instrument(sensor="pressure_pa", tau_s=0.1, noise=0.3, step=0.1, low=-100.0, high=300.0),
    Instrument(
        sensor="makeup_flow_m3_h",
        period_s=0.5,
        tau_s=0.5,
        noise_relative=0.005,
        step=0.1,
        low=0.0,
        high=600.0,
    ),
    Instrument(sensor="makeup_damper_pct", period_s=0.5, step=0.1, low=0.0, high=100.0),
    Instrument(sensor="fan_pct", period_s=0.5, step=0.1, low=0.0, high=100.0),
    Instrument(sensor="regeneration_flow_pct", period_s=0.1, step=0.1, low=0.0, high=100.0),
    Instrument(
        sensor="flow_m3_h",
        period_s=0.5,
        tau_s=1.0,
        noise_relative=0.005,
        step=0.1,
        low=0.0,
        high=2500.0,
    ),
    _capacitive("dp_zone_degc"),
    _capacitive("dp_return_degc"),
    _capacitive("dp_supply_degc"),
    Instrument(
        sensor="dp_reference_degc",
        period_s=10.0,
        tau_s=60.0,
        tau_down_s=150.0,
        noise=0.05,
        step=0.1,
        low=-100.0,
        high=20.0,
        holds=(MIRROR_CLEANING,),
    ),
    _slow("temp_degc", 15.0, 0.02, 50.0, -20.0),
    _slow("h2s_ppm", 10.0, 0.01, 50.0),
    _slow("oxygen_pct", 10.0, 0.02, 25.0),
    _capacitive("pass_box_dp_degc"),
    Instrument(
        sensor="regeneration_degc",
        period_s=0.5,
        tau_s=6.0,
        noise=0.1,
        step=0.1,
        low=0.0,
        high=300.0,
    ),
    Instrument(sensor="chw_valve_pct", period_s=1.0, step=0.1, low=0.0, high=100.0),
    _slow("regeneration_exit_degc", 10.0, 0.1, 200.0),
    _slow("rotor_speed_rev_h", 0.0, 0.01, 20.0),
    _slow("rotor_inlet_degc", 10.0, 0.03, 60.0),
    _slow("post_cooler_degc", 10.0, 0.03, 60.0),
    _slow("filter_dp_pa", 1.0, 1.0, 800.0),
    _meter("power_regeneration_kw", 60.0),
    _meter("power_fan_kw", 60.0),
    _meter("power_cooling_kw", 60.0),
    Instrument(
        sensor="grey_dp_degc",
        period_s=5.0,
        tau_s=12.0,
        tau_down_s=35.0,
        noise=0.08,
        step=0.1,
        low=-60.0,
        high=20.0,
    ),
    Instrument(sensor="grey_temp_degc", period_s=5.0, tau_s=15.0, noise=0.03, step=0.1),
    _meter("grey_power_kw", 100.0),
    Instrument(sensor="outdoor_degc", period_s=60.0, noise=0.05, step=0.1, low=-20.0, high=50.0),
    Instrument(sensor="outdoor_g_kg", period_s=60.0, noise=0.02, step=0.01, low=0.0, high=40.0),
    _contact("rotor_pulses", 1.0),
    _contact("glove_mask", 1.0),
    _contact("door_mask", 0.1),
    _contact("pass_box_requests", 1.0),
    _contact("pass_box_outer_open"),
    _contact("pass_box_inner_open"),
    _contact("limiter_ok"),
    _contact("occupied", 5.0),
)

# Fault name -> sensor and fault of its instrument; levels need no conversion.
FAULTS: dict[str, tuple[str, InstrumentFault]] = {
    "dew_point_drift": ("dp_zone_degc", InstrumentFault.DRIFT),
    "dew_point_frozen": ("dp_zone_degc", InstrumentFault.FROZEN),
    "mirror_dirty": ("dp_reference_degc", InstrumentFault.OFFSET),
    "oxygen_cell_drift": ("oxygen_pct", InstrumentFault.OFFSET),
}
