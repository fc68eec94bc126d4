"""Two steps to a change, as HTTP: who, what, on which picture, once, and what becomes of it."""

import asyncio

import pytest

from controller.access.roles import Permission, Role
from controller.access.script_tokens import Scope
from controller.api.parts import Parts
from controller.audit.record import Category
from tests.support.access_rig import BOSS
from tests.support.api_rig import ApiRig, api_rig, narrowed

SP = "COAT.V.LINE.SP"
SET = {"verb": "SET", "target": SP, "value": 6.0}


@pytest.fixture
def line(tmp_path):
    with api_rig(tmp_path) as found:
        yield found


@pytest.fixture
def sato(line):
    return line.person("sato", Role.OPERATOR)


async def test_a_set_point_is_proposed_executed_and_read_back(line, sato):
    line.feed(COAT__V__LINE__SP=5.0)
    proposed = await sato.post("/stations/coater/changes", json=SET)
    assert proposed.status_code == 201
    body = proposed.json()
    assert (body["from"], body["to"], body["unit"], body["state"]) == (5.0, 6.0, "m/min", "IDLE")
    assert body["text"] == f"{SP}: 5 -> 6 m/min"
    assert line.controllers.commands == []
    done = await line.execute(sato, body)
    assert done.status_code == 202
    (asked,), record = line.controllers.commands, done.json()
    wanted = {"op": "command", "station": "coater", "verb": "SET", "target": SP, "value": 6.0,
              "actor": "sato", "reason": "", "engineer": False, "id": record["id"]}  # fmt: skip
    assert asked == wanted
    assert (record["state"], record["requested"], record["read_back"]) == ("accepted", 6.0, None)
    line.show(SP, 6.0)
    line.parts.read_backs.look(line.clock.link_s())
    now = (await sato.get(f"/commands/{record['id']}")).json()
    assert (now["state"], now["accepted"], now["read_back"]) == ("accepted", 6.0, 0.0)
    line.show(f"{SP}.RB", 6.0)
    line.parts.read_backs.look(line.clock.link_s())
    now = (await sato.get(f"/commands/{record['id']}")).json()
    assert (now["state"], now["accepted"], now["read_back"]) == ("confirmed", 6.0, 6.0)


@pytest.mark.parametrize(("held", "state"), [(5.0, "mismatch"), (float("nan"), "timeout")])
async def test_what_the_plc_does_not_hold_is_told(line, sato, held, state):
    line.show(f"{SP}.RB", held)
    record = (await line.do(sato, "coater", **SET)).json()
    line.show(SP, 6.0)
    line.parts.read_backs.look(line.clock.link_s())
    line.pass_s(3.1)
    line.parts.read_backs.look(line.clock.link_s())
    assert (await sato.get(f"/commands/{record['id']}")).json()["state"] == state


async def test_a_proposal_is_executed_once(line, sato):
    body = (await sato.post("/stations/coater/changes", json=SET)).json()
    assert (await line.execute(sato, body)).status_code == 202
    again = await line.execute(sato, body)
    assert (again.status_code, again.json()["code"]) == (410, "gone")
    assert len(line.controllers.commands) == 1


async def test_the_same_request_with_the_same_key_is_done_once_and_answered_twice(line, sato):
    body = (await sato.post("/stations/coater/changes", json=SET)).json()
    path, key = f"/changes/{body['token']}/execute", {"idempotency-key": "once-and-only"}
    seen = {"seen_t": line.now_ms}
    first = await sato.post(path, json=seen, headers=key)
    second = await sato.post(path, json=seen, headers=key)
    assert first.status_code == second.status_code == 202
    assert first.content == second.content
    assert second.headers["idempotency-replayed"] == "true"
    assert len(line.controllers.commands) == 1
    other = await sato.post(path, json={"seen_t": line.now_ms + 1}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "key used")


async def test_the_key_of_one_person_is_not_that_of_another(line, sato):
    mori = line.person("mori", Role.OPERATOR)
    key = {"idempotency-key": "0123456789"}
    one = await sato.post("/stations/coater/changes", json=SET, headers=key)
    two = await mori.post("/stations/coater/changes", json=SET, headers=key)
    assert one.json()["token"] != two.json()["token"]
    stolen = await mori.post(f"/changes/{one.json()['token']}/execute", json={"seen_t": 0})
    assert stolen.json()["code"] == "gone"


