"""The closed table of units: what may stand in the I/O list, and what it means on the wire.

Codes are the common codes of UNECE Recommendation 20, as OPC UA Part 8 wants them for
EngineeringUnits. The table is closed on purpose: a new unit is one line here, never a free text
in a file, so that two spellings of one unit cannot meet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import pi
from types import MappingProxyType


class Dimension(StrEnum):
    """What a unit measures; only units of one dimension convert into each other."""

    NONE = "none"
    ANGLE = "angle"
    AREAL_MASS = "areal mass"
    AREAL_RESISTANCE = "areal resistance"
    DENSITY = "density"
    ENERGY = "energy"
    FORCE = "force"
    FREQUENCY = "frequency"
    LENGTH = "length"
    LINE_LOAD = "line load"
    MASS = "mass"
    MASS_FLOW = "mass flow"
    POWER = "power"
    PRESSURE = "pressure"
    RATIO = "ratio"
    ROTATION = "rotation"
    SPECIFIC_ENERGY = "specific energy"
    SPEED = "speed"
    TEMPERATURE = "temperature"
    TIME = "time"
    TORQUE = "torque"
    VOLUME_FLOW = "volume flow"
    VOLUME_RATIO = "volume ratio"
    MASS_RATIO = "mass ratio"


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: SI value = value * factor + offset.

    unece: common code, "" where Recommendation 20 has none.
    """

    symbol: str
    name: str
    unece: str
    dimension: Dimension
    factor: float = 1.0
    offset: float = 0.0


_H = 3600.0
_ZERO_DEGC_K = 273.15

_TABLE = (
    Unit("", "none", "", Dimension.NONE),
    Unit("-", "one", "C62", Dimension.RATIO),
    Unit("%", "percent", "P1", Dimension.RATIO, 1e-2),
    Unit("ppm", "part per million", "59", Dimension.VOLUME_RATIO, 1e-6),
    Unit("ppmv", "part per million by volume", "59", Dimension.VOLUME_RATIO, 1e-6),
    Unit("g/kg", "gram per kilogram", "GK", Dimension.MASS_RATIO, 1e-3),
    Unit("degC", "degree Celsius", "CEL", Dimension.TEMPERATURE, 1.0, _ZERO_DEGC_K),
    Unit("K", "kelvin", "KEL", Dimension.TEMPERATURE),
    Unit("Pa", "pascal", "PAL", Dimension.PRESSURE),
    Unit("kPa", "kilopascal", "KPA", Dimension.PRESSURE, 1e3),
    Unit("MPa", "megapascal", "MPA", Dimension.PRESSURE, 1e6),
    Unit("mbar", "millibar", "MBR", Dimension.PRESSURE, 100.0),
    Unit("bar", "bar", "BAR", Dimension.PRESSURE, 1e5),
    Unit("m3/h", "cubic metre per hour", "MQH", Dimension.VOLUME_FLOW, 1 / _H),
    Unit("m3/s", "cubic metre per second", "MQS", Dimension.VOLUME_FLOW),
    Unit("l/min", "litre per minute", "L2", Dimension.VOLUME_FLOW, 1e-3 / 60),
    Unit("kg/h", "kilogram per hour", "E93", Dimension.MASS_FLOW, 1 / _H),
    Unit("kg/s", "kilogram per second", "KGS", Dimension.MASS_FLOW),
    Unit("g", "gram", "GRM", Dimension.MASS, 1e-3),
    Unit("kg", "kilogram", "KGM", Dimension.MASS),
    Unit("mg/cm2", "milligram per square centimetre", "H63", Dimension.AREAL_MASS, 1e-2),
    Unit("g/m2", "gram per square metre", "GM", Dimension.AREAL_MASS, 1e-3),
    Unit("g/cm3", "gram per cubic centimetre", "23", Dimension.DENSITY, 1e3),
    Unit("g/m3", "gram per cubic metre", "A93", Dimension.DENSITY, 1e-3),
    Unit("kg/m3", "kilogram per cubic metre", "KMQ", Dimension.DENSITY),
    Unit("um", "micrometre", "4H", Dimension.LENGTH, 1e-6),
    Unit("mm", "millimetre", "MMT", Dimension.LENGTH, 1e-3),
    Unit("m", "metre", "MTR", Dimension.LENGTH),
    Unit("m/min", "metre per minute", "2X", Dimension.SPEED, 1 / 60),
    Unit("m/s", "metre per second", "MTS", Dimension.SPEED),
    Unit("1/min", "reciprocal minute", "C94", Dimension.ROTATION, 1 / 60),
    Unit("rev/h", "revolution per hour", "", Dimension.ROTATION, 1 / _H),
    Unit("Hz", "hertz", "HTZ", Dimension.FREQUENCY),
    Unit("deg", "degree of angle", "DD", Dimension.ANGLE, pi / 180),
    Unit("rad", "radian", "C81", Dimension.ANGLE),
    Unit("N", "newton", "NEW", Dimension.FORCE),
    Unit("kN", "kilonewton", "B47", Dimension.FORCE, 1e3),
    Unit("N/mm", "newton per millimetre", "F47", Dimension.LINE_LOAD, 1e3),
    Unit("N/m", "newton per metre", "4P", Dimension.LINE_LOAD),
    Unit("N.m", "newton metre", "NU", Dimension.TORQUE),
    Unit("J", "joule", "JOU", Dimension.ENERGY),
    Unit("kJ", "kilojoule", "KJO", Dimension.ENERGY, 1e3),
    Unit("kWh", "kilowatt hour", "KWH", Dimension.ENERGY, 3.6e6),
    Unit("kJ/kg", "kilojoule per kilogram", "B42", Dimension.SPECIFIC_ENERGY, 1e3),
    Unit("W", "watt", "WTT", Dimension.POWER),
    Unit("kW", "kilowatt", "KWT", Dimension.POWER, 1e3),
    Unit("ohm.cm2", "ohm square centimetre", "", Dimension.AREAL_RESISTANCE, 1e-4),
    Unit("ms", "millisecond", "C26", Dimension.TIME, 1e-3),
    Unit("s", "second", "SEC", Dimension.TIME),
    Unit("min", "minute", "MIN", Dimension.TIME, 60.0),
    Unit("h", "hour", "HUR", Dimension.TIME, _H),
)

UNITS: Mapping[str, Unit] = MappingProxyType({unit.symbol: unit for unit in _TABLE})


def convert(value: float, source: str, target: str) -> float:
    """`value` in the unit `source`, expressed in the unit `target`.

    For levels, not for differences: 1 degC becomes 274.15 K. Raises KeyError for an unknown symbol
    and ValueError when the two units do not measure the same.
    """
    a, b = UNITS[source], UNITS[target]
    if a.dimension is not b.dimension:
        raise ValueError(f"{source} is {a.dimension}, {target} is {b.dimension}: no conversion")
    return (value * a.factor + a.offset - b.offset) / b.factor
