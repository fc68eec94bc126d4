"""[energy] of line.toml: what a kilowatt hour costs and emits, and what is said of errors."""

import shutil
from pathlib import Path

import pytest

from controller.api.energy_settings import EnergySettings
from controller.config import check, load_line
from tests.support.documents import ROOT

BASE = ROOT / "tests" / "golden" / "config" / "base"
SHIPPED = ROOT / "controller" / "lines" / "pilot"
BASIS = 'basis = "contract"'


def line_with(folder: Path, section: str) -> Path:
    shutil.copy(BASE / "io_list.csv", folder)
    text = (BASE / "line.toml").read_text(encoding="utf-8")
    (folder / "line.toml").write_text(f"{text}\n[energy]\n{section}\n", encoding="utf-8")
    return folder


def told(folder: Path, section: str) -> list[str]:
    return [str(problem) for problem in check(line_with(folder, section))[1]]


def test_without_the_section_nothing_is_invented() -> None:
    assert load_line(BASE).energy is None


def test_the_section_is_read(tmp_path: Path) -> None:
    section = f'price_per_kwh = 24.5\ncurrency = "JPY"\nco2_g_per_kwh = 430\n{BASIS}'
    assert load_line(line_with(tmp_path, section)).energy == EnergySettings(
        price_per_kwh=24.5, currency="JPY", co2_g_per_kwh=430.0, basis="contract"
    )


@pytest.mark.parametrize("section", ['price_per_kwh = 0.25\ncurrency = "EUR"', "co2_g_per_kwh = 0"])
def test_either_number_will_do(tmp_path: Path, section: str) -> None:
    energy = load_line(line_with(tmp_path, f"{section}\n{BASIS}")).energy
    assert energy is not None
    assert (energy.price_per_kwh is None) is not (energy.co2_g_per_kwh is None)


def test_the_shipped_line_calls_its_numbers_assumptions() -> None:
    energy = load_line(SHIPPED).energy
    assert energy is not None
    assert "Assumptions" in energy.basis
    assert f"{energy.price_per_kwh:g} {energy.currency}" in energy.basis
    assert f"{energy.co2_g_per_kwh:g} g" in energy.basis


@pytest.mark.parametrize(
    ("section", "words"),
    [
        (f'price_per_kwh = -1.0\ncurrency = "JPY"\n{BASIS}',
         ("energy.price_per_kwh = -1.0", "above 0.0, at most 100000.0")),
        (f'price_per_kwh = 1e6\ncurrency = "JPY"\n{BASIS}',
         ("energy.price_per_kwh = 1000000.0", "at most 100000.0")),
        (f'price_per_kwh = "24"\ncurrency = "JPY"\n{BASIS}',
         ("energy.price_per_kwh = '24'", "wrong type; allowed: a number")),
        (f'price_per_kwh = 24.0\ncurrency = "yen"\n{BASIS}',
         ("energy.currency = 'yen'", "ISO 4217, as JPY")),
        (f"co2_g_per_kwh = 6000.0\n{BASIS}",
         ("energy.co2_g_per_kwh = 6000.0", "at least 0.0, at most 5000.0")),
        (f'price_per_kwh = 24.0\ncurrency = "JPY"\nco2_g_per_kwh = nan\n{BASIS}',
         ("energy.co2_g_per_kwh = nan", "a finite number")),
        (f"price_per_kwh = 24.0\n{BASIS}", ("price_per_kwh and currency: give both",)),
        (f'currency = "JPY"\n{BASIS}', ("price_per_kwh and currency: give both",)),
        (BASIS, ("give price_per_kwh with currency, or co2_g_per_kwh",)),
        ("co2_g_per_kwh = 430.0", ("energy.basis", "missing: add it")),
        ('co2_g_per_kwh = 430.0\nbasis = ""', ("energy.basis", "not empty")),
        ('co2_g_per_kwh = 430.0\nbasis = "a\\nb"', ("energy.basis", "on one line")),
        (f"co2_g_per_kwh = 430.0\nprice = 24.0\n{BASIS}",
         ("energy.price = 24.0", "unknown key", "'price_per_kwh'")),
    ],
)  # fmt: skip
def test_an_error_names_file_key_value_and_what_is_allowed(
    tmp_path: Path, section: str, words: tuple[str, ...]
) -> None:
    (problem,) = told(tmp_path, section)
    assert problem.startswith("line.toml:")
    for word in words:
        assert word in problem
