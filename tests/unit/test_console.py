"""The console port: one line in, one line out, for the owner of the run folder only."""

import asyncio
import contextlib
import json
import socket
import stat
import threading

import pytest

from controller.clock import NS, WallClock
from controller.console import UNTIL, Console, ask, talk
from controller.core.errors import DrylineError


async def echo(request):
    if request.get("op") == "refuse":
        raise DrylineError("not today")
    if request.get("op") == "lookup":
        raise KeyError("station")
    return {"got": request}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "c.sock"


async def lines(path, *requests):
    """Raw lines over one connection."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        out = []
        for request in requests:
            writer.write(request)
            await writer.drain()
            out.append(await asyncio.wait_for(reader.readline(), 30.0))
        return out
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_question_is_answered(path):
    async with Console(path, echo):
        assert await asyncio.to_thread(ask, path, {"op": "x"}) == {"got": {"op": "x"}}


async def test_a_refusal_comes_back_as_an_error(path):
    async with Console(path, echo):
        with pytest.raises(DrylineError, match="not today"):
            await asyncio.to_thread(ask, path, {"op": "refuse"})
        with pytest.raises(DrylineError, match="station"):
            await asyncio.to_thread(ask, path, {"op": "lookup"})


@pytest.mark.parametrize("line", [b"\n", b"no json\n", b"[1]\n", b"5\n", b"\xff\xfe\n"])
async def test_what_is_no_request_gets_an_error_and_the_next_one_is_served(path, line):
    async with Console(path, echo):
        first, second = await lines(path, line, b'{"op": "x"}\n')
    assert "error" in json.loads(first)
    assert json.loads(second) == {"got": {"op": "x"}}


async def test_only_the_owner_may_open_it(path):
    async with Console(path, echo):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


async def test_a_socket_left_behind_is_replaced(path):
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    async with Console(path, echo):
        assert "got" in await asyncio.to_thread(ask, path, {})


async def test_a_path_too_long_for_a_socket_says_what_to_do(tmp_path):
    with pytest.raises(DrylineError, match="--run"):
        async with Console(tmp_path / ("x" * 120), echo):
            pass


async def test_leaving_ends_open_connections(path):
    before = asyncio.all_tasks()
    async with Console(path, echo):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"{}\n")
        await reader.readline()
    assert await asyncio.wait_for(reader.read(), 30.0) == b""
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(30):
        while not asyncio.all_tasks() <= before:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


async def test_a_line_beyond_the_limit_ends_that_connection_only(path):
    async with Console(path, echo):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"x" * (3 << 20))
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 30.0) == b""
        writer.close()
        assert "got" in await asyncio.to_thread(ask, path, {})


def test_nobody_there_is_told_with_what_to_do(path):
    with pytest.raises(DrylineError, match=r"nobody answers at .*dryline up"):
        ask(path, {})


def listen(path, reply):
    """A peer that takes one connection and misbehaves."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(1)

    def serve():
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            if reply is None:
                connection.recv(1000)  # mute until the other side leaves
            else:
                connection.sendall(reply)
        server.close()

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (b"", "closed the connection without an answer"),
        (b"no json\n", "no sense"),
        (b"[1]\n", "no sense"),
        (None, "nobody answers"),
    ],
)
def test_a_peer_that_misbehaves_is_a_plain_error(path, reply, text):
    thread = listen(path, reply)
    with pytest.raises(DrylineError, match=text):
        ask(path, {}, timeout_s=0.2 if reply is None else 30.0)
    thread.join(30.0)


async def test_what_nobody_waits_for_any_more_is_not_done(path, caplog):
    """As a process finds it that was stopped while somebody asked."""
    done = []

    async def act(request):
        done.append(request)
        return {}

    late, now_ns = {"op": "START", UNTIL: 1}, WallClock().mono_ns()
    soon = {"op": "START", UNTIL: now_ns + 60 * NS}
    odd = {"op": "START", UNTIL: "soon"}
    async with Console(path, act):
        said = await lines(path, *(json.dumps(one).encode() + b"\n" for one in (late, odd, soon)))
    assert "nobody waits" in json.loads(said[0])["error"]
    assert UNTIL in json.loads(said[1])["error"]
    assert done == [{"op": "START"}]
    assert "START came" in caplog.text


async def test_whoever_asks_says_until_when_he_waits(path):
    seen = []

    async def serve(reader, writer):
        seen.append(json.loads(await reader.readline()))
        writer.write(b'{"ok": 1}\n')
        writer.close()

    begun_ns = WallClock().mono_ns()
    async with await asyncio.start_unix_server(serve, str(path)):
        assert json.loads(await talk(path, {"op": "x"}, 5.0)) == {"ok": 1}
    assert 5 * NS <= seen[0].pop(UNTIL) - begun_ns < 10 * NS
    assert seen == [{"op": "x"}]
