"""Abuse of a running API over real sockets: HTTP, WebSocket, uploads, logins. None may succeed."""

import contextlib
import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
import websockets

from controller.access.roles import Permission, Role
from tests.support.api_process import (
    BASE,
    ENOUGH_S,
    PASSWORD,
    ApiUnderTest,
    Person,
    eventually,
    raw_request,
)
from tests.support.line_under_test import LineUnderTest

EVIL = "evil"


@pytest.fixture(scope="module")
def line() -> Iterator[LineUnderTest]:
    """A controller without a plant: what is asked here must not come so far."""
    with LineUnderTest() as found:
        found.start_controller()
        yield found


@pytest.fixture(scope="module")
def api(line: LineUnderTest) -> Iterator[ApiUnderTest]:
    found = ApiUnderTest(line.line_folder, line.run)
    found.users(sato=[Role.OPERATOR], eva=[Role.ENGINEER], reader=[Role.VIEWER])
    with found:
        eventually(found.heard)
        yield found
        assert "Traceback" not in found.told
        assert PASSWORD not in found.told


@pytest.fixture(scope="module")
def sato(api: ApiUnderTest) -> Person:
    return api.person("sato")


@pytest.fixture(scope="module")
def eva(api: ApiUnderTest) -> Person:
    return api.person("eva")


def status_of(answer: bytes) -> int:
    match = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    return int(match[1]) if match else 0


def socket_of(person: Person | None, port: int, **more):
    headers = more.pop("headers", {})
    if person is not None:
        headers = {"Cookie": person.cookie} | headers
    return websockets.connect(
        f"ws://127.0.0.1:{port}{more.pop('path', BASE + '/live')}", additional_headers=headers,
        compression=None, open_timeout=20, **more,
    )  # fmt: skip


@pytest.mark.parametrize("origin", ["EVIL", "null", None, "SCHEME", "PORT", "SUFFIX"])
async def test_a_socket_from_another_page_is_not_opened(api, sato, origin):
    own = sato.origin
    value = {
        "EVIL": own.replace("127.0.0.1", EVIL), "SCHEME": own.replace("http:", "https:"),
        "PORT": f"{own}1", "SUFFIX": own.replace("127.0.0.1", f"127.0.0.1.{EVIL}"),
    }.get(origin or "", origin)  # fmt: skip
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with socket_of(sato, api.port, origin=value):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"Cookie": "dryline-session=" + "A" * 43}, {"Authorization": "Bearer x"},
     {"Cookie": "dryline-session=" + "A" * 20_000}, {"X-Forwarded-User": "eva"}],
)  # fmt: skip
async def test_a_socket_without_a_session_is_not_opened(api, sato, headers):
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with socket_of(None, api.port, origin=sato.origin, headers=headers):
            pass
    assert refused.value.response.status_code in (400, 401, 431)


async def test_a_token_in_the_address_is_not_looked_at(api, sato):
    with pytest.raises(websockets.InvalidStatus):
        async with socket_of(None, api.port, path=f"{BASE}/live?token=x&access_token=y"):
            pass


async def test_another_host_is_not_served(api, sato):
    for path in ("/healthz", f"{BASE}/session"):
        for host in (EVIL, f"127.0.0.1.{EVIL}", "", "127.0.0.1\tx"):
            head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            assert status_of(raw_request(api.port, head.encode())) in (400, 421), host


@pytest.mark.parametrize(
    "message",
    [b"\x00" * 100, "x" * 70_000, "{", "null", '{"op":"view","id":1,"tags":["*"]}', '{"ack":1e999}',
     '{"op":"hello","v":1}' + " " * 10 + "}", "[" * 60_000, '{"op":"hello","v":"<script>"}'],
)  # fmt: skip
async def test_a_message_that_makes_no_sense_closes_its_socket_alone(api, sato, message):
    async with socket_of(sato, api.port, origin=sato.origin) as good:
        await good.send('{"op":"hello","v":1}')
        async with socket_of(sato, api.port, origin=sato.origin) as bad:
            with contextlib.suppress(websockets.ConnectionClosed):
                await bad.send(message)
                async for _ in bad:
                    pass
        assert bad.close_code in (1008, 1009, 4009)
        assert json.loads(await good.recv())["op"] == "hello"


async def test_one_person_cannot_take_every_place(api, sato, eva):
    held = []
    codes = []
    try:
        for _ in range(60):
            ws = await socket_of(sato, api.port, origin=sato.origin).__aenter__()
            held.append(ws)
        for ws in held[-15:]:
            with contextlib.suppress(websockets.ConnectionClosed, TimeoutError):
                await ws.recv()
            codes.append(ws.close_code)
        assert set(codes) == {1013}
        async with socket_of(eva, api.port, origin=eva.origin) as other:
            await other.send('{"op":"hello","v":1}')
            assert json.loads(await other.recv())["user"] == "eva"
    finally:
        for ws in held:
            await ws.close()


@pytest.mark.parametrize(
    "content",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n"
        b"Content-Length: 6\r\n\r\n{}",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil\r\n\r\n",
        b"\x00\x01\x02\x03" * 1000,
        b"GET http:" + b"//evil/healthz HTTP/1.1\r\nHost: evil\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        b"CONNECT evil:443 HTTP/1.1\r\nHost: evil\r\nConnection: close\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=range(11),
)
def test_broken_requests_are_refused(api, content):
    answer = raw_request(api.port, content, wait_s=3.0)
    assert not 200 <= status_of(answer) < 300, answer[:200]
    assert b"Traceback" not in answer


