"""Alarms, audit, history and runs over HTTP."""

import asyncio
import json
import tempfile

import pytest

from controller.access.roles import Role
from controller.api.alarm_watch import AlarmWatch
from controller.api.problems import Problem
from controller.api.run_work import bundle, pieces
from controller.history.several import MergedReader
from controller.run_folder import histories
from controller.run_store import STORE
from tests.support.api_rig import api_rig
from tests.support.asked_history import write_history, write_runs
from tests.support.history import T0_NS

ALARM = {
    "id": "COAT.LOAD.hi", "station": "coater", "priority": 2, "state": "unacknowledged",
    "asks": True, "occurrence": 3, "since_ns": 5, "text": "load high", "action": "slow down",
}  # fmt: skip
CRITICAL = {**ALARM, "id": "COAT.DOOR.open", "priority": 1}


@pytest.fixture
def line(tmp_path):
    with api_rig(tmp_path) as found:
        yield found


async def standing(line, *alarms) -> None:
    line.controllers.answers["alarms"] = lambda request: {
        "alarms": [a for a in alarms if a["station"] == request["station"]]
    }
    await AlarmWatch(line.controllers, line.parts.alarms, line.clock).look()


@pytest.fixture
def sato(line):
    return line.person("sato", Role.OPERATOR)


async def test_alarms_that_stand_are_listed_the_graver_first(line, sato):
    await standing(line, ALARM, CRITICAL)
    found = (await sato.get("/alarms")).json()
    assert [a["id"] for a in found["alarms"]] == ["COAT.DOOR.open", "COAT.LOAD.hi"]
    assert found["unacknowledged"] == [1, 1, 0, 0]
    assert (await sato.get("/alarms/COAT.LOAD.hi")).json()["action"] == "slow down"
    assert (await sato.get("/alarms/COAT.NOTHING.hi")).status_code == 404
    assert (await sato.get("/alarms", params={"which": "shelved"})).json()["alarms"] == []
    await standing(line)
    assert (await sato.get("/alarms")).json()["alarms"] == []


async def test_an_acknowledgement_names_the_coming_that_was_seen(line, sato):
    await standing(line, ALARM)
    answer = await sato.post("/alarms/COAT.LOAD.hi/ack", json={"occurrence": 3})
    assert answer.status_code == 200
    (asked,) = line.controllers.commands
    wanted = {"op": "alarm", "act": "acknowledge", "alarm": "COAT.LOAD.hi", "occurrence": 3,
              "station": "coater", "actor": "sato", "engineer": False, "reason": ""}  # fmt: skip
    assert {key: value for key, value in asked.items() if key != "id"} == wanted
    line.controllers.refuse = {
        "accepted": False, "code": "occurrence", "reasons": ["has come again"]
    }  # fmt: skip
    old = await sato.post("/alarms/COAT.LOAD.hi/ack", json={"occurrence": 2})
    assert (old.status_code, old.json()["code"]) == (409, "occurrence")


async def test_shelving_has_an_end_and_a_reason(line, sato):
    await standing(line, ALARM)
    path = "/alarms/COAT.LOAD.hi/shelve"
    assert (await sato.post(path, json={"for_s": 600.0, "reason": " "})).json()["code"] == "reason"
    assert (await sato.post(path, json={"for_s": 1e9, "reason": "x"})).status_code == 422
    assert (await sato.post(path, json={"for_s": 600.0, "reason": "known"})).status_code == 200
    assert line.controllers.commands[-1]["for_s"] == 600.0


async def test_a_critical_alarm_is_shelved_by_an_engineer_in_two_steps(line, sato):
    await standing(line, CRITICAL)
    body = {"for_s": 600.0, "reason": "door switch broken"}
    path = "/alarms/COAT.DOOR.open/shelve"
    assert (await sato.post(path, json=body)).json()["code"] == "forbidden"
    eva = line.person("eva", Role.ENGINEER)
    proposed = await eva.post(path, json=body)
    assert proposed.status_code == 201
    assert line.controllers.commands == []
    assert (await line.execute(eva, proposed.json())).status_code == 202
    asked = line.controllers.commands[-1]
    assert (asked["act"], asked["engineer"]) == ("shelve", True)


