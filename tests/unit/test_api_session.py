"""Logging in and out, the password again, the first administrator, users and tokens over HTTP."""

import pytest

from controller.access.roles import Role
from controller.access.secret import Secret
from controller.audit.record import Category
from tests.support.access_rig import BOSS, GOOD
from tests.support.api_rig import PEER, api_rig

NEW = "pebble lantern quartz"


@pytest.fixture
def line(tmp_path):
    with api_rig(tmp_path) as found:
        yield found


def login(http, name: str = "sato", password: str = GOOD.reveal()):
    return http.post("/session", json={"name": name, "password": password})


async def test_a_login_sets_a_cookie_that_scripts_cannot_read_and_tells_the_csrf_token(line):
    line.access.user("sato", Role.OPERATOR)
    http = line.stranger()
    answer = await login(http)
    assert answer.status_code == 201
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Strict", "Path=/"))
    assert answer.json()["csrf"]
    assert answer.json()["roles"] == ["operator"]
    me = await http.get("/session", headers={"cookie": cookie.partition(";")[0]})
    assert (me.json()["user"], me.json()["csrf"]) == ("sato", answer.json()["csrf"])


async def test_a_wrong_password_and_an_unknown_name_sound_alike(line):
    line.access.user("sato", Role.OPERATOR)
    http = line.stranger()
    one, two = await login(http, password="x" * 9), await login(http, "nobody")
    assert one.status_code == two.status_code == 401
    assert one.content == two.content


async def test_guessing_is_slowed_down_and_says_how_long(line):
    line.access.user("sato", Role.OPERATOR)
    http = line.stranger()
    answers = [await login(http, password=f"guess {k}") for k in range(4)]
    assert [a.status_code for a in answers] == [401, 429, 429, 429]
    assert answers[-1].json()["code"] == "wait"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


async def test_after_logout_the_cookie_is_good_for_nothing(line):
    http = line.person("sato", Role.OPERATOR)
    assert (await http.delete("/session")).status_code == 204
    assert (await http.get("/session")).status_code == 401
    assert (await http.get("/tags")).json()["code"] == "session"


async def test_the_password_again_wakes_an_idle_session(line):
    http = line.person("sato", Role.OPERATOR)
    line.pass_s(400)
    start = {"verb": "START"}
    assert (await http.post("/stations/coater/actions", json=start)).json()["code"] == "idle"
    assert (await http.post("/session/reauth", json={"password": "no"})).status_code == 401
    line.pass_s(61)
    woken = await http.post("/session/reauth", json={"password": GOOD.reveal()})
    assert woken.status_code == 200
    assert (await http.post("/stations/coater/actions", json=start)).status_code == 201


