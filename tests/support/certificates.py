"""Certificates as good and as bad as a test wants them, and a secured PLC to show them."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controller.clock import SystemClock
from plc_sim.plc import Plc
from plc_sim.servers.opcua import Server
from plc_sim.servers.opcua_map import Security
from tests.support.opcua_peers import NAMESPACE, PREFIX, BenchLogic, small_map

STATION = "bench"
URI = f"urn:dryline:plc:{STATION}"
USER, PASSWORD = "dryline", "a password for tests only"


@dataclass(frozen=True)
class Pair:
    """A key with its certificate: bundle is one PEM file of both."""

    bundle: Path
    der_path: Path
    der: bytes
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


def pair(
    folder: Path,
    name: str,
    uri: str = URI,
    *,
    hosts: Sequence[str] = ("127.0.0.1",),
    bits: int = 2048,
    days: tuple[float, float] = (-1.0, 30.0),
    hash_: hashes.HashAlgorithm | None = None,
    issuer: Pair | None = None,
) -> Pair:
    """days: begin and end from now."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri)]
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    both = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=name == "ca", path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .sign(issuer.key if issuer else key, hash_ or hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    bundle, der_path = folder / f"{name}.pem", folder / f"{name}.der"
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    bundle.write_bytes(secret + certificate.public_bytes(pem))
    bundle.chmod(0o600)
    der = certificate.public_bytes(serialization.Encoding.DER)
    der_path.write_bytes(der)
    return Pair(bundle, der_path, der, certificate, key)


class SecurePlc:
    """A small PLC behind the simulator's own server, which lets in `clients` with the password."""

    def __init__(
        self, folder: Path, bundle: Path, *, policy: str = "Aes256Sha256RsaPss", port: int = 0
    ) -> None:
        self.clients = folder / "clients"
        self.clients.mkdir(exist_ok=True)
        self.clock = SystemClock()
        self.plc = Plc(PREFIX, small_map(), BenchLogic())
        self.plc.scan(self.clock.link_s(), self.clock.now_s(), [1.0], [0])
        self.server = Server(
            self.plc,
            endpoint=f"opc.tcp://127.0.0.1:{port}/secure",
            namespace=NAMESPACE,
            clock=self.clock,
            security=Security(
                policy=policy, bundle=bundle, trusted=self.clients, users={USER: PASSWORD}
            ),
        )

    async def start(self) -> None:
        await self.server.start()

    async def stop(self) -> None:
        await self.server.stop()

    def let_in(self, who: Pair) -> None:
        (self.clients / who.der_path.name).write_bytes(who.der)

    @property
    def endpoint(self) -> str:
        return self.server.endpoint

    @property
    def port(self) -> int:
        return int(self.endpoint.split(":")[2].partition("/")[0])
