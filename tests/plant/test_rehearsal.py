"""Rehearsal: real station code and recipes on the plant, from START to a verdict with reasons."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from io import StringIO
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from controller.cli.rehearse import add_to
from controller.clock import ManualClock
from controller.control.states import State
from controller.core.errors import Refused
from controller.core.run import MasterRecipe
from controller.recipe_file import parse_recipe
from controller.recipe_library import RecipeLibrary
from controller.recipe_store import RecipeStore, Rehearsal
from plc_sim.faults import find
from plc_sim.rehearsal.case import Case, Neighbours, Upset
from plc_sim.rehearsal.command import Wish, read_wish, run_command
from plc_sim.rehearsal.plain import as_plain
from plc_sim.rehearsal.rehearse import rehearse
from plc_sim.rehearsal.report import Report
from plc_sim.rehearsal.result import Result
from plc_sim.rehearsal.screen import show
from plc_sim.rehearsal.seeds import Job, run_all
from tests.support.documents import ROOT
from tests.support.recipe_kinds import RECIPES, shipped_kinds

LINE = ROOT / "controller" / "lines" / "pilot"
# Rolls that need no warm-up make a short rehearsal; cold film wants a higher line load.
COLD = {"roll_temperature: {value: 80,": "roll_temperature: {value: 30,",
        "line_load_start: {value: 610,": "line_load_start: {value: 870,"}  # fmt: skip
WARM_NOTHING = {"roll_temperature: {value: 80,": "roll_temperature: {value: 40,",
                "lamination_temperature: {value: 120,": "lamination_temperature: {value: 60,",
                "mixer_temperature: {value: 60,": "mixer_temperature: {value: 40,"}  # fmt: skip


def edited(text: str, edits: Mapping[str, str]) -> str:
    for old, new in edits.items():
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the recipe"
        text = text.replace(old, new)
    return text


@cache
def library() -> RecipeLibrary:
    return RecipeLibrary(RECIPES, shipped_kinds())


def case(kind: str, name: str, edits: Mapping[str, str] | None = None, **more) -> Case:
    """A shipped recipe, with pieces of its text replaced."""
    stored = library().load(library().find(kind, name))
    text = edited(stored.file.text, edits or {})
    found, problems = parse_recipe(text, f"{name}.yaml", stored.recipe.id, shipped_kinds())
    assert found is not None, problems
    master = MasterRecipe(found.recipe, found.content_hash, text)
    return Case(line=LINE, station=kind, master=master, **{"minutes": 5.0, **more})


def cold_calender(edits: Mapping[str, str] | None = None, **more) -> Case:
    return case("calender", "line-load@1.1.0", {**COLD, **(edits or {})}, **more)


def figures(result: Result) -> dict[str, float]:
    return {f.key: f.value for f in result.figures}


@pytest.fixture(scope="module")
def good() -> Result:
    """A cold calender that does as it should."""
    return rehearse(cold_calender())


# -- one rehearsal -----------------------------------------------------------------------------


def test_a_good_recipe_passes_and_goes_through_all_its_phases(good):
    assert good.verdict.passed, good.verdict.reasons
    assert [(p.name, p.done) for p in good.facts.phases] == [
        ("warm-up", True), ("web", True), ("thread", True), ("run", True),
    ]  # fmt: skip
    assert good.facts.state is State.COMPLETED
    assert good.facts.production_s == pytest.approx(300.0, abs=1.5)
    assert sum(p.took_s for p in good.facts.phases) == pytest.approx(good.facts.ready_s, abs=2.0)


def test_its_figures_are_those_of_good_film(good):
    found = figures(good)
    assert found["thickness_mean"] == pytest.approx(104.0, abs=1.0)
    assert found["thickness_in_spec_pct"] > 95.0
    assert found["density_mean"] == pytest.approx(2.89, abs=0.05)
    assert found["finished_m"] > 10.0
    assert 0.0 < found["energy_production_kwh"] < found["energy_start_kwh"]
    loops = {x.loop: x for x in good.loops}
    assert loops["CAL.L16"].first is not None
    assert loops["CAL.L16"].control_pct == pytest.approx(100.0)
    assert loops["CAL.L16"].iae > 0.0


def test_the_trace_has_every_tag_of_the_station_once_a_second(good):
    trace = good.trace
    assert trace is not None
    assert {"CAL.THK.C", "CAL.L16.SP", "CAL.RUN.PHASE", "BUF.POS"} <= {t.name for t in trace.tags}
    assert np.diff(trace.time_s).max() <= 1.15
    assert trace.time_s[-1] == pytest.approx(good.facts.ended_s, abs=1.1)
    running = trace.time_s > good.facts.ready_s + 60.0
    assert np.nanmean(trace.column("CAL.V.PV")[running]) == pytest.approx(5.0, abs=0.3)


def test_a_recipe_that_trips_fails_with_the_trip_and_what_was_seen():
    weak = {**WARM_NOTHING, "ptfe_content: {value: 1,": "ptfe_content: {value: 0.2,",
            "film_tension: {value: 1.5,": "film_tension: {value: 4,"}  # fmt: skip
    result = rehearse(case("coater", "nmc-standard@1.0.0", weak))
    (reason,) = result.verdict.reasons
    assert reason.startswith("aborted at 0:")
    assert "in phase 4 run" in reason
    assert "PLC tripped: web break" in reason
    assert "COAT.STATE = thread -> trip" in reason
    assert result.facts.ready_s is None


def test_a_phase_that_times_out_fails_with_what_it_waited_for():
    short = {"thread, for_s: 10}\n    timeout_s: 900": "thread, for_s: 10}\n    timeout_s: 100"}
    result = rehearse(cold_calender(short))
    (reason,) = result.verdict.reasons
    assert "held at 0:04:5" in reason
    assert "in phase 3 thread after 100 s" in reason
    assert "timed out after 100 s" in reason
    assert "CAL.STATE = warm-up" in reason
    assert [p.done for p in result.facts.phases] == [True, True, False]
    assert result.production_from_s is None
    assert "thickness_mean" not in figures(result)
    assert figures(result)["energy_start_kwh"] > 0.0


def test_a_recipe_that_leaves_its_own_limits_fails_with_time_and_value():
    narrow = {".LOAD.PV: {lo: 100, hi: 1000, hihi: 1150": ".LOAD.PV: {lo: 100, hi: 800, hihi: 840"}
    result = rehearse(cold_calender(narrow))
    levels = {r.split(" alarm at ")[0] for r in result.verdict.reasons}
    assert levels == {"CAL.LOAD.PV hi", "CAL.LOAD.PV hihi"}
    assert "limit 840" in " ".join(result.verdict.reasons)
    assert result.facts.state is State.COMPLETED  # it went on to the end all the same


def test_a_prompt_is_confirmed_by_the_scripted_operator_after_his_time():
    result = rehearse(case("enclosure", "pass-box-purge@1.0.0", operator_s=40.0,
                           neighbours=Neighbours.STANDING))  # fmt: skip
    assert result.verdict.passed, result.verdict.reasons
    load = next(p for p in result.facts.phases if p.name == "load-pass-box")
    assert 39.0 < load.took_s < 43.0
    assert [t.text for t in result.facts.told if t.text.startswith("confirmed: ")]
    assert figures(result)["frost_point_mean"] < -62.0


def test_a_coater_in_ideal_air_makes_film_and_its_material_comes_from_the_formula():
    # Cold powder comes out a tenth thicker than warm: it begins with a narrower gap.
    cold = {**WARM_NOTHING, "film_gap_start: {value: 100,": "film_gap_start: {value: 90,"}
    brittle = {**cold, "ptfe_content: {value: 1,": "ptfe_content: {value: 0.5,"}
    usual = rehearse(case("coater", "nmc-standard@1.0.0", cold))
    weak = rehearse(case("coater", "nmc-standard@1.0.0", brittle))
    assert usual.verdict.passed, usual.verdict.reasons
    assert figures(usual)["loading_mean"] == pytest.approx(30.0, abs=0.6)
    assert figures(usual)["dose"] < 50.0
    assert figures(weak)["strength_min"] < 0.7 * figures(usual)["strength_min"]


def test_real_neighbours_are_the_whole_line():
    result = rehearse(case("enclosure", "idle@1.0.0", neighbours=Neighbours.REAL, minutes=1.0))
    assert result.production_from_s is not None
    assert result.facts.ready_s is not None
    assert result.production_from_s > result.facts.ready_s  # the slowest decides


def test_a_neighbour_that_does_not_start_is_the_reason_and_is_not_waited_for():
    hasty = {"for_s: 10}\n    timeout_s: 14400": "for_s: 10}\n    timeout_s: 60"}
    calender = case("calender", "line-load@1.1.0", hasty).master
    result = rehearse(case("enclosure", "idle@1.0.0", neighbours=Neighbours.REAL,
                           beside={"calender": calender}))  # fmt: skip
    assert result.production_from_s is None
    assert result.facts.ended_s < 300.0
    assert result.verdict.reasons[0].startswith("no production: calender is HELD: STARTING: step")
    assert any(w.startswith("beside: calender at 6") for w in result.verdict.warnings)


def test_the_built_in_procedure_can_be_rehearsed_as_well():
    built_in = replace(cold_calender(), station="enclosure", master=None, minutes=1.0)
    result = rehearse(built_in)
    assert result.verdict.passed, result.verdict.reasons
    assert (result.recipe, result.content_hash, result.facts.phases) == ("built-in", "", ())


# -- seeds -------------------------------------------------------------------------------------


def test_equal_seeds_give_equal_bits_in_any_process_and_others_do_not(good):
    jobs = [Job(cold_calender(seed=seed)) for seed in (1, 2)]
    seen: list[tuple[int, float, float]] = []
    here = [o.result for o in run_all(jobs, lambda *told: seen.append(told), workers=2)]
    assert [r.seed for r in here if r] == [1, 2]
    assert here[0] is not None
    assert here[0].digest == good.digest
    assert here[1] is not None
    assert here[1].digest != good.digest
    assert here[0].trace is None  # it stays where it was made unless somebody asks for it
    assert {job for job, *_ in seen} == {0, 1}
    assert all(done <= whole for _, done, whole in seen)


class _Deadly(Case):
    """Kills the process that unpacks it."""

    def __reduce__(self):
        return os._exit, (7,)


def test_a_worker_that_dies_is_reported_and_the_others_go_on():
    deadly = _Deadly(line=LINE, station="calender", master=None)
    jobs = [Job(deadly), Job(cold_calender(minutes=1.0))]
    died, lives = run_all(jobs, lambda *_: None, workers=2)
    assert died.result is None
    assert died.error == "its process died (exit code 7)"
    assert lives.result is not None


def test_an_interrupt_ends_all_workers():
    def interrupt(*_):
        raise KeyboardInterrupt

    jobs = [Job(cold_calender(seed=seed, minutes=600.0)) for seed in (1, 2)]
    with pytest.raises(KeyboardInterrupt):
        run_all(jobs, interrupt, workers=2)
    assert active_children() == []


def test_a_case_that_cannot_be_built_is_an_error_and_no_crash():
    wrong = cold_calender(
        upsets=(Upset(fault=find("enclosure", "fan_slip"), level=15.0, start_s=0.0, for_s=9.0,
                      from_production=True),)
    )  # fmt: skip
    (outcome,) = run_all([Job(wrong)], lambda *_: None)
    assert outcome.result is None
    assert "enclosure fan_slip: only stations that are simulated have faults" in outcome.error


# -- faults ------------------------------------------------------------------------------------


def upset(name: str, start_s: float = 60.0, for_s: float = 60.0) -> tuple[Upset, ...]:
    fault = find("calender", name)
    return (Upset(fault=fault, level=fault.level, start_s=start_s, for_s=for_s,
                  from_production=True),)  # fmt: skip


def test_with_a_fault_the_operator_brings_the_station_back():
    result = rehearse(cold_calender(upsets=upset("plc_restart"), minutes=20.0))
    assert result.verdict.passed, result.verdict.reasons
    assert "PLC restarted" in result.verdict.warnings[0]
    assert len(result.facts.execute) == 2
    assert result.facts.state is State.COMPLETED


def test_a_fault_that_nobody_mends_is_not_recovered_from():
    result = rehearse(cold_calender(upsets=upset("local_mode", for_s=float("inf"))))
    assert not result.verdict.passed
    assert result.verdict.reasons[0].startswith("not recovered: HELD at the end")


# -- the command -------------------------------------------------------------------------------


@pytest.fixture
def recipes(tmp_path) -> Path:
    """A folder with two versions of a cold calender recipe."""
    folder = tmp_path / "recipes" / "calender" / "line-load"
    folder.mkdir(parents=True)
    new = library().load(library().find("calender", "line-load@1.1.0")).file.text
    old = library().load(library().find("calender", "line-load@1.0.0")).file.text
    (folder / "1.1.0.yaml").write_text(edited(new, COLD), encoding="utf-8")
    start = {"line_load_start: {value: 600,": "line_load_start: {value: 870,"}
    cold = {key: value for key, value in COLD.items() if "line_load" not in key}
    (folder / "1.0.0.yaml").write_text(edited(old, {**cold, **start}), encoding="utf-8")
    return tmp_path / "recipes"


def wish(recipes: Path, **more) -> Wish:
    asked = {"kind": "calender", "recipe": "line-load@1.1.0", "minutes": 5.0, "recipes": recipes,
             "line": LINE, "out": recipes.parent / "out", "workers": 1}  # fmt: skip
    return Wish(**(asked | more))


def test_the_record_of_a_passed_rehearsal_is_what_a_release_asks_for(recipes, capsys):
    assert run_command(wish(recipes)) == 0
    assert "passed: 1 seed, 5 min of production each" in capsys.readouterr().out
    proof = Rehearsal.read(recipes.parent / "out" / "rehearsal.json", "")
    store = RecipeStore(recipes, shipped_kinds(), ManualClock())
    own = store.find("calender", "line-load@1.1.0")
    entry = store.release(own, "Grace", "good", proof, "")
    assert entry.rehearsal == proof.summary
    header, *rows = (recipes.parent / "out" / "trajectory.csv").read_text().splitlines()
    assert header.startswith("time_s,CAL.HEART,")
    assert header.endswith("truth.power_kw")
    assert len(rows) > 100
    assert {r.count(",") for r in rows} == {header.count(",")}
    kept = json.loads((recipes.parent / "out" / "rehearsal.json").read_text())
    shown = [name for curve in kept["curves"] for name in curve["columns"]]
    assert "CAL.THK.C" in shown
    assert set(shown) <= set(header.split(","))
    assert (recipes.parent / "out" / "trajectory.png").read_bytes().startswith(b"\x89PNG")


def test_two_versions_are_rehearsed_on_the_same_seeds_side_by_side(recipes, capsys):
    asked = wish(recipes, against="1.0.0", seeds=2, json=True, minutes=3.0)
    assert run_command(asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["against"]["recipe"] == "calender/line-load@1.0.0"
    assert [r["seed"] for r in told["runs"]] == [r["seed"] for r in told["against"]["runs"]]
    changed = {p["parameter"] for p in told["against"]["diff"]["parameters"]}
    assert changed == {"loading_feedforward"}
    rows = {row["key"]: row for row in told["against"]["figures"]}
    assert rows["phase.warm-up"]["difference"] == 0.0
    assert rows["load_sd"]["difference"] != 0.0
    assert rows["load_sd"]["low"] <= rows["load_sd"]["difference"] <= rows["load_sd"]["high"]
    kept = json.loads((recipes.parent / "out" / "rehearsal.json").read_text())
    assert kept == told


def test_a_failed_rehearsal_is_exit_code_1_and_no_release_takes_it(recipes, capsys):
    path = recipes / "calender" / "line-load" / "1.1.0.yaml"
    path.write_text(edited(path.read_text(), {"hi: 107, hihi: 110": "hi: 102, hihi: 102.5"}))
    assert run_command(wish(recipes)) == 1
    assert "CAL.THK.C hihi alarm at " in capsys.readouterr().out
    proof = Rehearsal.read(recipes.parent / "out" / "rehearsal.json", "")
    assert not proof.passed
    store = RecipeStore(recipes, shipped_kinds(), ManualClock())
    with pytest.raises(Refused, match="the rehearsal failed"):
        store.release(store.find("calender", "line-load@1.1.0"), "Grace", "good", proof, "")


def test_a_rehearsal_with_faults_is_no_proof_for_a_release(recipes, capsys):
    assert run_command(wish(recipes, faults="gauge_dirt", minutes=6.0, json=True)) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["recovered"], told["criteria"]) == (True, "recovery")
    assert "passed" not in told
    assert told["faults"][0]["start_s"] == 90.0
    assert not (recipes.parent / "out" / "rehearsal.json").exists()
    with pytest.raises(Exception, match="passed"):
        Rehearsal.read(recipes.parent / "out" / "recovery.json", "")


def test_a_bad_file_gives_the_messages_of_recipe_check_and_nothing_runs(recipes, capsys):
    path = recipes / "calender" / "line-load" / "1.1.0.yaml"
    path.write_text(
        edited(path.read_text(), {"thickness: {value: 104,": "thickness: {value: 999,"})
    )
    assert run_command(wish(recipes)) == 2
    told = capsys.readouterr().err
    expected = RecipeLibrary(recipes, shipped_kinds()).check("calender")
    assert [str(p) for p in expected] == told.splitlines()[:-1]
    assert "1 problem(s); nothing was rehearsed." in told
    assert not (recipes.parent / "out").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"recipe": "line-laod"}, "line-load"),
        ({"against": "9.9.9"}, "no version '9.9.9'"),
        ({"kind": "slitter"}, "no kind 'slitter'"),
        ({"faults": "glove_tear"}, "no fault 'glove_tear' for calender"),
        ({"faults": "enclosure.fan_slip"}, "--neighbours real"),
        ({"faults": "none.csv"}, "none.csv"),
        ({"beside": ("enclosure",)}, "KIND=NAME@VERSION"),
        ({"beside": ("calender=line-load@1.0.0",)}, "is the station that rehearses"),
    ],
)
def test_wrong_input_is_exit_code_2_and_says_what_to_do(recipes, capsys, more, said):
    assert run_command(wish(recipes, **more)) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_exit_code_2(tmp_path, capsys):
    assert run_command(wish(tmp_path / "recipes")) == 2
    assert "name that of the recipes with --recipes" in capsys.readouterr().err


def test_the_command_line_hands_its_options_over(monkeypatch):
    given: list[str] = []
    monkeypatch.setattr("os.execv", lambda _, command: given.extend(command))
    arguments = ["coater", "nmc-standard", "--against", "1.0.0", "--seeds", "3", "--minutes", "20",
                 "--with", "enclosure=standard@1.0.0", "--faults", "web_break", "--json",
                 "--operator-delay", "5", "--neighbours", "real", "--out", "there"]  # fmt: skip
    app = typer.Typer()
    add_to(app)
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert given[1:4] == ["-m", "plc_sim", "rehearse"]
    read = read_wish(given[4])
    assert (read.kind, read.recipe, read.against) == ("coater", "nmc-standard", "1.0.0")
    assert (read.seeds, read.minutes, read.operator_s) == (3, 20.0, 5.0)
    assert (read.beside, read.faults) == (("enclosure=standard@1.0.0",), "web_break")
    assert (read.neighbours, read.out, read.json) == (Neighbours.REAL, Path("there"), True)


def test_a_wish_travels_as_json():
    told = {"kind": "coater", "recipe": "x", "recipes": "r", "line": "l", "beside": ["a=b@1.0.0"],
            "neighbours": "real", "out": None}  # fmt: skip
    read = read_wish(json.dumps(told))
    assert (read.neighbours, read.beside, read.out) == (Neighbours.REAL, ("a=b@1.0.0",), None)
    with pytest.raises(ValueError, match="kind"):
        read_wish("{}")


# -- the report --------------------------------------------------------------------------------


def report(good: Result) -> Report:
    outcomes = run_all([Job(cold_calender(), keep_trace=True)], lambda *_: None)
    assert outcomes[0].result is not None
    assert outcomes[0].result.digest == good.digest
    return Report(outcomes=tuple(outcomes), not_modelled={"x": "why"}, software="1.2.3")


def test_the_record_repeats_itself_and_holds_only_json_numbers(good):
    first, again = (json.dumps(as_plain(report(good)), allow_nan=False) for _ in range(2))
    assert first == again
    told = json.loads(first)
    assert told["content_hash"] == cold_calender().master.content_hash
    assert [p["name"] for p in told["runs"][0]["phases"]] == ["warm-up", "web", "thread", "run"]
    assert told["not_modelled"] == {"x": "why"}


def test_the_tables_fit_a_narrow_screen(good):
    console = Console(width=80, record=True, file=StringIO())
    show(report(good), console)
    text = console.export_text()
    assert "calender/line-load@1.1.0" in text
    assert "3 thread" in text
    assert all(column in text for column in ("times out after", "at limit", "value"))
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


# -- other gains for a loop ------------------------------------------------------------------------

SLOW, PRESENT = "CAL.L17=0.3,600,0", "CAL.L17=1.9,250,0"


def test_other_gains_are_rehearsed_beside_the_present_ones(recipes, capsys):
    run_command(wish(recipes, tune=SLOW, present=PRESENT, json=True))
    shown = json.loads(capsys.readouterr().out)
    new, old = shown["tuning"]["new"], shown["tuning"]["present"]
    assert (new["gains"]["kc"], old["gains"]["ti_s"]) == (0.3, 250.0)
    assert len(new["course"]["pv"]) == len(new["course"]["time_s"]) > 100
    assert new["course"]["time_s"][0] == 0.0
    assert new["course"]["op"] != old["course"]["op"]
    # It says nothing about the recipe as it is: no release takes it.
    assert "passed" not in shown
    assert not (recipes.parent / "out" / "rehearsal.json").exists()
    assert json.loads((recipes.parent / "out" / "tuning.json").read_text()) == shown


@pytest.mark.parametrize(
    ("gains", "told"),
    [
        ("CAL.L17=0,60,0", "kc"),
        ("CAL.L16=1,60,0", "follow the web speed"),
        ("CAL.L99=1,60,0", "no loop"),
        ("CAL.L17=1,60", "expected LOOP=KC,TI_S,TD_S"),
        ("CAL.L17", "expected LOOP=KC,TI_S,TD_S"),
    ],
)
def test_gains_that_cannot_be_are_refused_with_a_reason(recipes, capsys, gains, told):
    code = run_command(wish(recipes, tune=gains, json=True))
    said = capsys.readouterr()
    assert code != 0
    assert told in said.out + said.err
