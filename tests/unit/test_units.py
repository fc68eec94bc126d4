"""The table of units: closed, convertible, with the codes that OPC UA clients look up."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.units import UNITS, convert


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (-58.0, "degC", "K", 215.15),
        (1.0, "mg/cm2", "g/m2", 10.0),
        (1.2, "g/cm3", "kg/m3", 1200.0),
        (600.0, "N/mm", "N/m", 600_000.0),
        (5.0, "m/min", "m/s", 5 / 60),
        (3600.0, "kJ", "kWh", 1.0),
        (2500.0, "m3/h", "m3/s", 2500 / 3600),
        (120.0, "rev/h", "1/min", 2.0),
        (0.5, "-", "%", 50.0),
    ],
)
def test_value_in_another_unit(value: float, source: str, target: str, expected: float) -> None:
    assert convert(value, source, target) == pytest.approx(expected, rel=1e-12)


@given(st.sampled_from(sorted(UNITS)), st.floats(-1e9, 1e9))
def test_conversion_there_and_back_keeps_the_value(symbol: str, value: float) -> None:
    dimension = UNITS[symbol].dimension
    for other in UNITS.values():
        if other.dimension is dimension:
            there = convert(value, symbol, other.symbol)
            assert convert(there, other.symbol, symbol) == pytest.approx(value, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(("source", "target"), [("kg", "kg/h"), ("ppmv", "g/kg"), ("1/min", "Hz")])
def test_units_of_different_dimensions_do_not_convert(source: str, target: str) -> None:
    with pytest.raises(ValueError, match="no conversion"):
        convert(1.0, source, target)


def test_unknown_symbol_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        convert(1.0, "furlong", "m")


def test_codes_have_the_form_of_recommendation_20_and_name_one_unit_each() -> None:
    codes = [unit.unece for unit in UNITS.values() if unit.unece]
    assert all(re.fullmatch(r"[A-Z0-9]{2,3}", code) for code in codes)
    assert len(codes) - len(set(codes)) == 1  # ppm and ppmv share the code 59


def test_symbols_are_printable_ascii_without_spaces() -> None:
    assert all(re.fullmatch(r"[!-~]*", symbol) for symbol in UNITS)
