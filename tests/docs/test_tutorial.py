"""The tutorial is carried out as it stands; and what carries it out notices when it is wrong."""

import shutil
from pathlib import Path

import pytest

from controller.recipe_schema import schema
from controller.yaml_tree import read_yaml
from tests.support.documents import ROOT
from tests.support.json_schema import mistakes
from tests.support.line_under_test import STATIONS, free_ports, line_folder
from tests.support.recipe_kinds import shipped_kinds
from tests.support.walkthrough import (
    Differs,
    Done,
    Step,
    Walkthrough,
    differs,
    install_dryline,
    steps,
)

TUTORIAL = ROOT / "docs" / "tutorials" / "an-engineers-day.md"
DRAFT = Path("recipes/calender/line-load/1.2.0.yaml")
WHOLE_DAY_S = 1_800.0  # five minutes on a machine with nothing else to do
DAY = (  # what the page must show, in this order
    "dryline up", "dryline recipe new", "sed", "dryline recipe check", "dryline recipe diff",
    "dryline rehearse", "sed", "dryline rehearse", "dryline recipe release",
    "dryline deploy calender",
    "dryline deployed calender", "dryline trial new", "dryline rehearse", "dryline recipe release",
    "dryline complete calender", "dryline reset calender", "dryline trial start",
    "dryline start calender", "dryline deployed calender", "dryline wait coater COMPLETED",
    "dryline trial compare", "dryline deploy coater", "dryline lead", "dryline rollback",
    "dryline run show", "dryline run export", "dryline run verify", "python3",
    "dryline run verify", "^C",
)  # fmt: skip


def test_the_tutorial_shows_the_whole_day() -> None:
    rest = iter(step.command for step in steps(TUTORIAL.read_text(encoding="utf-8")))
    missing = [word for word in DAY if not any(c.startswith(word) for c in rest)]
    assert missing == []


@pytest.mark.timeout(WHOLE_DAY_S)
def test_the_tutorial_can_be_carried_out(tmp_path: Path) -> None:
    ports = dict(zip(STATIONS, free_ports(len(STATIONS)), strict=True))
    line = line_folder(tmp_path / "line", ports)
    folder = tmp_path / "day"
    drafts = shutil.ignore_patterns("ledger.json")
    shutil.copytree(ROOT / "recipes", folder / "recipes", ignore=drafts)
    underlined: list[list[str]] = []

    def look(done: Done) -> None:
        if done.step.command.startswith("dryline recipe check"):
            underlined.append(_underlined(done.folder / DRAFT))

    command = install_dryline(tmp_path / "bin", line)
    with Walkthrough(folder, [command], {"LOGNAME": "ada"}) as day:
        try:
            day.carry_out(TUTORIAL.read_text(encoding="utf-8"), look)
        except Differs as error:
            log = (folder / "up.log").read_text(encoding="utf-8").splitlines()
            pytest.fail("\n".join([str(error), "--- the line", *log[-15:]]))
    assert underlined == [["/formula/roll_temperature/value: maximum"], []]
    assert (folder / "trial.png").read_bytes().startswith(b"\x89PNG")


def _underlined(recipe: Path) -> list[str]:
    """What an editor with the schema of the kind marks in a recipe."""
    text = recipe.read_text(encoding="utf-8")
    return mistakes(read_yaml(text, recipe.name)[0].value, schema(shipped_kinds()["calender"]))


# -- what carries it out ---------------------------------------------------------------------------


def page(*lines: str, within: int | None = None) -> str:
    above = [f"<!-- numbers within {within} % -->"] if within is not None else []
    return "\n".join(["# Title", "", *above, "```console", *lines, "```", ""])


def carried_out(folder: Path, text: str) -> list[Done]:
    seen: list[Done] = []
    with Walkthrough(folder) as session:
        session.carry_out(text, seen.append)
    return seen


def test_steps_know_their_command_their_output_and_their_place() -> None:
    found = steps(page("$ one \\", ">   two", "said", "", "$ three", within=20))
    assert found == [
        Step(5, "one \\\n  two", ("said", ""), 0.2),
        Step(9, "three", (), 0.2),
    ]


def test_a_block_that_begins_with_output_is_refused() -> None:
    with pytest.raises(ValueError, match="line 4: a console block begins with a command"):
        steps(page("said", "$ one"))


def test_commands_share_a_shell_and_a_folder(tmp_path: Path) -> None:
    text = page(
        "$ cd .. && mkdir -p b && cd b", "$ A=5", "$ pwd | grep -o 'b$'", "b", "$ echo $A", "5"
    )
    assert [done.code for done in carried_out(tmp_path, text)] == [0, 0, 0, 0]


def test_a_failure_that_the_page_shows_is_right(tmp_path: Path) -> None:
    text = page("$ ls nothing 2> /dev/null", "$ echo $?", "2")
    assert [done.code for done in carried_out(tmp_path, text)] == [2, 0]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (("$ false",), "exit code 1, which the document does not show"),
        (("$ false", "$ echo $?", "0"), "line missing: '0', found '1'"),
        (("$ echo one", "two"), "line missing: 'two', found 'one'"),
        (("$ echo one",), "more than the document says: 'one'"),
        (("$ true", "one"), "line missing: 'one'"),
        (("$ printf 'one\\ntwo\\n'", "...", "three"), "line missing: 'three'"),
        (("$ exit 3",), "the shell has ended"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, lines: tuple[str, ...], told: str
) -> None:
    with pytest.raises(Differs) as found:
        carried_out(tmp_path, page(*lines))
    assert told in str(found.value)


@pytest.mark.parametrize(
    ("expected", "output", "same"),
    [
        (["..."], ["a", "b"], True),
        (["a", "..."], ["a", "b", "c"], True),
        (["a", "..."], ["b", "a"], False),
        (["...", "c"], ["a", "b", "c"], True),
        (["...", "b"], ["a", "b", "c"], False),
        (["a ..."], ["a b c"], True),
        (["a ..."], ["b b c"], False),
        (["a   b"], ["a b  "], True),
        (["coater-20261122-113036: done"], ["coater-20261124-090000: done"], True),
        (["coater-20261122-113036: done"], ["calender-20261122-113036: done"], False),
        (["trial-coater-20261122-113036"], ["coater-20261122-113036"], False),
        (["at 2026-11-22T10:33:13Z"], ["at 2027-01-02T00:00:00Z"], True),
        (["after 1.5 min"], ["after 22.0 min"], True),
        (["at 104 um"], ["at 100 um"], False),
        (["+0:13:39.6 run"], ["+0:12:00.0 run"], True),
        (["x.yaml:19:29: bad"], ["x.yaml:19:30: bad"], False),
        (["│ thickness │ 104 │"], ["│ thickness  │ 104 │", "└────┘"], True),
    ],
)
def test_lines_are_compared_without_what_changes_from_day_to_day(
    expected: list[str], output: list[str], same: bool
) -> None:
    assert (differs(Step(1, "x", tuple(expected)), output) == "") is same


@pytest.mark.parametrize(
    ("output", "same"), [("mean 104", True), ("mean 115", False), ("sd 104", False)]
)
def test_measured_numbers_have_a_tolerance(output: str, same: bool) -> None:
    step = Step(1, "x", ("mean 100",), 0.1)
    assert (differs(step, [output]) == "") is same
