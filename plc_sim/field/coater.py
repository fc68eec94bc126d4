"""Instruments of the coater, in the order of the model's SENSORS.

The loading gauge and the inferred index make their noise and delay in the model, where the film
is; their instruments only pass the value on.

All figures are assumed, as good industrial instruments have them: scales that see 0.2 g, 12 s of
lag for thermometers in a pocket, 1 % for torque, 3 % for the power difference of the roll motors
(what is left after idle torque is taken off), 0.5 to 1 % for load cells. Ranges are those of the
tags.
"""

from collections.abc import Mapping

from plc_sim.instruments import Instrument, InstrumentFault


def _thermometer(sensor: str) -> Instrument:
    return Instrument(
        sensor=sensor, period_s=1.0, tau_s=12.0, noise=0.04, step=0.01, low=-20.0, high=250.0
    )


def _contact(sensor: str) -> Instrument:
    return Instrument(sensor=sensor, period_s=0.1)


INSTRUMENTS: tuple[Instrument, ...] = (
    Instrument(sensor="hopper_kg", period_s=0.5, noise=0.0002, low=0.0, high=40.0),
    Instrument(sensor="screw_rpm", period_s=0.2, noise_relative=0.001, step=0.1, high=660.0),
    Instrument(
        sensor="torque_pct", period_s=0.2, tau_s=0.4, noise_relative=0.01, low=0.0, high=120.0
    ),
    _thermometer("barrel_degc"),
    _thermometer("roll1_degc"),
    _thermometer("roll2_degc"),
    _thermometer("roll3_degc"),
    _thermometer("oil1_degc"),
    _thermometer("oil2_degc"),
    _thermometer("oil3_degc"),
    Instrument(sensor="line_m_per_min", period_s=0.2, noise_relative=0.0003, step=0.001),
    Instrument(sensor="ratio", period_s=0.2, noise=0.0002, step=0.0001, low=1.0, high=2.0),
    Instrument(sensor="gap_um", period_s=0.2, noise=0.05, step=0.05, low=0.0, high=2500.0),
    Instrument(
        sensor="nip_power_w", period_s=0.2, tau_s=0.3, noise_relative=0.03, low=0.0, high=5000.0
    ),
    Instrument(sensor="load_centre", period_s=1.0, step=0.01, low=0.0, high=60.0),
    Instrument(sensor="load_edge", period_s=1.0, step=0.01, low=0.0, high=60.0),
    Instrument(
        sensor="film_um", period_s=0.5, noise_relative=0.0035, step=0.1, low=0.0, high=500.0
    ),
    _thermometer("lamination_degc"),
    Instrument(sensor="lamination_n_per_mm", period_s=0.5, noise_relative=0.005, step=0.1),
    Instrument(sensor="film_n", period_s=0.1, noise_relative=0.01, step=0.001, low=0.0, high=20.0),
    Instrument(sensor="foil_n", period_s=0.1, noise_relative=0.005, step=0.01, low=0.0, high=400.0),
    Instrument(sensor="meter_m", period_s=0.5, step=0.001),
    Instrument(sensor="power_kw", period_s=1.0, noise_relative=0.005, step=0.01),
    Instrument(sensor="wedge_mm", period_s=0.5, tau_s=1.0, noise_relative=0.01, step=0.1, low=0.0),
    Instrument(sensor="fibrillation_index", period_s=1.0, step=0.001, low=0.0, high=1.0),
    _contact("film_present"),
    _contact("nip_closed"),
    _contact("feed_permit"),
    _contact("rolls_permit"),
    _contact("emergency_stop"),
    _contact("buffer_permit"),
)

FAULTS: Mapping[str, tuple[str, InstrumentFault]] = {}