async def test_out_of_service_takes_two_steps_also_for_an_alarm_that_is_normal(line):
    eva = line.person("eva", Role.ENGINEER)
    proposed = await eva.post("/alarms/CAL.LOAD.PV.hi/out-of-service", json={"reason": "repair"})
    assert proposed.status_code == 201
    assert (await line.execute(eva, proposed.json())).status_code == 202
    assert line.controllers.commands[-1]["station"] == "calender"
    for alarm, station in (("DHU.FREG.PV.lolo", "enclosure"), ("BUF.POS.hi", "calender")):
        path = f"/alarms/{alarm}/out-of-service"  # named otherwise than their station
        proposed = await eva.post(path, json={"reason": "repair"})
        assert proposed.json()["station"] == station
    unknown = await eva.post("/alarms/NOWHERE.X.hi/out-of-service", json={"reason": "repair"})
    assert unknown.status_code == 404


TORQUE = {
    "name": "torque", "kind": "trip", "tag": "COAT.TORQUE", "text": "mixer torque", "ok": True,
    "wanted": "above 92 %", "shown": "40 %", "remedy": "", "latched": False, "first_out": False,
    "bypassable": True, "bypass": None,
}  # fmt: skip
REMOTE = {**TORQUE, "name": "remote switch", "kind": "permissive", "bypassable": False}


async def test_interlocks_are_listed_with_their_live_values(line, sato):
    line.controllers.interlocks = [TORQUE, REMOTE]
    found = (await sato.get("/stations/coater/interlocks")).json()
    assert (found["station"], found["interlocks"]) == ("coater", [TORQUE, REMOTE])
    assert (await sato.get("/stations/slitter/interlocks")).status_code == 404


async def test_a_bypass_takes_an_engineer_two_steps_a_reason_and_an_end(line, sato):
    line.controllers.interlocks = [TORQUE, REMOTE]
    path = "/stations/coater/interlocks/torque/bypass"
    body = {"for_s": 600.0, "reason": "maintenance"}
    assert (await sato.post(path, json=body)).status_code == 403
    eva = line.person("eva", Role.ENGINEER)
    assert (await eva.post(path, json={"for_s": 600.0, "reason": " "})).json()["code"] == "reason"
    proposed = await eva.post(path, json=body)
    assert proposed.json()["text"] == "BYPASS torque for 600 s: mixer torque is 40 %"
    assert line.controllers.commands == []
    assert (await line.execute(eva, proposed.json())).status_code == 202
    asked = line.controllers.commands[-1]
    assert {key: value for key, value in asked.items() if key != "id"} == {
        "op": "command", "station": "coater", "verb": "BYPASS", "target": "torque", "value": 600.0,
        "reason": "maintenance", "actor": "eva",
    }  # fmt: skip
    proposed = await eva.post("/stations/coater/interlocks/torque/restore", json={"reason": "done"})
    await line.execute(eva, proposed.json())
    assert line.controllers.commands[-1]["verb"] == "UNBYPASS"


async def test_what_is_no_interlock_or_may_not_be_bypassed_is_refused_before_it_is_proposed(line):
    line.controllers.interlocks = [TORQUE, REMOTE]
    eva = line.person("eva", Role.ENGINEER)
    body = {"for_s": 600.0, "reason": "maintenance"}
    path = "/stations/coater/interlocks"
    unknown = await eva.post(f"{path}/window/bypass", json=body)
    assert (unknown.status_code, "torque" in unknown.text) == (404, True)
    refused = await eva.post(f"{path}/remote%20switch/bypass", json=body)
    assert refused.json()["code"] == "bypass"


@pytest.mark.parametrize("verb", ["BYPASS", "UNBYPASS"])
async def test_an_operator_cannot_bypass_by_the_way_of_other_commands(line, sato, verb):
    line.controllers.interlocks = [TORQUE]
    for way in ("changes", "actions"):
        body = {"verb": verb, "reason": "x"}
        if way == "changes":
            body |= {"target": "torque", "value": 600.0}
        answer = await sato.post(f"/stations/coater/{way}", json=body)
        assert answer.status_code >= 400, way
    assert line.controllers.commands == []


async def test_a_controller_that_does_not_answer_holds_up_no_alarm_of_another(line, sato):
    await standing(line, ALARM)
    other = {**ALARM, "id": "CAL.LOAD.hi", "station": "calender"}
    others, all_asked = set(line.config.line_stations) - {"coater"}, asyncio.Event()

    class OneIsStopped:
        async def ask(self, station, request, timeout_s=5.0):
            if station == "coater":  # answers nothing before all others have been asked
                await all_asked.wait()
                raise Problem("no answer", ["the controller did not answer in time"])
            others.discard(station)
            if not others:
                all_asked.set()
            return {"alarms": [other] if station == "calender" else [], "time_ns": 1}

    async with asyncio.timeout(30.0):
        await AlarmWatch(OneIsStopped(), line.parts.alarms, line.clock).look()
    found = {a["id"]: a["asked"] for a in (await sato.get("/alarms")).json()["alarms"]}
    assert found == {"COAT.LOAD.hi": "coater", "CAL.LOAD.hi": "calender"}


