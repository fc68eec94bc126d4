"""Comparing the ledgers of recipes with the audit trail: who can have changed what?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from controller.access.ledger_witness import against_release
from controller.audit.reading import Wish, matching
from controller.audit.record import Category, Record, Result
from controller.core.errors import ConfigError
from controller.core.recipe import RecipeId, Version
from controller.recipe_ledger import Action, Entry
from controller.recipe_library import RecipeLibrary

_HASH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One entry of a ledger. against: what speaks against it; notes: what is worth knowing."""

    recipe: RecipeId
    entry: Entry
    against: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class LedgerCheck:
    """What was found. missing: entries that the trail knows and no ledger has."""

    entries: list[Checked] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Nothing speaks against anything; what is unsigned is no damage."""
        return not self.missing and not any(checked.against for checked in self.entries)


def check_ledgers(library: RecipeLibrary, trail: Path, kind: str, name: str) -> LedgerCheck:
    """Every entry of the ledgers (of a kind, of a name). Reads the whole trail."""
    known = _known(trail)
    found = LedgerCheck()
    names = sorted({(x.id.kind, x.id.name) for x in library.every(kind, name)})
    for recipe in names:
        records = known.pop(recipe, [])
        try:
            entries = library.ledger(*recipe)
        except ConfigError as error:
            found.missing += [str(p) for p in error.problems]
            continue
        found.entries += _compared(recipe, entries, records, trail)
        found.missing += _missing(recipe, entries, records)
    for recipe, records in known.items():
        if (not kind or recipe[0] == kind) and (not name or recipe[1] == name):
            found.missing += _missing(recipe, (), records)
    return found


def _compared(
    recipe: tuple[str, str], entries: Iterable[Entry], records: list[Record], trail: Path
) -> Iterator[Checked]:
    hashes = {record.entry.new for record in records}
    reached = False  # the trail knows this entry, or one before it
    for entry in entries:
        own = RecipeId(*recipe, Version.parse(entry.version))
        against, notes = [], []
        if entry.hash() in hashes:
            reached = True
        elif reached or entry.signature is not None:
            against.append("the audit trail knows no such entry: it was edited or added by hand")
        else:
            notes.append("older than this audit trail, or made elsewhere")
        if entry.signature is not None:
            against += against_release(trail, own, entry)
        elif entry.action is Action.RELEASE:
            notes.append("unsigned")
        yield Checked(recipe=own, entry=entry, against=tuple(against), notes=tuple(notes))


def _missing(
    recipe: tuple[str, str], entries: Iterable[Entry], records: list[Record]
) -> Iterator[str]:
    hashes = {entry.hash() for entry in entries}
    for record in records:
        if record.entry.result is Result.DONE and record.entry.new not in hashes:
            what = f"{record.entry.action} of {record.entry.target} by {record.entry.actor}"
            yield (
                f"{recipe[0]}/{recipe[1]}: {what} (audit record {record.number}) does not stand "
                "in its ledger as it was written: edited, or taken out"
            )


def _known(trail: Path) -> dict[tuple[str, str], list[Record]]:
    """Records of what ledgers got, by kind and name; also from trails that were found broken."""
    found: dict[tuple[str, str], list[Record]] = {}
    places = [*sorted(trail.parent.glob(f"{trail.name}.broken-*")), trail]
    for place in places:
        for record in matching(place, Wish(category=Category.RECIPE)) if place.exists() else ():
            kind, _, rest = record.entry.target.partition("/")
            new = record.entry.new
            if record.entry.action in set(Action) and isinstance(new, str) and len(new) == _HASH:
                found.setdefault((kind, rest.partition("@")[0]), []).append(record)
    return found
