"""Electronic signatures: who signed what content, when, with which meaning and why.

A signature is bound to the content by its hash, and to the person by the password that was entered
just before for this very content. It is a record of the audit trail; what is stored beside the
recipe is a copy that names that record. `verify_signature` compares all three.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from controller.access.door import Door
from controller.access.identity import Identity, Via, require
from controller.access.roles import Permission
from controller.access.secret import Secret
from controller.audit.moment import Now
from controller.audit.record import Category, Entry, Record, Result, hash_of
from controller.audit.refusals import mark_recorded
from controller.audit.trail import Trail
from controller.core.errors import Refused

PURPOSE = "sign"
MAX_REASON = 500  # an audit record keeps it whole


class Meaning(StrEnum):
    """What a signature says about the content."""

    AUTHOR = "author"
    REVIEWED = "reviewed"
    APPROVED = "approved"
    DEPLOYED = "deployed"


_NEEDED: Mapping[Meaning, Permission] = MappingProxyType(
    {
        Meaning.AUTHOR: Permission.DRAFT,
        Meaning.REVIEWED: Permission.DRAFT,
        Meaning.APPROVED: Permission.APPROVE,
        Meaning.DEPLOYED: Permission.DEPLOY,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What shall be signed. subject: RECIPE@VERSION; station: where it is deployed; author: who
    wrote the content, who must not approve it; returns: of a trial, what comes back by itself and
    is signed with it, as `returns_of` says it."""

    meaning: Meaning
    subject: str
    content_hash: str
    reason: str
    station: str = ""
    author: str = ""
    returns: str = ""

    @property
    def ticket_subject(self) -> str:
        """What the ticket must be for, so that it signs this and nothing else."""
        subject = f"{self.meaning} {self.subject} {self.station} {self.content_hash}"
        return f"{subject} then {self.returns}" if self.returns else subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """As it is stored beside what was signed. number, record_hash: of its audit record; returns: as
    in `Wanted`."""

    signer: str
    display: str
    meaning: str
    subject: str
    station: str
    content_hash: str
    reason: str
    utc_ns: int
    digest: str
    number: int
    record_hash: str
    returns: str = ""

    def plain(self) -> dict[str, str | int]:
        """For a JSON file; without `returns` where there is no return, as in former times."""
        members: dict[str, str | int] = asdict(self)
        if not self.returns:
            del members["returns"]
        return members

    def brings_back(self, title: str, content_hash: str) -> bool:
        """It is of a trial, and covers that this comes back when the trial is over."""
        return bool(self.returns) and self.returns.split(" ")[:2] == [title, content_hash]


def returns_of(title: str, content_hash: str, window: str) -> str:
    """What the signature of a trial says of its end: 'coater/film@1.0.0 9f86... after 30 min'."""
    return f"{title} {content_hash} after {window}"


def sign(
    door: Door, trail: Trail, now: Now, identity: Identity, ticket: Secret, wanted: Wanted
) -> Signature:
    """Sign; Refused when he may not, the ticket is not for this, or a reason is missing."""
    try:
        _require_person(identity)
        _require_signable(identity, wanted)
        door.redeem(identity, ticket, PURPOSE, wanted.ticket_subject)
    except Refused as refused:
        trail.note(_entry(identity, wanted, refused=refused))
        mark_recorded(refused)
        raise
    return _signed(trail, now, identity, wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Who somebody at the terminal says he is, and what proves it. code: empty when he has none."""

    name: str
    password: Secret
    code: Secret


def sign_at_terminal(door: Door, trail: Trail, now: Now, proof: Proof, wanted: Wanted) -> Signature:
    """Sign at the terminal, where nobody has a session: with the password itself."""
    identity = door.prove(proof.name, proof.password, proof.code, f"password for {PURPOSE}")
    try:
        _require_signable(identity, wanted)
    except Refused as refused:
        trail.note(_entry(identity, wanted, refused=refused))
        mark_recorded(refused)
        raise
    return _signed(trail, now, identity, wanted)


def _signed(trail: Trail, now: Now, identity: Identity, wanted: Wanted) -> Signature:
    members: dict[str, str | int] = {
        "signer": identity.user, "display": identity.display, "meaning": wanted.meaning.value,
        "subject": wanted.subject, "station": wanted.station,
        "content_hash": wanted.content_hash, "reason": wanted.reason.strip(),
        "utc_ns": now().utc_ns, **({"returns": wanted.returns} if wanted.returns else {}),
    }  # fmt: skip
    digest = digest_of(members)
    record = trail.append(_entry(identity, wanted, signature=members | {"digest": digest}))[0]
    return Signature(**members, digest=digest, number=record.number, record_hash=record.hash)  # type: ignore[arg-type]


def verify_signature(signature: Signature, content_hash: str, record: Record | None) -> list[str]:
    """Everything that speaks against a signature; nothing: it is good.

    content_hash: of what is there now; record: number `signature.number` of a trail that `verify`
    found intact.
    """
    members = signature.plain()
    for place in ("digest", "number", "record_hash"):
        del members[place]
    found = []
    if digest_of(members) != signature.digest:
        found.append("the signature was altered")
    if content_hash != signature.content_hash:
        found.append("the content is not what was signed")
    if record is None or record.number != signature.number:
        found.append(f"audit record {signature.number} is not there")
    elif record.hash != signature.record_hash:
        found.append(f"audit record {signature.number} is another one than was written")
    elif record.entry.signature != members | {"digest": signature.digest}:
        found.append(f"audit record {signature.number} is not about this signature")
    return found


def signature_of(plain: Mapping[str, Any]) -> Signature | None:
    """A signature as it lies in a file; None when that is none."""
    try:
        made = Signature(**plain)
    except TypeError:
        return None
    numbers = {"utc_ns", "number"}
    right = all(isinstance(v, int if k in numbers else str) for k, v in made.plain().items())
    return made if right else None


def digest_of(members: Mapping[str, str | int]) -> str:
    """SHA-256 of what a signature says."""
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return hash_of(text.encode("ascii"))


def _require_person(identity: Identity) -> None:
    if identity.via is not Via.SESSION:
        raise Refused("forbidden", ["only a person can sign: log in"])


def _require_signable(identity: Identity, wanted: Wanted) -> None:
    require(identity, _NEEDED[wanted.meaning], wanted.station)
    if not 0 < len(wanted.reason.strip()) <= MAX_REASON:
        raise Refused("reason", [f"a signature says why, in at most {MAX_REASON} characters"])
    if wanted.meaning is Meaning.APPROVED and identity.user == wanted.author:
        raise Refused("author", [f"{identity.user} wrote it: another person approves it"])


def _entry(
    identity: Identity, wanted: Wanted, *, refused: Refused | None = None,
    signature: Mapping[str, str | int] | None = None,
) -> Entry:  # fmt: skip
    actor = identity.actor
    return Entry(
        category=Category.SIGNATURE, action=wanted.meaning.value, actor=actor.name,
        source=actor.source, station=wanted.station, target=wanted.subject,
        new=wanted.content_hash, reason=wanted.reason.strip(),
        result=Result.REFUSED if refused else Result.ACCEPTED,
        code=refused.code if refused else "ok",
        detail="; ".join(refused.reasons) if refused else "", signature=signature,
    )  # fmt: skip
