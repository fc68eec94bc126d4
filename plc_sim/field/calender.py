"""Instruments of the calender, in the order of the model's SENSORS, and their own faults.

All figures are assumed, as good industrial instruments have them: load cells 0.07 %, laser gauges
0.35 um of noise at 0.1 um of resolution, gap sensors 0.1 um, 8 s of lag for the thermometers of the
rolls. Ranges are those of the tags.
"""

from plc_sim.instruments import Instrument, InstrumentFault

INSTRUMENTS: tuple[Instrument, ...] = (
    Instrument(sensor="load_ds", tau_s=0.05, noise_relative=7e-4, step=0.1, low=0.0, high=1500.0),
    Instrument(sensor="load_os", tau_s=0.05, noise_relative=7e-4, step=0.1, low=0.0, high=1500.0),
    Instrument(sensor="gap", noise=0.1, step=0.05, low=-300.0, high=2500.0),
    Instrument(sensor="v", step=0.001, low=0.0, high=20.0),
    Instrument(sensor="ratio", period_s=0.2, step=0.001, low=0.98, high=1.2),
    Instrument(
        sensor="troll_u", period_s=1.0, tau_s=8.0, noise=0.03, step=0.1, low=-20.0, high=250.0
    ),
    Instrument(
        sensor="troll_l", period_s=1.0, tau_s=8.0, noise=0.03, step=0.1, low=-20.0, high=250.0
    ),
    Instrument(sensor="toil", period_s=1.0, tau_s=5.0, noise=0.05, step=0.1, low=-20.0, high=250.0),
    Instrument(sensor="thk_c", noise=0.35, step=0.1, low=0.0, high=300.0),
    Instrument(sensor="thk_ds", noise=0.35, step=0.1, low=0.0, high=300.0),
    Instrument(sensor="thk_os", noise=0.35, step=0.1, low=0.0, high=300.0),
    Instrument(
        sensor="loading",
        period_s=1.0,
        tau_s=1.0,
        noise_relative=0.002,
        step=0.01,
        low=0.0,
        high=60.0,
    ),
    Instrument(sensor="angle", step=0.1, low=0.0, high=360.0),
    Instrument(sensor="tens_in", tau_s=0.1, noise_relative=0.005, step=0.1, low=0.0, high=300.0),
    Instrument(sensor="tens_out", tau_s=0.1, noise_relative=0.005, step=0.1, low=0.0, high=300.0),
    Instrument(
        sensor="torque",
        period_s=0.2,
        tau_s=0.2,
        noise_relative=0.006,
        step=0.1,
        low=0.0,
        high=120.0,
    ),
    Instrument(sensor="guard"),
    Instrument(sensor="estop"),
    Instrument(sensor="permit"),
    Instrument(sensor="meter", period_s=0.5, step=0.01),
    Instrument(sensor="buffer", period_s=0.2, noise=0.05, step=0.1, low=0.0, high=100.0),
    Instrument(sensor="power", period_s=1.0, tau_s=1.0, noise_relative=0.005, step=0.01, low=0.0),
)

# Fault name -> sensor and fault of its instrument; dirt sits on the middle gauge, which controls.
FAULTS: dict[str, tuple[str, InstrumentFault]] = {"gauge_dirt": ("thk_c", InstrumentFault.DRIFT)}

# Level of the instrument's fault per level of the fault table: um/h to um/day.
FAULT_SCALES: dict[str, float] = {"gauge_dirt": 24.0}
