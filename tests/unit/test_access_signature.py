"""Electronic signatures: whose, of what content, with what meaning; bound, recorded, verified."""

from dataclasses import replace

import pytest

from controller.access.roles import Permission, Role
from controller.access.script_tokens import Scope
from controller.access.signature import (
    PURPOSE,
    Meaning,
    Signature,
    Wanted,
    sign,
    verify_signature,
)
from controller.audit.record import Category
from controller.core.errors import Refused
from tests.support.access_rig import BOSS, GOOD, NONE, PANEL, rig

HASH, OTHER_HASH = "a" * 64, "b" * 64
RELEASE = Wanted(
    meaning=Meaning.APPROVED, subject="coater/film@1.2.0", content_hash=HASH,
    reason="rehearsal passed", author="hana",
)  # fmt: skip


@pytest.fixture
def line(tmp_path):
    with rig(tmp_path) as made:
        made.user("mori", Role.ENGINEER, Role.APPROVER)
        made.user("sato", Role.OPERATOR)
        yield made


def signed(line, wanted=RELEASE, user="mori", for_=None):
    own = line.login(user).identity
    line.clock.pass_s(61)
    subject = (for_ or wanted).ticket_subject
    ticket = line.door.ticket(own, GOOD, NONE, PURPOSE, subject)
    return sign(line.door, line.trail, line.clock, own, ticket, wanted)


def record_of(line, signature):
    return next(r for r in line.records() if r.number == signature.number)


def test_a_signature_says_who_what_when_why_and_is_in_the_trail(line):
    made = signed(line)
    assert (made.signer, made.meaning, made.content_hash) == ("mori", "approved", HASH)
    record = record_of(line, made)
    assert record.hash == made.record_hash
    assert record.entry.signature["reason"] == "rehearsal passed"
    assert record.entry.new == HASH
    assert verify_signature(made, HASH, record) == []
    assert verify_signature(Signature(**made.plain()), HASH, record) == []


def test_it_holds_for_no_other_content(line):
    made = signed(line)
    assert verify_signature(made, OTHER_HASH, record_of(line, made)) == [
        "the content is not what was signed"
    ]


@pytest.mark.parametrize(
    "change",
    [{"signer": "hana"}, {"meaning": "reviewed"}, {"reason": "none"}, {"utc_ns": 1},
     {"subject": "coater/film@1.3.0"}, {"content_hash": OTHER_HASH}, {"station": "calender"}],
)  # fmt: skip
def test_no_part_of_it_can_be_altered(line, change):
    made = signed(line)
    altered = replace(made, **change)
    content = change.get("content_hash", HASH)
    assert "the signature was altered" in verify_signature(altered, content, record_of(line, made))


def test_it_cannot_be_moved_to_another_record_or_done_without(line):
    made = signed(line)
    other = signed(line, replace(RELEASE, content_hash=OTHER_HASH))
    record = record_of(line, other)
    assert verify_signature(made, HASH, None)
    moved = replace(made, number=other.number, record_hash=other.record_hash)
    assert verify_signature(moved, HASH, record) == [
        f"audit record {record.number} is not about this signature"
    ]


@pytest.mark.parametrize(
    "other",
    [replace(RELEASE, content_hash=OTHER_HASH), replace(RELEASE, subject="coater/film@1.2.1"),
     replace(RELEASE, meaning=Meaning.REVIEWED), replace(RELEASE, station="coater")],
)  # fmt: skip
def test_the_password_was_entered_for_this_and_nothing_else(line, other):
    with pytest.raises(Refused) as refused:
        signed(line, RELEASE, for_=other)
    assert refused.value.code == "ticket"
    entry = line.records(category=Category.SIGNATURE)[-1].entry
    assert (entry.result.value, entry.code, entry.signature) == ("refused", "ticket", None)


@pytest.mark.parametrize(
    ("wanted", "user", "code"),
    [(RELEASE, "sato", "forbidden"), (replace(RELEASE, reason=" "), "mori", "reason"),
     (replace(RELEASE, reason="x" * 501), "mori", "reason"),
     (replace(RELEASE, author="mori"), "mori", "author")],
)  # fmt: skip
def test_who_may_not_or_says_not_why_or_wrote_it_does_not_sign(line, wanted, user, code):
    with pytest.raises(Refused) as refused:
        signed(line, wanted, user)
    assert refused.value.code == code


def test_a_script_does_not_sign(line):
    scope = Scope(label="x", permissions=frozenset({Permission.DRAFT}))
    secret, _ = line.desk.make_token(BOSS, "mori", scope)
    script = line.door.of_token(secret, PANEL)
    with pytest.raises(Refused, match="only a person"):
        sign(
            line.door,
            line.trail,
            line.clock,
            script,
            NONE,
            replace(RELEASE, meaning=Meaning.AUTHOR),
        )


def test_the_longest_reason_is_kept_whole(line):
    made = signed(line, replace(RELEASE, reason="理" * 500))
    assert verify_signature(made, HASH, record_of(line, made)) == []
