"""Our own certificate, the list of trusted ones, and the judgement of a PLC's."""

import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

from controller.core.errors import DrylineError, NotTrusted, StoreError
from controller.pki import files, own
from controller.pki.certificates import (
    MAX_BYTES,
    facts_of,
    fingerprint_of,
    first_of,
    make,
    shown,
    typed,
)  # fmt: skip
from controller.pki.judge import judge, offers
from controller.pki.trust import MOST_REJECTED, Standing, TrustList
from controller.whole_file import SECRET
from tests.support.certificates import pair

DAY_S = 86400.0
NOW_S = 1_900_000_000.0


@pytest.fixture(scope="module")
def made() -> bytes:
    return make("urn:dryline:test", "Dryline test", ["plc7", "10.0.0.7"], 30, NOW_S)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_certificate_says_whose_it_is_and_for_how_long(made: bytes) -> None:
    facts = facts_of(made)
    assert facts.application_uris == ("urn:dryline:test",)
    assert facts.hosts == ("plc7", "10.0.0.7")
    assert facts.weak == ""
    assert facts.days_left(NOW_S) == pytest.approx(30.0)
    assert facts.fingerprint == fingerprint_of(facts.der)
    assert facts_of(facts.der) == facts


def test_of_a_chain_the_first_one_counts(made: bytes) -> None:
    der = facts_of(made).der
    assert first_of(der + b"\x30\x82\x00\x01x") == der
    assert facts_of(der + der).der == der


@pytest.mark.parametrize(
    "content", [b"", b"x", b"0" * (MAX_BYTES + 1), b"-----BEGIN CERTIFICATE-----\nAAAA\n", b"\x30"]
)
def test_nonsense_is_told_by_its_name(content: bytes) -> None:
    with pytest.raises(DrylineError, match=r"plc\.der"):
        facts_of(content, "plc.der")


def test_weak_keys_and_hashes_are_told(tmp_path: Path) -> None:
    assert "1024 bits" in facts_of(pair(tmp_path, "a", bits=1024).der).weak
    weak = pair(tmp_path, "b", hash_=hashes.SHA224())
    assert facts_of(weak.der).weak == "it is signed with sha224"


def test_a_fingerprint_may_be_typed_in_several_ways() -> None:
    digits = "ab" * 32
    assert typed(shown(digits)) == digits
    assert typed(" ABAB abab ") == "abababab"
    for wrong in ("", "abc", "zz" * 8, "ab" * 33, "--run"):
        with pytest.raises(DrylineError):
            typed(wrong)


def test_the_first_start_makes_a_key_for_its_owner_alone(tmp_path: Path) -> None:
    first = own.ensure(tmp_path, NOW_S)
    assert "own certificate made" in first.news
    assert shown(first.facts.fingerprint) in first.news
    assert mode(first.bundle) == 0o600
    assert first.bundle.with_suffix(".der").read_bytes() == first.facts.der
    again = own.ensure(tmp_path, NOW_S + DAY_S)
    assert (again.facts, again.news) == (first.facts, "")


def test_renewal_is_told_weeks_before_and_done_days_before_the_end(tmp_path: Path) -> None:
    first = own.ensure(tmp_path, NOW_S)
    end_s = NOW_S + own.VALID_DAYS * DAY_S
    early = own.ensure(tmp_path, end_s - 59 * DAY_S)
    assert early.facts == first.facts
    assert "let the PLCs trust the next one" in early.news
    following = facts_of((tmp_path / "own" / "next-controller.der").read_bytes())
    assert shown(following.fingerprint) in early.news
    assert own.ensure(tmp_path, end_s - 58 * DAY_S).news == ""
    late = own.ensure(tmp_path, end_s - 6 * DAY_S)
    assert late.facts == following
    assert "renewed" in late.news
    assert late.bundle.with_suffix(".der").read_bytes() == following.der
    assert own.read(late.bundle) == following
    assert own.ensure(tmp_path, end_s - 5 * DAY_S).news == ""


def test_a_controller_that_was_off_for_years_renews_at_once(tmp_path: Path) -> None:
    first = own.ensure(tmp_path, NOW_S)
    late = own.ensure(tmp_path, NOW_S + 2 * own.VALID_DAYS * DAY_S)
    assert late.facts != first.facts
    assert late.facts.days_left(NOW_S + 2 * own.VALID_DAYS * DAY_S) > own.PREPARE_DAYS


def test_another_application_uri_makes_another_certificate(tmp_path: Path) -> None:
    own.ensure(tmp_path, NOW_S)
    other = own.ensure(tmp_path, NOW_S, "urn:dryline:second")
    assert other.facts.application_uris == ("urn:dryline:second",)


def test_a_damaged_or_open_key_is_never_replaced_in_silence(tmp_path: Path) -> None:
    first = own.ensure(tmp_path, NOW_S)
    first.bundle.chmod(0o644)
    with pytest.raises(DrylineError, match="others can read"):
        own.ensure(tmp_path, NOW_S)
    first.bundle.chmod(0o600)
    first.bundle.write_bytes(first.bundle.read_bytes()[:-200])
    with pytest.raises(DrylineError, match="damaged"):
        own.ensure(tmp_path, NOW_S)


