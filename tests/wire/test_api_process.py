"""The API as a process: commands to the PLC and back, live values, restarts, many windows."""

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import websockets

from controller.access.roles import Role
from tests.support.api_process import BASE, ENOUGH_S, ApiUnderTest, Person, eventually, raw_request
from tests.support.line_under_test import PATIENT_S, STATIONS, LineUnderTest, free_ports

SP = "COAT.V.LINE.SP"
STEP = 0.001  # m/min; a set point is confirmed when it stands within its resolution
LIVE = f"{BASE}/live"


@pytest.fixture(scope="module")
def line() -> Iterator[LineUnderTest]:
    with LineUnderTest(answer_s=PATIENT_S) as found:
        found.start_plant()
        found.start_controller()
        found.wait_for(found.all_links_up, "all links up")
        yield found


@pytest.fixture(scope="module")
def api(line: LineUnderTest) -> Iterator[ApiUnderTest]:
    found = ApiUnderTest(line.line_folder, line.run)
    found.users(sato=[Role.OPERATOR], eva=[Role.ENGINEER], chief=[Role.ADMINISTRATOR])
    with found:
        eventually(found.heard)
        yield found


@pytest.fixture(scope="module")
def sato(api: ApiUnderTest) -> Person:
    return api.person("sato")


def connect(person: Person, **more: Any) -> Any:
    uri = person.origin.replace("http", "ws") + LIVE
    headers = {"Cookie": person.cookie} | more.pop("headers", {})
    return websockets.connect(
        uri, origin=more.pop("origin", person.origin), additional_headers=headers,
        max_size=2**22, compression=None, open_timeout=20, **more,
    )  # fmt: skip


async def view(ws: Any, *tags: str, rate: int = 10, **hello: Any) -> dict[str, Any]:
    await ws.send(json.dumps({"op": "hello", "v": 1, **hello}))
    greeting = json.loads(await ws.recv())
    await ws.send(json.dumps({"op": "view", "id": 1, "tags": list(tags), "rate": rate}))
    return greeting


async def frames(
    ws: Any,
    for_s: float,
    *,
    ack: bool = True,
    until: Callable[[dict[str, Any]], bool] = lambda _: False,
) -> list[dict[str, Any]]:
    """What comes in so many seconds, or up to the first message that is waited for."""
    found = []
    with contextlib.suppress(TimeoutError, websockets.ConnectionClosed):
        async with asyncio.timeout(for_s):
            async for text in ws:
                message = json.loads(text)
                if message["op"] == "f" and ack:
                    await ws.send(json.dumps({"ack": message["s"]}))
                found.append(message)
                if until(message):
                    break
    return found


