"""The simulated PLC's OPC UA server, seen by plain clients."""

import asyncio
import copy
from collections.abc import AsyncIterator

import pytest
from asyncua import Client, ua

from controller.clock import SystemClock
from plc_sim.plc import Plc
from plc_sim.servers.opcua import Server
from tests.support.opcua_peers import NAMESPACE, PREFIX, Bench, BenchLogic, small_map


@pytest.fixture(scope="module")
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.start()
    yield bench
    await bench.stop()


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[Client]:
    async with Client(bench.server.endpoint, timeout=30, watchdog_intervall=10) as client:
        yield client


def node_id(name: str) -> ua.NodeId:
    return ua.NodeId(f"{PREFIX}.{name}", 2)


def element(name: str, value: object, kind: ua.VariantType) -> ua.WriteValue:
    write = ua.WriteValue()
    write.NodeId = node_id(name)
    write.AttributeId = ua.AttributeIds.Value
    write.Value = ua.DataValue(ua.Variant(value, kind))
    return write


def ticket(bench: Bench, ahead: int = 1) -> list[ua.WriteValue]:
    beat = bench.plc.heart(bench.clock.link_s())
    seq = int(bench.held("SEQ")) + ahead
    kind = ua.VariantType.Int32
    return [element("WRITE.SEQ", seq, kind), element("WRITE.BEAT", beat, kind)]


async def send(client: Client, elements: list[ua.WriteValue]) -> list[str]:
    params = ua.WriteParameters()
    params.NodesToWrite = elements
    return [code.name for code in await client.uaclient.write(params)]


def sp(value: float) -> ua.WriteValue:
    return element("SP", value, ua.VariantType.Double)


async def test_a_write_is_taken_whole_and_shown_at_once(bench: Bench, client: Client) -> None:
    switch = element("SWITCH", True, ua.VariantType.Boolean)
    assert await send(client, [sp(40.0), switch, *ticket(bench)]) == ["Good"] * 4
    assert await client.get_node(node_id("SP")).read_value() == 40.0
    assert bench.held("SWITCH") == 1.0


async def test_a_write_is_refused_whole(bench: Bench, client: Client) -> None:
    await send(client, [sp(40.0), *ticket(bench)])
    double, rolled_back = ua.VariantType.Double, "BadTransactionFailed"
    index_range = sp(50.0)
    index_range.IndexRange = "0"
    bad_status = sp(50.0)
    bad_status.Value = ua.DataValue(
        ua.Variant(50.0, double), ua.StatusCode(ua.StatusCodes.BadDeviceFailure)
    )
    name = sp(50.0)
    name.AttributeId = ua.AttributeIds.DisplayName
    for culprit, code in (
        (sp(float("nan")), "BadOutOfRange"),
        (element("SP", [50.0], double), "BadTypeMismatch"),
        (element("SP", 50, ua.VariantType.Int64), "BadTypeMismatch"),
        (element("NOWHERE", 50.0, double), "BadNodeIdUnknown"),
        (element("PV", 50.0, double), "BadNotWritable"),
        (index_range, "BadWriteNotSupported"),
        (bad_status, "BadWriteNotSupported"),
        (name, "BadNotWritable"),
    ):
        load = element("LOAD.SP", 77.0, double)
        codes = await send(client, [*ticket(bench), load, culprit])
        assert codes == [rolled_back] * 3 + [code]
    assert (bench.held("SP"), bench.held("LOAD.SP")) == (40.0, 0.0)


async def test_half_a_ticket_is_none(bench: Bench, client: Client) -> None:
    seq, beat = ticket(bench)
    for elements in ([sp(50.0)], [sp(50.0), seq], [sp(50.0), beat]):
        assert set(await send(client, elements)) == {"BadUserAccessDenied"}
    assert bench.held("SP") != 50.0


async def test_nobody_becomes_administrator(bench: Bench) -> None:
    client = Client(bench.server.endpoint, timeout=30, watchdog_intervall=10)
    client.set_user("admin")
    client.set_password("x")
    with pytest.raises(ua.UaError):
        await client.connect()
    async with Client(bench.server.endpoint, timeout=30, watchdog_intervall=10) as plain:
        with pytest.raises(ua.UaError):
            await plain.nodes.objects.add_folder(ua.NodeId("mine", 2), "mine")
        with pytest.raises(ua.UaError):
            await plain.nodes.server_state.write_value(3)


async def test_an_unknown_message_is_not_available(client: Client) -> None:
    with pytest.raises(ua.uaerrors.BadMessageNotAvailable):
        await client.uaclient.session.republish(4711, 5)


async def test_a_point_is_shown_at_most_once_per_scan_time_but_its_status_at_once(
    bench: Bench, client: Client
) -> None:
    node = client.get_node(node_id("LOAD.PV"))
    slot = bench.plc.image.slot(f"{PREFIX}.LOAD.PV")
    bench.server._due_s[slot] = bench.clock.link_s() + 60.0
    shown = await node.read_value()
    bench.set("LOAD.PV", shown + 1.0)
    await asyncio.sleep(0.15)
    assert await node.read_value() == shown
    bench.set("LOAD.PV", shown + 2.0, status=2)
    async with asyncio.timeout(30):
        while True:
            value = await node.read_data_value(raise_on_bad_status=False)
            if value.Value.Value != shown:
                break
            await asyncio.sleep(0.02)
    assert value.Value.Value == shown + 2.0
    assert value.StatusCode.name == "UncertainEngineeringUnitsExceeded"
    bench.set("LOAD.PV", 0.0)


async def test_a_shown_value_is_not_copied_for_a_subscriber(bench: Bench) -> None:
    shown = bench.server._ua.read_attribute_value(node_id("SP"))
    assert copy.deepcopy(shown) is shown


def test_only_loopback_unless_allowed() -> None:
    clock = SystemClock()

    def serve(endpoint: str, **allowed: bool) -> Server:
        plc = Plc(PREFIX, small_map(), BenchLogic())
        return Server(plc, endpoint=endpoint, namespace=NAMESPACE, clock=clock, **allowed)

    for host in ("0.0.0.0", "192.0.2.1", "plc.example"):  # noqa: S104
        with pytest.raises(ValueError, match="allow remote"):
            serve(f"opc.tcp://{host}:4841/x")
        serve(f"opc.tcp://{host}:4841/x", allow_remote=True)
    for host in ("127.0.0.1", "localhost", "[::1]"):
        serve(f"opc.tcp://{host}:4841/x")
