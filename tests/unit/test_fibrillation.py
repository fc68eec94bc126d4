"""Binder kinetics: closed form, published shape, strength and resistance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plc_sim.models.fibrillation import VIRGIN, Binder, advance
from plc_sim.models.parameters import numbers
from plc_sim.models.resistance import Resistance

BINDER = Binder.of(numbers("coater"))
asr_ohm_cm2 = Resistance.of(numbers("film")).asr_ohm_cm2

doses = st.floats(0.0, 6.0)

# E kJ/kg, U, F, B, strength MPa, resistance ohm cm2 at 60 degC with the reference lot
CURVE = [
    (20, 0.76, 0.23, 0.01, 0.22, 22.9),
    (60, 0.45, 0.48, 0.07, 0.57, 14.5),
    (100, 0.26, 0.58, 0.16, 0.71, 12.2),
    (137, 0.16, 0.60, 0.24, 0.70, 12.3),
    (180, 0.09, 0.57, 0.34, 0.61, 13.7),
    (260, 0.03, 0.46, 0.51, 0.42, 17.8),
    (400, 0.00, 0.28, 0.71, 0.20, 25.3),
]


def at(energy, temp_degc=60.0, lot=1.0):
    return advance(VIRGIN, BINDER.rate_kg_per_kj(temp_degc, lot) * energy, BINDER.kb * energy)


@pytest.mark.parametrize(("energy", "u", "f", "b", "strength", "asr"), CURVE)
def test_reference_curve(energy, u, f, b, strength, asr):
    state = at(energy)
    assert state == pytest.approx((u, f, b), abs=0.012)
    assert BINDER.strength_mpa(state.f, state.b) == pytest.approx(strength, abs=0.03)
    assert asr_ohm_cm2(state.u, state.b) == pytest.approx(asr, abs=0.35)


@given(doses, doses)
def test_fractions_are_shares_of_one(forming, breaking):
    state = advance(VIRGIN, forming, breaking)
    assert sum(state) == pytest.approx(1.0)
    assert min(state) >= -1e-12


@given(doses, doses, st.floats(0.0, 1.0))
def test_a_stage_cut_in_two_gives_the_same(forming, breaking, share):
    whole = advance(VIRGIN, forming, breaking)
    first = advance(VIRGIN, share * forming, share * breaking)
    assert advance(first, (1 - share) * forming, (1 - share) * breaking) == pytest.approx(
        whole, abs=1e-6
    )


def test_closed_form_agrees_with_small_euler_steps():
    kf, n, energy = BINDER.rate_kg_per_kj(60.0), 20_000, 150.0
    u, f = 1.0, 0.0
    for _ in range(n):
        u, f = u - kf * u * energy / n, f + (kf * u - BINDER.kb * f) * energy / n
    assert at(energy)[:2] == pytest.approx((u, f), abs=1e-4)


def test_equal_rates_are_no_special_case():
    assert advance(VIRGIN, 1.0, 1.0).f == pytest.approx(
        advance(VIRGIN, 1.0, 1.0 + 1e-6).f, abs=1e-5
    )


def test_most_fibrils_at_the_best_energy():
    kf = BINDER.rate_kg_per_kj(60.0)
    best = BINDER.best_energy_kj_per_kg(kf)
    assert best == pytest.approx(130.0, abs=5.0)
    assert at(best).f > max(at(0.95 * best).f, at(1.05 * best).f)
    at_equal_rates, near = (BINDER.best_energy_kj_per_kg(x * BINDER.kb) for x in (1.0, 1.0001))
    assert at_equal_rates == pytest.approx(near, rel=1e-3)


def test_a_cold_mixer_hardly_fibrillates():
    factor = BINDER.temperature_factor
    assert factor(15.0) < 0.06
    assert factor(22.0) == pytest.approx(0.34, abs=0.02)
    assert factor(80.0) > factor(60.0) > factor(30.0)


def test_a_less_reactive_lot_needs_more_energy():
    assert at(105.0, lot=0.75).u == pytest.approx(at(0.75 * 105.0).u)


def test_resistance_rises_off_the_best_porosity_and_with_moisture():
    dry = asr_ohm_cm2(0.2, 0.2)
    assert asr_ohm_cm2(0.2, 0.2, porosity=0.24) == pytest.approx(1.6 * dry)
    assert asr_ohm_cm2(0.2, 0.2, dose_ppm_min=1200.0) == pytest.approx(1.105 * dry, rel=1e-3)