def beats_of(seen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The heartbeats of the stations among the frames."""
    return [m["st"] for m in seen if "st" in m]


def state_of(person: Person, record: dict[str, Any]) -> dict[str, Any]:
    def ended() -> dict[str, Any]:
        found = person.get(f"/commands/{record['id']}").json()
        return found if found["state"] not in ("sent", "accepted") else {}

    return eventually(ended)


def test_a_set_point_reaches_the_plc_and_is_read_back(line, sato):
    for value in (0.5, 0.7):
        record = sato.do("coater", "SET", target=SP, value=value)
        told = state_of(sato, record)
        assert told["state"] == "confirmed"
        assert (told["accepted"], told["read_back"]) == pytest.approx((value, value), abs=STEP)
        (raw,) = line.raw["coater"].read([SP])
        assert raw == pytest.approx(value, abs=STEP)


def test_a_start_is_executed_and_shown(line, sato):
    record = sato.do("enclosure", "START", reason="shift begins")
    assert record["state"] == "confirmed"
    station = sato.get("/stations/enclosure").json()
    assert station["state"] in ("STARTING", "EXECUTE")
    events = eventually(lambda: [
        e for e in sato.get("/history/events", start="-1m", kind="command").json()["events"]
        if e["subject"] == "START"
    ])  # fmt: skip
    assert events[0]["actor"] == "sato"


def test_a_click_on_a_frozen_screen_is_not_executed_when_it_thaws(line, api, sato):
    token = sato.propose("coater", "SET", target=SP, value=1.0).json()["token"]
    seen_ms = sato.now_ms()
    content = json.dumps({"seen_t": seen_ms}).encode()
    head = (
        f"POST {BASE}/changes/{token}/execute HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\n"
        f"Origin: {sato.origin}\r\nX-Requested-With: dryline\r\nX-CSRF-Token: {sato.csrf}\r\n"
        f"Cookie: {sato.cookie}\r\nIdempotency-Key: frozen-0001\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        "Connection: close\r\n\r\n"
    )
    api.process.send_signal(signal.SIGSTOP)
    with socket.create_connection(("127.0.0.1", api.port), timeout=20) as s:
        s.sendall(head.encode() + content)
        time.sleep(3.0)
        api.process.send_signal(signal.SIGCONT)
        answer = b"".join(iter(lambda: s.recv(65536), b""))
    assert b"409" in answer.split(b"\r\n")[0], answer
    assert b'"stale"' in answer
    assert line.raw["coater"].read([SP])[0] != pytest.approx(1.0)


async def test_live_values_over_a_real_socket(line, sato):
    async with connect(sato) as ws:
        hello = await view(ws, "COAT.*", "ENC.DP.ZONE", "NOPE")
        assert (hello["user"], hello["window"]) == ("sato", 3)
        begun_s = time.monotonic()
        seen = await frames(ws, 3.0)
        while len(beats_of(seen)) < 2 and time.monotonic() - begun_s < ENOUGH_S:
            seen += await frames(ws, 1.0)
        took_s = time.monotonic() - begun_s
    kinds = [m["op"] for m in seen]
    assert kinds[:2] == ["error", "meta"]
    live = [m for m in seen if m["op"] == "f"]
    assert live[0]["full"] is True
    assert 5 <= len(live) <= 12.0 * took_s + 4
    assert all(b["p"] == a["s"] for a, b in itertools.pairwise(live))
    beats = beats_of(seen)
    assert beats[-1]["COAT"][0] > beats[0]["COAT"][0]


async def test_who_gave_a_command_hears_of_it_on_the_socket(sato):
    async with connect(sato) as ws:
        await view(ws, "COAT.STATE")
        record = await asyncio.to_thread(sato.do, "coater", "SET", target=SP, value=0.9)
        seen = await frames(ws, ENOUGH_S, until=lambda m: m.get("state") == "confirmed")
    told = [m for m in seen if m["op"] == "c"]
    assert {m["cmd"] for m in told} == {record["id"]}
    assert told[-1]["state"] == "confirmed"
    assert (told[-1]["sp"], told[-1]["rb"]) == (0.9, pytest.approx(0.9, abs=STEP))


async def test_logout_closes_the_socket_within_five_seconds(api):
    person = await asyncio.to_thread(api.person, "eva")
    async with connect(person) as ws:
        await view(ws, "COAT.*")
        begun_s = time.monotonic()
        await asyncio.to_thread(person.http.delete, "/session")
        await frames(ws, 10.0)
        took_s = time.monotonic() - begun_s
    assert ws.close_code == 4001
    assert took_s < 5.0
    print(f"\nclosed {took_s:.2f} s after logout")


async def test_other_roles_close_the_socket_within_five_seconds(api):
    api.users(mori=[Role.OPERATOR])
    person = await asyncio.to_thread(api.person, "mori")
    async with connect(person) as ws:
        await view(ws, "COAT.*")
        words = ["-m", "controller", "user", "role", "mori", "--role", "viewer"]
        begun_s = time.monotonic()
        await asyncio.to_thread(_dryline, api, *words)
        done_s = time.monotonic()
        await frames(ws, 10.0)
        took_s = time.monotonic() - done_s
    assert ws.close_code == 4003
    assert took_s < 5.0
    print(f"\nclosed {took_s:.2f} s after the command ({done_s - begun_s:.1f} s)")


def _dryline(api: ApiUnderTest, *words: str) -> None:
    environment = os.environ | {"DRYLINE_ANCHORS": str(api.anchors)}
    command = [os.sys.executable, *words, "--run", str(api.run)]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=ENOUGH_S)


def test_the_screens_come_from_the_same_address(api, sato):
    with httpx.Client(base_url=sato.origin, timeout=20) as browser:
        page = browser.get("/")
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "unsafe" not in page.headers["content-security-policy"]
        assert browser.get("/coater").text == page.text
        again = browser.get("/", headers={"if-none-match": page.headers["etag"]})
        assert again.status_code == 304
        assert browser.get("/no-such-file.js").json()["code"] == "path"


async def test_a_window_hears_what_stations_do(line, sato):
    async with connect(sato) as ws:
        await ws.send(json.dumps({"op": "hello", "v": 1}))
        await ws.send(json.dumps({"op": "view", "id": 1, "tags": [], "stations": True}))
        found = set()

        def all_told(message: dict[str, Any]) -> bool:
            found.update(row["s"] for row in message.get("ss", ()))
            return len(found) == len(STATIONS)

        seen = await frames(ws, ENOUGH_S, until=all_told)
    told = {row["s"]: row for m in seen if m["op"] == "f" for row in m.get("ss", ())}
    assert set(told) == {"coater", "calender", "enclosure"}
    states = line.status()["stations"]
    assert told["coater"]["state"] == states["coater"]["state"]
    assert all(row["controlled"] for row in told.values())


async def test_a_restart_of_the_api_in_mid_run_disturbs_nothing(line, api, sato):
    before = line.status()["stations"]
    token = sato.propose("coater", "SET", target=SP, value=0.6).json()["token"]
    asked = (f"/changes/{token}/execute", {"seen_t": sato.now_ms()}, "asked-before-the-kill")
    first = sato.post(*asked)
    assert first.status_code == 202, first.text
    api.kill()
    await asyncio.sleep(1.0)
    between = line.status()["stations"]
    await asyncio.to_thread(api.start)
    await asyncio.to_thread(eventually, api.heard)
    after = line.status()["stations"]
    for name, station in before.items():
        assert station["state"] == between[name]["state"] == after[name]["state"]
        assert after[name]["link_up"]
    assert sato.get("/session").json()["user"] == "sato"  # sessions outlive the program
    again = sato.post(*asked)  # who saw no answer asks once more, and it is not done once more
    assert (again.status_code, again.content) == (202, first.content)
    assert sato.post(*asked[:2]).json()["code"] == "gone"
    async with connect(sato) as ws:
        await view(ws, "COAT.*", boot="another", pos=10)
        seen = await frames(ws, ENOUGH_S, until=lambda m: m["op"] == "f")
    assert next(m for m in seen if m["op"] == "f")["full"] is True


def test_two_apis_of_one_folder_are_one_too_many(line, api):
    other = ApiUnderTest(line.line_folder, line.run, log=line.folder / "other.log")
    with pytest.raises(AssertionError, match="runs for this folder already"), other:
        pass


def test_a_slow_head_costs_a_connection_for_a_while_only(api, sato):
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: ")
        begun_s = time.monotonic()
        assert s.recv(100) == b""
        assert 5.0 < time.monotonic() - begun_s < 20.0
    assert sato.get("/session").status_code == 200


def test_garbage_at_the_port_fills_no_log(api, sato):
    size = len(api.told)
    for _ in range(200):
        raw_request(api.port, b"\x16\x03\x01\x00garbage\r\n\r\n")
    assert len(api.told) - size < 5_000
    assert "Traceback" not in api.told
    assert sato.get("/session").status_code == 200


async def test_it_leaves_in_order_with_windows_open(line, api, sato):
    """The last test of this module: it ends the API."""
    async with connect(sato) as ws, connect(sato) as silent:
        await view(ws, "COAT.*")
        await view(silent, "COAT.*")
        code, took_s = await asyncio.to_thread(api.stop)
        await frames(ws, 5.0)
    print(f"\nended after {took_s:.2f} s")
    assert (code, ws.close_code) == (0, 1012)
    assert took_s < 5.0
    assert not (line.run / "api.sock").exists()
    assert "Traceback" not in api.told
    assert line.all_links_up()


def test_other_machines_are_not_let_in_without_tls_and_a_user(line, tmp_path):
    port = free_ports(1)[0]
    for words, told in (
        (["--listen", f"0.0.0.0:{port}"], "only this machine may connect"),
        (["--listen", "plant:1"], "must be ADDRESS:PORT"),
    ):
        command = [os.sys.executable, "-m", "controller", "api", "--line", str(line.line_folder),
                   "--run", str(tmp_path / "run"), *words]  # fmt: skip
        environment = os.environ | {"DRYLINE_ANCHORS": str(tmp_path / "anchors")}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=ENOUGH_S, env=environment, check=False
        )
        assert done.returncode == 1
        assert told in done.stderr
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/healthz")


def test_other_machines_are_let_in_when_there_is_an_administrator(line, tmp_path):
    folder = shutil.copytree(line.line_folder, tmp_path / "line")
    with (folder / "line.toml").open("a") as stream:
        stream.write("\n[api]\ntls = true\n")
    api = ApiUnderTest(folder, tmp_path / "run")
    everywhere = f"0.0.0.0:{api.port}"
    api._command[api._command.index("--listen") + 1] = everywhere
    try:
        api.start_only()
        eventually(lambda: f"the API is at https://127.0.0.1:{api.port}" in api.told)
        assert "only this machine may connect until there is an administrator" in api.told
        api.users(chief=[Role.ADMINISTRATOR])
        eventually(lambda: f"://{everywhere}" in api.told)
        assert "Traceback" not in api.told
    finally:
        api.__exit__()
