"""The life of a recipe on disk: made as a draft, released by a second person, retired.

Every change is one entry of the ledger or one new file, put in place whole; two people at once:
one is served, the other is told who and since when.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controller.core.errors import ConfigError, Refused, StoreError
from controller.core.ports import Clock
from controller.core.recipe import Recipe, RecipeId, Version
from controller.durable import make_folder
from controller.explain import problems_of, quoted
from controller.recipe_file import RecipeFile, base_text, parse_recipe, yaml_text
from controller.recipe_kind import RecipeKind
from controller.recipe_ledger import LEDGER, Action, Entry, Ledger, locked
from controller.recipe_library import RecipeLibrary, Status, Stored, who
from controller.text_file import read_text
from controller.whole_file import replace_file
from controller.yaml_tree import KeyPath

NS = 1_000_000_000
MAX_REHEARSAL_BYTES = 64 * 1024 * 1024
REMEDY = "rehearse this file, or give the reason of an override"


class Rehearsal(BaseModel):
    """What a rehearsal came to. content_hash: of the text that was rehearsed; summary: one line;
    brought_by: whoever brought the record, "" for one that this line has made and kept itself."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    passed: bool
    content_hash: str
    summary: str
    brought_by: str = Field(default="", exclude=True)

    @classmethod
    def read(cls, path: Path, brought_by: str) -> Self:
        """The record in a JSON file, whatever else is in it; ConfigError when it is none."""
        text, problems, _ = read_text(path, path.as_posix(), MAX_REHEARSAL_BYTES, REMEDY)
        if text is None:
            raise ConfigError(problems)
        try:
            found = cls.model_validate_json(text)
        except ValidationError as error:
            raise ConfigError(problems_of(error, cls, path.as_posix(), {})) from None
        return found.model_copy(update={"brought_by": brought_by})  # whatever the file says of that


class Witness(Protocol):
    """Stands beside a change of a ledger: lets it be signed, and puts it down elsewhere."""

    def holds(self, own: RecipeId, released: Entry) -> bool:
        """A release that was signed as it must be here; another one may be made once more."""
        ...

    def sign(self, own: RecipeId, stored: Stored, reason: str) -> dict[str, str | int] | None:
        """Members of the approver's signature, None where nobody can sign; or Refused."""
        ...

    def before(self, own: RecipeId, entry: Entry) -> None:
        """An entry as it will stand in the ledger; an error, and it will not."""
        ...

    def after(self, own: RecipeId, entry: Entry) -> None:
        """It stands there."""
        ...


class Nobody(Witness):
    """Nobody stands by: what is done is neither signed nor put down elsewhere."""

    def holds(self, own: RecipeId, released: Entry) -> bool:
        """A release is a release."""
        return True

    def sign(self, own: RecipeId, stored: Stored, reason: str) -> dict[str, str | int] | None:
        """Nobody signs."""
        return None

    def before(self, own: RecipeId, entry: Entry) -> None:
        """Goes on."""

    def after(self, own: RecipeId, entry: Entry) -> None:
        """Goes on."""


