"""Both OPC UA sides against independent implementations: node-opcua, and open62541 as a server."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from controller.core.point import Access, Wire
from controller.core.sample import Quality
from controller.core.table import TagTable
from plc_sim.servers.opcua_map import unit_of
from tests.support import open62541_peer
from tests.support.line_under_test import free_ports
from tests.support.node_peer import FOLDER, node
from tests.support.opcua_peers import (
    NAMESPACE,
    PREFIX,
    Bench,
    connected,
    make_driver,
    small_map,
)
from tests.support.spied_bulk import Spied

TYPES = {
    Wire.DOUBLE: "Double",
    Wire.INT32: "Int32",
    Wire.UINT32: "UInt32",
    Wire.BOOL: "Boolean",
}
pytestmark = pytest.mark.timeout(360)  # the first run installs the peer


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("node")  # it writes a certificate store into its home
    return {"HOME": str(home), "PATH": str(Path(node()).parent) + ":/usr/bin:/bin"}


@pytest.fixture(scope="module")
async def seen(environment: dict[str, str]) -> dict:
    """What the independent client saw of the simulated PLC."""
    bench = Bench()
    await bench.start()
    bench.pv_status = 1
    try:
        process = await asyncio.create_subprocess_exec(
            node(),
            str(FOLDER / "client.mjs"),
            bench.server.endpoint,
            NAMESPACE,
            "bench",
            PREFIX,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
    finally:
        await bench.stop()
    assert process.returncode == 0, err.decode()
    return json.loads(out.splitlines()[-1])  # the library talks on the same stream


def test_every_point_is_found_with_its_type_and_description(seen: dict) -> None:
    assert seen["path"] is True
    for p in small_map():
        about = seen["nodes"][p.tag]
        assert about["dataType"] == TYPES[p.wire]
        assert about["description"] == p.description
        assert about["stamped"] is True
    assert {"TST.WRITE.SEQ", "TST.WRITE.BEAT"} < seen["nodes"].keys()


def test_analogue_points_tell_range_and_unit(seen: dict) -> None:
    for p in small_map():
        about = seen["nodes"][p.tag]
        if p.wire is not Wire.DOUBLE:
            assert "unit" not in about
            continue
        assert about["range"] == [p.low, p.high]
        assert about["unit"]["id"] == unit_of(p).number
        assert about["unit"]["symbol"] == unit_of(p).symbol
    assert seen["nodes"]["TST.LOAD.PV"]["unit"]["id"] == int.from_bytes(b"F47")  # N/mm
    celsius = seen["nodes"]["TST.SP"]["unit"]
    assert (celsius["known"], celsius["meaning"]) == ("°C", "degree Celsius")


def test_discrete_points_tell_their_texts(seen: dict) -> None:
    assert seen["nodes"]["TST.CMD"]["EnumStrings"] == ["stop", "warm-up"]
    flag = seen["nodes"]["TST.FLAG"]
    assert (flag["FalseState"], flag["TrueState"]) == ("no", "yes")


def test_instrument_status_is_seen_as_status_code(seen: dict) -> None:
    assert seen["nodes"]["TST.PV"]["status"] == "UncertainLastUsableValue"
    assert seen["nodes"]["TST.LOAD.PV"]["status"] == "Good"


def test_the_heartbeat_arrives_by_subscription(seen: dict) -> None:
    beats = seen["beats"]
    assert len(beats) >= 4
    assert beats == list(range(beats[0], beats[0] + len(beats)))


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("without ticket", "BadUserAccessDenied"),
        ("used number", "BadSequenceNumberInvalid"),
        ("old heartbeat", "BadTimeout"),
        ("out of range", "BadOutOfRange"),
        ("wrong type", "BadTypeMismatch"),
        ("read-only", "BadNotWritable"),
    ],
)
def test_a_write_is_taken_with_a_ticket_and_refused_whole_otherwise(
    seen: dict, case: str, code: str
) -> None:
    good, bad = seen["writes"]["with ticket"], seen["writes"][case]
    assert good == {"codes": ["Good"] * 3, "held": 31}
    assert code in bad["codes"]
    assert set(bad["codes"]) <= {code, "BadTransactionFailed"}
    assert bad["held"] == (25 if case == "without ticket" else 31)


class Peer:
    """A foreign server with the map of the test PLC."""

    def __init__(self, process: asyncio.subprocess.Process, endpoint: str) -> None:
        self.endpoint = endpoint
        self._process = process

    async def put(self, name: str, **what: object) -> None:
        line = json.dumps({"name": f"{PREFIX}.{name}", **what}) + "\n"
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode())
        await self._process.stdin.drain()


def map_of_peer() -> list[dict[str, object]]:
    """The map of the test PLC, as peers are told it."""
    nodes: list[dict[str, object]] = [
        {
            "name": p.tag,
            "type": TYPES[p.wire],
            "value": p.default if p.wire is not Wire.BOOL else False,
            "write": p.access is Access.WRITE,
        }
        for p in small_map()
    ]
    nodes += [
        {"name": f"{PREFIX}.WRITE.{n}", "type": "Int32", "value": 0, "write": True}
        for n in ("SEQ", "BEAT")
    ]
    next(n for n in nodes if n["name"] == f"{PREFIX}.MAP")["value"] = 1
    return nodes


def started_by(name: str, environment: dict[str, str]) -> tuple[list[str], dict[str, str], str]:
    """Words, environment and the path in the endpoint of a peer."""
    if name == "node-opcua":
        return [node(), str(FOLDER / "server.mjs"), NAMESPACE, PREFIX], environment, "/peer"
    words, own = open62541_peer.program("server.py")
    (port,) = free_ports(1)
    return [*words, str(port), NAMESPACE, PREFIX], own, ""


@pytest.fixture(scope="module", params=["node-opcua", "open62541"])
async def peer(environment: dict[str, str], request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    words, own, path = started_by(request.param, environment)
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=own,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write((json.dumps(map_of_peer()) + "\n").encode())
    async with asyncio.timeout(60):
        while not (line := (await process.stdout.readline()).decode()).startswith("READY"):
            assert line, "the peer ended before it was ready"
    yield Peer(process, f"opc.tcp://127.0.0.1:{line.split()[1]}{path}")
    process.kill()
    await process.communicate()


async def test_the_driver_reads_watches_and_writes_a_foreign_server(peer: Peer) -> None:
    points = small_map()
    table = TagTable(tag for p in points for tag in p.tags())
    async with connected(make_driver(peer.endpoint, points, timeout_s=2.0)) as driver:
        table.apply(await driver.read_all())
        assert table.sample(f"{PREFIX}.MAP").value == 1

        async def until(name: str, value: float) -> None:
            async with asyncio.timeout(5):
                while table.sample(f"{PREFIX}.{name}").value != value:
                    table.apply(await driver.receive())

        await peer.put("PV", value=33.25)
        await until("PV", 33.25)
        assert table.sample(f"{PREFIX}.PV").quality == Quality.GOOD
        await peer.put("PV", value=34.5, status="UncertainLastUsableValue")
        await until("PV", 34.5)
        assert table.sample(f"{PREFIX}.PV").quality == Quality.UNCERTAIN_HELD
        beat = table.sample(f"{PREFIX}.HEART").value
        await until("HEART", beat + 3)

        written = [p for p in points if p.access is Access.WRITE]
        await driver.write(np.array([44.0 if p.tag == f"{PREFIX}.SP" else 0.0 for p in written]))
        await until("SP.RB", 44.0)
        assert driver.losses == 0


async def test_what_a_foreign_server_sends_of_values_is_decoded_in_bulk(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values of one layout, then beside others with a status, then of one layout again."""
    spied = Spied(monkeypatch)
    table = TagTable(tag for p in small_map() for tag in p.tags())
    shown = {"PV": 1.25, "COUNT": 3e9, "FLAG": 1.0, "LOAD.PV": 12.5}
    async with connected(make_driver(peer.endpoint, small_map(), timeout_s=2.0)) as driver:
        table.apply(await driver.read_all())
        for k, status in enumerate(("Good", "UncertainLastUsableValue", "Good"), 1):
            for name, value in shown.items():
                wire_value = bool(value) if name == "FLAG" else k * value if name == "PV" else value
                said = status if name == "PV" else "Good"
                await peer.put(name, value=wire_value, status=said)
            async with asyncio.timeout(5):
                while any(
                    table.sample(f"{PREFIX}.{name}").value != (k * v if name == "PV" else v)
                    for name, v in shown.items()
                ):
                    table.apply(await driver.receive())
            wanted = Quality.GOOD if status == "Good" else Quality.UNCERTAIN_HELD
            assert table.sample(f"{PREFIX}.PV").quality == wanted
        assert driver.losses == 0
    assert spied.found
    assert None not in spied.found
