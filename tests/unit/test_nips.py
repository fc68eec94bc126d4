"""Roll nips: strain, energy, the film of a gap."""

import pytest

from plc_sim.models.nips import (
    FormingNip,
    contact_length_m,
    shear_energy_kj_per_kg,
    shear_rate_per_s,
    strain,
)
from plc_sim.models.parameters import numbers

RADIUS_M, DRAFT_M, HEIGHT_M, SPEED = 0.125, 100e-6, 100e-6, 5.0 / 60.0


@pytest.mark.parametrize(
    ("ratio", "expected_strain", "rate"), [(1.10, 3.4, 79), (1.25, 7.9, 185), (1.50, 14.1, 333)]
)
def test_strain_and_rate_of_a_250_mm_nip(ratio, expected_strain, rate):
    assert strain(ratio, RADIUS_M, DRAFT_M, HEIGHT_M) == pytest.approx(expected_strain, abs=0.06)
    assert shear_rate_per_s(ratio, SPEED, HEIGHT_M) == pytest.approx(rate, rel=0.01)


def test_the_film_is_in_the_nip_for_42_ms():
    assert contact_length_m(RADIUS_M, DRAFT_M) / SPEED == pytest.approx(0.042, abs=0.001)


def test_equal_roll_speeds_do_not_shear():
    assert strain(1.0, RADIUS_M, DRAFT_M, HEIGHT_M) == 0.0


def test_energy_of_one_passage():
    energy = shear_energy_kj_per_kg(6.0e6, strain(1.25, RADIUS_M, DRAFT_M, HEIGHT_M), 2050.0)
    assert 10.0 < energy < 25.0


@pytest.fixture
def nip():
    return FormingNip(numbers("coater"))


def loading(film):
    return 0.1 * film.density_g_per_cm3 * film.height_um


def test_a_gap_of_100_um_gives_the_reference_loading(nip):
    film = nip.film(100.0, 1.0)
    assert loading(film) == pytest.approx(30.0, abs=0.3)
    assert film.density_g_per_cm3 == pytest.approx(2.05, abs=0.01)


def test_loading_follows_gap_and_powder_density(nip):
    gain = (loading(nip.film(105.0, 1.0)) - loading(nip.film(95.0, 1.0))) / 10.0
    assert gain == pytest.approx(0.30, abs=0.02)
    assert loading(nip.film(100.0, 1.02)) == pytest.approx(1.02 * loading(nip.film(100.0, 1.0)))
