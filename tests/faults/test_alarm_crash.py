"""What people did to alarms and interlocks is still so after kill -9, and the journal has it."""

import os
import subprocess
import sys

import pytest

from controller.alarms.journal import Entry, entries
from controller.alarms.states import Move
from tests.support.line_under_test import ROOT, Json, LineUnderTest

SILENT = "CAL.LINK.AGE.hi"
pytestmark = pytest.mark.timeout(240)


def dryline(line: LineUnderTest, *words: str) -> str:
    command = [sys.executable, "-m", "controller", *words, "--run", str(line.run)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"COLUMNS": "250"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def alarm(line: LineUnderTest, station: str, own: str) -> Json:
    found = line.ask(op="alarms", station=station)["alarms"]
    return next((a for a in found if a["id"] == own), {})


def journal(line: LineUnderTest, own: str) -> list[Entry]:
    line.wait_for_history()
    with line.reader() as reader:
        return [e for e in entries(reader) if e.alarm == own]


def kill_and_come_back(line: LineUnderTest) -> None:
    line.kill_controller()
    line.start_controller()
    line.wait_for(line.all_links_up, "all links up", 60.0)


def silence(line: LineUnderTest) -> Json:
    """The calender's PLC stands still until it is alarmed."""
    line.plc("calender", "pause")
    try:
        return line.wait_for(
            lambda: (a := alarm(line, "calender", SILENT)) and a["asks"] and a, "alarm", 20.0
        )  # type: ignore[return-value]
    finally:
        line.plc("calender", "resume")


def test_an_acknowledgement_that_was_answered_is_not_asked_for_again(line: LineUnderTest) -> None:
    seen = silence(line)
    line.wait_for(line.all_links_up, "all links up", 60.0)
    assert SILENT in dryline(line, "alarms", "list")
    assert "1 not acknowledged" in dryline(line, "status")
    dryline(line, "alarms", "ack", SILENT, "--by", "ann")
    line.kill_controller()
    line.start_controller()
    line.wait_for(line.all_links_up, "all links up", 60.0)
    assert not alarm(line, "calender", SILENT)
    moves = [e for e in journal(line, SILENT) if e.occurrence == seen["occurrence"]]
    assert [e.move for e in moves] == [Move.RAISE, Move.CLEAR, Move.ACKNOWLEDGE]
    assert moves[-1].actor == "ann"


def test_shelves_and_bypasses_survive_kill_9_and_are_shown(line: LineUnderTest) -> None:
    words = ("--station", "calender", "--reason", "cable is exchanged", "--for", "30m")
    dryline(line, "alarms", "shelve", "CAL.TRIP.tripped", *words, "--by", "eve")
    dryline(line, "interlocks", "bypass", "coater", "torque", "--for", "30m", "--reason", "cell")
    before = alarm(line, "calender", "CAL.TRIP.tripped")["aside"]
    kill_and_come_back(line)
    after = alarm(line, "calender", "CAL.TRIP.tripped")["aside"]
    assert after == before
    assert (after["actor"], after["reason"]) == ("eve", "cable is exchanged")
    assert "BYPASSED torque" in dryline(line, "status")
    assert "BYPASSED by" in dryline(line, "interlocks", "list", "coater")
    line.wait_for(
        lambda: alarm(line, "coater", "COAT.INTERLOCK.BYPASSED.bypassed"), "alarm of the bypass"
    )
    dryline(line, "interlocks", "restore", "coater", "torque", "--reason", "mended")
    dryline(line, "alarms", "unshelve", "CAL.TRIP.tripped")
    kill_and_come_back(line)
    assert not alarm(line, "calender", "CAL.TRIP.tripped").get("aside")
    assert "BYPASSED" not in dryline(line, "status")
