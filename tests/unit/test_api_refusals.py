"""What somebody wanted to change in vain is in the audit trail, once, whoever refused it."""

import pytest

from controller.access.roles import Role
from controller.audit.record import Category, Result
from tests.support.access_rig import GOOD
from tests.support.api_rig import api_rig

SP = "COAT.V.LINE.SP"


@pytest.fixture
def line(tmp_path):
    with api_rig(tmp_path) as found:
        yield found


@pytest.fixture
def sato(line):
    return line.person("sato", Role.OPERATOR)


def refused(line) -> list:
    """Records of refusals but those of logins."""
    entries = [record.entry for record in line.access.records()]
    return [e for e in entries if e.result is Result.REFUSED and e.category is not Category.LOGIN]


async def test_a_proposal_out_of_range_is_recorded_with_what_was_wanted(line, sato):
    body = {"verb": "SET", "target": SP, "value": 9999.0, "reason": "faster"}
    answer = await sato.post("/stations/coater/changes", json=body)
    assert answer.json()["code"] == "range"
    (entry,) = refused(line)
    assert (entry.actor, entry.action, entry.station, entry.target) == (
        "sato", "SET", "coater", SP
    )  # fmt: skip
    assert (entry.new, entry.reason, entry.code) == (9999.0, "faster", "range")
    assert "allowed" in entry.detail


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/stations/coater/changes", {"verb": "SET", "target": "NOPE", "value": 1}, "unknown"),
        ("/stations/coater/changes", {"verb": "SET", "target": SP, "value": "x"}, "value"),
        ("/stations/coater/changes", {"verb": "FLY"}, "request"),
        ("/stations/coater/changes", ["no", "object"], "request"),
        ("/stations/oven/actions", {"verb": "START"}, "unknown"),
        ("/changes/unknown-token/execute", {"seen_t": 0}, "gone"),
        ("/stations/coater/changes", {"verb": "TUNE", "target": "X", "value": "1,2,3"}, ""),
    ],
)
async def test_every_refusal_has_one_record(line, sato, path, body, code):
    answer = await sato.post(path, json=body)
    assert answer.status_code >= 400
    (entry,) = refused(line)
    assert entry.actor == "sato"
    assert entry.code == (code or answer.json()["code"])


async def test_what_the_station_refuses_has_its_two_records_and_no_third(line, sato):
    line.controllers.refuse = {"accepted": False, "code": "link", "reasons": ["it is down"]}
    answer = await line.do(sato, "coater", verb="SET", target=SP, value=0.5)
    assert answer.json()["code"] == "link"
    assert len(refused(line)) == 1


async def test_a_change_of_users_that_is_refused_is_recorded_once(line):
    chief = line.person("chief", Role.ADMINISTRATOR)
    path = "/api/v1/users/chief/disable"
    ticket = line.ticket("chief", "users", path, chief)
    answer = await chief.post(
        "/users/chief/disable", json={"reason": "holiday"}, headers={"x-dryline-ticket": ticket}
    )
    assert answer.json()["code"] == "last administrator"
    (entry,) = refused(line)
    assert (entry.category, entry.action, entry.target) == (Category.USER, "disable", "chief")


async def test_without_the_ticket_the_try_is_recorded_too(line):
    chief = line.person("chief", Role.ADMINISTRATOR)
    await chief.post("/users/sato/disable", json={"reason": "out"})
    (entry,) = refused(line)
    assert (entry.action, entry.target, entry.code, entry.reason) == (
        "POST /users/{user}/disable", "sato", "ticket", "out"
    )  # fmt: skip


async def test_secrets_of_a_refused_request_are_in_no_record(line):
    chief = line.person("chief", Role.ADMINISTRATOR)
    body = {"name": "x y", "roles": ["viewer"], "password": GOOD.reveal(), "reason": "new"}
    assert (await chief.post("/users", json=body)).status_code >= 400
    body = {"old": GOOD.reveal(), "new": "short", "more": GOOD.reveal()}
    assert (await chief.put("/session/password", json=body)).status_code >= 400
    assert GOOD.reveal() not in line.access.trail.path.read_text()


async def test_strangers_leave_no_records_of_this_kind_and_a_flood_leaves_few(line, sato):
    stranger = line.stranger()
    for _ in range(5):
        await stranger.post("/stations/coater/actions", json={"verb": "START"})
    assert refused(line) == []
    for _ in range(100):
        await sato.post("/stations/oven/actions", json={"verb": "START"})
    assert len(refused(line)) == 60
    line.pass_s(61)
    await sato.post("/stations/oven/actions", json={"verb": "START"})
    assert "40 more were refused before" in refused(line)[-1].detail