class RecipeStore(RecipeLibrary):
    """The recipes below one folder, to read and to change. clock: for the times in the ledger."""

    def __init__(self, root: Path, kinds: Mapping[str, RecipeKind], clock: Clock) -> None:
        super().__init__(root, kinds)
        self._clock = clock

    def create(
        self, base: RecipeId, version: Version, author: str, reason: str, name: str = "",
        changes: Mapping[str, str] = MappingProxyType({}),
    ) -> Path:  # fmt: skip
        """A draft made from a version: its text with another header. Refused with every reason.

        changes: parameter of the formula -> its new value as it shall stand in the file.
        """
        own = RecipeId(base.kind, name or base.name, version)
        origin = self.load(base)
        if unknown := [key for key in changes if key not in origin.recipe.formula]:
            known = quoted(origin.recipe.formula)
            raise Refused("new", [f"no parameter {key!r}: there are {known}" for key in unknown])
        folder = self._folder(own.kind, own.name)
        self._require_new(own, base, author, reason)
        self._make(folder)
        with locked(folder, author, f"new version {version}", self._now()):
            self._require_new(own, base, author, reason)
            values: dict[KeyPath, str] = {
                ("name",): yaml_text(own.name),
                ("version",): str(version),
                ("author",): yaml_text(author.strip()),
                ("base",): base_text(base, own),
                ("reason",): yaml_text(reason.strip()),
            }
            values |= {("formula", key, "value"): value for key, value in changes.items()}
            text = with_values(origin.file, values)
            file = self._shown(own.kind, own.name, f"{version}.yaml")
            found, problems = parse_recipe(text, file, own, self._kinds)
            if found is None:
                raise ConfigError(problems)
            replace_file(self.path(own), text)
        return self.path(own)

    def take(self, own: RecipeId, text: str, author: str) -> Path:
        """A draft as somebody wrote it: ConfigError when it is not right, Refused when it may not
        be. Whoever brings it is its author, so that another person approves it."""
        folder = self._folder(own.kind, own.name)
        file = self._shown(own.kind, own.name, f"{own.version}.yaml")
        found, problems = parse_recipe(text, file, own, self._kinds)
        if found is None or problems:
            raise ConfigError(problems)
        if _person(found.recipe.author) != _person(author):
            told = f"its header names {found.recipe.author} as author, you are {author}"
            raise Refused("author", [told])
        self._make(folder)
        with locked(folder, author, f"draft of {own.version}", self._now()):
            reasons = self._used(own)
            if reasons:
                raise Refused("new", reasons)
            replace_file(self.path(own), text)
        return self.path(own)

    def _make(self, folder: Path) -> None:
        try:
            make_folder(folder)
        except OSError as error:
            raise StoreError(f"{folder}: cannot be made: {error.strerror}") from error

    def _require_new(self, own: RecipeId, base: RecipeId, author: str, reason: str) -> None:
        reasons = [f"a version needs {what}" for what, given in
                   (("an author", author), ("a reason", reason)) if not given.strip()]  # fmt: skip
        if own.name == base.name and own.version <= base.version:
            reasons.append(f"version {own.version} must be greater than its base {base.version}")
        reasons += self._used(own)
        if reasons:
            raise Refused("new", reasons)

    def _used(self, own: RecipeId) -> list[str]:
        """Why a number cannot be taken for a new draft."""
        entry = Ledger.read(
            self._folder(own.kind, own.name), self._shown(own.kind, own.name, LEDGER)
        ).last(str(own.version))
        if entry is not None:
            return [f"version {own.version} was used before, {who(entry)}: take another number"]
        if self.path(own).exists():
            return [f"{own} is there already: take another number, or edit the draft"]
        return []

    def release(
        self, own: RecipeId, approver: str, reason: str, rehearsal: Rehearsal | None = None,
        override: str = "", witness: Witness | None = None,
    ) -> Entry:  # fmt: skip
        """Fix the content of a draft for good. Refused with every reason why not.

        The approver is not the author. It takes a passed rehearsal of exactly this content, or an
        override: the reason why none is asked for, which is recorded.
        """
        folder, beside = self._folder(own.kind, own.name), witness or Nobody()
        self._require_there(own)
        with locked(folder, approver, f"release of {own.version}", self._now()):
            stored = self.load(own)
            signed = stored.released is None or beside.holds(own, stored.released)
            self._require_releasable(stored, approver, reason, rehearsal, override, signed=signed)
            entry = Entry(
                signature=beside.sign(own, stored, reason),
                version=str(own.version), action=Action.RELEASE,
                content_hash=stored.content_hash, author=stored.recipe.author,
                actor=approver.strip(), reason=reason.strip(),
                rehearsal=rehearsal.summary if rehearsal and not override else "",
                brought_by=rehearsal.brought_by if rehearsal and not override else "",
                override=override.strip(), time_utc=self._now(),
            )  # fmt: skip
            return self._append(own, entry, beside)

    def _require_releasable(
        self, stored: Stored, approver: str, reason: str, rehearsal: Rehearsal | None,
        override: str, *, signed: bool,
    ) -> None:  # fmt: skip
        """Refused with every reason why not. signed: a release that is not may be made again."""
        again = stored.status is Status.RELEASED and not signed
        reasons = [
            *([] if again else _not_from(stored, Status.DRAFT, self._last(stored.recipe.id))),
            *_approval(stored.recipe, approver, reason),
            *_rehearsed(stored, rehearsal, override),
            *self._base_missing(stored.recipe),
        ]
        if reasons:
            raise Refused("release", reasons)

    def obsolete(
        self, own: RecipeId, actor: str, reason: str, witness: Witness | None = None
    ) -> Entry:
        """Retire a released version: it stays readable and can no longer be deployed."""
        folder = self._folder(own.kind, own.name)
        self._require_there(own)
        with locked(folder, actor, f"retirement of {own.version}", self._now()):
            stored = self.load(own)
            reasons = _not_from(stored, Status.RELEASED, self._last(own))
            reasons += [f"retiring needs {what}" for what, given in
                        (("a name", actor), ("a reason", reason)) if not given.strip()]  # fmt: skip
            if reasons:
                raise Refused("obsolete", reasons)
            entry = Entry(
                version=str(own.version), action=Action.OBSOLETE,
                content_hash=stored.content_hash, author=stored.recipe.author,
                actor=actor.strip(), reason=reason.strip(), time_utc=self._now(),
            )  # fmt: skip
            return self._append(own, entry, witness or Nobody())

    def _require_there(self, own: RecipeId) -> None:
        """Before a folder is locked: it is not made by looking."""
        self.find(own.kind, f"{own.name}@{own.version}")

    def _last(self, own: RecipeId) -> Entry | None:
        ledger, _ = self._ledger(own.kind, own.name)
        return ledger.last(str(own.version))

    def _append(self, own: RecipeId, entry: Entry, witness: Witness) -> Entry:
        folder = self._folder(own.kind, own.name)
        ledger = Ledger.read(folder, self._shown(own.kind, own.name, LEDGER)).with_entry(entry)
        chained = ledger.entries[-1]
        witness.before(own, chained)
        ledger.write(folder)
        witness.after(own, chained)
        return chained

    def _base_missing(self, recipe: Recipe) -> list[str]:
        base = recipe.base
        if base is None or self.path(base).is_file():
            return []
        return [f"its base {base} is not there: correct the header, or restore the file"]

    def _now(self) -> str:
        utc_s = self._clock.utc_ns() / NS
        return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def with_values(file: RecipeFile, values: Mapping[KeyPath, str]) -> str:
    """The text of a file with other values at some places; comments and all the rest stay."""
    text = file.text
    spans = {path: file.tree.values[path] for path in values}
    for path, span in sorted(spans.items(), key=lambda item: -item[1].start):
        old = text[span.start : span.stop]
        after = "\n" if old.endswith("\n") else ""
        text = text[: span.start] + values[path] + after + text[span.stop :]
    return text