def test_lines_cannot_be_put_into_answers_or_the_log(api, sato):
    size = len(api.told)
    for text in ("a%0d%0aSet-Cookie:%20x=y", "%0aINFO%20forged", "%1b[2J"):
        answer = sato.http.get(f"/stations/{text}")
        assert "set-cookie" not in answer.headers
        assert answer.status_code == 404
    sato.post("/stations/coater/actions", {"verb": "START", "reason": "a\nINFO forged"})
    assert "\nINFO forged" not in api.told[size:]
    assert "\x1b" not in api.told


def test_a_proposal_is_good_for_its_owner_and_once(sato, eva):
    token = eva.propose("coater", "STOP").json()["token"]
    assert sato.execute(token).json()["code"] == "gone"
    first = eva.execute(token)
    assert first.status_code in (202, 409)
    assert eva.execute(token).json()["code"] == "gone"
    for forged in ("", "A" * 22, "../x", "%2e%2e", token[:-1] + "A"):
        assert eva.execute(forged).status_code in (404, 405, 410, 422)


def test_rights_are_not_taken_from_what_is_sent(api):
    reader = api.person("reader")
    for headers in (
        {"X-Dryline-Actor": "eva"}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Original-URL": "/"},
        {"X-HTTP-Method-Override": "GET"}, {"X-User-Roles": "administrator"},
    ):  # fmt: skip
        answer = reader.post("/stations/coater/actions", {"verb": "START"}, headers=headers)
        assert answer.status_code == 403
        assert reader.http.get("/users", headers=headers).status_code == 403
    assert reader.http.get("/session").json()["roles"] == ["viewer"]


def test_guesses_are_slowed_down_and_the_console_is_not_locked_out(api, sato):
    stranger = api.person()
    codes = [
        stranger.http.post(
            "/session", json={"name": "eva", "password": f"guess {k}"}
        ).status_code
        for k in range(30)
    ]  # fmt: skip
    assert set(codes) == {401, 429}
    assert codes.count(401) <= 5
    with api.terminal() as http:
        assert http.get("/session").json()["via"] == "terminal"
    assert sato.http.get("/session").status_code == 200


def test_the_socket_of_the_run_folder_is_for_its_owner(api):
    assert oct((api.run / "api.sock").stat().st_mode & 0o777) == "0o600"


def test_a_token_does_not_outlive_its_end(api):
    words = ["user", "token", "add", "sato", "--label", "x", "--may", Permission.VIEW.value]
    secret = dryline(api, *words).strip().splitlines()[-1]
    own = secret.split("_")[1]
    headers = {"Authorization": f"Bearer {secret}"}
    url = f"http://127.0.0.1:{api.port}{BASE}/tags?tag=x"
    assert httpx.get(url, headers=headers).status_code == 200
    assert httpx.get(url, headers={"Authorization": headers["Authorization"][:-1]}).is_error
    dryline(api, "user", "token", "end", own)
    assert httpx.get(url, headers=headers).status_code == 401


def dryline(api: ApiUnderTest, *words: str) -> str:
    command = [sys.executable, "-m", "controller", *words, "--run", str(api.run)]
    environment = os.environ | {"DRYLINE_ANCHORS": str(api.anchors), "COLUMNS": "300"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=ENOUGH_S, check=True
    )
    return done.stdout


def test_the_command_line_goes_through_the_api_and_is_in_the_audit_trail(api, eva):
    command = [sys.executable, "-m", "controller", "stop", "coater", "--reason", "by way of it",
               "--run", str(api.run), "--json"]  # fmt: skip
    environment = os.environ | {"DRYLINE_ANCHORS": str(api.anchors)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=ENOUGH_S, check=False
    )
    answer = json.loads(done.stdout)["coater"]
    assert {"accepted", "code", "reasons"} <= set(answer)
    found = eva.get("/audit", station="coater", limit=10).json()["records"]
    mine = [r for r in found if r["reason"] == "by way of it"]
    assert {r["source"] for r in mine} == {"terminal"}
    assert len(mine) == 2


def test_secrets_are_in_no_log_and_no_record(api, sato):
    token = sato.csrf
    cookie = sato.cookie.partition("=")[2]
    trail = (api.run / "audit.jsonl").read_text()
    for secret in (PASSWORD, token, cookie):
        assert secret not in api.told
        assert secret not in trail


def test_other_machines_are_served_with_tls_only(line, tmp_path):
    """Its own certificate, the cookie that insists on it, and no plain HTTP."""
    text = (line.line_folder / "line.toml").read_text()
    folder = tmp_path / "line"
    subprocess.run(["cp", "-r", str(line.line_folder), str(folder)], check=True)
    (folder / "line.toml").write_text(f"{text}\n[api]\ntls = true\n")
    api = ApiUnderTest(folder, tmp_path / "run")
    api.users(chief=[Role.ADMINISTRATOR])
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    origin = f"https://127.0.0.1:{api.port}"
    try:
        api.start_only()
        with httpx.Client(verify=context, base_url=origin + BASE, timeout=20) as http:
            eventually(lambda: http.get("/setup").status_code == 200)
            body = {"name": "chief", "password": PASSWORD}
            headers = {"Origin": origin, "X-Requested-With": "dryline"}
            answer = http.post("/session", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-dryline-session=")
        assert "Secure" in cookie
        assert "certificate SHA-256" in api.told
        plain = raw_request(api.port, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 2.0)
        assert status_of(plain) == 0
        assert oct((api.run / "tls" / "tls-key.pem").stat().st_mode & 0o777) == "0o600"
    finally:
        api.__exit__()
