"""Ten thousand malformed packets at the ports of the PLCs and of the API: nobody else notices."""

import asyncio
import contextlib
import http.client
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import malformed
from tests.support.api_process import ApiUnderTest, eventually
from tests.support.line_under_test import PREFIX, LineUnderTest

EACH, ROUNDS = 2_600, 5  # at each of four ports
AT_ONCE = 6
GROWTH_MIB, LOG_MIB = 32.0, 1.0
SERVED_S = 1.0
pytestmark = pytest.mark.timeout(300)
MAKERS = {
    "enclosure": malformed.modbus, "coater": malformed.opcua, "calender": malformed.opcua,
    "api": malformed.http,
}  # fmt: skip


@pytest.fixture(scope="module")
def line() -> Iterator[LineUnderTest]:
    with LineUnderTest() as found:
        found.start_plant(60.0)
        yield found


@pytest.fixture(scope="module")
def api(line: LineUnderTest) -> Iterator[ApiUnderTest]:
    found = ApiUnderTest(line.line_folder, line.run)
    with found:
        eventually(lambda: found.process is not None)
        yield found


def port_of(line: LineUnderTest, station: str) -> int:
    settings = line.config.station(station).settings.model_dump()
    if "port" in settings:
        return int(settings["port"])
    return int(settings["endpoint"].split(":")[2].partition("/")[0])


def rss_mib(pid: int) -> float:
    for row in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if row.startswith("VmRSS:"):
            return int(row.split()[1]) / 1024.0
    raise AssertionError("no VmRSS")


def took_s(work: Callable[[], object]) -> float:
    begun_s = time.monotonic()
    work()
    return time.monotonic() - begun_s


def honest(line: LineUnderTest, api: ApiUnderTest) -> dict[str, Callable[[], object]]:
    """Who was there before: a client of each PLC, and one of the API."""

    def ask_api() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=10.0)
        with contextlib.closing(connection):
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200

    return {
        **{s: lambda s=s: line.raw[s].read([f"{PREFIX[s]}.HEART"]) for s in PREFIX},
        "api": ask_api,
    }


def test_malformed_packets_break_nothing_and_keep_nobody_waiting(
    line: LineUnderTest, api: ApiUnderTest
) -> None:
    ports = {s: port_of(line, s) for s in PREFIX} | {"api": api.port}
    assert api.process is not None
    pids = [*line.plc_pids(), api.process.pid]
    friends = honest(line, api)
    for ask in friends.values():
        ask()
    logs = {"plant": lambda: line.log("plant"), "api": lambda: api.told}
    sent = 0
    waited: dict[str, list[float]] = {name: [] for name in friends}

    async def watch(name: str) -> None:
        while True:
            waited[name].append(await asyncio.to_thread(took_s, friends[name]))
            await asyncio.sleep(0.05)

    async def throw_beside_friends(number: int, count: int) -> int:
        watching = [asyncio.create_task(watch(name)) for name in friends]
        try:
            return await throw(number, count)
        finally:
            for each in watching:
                each.cancel()
            await asyncio.gather(*watching, return_exceptions=True)

    async def throw(number: int, count: int) -> int:
        thrown = (
            malformed.throw(port, MAKERS[name], count, number * 10 + k, AT_ONCE)
            for k, (name, port) in enumerate(ports.items())
        )
        return sum(await asyncio.gather(*thrown))

    asyncio.run(throw(99, EACH // ROUNDS))  # warm: what is loaded once is no leak
    before = [rss_mib(pid) for pid in pids]
    said = {name: len(log()) for name, log in logs.items()}
    for number in range(ROUNDS):
        sent += asyncio.run(throw_beside_friends(number, EACH // ROUNDS))
    grown = [rss_mib(pid) - b for pid, b in zip(pids, before, strict=True)]
    slowest = {name: round(max(found), 3) for name, found in waited.items()}
    looks = {name: len(found) for name, found in waited.items()}
    print(f"{sent} sent, RSS +{max(grown):.1f} MiB; honest waits: {looks}, {slowest} s at most")
    assert sent >= 10_000
    assert min(looks.values()) >= 10
    assert max(slowest.values()) <= SERVED_S
    assert max(grown) <= GROWTH_MIB, dict(zip(("plcs", "plcs", "plcs", "api"), grown, strict=True))
    assert [*line.plc_pids(), api.process.pid] == pids
    assert api.process.poll() is None
    for name, log in logs.items():
        assert "Traceback" not in log(), f"{name}: {log()[-3000:]}"
        assert len(log()) - said[name] < LOG_MIB * 2**20, name
    for station in PREFIX:  # whoever comes new is let in, too
        line.raw[station].close()
        assert took_s(friends[station]) < 5.0