async def test_floods_of_several_controllers_are_one_for_the_operator(line, sato):
    def answer(request):
        station = request["station"]
        comings = [[T0_NS + k, station, f"A.{k}"] for k in range(6)]
        return {"alarms": [], "time_ns": T0_NS + 10, "operator": station, "comings": comings}

    line.controllers.answers["alarms"] = answer
    watch = AlarmWatch(line.controllers, line.parts.alarms, line.clock)
    for _ in range(2):  # what was counted once is not counted again
        await watch.look()
        (flood,) = (await sato.get("/alarms")).json()["floods"]
        assert flood["count"] == 6 * len(line.config.stations)


async def test_the_flood_of_one_controller_is_its_own_words(line, sato):
    told = {"operator": "", "since_ns": T0_NS, "count": 60_000, "stations": {}}
    line.controllers.answers["alarms"] = lambda request: {
        "alarms": [],
        "time_ns": T0_NS,
        "operator": "",
        "flood": told,
        "comings": [],
    }
    await AlarmWatch(line.controllers, line.parts.alarms, line.clock).look()
    assert (await sato.get("/alarms")).json()["floods"] == [told]


async def test_the_audit_trail_is_read_on_and_verified(line, sato):
    eva = line.person("eva", Role.ENGINEER)
    for _ in range(3):
        await line.do(eva, "coater", verb="HOLD")
    assert (await sato.get("/audit")).status_code == 403
    page = (await eva.get("/audit", params={"limit": 2})).json()
    numbers = [r["number"] for r in page["records"]]
    before = (await eva.get("/audit", params={"before": page["next"], "limit": 2})).json()
    assert [r["number"] for r in before["records"]] == [n - 2 for n in numbers]
    after = (await eva.get("/audit", params={"after": numbers[0]})).json()
    assert after["records"][0]["number"] == numbers[1]
    here, seen = 0, []
    while True:
        params = {"after": here, "limit": 3, "station": "coater"}
        page = (await eva.get("/audit", params=params)).json()
        seen += [r["number"] for r in page["records"]]
        if page["next"] == here:
            break
        here = page["next"]
    every = (await eva.get("/audit", params={"station": "coater", "limit": 1000})).json()
    assert seen == [r["number"] for r in every["records"]]
    only = (await eva.get("/audit", params={"station": "coater"})).json()
    assert {r["action"] for r in only["records"]} == {"HOLD"}
    verified = (await eva.get("/audit/verify")).json()
    assert (verified["intact"], verified["first_bad"]) == (True, None)


async def test_an_altered_trail_is_found_over_http(line):
    eva = line.person("eva", Role.ENGINEER)
    await line.do(eva, "coater", verb="HOLD")
    path = line.access.trail.path
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"actor":"eva"', b'"actor":"eve"', 1))
    found = (await eva.get("/audit/verify")).json()
    assert found["intact"] is False
    assert found["first_bad"] > 0


async def test_taking_the_trail_away_is_recorded(line):
    eva = line.person("eva", Role.ENGINEER)
    rows = (await eva.get("/audit/export", params={"format": "json"})).text.splitlines()
    assert json.loads(rows[0])["number"] == 1
    assert line.access.records()[-1].entry.action == "export audit trail"
    approver = line.person("boss", Role.APPROVER)
    assert (await approver.get("/audit/export")).status_code == 403


@pytest.fixture
def stored(line):
    run = line.parts.given.run
    write_history(run / "history.db")
    write_runs(run / STORE)
    return line


def window() -> dict[str, str]:
    return {"start": str(T0_NS), "stop": str(T0_NS + 600 * 10**9)}


async def test_every_question_about_history_has_a_route(stored, sato):
    for path, params in (
        ("tags", {}), ("raw", {"tag": "A", **window()}),
        ("buckets", {"tag": "A", "n": 5, **window()}),
        ("at", {"tag": "A", "time": str(T0_NS + 10**9)}), ("latest", {"tag": "A"}),
        ("events", window()), ("runs", {}),
    ):  # fmt: skip
        answer = await sato.get(f"/history/{path}", params=params)
        assert answer.status_code == 200, answer.text
        assert answer.json()["zone"] == "UTC"
    csv = await sato.get("/history/raw", params={"tag": "A", "format": "csv", **window()})
    assert csv.headers["content-type"].startswith("text/csv")