async def test_the_first_administrator_comes_in_with_the_code_of_the_terminal(line):
    http = line.stranger()
    assert (await http.get("/setup")).json() == {"needed": True}
    code = line.access.desk.invite(BOSS).reveal()
    body = {"code": code, "name": "chief", "password": NEW, "display": "The chief"}
    wrong = await http.post("/setup", json={**body, "code": "AAAAA-BBBBB"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "invitation")
    line.pass_s(61)
    weak = await http.post("/setup", json={**body, "password": "password1234"})
    assert (weak.status_code, weak.json()["code"]) == (422, "password")
    line.pass_s(61)
    assert (await http.post("/setup", json=body)).status_code == 201
    assert (await http.get("/setup")).json() == {"needed": False}
    assert (await login(http, "chief", NEW)).status_code == 201
    line.pass_s(61)
    again = await http.post("/setup", json={**body, "name": "second"})
    assert again.status_code == 403


async def test_users_are_changed_with_the_password_entered_for_just_that(line):
    http = line.person("chief", Role.ADMINISTRATOR)
    body = {"name": "mori", "roles": ["engineer"], "password": NEW, "reason": "new here"}
    without = await http.post("/users", json=body)
    assert (without.status_code, without.json()["code"]) == (403, "ticket")
    other = line.ticket("chief", "users", "/api/v1/users/mori/disable", http)
    wrong = await http.post("/users", json=body, headers={"x-dryline-ticket": other})
    assert wrong.json()["code"] == "ticket"
    ticket = line.ticket("chief", "users", "/api/v1/users", http)
    made = await http.post("/users", json=body, headers={"x-dryline-ticket": ticket})
    assert (made.status_code, made.json()["roles"]) == (201, ["engineer"])
    again = await http.post("/users", json=body, headers={"x-dryline-ticket": ticket})
    assert again.json()["code"] == "ticket"
    records = [r.entry for r in line.access.records(category=Category.USER) if r.entry.target]
    assert (records[-1].actor, records[-1].action, records[-1].reason) == (
        "chief", "add", "new here"
    )  # fmt: skip


async def test_a_change_of_users_says_why(line):
    http = line.person("chief", Role.ADMINISTRATOR)
    ticket = line.ticket("chief", "users", "/api/v1/users", http)
    body = {"name": "mori", "roles": ["engineer"], "password": NEW, "reason": " "}
    answer = await http.post("/users", json=body, headers={"x-dryline-ticket": ticket})
    assert (answer.status_code, answer.json()["code"]) == (422, "reason")


async def test_other_roles_end_the_sessions(line):
    sato, chief = line.person("sato", Role.OPERATOR), line.person("chief", Role.ADMINISTRATOR)
    path = "/api/v1/users/sato/roles"
    ticket = line.ticket("chief", "users", path, chief)
    body = {"roles": ["viewer"], "reason": "moved"}
    answer = await chief.put("/users/sato/roles", json=body, headers={"x-dryline-ticket": ticket})
    assert answer.json()["roles"] == ["viewer"]
    assert (await sato.get("/session")).status_code == 401


async def test_a_token_is_shown_once_and_ended(line):
    line.access.user("sato", Role.OPERATOR)
    http = line.person("chief", Role.ADMINISTRATOR)
    body = {"owner": "sato", "label": "report", "permissions": ["view"], "reason": "nightly"}
    ticket = line.ticket("chief", "users", "/api/v1/tokens", http)
    made = await http.post("/tokens", json=body, headers={"x-dryline-ticket": ticket})
    assert made.status_code == 201
    secret = made.json()["secret"]
    listed = await http.get("/tokens")
    assert secret not in listed.text
    script = line.script(Secret(secret))
    assert (await script.get("/session")).json()["via"] == "token"
    own = made.json()["id"]
    ticket = line.ticket("chief", "users", f"/api/v1/tokens/{own}/end", http)
    ended = await http.post(
        f"/tokens/{own}/end", json={"reason": "x"}, headers={"x-dryline-ticket": ticket}
    )
    assert ended.status_code == 204
    assert (await script.get("/session")).json()["code"] == "token"


async def test_a_second_factor_is_set_up_with_the_password(line):
    http = line.person("eva", Role.ENGINEER)
    path = "/api/v1/session/factor"
    assert (await http.post("/session/factor")).json()["code"] == "ticket"
    ticket = line.ticket("eva", "look", path, http)
    begun = await http.post("/session/factor", headers={"x-dryline-ticket": ticket})
    assert begun.json()["address"].startswith("otpauth://totp/")
    ticket = line.ticket("eva", "look", path, http)
    wrong = await http.put(
        "/session/factor", json={"code": "000000"}, headers={"x-dryline-ticket": ticket}
    )
    assert wrong.json()["code"] == "code"


async def test_own_password_is_changed_with_the_old_one(line):
    http = line.person("sato", Role.OPERATOR)
    line.pass_s(61)
    body = {"old": GOOD.reveal(), "new": NEW}
    assert (await http.put("/session/password", json=body)).status_code == 204
    assert (await http.get("/session")).status_code == 401
    line.pass_s(61)
    assert (await login(line.stranger(), "sato", NEW)).status_code == 201


async def test_a_reset_code_is_shown_once_and_gives_a_new_password(line):
    sato, chief = line.person("sato", Role.OPERATOR), line.person("chief", Role.ADMINISTRATOR)
    http, path = line.stranger(), "/api/v1/users/sato/reset"
    body = {"reason": "forgot it"}
    without = await chief.post("/users/sato/reset", json=body)
    assert (without.status_code, without.json()["code"]) == (403, "ticket")
    proof = {"x-dryline-ticket": line.ticket("chief", "users", path, chief)}
    made = await chief.post("/users/sato/reset", json=body, headers=proof)
    assert (made.status_code, made.json()["good_for_s"]) == (201, 3600.0)
    code = made.json()["code"]
    assert code not in (await chief.get("/users")).text
    assert (await sato.get("/session")).status_code == 401
    given = {"name": "sato", "code": code, "password": NEW}
    line.pass_s(61)
    wrong = await http.post("/session/reset", json={**given, "code": "AAAAA"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "reset")
    assert (await http.post("/session/reset", json=given)).json()["code"] == "wait"
    line.pass_s(61)
    weak = await http.post("/session/reset", json={**given, "password": "password1234"})
    assert (weak.status_code, weak.json()["code"]) == (422, "password")
    line.pass_s(61)
    assert (await http.post("/session/reset", json=given)).status_code == 204
    line.pass_s(61)
    assert (await http.post("/session/reset", json=given)).json()["code"] == "reset"
    line.pass_s(61)
    assert (await login(line.stranger(), "sato", NEW)).status_code == 201


async def test_an_administrator_makes_no_reset_code_for_himself(line):
    http = line.person("chief", Role.ADMINISTRATOR)
    proof = {"x-dryline-ticket": line.ticket("chief", "users", "/api/v1/users/chief/reset", http)}
    own = await http.post("/users/chief/reset", json={"reason": "x"}, headers=proof)
    assert (own.status_code, own.json()["code"]) == (409, "own")
    assert (await http.get("/session")).status_code == 200


async def test_nobody_locks_the_terminal_out(line):
    line.access.user("sato", Role.OPERATOR)
    http = line.stranger()
    for k in range(30):
        await login(http, password=f"guess {k}")
    assert (await line.terminal().get("/session")).json()["via"] == "terminal"
    assert PEER not in (await line.terminal().get("/session")).text
