"""Alarms and interlocks from the PLC to the person and back: HTTP, command line, audit trail."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from controller.access.roles import Role
from tests.support.api_process import ApiUnderTest, Person, eventually
from tests.support.line_under_test import ROOT, LineUnderTest

SILENT = "CAL.LINK.AGE.hi"
BYPASSED = "COAT.INTERLOCK.BYPASSED.bypassed"
TORQUE = "/stations/coater/interlocks/torque"
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def api(session_line: LineUnderTest) -> Iterator[ApiUnderTest]:
    session_line.settle()
    found = ApiUnderTest(session_line.line_folder, session_line.run)
    found.users(sato=[Role.OPERATOR], eva=[Role.ENGINEER], vera=[Role.VIEWER])
    with found:
        eventually(found.heard)
        yield found


@pytest.fixture(scope="module")
def sato(api: ApiUnderTest) -> Person:
    return api.person("sato")


@pytest.fixture(scope="module")
def eva(api: ApiUnderTest) -> Person:
    return api.person("eva")


def alarm(person: Person, own: str) -> dict[str, Any]:
    found = person.get(f"/alarms/{own}")
    return dict(found.json()) if found.status_code == 200 else {}


def cli(api: ApiUnderTest, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "250", "DRYLINE_ANCHORS": str(api.anchors)}
    command = [sys.executable, "-m", "controller", *words, "--run", str(api.run)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env=environment
    )


def both_steps(person: Person, path: str, body: dict[str, Any]) -> dict[str, Any]:
    proposed = person.post(path, body)
    assert proposed.status_code == 201, proposed.text
    answer = person.execute(proposed.json()["token"])
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def recorded(api: ApiUnderTest) -> list[dict[str, Any]]:
    text = (api.run / "audit.jsonl").read_text(encoding="utf-8")
    return [json.loads(row) for row in text.splitlines()]


def test_a_silent_plc_is_alarmed_acknowledged_by_the_coming_and_in_the_journal(
    line: LineUnderTest, api: ApiUnderTest, sato: Person
) -> None:
    line.plc("calender", "pause")
    try:
        seen = eventually(lambda: (a := alarm(sato, SILENT)).get("asks") and a, 30.0)
    finally:
        line.plc("calender", "resume")
    assert seen["action"]
    assert sato.get("/alarms").json()["unacknowledged"][2] >= 1
    refused = api.person("vera").post(f"/alarms/{SILENT}/ack", {"occurrence": seen["occurrence"]})
    assert refused.status_code == 403
    old = sato.post(f"/alarms/{SILENT}/ack", {"occurrence": seen["occurrence"] + 1})
    assert (old.status_code, old.json()["code"]) == (409, "occurrence")
    done = sato.post(f"/alarms/{SILENT}/ack", {"occurrence": seen["occurrence"], "reason": "seen"})
    assert done.json()["state"] == "confirmed"
    eventually(lambda: not alarm(sato, SILENT).get("asks"))

    def journal() -> list[dict[str, Any]]:
        found = sato.get("/journal", text=SILENT, move="acknowledge").json()["entries"]
        return list(found)

    (entry,) = eventually(journal)
    assert (entry["actor"], entry["reason"]) == ("sato", "seen")
    assert [r for r in recorded(api) if r.get("action") == "acknowledge" and r["actor"] == "sato"]


def test_an_engineer_bypasses_in_two_steps_and_an_alarm_stands_until_it_ends(
    line: LineUnderTest, api: ApiUnderTest, sato: Person, eva: Person
) -> None:
    body = {"for_s": 600.0, "reason": "cell is exchanged"}
    assert sato.post(f"{TORQUE}/bypass", body).status_code == 403
    assert line.value("coater", "COAT.INTERLOCK.BYPASSED") == 0.0
    record = both_steps(eva, f"{TORQUE}/bypass", body)
    assert (record["verb"], record["target"], record["state"]) == ("BYPASS", "torque", "confirmed")
    rows = sato.get("/stations/coater/interlocks").json()["interlocks"]
    (torque,) = [r for r in rows if r["name"] == "torque"]
    assert (torque["bypass"]["actor"], torque["bypass"]["reason"]) == ("eva", "cell is exchanged")
    eventually(lambda: alarm(sato, BYPASSED).get("asks"))
    shelved = sato.post(f"/alarms/{BYPASSED}/shelve", {"for_s": 60.0, "reason": "too loud"})
    assert shelved.json()["code"] == "shelvable"
    both_steps(eva, f"{TORQUE}/restore", {"reason": "cell works"})
    eventually(lambda: alarm(sato, BYPASSED).get("state") == "returned-unacknowledged")
    assert [r for r in recorded(api) if r.get("action") == "BYPASS" and r["actor"] == "eva"]


def test_the_command_line_goes_the_same_way_and_is_in_the_audit_trail(
    api: ApiUnderTest, sato: Person
) -> None:
    where = ("--station", "calender", "--reason", "drive is measured")
    put = cli(api, "alarms", "shelve", "CAL.TORQUE.hi", *where, "--for", "10m", "--by", "ben")
    suppressed = "cannot be shelved: it is suppressed" in put.stdout + put.stderr
    assert suppressed or put.returncode == 0, put.stdout + put.stderr
    out = cli(api, "alarms", "out", "CAL.TRIP.tripped", *where, "--by", "ben")
    assert out.returncode == 0, out.stdout + out.stderr
    assert "taken out of service" in out.stdout
    eventually(lambda: alarm(sato, "CAL.TRIP.tripped").get("state") == "out-of-service")
    back = cli(api, "alarms", "back", "CAL.TRIP.tripped", "--reason", "mended", "--by", "ben")
    assert back.returncode == 0, back.stdout + back.stderr
    acts = [r["action"] for r in recorded(api) if "ben" in str(r.get("actor"))]
    assert {"take-out", "put-back"} <= set(acts)
    held = cli(api, "interlocks", "bypass", "coater", "remote switch", "--for", "10m",
               "--reason", "x")  # fmt: skip
    assert held.returncode == 1
    assert "may not be bypassed" in held.stdout + held.stderr