async def test_what_is_wrong_with_a_question_is_told(stored, sato):
    answer = await sato.get("/history/raw", params={"tag": "A", "start": "yesteryear", "limit": 0})
    assert (answer.status_code, answer.json()["code"]) == (400, "question")
    assert {p["field"] for p in answer.json()["problems"]} == {"start", "limit"}
    unknown = await sato.get("/history/latest", params={"tag": "NOPE"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown")


async def test_without_a_history_it_says_so(line, sato):
    answer = await sato.get("/history/latest", params={"tag": "A"})
    assert (answer.status_code, answer.json()["code"]) == (503, "history")
    assert str(line.parts.given.run) not in answer.text


async def test_questions_wait_in_a_bounded_queue(stored, sato, monkeypatch):
    pool = stored.parts.pools.history
    pool.inside = pool._most
    answer = await sato.get("/history/latest", params={"tag": "A"})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer.headers["retry-after"] == "1"
    assert (await sato.get("/tags")).status_code == 200
    pool.inside = 0


async def test_the_journal_and_the_figures_come_from_history(stored, sato):
    page = await sato.get("/journal", params=window())
    assert page.json() == {"entries": [], "next": ""}
    assert (await sato.get("/alarm-kpi", params=window())).json()["alarms"] == 0
    assert (await sato.get("/journal", params={"start": "now", "stop": "-1h"})).status_code == 400
    assert (await sato.get("/journal", params={"cursor": "x"})).status_code in (400, 409)
    eva = stored.person("eva", Role.ENGINEER)
    assert (await eva.get("/journal.csv", params=window())).text.startswith("time,")
    assert (await sato.get("/journal.csv")).status_code == 403


async def test_runs_are_listed(stored, sato):
    runs = (await sato.get("/runs", params={"limit": 5})).json()["runs"]
    assert [r["id"] for r in runs] == ["run-19", "run-18", "run-17", "run-16", "run-15"]
    assert (await sato.get("/runs/nothing")).status_code == 404
    assert (await sato.get("/trials")).json() == {"trials": []}
    assert (await sato.get("/lead-time")).json() == {"deployments": [], "months": []}
    assert (await sato.get("/deployments")).json() == {"deployments": []}


async def test_a_run_is_shown_and_taken_away_as_a_bundle(stored):
    eva = stored.person("eva", Role.ENGINEER)
    shown = await eva.get("/runs/run-00")
    assert shown.json()["head"]["outcome"] == "aborted"
    bundle = await eva.get("/runs/run-02/bundle")
    assert bundle.status_code == 200, bundle.text
    assert bundle.headers["content-disposition"] == 'attachment; filename="run-02.zip"'
    assert bundle.content[:2] == b"PK"
    assert len(bundle.content) == int(bundle.headers["content-length"])
    assert stored.access.records()[-1].entry.action == "export run"


async def test_a_bundle_that_nobody_takes_leaves_nothing_behind(stored, tmp_path, monkeypatch):
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    given = stored.parts.given
    made = bundle(given.config, given.run, "run-02")
    assert list(place.iterdir()) == []
    assert len(b"".join(pieces(made.stream))) == made.size
    assert made.stream.closed


async def test_tags_are_asked_by_pattern_and_meta_has_an_etag(line, sato):
    found = (await sato.get("/tags", params={"tag": ["COAT.V.*", "NOPE"]})).json()
    assert {t["tag"].split(".")[1] for t in found["tags"]} == {"V"}
    assert found["unknown"] == ["NOPE"]
    meta = await sato.get("/meta/tags")
    etag = meta.headers["etag"]
    assert (await sato.get("/meta/tags", headers={"if-none-match": etag})).status_code == 304
    plain = await sato.get("/meta/tags", headers={"accept-encoding": "identity"})
    assert plain.json() == meta.json()
    assert meta.headers["content-encoding"] == "gzip"
    assert int(meta.headers["content-length"]) < len(plain.content) / 4
    assert plain.headers["etag"] != etag
    stations = (await sato.get("/meta/stations")).json()["stations"]
    assert {s["name"] for s in stations} == {"coater", "calender", "enclosure"}


def test_the_rig_reads_the_history_of_its_own_line(stored):
    with MergedReader(histories(stored.config, stored.parts.given.run)) as reader:
        assert {tag.name for tag in reader.tags()} >= {"A", "B"}
