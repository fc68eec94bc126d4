"""Spreads: draws that depend on seed and name alone, and files whose mistakes are all told."""

import numpy as np
import pytest

from controller.core.errors import ConfigError
from plc_sim.models.parameters import table
from plc_sim.rehearsal.case import Case
from plc_sim.rehearsal.rehearse import Rehearsal
from plc_sim.rehearsal.spread import Normal, Spread, Triangular, Uniform, spreadables
from plc_sim.rehearsal.spread_file import STANDARD, read_spread
from tests.support.documents import ROOT

LINE = ROOT / "controller" / "lines" / "pilot"
REACTIVITY = """
[[spread]]
parameter = "coater.lot_reactivity"
distribution = "normal"
mean = 1.0
sd = 0.1
low = 0.7
high = 1.2
"""


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "spread.toml"
        path.write_text(text, encoding="utf-8")
        return read_spread(str(path))

    return read


def problems(read, text):
    with pytest.raises(ConfigError) as caught:
        read(text)
    return [(p.line, p.field, p.value, p.message) for p in caught.value.problems]


def test_a_plant_draws_the_same_whatever_else_is_spread():
    every = read_spread(STANDARD)
    calender = every.of(["calender"])
    assert {r.what.name for r in calender.rows} < {r.what.name for r in every.rows}
    for seed in (0, 7, 8):
        drawn = every.draw(seed)
        assert calender.draw(seed) == {r.what.name: drawn[r.what.name] for r in calender.rows}
        assert Spread("other", every.rows[::-1]).draw(seed) == drawn
    assert every.draw(7) != every.draw(8)


def test_draws_do_not_change_from_one_version_of_this_program_to_the_next():
    """A seed in a report must name the same plant next year."""
    drawn = read_spread(STANDARD).draw(3)
    assert drawn["calender.gamma_n_per_m"] == pytest.approx(385417.7695715785, rel=1e-12)
    assert drawn["calender.run_out_m"] == pytest.approx(1.6400004487547065e-06, rel=1e-12)
    assert drawn["calender.roll_oil_w_per_k"] == pytest.approx(57.775025944091254, rel=1e-12)


@pytest.mark.parametrize(
    ("law", "quarter", "half"),
    [
        (Uniform(low=2.0, high=6.0), 3.0, 4.0),
        (Triangular(low=0.0, mode=1.0, high=2.0), 0.5**0.5, 1.0),
        (Triangular(low=0.0, mode=0.0, high=1.0), 1.0 - 0.75**0.5, 1.0 - 0.5**0.5),
        (Normal(mean=5.0, sd=1.0, low=-95.0, high=105.0), 5.0 - 0.6744897502, 5.0),
        (Normal(mean=0.0, sd=1.0, low=0.0, high=9.0), 0.3186393640, 0.6744897502),
    ],
)
def test_a_distribution_has_its_quantiles_and_stays_inside(law, quarter, half):
    assert law.at(0.25) == pytest.approx(quarter, abs=1e-8)
    assert law.at(0.5) == pytest.approx(half, abs=1e-8)
    assert law.low <= law.at(0.0) <= law.at(1.0 - 2**-53) <= law.high


def test_the_standard_spread_lies_well_inside_what_is_plausible_and_acts_on_every_station():
    every = read_spread(STANDARD)
    for station in ("enclosure", "coater", "calender"):
        assert len(every.of([station]).rows) >= 6
    known = spreadables()
    for row in every.rows:
        assert known[row.what.name].low <= row.distribution.low
        assert row.distribution.high <= known[row.what.name].high
        assert row.note


def test_what_may_be_spread_are_the_numbers_of_the_models_with_their_ranges():
    known = spreadables()
    for section in ("enclosure", "line", "film"):
        for parameter in table(section):
            one = known[f"{section}.{parameter.name}"]
            assert (one.low, one.high, one.unit) == (parameter.low, parameter.high, parameter.unit)
    assert known["bias.calender.thk_c"].high == pytest.approx(15.0)
    assert "bias.coater.film_present" not in known  # a contact has no bias


