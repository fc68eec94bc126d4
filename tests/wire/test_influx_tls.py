"""A sink's connection over TLS: whose certificate is believed, and whose is not."""

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from controller.sinks.answers import Verdict
from controller.sinks.influx import Sink
from controller.sinks.influx_settings import Settings
from tests.support.fake_influx import FakeInflux

LINE = "cell,line=pilot,tag=A,unit=degC value=1.0,quality=0i 1767225600000000000"


def make_certificate(folder: Path, name: str, *, address: str = "127.0.0.1") -> Path:
    """A certificate signed by itself, with its key, in NAME.pem; alone in NAME.crt."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / f"{name}.crt").write_bytes(public)
    (folder / f"{name}.pem").write_bytes(public + private)
    return folder / f"{name}.pem"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeInflux]:
    with FakeInflux(tls=make_certificate(tmp_path, "server")) as fake:
        yield fake


def sink(url: str, folder: Path, ca_file: str) -> Sink:
    settings = {"kind": "influx", "url": url, "bucket": "b", "ca_file": ca_file, "timeout_s": 5.0}
    return Sink(Settings.model_validate(settings), folder)


def test_a_certificate_that_was_named_is_believed(server: FakeInflux, tmp_path: Path) -> None:
    made = sink(server.url, tmp_path, "server.crt")
    assert made.post([LINE]).status == 204
    assert server.values("A") == [1.0]
    made.close()


@pytest.mark.parametrize("ca_file", ["", "other.crt"], ids=["the system's", "another"])
def test_any_other_is_not_and_nothing_is_sent(
    server: FakeInflux, tmp_path: Path, ca_file: str
) -> None:
    make_certificate(tmp_path, "other")
    made = sink(server.url, tmp_path, ca_file)
    answer = made.post([LINE])
    assert answer.verdict is Verdict.LATER
    assert "certificate verify failed" in answer.reason
    assert not server.requests
    made.close()


def test_a_certificate_for_another_address_is_not_believed(tmp_path: Path) -> None:
    with FakeInflux(tls=make_certificate(tmp_path, "moved", address="192.0.2.1")) as server:
        made = sink(server.url, tmp_path, "moved.crt")
        answer = made.post([LINE])
        assert answer.verdict is Verdict.LATER
        assert "127.0.0.1" in answer.reason
        assert not server.requests
        made.close()


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_without_certificates_is_said_and_not_passed_over(
    server: FakeInflux, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "none.crt").write_bytes(content)
    made = sink(server.url, tmp_path, "none.crt")
    answer = made.post([LINE])
    assert answer.verdict is Verdict.STOPPED
    assert "none.crt" in answer.reason
    assert not server.requests
    made.close()
