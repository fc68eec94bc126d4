"""Ten thousand bad connections and logins: the log stays small, and nobody writes a line of it."""

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator

import httpx
import pytest

from controller.access.roles import Role
from controller.audit.record import decode
from tests.support.api_process import BASE, ApiUnderTest
from tests.support.line_under_test import SHIPPED

COUNT = 10_000
AT_ONCE = 40
MOST_BYTES = 2**20
FORGED = "2026-01-01 00:00:00,000 INFO    dryline.api: FORGED by nobody"
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ +[a-z][\w.]*: ")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiUnderTest]:
    """An API alone: no plant, no controller."""
    found = ApiUnderTest(SHIPPED, tmp_path_factory.mktemp("flood") / "run")
    found.users(sato=[Role.OPERATOR])
    with found:
        yield found


def bad(k: int, port: int) -> bytes:
    """One of a dozen ways to be a nuisance."""
    line = f"\r\n{FORGED} {k}\r\n\x1b[31mred\x1b[0m"
    quoted = line.replace("\r", "%0d").replace("\n", "%0a").replace("\x1b", "%1b")
    host = f"Host: 127.0.0.1:{port}"
    page = f"Origin: http://127.0.0.1:{port}\r\nX-Requested-With: dryline"
    login = json.dumps({"name": f"sato{line}", "password": f"guess {k}{line}"})
    wanted = [
        f"GET /{quoted} HTTP/1.1\r\n{host}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: evil{quoted}\r\n\r\n",
        f"GET {BASE}/tags HTTP/1.1\r\n{host}\r\nAuthorization: Bearer {quoted}\r\n\r\n",
        f"GET {BASE}/tags HTTP/1.1\r\n{host}\r\nCookie: dryline-session=\x1b[31m{k}\r\n\r\n",
        f"\x16\x03\x01{line}\r\n\r\n",
        f"GET / HTTP/9.9{line}\r\n\r\n",
        f"POST {BASE}/session HTTP/1.1\r\n{host}\r\n{page}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(login)}\r\nConnection: close\r\n\r\n{login}",
        f"GET {BASE}/live HTTP/1.1\r\n{host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {quoted}\r\nSec-WebSocket-Version: 13\r\n\r\n",
        f"GET / HTTP/1.1\r\n{host}\r\nX: a\x00b{line}\r\n\r\n",
        f"{'A' * 40_000}{line}\r\n\r\n",
        f"PUT {BASE}/users/{quoted}/roles HTTP/1.1\r\n{host}\r\nContent-Length: 2\r\n\r\n{{}}",
        "",
    ]
    return wanted[k % len(wanted)].encode("latin-1", "replace")


async def send(content: bytes, port: int, turn: asyncio.Semaphore) -> None:
    async with turn:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(content)
                if content:
                    writer.write_eof()
                    async with asyncio.timeout(20.0):
                        await reader.read(20_000)
            except TimeoutError:
                pass
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()


async def test_ten_thousand_bad_connections_leave_a_small_log_and_no_forged_line(api) -> None:
    before = len(api.told)
    turn = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(send(bad(k, api.port), api.port, turn) for k in range(COUNT)))
    trail = (api.run / "audit.jsonl").read_bytes()
    told = api.told[before:]
    print(f"\n{COUNT} bad connections: {len(told)} bytes of log, {len(trail)} bytes of trail")
    assert len(told) < MOST_BYTES
    lines = told.splitlines()
    assert [line for line in lines if not LINE.match(line)] == []
    assert [line for line in lines if not line.isprintable()] == []
    assert [line for line in lines if line.startswith(FORGED)] == []
    assert len(trail) < MOST_BYTES
    assert all(decode(line) for line in trail.splitlines(keepends=True))
    assert b"FORGED" not in trail
    assert b"guess" not in trail


async def test_an_honest_person_is_served_afterwards(api) -> None:
    answer = await asyncio.to_thread(httpx.get, f"http://127.0.0.1:{api.port}/readyz", timeout=20.0)
    assert answer.status_code == 200
    assert "Traceback" not in api.told
