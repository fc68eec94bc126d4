"""The last figures in the page, and the ratios that are kept."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench import last_figures, ratios
from tests.bench.__main__ import keep, kept_before
from tests.bench.apart import Outcome
from tests.bench.goals import Figure, as_json
from tests.bench.ratio_pairs import PAIRS

ABOUT = {"date": "2026-11-23", "machine": "a PC, 2 cores", "load": "0.3", "python": "3.11.7"}
GOALS = [
    Figure("A1", "CPU, to asyncua raw", 0.2, 0.15, note="decoding | objects"),
    Figure("A4", "CPU, to pyModbusTCP", float("nan"), note="not installed"),
    Figure("F1", "x real time", 61_234.0, 500.0, better="above"),
]
KEPT = {"about": ABOUT, "goals": as_json(GOALS), "failed": {"sink": "ended with 1"}}


def test_the_table_names_machine_goals_and_what_failed() -> None:
    lines = list(last_figures.table(KEPT))
    assert lines[0] == "Taken on 2026-11-23 on a PC, 2 cores, load 0.3 at the end; python 3.11.7."
    row = "| A1 | CPU, to asyncua raw | 0.2 x | at most 0.15 x | missed | decoding \\| objects |"
    assert row in lines
    assert "| A4 | CPU, to pyModbusTCP | not measured |  |  | not installed |" in lines
    assert "| F1 | x real time | 61,234 x | at least 500 x | met |  |" in lines
    assert lines[-1] == "`sink` brought no figures: ended with 1."


def test_only_what_stands_between_the_marks_is_replaced_and_once_is_enough() -> None:
    page = f"before\n{last_figures.BEGIN}\nold\n{last_figures.END}\nafter\n"
    once = last_figures.between(page, iter(["new"]))
    assert once == f"before\n{last_figures.BEGIN}\n\nnew\n\n{last_figures.END}\nafter\n"
    assert last_figures.between(once, iter(["new"])) == once
    with pytest.raises(ValueError, match="needs a line"):
        last_figures.between("before\n", iter([]))


def test_added_figures_take_the_place_of_their_own_and_leave_the_others(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    first = {
        "opcua": Outcome({"us": 1.0}, (GOALS[0],)), "sink": Outcome(failure="ended with 1"),
        "rehearsal": Outcome({"x": 2.0}, (GOALS[2],)),
    }  # fmt: skip
    keep(path, first, {})
    before = kept_before(path)
    again = {"rehearsal": Outcome({"x": 3.0}, (replace(GOALS[2], value=7.0),)), "sink": Outcome()}
    assert keep(path, again, before) == [again["rehearsal"].goals[0]]
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["figures"] == {"opcua": {"us": 1.0}, "rehearsal": {"x": 3.0}, "sink": {}}
    assert [(row["goal"], row["value"]) for row in found["goals"]] == [("A1", 0.2), ("F1", 7.0)]
    assert found["failed"] == {}


def test_figures_of_two_machines_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    assert kept_before(path) == {}
    keep(path, {}, {})
    found = json.loads(path.read_text(encoding="utf-8"))
    found["about"]["date"] = "2001-02-03"
    path.write_text(json.dumps(found), encoding="utf-8")
    keep(path, {}, kept_before(path))
    days = json.loads(path.read_text(encoding="utf-8"))["about"]["date"]
    assert days.startswith("2001-02-03 to 20")
    keep(path, {}, kept_before(path))
    assert json.loads(path.read_text(encoding="utf-8"))["about"]["date"] == days
    found["about"]["numpy"] = "1.0"
    path.write_text(json.dumps(found), encoding="utf-8")
    with pytest.raises(ValueError, match="without --add"):
        kept_before(path)


def test_without_figures_the_page_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("as it was", encoding="utf-8")
    assert last_figures.write(tmp_path / "none.json", page) == 1
    assert page.read_text(encoding="utf-8") == "as it was"


def test_the_page_has_its_marks() -> None:
    text = last_figures.PAGE.read_text(encoding="utf-8")
    assert last_figures.between(text, iter([])) != text


def test_ratios_are_kept_with_the_machine_they_were_taken_on(tmp_path: Path) -> None:
    file = tmp_path / "ratios.toml"
    found = dict.fromkeys(PAIRS, 1.25)
    ratios.write(found, file)
    assert ratios.kept(file) == found
    text = file.read_text(encoding="utf-8")
    assert "machine = " in text
    assert "python -m tests.bench ratios --keep" in text


def test_every_pair_has_a_ratio_that_was_kept() -> None:
    assert set(ratios.kept()) == set(PAIRS)


@pytest.mark.parametrize(
    ("first", "again", "worse"), [(1.9, None, False), (2.1, 1.9, False), (2.1, 2.1, True)]
)
def test_twice_as_bad_counts_only_when_it_is_so_again(
    first: float, again: float | None, worse: bool
) -> None:
    answers = iter([first, again])
    before = {"modbus": 1.0}
    found = ratios.judged("modbus", before, lambda _name: float(next(answers) or 0.0))
    assert found.worse is worse
    assert found.ratio == (first if again is None else again)
