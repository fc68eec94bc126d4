"""Recipe files: what they become, how they come back, and the shipped ones."""

import importlib
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from controller.config import load_line
from controller.control.station import Station
from controller.core.errors import ConfigError
from controller.core.recipe import (
    OnTimeout,
    OnUnhold,
    Op,
    Recipe,
    RecipeId,
    Target,
    Transition,
    Version,
)
from controller.core.sample import Quality
from controller.core.units import UNITS
from controller.recipe_file import as_plain, content_hash, dump, parse_recipe, recipe_text
from controller.recipe_kind import RecipeKind, recipe_kinds
from controller.recipe_library import RecipeLibrary
from controller.recipe_schema import schema, schema_text
from controller.yaml_tree import read_yaml
from tests.support.documents import ROOT
from tests.support.json_schema import mistakes
from tests.support.recipe_kinds import RECIPES, film, shipped_kinds

KINDS = shipped_kinds()
SHIPPED = [x.id for x in RecipeLibrary(RECIPES, KINDS).every()]
OWN = RecipeId("coater", "test-film", Version(1, 2, 0))


def parsed(text: str, own: RecipeId = OWN) -> Recipe:
    found, problems = parse_recipe(text, "x.yaml", own, KINDS)
    assert [str(p) for p in problems] == []
    assert found is not None
    return found.recipe


def shipped(own: RecipeId) -> tuple[Recipe, str]:
    stored = RecipeLibrary(RECIPES, KINDS).load(own)
    return stored.recipe, stored.file.text


# -- what a file becomes ---------------------------------------------------------------------------


def test_formula_becomes_numbers_with_units_and_codes_of_choices() -> None:
    recipe, _ = shipped(RecipeId("calender", "gap", Version(1, 0, 0)))
    assert recipe.formula["roll_mode"].value == 1.0
    assert recipe.formula["roll_mode"].label == "gap"
    assert (recipe.formula["gap"].value, recipe.formula["gap"].unit) == (66.0, "um")
    assert str(recipe.formula["gap"]) == "66 um"


def test_references_states_and_switches_become_numbers() -> None:
    warm_up, run = parsed(film("1.2.0")).phases
    assert warm_up.set[".TROLL1.SP"] == Target(80.0, parameter="roll_temperature")
    assert warm_up.set[".CMD"] == Target(1.0, label="warm-up")
    assert run.until[0].target == Target(3.0, label="run")
    assert warm_up.until[1].target.value == 1.0
    assert warm_up.ramps[0].target.value == 120.0
    assert warm_up.ramps[0].rate_per_min == 10.0


def test_phase_has_its_timeout_prompt_and_way_back() -> None:
    warm_up, run = parsed(film("1.2.0")).phases
    assert (warm_up.on_timeout, warm_up.on_unhold) == (OnTimeout.HOLD, OnUnhold.REPEAT)
    assert (run.on_timeout, run.on_unhold, run.timeout_s) == (OnTimeout.ABORT, OnUnhold.SKIP, 900)
    assert run.prompt is not None
    assert run.prompt.confirm


def test_base_is_a_version_of_the_same_recipe_or_of_another_one() -> None:
    text = film("1.2.0")
    assert parsed(text).base is None
    same = parsed(text.replace("base: null", "base: 1.1.0"))
    assert same.base == RecipeId("coater", "test-film", Version(1, 1, 0))
    other = parsed(text.replace("base: null", 'base: "nmc-standard@9.0.0"'))
    assert other.base == RecipeId("coater", "nmc-standard", Version(9, 0, 0))


def test_all_mistakes_of_all_parts_come_at_once_in_the_order_of_the_lines() -> None:
    text = film(
        "1.2.0",
        {
            "title: Test film": "title: 5",
            "{value: 10, unit: kg/h}": "{value: 100, unit: kg/h}",
            ".TBARREL.SP: 60": ".TBARREL.SP: 600",
            "on_timeout: abort": "on_timeout: stop",
            "hihi: 95": "hihi: 80",
        },
    )
    found, problems = parse_recipe(text, "x.yaml", OWN, KINDS)
    assert found is None
    lines = [p.line or 0 for p in problems]
    assert lines == sorted(lines)
    assert [p.field.split(".")[0] for p in problems] == [
        "title", "formula", "phases", "phases", "limits",
    ]  # fmt: skip


def test_kind_that_the_line_has_not_is_told_with_the_other_mistakes() -> None:
    own = RecipeId("slitter", "test-film", Version(1, 2, 0))
    _, problems = parse_recipe(film("1.2.0", {"timeout_s: 900": "timeout_s: 0"}), "x", own, KINDS)
    told = "\n".join(map(str, problems))
    assert "the line has no station of this kind; kinds: 'enclosure', 'coater', 'calender'" in told
    assert "timeout_s" in told