async def test_a_change_without_a_key_is_not_taken(line, sato):
    answer = await sato.post("/stations/coater/changes", json=SET, headers={"idempotency-key": ""})
    assert (answer.status_code, answer.json()["code"]) == (400, "key")


@pytest.mark.parametrize("ago_ms", [2_100, 60_000, -5_000])
async def test_an_old_picture_is_refused(line, sato, ago_ms):
    body = (await sato.post("/stations/coater/changes", json=SET)).json()
    seen = {"seen_t": line.now_ms - ago_ms}
    answer = await sato.post(f"/changes/{body['token']}/execute", json=seen)
    assert (answer.status_code, answer.json()["code"]) == (409, "stale")
    assert line.controllers.commands == []


async def test_what_waited_while_this_process_stood_still_is_refused(line, sato):
    """The click comes out of a socket together with the frames that waited there."""
    body = (await sato.post("/stations/coater/changes", json=SET)).json()
    seen = {"seen_t": line.now_ms}
    line.clock.t_s += 5.0  # nothing was read meanwhile, and nothing has been yet
    answer = await sato.post(f"/changes/{body['token']}/execute", json=seen)
    assert answer.json()["code"] == "stale"


async def test_a_silent_controller_is_not_commanded(line, sato):
    line.parts.mirror.lost("")
    answer = await sato.post("/stations/coater/changes", json=SET)
    assert (answer.status_code, answer.json()["code"]) == (503, "not controlled")


async def test_what_somebody_else_changed_meanwhile_is_told_with_who_and_what(line, sato):
    mori = line.person("mori", Role.OPERATOR)
    mine = (await sato.post("/stations/coater/changes", json=SET)).json()
    await line.do(mori, "coater", **{**SET, "value": 7.0})
    late = await line.execute(sato, mine)
    assert (late.status_code, late.json()["code"]) == (412, "changed")
    assert (late.json()["by"], late.json()["value"]) == ("mori", 7.0)
    old = {"if-match": f'"{mine["version"]}"'}
    seen = await sato.post("/stations/coater/changes", json=SET, headers=old)
    assert seen.status_code == 412
    new = {"if-match": f'"{seen.json()["version"]}"'}
    fresh = await sato.post("/stations/coater/changes", json=SET, headers=new)
    assert fresh.status_code == 201


async def test_of_two_who_execute_at_once_one_changes_the_set_point(line, sato):
    mori = line.person("mori", Role.OPERATOR)
    mine = (await sato.post("/stations/coater/changes", json=SET)).json()
    other = (await mori.post("/stations/coater/changes", json={**SET, "value": 7.0})).json()
    answers = await asyncio.gather(line.execute(sato, mine), line.execute(mori, other))
    assert sorted(a.status_code for a in answers) == [202, 412]
    assert len(line.controllers.commands) == 1


async def test_a_version_from_before_a_restart_is_never_a_new_one(line, tmp_path):
    before = line.parts.book.version("coater", SP)
    line.access.clock.pass_s(1.0)
    assert Parts(line.parts.given).book.version("coater", SP) > before


async def test_a_refusal_of_the_station_comes_with_every_reason_and_the_command(line, sato):
    line.controllers.refuse = {
        "accepted": False, "code": "permissive", "reasons": ["door is open", "no vacuum"]
    }  # fmt: skip
    answer = await line.do(sato, "coater", verb="START")
    assert (answer.status_code, answer.json()["code"]) == (409, "permissive")
    assert answer.json()["reasons"] == ["door is open", "no vacuum"]
    record = (await sato.get(f"/commands/{answer.json()['command']}")).json()
    assert (record["state"], record["reasons"]) == ("rejected", ["door is open", "no vacuum"])


async def test_no_answer_is_not_called_a_failure(line, sato):
    line.controllers.silent = True
    answer = await line.do(sato, "coater", verb="START")
    assert (answer.status_code, answer.json()["code"]) == (504, "no answer")
    record = (await sato.get(f"/commands/{answer.json()['command']}")).json()
    assert record["state"] == "unknown"


