"""Sparkplug B at a real broker, Debian's mosquitto, as a host application sees it."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.core.event import Event, EventKind
from controller.core.sample import Quality
from controller.sinks.condition import State
from controller.sinks.sparkplug_node import REBIRTH
from controller.sinks.sparkplug_payload import DataType, Metric, Payload, encode
from tests.support.mosquitto import FOR_HOST, USER, Mosquitto
from tests.support.sparkplug_host import SparkplugHost
from tests.support.sparkplug_plant import SparkplugPlant, eventually
from tests.wire.test_influx_tls import make_certificate

pytestmark = pytest.mark.timeout(180)
BIRTHS = ["NBIRTH", "DBIRTH coater", "DBIRTH enclosure"]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as made:
        yield made


@pytest.fixture
def host(broker: Mosquitto) -> Iterator[SparkplugHost]:
    with SparkplugHost(broker) as made:
        yield made


@pytest.fixture
def plant(tmp_path: Path, broker: Mosquitto) -> Iterator[SparkplugPlant]:
    made = SparkplugPlant(tmp_path, broker)
    made.scan()
    assert made.historian.flush()
    yield made
    made.close()


def rebirth(value: object = True) -> bytes:
    metric = Metric(name=REBIRTH, datatype=DataType.BOOLEAN, value=bool(value))
    return encode(Payload(time_ms=1, metrics=(metric,)))


def test_a_host_has_births_then_all_data_and_a_death_in_order(
    plant: SparkplugPlant, host: SparkplugHost
) -> None:
    node = host.node()
    with plant.sinks() as process:
        for _ in range(20):
            plant.scan(n=20)
            time.sleep(0.02)
        plant.arrive()
        assert node.verbs()[:3] == BIRTHS
        plant.assert_all_there(node)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0
    eventually(lambda: node.seq is None)
    assert [m.verb for m in node.messages].count("NDEATH") == 1  # its own, and so not the will too
    assert plant.status.sent == 6 * (1 + 20 * 20)
    assert node.broken == []


@pytest.mark.parametrize("qos", [0, 1])
def test_the_will_tells_of_a_killed_process_and_the_next_session_loses_nothing(
    plant: SparkplugPlant, host: SparkplugHost, qos: int
) -> None:
    node = host.node()
    plant.configure(qos=qos)
    for session in range(3):
        with plant.sinks() as process:
            eventually(lambda k=session: len(node.of("NBIRTH")) > k)  # type: ignore[misc]
            plant.scan(n=50)
            time.sleep(0.1 * session)
            process.send_signal(signal.SIGKILL)
            process.wait()
        eventually(lambda: node.seq is None)
        plant.scan(n=50)
    with plant.sinks():
        plant.arrive()
    eventually(lambda: node.seq is None)
    assert [m.metric("bdSeq").value for m in node.of("NBIRTH")] == [0, 1, 2, 3]
    assert [m.metric("bdSeq").value for m in node.of("NDEATH")] == [0, 1, 2, 3]
    assert {m.qos for m in node.of("DDATA") + node.of("NBIRTH")} == {qos}
    plant.assert_all_there(node, doubled=True)


def test_what_a_broker_missed_comes_later_as_history(
    plant: SparkplugPlant, host: SparkplugHost, broker: Mosquitto
) -> None:
    node = host.node()
    plant.configure(batch_points=100)  # so that most of it is left to the backfill
    with plant.sinks():
        plant.arrive()
        time.sleep(1.5)  # the broker saves once a second
        broker.kill()
        for _ in range(20):
            plant.scan(n=10)
            time.sleep(0.06)
        eventually(lambda: plant.status.state is State.WAITING)
        assert plant.historian.flush()
        eventually(lambda: plant.status.queue >= 1000)
        back_ms = time.time_ns() // 1_000_000
        broker.start()
        eventually(lambda: len(node.of("NBIRTH")) == 2)
        plant.scan(n=10)
        plant.arrive()
        plant.assert_all_there(node, doubled=True)
        told = node.values["coater", "COAT.FEED.PV"]
        outage = [t for t in told if t.time_ms < back_ms][1:]
        assert len(outage) >= 199
        assert all(t.is_historical for t in outage)
        assert any(not t.is_historical for t in told if t.time_ms >= back_ms)
        assert plant.status.dropped == plant.status.quarantined == 0


def test_a_broker_that_hangs_is_left_and_found_again(
    plant: SparkplugPlant, host: SparkplugHost, broker: Mosquitto
) -> None:
    node = host.node()
    plant.configure(timeout_s=0.5)
    with plant.sinks():
        plant.arrive()
        broker.pause()
        plant.scan(n=20)
        eventually(lambda: plant.status.state is State.WAITING)
        broker.resume()
        plant.scan(n=20)
        plant.arrive()
        plant.assert_all_there(node, doubled=True)


def test_a_lost_link_is_the_death_of_its_device_alone(
    plant: SparkplugPlant, host: SparkplugHost
) -> None:
    node = host.node()
    with plant.sinks():
        plant.arrive()
        plant.scan(Quality.BAD_LINK)
        plant.arrive()
        eventually(lambda: "DDEATH coater" in node.verbs())
        assert node.born == {"enclosure"}
        assert node.values["coater", "COAT.STATE"][-1].code == 500
        plant.scan()
        plant.arrive()
        eventually(lambda: node.born == {"coater", "enclosure"})
        plant.assert_all_there(node)


def test_events_come_as_text_of_the_node(plant: SparkplugPlant, host: SparkplugHost) -> None:
    node = host.node()
    with plant.sinks():
        event = Event(
            time_ns=time.time_ns(), kind=EventKind.ALARM, station="coater", subject="COAT.GAP",
            text="gap low: 12 µm, <b>stop</b>", data={"priority": 1},
        )  # fmt: skip
        plant.historian.event(event)
        eventually(lambda: bool(node.values["", "coater/Events/alarm"]))
    (told,) = node.values["", "coater/Events/alarm"]
    assert '"text": "gap low: 12 µm, <b>stop</b>"' in told.value
    assert '"data": {"priority": 1}' in told.value
    assert not told.is_historical
    assert node.broken == []


def test_a_host_may_ask_for_a_rebirth_and_for_nothing_else(
    plant: SparkplugPlant, host: SparkplugHost, broker: Mosquitto
) -> None:
    node = host.node()
    with plant.sinks():
        plant.arrive()
        broker.publish("spBv1.0/works/NCMD/small", rebirth())
        eventually(lambda: len(node.of("NBIRTH")) == 2)
        eventually(lambda: node.verbs()[-3:] == BIRTHS)
        assert len({m.metric("bdSeq").value for m in node.of("NBIRTH")}) == 1
        write = encode(Payload(time_ms=1, metrics=(Metric(name="COAT.FEED.SP", value=9.0),)))
        broker.publish("spBv1.0/works/DCMD/small/coater", write)
        eventually(lambda: any("COAT.FEED.SP of device coater" in n for n in plant.notes()))
        broker.publish("spBv1.0/works/NCMD/small", rebirth(value=False))
        plant.scan(n=3)
        plant.arrive()
        assert len(node.of("NBIRTH")) == 2
        for _ in range(8):
            broker.publish("spBv1.0/works/NCMD/small", rebirth())
        eventually(lambda: len(node.of("NBIRTH")) > 2)
        plant.scan(n=3)
        plant.arrive()
        assert len(node.of("NBIRTH")) <= 4  # the first at once, the others together
        plant.assert_all_there(node)


def test_a_wrong_password_stops_the_sink_until_it_is_mended(
    plant: SparkplugPlant, host: SparkplugHost
) -> None:
    plant.set_password("wrong")
    with plant.sinks() as process:
        eventually(lambda: plant.status.state is State.STOPPED)
        assert "refused by the broker" in plant.status.reason
        assert "wrong" not in plant.status.reason
        plant.set_password("not a real password")
        assert process.wait(20) == 0  # to be started again by its controller
    assert not host.node().messages
    with plant.sinks():
        plant.arrive()
        plant.assert_all_there(host.node())


MAY_NOT_WRITE = f"user {USER}\ntopic read #\n"
MAY_NOT_READ = f"user {USER}\ntopic write spBv1.0/#\ntopic read spBv1.0/works/NCMD/small\n"


@pytest.mark.parametrize("qos", [0, 1])
def test_nothing_counts_as_sent_at_a_broker_that_refuses_it(tmp_path: Path, qos: int) -> None:
    acl = MAY_NOT_WRITE + FOR_HOST
    with Mosquitto(tmp_path / "broker", acl=acl) as broker, SparkplugHost(broker) as host:
        plant = SparkplugPlant(tmp_path, broker, timeout_s=0.5, qos=qos)
        plant.scan()
        with plant.sinks():
            eventually(lambda: plant.status.retried > 3, plant.log)
            assert plant.status.state is State.WAITING
            assert plant.status.sent == 0
        plant.close()
        assert not host.node().messages


def test_nothing_counts_as_sent_before_the_birth_came_back(tmp_path: Path) -> None:
    acl = MAY_NOT_READ + FOR_HOST
    with Mosquitto(tmp_path / "broker", acl=acl) as broker, SparkplugHost(broker) as host:
        plant = SparkplugPlant(tmp_path, broker, timeout_s=0.5)
        plant.scan()
        with plant.sinks():
            eventually(lambda: "does not pass it on" in plant.status.reason, plant.log)
            assert plant.status.state is State.WAITING
            assert plant.status.sent == 0
        plant.configure(echo=False)
        with plant.sinks():
            plant.arrive()
            plant.assert_all_there(host.node())
        plant.close()


def test_a_primary_host_that_is_not_there_is_waited_for(
    plant: SparkplugPlant, host: SparkplugHost, broker: Mosquitto
) -> None:
    node, topic = host.node(), "spBv1.0/STATE/scada"
    plant.configure(primary_host="scada")
    with plant.sinks():
        eventually(lambda: plant.status.state is State.WAITING)
        assert "primary host scada is not online" in plant.status.reason
        assert not node.messages
        broker.publish(topic, b'{"online": true, "timestamp": 10}', ["-r", "-q", "1"])
        plant.arrive()
        broker.publish(topic, b'{"online": false, "timestamp": 9}', ["-q", "1"])  # a late one
        broker.publish(topic, b'{"online": false, "timestamp": 20}', ["-r", "-q", "1"])
        eventually(lambda: node.seq is None)
        plant.scan(n=30)
        eventually(lambda: plant.status.state is State.WAITING)
        broker.publish(topic, b'{"online": true, "timestamp": 30}', ["-r", "-q", "1"])
        plant.arrive()
    assert [m.verb for m in node.messages if m.verb in ("NBIRTH", "NDEATH")][:3] == [
        "NBIRTH", "NDEATH", "NBIRTH",
    ]  # fmt: skip
    plant.assert_all_there(node, doubled=True)


def test_over_tls_a_named_certificate_is_believed_and_no_other(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "server")
    make_certificate(tmp_path, "other")
    trusted = ["--cafile", str(tmp_path / "server.crt")]
    with (
        Mosquitto(tmp_path / "broker", tls=certificate) as broker,
        SparkplugHost(broker, tls=trusted) as host,
    ):
        plant = SparkplugPlant(tmp_path, broker, tls=True, ca_file="other.crt")
        plant.scan()
        with plant.sinks():
            eventually(lambda: plant.status.state is State.WAITING)
            assert "certificate verify failed" in plant.status.reason
        assert not host.node().messages
        plant.configure(tls=True, ca_file="server.crt")
        with plant.sinks():
            plant.arrive()
            plant.assert_all_there(host.node())
        plant.close()
