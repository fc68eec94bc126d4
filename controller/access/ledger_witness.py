"""Ledgers of recipes beside the audit trail: signed, put down there, and compared with it.

A ledger is a file that people keep under version control and can edit. So the audit trail gets the
hash of every entry, before it is written and again when it stands: an entry that was edited, or is
gone, is one that the trail knows otherwise. And the approver's signature in an entry names its own
record of the trail.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.access.identity import Actor
from controller.access.signature import (
    Meaning,
    Signature,
    Wanted,
    signature_of,
    verify_signature,
)
from controller.access.users import User
from controller.audit.reading import kept
from controller.audit.record import Category, Entry, Result
from controller.audit.trail import Trail
from controller.core.errors import Refused, StoreError
from controller.core.recipe import RecipeId
from controller.recipe_ledger import Action
from controller.recipe_ledger import Entry as LedgerEntry
from controller.recipe_library import Stored
from controller.recipe_store import Witness

UNSIGNED = "it was released without a signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerWitness(Witness):
    """Stands by for somebody. users: everybody of the line, none: nobody can sign yet; signing:
    signs as this person, None for nobody."""

    trail: Trail
    by: Actor
    users: Collection[User] = ()
    signing: Callable[[Wanted], Signature] | None = None

    def holds(self, own: RecipeId, released: LedgerEntry) -> bool:
        """Signed, or nobody could sign anyway."""
        return not self.users or not against_release(self.trail.path, own, released)

    def sign(self, own: RecipeId, stored: Stored, reason: str) -> dict[str, str | int] | None:
        """By the person who stands here; Refused where there are users and this is none."""
        if not self.users:
            return None
        if self.signing is None:
            raise Refused("ticket", ["sign it: there are users on this line"])
        author = author_of(stored.recipe.author, self.by.name, self.users)
        wanted = release_wanted(own, stored.content_hash, reason, author)
        return self.signing(wanted).plain()

    def before(self, own: RecipeId, entry: LedgerEntry) -> None:
        """Refused("trail") when the trail cannot be written, and the ledger is not changed."""
        try:
            self.trail.append(self._entry(own, entry, Result.ACCEPTED))
        except StoreError as error:
            told = f"the audit trail cannot be written, so nothing was done: {error}"
            raise Refused("trail", [told]) from error

    def after(self, own: RecipeId, entry: LedgerEntry) -> None:
        """Kept in memory while the disk refuses: the ledger is changed."""
        self.trail.note(self._entry(own, entry, Result.DONE))

    def refused(
        self, own: RecipeId, action: Action, reason: str, code: str, why: Sequence[str]
    ) -> None:
        """Put down that it was tried."""
        self.trail.note(
            Entry(
                category=Category.RECIPE, action=action.value, actor=self.by.name,
                source=self.by.source, target=str(own), reason=reason, result=Result.REFUSED,
                code=code, detail="; ".join(why),
            )
        )  # fmt: skip

    def _entry(self, own: RecipeId, entry: LedgerEntry, result: Result) -> Entry:
        unsigned = entry.action is Action.RELEASE and entry.signature is None
        notes = ["unsigned: there are no users"] if unsigned else []
        if entry.brought_by:
            notes.append(f"the record of the rehearsal was brought by {entry.brought_by}")
        return Entry(
            category=Category.RECIPE, action=entry.action.value, actor=self.by.name,
            source=self.by.source, target=str(own), new=entry.hash(), reason=entry.reason,
            result=result, detail="; ".join(notes),
        )  # fmt: skip


def release_wanted(own: RecipeId, content_hash: str, reason: str, author: str) -> Wanted:
    """What an approver signs."""
    return Wanted(
        meaning=Meaning.APPROVED, subject=str(own), content_hash=content_hash, reason=reason,
        author=author,
    )  # fmt: skip


def author_of(author: str, approver: str, users: Collection[User]) -> str:
    """The user that an author is, by his name or by the name that screens show; the approver, if
    it may be him. Refused when he is nobody: then nobody is certainly another person."""
    person = _person(author)
    named = sorted(u.name for u in users if person in (u.name, _person(u.display)))
    if not named:
        told = f"its author {author!r} is no user of this line: make a version with `dryline recipe"
        raise Refused("author", [f"{told} new`, whose author answers for it"])
    return approver if approver in named else named[0]


def against_release(trail: Path, own: RecipeId, released: LedgerEntry) -> list[str]:
    """Everything that speaks against the signature of a release; nothing: it is good."""
    if released.signature is None:
        return [UNSIGNED]
    made = signature_of(released.signature)
    if made is None:
        return ["its signature cannot be read"]
    found = verify_signature(
        made, released.content_hash, kept(trail, made.number, made.record_hash)
    )
    said = (made.meaning, made.subject, made.reason, made.signer)
    if said != (Meaning.APPROVED.value, str(own), released.reason, released.actor):
        found.append("the signature is of something else")
    return found


def require_signed(trail: Path, stored: Stored) -> None:
    """Refused("unsigned") for a release that nobody has signed as it stands."""
    own, released = stored.recipe.id, stored.released
    against = [UNSIGNED] if released is None else against_release(trail, own, released)
    if against:
        told = [f"{own}: {why}" for why in against]
        raise Refused("unsigned", [*told, "an approver can release it once more, and sign"])


def _person(name: str) -> str:
    return " ".join(name.split()).casefold()