def test_hash_counts_every_character_but_not_the_kind_of_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "1.2.0.yaml"
    path.write_bytes(film("1.2.0").replace("\n", "\r\n").encode())
    text, _ = recipe_text(path, "x")
    assert text is not None
    assert content_hash(text) == content_hash(film("1.2.0"))
    assert content_hash(text + "# note\n") != content_hash(text)


# -- transitions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "band", "met", "unmet"),
    [
        (Op.AT_MOST, 0.0, (5.0, 4.9), (5.1,)),
        (Op.AT_LEAST, 0.0, (5.0, 5.1), (4.9,)),
        (Op.WITHIN, 0.5, (4.5, 5.0, 5.5), (4.4, 5.6)),
        (Op.IS, 0.0, (5.0,), (4.0, 6.0)),
    ],
)
def test_transition_compares(
    op: Op, band: float, met: tuple[float, ...], unmet: tuple[float, ...]
) -> None:
    transition = Transition(tag=".X", op=op, target=Target(5.0), band=band)
    assert all(transition.met(v, Quality.GOOD) for v in met)
    assert all(transition.met(v, Quality.UNCERTAIN_HELD) for v in met)
    assert not any(transition.met(v, Quality.GOOD) for v in (*unmet, math.nan))


@pytest.mark.parametrize("op", Op)
@pytest.mark.parametrize("quality", [q for q in Quality if q >= Quality.BAD])
def test_bad_value_never_satisfies_a_transition(op: Op, quality: Quality) -> None:
    assert not Transition(tag=".X", op=op, target=Target(5.0), band=1.0).met(5.0, quality)


def test_versions_are_ordered_by_their_numbers() -> None:
    texts = ["1.0.0", "1.2.0", "1.10.0", "2.0.0", "10.0.0"]
    assert [str(v) for v in sorted(map(Version.parse, reversed(texts)))] == texts


@pytest.mark.parametrize("text", ["1", "1.0", "1.0.0.0", "01.0.0", "1.0.-1", "1.0.0\n", "١.0.0"])
def test_other_texts_are_no_versions(text: str) -> None:
    with pytest.raises(ValueError, match=r"MAJOR\.MINOR\.PATCH"):
        Version.parse(text)


# -- there and back --------------------------------------------------------------------------------


@pytest.mark.parametrize("own", SHIPPED, ids=str)
def test_dumped_recipe_reads_as_the_same_recipe(own: RecipeId) -> None:
    recipe, _ = shipped(own)
    again = dump(recipe, KINDS[own.kind])
    assert parsed(again, own) == recipe
    assert dump(parsed(again, own), KINDS[own.kind]) == again


def test_dump_keeps_prompts_ramps_switches_and_odd_texts() -> None:
    odd = '"yes: #1, \'a\' \\\\ \\"b\\" ü"'
    recipe = parsed(film("1.2.0", {"title: Test film": f"title: {odd}"}))
    assert recipe.title == "yes: #1, 'a' \\ \"b\" ü"
    assert parsed(dump(recipe, KINDS["coater"])) == recipe


def test_record_of_a_recipe_is_plain_json() -> None:
    record = as_plain(parsed(film("1.2.0")))
    again = json.loads(json.dumps(record))
    assert again["phases"][1]["until"][0] == {
        "tag": ".STATE",
        "op": "is",
        "target": {"value": 3.0, "parameter": "", "label": "run"},
        "band": 0.0,
        "for_s": 60.0,
    }
    assert record["id"] == "coater/test-film@1.2.0"
    assert record["formula"]["feed"] == {"value": 10.0, "unit": "kg/h", "label": ""}


# -- formulas and stations -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda k: k.name)
def test_every_setting_of_a_station_kind_has_its_parameter(kind: RecipeKind) -> None:
    program: type[Station] = importlib.import_module(f"controller.stations.{kind.name}").Station
    fed = {p.setting: p for p in kind.parameters if p.setting}
    assert set(fed) == set(program.SETTINGS)
    for key, (_, low, high, unit, _text) in program.SETTINGS.items():
        p = fed[key]
        top = float(len(p.labels) - 1) if p.labels else p.high
        assert low <= (0.0 if p.labels else p.low) <= top <= high, key
        assert (p.unit.strip("-"), p.setting) == (unit.strip("-"), key)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda k: k.name)
def test_parameters_and_interlocks_name_what_there_is(kind: RecipeKind) -> None:
    names = [p.name for p in kind.parameters]
    assert len(set(names)) == len(names)
    for p in kind.parameters:
        assert p.unit in UNITS
        assert p.labels or p.low <= p.typical <= p.high
        if p.tag:
            tag = kind.tags[p.tag]
            assert tag.settable
            assert (tag.unit, tag.labels) == (p.unit, p.labels)
            assert p.labels or tag.low <= p.typical <= tag.high
    assert [t for t in kind.interlocks if t not in kind.tags] == []
    for rule in kind.rules:
        assert set(rule.parameters) <= set(names)