def test_several_controllers_that_start_together_have_one_certificate(tmp_path: Path) -> None:
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(own.ensure(tmp_path, NOW_S).facts))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 4


def test_a_file_is_written_whole_with_its_rights_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret"
    files.write(path, b"one", SECRET)

    def full(_: int) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="no space"):
        files.write(path, b"two", SECRET)
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def trust(tmp_path: Path) -> TrustList:
    return TrustList(tmp_path / "pki")


def test_what_was_refused_waits_for_a_person(trust: TrustList, made: bytes) -> None:
    der = facts_of(made).der
    trust.note("coater", der)
    trust.note("coater", der)
    (entry,) = trust.entries()
    assert (entry.station, entry.standing) == ("coater", Standing.REJECTED)
    assert trust.trusted("coater") == {}
    trust.accept(entry)
    assert trust.trusted("coater") == {entry.facts.fingerprint: der}
    assert trust.trusted("calender") == {}
    trust.note("coater", der)  # it is trusted: nothing to look at
    (entry,) = trust.entries()
    with pytest.raises(DrylineError, match="trusted already"):
        trust.accept(entry)
    trust.reject(entry)
    assert trust.trusted("coater") == {}


def test_what_a_person_has_rejected_is_not_added_by_a_program(
    trust: TrustList, made: bytes
) -> None:
    der = facts_of(made).der
    assert trust.add("coater", der)
    trust.reject(trust.entries()[0])
    assert not trust.add("coater", der)
    assert trust.trusted("coater") == {}


def test_an_entry_is_found_by_the_beginning_of_its_fingerprint(
    trust: TrustList, made: bytes
) -> None:
    facts = facts_of(made)
    trust.note("coater", facts.der)
    trust.note("calender", facts.der)
    with pytest.raises(DrylineError, match="several certificates"):
        trust.find(facts.fingerprint[:8])
    assert trust.find(facts.fingerprint[:8], "calender").station == "calender"
    with pytest.raises(DrylineError, match="no certificate"):
        trust.find("0123456789ab")


def test_a_file_that_is_not_what_its_name_says_is_not_trusted(
    trust: TrustList, tmp_path: Path, made: bytes
) -> None:
    facts = facts_of(made)
    trust.add("coater", facts.der)
    other = facts_of(make("urn:x", "x", [], 1, NOW_S))
    (tmp_path / "pki/trusted/coater" / f"{facts.fingerprint}.der").write_bytes(other.der)
    assert trust.trusted("coater") == {}
    assert trust.entries() == []


def test_ever_new_certificates_do_not_fill_the_disk(trust: TrustList) -> None:
    for k in range(MOST_REJECTED + 7):
        trust.note("coater", bytes([k]) * 40)
    folder = trust._pki / "rejected" / "coater"
    assert len(list(folder.glob("*.der"))) == MOST_REJECTED


def test_an_accepted_certificate_in_date_is_good(made: bytes) -> None:
    facts = facts_of(made)
    judge("coater", facts, {facts.fingerprint}, utc_s=NOW_S, host="PLC7", uri="urn:dryline:test")
    judge("coater", facts, {facts.fingerprint, "0" * 64}, utc_s=NOW_S)


@pytest.mark.parametrize(
    ("accepted", "how", "text"),
    [
        ((), {}, "is not known yet: fingerprint"),
        (("0" * 64,), {}, "shows another certificate than the accepted one"),
        (None, {"utc_s": NOW_S + 31 * DAY_S}, "expired on"),
        (None, {"utc_s": NOW_S - 2 * DAY_S}, "is valid only from"),
        (None, {"host": "10.0.0.8"}, "not for 10.0.0.8"),
        (None, {"uri": "urn:other"}, "the server calls itself urn:other"),
    ],
)
def test_anything_else_is_refused_with_its_fingerprint(
    made: bytes, accepted: tuple[str, ...] | None, how: dict, text: str
) -> None:
    facts = facts_of(made)
    known = (facts.fingerprint,) if accepted is None else accepted
    with pytest.raises(NotTrusted, match=text) as caught:
        judge("coater", facts, known, **{"utc_s": NOW_S, **how})
    assert shown(facts.fingerprint) in str(caught.value)


def test_what_a_server_says_cannot_forge_a_line_of_a_log(made: bytes) -> None:
    facts = facts_of(made)
    with pytest.raises(NotTrusted) as caught:
        judge("coater", facts, {facts.fingerprint}, utc_s=NOW_S, uri="a\r\nb\x1b[31m")
    assert str(caught.value).isprintable()
    with pytest.raises(NotTrusted) as caught:
        offers("coater", "Aes256Sha256RsaPss", {"x\ny": 1})
    assert str(caught.value).isprintable()