def _not_from(stored: Stored, wanted: Status, last: Entry | None) -> list[str]:
    """Why a version is not in the status that a change starts from."""
    if stored.status is wanted:
        return []
    own = stored.recipe.id
    if last is None:
        return [f"{own} is a draft, must be {wanted}"]
    again = "make a new version with `dryline recipe new`"
    return [f"{own} was {who(last)}: {again}"]


def _approval(recipe: Recipe, approver: str, reason: str) -> list[str]:
    reasons = []
    if not approver.strip():
        reasons.append("a release needs the name of its approver")
    elif _person(approver) == _person(recipe.author):
        told = "is its author: another person has to approve it"
        reasons.append(f"{approver} {told}")
    if not reason.strip():
        reasons.append("a release needs a reason")
    return reasons


def _person(name: str) -> str:
    return " ".join(name.split()).casefold()


def _rehearsed(stored: Stored, rehearsal: Rehearsal | None, override: str) -> list[str]:
    if override.strip():
        return []
    if rehearsal is None:
        return [f"no passed rehearsal: {REMEDY}"]
    if rehearsal.content_hash != stored.content_hash:
        told = f"the rehearsal was of content {rehearsal.content_hash}, the file has "
        return [f"{told}{stored.content_hash}: {REMEDY}"]
    return [] if rehearsal.passed else [f"the rehearsal failed ({rehearsal.summary}): {REMEDY}"]
