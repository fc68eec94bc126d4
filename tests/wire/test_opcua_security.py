"""The driver and the simulated PLC, signed and encrypted: who is let in, who is believed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from asyncua import ua
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from controller.clock import WallClock
from controller.core.errors import LinkLost, NotTrusted
from controller.drivers import opcua, opcua_channel
from controller.drivers.opcua import Driver
from controller.drivers.opcua_bulk import Changes, changes
from controller.drivers.opcua_settings import Security
from controller.drivers.opcua_settings import Settings as OpcuaSettings
from controller.pki import own
from controller.pki.certificates import shown
from controller.pki.trust import Standing, TrustList
from tests.support.certificates import PASSWORD, STATION, USER, Pair, SecurePlc, pair
from tests.support.opcua_peers import NAMESPACE, Bench, make_driver, small_map


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def real(keys: Path) -> Pair:
    return pair(keys, "plc")


@pytest.fixture(scope="module")
async def plc(keys: Path, real: Pair) -> AsyncIterator[SecurePlc]:
    plc = SecurePlc(keys, real.bundle)
    await plc.start()
    yield plc
    await plc.stop()


class Controller:
    """A run folder with our own certificate, and drivers that use it."""

    def __init__(self, run: Path) -> None:
        self.run = run
        (run / "password").write_text(f"{PASSWORD}\n")
        (run / "password").chmod(0o600)
        self.own = own.ensure(run / "pki", WallClock().utc_ns() / 1e9)
        self.trust = TrustList(run / "pki")

    def driver(self, endpoint: str, **changes: object) -> Driver:
        keys = {
            "security": Security.AES256,
            "user": USER,
            "password_file": Path("password"),
            "timeout_s": 2.0,
            "endpoint": endpoint,
            "namespace": NAMESPACE,
            **changes,
        }
        settings = OpcuaSettings.model_validate({k: v for k, v in keys.items() if v is not None})
        driver = make_driver(endpoint, small_map())
        driver._settings = settings.within(self.run)
        return driver

    async def refusal(self, endpoint: str, **changes: object) -> NotTrusted:
        driver = self.driver(endpoint, **changes)
        with pytest.raises(NotTrusted) as caught:
            await driver.connect()
        return caught.value


@pytest.fixture
def controller(tmp_path: Path, plc: SecurePlc) -> Controller:
    made = Controller(tmp_path)
    (plc.clients / "controller.der").write_bytes(made.own.facts.der)
    return made


async def talks(driver: Driver) -> bool:
    await driver.connect()
    try:
        return len(await driver.read_all()) == len(small_map())
    finally:
        await driver.close()


async def test_accepted_certificate_and_right_password_are_let_in(
    controller: Controller, plc: SecurePlc, real: Pair
) -> None:
    controller.trust.add(STATION, real.der)
    assert await talks(controller.driver(plc.endpoint))


async def test_values_of_an_encrypted_session_are_decoded_in_bulk(
    controller: Controller, plc: SecurePlc, real: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller.trust.add(STATION, real.der)
    found: list[Changes | None] = []

    def look(body: bytes) -> Changes | None:
        found.append(changes(body))
        return found[-1]

    monkeypatch.setattr(opcua, "changes", look)
    driver = controller.driver(plc.endpoint)
    await driver.connect()
    try:
        samples = await driver.receive()  # all of them, once
        assert len(samples) == len(small_map())
    finally:
        await driver.close()
    assert found
    assert None not in found


async def test_pinned_certificate_needs_no_trust_list(
    controller: Controller, plc: SecurePlc, real: Pair
) -> None:
    assert await talks(controller.driver(plc.endpoint, server_certificate=real.der_path))
    assert controller.trust.entries() == []


async def test_an_unknown_plc_is_refused_until_a_person_accepts_its_fingerprint(
    controller: Controller, plc: SecurePlc, real: Pair
) -> None:
    refused = await controller.refusal(plc.endpoint)
    fingerprint = shown(refused.fingerprint)
    assert "is not known yet" in str(refused)
    assert f"dryline trust accept {fingerprint}" in str(refused)
    (entry,) = controller.trust.entries()
    assert (entry.station, entry.standing, entry.facts.der) == (
        STATION, Standing.REJECTED, real.der,
    )  # fmt: skip
    controller.trust.accept(controller.trust.find(fingerprint))
    assert await talks(controller.driver(plc.endpoint))
    controller.trust.reject(controller.trust.find(fingerprint))
    assert "is not known yet" in str(await controller.refusal(plc.endpoint))


async def test_a_rogue_plc_with_another_certificate_is_refused_every_time(
    controller: Controller, keys: Path, real: Pair, tmp_path: Path
) -> None:
    controller.trust.add(STATION, real.der)
    rogue = pair(keys, "rogue")
    impostor = SecurePlc(tmp_path, rogue.bundle)
    impostor.let_in(pair(tmp_path, "any"))
    (impostor.clients / "controller.der").write_bytes(controller.own.facts.der)
    await impostor.start()
    try:
        for _ in range(20):
            refused = await controller.refusal(impostor.endpoint)
            assert "another certificate than the accepted one" in str(refused)
            assert shown(refused.fingerprint) in str(refused)
        pinned = await controller.refusal(impostor.endpoint, server_certificate=real.der_path)
        assert "another certificate than the accepted one" in str(pinned)
    finally:
        await impostor.stop()


async def test_a_server_that_only_shows_the_right_certificate_gets_nowhere(
    controller: Controller, real: Pair, keys: Path, tmp_path: Path
) -> None:
    """It has the certificate, which is public, but not the key."""
    controller.trust.add(STATION, real.der)
    thief = SecurePlc(tmp_path, pair(tmp_path, "thief").bundle)
    (thief.clients / "controller.der").write_bytes(controller.own.facts.der)
    await thief.start()
    try:
        for endpoint in thief.server._ua.iserver.endpoints:
            endpoint.ServerCertificate = real.der
        with pytest.raises(LinkLost):
            await controller.driver(thief.endpoint).connect()
    finally:
        await thief.stop()


async def test_a_downgrade_to_no_encryption_is_refused(controller: Controller, real: Pair) -> None:
    controller.trust.add(STATION, real.der)
    bench = Bench()
    await bench.start()
    try:
        refused = await controller.refusal(bench.server.endpoint)
    finally:
        await bench.stop()
    assert "offers None without encryption, not Aes256Sha256RsaPss" in str(refused)
    assert "nothing lesser is taken" in str(refused)


async def test_a_lesser_policy_than_the_configured_one_is_refused(
    controller: Controller, real: Pair, tmp_path: Path
) -> None:
    controller.trust.add(STATION, real.der)
    lesser = SecurePlc(tmp_path, real.bundle, policy="Basic256Sha256")
    (lesser.clients / "controller.der").write_bytes(controller.own.facts.der)
    await lesser.start()
    try:
        assert "offers Basic256Sha256" in str(await controller.refusal(lesser.endpoint))
        assert await talks(controller.driver(lesser.endpoint, security="Basic256Sha256"))
    finally:
        await lesser.stop()


@pytest.mark.parametrize(
    ("about", "change", "text"),
    [
        ({"days": (-30.0, -1.0)}, {}, "expired on"),
        ({"days": (1.0, 30.0)}, {}, "is valid only from"),
        ({"hosts": ("plc7",)}, {}, "is made for plc7, not for 127.0.0.1"),
        ({"uri": "urn:other"}, {}, "is that of application urn:other"),
        ({"bits": 1024}, {}, "its key has 1024 bits"),
    ],
)
async def test_an_accepted_certificate_must_also_fit_and_be_in_date(
    controller: Controller, tmp_path: Path, about: dict, change: dict, text: str
) -> None:
    odd = pair(tmp_path, "odd", **about)
    controller.trust.add(STATION, odd.der)
    server = SecurePlc(tmp_path, odd.bundle)
    await server.start()
    try:
        assert text in str(await controller.refusal(server.endpoint, **change))
    finally:
        await server.stop()


async def test_a_wrong_host_name_can_be_let_pass_on_purpose(
    controller: Controller, tmp_path: Path
) -> None:
    odd = pair(tmp_path, "odd", hosts=("plc7",))
    controller.trust.add(STATION, odd.der)
    server = SecurePlc(tmp_path, odd.bundle)
    (server.clients / "controller.der").write_bytes(controller.own.facts.der)
    await server.start()
    try:
        assert await talks(controller.driver(server.endpoint, check_host=False))
    finally:
        await server.stop()


async def test_what_is_trusted_for_one_station_is_not_for_another(
    controller: Controller, plc: SecurePlc, real: Pair
) -> None:
    controller.trust.add("coater", real.der)
    assert "is not known yet" in str(await controller.refusal(plc.endpoint))


async def test_wrong_user_or_password_is_a_lost_link_that_says_so(
    controller: Controller, plc: SecurePlc, real: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller.trust.add(STATION, real.der)
    (controller.run / "wrong").write_text("guess\n")
    (controller.run / "wrong").chmod(0o600)
    for change in ({"password_file": Path("wrong")}, {"user": "root"}):
        with pytest.raises(LinkLost, match=r"BadUserAccessDenied|permission|access"):
            await controller.driver(plc.endpoint, **change).connect()
    anonymous = {"user": None, "password_file": None}
    with pytest.raises(LinkLost):
        await controller.driver(plc.endpoint, **anonymous).connect()
    monkeypatch.setenv("PLC_PASSWORD", PASSWORD)
    by_env = {"password_file": None, "password_env": "PLC_PASSWORD"}
    assert await talks(controller.driver(plc.endpoint, **by_env))


async def test_a_password_that_others_can_read_is_not_used(
    controller: Controller, plc: SecurePlc, real: Pair
) -> None:
    controller.trust.add(STATION, real.der)
    (controller.run / "password").chmod(0o644)
    with pytest.raises(LinkLost, match="others can read this secret"):
        await controller.driver(plc.endpoint).connect()


async def test_our_key_that_others_can_read_is_not_used(
    controller: Controller, plc: SecurePlc, real: Pair
) -> None:
    controller.trust.add(STATION, real.der)
    controller.own.bundle.chmod(0o640)
    with pytest.raises(LinkLost, match="others can read this secret"):
        await controller.driver(plc.endpoint).connect()


async def test_our_key_is_read_once_and_again_when_it_is_another(
    controller: Controller, plc: SecurePlc, real: Pair
) -> None:
    """Reading it takes 40 ms and more, in which no station is scanned."""
    controller.trust.add(STATION, real.der)
    opcua_channel._private_key.cache_clear()
    for _ in range(3):
        assert await talks(controller.driver(plc.endpoint))
    assert opcua_channel._private_key.cache_info().misses == 1
    controller.own.bundle.unlink()
    renewed = own.ensure(controller.run / "pki", WallClock().utc_ns() / 1e9)
    (plc.clients / "controller.der").write_bytes(renewed.facts.der)
    assert await talks(controller.driver(plc.endpoint))
    assert opcua_channel._private_key.cache_info().misses == 2


@pytest.mark.parametrize("key", ["elliptic", "nonsense"])
async def test_our_key_that_cannot_be_used_is_a_lost_link_that_says_so(
    controller: Controller, plc: SecurePlc, real: Pair, key: str
) -> None:
    controller.trust.add(STATION, real.der)
    path = controller.run / "other.pem"
    elliptic = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    path.write_bytes(elliptic if key == "elliptic" else b"no key")
    path.chmod(0o600)
    (controller.run / "own.der").write_bytes(controller.own.facts.der)
    words = {"private_key": Path("other.pem"), "certificate": Path("own.der")}
    with pytest.raises(LinkLost, match="our own certificate, key or password"):
        await controller.driver(plc.endpoint, **words).connect()


async def test_messages_never_hold_the_password(
    controller: Controller, plc: SecurePlc, real: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    controller.trust.add(STATION, real.der)
    driver = controller.driver(plc.endpoint)
    assert await talks(driver)
    refused = await _failure(controller.driver(plc.endpoint, user="root"))
    for text in (caplog.text, repr(driver._settings), str(refused), repr(plc.server._security)):
        assert PASSWORD not in text


async def _failure(driver: Driver) -> LinkLost:
    with pytest.raises(LinkLost) as caught:
        await driver.connect()
    return caught.value


async def test_an_insecure_driver_does_not_reach_a_secured_plc(plc: SecurePlc) -> None:
    with pytest.raises((LinkLost, ua.UaError)):
        await make_driver(plc.endpoint, small_map()).connect()
