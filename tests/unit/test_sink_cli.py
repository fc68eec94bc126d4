"""`dryline sink`: what a person sees and may do."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from controller.__main__ import app
from controller.clock import SystemClock
from controller.sinks.condition import State
from controller.sinks.ledger import Ledger, Refused
from controller.sinks.places import SinkPlaces
from controller.sinks.status import SinkStatus
from tests.unit.test_sink_config import PLANT, folder, with_sinks

__all__ = ["folder"]
LINES = ("cell,tag=A value=1.0 1", "cell,tag=A value=2.0 2")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def ledger(run: Path) -> Iterator[Ledger]:
    made = Ledger(SinkPlaces(run, "plant").ledger)
    with made.step(1_767_225_600 * 10**9) as step:
        step.refuse(
            [Refused("live", LINES, "400: type conflict"), Refused("events", LINES[:1], "422: x")]
        )
    yield made
    made.close()


def dryline(*words: object) -> Result:
    return CliRunner().invoke(app, ["sink", *map(str, words)], env={"COLUMNS": "200"})


def test_a_line_without_sinks_says_how_to_add_one(run: Path) -> None:
    assert "add [sinks.NAME] to line.toml" in dryline("list", "--run", run).stdout


def test_every_sink_is_listed_with_what_it_does(folder: Path, run: Path, ledger: Ledger) -> None:
    with_sinks(folder, PLANT)
    places = SinkPlaces(run, "plant")
    SinkStatus(
        name="plant", state=State.STOPPED, reason="401: unauthorized", queue=71,
        link_s=SystemClock().link_s(),
    ).write(places.status)  # fmt: skip
    shown = dryline("list", "--line", folder, "--run", run)
    assert shown.exit_code == 0
    assert "stopped" in shown.stdout
    assert "71" in shown.stdout
    assert "plant: 401: unauthorized" in shown.stdout
    (row,) = json.loads(dryline("list", "--line", folder, "--run", run, "--json").stdout)
    assert (row["name"], row["state"], row["queue"]) == ("plant", "stopped", 71)


def test_what_was_refused_is_listed_newest_first(run: Path, ledger: Ledger) -> None:
    shown = dryline("quarantine", "plant", "--run", run).stdout.splitlines()
    assert shown[0] == "2  2026-01-01 00:00:00 UTC  1 line(s) of events: 422: x"
    assert shown[2].endswith("2 line(s) of live: 400: type conflict")
    assert shown[3].strip() == LINES[0]
    assert LINES[1] in dryline("quarantine", "plant", "--run", run, "--full").stdout
    rows = json.loads(dryline("quarantine", "plant", "--run", run, "--json").stdout)
    assert [row["body"] for row in rows] == [[LINES[0]], list(LINES)]


def test_refused_lines_are_marked_to_be_sent_again(run: Path, ledger: Ledger) -> None:
    assert "2 line(s) are sent again" in dryline("retry", "plant", "--id", 1, "--run", run).stdout
    entry = ledger.again()
    assert entry is not None
    assert entry.id == 1
    assert "is sent again" in dryline("quarantine", "plant", "--run", run).stdout
    assert "3 line(s)" in dryline("retry", "plant", "--run", run).stdout


def test_a_sink_that_never_ran_is_said_to_have_nothing(run: Path) -> None:
    for words in (("quarantine", "plant"), ("retry", "plant")):
        shown = dryline(*words, "--run", run)
        assert shown.exit_code == 1
        assert "has the sink run with this folder?" in shown.stderr
