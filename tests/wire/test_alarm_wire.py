"""One alarm over the real wire: `dryline up`, a fault, people at the API, the journal, the figures.

The tests of this module are one story, in this order.
"""

import csv
import io
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from controller.access.roles import Role
from controller.runs.csv_cells import plain_text
from tests.faults.test_orderly_stop import Up
from tests.support.api_process import BASE, ENOUGH_S, Person, add_users, eventually
from tests.support.line_under_test import ROOT, LineUnderTest, free_ports

pytestmark = pytest.mark.timeout(300)

ALARM = "COAT.WDOG.expired"  # the local switch of the coater: no set point of ours is taken
STOP = "CAL.ESTOP.pressed"
FORMULA = "=1+1 the switch is being changed"
Json = dict[str, Any]


@dataclass
class Site:
    """The line that `dryline up` has started, and the people at it."""

    up: Up
    ann: Person
    eva: Person
    vic: Person

    def fault(self, *words: str) -> None:
        """What somebody types at a terminal."""
        subprocess.run(
            [sys.executable, "-m", "controller", "fault", *words, "--run", str(self.up.run)],
            cwd=ROOT, check=True, capture_output=True, timeout=ENOUGH_S,
        )  # fmt: skip

    def alarm(self, name: str) -> Json:
        """The alarm as the API shows it; empty while it is normal."""
        found = self.ann.get(f"/alarms/{name}")
        return found.json() if found.status_code == 200 else {}

    def until(self, name: str, state: str) -> Json:
        """Wait until an alarm is in a state."""
        return eventually(lambda: (a := self.alarm(name)).get("state") == state and a)

    def journal(self, name: str) -> list[Json]:
        """Its entries, oldest first."""
        found = self.ann.get("/journal", start="-1h", text=name, limit=1000).json()["entries"]
        return [e for e in reversed(found) if e["alarm"] == name]

    def heard(self) -> bool:
        """Every PLC is linked and the API has all of it."""
        if not (self.up.run / "api.sock").exists():
            return False
        transport = httpx.HTTPTransport(uds=str(self.up.run / "api.sock"))
        with httpx.Client(transport=transport, base_url=f"http://localhost{BASE}") as http:
            found = http.get("/stations").json()["stations"].values()
            return all(s.get("link_up") and s["heard"] for s in found)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with LineUnderTest() as other:  # for its folders and ports; nothing of it is started
        run, port = other.folder / "up", free_ports(1)[0]
        run.mkdir()
        people = {"ann": [Role.OPERATOR], "eva": [Role.ENGINEER], "vic": [Role.VIEWER]}
        add_users(run, other.folder / "anchors", **people)
        up = Up(other.folder, "--listen", f"127.0.0.1:{port}")
        known = [Person(port) for _ in people]
        try:
            found = Site(up, *known)
            eventually(found.heard, 2 * ENOUGH_S)
            for person, name in zip(known, people, strict=True):
                person.login(name)
            yield found
        finally:
            for person in known:
                person.close()
            up.close()


def test_a_fault_is_seen_as_an_alarm_with_what_to_do(site: Site) -> None:
    assert site.alarm(ALARM) == {}
    site.fault("coater", "local_mode")
    found = site.until(ALARM, "unacknowledged")
    assert found["asks"]
    assert found["occurrence"] == 1
    assert found["cause"]
    assert found["consequence"]
    assert found["action"]
    assert found["respond_s"] > 0
    listed = site.ann.get("/alarms", which="active", station="coater").json()
    assert ALARM in [a["id"] for a in listed["alarms"]]


def test_a_viewer_may_look_and_no_more(site: Site) -> None:
    assert site.vic.get(f"/alarms/{ALARM}").status_code == 200
    answer = site.vic.post(f"/alarms/{ALARM}/ack", {"occurrence": 1})
    assert answer.status_code == 403
    assert site.alarm(ALARM)["state"] == "unacknowledged"


def test_an_operator_acknowledges_the_coming_that_he_saw(site: Site) -> None:
    wrong = site.ann.post(f"/alarms/{ALARM}/ack", {"occurrence": 7})
    assert wrong.status_code == 409, wrong.text
    assert wrong.json()["code"] == "occurrence"
    done = site.ann.post(f"/alarms/{ALARM}/ack", {"occurrence": 1, "reason": "I am at the panel"})
    assert done.status_code == 200, done.text
    assert done.json()["state"] == "confirmed"
    assert site.until(ALARM, "acknowledged")["occurrence"] == 1
    twice = site.ann.post(f"/alarms/{ALARM}/ack", {"occurrence": 1})
    assert twice.json()["code"] == "state"


