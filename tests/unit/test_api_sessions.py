"""Who is logged in, and ending that: for administrators, and for oneself."""

import pytest

from controller.access.roles import Role
from tests.support.api_rig import PEER, api_rig


@pytest.fixture
def line(tmp_path):
    with api_rig(tmp_path) as found:
        yield found


async def open_ones(http, path: str = "/sessions") -> list[dict]:
    answer = await http.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()["sessions"]


async def end(line, http, own: str, user: str = "chief"):
    path = f"/sessions/{own}/end"
    ticket = line.ticket(user, "users", f"/api/v1{path}", http)
    headers = {"x-dryline-ticket": ticket}
    return await http.post(path, json={"reason": "forgotten panel"}, headers=headers)


async def test_an_administrator_sees_every_open_session_and_ends_one(line):
    chief, sato = line.person("chief", Role.ADMINISTRATOR), line.person("sato", Role.OPERATOR)
    found = {one["user"]: one for one in await open_ones(chief)}
    assert set(found) == {"chief", "sato"}
    assert (found["chief"]["own"], found["sato"]["own"]) == (True, False)
    assert found["sato"]["address"] == PEER
    assert found["sato"]["left_s"] > 0.0
    assert (await end(line, chief, found["sato"]["id"])).status_code == 204
    assert (await sato.get("/session")).json()["code"] == "session"
    assert [one["user"] for one in await open_ones(chief)] == ["chief"]
    record = line.access.records()[-1].entry
    assert (record.action, record.actor, record.reason) == (
        "end session",
        "chief",
        "forgotten panel",
    )
    assert "sato" in record.detail


async def test_a_session_is_named_by_what_nobody_can_log_in_with(line):
    chief = line.person("chief", Role.ADMINISTRATOR)
    (one,) = await open_ones(chief)
    thief = line.stranger(cookie=f"dryline-session={one['id']}")
    assert (await thief.get("/session")).status_code == 401


async def test_ending_what_is_over_or_never_was_is_refused(line):
    chief = line.person("chief", Role.ADMINISTRATOR)
    answer = await end(line, chief, "0123456789abcdef")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown")


async def test_ending_a_session_of_another_takes_a_password_and_an_administrator(line):
    chief, sato = line.person("chief", Role.ADMINISTRATOR), line.person("sato", Role.OPERATOR)
    own = {one["user"]: one["id"] for one in await open_ones(chief)}
    body = {"reason": "x"}
    without = await chief.post(f"/sessions/{own['sato']}/end", json=body)
    assert without.json()["code"] == "ticket"
    assert (await sato.get("/sessions")).json()["code"] == "forbidden"
    by_sato = await sato.post(f"/sessions/{own['chief']}/end", json=body)
    assert by_sato.json()["code"] == "forbidden"
    assert len(await open_ones(chief)) == 2


async def test_a_person_sees_and_ends_only_sessions_of_his_own(line):
    chief, sato = line.person("chief", Role.ADMINISTRATOR), line.person("sato", Role.OPERATOR)
    panel = line.login("sato")
    found = await open_ones(sato, "/session/open")
    assert {one["user"] for one in found} == {"sato"}
    assert len(found) == 2
    other = next(one for one in found if not one["own"])
    foreign = next(one["id"] for one in await open_ones(chief) if one["user"] == "chief")
    refused = await sato.post(f"/session/open/{foreign}/end")
    assert refused.json()["code"] == "unknown"
    assert (await sato.post(f"/session/open/{other['id']}/end")).status_code == 204
    assert (await panel.get("/session")).status_code == 401
    assert (await sato.get("/session")).status_code == 200
    assert (await chief.get("/session")).status_code == 200
