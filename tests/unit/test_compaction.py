"""Compaction laws and the quality figures that follow from them."""

import pytest

from plc_sim.models.compaction import (
    CompactionLaw,
    Springback,
    contact_length_m,
    exponential_law,
    heckel_law,
)
from plc_sim.models.parameters import numbers
from plc_sim.models.resistance import Resistance

P = numbers("calender")
LAWS = {"exponential": exponential_law(P), "heckel": heckel_law(P)}


def thickness_um(load: float, loading: float = 0.30, degc: float = 80.0) -> float:
    springback = Springback(
        P["springback_floor"], P["springback_extra"], P["springback_decay_n_per_m"]
    )
    density, _ = LAWS["exponential"].density(load, degc, 2000.0)
    return loading / density * (1.0 + springback.share(load)) * 1e6


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_without_load_the_film_keeps_its_density(law: CompactionLaw) -> None:
    assert law.density(0.0, 80.0, 2000.0)[0] == pytest.approx(2000.0)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_density_rises_with_load_and_stays_below_the_density_without_pores(
    law: CompactionLaw,
) -> None:
    series = [law.density(50e3 * k, 80.0, 2000.0)[0] for k in range(30)]
    assert series == sorted(series)
    assert series[-1] < P["theoretical_kg_m3"]


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_the_slope_is_the_derivative_of_the_density(law: CompactionLaw) -> None:
    above, _ = law.density(601e3, 95.0, 2050.0, 1.02)
    below, _ = law.density(599e3, 95.0, 2050.0, 1.02)
    assert law.density(600e3, 95.0, 2050.0, 1.02)[1] == pytest.approx(
        (above - below) / 2e3, rel=1e-4
    )


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_warm_film_is_softer_and_hard_film_is_denser_only_with_more_load(
    law: CompactionLaw,
) -> None:
    nominal = law.density(600e3, 80.0, 2000.0)[0]
    assert law.density(600e3, 90.0, 2000.0)[0] > nominal
    assert law.density(600e3, 80.0, 2000.0, 1.05)[0] < nominal
    assert law.density(630e3, 80.0, 2000.0, 1.05)[0] == pytest.approx(nominal)


def test_both_laws_agree_at_the_usual_load() -> None:
    exponential = LAWS["exponential"].density(600e3, 80.0, 2000.0)[0]
    heckel = LAWS["heckel"].density(600e3, 80.0, 2000.0)[0]
    assert heckel == pytest.approx(exponential, rel=0.01)


def test_heckel_reaches_the_relative_density_of_pressed_sulfides() -> None:
    contact_m = contact_length_m(0.125, P["heckel_draft_m"])
    density, _ = LAWS["heckel"].density(510e6 * contact_m, 80.0, 2000.0)
    assert 0.88 < density / P["theoretical_kg_m3"] < 0.97


def test_nominal_film_comes_out_at_104_um() -> None:
    assert thickness_um(600e3) == pytest.approx(104.3, abs=0.3)


def test_local_gain_is_0_026_um_per_n_per_mm() -> None:
    gain = (thickness_um(610e3) - thickness_um(590e3)) / 20.0
    assert gain == pytest.approx(-0.026, abs=0.001)


def test_two_per_cent_more_loading_is_two_per_cent_more_thickness() -> None:
    assert thickness_um(600e3, 0.306) - thickness_um(600e3) == pytest.approx(2.1, abs=0.05)


def test_springback_falls_with_load() -> None:
    springback = Springback(0.03, 0.02, 500e3)
    assert springback.share(0.0) == pytest.approx(0.05)
    assert springback.share(5e6) == pytest.approx(0.03, abs=1e-4)


def test_resistance_grows_away_from_the_best_porosity_and_with_moisture() -> None:
    asr_ohm_cm2 = Resistance.of(P).asr_ohm_cm2
    best = asr_ohm_cm2(0.16, 0.24, 0.14, 0.0)
    assert best == pytest.approx(12.3, abs=0.1)
    assert asr_ohm_cm2(0.16, 0.24, 0.24, 0.0) == pytest.approx(1.6 * best)
    assert asr_ohm_cm2(0.16, 0.24, 0.04, 0.0) == pytest.approx(1.6 * best)
    assert asr_ohm_cm2(0.16, 0.24, 0.14, 12_000.0) == pytest.approx(2.718 * best, rel=1e-3)