def test_an_engineer_shelves_it_for_a_time_with_a_reason(site: Site) -> None:
    without = site.eva.post(f"/alarms/{ALARM}/shelve", {"for_s": 600, "reason": " "})
    assert without.status_code >= 400
    done = site.eva.post(f"/alarms/{ALARM}/shelve", {"for_s": 600, "reason": FORMULA})
    assert done.status_code == 200, done.text
    aside = site.until(ALARM, "shelved")["aside"]
    assert aside["actor"] == "eva"
    assert aside["reason"] == FORMULA
    assert 590 * 10**9 < aside["until_ns"] - aside["since_ns"] <= 600 * 10**9
    listed = site.ann.get("/alarms", which="shelved").json()["alarms"]
    assert [a["id"] for a in listed] == [ALARM]


def test_what_goes_while_it_is_shelved_comes_back_normal(site: Site) -> None:
    site.fault("coater", "local_mode", "--clear")
    eventually(lambda: not site.alarm(ALARM)["condition"])
    done = site.eva.post(f"/alarms/{ALARM}/unshelve", {"reason": "changed"})
    assert done.status_code == 200, done.text
    eventually(lambda: site.alarm(ALARM) == {})


def test_an_emergency_stop_trips_the_plc_and_cannot_be_shelved(site: Site) -> None:
    site.fault("calender", "emergency_stop")
    found = site.until(STOP, "unacknowledged")
    site.until("CAL.TRIP.tripped", "unacknowledged")
    refused = site.eva.post(f"/alarms/{STOP}/shelve", {"for_s": 600, "reason": "noise"})
    assert refused.status_code == 409, refused.text
    assert refused.json()["code"] == "shelvable"
    start = site.ann.propose("calender", "START")
    told = (
        start.json() if start.status_code >= 400 else site.ann.execute(start.json()["token"]).json()
    )
    assert "emergency stop" in str(told)
    done = site.ann.post(f"/alarms/{STOP}/ack", {"occurrence": found["occurrence"]})
    assert done.status_code == 200, done.text
    site.fault("calender", "emergency_stop", "--clear")
    eventually(lambda: site.alarm(STOP) == {})


def test_the_journal_tells_the_whole_story(site: Site) -> None:
    entries = eventually(lambda: len(found := site.journal(ALARM)) >= 4 and found)
    assert [e["move"] for e in entries] == ["raise", "acknowledge", "shelve", "unshelve"]
    assert [e["actor"] for e in entries] == ["", "ann", "eva", "eva"]
    assert [e["to"] for e in entries] == ["unacknowledged", "acknowledged", "shelved", "normal"]
    assert entries[1]["reason"] == "I am at the panel"
    times = [e["time_ns"] for e in entries]
    assert times == sorted(times)


def test_the_export_is_safe_for_a_spreadsheet_and_loses_nothing(site: Site) -> None:
    answer = site.eva.get("/journal.csv", start="-1h")
    assert answer.status_code == 200, answer.text
    head, *rows = csv.reader(io.StringIO(answer.text))
    cells = [row[head.index("reason")] for row in rows if row[head.index("alarm")] == ALARM]
    assert FORMULA in {plain_text(cell) for cell in cells}
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)


def test_the_figures_agree_with_the_journal(site: Site) -> None:
    window = {"start": "-1h", "stop": "now", "operators": 2}
    entries = site.ann.get("/journal", start="-1h", limit=5000).json()["entries"]
    report = site.ann.get("/alarm-kpi", **window).json()
    came = [e for e in entries if e["to"] == "unacknowledged"]
    assert report["alarms"] == len(came) >= 3
    assert report["per_operator_hour"] == pytest.approx(len(came) / 2, rel=0.01)
    assert {r["alarm"]: r["count"] for r in report["top"]} == {
        name: sum(e["alarm"] == name for e in came) for name in {e["alarm"] for e in came}
    }
    assert report["acknowledged"] == sum(e["move"] == "acknowledge" for e in entries)
    for priority in (1, 2, 3, 4):
        counted = sum(e["priority"] == priority for e in came)
        assert report["priorities"][str(priority)] == counted
    assert (report["floods"], report["stale"], report["chattering"]) == (0, {}, [])
