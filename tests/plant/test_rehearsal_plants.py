"""A recipe on many plants: real rehearsals, any order and any number of processes, one answer."""

import json
import os
from dataclasses import replace
from multiprocessing import active_children

import pytest

from plc_sim.rehearsal.case import Case
from plc_sim.rehearsal.command import Wish, run_command
from plc_sim.rehearsal.many import Study
from plc_sim.rehearsal.seeds import Job, run_all
from plc_sim.rehearsal.spread_file import STANDARD, read_spread
from tests.plant.test_rehearsal import COLD, LINE, cold_calender, edited, library

SPREAD = read_spread(STANDARD).of(["calender"])


class _Deadly(Case):
    """Kills the process that unpacks it."""

    def __reduce__(self):
        return os._exit, (7,)


@pytest.fixture
def recipes(tmp_path):
    folder = tmp_path / "recipes" / "calender" / "line-load"
    folder.mkdir(parents=True)
    text = library().load(library().find("calender", "line-load@1.1.0")).file.text
    (folder / "1.1.0.yaml").write_text(edited(text, COLD), encoding="utf-8")
    return tmp_path / "recipes"


def wish(recipes, **more):
    asked = {"kind": "calender", "recipe": "line-load@1.1.0", "minutes": 2.0, "recipes": recipes,
             "line": LINE, "out": recipes.parent / "out", "workers": 2, "json": True}  # fmt: skip
    return Wish(**(asked | more))


def limit_load(recipes, limit_n_per_mm):
    """Give the recipe a limit of its line load that fails at once; cold film takes 850 to 990."""
    path = recipes / "calender" / "line-load" / "1.1.0.yaml"
    tight = f"hihi: {limit_n_per_mm}, deadband: 10, delay_s: 1"
    text = edited(path.read_text(), {"hi: 1000, hihi: 1150, deadband: 10, delay_s: 1": tight})
    path.write_text(text, encoding="utf-8")


def told(recipes, capsys, expected, **more):
    assert run_command(wish(recipes, **more)) == expected
    return json.loads(capsys.readouterr().out)


def test_a_plant_is_the_same_alone_and_among_others_in_any_number_of_processes(recipes, capsys):
    four = told(recipes, capsys, 0, plants=4, least=0.3)
    two = told(recipes, capsys, 1, plants=2, first_seed=3, workers=1, least=0.9)
    each = {p["seed"]: p for p in four["each"]}
    assert sorted(each) == [1, 2, 3, 4]
    assert len({p["digest"] for p in each.values()}) == 4
    assert {p["seed"]: p for p in two["each"]} == {s: each[s] for s in (3, 4)}
    alone = told(recipes, capsys, 0, plant=4)
    assert alone["runs"][0]["digest"] == each[4]["digest"]
    assert alone["drawn"] == each[4]["drawn"]
    assert "passed" not in alone  # no release takes another plant than that of the design
    out = recipes.parent / "out"
    assert (out / "plant.json").exists()
    assert json.loads((out / "plants.json").read_text())["plants"] == 2
    assert not (out / "rehearsal.json").exists()


def test_some_plants_fail_and_it_is_told_which_and_why(recipes, capsys):
    limit_load(recipes, 895)
    found = told(recipes, capsys, 1, plants=8, minutes=4.0)
    failed = [p for p in found["each"] if not p["passed"]]
    assert 0 < len(failed) < 8
    assert found["passed"] == 8 - len(failed)
    assert all("CAL.LOAD.PV hihi" in " ".join(p["reasons"]) for p in failed)
    (limit,) = [o for o in found["outside"] if o["limit"] == "CAL.LOAD.PV hihi"]
    assert limit["seeds"] == [p["seed"] for p in failed]
    assert limit["failed"] == limit["plants"] == len(failed)
    assert set(found["worst"]) <= {p["seed"] for p in failed}
    assert found["causes"][0]["parameter"] == "calender.gamma_n_per_m"
    assert found["causes"][0]["rank_correlation"] > 0.5


def test_a_worker_that_is_killed_costs_its_plant_and_no_other():
    cases = [replace(cold_calender(minutes=1.0), seed=s, drawn=SPREAD.draw(s)) for s in (1, 2, 3)]
    deadly = _Deadly(line=LINE, station="calender", master=None, seed=9, drawn=SPREAD.draw(9))
    jobs = [Job(c) for c in (cases[0], deadly, *cases[1:])]
    outcomes = run_all(jobs, lambda *_: None, workers=2)
    study = Study(outcomes=tuple(outcomes), spread=SPREAD, least=0.9)
    assert [(o.case.seed, o.error) for o in study.not_run] == [
        (9, "its process died (exit code 7)")
    ]
    assert [r.seed for r in study.results] == [1, 2, 3]
    assert study.passed == 3
    assert not study.enough
    assert active_children() == []


def test_the_text_names_the_plants_to_look_at(recipes, capsys):
    limit_load(recipes, 700)
    assert run_command(wish(recipes, plants=2, json=False)) == 1
    said = capsys.readouterr().out
    assert "not sure enough: passed: 0 of 2 plants" in said
    assert "plant 1: CAL.LOAD.PV hihi alarm" in said
    assert "dryline rehearse calender line-load@1.1.0 --minutes 2 --plant SEED" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"plants": 2, "plant": 1}, "many plants, or one of them alone"),
        ({"spread": "standard"}, "--spread: say how many plants"),
        ({"plants": 2, "seeds": 2}, "--plants does not go together with --against"),
        ({"plant": 2, "against": "1.0.0"}, "--plant does not go together with --against"),
        ({"plants": 2, "least": 1.0}, "--least 1: must be above 0 and below 1"),
        ({"plants": 2, "spread": "none.toml"}, "no such file"),
    ],
)
def test_wrong_input_is_exit_code_2_and_says_what_to_do(recipes, capsys, more, said):
    assert run_command(wish(recipes, **more)) == 2
    assert said in capsys.readouterr().err
    assert not (recipes.parent / "out").exists()


def test_a_spread_that_touches_nothing_that_is_simulated_is_refused(recipes, capsys, tmp_path):
    path = tmp_path / "other.toml"
    path.write_text('[[spread]]\nparameter = "coater.lot_reactivity"\ndistribution = "uniform"\n'
                    "low = 0.9\nhigh = 1.1\n", encoding="utf-8")  # fmt: skip
    assert run_command(wish(recipes, plants=2, spread=str(path))) == 2
    assert "spreads nothing of calender" in capsys.readouterr().err
