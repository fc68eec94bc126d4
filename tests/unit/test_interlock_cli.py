"""`dryline interlocks`, and what `dryline status` says of alarms and interlocks."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from controller.cli import interlocks, look, operate

APP = typer.Typer()
interlocks.add_to(APP)
look.add_to(APP)
BYPASS = {"actor": "eva", "reason": "cell [bold]exchanged", "since_ns": 0, "until_ns": 10**18}
TORQUE = {
    "name": "torque", "kind": "trip", "tag": "COAT.TORQUE", "text": "mixer torque", "ok": True,
    "wanted": "above 92 %", "shown": "40 %", "remedy": "", "latched": False, "first_out": False,
    "bypassable": True, "bypass": None,
}  # fmt: skip
DOOR = {**TORQUE, "name": "door 1 open", "kind": "permissive", "wanted": "off", "shown": "on",
        "ok": False, "remedy": "close door 1"}  # fmt: skip
NO_ALARMS = {"active": 0, "unacknowledged": 0, "shelved": 0, "out-of-service": 0}


def status(*rows: dict[str, Any], **alarms: int) -> dict[str, Any]:
    station = {
        "state": "EXECUTE", "reason": "", "step": "", "left_s": 0.0, "waiting_for": [],
        "link_up": True, "loops": {}, "interlocks": list(rows), "alarms": {**NO_ALARMS, **alarms},
    }  # fmt: skip
    return {"stations": {"coater": station}, "line_stations": ["coater"], "controllers": [],
            "silent": [], "uncontrolled": []}  # fmt: skip


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the controllers say; a test fills it."""
    found = status(TORQUE, DOOR)
    monkeypatch.setattr(interlocks, "status", lambda run: found)
    monkeypatch.setattr(look, "status_of", lambda run: found)
    return found


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the controllers were asked; they refuse nothing."""
    found: list[dict[str, Any]] = []

    def order(run: Path, request: dict[str, Any]) -> dict[str, Any]:
        found.append(request)
        return {"accepted": True, "code": "ok", "reasons": []}

    monkeypatch.setattr(operate, "order", order)
    return found


def dryline(*words: object) -> Result:
    return CliRunner().invoke(APP, [*map(str, words)], env={"COLUMNS": "220"})


def test_the_list_has_live_values_and_marks_what_is_not_met(seen: dict[str, Any]) -> None:
    lines = dryline("interlocks", "list").output.splitlines()
    torque = next(line for line in lines if "torque" in line)
    door = next(line for line in lines if "door 1 open" in line)
    assert "40 %" in torque
    assert "above 92 %" in torque
    assert "NOT MET" not in torque
    assert "NOT MET" in door
    assert "close door 1" in door


def test_the_list_marks_the_first_trip_and_what_is_bypassed(seen: dict[str, Any]) -> None:
    second = {**TORQUE, "name": "speed", "latched": True}
    first = {**TORQUE, "latched": True, "first_out": True}
    seen["stations"]["coater"]["interlocks"] = [first, second, {**DOOR, "bypass": BYPASS}]
    told = dryline("interlocks", "list", "coater").output
    assert told.count("FIRST OUT") == 1
    assert told.count("TRIPPED") == 1
    assert "BYPASSED by eva until" in told
    assert "cell [bold]exchanged" in told
    assert json.loads(dryline("interlocks", "list", "--json").output)["coater"][0] == first


def test_a_station_that_nobody_controls_is_told(seen: dict[str, Any]) -> None:
    found = dryline("interlocks", "list", "slitter")
    assert found.exit_code == 1
    assert "no station 'slitter'" in found.output


def test_a_bypass_is_a_command_with_a_time_in_seconds(asked: list[dict[str, Any]]) -> None:
    done = dryline("interlocks", "bypass", "coater", "torque", "--for", "30m", "--reason", "cell")
    assert done.exit_code == 0, done.output
    assert asked == [
        {"op": "command", "station": "coater", "verb": "BYPASS", "target": "torque",
         "value": 1800.0, "reason": "cell"}
    ]  # fmt: skip
    dryline("interlocks", "restore", "coater", "torque", "--reason", "works")
    assert (asked[-1]["verb"], asked[-1]["target"]) == ("UNBYPASS", "torque")


@pytest.mark.parametrize(
    "missing", [("--for", "30m"), ("--reason", "x"), ("--reason", "x", "--for", "long")]
)
def test_a_bypass_without_reason_or_end_is_not_even_asked_for(
    asked: list[dict[str, Any]], missing: tuple[str, ...]
) -> None:
    assert dryline("interlocks", "bypass", "coater", "torque", *missing).exit_code != 0
    assert asked == []


def test_status_tells_of_alarms_trips_and_bypasses_and_nothing_when_there_are_none(
    seen: dict[str, Any],
) -> None:
    quiet = dryline("status").output
    assert "alarm" not in quiet
    assert "BYPASSED" not in quiet
    coater = seen["stations"]["coater"]
    coater["alarms"] = {**NO_ALARMS, "active": 2, "unacknowledged": 1, "shelved": 3}
    coater["interlocks"] = [
        {**TORQUE, "latched": True, "first_out": True, "shown": "96.2 %"},
        {**DOOR, "bypass": BYPASS},
    ]
    told = dryline("status").output
    assert "2 alarms, 1 not acknowledged, 3 shelved" in told
    assert "first-out trip torque: mixer torque is 96.2 %, trips when above 92 %" in told
    assert "BYPASSED door 1 open by eva until" in told