async def test_intent_and_outcome_are_in_the_audit_trail(line, sato):
    await line.do(sato, "coater", **SET, reason="trial")
    records = [r.entry for r in line.access.records(category=Category.COMMAND)]
    assert [(e.action, e.actor, e.target, e.new, e.reason, e.result) for e in records] == [
        ("SET", "sato", SP, 6.0, "trial", "accepted"), ("SET", "sato", SP, 6.0, "trial", "done"),
    ]  # fmt: skip
    assert len({e.command for e in records}) == 1


async def test_nothing_is_done_that_cannot_be_recorded_but_a_stop_is(line, sato, monkeypatch):
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(line.access.trail._file, "append", full)
    answer = await line.do(sato, "coater", **SET)
    assert (answer.status_code, answer.json()["code"]) == (503, "trail")
    assert line.controllers.commands == []
    stop = await line.do(sato, "coater", verb="STOP")
    assert stop.status_code == 202
    assert [c["verb"] for c in line.controllers.commands] == ["STOP"]


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"verb": "SET", "target": SP, "value": 99.0}, 422, "range"),
        ({"verb": "SET", "target": SP, "value": "fast"}, 422, "value"),
        ({"verb": "SET", "target": SP}, 422, "value"),
        ({"verb": "SET", "target": "ENC.DP.ZONE", "value": 1.0}, 404, "unknown"),
        ({"verb": "SET", "target": "COAT.TORQUE", "value": 1.0}, 404, "unknown"),
        ({"verb": "START", "target": SP}, 422, "value"),
        ({"verb": "MODE", "target": "COAT.L99", "value": "AUTO"}, 404, "unknown"),
        ({"verb": "DEPLOY"}, 422, "value"),
        ({"verb": "EXPLODE"}, 422, "request"),
        ({"verb": "SET", "target": SP, "value": 6.0, "force": True}, 422, "request"),
        ({"verb": "SET", "target": SP, "value": True}, 422, "request"),
        ({"verb": "START", "reason": "a\x00b"}, 422, "request"),
        ({"verb": "START", "reason": "x" * 3000}, 422, "request"),
    ],
)
async def test_what_makes_no_sense_is_refused_at_the_first_step(line, sato, wish, status, code):
    answer = await sato.post("/stations/coater/changes", json=wish)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert line.controllers.commands == []


async def test_infinite_numbers_are_not_json(line, sato):
    for number in ("NaN", "Infinity", "1e999"):
        text = f'{{"verb": "SET", "target": "{SP}", "value": {number}}}'
        headers = {"content-type": "application/json"}
        answer = await sato.post("/stations/coater/changes", content=text, headers=headers)
        assert answer.status_code == 422, number


async def test_an_output_in_manual_is_a_matter_of_its_own(line):
    facts = line.parts.facts.stations["coater"]
    output = sorted(facts.outputs)[0]
    reader = line.person("reader", Role.VIEWER)
    low = line.parts.mirror.tags[line.parts.mirror.index(output)].low
    wish = {"verb": "SET", "target": output, "value": low}
    assert (await reader.post("/stations/coater/changes", json=wish)).status_code == 403
    eva = line.person("eva", Role.ENGINEER)
    assert (await eva.post("/stations/coater/changes", json=wish)).json()["act"] == "output"


async def test_tuning_asks_an_engineer_for_a_reason(line, sato):
    loop = line.parts.facts.stations["coater"].loops[0]
    wish = {"verb": "TUNE", "target": loop, "value": "2,30,0"}
    assert (await sato.post("/stations/coater/changes", json=wish)).json()["code"] == "forbidden"
    eva = line.person("eva", Role.ENGINEER)
    assert (await eva.post("/stations/coater/changes", json=wish)).json()["code"] == "reason"
    proposed = await eva.post("/stations/coater/changes", json={**wish, "reason": "slow"})
    assert proposed.status_code == 201


async def test_who_lost_his_role_between_the_steps_is_refused(line, sato):
    body = (await sato.post("/stations/coater/changes", json=SET)).json()
    line.access.desk.set_roles(BOSS, "sato", [Role.VIEWER])
    answer = await line.execute(sato, body)
    assert answer.status_code == 401
    assert line.controllers.commands == []


async def test_somebody_idle_may_only_look_and_bring_to_rest(line, sato):
    line.pass_s(301)
    assert (await sato.get("/stations")).status_code == 200
    idle = await sato.post("/stations/coater/changes", json=SET)
    assert (idle.status_code, idle.json()["code"]) == (403, "idle")
    assert (await line.do(sato, "coater", verb="HOLD")).status_code == 202


