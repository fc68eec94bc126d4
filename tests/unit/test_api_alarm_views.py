"""What the screens of alarms, audit and health ask for beside the plain lists."""

import csv
import io

import pytest

from controller.access.roles import Role
from controller.alarms.kpi import GOOD_PER_HOUR
from controller.api.certificate_figures import certificates
from controller.clock import ManualClock
from controller.core.event import Event, EventKind
from controller.drivers.opcua_settings import PKI
from controller.historian import Historian
from controller.pki import own
from tests.support.api_rig import api_rig
from tests.support.history import make_tag

S, MINUTE = 10**9, 60 * 10**9
T0_NS = 1_790_000_000 * S
KNOWN, GONE = "COAT.TORQUE.hi", "COAT.OLD.THING.hi"


def came(alarm: str, time_ns: int, move: str = "raise", priority: int = 3) -> Event:
    after = {"raise": "unacknowledged", "clear": "returned-unacknowledged"}[move]
    before = {"raise": "normal", "clear": "unacknowledged"}[move]
    return Event(
        time_ns=time_ns, kind=EventKind.ALARM, station="coater", subject=alarm.rpartition(".")[0],
        text=f"{alarm} {move}", actor="",
        data={
            "alarm": alarm, "name": "hi", "occurrence": 1, "move": move, "from": before,
            "to": after, "priority": priority, "value": 5.0, "limit": 4.0, "quality": 0,
            "reason": "", "group": "", "first": "",
        },
    )  # fmt: skip


@pytest.fixture
def line(tmp_path):
    with api_rig(tmp_path) as found:
        path = found.parts.given.run / "history.db"
        historian = Historian(path, [make_tag("T.PV")], ManualClock())
        historian.start()
        for k in range(12):  # more than ten within ten minutes: a flood
            alarm = KNOWN if k % 2 else GONE
            historian.event(came(alarm, T0_NS + k * 20 * S))
            historian.event(came(alarm, T0_NS + k * 20 * S + 5 * S, "clear"))
        assert historian.close(60.0)
        yield found


def window() -> dict[str, str]:
    return {"start": str(T0_NS - MINUTE), "stop": str(T0_NS + 60 * MINUTE)}


async def test_entries_of_the_journal_say_what_the_alarm_is_about(line):
    sato = line.person("sato", Role.OPERATOR)
    found = (await sato.get("/journal", params=window() | {"limit": 100})).json()["entries"]
    assert len(found) == 24
    known = next(e for e in found if e["alarm"] == KNOWN)
    assert known["tag"] == "COAT.TORQUE"
    assert known["what"]
    gone = next(e for e in found if e["alarm"] == GONE)
    assert (gone["tag"], gone["what"]) == ("COAT.OLD.THING", "")


async def test_the_table_has_every_alarm_with_what_to_do(line):
    sato = line.person("sato", Role.OPERATOR)
    found = (await sato.get("/alarm-table")).json()["alarms"]
    ids = [row["id"] for row in found]
    assert len(ids) == len(set(ids))
    assert KNOWN in ids
    assert {"coater", "calender", "enclosure"} <= {row["station"] for row in found}
    assert all(row["action"] and row["cause"] and row["text"] for row in found)


async def test_the_file_of_the_journal_has_what_the_screen_has_chosen(line):
    eva = line.person("eva", Role.ENGINEER)
    asked = window() | {"text": "torque", "move": "raise"}
    text = (await eva.get("/journal.csv", params=asked)).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 6
    assert {(r["alarm"], r["move"]) for r in rows} == {(KNOWN, "raise")}
    wrong = await eva.get("/journal.csv", params=window() | {"move": "jump"})
    assert wrong.json()["code"] == "question"


async def test_figures_name_the_floods_their_alarms_and_what_is_good(line):
    sato = line.person("sato", Role.OPERATOR)
    found = (await sato.get("/alarm-kpi", params=window())).json()
    assert found["alarms"] == 12
    (flood,) = found["flood_spans"]
    assert flood["start_ns"] == T0_NS + 10 * 20 * S
    assert flood["stop_ns"] > flood["start_ns"]
    assert found["good"]["per_operator_hour"] == GOOD_PER_HOUR
    texts = found["alarm_texts"]
    assert set(texts) == {KNOWN, GONE}
    assert (texts[KNOWN]["tag"], texts[KNOWN]["of"]) == ("COAT.TORQUE", "coater")


async def test_records_of_the_audit_trail_are_chosen_by_time(line):
    eva = line.person("eva", Role.ENGINEER)
    everything = (await eva.get("/audit")).json()["records"]
    last_ns = everything[-1]["utc_ns"]
    asked = {"start": str(last_ns), "stop": str(last_ns + 1)}
    later = (await eva.get("/audit", params=asked)).json()["records"]
    assert later
    assert all(r["utc_ns"] == last_ns for r in later)
    before = (await eva.get("/audit", params={"stop": str(last_ns)})).json()["records"]
    assert len(before) + len(later) == len(everything)
    wrong = await eva.get("/audit", params={"start": "some day"})
    assert wrong.json()["code"] == "question"
    csv_text = (await eva.get("/audit/export", params={"stop": str(last_ns)})).text
    assert len(csv_text.splitlines()) == 1 + len(before)


async def test_health_says_how_long_certificates_are_good(line):
    sato = line.person("sato", Role.OPERATOR)
    assert (await sato.get("/health/figures")).json()["certificates"] == []
    run, utc_s = line.parts.given.run, line.parts.given.now().utc_ns / S
    made = own.ensure(run / PKI, utc_s)
    (ours,) = (await sato.get("/health/figures")).json()["certificates"]
    assert ours["of"] == "controller"
    assert ours["days_left"] == pytest.approx(made.facts.days_left(utc_s), abs=1.0)
    der = own.own_path(run / PKI).with_suffix(".der")
    der.write_bytes(b"nonsense")
    (broken,) = certificates(run, utc_s)
    assert broken["days_left"] is None
    assert str(run) not in broken["text"]