def test_all_mistakes_are_told_with_line_value_and_what_is_allowed(read):
    text = (
        'titel = "x"\n'
        "[[spread]]\n"
        'parameter = "coater.lot_reactvity"\n'  # line 3
        'distribution = "uniform"\n'
        "low = 0.9\n"
        "high = 1.1\n"
        "[[spread]]\n"
        'parameter = "coater.lot_reactivity"\n'
        'distribution = "normal"\n'
        "mean = 1.0\n"
        "sd = 0\n"  # 11
        "low = 0.1\n"  # 12
        'high = "much"\n'  # 13
        "mode = 1\n"  # 14
        "[[spread]]\n"  # 15
        'parameter = "calender.run_out_m"\n'
        'distribution = "uniform"\n'
        "low = 2e-6\n"
        "high = 1e-6\n"
        "[[spread]]\n"  # 20
        'parameter = "coater.lot_reactivity"\n'
        'distribution = "gauss"\n'
    )
    found = problems(read, text)
    told = {(line, field.rpartition(".")[2]): (value, message)
            for line, field, value, message in found}  # fmt: skip
    assert told[1, "titel"] == ("'x'", "unknown; allowed: title, spread")
    assert "did you mean coater.lot_reactivity" in told[3, "parameter"][1]
    assert told[11, "sd"] == ("0", "must be above 0")
    assert told[12, "low"] == ("0.1", "coater.lot_reactivity: allowed 0.6 to 1.2")
    assert told[13, "high"] == ("'much'", "must be a number; allowed 0.6 to 1.2")
    assert "unknown for normal; allowed: parameter, distribution, note, mean" in told[14, "mode"][1]
    assert "low < high" in told[15, "2"][1]
    assert told[22, "distribution"] == ("'gauss'", "allowed: uniform, triangular, normal")
    assert told[21, "parameter"] == ("'coater.lot_reactivity'", "stands twice")
    assert len(found) == 9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be one [[spread]] table or more"),
        ("spread = 3", "must be one [[spread]] table or more"),
        ("spread = [3]", "must be a table"),
        ("[[spread]]\n", "missing: "),
        ("[[spread]", "not TOML"),
        (REACTIVITY.replace("sd = 0.1", "sd = true"), "must be a number"),
        (REACTIVITY.replace("sd = 0.1", "sd = nan"), "must be a number"),
        (REACTIVITY.replace("sd = 0.1\n", ""), "missing: must be a number"),
        (REACTIVITY.replace("mean = 1.0", "mean = 0.65"), "low < high, and mode or mean between"),
        (REACTIVITY + "note = 3\n", "must be a text"),
        (REACTIVITY.replace('"coater.lot_reactivity"', "[1]"), "no such parameter"),
        ("title = 1\n" + REACTIVITY, "must be a text"),
    ],
)
def test_a_bad_file_is_refused(read, text, said):
    assert any(said in message for *_, message in problems(read, text))


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"none\.toml: file: no such file: name a spread file"):
        read_spread("none.toml")


def test_a_file_is_read_as_it_stands(read):
    spread = read('title = "mine"\n' + REACTIVITY)
    assert spread.title == "mine"
    (row,) = spread.rows
    assert row.distribution == Normal(mean=1.0, sd=0.1, low=0.7, high=1.2)


def oil_readings(**drawn):
    """Of the calender's oil thermometer over two minutes of a machine that stands."""
    case = Case(line=LINE, station="calender", master=None, drawn=drawn)
    plant = Rehearsal(case).line.plant
    slot = plant.calender.SENSORS.index("toil")
    found = []
    for _ in range(120):
        for _ in range(20):
            plant.step()
        found.append(plant.readings("calender")[0][slot])
    return np.array(found)


def test_bias_and_noise_reach_the_instruments_of_the_plant():
    usual = oil_readings()
    high = oil_readings(**{"bias.calender.toil": 5.0})
    rough = oil_readings(**{"noise.calender": 5.0})
    assert (high - usual).mean() == pytest.approx(5.0, abs=0.05)
    assert 3.0 < rough.std() / usual.std() < 7.0


def test_numbers_and_the_day_reach_the_models():
    drawn = {"calender.run_out_m": 2.5e-6, "day.outdoor_degc": 30.0}
    mill = Rehearsal(Case(line=LINE, station="calender", master=None, drawn=drawn)).line.plant
    assert mill.calender.truth()["run_out_um"] == pytest.approx(2.5, abs=0.01)
    box = Rehearsal(Case(line=LINE, station="enclosure", master=None, drawn=drawn)).line.plant
    assert box.surroundings.scenario.outdoor_degc == 30.0
    assert box.surroundings.outdoor_degc > 20.0