async def test_a_token_does_what_it_is_for_on_its_stations(line):
    line.access.user("mori", Role.OPERATOR)
    scope = Scope(label="night", permissions=frozenset({Permission.OPERATE, Permission.VIEW}),
                  stations=frozenset({"coater"}))  # fmt: skip
    secret, _ = line.access.desk.make_token(BOSS, "mori", scope)
    script = line.script(secret)
    assert (await line.do(script, "coater", verb="START")).status_code == 202
    assert line.controllers.commands[-1]["actor"] == "token night of mori"
    other = await script.post("/stations/calender/changes", json={"verb": "START"})
    assert other.status_code == 403
    stop = await script.post("/stations/coater/changes", json={"verb": "STOP"})
    assert stop.status_code == 403


async def test_the_terminal_acts_in_the_name_that_it_gives(line):
    terminal = line.terminal()
    headers = {"x-dryline-actor": "gr%C3%BCn"}
    proposed = await terminal.post(
        "/stations/coater/actions", json={"verb": "START"}, headers=headers
    )
    seen = {"seen_t": line.now_ms}
    path = f"/changes/{proposed.json()['token']}/execute"
    assert (await terminal.post(path, json=seen, headers=headers)).status_code == 202
    assert line.controllers.commands[-1]["actor"] == "grün"


async def test_why_it_cannot_start_is_told_with_live_values(line, sato):
    found = (await sato.get("/stations/coater/cannot-start")).json()
    assert found["cannot_start"] == ["Door is open, must be off: close the door"]
    assert (await sato.get("/stations/nowhere")).status_code == 404


async def test_a_loop_has_a_version_that_changes_are_compared_with(line, sato):
    loop = line.parts.facts.stations["enclosure"].loops[0]
    first = await sato.get(f"/loops/{loop}")
    tag = line.parts.mirror.tags[line.parts.mirror.index(f"{loop}.SP")]
    wish = {"verb": "SET", "target": f"{loop}.SP", "value": tag.low}
    assert (await line.do(sato, "enclosure", **wish)).status_code == 202
    then = await sato.get(f"/loops/{loop}")
    assert int(then.headers["etag"].strip('"')) == int(first.headers["etag"].strip('"')) + 1


def test_rig_has_every_station(line: ApiRig):
    assert set(line.parts.facts.stations) == {"coater", "calender", "enclosure"}


@pytest.fixture
def narrow(tmp_path):
    with api_rig(tmp_path, config=narrowed("coater", {SP: (1.0, 8.0)})) as found:
        yield found


async def test_an_operator_is_told_how_far_he_may_go(narrow):
    sato = narrow.person("sato", Role.OPERATOR)
    answer = await sato.post("/stations/coater/changes", json={**SET, "value": 8.5})
    assert (answer.status_code, answer.json()["code"]) == (403, "beyond")
    assert (answer.json()["low"], answer.json()["high"]) == (1.0, 8.0)
    assert (await narrow.do(sato, "coater", **SET)).status_code == 202


async def test_an_engineer_goes_further_with_a_reason(narrow):
    eva = narrow.person("eva", Role.ENGINEER)
    wish = {**SET, "value": 8.5}
    assert (await eva.post("/stations/coater/changes", json=wish)).json()["code"] == "reason"
    proposed = await eva.post("/stations/coater/changes", json={**wish, "reason": "trial 12"})
    assert (proposed.json()["act"], proposed.json()["reason_needed"]) == ("set_beyond", True)
    assert (await narrow.execute(eva, proposed.json())).status_code == 202
    (asked,) = narrow.controllers.commands
    assert asked["engineer"] is True


async def test_an_engineer_who_lost_his_role_meanwhile_does_not_go_further(narrow):
    eva = narrow.person("eva", Role.ENGINEER)
    wish = {**SET, "value": 8.5, "reason": "trial 12"}
    proposed = (await eva.post("/stations/coater/changes", json=wish)).json()
    narrow.access.door.desk.set_roles(BOSS, "eva", [Role.OPERATOR], "shift")
    again = narrow.login("eva")
    assert (await narrow.execute(again, proposed)).json()["code"] == "gone"
    assert narrow.controllers.commands == []
