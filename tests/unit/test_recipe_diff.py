"""What changed between two versions, in process words, with its risk."""

from collections.abc import Mapping

import pytest

from controller.core.recipe import Recipe, RecipeId, Version
from controller.recipe_diff import PhaseMove, RecipeDiff, Risk, as_json, diff, rows
from controller.recipe_file import parse_recipe
from tests.support.recipe_kinds import RECIPES, film, shipped_kinds

KIND = shipped_kinds()["coater"]
V1, V2 = Version(1, 0, 0), Version(1, 1, 0)


def recipe(version: Version, edits: Mapping[str, str] | None = None) -> Recipe:
    own = RecipeId("coater", "test-film", version)
    found, problems = parse_recipe(film(str(version), edits), "x", own, shipped_kinds())
    assert [str(p) for p in problems] == []
    assert found is not None
    return found.recipe


def compare(
    edits: Mapping[str, str], proven: Mapping[str, tuple[float, float]] | None = None
) -> RecipeDiff:
    return diff(recipe(V1), recipe(V2, edits), KIND, proven)


def phase(name: str) -> str:
    return (
        f"  - name: {name}\n    title: Phase {name}\n    until:\n"
        "      - {tag: .METER, op: '>=', value: 5}\n    timeout_s: 60\n    on_timeout: hold\n"
    )


def with_phases(*names: str) -> Recipe:
    text = film("1.0.0")
    head, _, rest = text.partition("phases:\n")
    body = "phases:\n" + "".join(map(phase, names)) + "\nlimits:" + rest.partition("limits:")[2]
    own = RecipeId("coater", "test-film", V1)
    found, problems = parse_recipe(head + body, "x", own, shipped_kinds())
    assert problems == []
    assert found is not None
    return found.recipe


# -- parameters ------------------------------------------------------------------------------------


def test_same_content_under_another_header_is_no_difference() -> None:
    found = compare({"title: Test film": "title: Other", "author: Ada Example": "author: Bob"})
    assert found.empty
    assert found.risk is Risk.INSIDE_PROVEN
    assert rows(found) == []


def test_parameter_tells_old_new_unit_difference_and_percent() -> None:
    (change,) = compare({"{value: 10, unit: kg/h}": "{value: 12, unit: kg/h}"}).parameters
    assert (change.name, change.unit) == ("feed", "kg/h")
    assert (change.old and change.old.value, change.new and change.new.value) == (10.0, 12.0)
    assert (change.difference, change.percent) == (2.0, pytest.approx(20.0))


def test_temperature_has_a_difference_and_no_percent() -> None:
    (change,) = compare({"roll_temperature: {value: 80": "roll_temperature: {value: 88"}).parameters
    assert (change.difference, change.percent) == (8.0, None)


def test_choice_tells_its_texts() -> None:
    kinds = shipped_kinds()
    recipes = []
    for name in ("line-load", "gap"):
        own = RecipeId("calender", name, V1)
        text = (RECIPES / "calender" / name / "1.0.0.yaml").read_text()
        found, _ = parse_recipe(text, "x", own, kinds)
        assert found is not None
        recipes.append(found.recipe)
    found_diff = diff(recipes[0], recipes[1], kinds["calender"])
    mode = next(c for c in found_diff.parameters if c.name == "roll_mode")
    assert (str(mode.old), str(mode.new), mode.difference) == ("line load", "gap", None)
    assert mode.risk is Risk.TOUCHES_LIMIT


@pytest.mark.parametrize(
    ("proven", "risk", "why"),
    [
        ({"feed": (9.0, 13.0)}, Risk.INSIDE_PROVEN, ()),
        ({"feed": (12.0, 12.0)}, Risk.INSIDE_PROVEN, ()),
        ({"feed": (9.0, 11.0)}, Risk.OUTSIDE_PROVEN, ("good runs had 9 to 11 kg/h",)),
        ({}, Risk.OUTSIDE_PROVEN, ("no good run had it yet",)),
    ],
)
def test_risk_of_a_parameter_follows_the_range_of_good_runs(
    proven: Mapping[str, tuple[float, float]], risk: Risk, why: tuple[str, ...]
) -> None:
    found = compare({"{value: 10, unit: kg/h}": "{value: 12, unit: kg/h}"}, proven)
    assert (found.parameters[0].risk, found.parameters[0].why) == (risk, why)
    assert found.risk is risk


def test_set_point_of_what_an_interlock_watches_touches_a_limit_even_if_proven() -> None:
    found = compare(
        {"film_gap_start: {value: 100": "film_gap_start: {value: 90"},
        {"film_gap_start": (60.0, 200.0)},
    )
    assert found.parameters[0].risk is Risk.TOUCHES_LIMIT
    assert found.parameters[0].why == ("a gap below 40 um trips",)


# -- phases ----------------------------------------------------------------------------------------


def test_changed_parameter_is_told_once_and_not_again_in_its_phases() -> None:
    assert compare({"roll_temperature: {value: 80": "roll_temperature: {value: 88"}).phases == ()


