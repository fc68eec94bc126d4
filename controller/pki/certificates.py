"""Fence of cryptography for the wires to PLCs: what a certificate says, and making one.

A fingerprint is the SHA-256 of the certificate as it travels (DER), which is what OPC UA servers
and their tools show as well; some show the older SHA-1 instead, which is not accepted here.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controller.core.errors import DrylineError

__all__ = [
    "Facts",
    "InvalidSignature",
    "facts_of",
    "fingerprint_of",
    "first_of",
    "fits",
    "make",
    "shown",
    "typed",
]
KEY_BITS = 2048  # least of the policies Basic256Sha256 and Aes256Sha256RsaPss; 4096 is their most
MOST_BITS = 4096
MAX_BYTES = 16 * 1024  # a certificate with its chain is a few thousand bytes
_EARLIER = timedelta(hours=1)  # clocks of PLCs are behind now and then
_GOOD_HASHES = ("sha256", "sha384", "sha512")
_HEX = re.compile(r"[0-9a-f]{8,64}")
_BEGIN = b"-----BEGIN "


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a certificate says of its owner, and for how long; times are UTC.

    fingerprint: small hex digits, 64 of them. weak: why it may not be used, "" if it may.
    """

    der: bytes
    fingerprint: str
    subject: str
    issuer: str
    application_uris: tuple[str, ...]
    hosts: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    weak: str

    def days_left(self, utc_s: float) -> float:
        """Until it expires; negative afterwards."""
        return (self.not_after - datetime.fromtimestamp(utc_s, UTC)) / timedelta(days=1)


def fingerprint_of(der: bytes) -> str:
    """SHA-256 of a certificate in DER: small hex digits."""
    return sha256(der).hexdigest()


def shown(fingerprint: str) -> str:
    """As people compare it: pairs of capitals with colons."""
    digits = fingerprint.upper()
    return ":".join(digits[k : k + 2] for k in range(0, len(digits), 2))


def typed(text: str) -> str:
    """A fingerprint, or its beginning, as a person types it; DrylineError when it is none."""
    digits = text.strip().lower().replace(":", "").replace(" ", "")
    if not _HEX.fullmatch(digits):
        raise DrylineError(
            f"{text!r} is no fingerprint: at least its first 8 hex digits, colons or not"
        )
    return digits


def first_of(chain: bytes) -> bytes:
    """The leading certificate where a server sends it with those of its issuers behind it."""
    if len(chain) > 4 and chain[0] == 0x30 and chain[1] & 0x80:
        size = chain[1] & 0x7F
        length = 2 + size + int.from_bytes(chain[2 : 2 + size], "big")
        return chain[:length]
    return chain


def facts_of(content: bytes, name: str = "certificate") -> Facts:
    """Read one certificate, DER or PEM; DrylineError names what cannot be read."""
    if len(content) > MAX_BYTES:
        raise DrylineError(f"{name}: {len(content)} bytes are too much for a certificate")
    try:
        if content.lstrip().startswith(_BEGIN):
            parsed = x509.load_pem_x509_certificate(content)
        else:
            parsed = x509.load_der_x509_certificate(first_of(content))
        uris, hosts = _names(parsed)
        weak = _weakness(parsed)
    except (ValueError, UnsupportedAlgorithm, TypeError) as error:
        raise DrylineError(f"{name}: not a certificate that can be read") from error
    der = parsed.public_bytes(serialization.Encoding.DER)
    return Facts(
        der=der,
        fingerprint=fingerprint_of(der),
        subject=_plain(parsed.subject.rfc4514_string()),
        issuer=_plain(parsed.issuer.rfc4514_string()),
        application_uris=uris,
        hosts=hosts,
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        weak=weak,
    )


def _names(parsed: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Application URIs; host names and addresses."""
    try:
        found = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    uris = found.get_values_for_type(x509.UniformResourceIdentifier)
    hosts = found.get_values_for_type(x509.DNSName)
    addresses = found.get_values_for_type(x509.IPAddress)
    return (
        tuple(_plain(uri) for uri in uris),
        tuple(_plain(str(host)) for host in (*hosts, *addresses)),
    )


def _weakness(parsed: x509.Certificate) -> str:
    key = parsed.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        return "its key is not RSA, which these policies need"
    if not KEY_BITS <= key.key_size <= MOST_BITS:
        return f"its key has {key.key_size} bits, not {KEY_BITS} to {MOST_BITS}"
    algorithm = parsed.signature_hash_algorithm
    if algorithm is None or algorithm.name not in _GOOD_HASHES:
        return f"it is signed with {algorithm.name if algorithm else 'no hash'}"
    return ""


def _plain(text: str) -> str:
    """Without what could forge a line of a log or colour a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)[:200]


def make(uri: str, name: str, hosts: Sequence[str], days: int, utc_s: float) -> bytes:
    """A new key and its certificate, signed by itself, in one PEM text.

    uri: the OPC UA application URI. Key usages are those that OPC 10000-6 (6.2.2) asks of an
    application that may be client and server.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Dryline"),
        ]
    )
    begin = datetime.fromtimestamp(utc_s, UTC)
    public = key.public_key()
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri)]
    names += [_host(host) for host in hosts]
    both = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=True,
        data_encipherment=True, key_agreement=False, key_cert_sign=True, crl_sign=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - _EARLIER)
        .not_valid_after(begin + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return secret + certificate.public_bytes(pem)


def fits(bundle: bytes) -> bool:
    """True when the PEM text holds a key and the certificate of that key."""
    try:
        key = serialization.load_pem_private_key(bundle, password=None)
        certificate = x509.load_pem_x509_certificate(bundle)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return key.public_key() == certificate.public_key()


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
