"""Both OPC UA sides against an independent implementation (node-opcua)."""

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
from tests.support.node_peer import FOLDER, node
from tests.support.opcua_peers import NAMESPACE, PREFIX, Bench, connected, make_driver, small_map

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
    """node-opcua as server, with the map of the test PLC."""

    def __init__(self, process: asyncio.subprocess.Process, endpoint: str) -> None:
        self.endpoint = endpoint
        self._process = process

    async def put(self, name: str, **what: object) -> None:
        line = json.dumps({"name": f"{PREFIX}.{name}", **what}) + "\n"
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode())
        await self._process.stdin.drain()


@pytest.fixture(scope="module")
async def peer(environment: dict[str, str]) -> AsyncIterator[Peer]:
    nodes = [
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
    process = await asyncio.create_subprocess_exec(
        node(),
        str(FOLDER / "server.mjs"),
        NAMESPACE,
        PREFIX,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write((json.dumps(nodes) + "\n").encode())
    async with asyncio.timeout(60):
        while not (line := (await process.stdout.readline()).decode()).startswith("READY"):
            assert line, "the peer ended before it was ready"
    yield Peer(process, f"opc.tcp://127.0.0.1:{line.split()[1]}/peer")
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