def test_recipe_cannot_set_what_is_measured_computed_or_of_the_procedure() -> None:
    tags = KINDS["calender"].tags
    assert tags[".LOAD.SP"].settable
    assert tags[".L16.SP"].settable
    refusals = {n: tags[n].refusal for n in (".LOAD.PV", ".V.SP", ".RESET", "COAT.V.LINE")}
    assert refusals == {
        ".LOAD.PV": "it is measured",
        ".V.SP": "it follows the coater and L17, or CAL.SET.V when alone",
        ".RESET": "it belongs to the procedure, RESET moves it",
        "COAT.V.LINE": "it belongs to another station",
    }
    assert tags["COAT.V.LINE"].readable
    assert not tags["COAT.V.LINE"].alarmable


# -- shipped recipes -------------------------------------------------------------------------------


def test_shipped_recipes_are_all_there_and_right() -> None:
    assert RecipeLibrary(RECIPES, KINDS).check() == []
    assert {str(own) for own in SHIPPED} == {
        "enclosure/standard@1.0.0", "enclosure/standard@1.1.0", "enclosure/idle@1.0.0",
        "enclosure/limits@1.0.0", "enclosure/pass-box-purge@1.0.0",
        "coater/nmc-standard@1.0.0", "coater/nmc-standard@1.1.0", "coater/higher-shear@1.0.0",
        "calender/line-load@1.0.0", "calender/line-load@1.1.0", "calender/gap@1.0.0",
    }  # fmt: skip


@pytest.mark.parametrize("own", SHIPPED, ids=str)
def test_shipped_recipe_ends_in_production_and_uses_its_formula(own: RecipeId) -> None:
    recipe, _ = shipped(own)
    assert recipe.phases[-1].set[".CMD"].label == "run"
    used = {t.parameter for p in recipe.phases for t in p.set.values()}
    used |= {r.target.parameter for p in recipe.phases for r in p.ramps}
    ends = {p.name for p in KINDS[own.kind].parameters if p.tag}
    assert ends <= used


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda k: k.name)
def test_schema_beside_the_recipes_is_current(kind: RecipeKind) -> None:
    path = RECIPES / kind.name / "schema.json"
    assert path.read_text(encoding="utf-8") == schema_text(kind)


@pytest.mark.parametrize("own", SHIPPED, ids=str)
def test_schema_accepts_the_shipped_recipes_and_each_names_it(own: RecipeId) -> None:
    _, text = shipped(own)
    assert text.startswith("# yaml-language-server: $schema=../schema.json\n")
    assert mistakes(read_yaml(text, "x")[0].value, schema(KINDS[own.kind])) == []


@pytest.mark.parametrize(
    ("find", "replace", "mistake"),
    [
        ("{value: 10, unit: kg/h}", "{value: 25, unit: kg/h}", "/formula/feed/value: maximum"),
        ("{value: 10, unit: kg/h}", "{value: 10, unit: g/h}", "/formula/feed/unit: const"),
        ("  feed:", "  fed:", "/formula/feed: required"),
        (".TBARREL.SP: 60", ".TBAREL.SP: 60", "/phases/0/set/.TBAREL.SP: additionalProperties"),
        (".TBARREL.SP: 60", ".TBARREL.SP: =feed", "/phases/0/set/.TBARREL.SP: anyOf"),
        ("      .CMD: run", "      .CMD: runs", "/phases/1/set/.CMD: anyOf"),
        ("{tag: .PERMIT,", "{tag: .PERMITS,", "/phases/0/until/1/tag: enum"),
        ('op: ">="', 'op: ">"', "/phases/1/until/1/op: enum"),
        (".TORQUE:", ".TORQE:", "/limits/.TORQE: enum"),
        ("version: 1.2.0", "version: v2", "/version: pattern"),
    ],
)
def test_schema_alone_catches_what_an_editor_should_underline(
    find: str, replace: str, mistake: str
) -> None:
    text = film("1.2.0", {find: replace})
    assert mistake in mistakes(read_yaml(text, "x")[0].value, schema(KINDS["coater"]))


def test_kind_without_a_formula_file_is_told_by_the_file_it_needs() -> None:
    config = load_line(ROOT / "controller" / "lines" / "pilot")
    odd = replace(config, stations=(replace(config.stations[0], kind="slitter"),))
    with pytest.raises(ConfigError, match=r"controller/formulas/slitter\.py: .*need this file"):
        recipe_kinds(odd)
