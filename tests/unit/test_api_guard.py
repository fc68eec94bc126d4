"""Abuse over HTTP, without sockets: foreign pages, forged headers, sizes, markup, logs."""

import json
import logging

import pytest

from controller.access.roles import Role
from controller.api.logs import NotTooOften, OneLine, members
from controller.api.outer import MAX_BODY
from tests.support.api_rig import ORIGIN, api_rig

EVIL = ORIGIN.replace("line7", "evil")
START = {"verb": "START"}
CHANGE = "/stations/coater/actions"


@pytest.fixture
def line(tmp_path):
    with api_rig(tmp_path) as found:
        yield found


@pytest.fixture
def sato(line):
    return line.person("sato", Role.OPERATOR)


def refused(answer) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize(
    "origin",
    [EVIL, "null", ORIGIN.replace("8040", "8041"), ORIGIN + ".evil",
     ORIGIN.replace("http:", "https:"), ORIGIN.replace(":8040", "@evil:8040"), "file://"],
)  # fmt: skip
async def test_a_foreign_page_changes_nothing_and_reads_nothing(sato, origin, line):
    assert refused(await sato.post(CHANGE, json=START, headers={"origin": origin}))[1] == "origin"
    assert refused(await sato.get("/tags", headers={"origin": origin}))[0] == 403
    assert not len(line.parts.changes.proposals)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": ""}, {"x-requested-with": ""}, {"x-requested-with": "XMLHttpRequest"},
        {"x-csrf-token": ""}, {"x-csrf-token": "A" * 43}, {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)  # fmt: skip
async def test_a_change_that_our_page_did_not_send_is_refused(sato, headers, line):
    assert refused(await sato.post(CHANGE, json=START, headers=headers))[0] == 403
    assert not len(line.parts.changes.proposals)


async def test_a_login_from_another_page_is_refused(line):
    line.access.user("sato", Role.OPERATOR)
    body = {"name": "sato", "password": "x"}
    for headers in ({"x-requested-with": ""}, {"origin": EVIL}):
        assert refused(await line.stranger().post("/session", json=body, headers=headers))[0] == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1:8040", "line7.evil", "", "LINE7.", "x:y"]
)
async def test_another_host_is_not_ours(sato, host):
    assert refused(await sato.get("/tags", headers={"host": host})) == (421, "host")


async def test_the_name_counts_in_any_case_and_with_any_port(sato):
    for host in ("line7", "LINE7:1"):
        assert (await sato.get("/tags", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"cookie": "dryline-session=" + "A" * 43},
        {"cookie": "dryline-session="},
        {"cookie": "__Host-dryline-session=" + "A" * 43},
        {"authorization": "Bearer dryline_0123456789_" + "A" * 43},
        {"authorization": "Basic c2F0bzp4"},
        {"x-forwarded-user": "chief"},
        {"x-dryline-actor": "chief"},
        {"x-remote-user": "chief", "x-forwarded-for": "127.0.0.1"},
        {"cookie": "dryline-session=" + "A" * 100_0},
    ],
)  # fmt: skip
async def test_forged_proofs_are_nobody(line, headers):
    http = line.stranger(**headers)
    assert (await http.get("/tags")).status_code == 401
    assert (await http.post(CHANGE, json=START)).status_code in (401, 403)


async def test_two_proofs_at_once_are_refused(sato):
    answer = await sato.get("/tags", headers={"authorization": "Bearer dryline_x_y"})
    assert refused(answer) == (400, "credentials")


@pytest.mark.parametrize(
    "path",
    ["/recipes/coater/..%2f..%2fetc/passwd", "/recipes/../coater/x/1.0.0",
     "/runs/..%2f..%2fx/bundle",
     "/recipes/coater/%00/1.0.0", "/recipes/coater/a%0d%0aSet-Cookie:x/1.0.0", "/tags/%2e%2e",
     "//etc/passwd", "/recipes/coater/nmc/..", "/users/..%2f", "/%ff%fe", "/recipes/coater/~/1.0.0",
     "/stations/%E2%80%AEcoater", "/recipes/C:%5cx/y/1.0.0"],
)  # fmt: skip
async def test_paths_lead_nowhere(line, path):
    eva = line.person("eva", Role.ENGINEER)
    answer = await eva.get(path)
    assert answer.status_code in (404, 405, 422), path
    assert "passwd" not in answer.text.replace(path, "")
    assert "set-cookie" not in answer.headers


async def test_a_body_that_is_too_large_is_not_read_to_its_end(sato):
    for size in (MAX_BODY + 1, 70_000):
        answer = await sato.post(CHANGE, content=b" " * size)
        assert refused(answer) == (413, "too large")


@pytest.mark.parametrize(
    "text",
    ["[" * 20_000, '{"a":' * 10_000, "{", "\x00", '"' + "x" * 1000, "1" * 10_000,
     '{"verb": "\\ud800"}',
     "{\"verb\": 'START'}", '{"verb": "START", "verb": "STOP", "x": 1}', "null", "true", "[]", "3"],
)  # fmt: skip
async def test_bodies_that_are_no_question_are_refused(sato, text):
    headers = {"content-type": "application/json"}
    answer = await sato.post(CHANGE, content=text.encode(), headers=headers)
    assert answer.status_code == 422
    assert "Traceback" not in answer.text


