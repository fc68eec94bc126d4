"""Abuse of the API without sockets: several hundred attacks, of which none may succeed.

What needs real sockets is in tests/wire/test_api_abuse.py.
"""

import json
import logging

import pytest

from controller.access.roles import Role
from controller.audit.verify import verify
from tests.support.abuse import CHANGES, SET, Attack, every_attack
from tests.support.access_rig import BOSS, GOOD
from tests.support.api_rig import BASE, ORIGIN, ApiRig, api_rig

ATTACKS = list(every_attack())
PEOPLE = {
    "viewer": (Role.VIEWER,), "operator": (Role.OPERATOR,), "engineer": (Role.ENGINEER,),
    "admin": (Role.ADMINISTRATOR,),
}  # fmt: skip


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    with api_rig(tmp_path_factory.mktemp("abuse")) as found:
        for name, roles in {**PEOPLE, "sato": (Role.OPERATOR,), "chief": tuple(Role)}.items():
            found.access.user(name, *roles)
        yield found


async def outcome(line: ApiRig, people, attack: Attack) -> str:
    """Why it counts as a success, "" for one that was refused."""
    http = people.get(attack.who) or line.stranger()
    request = http.build_request(
        attack.method, ORIGIN + BASE + attack.path, content=attack.content or None,
        headers={"idempotency-key": f"abuse-{next(line.keys):06}", **attack.headers},
    )  # fmt: skip
    answer = await http.send(request)
    if answer.status_code >= 500 and answer.json().get("code") not in ("history", "store"):
        return f"{attack.what}: a fault, {answer.status_code} {answer.text[:200]}"
    if attack.won(answer):
        return f"{attack.what}: {answer.status_code} {answer.text[:200]}"
    for leak in ("Traceback", "root:", "/tmp/", "site-packages"):  # noqa: S108 - must not be there
        if leak in answer.text:
            return f"{attack.what}: tells {leak}"
    return ""


async def test_no_attack_succeeds(line: ApiRig, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    people = {who: line.login(who) for who in PEOPLE}
    before = state(line)
    successes = []
    for attack in ATTACKS:
        if why := await outcome(line, people, attack):
            successes.append(why)
    with capsys.disabled():
        print(f"\n{len(ATTACKS)} attacks, {len(successes)} successes")
    assert successes == []
    assert state(line) == before
    assert not [r for r in caplog.records if r.exc_info]
    assert GOOD.reveal() not in caplog.text


def state(line: ApiRig):
    """What an attack could have changed."""
    desk = line.access.door.desk
    return {
        "commands": len(line.controllers.commands), "users": desk.users(), "tokens": desk.tokens(),
        "recipes": sorted(str(p) for p in line.parts.given.recipes.root.rglob("*")),
        "trail": verify(line.access.trail.path).intact,
    }  # fmt: skip


# -- what one request alone does not show --------------------------------------------------------


async def proposed(http, **more):
    answer = await http.post(CHANGES, json={**SET, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_proposal_is_not_replayed_by_anybody_nor_later(line: ApiRig):
    operator, engineer = line.login("operator"), line.login("engineer")
    mine, count = await proposed(operator), len(line.controllers.commands)
    assert (await line.execute(engineer, mine)).json()["code"] == "gone"
    assert (await line.execute(line.login("operator"), mine)).json()["code"] == "gone"
    assert (await line.execute(operator, mine)).status_code == 202
    for _ in range(3):
        assert (await line.execute(operator, mine)).json()["code"] == "gone"
    late = await proposed(operator)
    line.pass_s(16.0)
    assert (await line.execute(operator, late)).json()["code"] == "gone"
    assert len(line.controllers.commands) == count + 1


async def test_a_key_repeats_nothing_of_somebody_else(line: ApiRig):
    operator, engineer = line.login("operator"), line.login("engineer")
    key = {"idempotency-key": "the-same-for-all"}
    mine = await operator.post(CHANGES, json=SET, headers=key)
    other = await engineer.post(CHANGES, json=SET, headers=key)
    assert mine.json()["token"] != other.json()["token"]
    changed = await operator.post(CHANGES, json={**SET, "value": 7.0}, headers=key)
    assert changed.json()["code"] == "key used"


async def test_a_form_of_another_site_cannot_be_mistaken_for_json(line: ApiRig):
    """What browsers send without asking first: no custom header, no JSON type."""
    operator = line.login("operator")
    for header in ("x-requested-with", "x-csrf-token"):
        del operator.headers[header]
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ):
        answer = await operator.post(
            CHANGES, content=json.dumps(SET), headers={"content-type": kind}
        )  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf")


async def test_who_lost_his_role_executes_nothing_he_had_proposed(line: ApiRig):
    line.access.user("brief", Role.OPERATOR)
    brief, count = line.login("brief"), len(line.controllers.commands)
    mine = await proposed(brief)
    line.access.desk.set_roles(BOSS, "brief", [Role.VIEWER], "left the shift")
    assert (await line.execute(brief, mine)).status_code == 401
    assert (await line.execute(line.login("brief"), mine)).status_code in (403, 410)
    assert len(line.controllers.commands) == count


async def test_answers_of_one_are_kept_from_caches_and_other_sites(line: ApiRig):
    answer = await line.login("operator").get("/session")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-credentials" not in answer.headers
