"""Fence of cryptography: the certificate of the API, the site's own or one made here.

A generated one is signed by itself: browsers warn, once, and the person compares the fingerprint
with the one that the terminal shows. It is good for the names it was made for.
"""

import ipaddress
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controller.access.chance import key_bytes
from controller.core.errors import DrylineError
from controller.durable import make_folder
from controller.whole_file import SECRET, replace_file

FOLDER, CERTIFICATE, KEY = "tls", "tls-certificate.pem", "tls-key.pem"
VALID_DAYS = 397
WARN_DAYS = 30
_EARLIER = timedelta(hours=1)  # clocks of the panels may be behind


@dataclass(frozen=True, slots=True)
class Certificate:
    """fingerprint: SHA-256, as browsers show it; generated: signed by itself, by us."""

    certificate: Path
    key: Path
    fingerprint: str
    names: tuple[str, ...]
    not_after: datetime
    generated: bool

    def days_left(self, utc_s: float) -> float:
        """Until it expires; negative afterwards."""
        return (self.not_after - datetime.fromtimestamp(utc_s, UTC)) / timedelta(days=1)


def own(certificate: Path, key: Path) -> Certificate:
    """The site's certificate; DrylineError when the files do not fit or the key lies open."""
    return _read(certificate, key, generated=False)


def generated(folder: Path, names: Sequence[str], utc_s: float) -> Certificate:
    """The certificate in a folder, made when there is none. names: host names and addresses."""
    certificate, key = folder / CERTIFICATE, folder / KEY
    if not certificate.exists():
        _generate(certificate, key, names, utc_s)
    return _read(certificate, key, generated=True)


def _generate(certificate: Path, key: Path, names: Sequence[str], utc_s: float) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Dryline {names[0]}"[:64])])
    begin = datetime.fromtimestamp(utc_s, UTC)
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=False, crl_sign=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(int.from_bytes(key_bytes(19), "big") | 1)
        .not_valid_before(begin - _EARLIER)
        .not_valid_after(begin + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_name(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    make_folder(certificate.parent)
    replace_file(key, pem, SECRET)
    replace_file(certificate, made.public_bytes(serialization.Encoding.PEM))


def _read(certificate: Path, key: Path, *, generated: bool) -> Certificate:
    try:
        parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
        if stat.S_IMODE(key.stat().st_mode) & 0o077:
            raise DrylineError(f"{key}: others can read this key: chmod 600 it")
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except OSError as error:
        raise DrylineError(f"{error.filename}: cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        told = f"{certificate}, {key}: a certificate and a key without password, PEM, are needed"
        raise DrylineError(told) from None
    if _public(private.public_key()) != _public(parsed.public_key()):
        raise DrylineError(f"{key} is not the key of {certificate}")
    digits = parsed.fingerprint(hashes.SHA256()).hex().upper()
    return Certificate(
        certificate, key, ":".join(digits[k : k + 2] for k in range(0, len(digits), 2)),
        _names(parsed), parsed.not_valid_after_utc, generated,
    )  # fmt: skip


def _public(key: object) -> bytes:
    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def _names(parsed: x509.Certificate) -> tuple[str, ...]:
    try:
        found = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in found)


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
