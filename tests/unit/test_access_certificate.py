"""The certificate of the API: the site's own or one made here, its key for nobody else."""

import datetime
import ipaddress
import ssl
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from controller.access.certificate import WARN_DAYS, generated, own
from controller.core.errors import DrylineError

NOW_S = 1_767_225_600.0
NAMES = ("line.plant", "10.0.0.1", "::1")


def test_a_generated_certificate_is_for_its_names_and_its_key_for_its_owner(tmp_path):
    made = generated(tmp_path, NAMES, NOW_S)
    parsed = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["line.plant"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("::1"),
    ]  # fmt: skip
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert made.fingerprint.replace(":", "") == parsed.fingerprint(hashes.SHA256()).hex().upper()
    assert parsed.not_valid_before_utc < datetime.datetime.fromtimestamp(NOW_S, datetime.UTC)
    parsed.verify_directly_issued_by(parsed)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(made.certificate, made.key)


def test_it_is_made_once(tmp_path):
    first = generated(tmp_path, NAMES, NOW_S)
    assert generated(tmp_path, NAMES, NOW_S + 86_400) == first
    assert generated(tmp_path / "other", NAMES, NOW_S).fingerprint != first.fingerprint


def test_the_days_that_are_left_are_told(tmp_path):
    made = generated(tmp_path, NAMES, NOW_S)
    assert made.days_left(NOW_S) == pytest.approx(397)
    assert made.days_left(NOW_S + 380 * 86_400) < WARN_DAYS
    assert made.days_left(NOW_S + 400 * 86_400) < 0


def test_a_key_that_others_can_read_is_refused(tmp_path):
    made = generated(tmp_path, NAMES, NOW_S)
    made.key.chmod(0o640)
    with pytest.raises(DrylineError, match="chmod 600"):
        own(made.certificate, made.key)


def test_a_key_of_another_certificate_or_nonsense_is_refused(tmp_path):
    one, other = (generated(tmp_path / n, NAMES, NOW_S) for n in ("one", "other"))
    with pytest.raises(DrylineError, match="not the key"):
        own(one.certificate, other.key)
    with pytest.raises(DrylineError, match="cannot be read"):
        own(tmp_path / "absent.pem", one.key)
    one.certificate.write_text("nonsense")
    with pytest.raises(DrylineError, match="PEM"):
        own(one.certificate, one.key)


def test_the_key_is_in_no_message(tmp_path):
    made = generated(tmp_path, NAMES, NOW_S)
    body = made.key.read_text().splitlines()[1]
    assert body not in repr(made)
