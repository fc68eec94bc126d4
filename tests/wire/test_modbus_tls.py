"""Modbus inside TLS: certificates on both sides, and what is refused says why."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from pydantic import ValidationError
from pymodbus.client import AsyncModbusTcpClient

from controller.clock import SimClock, WallClock
from controller.config import load_line
from controller.core.errors import LinkLost
from controller.drivers.modbus import HANDSHAKE_S, Settings
from controller.line_security import Certificates, anchored
from plc_sim.introduction import introduce, tls_of
from tests.support.certificates import Pair, pair
from tests.support.line_under_test import line_folder
from tests.support.modbus_peers import Rig, elapsed


def pem(who: Pair, folder: Path) -> Path:
    path = folder / f"{who.bundle.stem}-ca.pem"
    path.write_bytes(who.certificate.public_bytes(serialization.Encoding.PEM))
    return path


def listening(server: Pair, *clients: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.bundle)
    context.verify_mode = ssl.CERT_REQUIRED
    for client in clients:
        context.load_verify_locations(client)
    return context


class Keys:
    """A plant's own authority, a device and a controller signed by it, and some strangers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = pair(folder, "ca")
        self.device = pair(folder, "device", issuer=self.ca)
        self.ours = pair(folder, "ours", issuer=self.ca)
        self.old = pair(folder, "old", issuer=self.ca, days=(-9.0, -1.0))
        self.elsewhere = pair(folder, "elsewhere", issuer=self.ca, hosts=("plc7",))
        self.other_ca = pair(folder, "ca2")
        self.stranger = pair(folder, "stranger")
        self.ca_file = pem(self.ca, folder)
        self.other_ca_file = pem(self.other_ca, folder)

    def settings(self, **changes: object) -> dict[str, object]:
        keys = {
            "tls": True, "timeout_s": 2.0, "ca_file": str(self.ca_file),
            "certificate": str(self.ours.bundle), "private_key": str(self.ours.bundle),
        }  # fmt: skip
        return keys | changes


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def rig(keys: Keys) -> AsyncIterator[Rig]:
    async with Rig(tls=listening(keys.device, keys.ca_file)) as rig:
        yield rig


async def test_reads_and_writes_go_through_tls(rig: Rig, keys: Keys) -> None:
    rig.set("ENC.PRESS.PV", 41.0)
    async with rig.connected(**keys.settings()) as driver:
        samples = await driver.read_all()
        assert 41.0 in samples.values
        await driver.write(None)
        for _ in range(50):
            await driver.receive()


async def test_an_answer_is_waited_for_as_long_as_set_not_as_long_as_a_handshake(
    rig: Rig, keys: Keys
) -> None:
    async with rig.connected(**keys.settings(timeout_s=0.3)) as driver:
        rig.server.drop = True
        caught: list[LinkLost] = []

        async def read() -> None:
            with pytest.raises(LinkLost, match=r"no answer within 0\.3 s") as found:
                await driver.read_all()
            caught.append(found.value)

        assert await elapsed(read()) < HANDSHAKE_S
        assert caught


async def refusal(rig: Rig, keys: Keys, **changes: object) -> str:
    driver = rig.driver(**keys.settings(**changes))

    async def talk() -> None:
        await driver.connect()
        await driver.read_all()  # TLS 1.3 tells a client of its refusal only behind the handshake

    with pytest.raises(LinkLost) as caught:
        await talk()
    await driver.close()
    return str(caught.value)


async def test_a_device_of_another_authority_is_refused(rig: Rig, keys: Keys) -> None:
    told = await refusal(rig, keys, ca_file=str(keys.other_ca_file))
    assert (
        "the device's certificate is refused: self-signed certificate in certificate chain" in told
    )


@pytest.mark.parametrize(
    ("device", "told"),
    [
        ("old", "certificate has expired"),
        ("elsewhere", "IP address mismatch"),
        ("stranger", "self-signed certificate"),
    ],
)
async def test_a_device_that_is_expired_elsewhere_or_unknown_is_refused(
    keys: Keys, device: str, told: str
) -> None:
    async with Rig(tls=listening(getattr(keys, device), keys.ca_file)) as rig:
        assert told in await refusal(rig, keys)


@pytest.mark.parametrize("client", ["stranger", "old"])
async def test_the_simulated_device_refuses_clients_it_does_not_know(
    rig: Rig, keys: Keys, client: str
) -> None:
    bundle = str(getattr(keys, client).bundle)
    assert await refusal(rig, keys, certificate=bundle, private_key=bundle)
    assert rig.get("ENC.SEQ") == 0.0


async def test_nobody_gets_in_without_tls(rig: Rig) -> None:
    plain = AsyncModbusTcpClient("127.0.0.1", port=rig.server.port, timeout=0.5, retries=0)
    await plain.connect()
    with pytest.raises(Exception, match=r"Modbus Error"):
        await plain.read_holding_registers(0, count=2)
    plain.close()


async def test_a_device_without_tls_is_not_talked_to(keys: Keys) -> None:
    async with Rig() as bare:
        assert "no connection" in await refusal(bare, keys)


async def test_a_key_that_others_can_read_is_not_used(rig: Rig, keys: Keys, tmp_path: Path) -> None:
    loose = tmp_path / "loose.pem"
    loose.write_bytes(keys.ours.bundle.read_bytes())
    loose.chmod(0o644)
    told = await refusal(rig, keys, certificate=str(loose), private_key=str(loose))
    assert "others can read this secret" in told


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"tls": True}, "tls needs ca_file"),
        ({"ca_file": "a.pem"}, "without tls = true"),
        ({"tls": True, "ca_file": "a", "certificate": "b"}, "go together"),
    ],
)
def test_wrong_settings_are_told(change: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        Settings.model_validate({"prefix": "ENC", "host": "127.0.0.1", **change})


async def test_the_simulated_enclosure_serves_tls_and_introduces_itself(tmp_path: Path) -> None:
    folder = line_folder(tmp_path / "line", {})
    path = folder / "line.toml"
    text = path.read_text()
    tls = 'unit_id = 1\ntls = true\nca_file = "pki/enclosure-ca.pem"\n'
    path.write_text(text.replace("unit_id = 1\n", tls))
    config, run = load_line(folder), tmp_path / "run"
    run.mkdir()
    introduce(config, run, WallClock().utc_ns() / 1e9)
    own = anchored(config, run)
    Certificates(own, run, SimClock(), print).look()
    station = own.station("enclosure")
    async with Rig(tls=tls_of(config.station("enclosure"), run)) as rig:
        settings = station.settings.model_copy(update={"port": rig.server.port, "timeout_s": 2.0})
        driver = rig.driver()
        driver._settings = settings
        await driver.connect()
        assert len(await driver.read_all()) > 20
        await driver.close()