async def test_what_was_sent_is_not_repeated_in_a_refusal(sato):
    secret = "wagtail-orbit"  # noqa: S105 - sent where it does not belong
    answer = await sato.post("/session/reauth", json={"password": [secret], "purpose": secret})
    assert answer.status_code == 422
    assert secret not in answer.text


async def test_every_answer_tells_browsers_to_be_careful(sato, line):
    for answer in (
        await sato.get("/tags"), await sato.get("/nowhere"), await line.stranger().get("/tags"),
        await sato.get("/tags", headers={"host": "evil.example"}),
    ):  # fmt: skip
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


async def test_a_fault_of_the_program_tells_nothing_of_itself(line, sato, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(line.parts.changes, "propose", broken)
    answer = await sato.post(CHANGE, json=START)
    assert refused(answer) == (500, "internal")
    assert "secret" not in answer.text


async def test_markup_and_formulas_are_text(line, sato):
    reason = "<script>alert(1)</script> =cmd|' /C calc'!A0"
    await line.do(sato, "coater", verb="START", reason=reason)
    shown = await sato.get("/commands")
    assert shown.json()["commands"][0]["reason"] == reason
    assert shown.headers["content-type"] == "application/json"
    eva = line.person("eva", Role.ENGINEER)
    csv = await eva.get("/audit/export")
    assert csv.headers["content-type"].startswith("text/csv")
    cells = [cell for row in csv.text.splitlines() for cell in row.split(",")]
    assert not [cell for cell in cells if cell.lstrip('"')[:1] in ("=", "+", "@")]


async def test_one_line_for_a_command_and_none_for_a_look_or_a_proposal(line, sato, caplog):
    caplog.set_level(logging.INFO, "dryline.api")
    await sato.get("/tags")
    proposed = await sato.post(CHANGE, json={"verb": "START", "reason": "a\nb"})
    assert [r for r in caplog.records if r.name == "dryline.api"] == []
    await line.execute(sato, proposed.json())
    (said,) = [r.getMessage() for r in caplog.records if r.name == "dryline.api"]
    for part in ("by=sato", "verb=START", "state=confirmed", 'reason="a\\nb"'):
        assert part in said


async def test_a_refused_command_is_a_line_too(line, sato, caplog):
    caplog.set_level(logging.INFO, "dryline.api")
    line.controllers.refuse = {"accepted": False, "code": "permissive", "reasons": ["door open"]}
    proposed = await sato.post(CHANGE, json={"verb": "START"})
    await line.execute(sato, proposed.json())
    (said,) = [r.getMessage() for r in caplog.records if r.name == "dryline.api"]
    assert 'state=rejected code=permissive why="door open"' in said


async def test_another_change_is_one_line_with_its_route(line, sato, caplog):
    caplog.set_level(logging.INFO, "dryline.api")
    assert (await sato.delete("/session")).status_code == 204
    (said,) = [r.getMessage() for r in caplog.records if r.name == "dryline.api"]
    assert "by=sato" in said
    assert "method=DELETE route=/api/v1/session" in said


def test_nobody_forges_a_line_in_the_log():
    record = logging.LogRecord(
        "x", logging.INFO, "", 0, "user=%s", ("a\r\n2026 INFO forged\x1b[2J",), None
    )
    text = OneLine().format(record)
    assert "\n" not in text
    assert "\x1b" not in text
    assert members(user="a b\n", empty="") == 'user="a b\\n"'
    assert json.loads(members(user='"x" y').partition("=")[2]) == '"x" y'


def test_what_repeats_itself_is_counted():
    now = [0.0]
    sieve = NotTooOften(lambda: now[0])

    def passes() -> logging.LogRecord | None:
        record = logging.LogRecord("x", logging.WARNING, "", 0, "bad request", (), None)
        return record if sieve.filter(record) else None

    assert sum(passes() is not None for _ in range(10_000)) == 5
    now[0] = 61.0
    record = passes()
    assert record is not None
    assert "9995 more" in str(record.msg)


async def test_denied_tries_are_recorded_but_do_not_fill_the_trail(line):
    reader = line.person("reader", Role.VIEWER)
    before = line.access.trail.head.number
    for _ in range(200):
        assert (await reader.post(CHANGE, json=START)).status_code == 403
    assert line.access.trail.head.number - before == 60


async def test_metrics_are_for_this_machine_or_who_may_view(line, sato):
    url = f"{ORIGIN}/metrics"
    assert (await line.stranger().get(url)).status_code == 401
    assert "dryline_api_requests_total" in (await sato.get(url)).text
    assert "dryline_api_station_heard" in (await line.terminal().get(url)).text


async def test_a_passed_on_request_is_not_one_of_this_machine(line):
    http = line.from_address("127.0.0.1", **{"x-forwarded-for": "192.0.2.7"})
    assert (await http.get(f"{ORIGIN}/metrics")).status_code == 401
    assert (await line.from_address("127.0.0.1").get(f"{ORIGIN}/metrics")).status_code == 200
