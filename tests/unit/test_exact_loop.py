"""The loop with exact timers: the same loop otherwise, and the usual one where there are none."""

import asyncio
import select
import selectors
import socket
import sys
import time
from pathlib import Path

import pytest

from controller import exact_loop as exact
from controller.exact_loop import exact_loop, run_exactly
from tests.support.forked import in_fork

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such timers")


PATIENCE_S = 2.0


def open_files() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


@pytest.fixture
def unended(monkeypatch) -> list[float]:
    """Waits that nothing ended but the wait of the library, which is made long here."""
    found: list[float] = []
    plain = selectors.EpollSelector.select

    def patient(self, timeout=None):
        events = plain(self, PATIENCE_S if timeout else timeout)
        if timeout and not events and select.select([self._timer], [], [], 0)[0] == []:
            found.append(timeout)
        return events

    monkeypatch.setattr(selectors.EpollSelector, "select", patient)
    return found


@linux
def test_a_timer_is_ended_by_the_kernel_and_not_by_the_rounded_wait(unended):
    async def work() -> float:
        begun_s = time.monotonic()
        for _ in range(5):
            await asyncio.sleep(0.0123)
        return time.monotonic() - begun_s

    assert run_exactly(work()) >= 5 * 0.0123  # never before its time
    assert unended == []


@linux
def test_a_timer_that_ran_out_does_not_end_waits_for_ever_after():
    selector = exact.ExactSelector()
    try:
        assert selector.select(0.001) == []
        begun_s = time.monotonic()
        assert selector.select(0.05) == []
        assert time.monotonic() - begun_s >= 0.049
        reader, writer = socket.socketpair()
        with reader, writer:
            selector.register(reader, selectors.EVENT_READ)
            writer.send(b"x")
            ((key, _),) = selector.select(None)
            assert key.fileobj is reader
            selector.unregister(reader)
    finally:
        selector.close()


@linux
def test_sockets_wake_the_loop_before_its_timers(tmp_path):
    async def work() -> bytes:
        async def answer(reader, writer):
            writer.write(await reader.readline())
            writer.close()

        server = await asyncio.start_unix_server(answer, tmp_path / "s")
        async with server:
            reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
            writer.write(b"hello\n")
            async with asyncio.timeout(30.0):
                said = await reader.read()
            writer.close()
        return said

    assert run_exactly(work()) == b"hello\n"


@linux
def test_processes_can_be_started_and_waited_for():
    async def work() -> int:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "raise SystemExit(7)")
        return await process.wait()

    assert run_exactly(work()) == 7


def open_and_close() -> list[list[str]]:
    """Files that are open before and after a loop. In a forked child: the threads of other tests,
    which open and close files as they like, are not there."""

    def work() -> list[list[str]]:
        exact_loop().close()  # whatever is loaded with the first one
        before = open_files()
        loop = exact_loop()
        assert loop.run_until_complete(asyncio.sleep(0.001, "done")) == "done"
        loop.close()
        return [before, open_files()]

    found: list[list[str]] = in_fork(work)
    return found


@linux
def test_a_closed_loop_leaves_no_file_open():
    before, after = open_and_close()
    assert after == before


@linux
def test_without_such_timers_it_is_the_usual_loop(monkeypatch):
    def refused() -> int:
        raise OSError("no timer")

    monkeypatch.setattr(exact, "_timer", refused)
    loop = exact_loop()
    try:
        assert not isinstance(loop._selector, exact.ExactSelector)
        assert loop.run_until_complete(asyncio.sleep(0.001, "done")) == "done"
    finally:
        loop.close()
    before, after = open_and_close()
    assert after == before
