"""Signed and encrypted: certificates on both sides, a user with a password."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from asyncua import Client, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID

from controller.clock import SystemClock
from controller.core.errors import LinkLost
from plc_sim.plc import Plc
from plc_sim.servers.opcua import Server
from plc_sim.servers.opcua_map import Security
from tests.support.opcua_peers import NAMESPACE, PREFIX, BenchLogic, make_driver, small_map


async def certificate(folder: Path, name: str, uri: str) -> None:
    both = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    await setup_self_signed_certificate(
        folder / f"{name}.pem", folder / f"{name}.der", uri, "127.0.0.1", both, {}
    )


@pytest.fixture(scope="module")
async def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "trusted").mkdir()
    for name in ("controller", "stranger"):
        await certificate(folder, name, "urn:dryline:controller")
    await certificate(folder, "plc", "urn:dryline:plc")
    await certificate(folder, "impostor", "urn:dryline:plc")
    (folder / "trusted" / "controller.der").write_bytes((folder / "controller.der").read_bytes())
    (folder / "password").write_text("secret\n")
    (folder / "wrong").write_text("guess\n")
    return folder


@pytest.fixture(scope="module")
async def server(folder: Path) -> AsyncIterator[Server]:
    clock = SystemClock()
    plc = Plc(PREFIX, small_map(), BenchLogic())
    plc.scan(clock.link_s(), clock.now_s(), [1.0], [0])
    security = Security(
        certificate=folder / "plc.der",
        private_key=folder / "plc.pem",
        trusted=folder / "trusted",
        users={"dryline": "secret"},
    )
    server = Server(
        plc,
        endpoint="opc.tcp://127.0.0.1:0/secure",
        namespace=NAMESPACE,
        clock=clock,
        security=security,
    )
    await server.start()
    yield server
    await server.stop()


def secure(server: Server, folder: Path, name: str = "controller", **changes):
    settings = {
        "security": "Aes256_Sha256_RsaPss",
        "certificate": str(folder / f"{name}.der"),
        "private_key": str(folder / f"{name}.pem"),
        "server_certificate": str(folder / "plc.der"),
        "user": "dryline",
        "password_file": str(folder / "password"),
        "timeout_s": 2.0,
        **changes,
    }
    return make_driver(server.endpoint, small_map(), **settings)


async def test_the_right_certificate_and_password_are_let_in(server: Server, folder: Path) -> None:
    driver = secure(server, folder)
    await driver.connect()
    assert len(await driver.read_all()) == len(small_map())
    await driver.close()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "stranger"},
        {"password_file": "wrong"},
        {"server_certificate": "impostor.der"},
        {"user": None, "password_file": None},
    ],
)
async def test_everybody_else_is_refused(server: Server, folder: Path, change: dict) -> None:
    full = {
        key: str(folder / value) if key != "name" and value else value
        for key, value in change.items()
    }
    with pytest.raises(LinkLost):
        await secure(server, folder, **full).connect()


async def test_there_is_no_way_in_without_encryption(server: Server) -> None:
    with pytest.raises((ua.UaError, OSError)):
        await Client(server.endpoint, timeout=2).connect()
    with pytest.raises(LinkLost):
        await make_driver(server.endpoint, small_map()).connect()
