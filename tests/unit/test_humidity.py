"""Humidity formulas against an independent library and a published table."""

from math import exp, log

import psychrolib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plc_sim.models import humidity as h

# frost point degC, p Pa, ppmv, g/m3 at 20 degC, g/kg (Murphy & Koop 2005 at 101325 Pa)
TABLE = (
    (-10.0, 259.9, 2572.0, 1.921, 1.599),
    (-20.0, 103.25, 1020.0, 0.763, 0.634),
    (-30.0, 38.01, 375.0, 0.281, 0.233),
    (-40.0, 12.84, 126.8, 0.0949, 0.0789),
    (-45.0, 7.205, 71.1, 0.0533, 0.0442),
    (-50.0, 3.939, 38.9, 0.0291, 0.0242),
    (-60.0, 1.082, 10.68, 0.00800, 0.00664),
    (-65.0, 0.541, 5.34, 0.00400, 0.00332),
    (-70.0, 0.262, 2.58, 0.00194, 0.00161),
    (-80.0, 0.0548, 0.541, 0.00041, 0.00034),
)


@pytest.fixture(autouse=True)
def _si_units():
    psychrolib.SetUnitSystem(psychrolib.SI)


@pytest.mark.parametrize(("degc", "pa", "ppm", "g_m3", "g_kg"), TABLE)
def test_every_scale_agrees_with_the_table(degc, pa, ppm, g_m3, g_kg):
    p = h.ice_pressure_pa(degc)
    w = h.mass_ratio(p)
    assert p == pytest.approx(pa, rel=2e-3)
    assert h.ppmv(w) == pytest.approx(ppm, rel=2e-3)
    assert h.vapour_density(p, 20.0) == pytest.approx(g_m3, rel=2e-2)
    assert w * 1e3 == pytest.approx(g_kg, rel=2e-2)


@pytest.mark.parametrize("degc", range(-80, 0, 5))
def test_ice_pressure_agrees_with_the_ashrae_formula(degc):
    ashrae = psychrolib.GetSatVapPres(float(degc))
    assert h.ice_pressure_pa(degc) == pytest.approx(ashrae, rel=6e-4)


@pytest.mark.parametrize("degc", [1.0, 20.0, 60.0, 100.0, 140.0, 180.0])
def test_water_pressure_agrees_with_the_ashrae_formula(degc):

    assert exp(h.water_pressure_log(degc)) == pytest.approx(
        psychrolib.GetSatVapPres(degc), rel=1e-6
    )


@given(st.floats(min_value=-90.0, max_value=20.0))
def test_frost_point_inverts_the_ice_curve(degc):
    assert h.frost_point_degc(h.ice_pressure_pa(degc)) == pytest.approx(degc, abs=1e-9)


@given(st.floats(min_value=1e-7, max_value=0.03))
def test_mass_ratio_inverts_vapour_pressure(w):
    assert h.mass_ratio(h.vapour_pressure_pa(w)) == pytest.approx(w, rel=1e-12)


def test_frost_point_is_four_kelvin_above_the_dew_point_over_water_at_minus_60():
    p = h.ice_pressure_pa(-60.0)
    magnus_water = 6.112e2, 17.62, 243.12

    m = log(p / magnus_water[0])
    dew = magnus_water[2] * m / (magnus_water[1] - m)
    assert -60.0 - dew == pytest.approx(4.1, abs=0.4)