@pytest.mark.parametrize(
    ("find", "replace", "text"),
    [
        (".TBARREL.SP: 60", ".TBARREL.SP: 55", "sets .TBARREL.SP to 55 (was 60)"),
        ("      .TBARREL.SP: 60\n", "", "no longer sets .TBARREL.SP (was 60)"),
        (".TBARREL.SP: 60", ".TBARREL.SP: =mixer_temperature",
         "sets .TBARREL.SP to =mixer_temperature (was 60)"),
        ("      .TBARREL.SP: 60\n", "      .TBARREL.SP: 60\n      .FEED.SP: =feed\n",
         "sets .FEED.SP to =feed (not set before)"),
        ("rate: 10", "rate: 5",
         "ramps .TLAM.SP to =lamination_temperature by 5 a minute "
         "(was .TLAM.SP to =lamination_temperature by 10 a minute)"),
        ("value: run, for_s: 60", "value: run, for_s: 90",
         "waits for .STATE is run for 90 s (was .STATE is run for 60 s)"),
        ("      - {tag: .PERMIT, op: is, value: true}\n", "",
         "no longer waits for .PERMIT is true"),
        ("timeout_s: 900", "timeout_s: 600", "times out after 600 s (was 900 s)"),
        ("on_timeout: abort", "on_timeout: hold", "on time-out hold (was abort)"),
        ("on_unhold: skip", "on_unhold: repeat", "on the way back from held repeat (was skip)"),
        ("title: Run", "title: Go", "is called Go (was Run)"),
        ("Film on the foil?", "Ready?",
         "tells the operator 'Ready?' and waits (was 'Film on the foil?' and waits)"),
    ],
)  # fmt: skip
def test_change_inside_a_phase_is_told_in_words(find: str, replace: str, text: str) -> None:
    (change,) = compare({find: replace}).phases
    assert (change.move, change.text) == (PhaseMove.CHANGED, text)


def test_phase_that_touches_an_interlock_says_which() -> None:
    (change,) = compare({".TBARREL.SP: 60": ".TBARREL.SP: 55"}).phases
    assert change.risk is Risk.TOUCHES_LIMIT
    assert change.why == ("a mixer above 110 degC trips",)
    (other,) = compare({"timeout_s: 900": "timeout_s: 600"}).phases
    assert other.risk is Risk.OUTSIDE_PROVEN


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("abc", "abc", []),
        ("abc", "abxc", [("x", "added", "after b: Phase x")]),
        ("abc", "xabc", [("x", "added", "to the front: Phase x")]),
        ("abc", "ac", [("b", "removed", "Phase b")]),
        ("abc", "bca", [("a", "moved", "after c")]),
        ("abc", "cab", [("c", "moved", "to the front")]),
        ("abcd", "dbca", [("d", "moved", "to the front"), ("a", "moved", "after c")]),
        ("ab", "xb", [("a", "removed", "Phase a"), ("x", "added", "to the front: Phase x")]),
    ],
)
def test_phases_added_removed_and_moved(
    old: str, new: str, expected: list[tuple[str, str, str]]
) -> None:
    found = diff(with_phases(*old), with_phases(*new), KIND)
    assert [(c.phase, c.move.value, c.text) for c in found.phases] == expected


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("find", "replace", "changes"),
    [
        ("hi: 85", "hi: 80", [(".TORQUE", "hi", "%", 85.0, 80.0)]),
        ("hi: 85, ", "", [(".TORQUE", "hi", "%", 85.0, None)]),
        ("delay_s: 5", "delay_s: 9", [(".TORQUE", "delay_s", "s", 5.0, 9.0)]),
        ("limits:\n", "limits:\n  .FIBIDX: {lo: 0.4}\n", [(".FIBIDX", "lo", "-", None, 0.4)]),
    ],
)
def test_every_changed_alarm_limit_touches_a_limit(
    find: str, replace: str, changes: list[tuple[str, str, str, float | None, float | None]]
) -> None:
    found = compare({find: replace})
    assert [(c.tag, c.field, c.unit, c.old, c.new) for c in found.limits] == changes
    assert found.risk is Risk.TOUCHES_LIMIT


# -- shown -----------------------------------------------------------------------------------------


def test_table_and_json_say_the_same() -> None:
    found = compare(
        {
            "{value: 10, unit: kg/h}": "{value: 12, unit: kg/h}",
            "timeout_s: 900": "timeout_s: 600",
            "hi: 85": "hi: 80",
        }
    )
    assert rows(found) == [
        ("feed (powder feed)", "10", "12", "kg/h", "+20.0 %",
         "outside the proven range: no good run had it yet"),
        ("phase run changed: times out after 600 s (was 900 s)", "", "", "", "",
         "outside the proven range"),
        ("alarm .TORQUE hi", "85", "80", "%", "", "touches an alarm limit or an interlock"),
    ]  # fmt: skip
    plain = as_json(found)
    assert plain["risk"] == "TOUCHES_LIMIT"
    assert plain["parameters"][0] == {
        "parameter": "feed", "text": "powder feed", "unit": "kg/h", "old": 10.0, "new": 12.0,
        "difference": 2.0, "percent": pytest.approx(20.0), "risk": "OUTSIDE_PROVEN",
        "why": ["no good run had it yet"],
    }  # fmt: skip
    assert plain["phases"][0]["change"] == "changed"
    assert plain["limits"][0]["limit"] == "hi"
