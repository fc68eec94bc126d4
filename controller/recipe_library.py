"""The recipes on disk: find, load, verify. Nobody else reads them; recipe_store.py changes them.

`ROOT/KIND/NAME/VERSION.yaml`, with a `ledger.json` beside the versions of each recipe. A version
without an entry in the ledger is a draft and may be edited; from its release on its content is
fixed by the hash in the ledger, and a file that differs is refused by everything here.
"""

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from controller.core.errors import ConfigError, Problem, Refused
from controller.core.recipe import Recipe, RecipeId, Version
from controller.explain import closest, quoted
from controller.recipe_file import RecipeFile, content_hash, parse_recipe, recipe_text
from controller.recipe_kind import RecipeKind
from controller.recipe_ledger import LEDGER, Action, Entry, Ledger
from controller.recipe_shape import KIND_PATTERN, NAME_PATTERN
from controller.yaml_tree import PlacedProblem

SCHEMA = "schema.json"
REMEMBERED = 32  # recipes that were right, by their text
_NAME, _KIND = re.compile(NAME_PATTERN), re.compile(KIND_PATTERN)


class Status(StrEnum):
    """Where a version is in its life."""

    DRAFT = "draft"
    RELEASED = "released"
    OBSOLETE = "obsolete"


AFTER: Mapping[Action | None, Status] = {
    None: Status.DRAFT,
    Action.RELEASE: Status.RELEASED,
    Action.OBSOLETE: Status.OBSOLETE,
}


@dataclass(frozen=True, slots=True)
class Stored:
    """A version that is right and unchanged. released: the entry of its release, if any."""

    file: RecipeFile
    status: Status
    released: Entry | None = None

    @property
    def recipe(self) -> Recipe:
        """The recipe itself."""
        return self.file.recipe

    @property
    def content_hash(self) -> str:
        """SHA-256 of its text."""
        return self.file.content_hash


@dataclass(frozen=True, slots=True)
class Listed:
    """A version as a list shows it, right or not. entry: the newest of the ledger."""

    id: RecipeId
    status: Status
    title: str
    author: str
    entry: Entry | None
    problems: tuple[Problem, ...]


class RecipeLibrary:
    """The recipes below one folder, to read. kinds: what the line has stations of."""

    def __init__(self, root: Path, kinds: Mapping[str, RecipeKind]) -> None:
        self._root, self._kinds = root, kinds
        self._right: dict[tuple[str, str], RecipeFile] = {}  # oldest first
        self._remembering = threading.Lock()

    @property
    def root(self) -> Path:
        """The folder of all of them."""
        return self._root

    # -- finding ---------------------------------------------------------------------------------

    def versions(self, kind: str, name: str) -> list[Version]:
        """The versions of one recipe, oldest number first."""
        folder = self._folder(kind, name)
        return sorted(v for p in folder.glob("*.yaml") if (v := _version(p.stem)))

    def names(self, kind: str) -> list[str]:
        """The recipes of a kind."""
        folder = self._root / kind
        return sorted(p.name for p in _folders(folder) if _NAME.fullmatch(p.name))

    def find(self, kind: str, text: str) -> RecipeId:
        """'nmc-standard@1.1.0', or 'nmc-standard' for its newest version; Refused if not there."""
        name, _, version = text.partition("@")
        if kind not in self._kinds:
            told = f"no kind {kind!r}: {closest(kind, self._kinds)}"
            raise Refused("unknown", [f"{told}there are {quoted(self._kinds)}"])
        names = self.names(kind)
        if name not in names:
            told = f"no recipe {name!r} of kind {kind}: {closest(name, names)}"
            raise Refused("unknown", [f"{told}there are {quoted(names) or 'none'}"])
        versions = self.versions(kind, name)
        wanted = _version(version) if version else max(versions, default=None)
        if wanted not in versions or wanted is None:
            have = ", ".join(map(str, versions)) or "none"
            raise Refused("unknown", [f"no version {version!r} of {kind}/{name}: there are {have}"])
        return RecipeId(kind, name, wanted)

    def every(self, kind: str = "", name: str = "") -> list[Listed]:
        """Every version (of a kind, of a name), released files that are missing included."""
        return [
            listed
            for k in ([kind] if kind else sorted(p.name for p in _folders(self._root)))
            for n in ([name] if name else self.names(k))
            for listed in self._list(k, n)
        ]

    def _list(self, kind: str, name: str) -> Iterator[Listed]:
        ledger, problems = self._ledger(kind, name)
        recorded = {v for e in ledger.entries if (v := _version(e.version))}
        for version in sorted({*self.versions(kind, name), *recorded}):
            own = RecipeId(kind, name, version)
            entry = ledger.last(str(version))
            stored, found = self._read(own, ledger)
            recipe = stored.recipe if stored else None
            yield Listed(
                own,
                AFTER[entry.action if entry else None],
                recipe.title if recipe else "",
                recipe.author if recipe else entry.author if entry else "",
                entry,
                (*problems, *found),
            )

    # -- reading ---------------------------------------------------------------------------------

    def load(self, own: RecipeId) -> Stored:
        """A version, whatever its status; ConfigError with every problem, tampering included."""
        ledger, problems = self._ledger(own.kind, own.name)
        stored, found = self._read(own, ledger)
        if stored is None or problems:
            raise ConfigError([*problems, *found])
        return stored

    def released(self, own: RecipeId) -> Stored:
        """A version that may run; Refused for a draft or an obsolete one, with what to do."""
        stored = self.load(own)
        if stored.status is not Status.RELEASED:
            what = "release it first" if stored.status is Status.DRAFT else "choose another version"
            raise Refused("not_released", [f"{own} is {stored.status}: {what}"])
        return stored

    def check(self, kind: str = "", name: str = "") -> list[Problem]:
        """Every problem of every file (of a kind, of a name), and files that do not belong here."""
        problems: list[Problem] = [p for x in self.every(kind, name) for p in x.problems]
        unique = list(dict.fromkeys(problems))
        return [*self._strays(kind, name), *unique]

    def ledger(self, kind: str, name: str) -> tuple[Entry, ...]:
        """What happened to the versions of a recipe, oldest first."""
        return Ledger.read(self._folder(kind, name), self._shown(kind, name, LEDGER)).entries

    def path(self, own: RecipeId) -> Path:
        """Where a version lies."""
        return self._folder(own.kind, own.name) / f"{own.version}.yaml"

    def _folder(self, kind: str, name: str) -> Path:
        if not (_KIND.fullmatch(kind) and _NAME.fullmatch(name)):
            told = "kind and name are small letters, digits and -, as in coater nmc-standard"
            raise Refused("unknown", [f"{kind}/{name} is no recipe: {told}"])
        return self._root / kind / name

    def _shown(self, *parts: str) -> str:
        return self._root.joinpath(*parts).as_posix()

    def _ledger(self, kind: str, name: str) -> tuple[Ledger, list[Problem]]:
        try:
            return Ledger.read(self._folder(kind, name), self._shown(kind, name, LEDGER)), []
        except ConfigError as error:
            return Ledger(), list(error.problems)

    def _read(self, own: RecipeId, ledger: Ledger) -> tuple[Stored | None, list[PlacedProblem]]:
        file = self._shown(own.kind, own.name, f"{own.version}.yaml")
        text, problems = recipe_text(self.path(own), file)
        if text is None:
            return None, problems
        found, problems = self._parsed(text, file, own)
        entry = ledger.last(str(own.version))
        if entry is not None and content_hash(text) != entry.content_hash:
            problems = [_tampered(file, own, content_hash(text), entry), *problems]
        if found is None or problems:
            return None, problems
        status = AFTER[entry.action if entry else None]
        return Stored(found, status, ledger.release(str(own.version))), []

    def _parsed(
        self, text: str, file: str, own: RecipeId
    ) -> tuple[RecipeFile | None, list[PlacedProblem]]:
        """Remembered by the text: a station that starts asks for what was read at its deployment,
        and reading is tens of milliseconds that the scans of a controller would feel."""
        key = (content_hash(text), file)
        known = self._right.get(key)
        if known is not None:
            return known, []
        found, problems = parse_recipe(text, file, own, self._kinds)
        if found is not None and not problems:
            with self._remembering:  # several threads read at once
                self._right[key] = found
                while len(self._right) > REMEMBERED:
                    del self._right[next(iter(self._right))]
        return found, problems

    def _strays(self, kind: str, name: str) -> Iterator[Problem]:
        """Files and folders that no recipe can be read from."""
        for folder in _folders(self._root):
            if kind and folder.name != kind:
                continue
            if folder.name not in self._kinds:
                told = f"no station of this kind on the line; kinds: {quoted(self._kinds)}"
                yield _stray(folder.as_posix(), told)
            for path in sorted(folder.iterdir()):
                if path.name.startswith(".") or path.name == SCHEMA:
                    continue
                if not path.is_dir() or not _NAME.fullmatch(path.name):
                    told = "expected a folder named in small letters, digits and -, or schema.json"
                    yield _stray(path.as_posix(), told)
                elif not name or path.name == name:
                    yield from _stray_files(path)


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))


def _version(text: str) -> Version | None:
    try:
        return Version.parse(text)
    except ValueError:
        return None


def who(entry: Entry) -> str:
    """'released by grace at 2026-01-01T00:00:00Z'."""
    return f"{AFTER[entry.action]} by {entry.actor} at {entry.time_utc}"


def _tampered(file: str, own: RecipeId, found: str, entry: Entry) -> PlacedProblem:
    what = "edited, or its number used again"
    told = (
        f"{own} was {who(entry)} with SHA-256 {entry.content_hash}, the file has {found}: it was "
        f"{what}. Restore the file from version control; keep the change as a new version with "
        f"`dryline recipe new`"
    )
    return PlacedProblem(file=file, line=1, field="content", value="", message=told)


def _stray(file: str, message: str) -> Problem:
    return Problem(file=file, line=None, field="file", value="", message=message)


def _stray_files(folder: Path) -> Iterator[Problem]:
    """What lies beside the versions of a recipe."""
    for path in sorted(folder.iterdir()):
        usual = path.suffix == ".yaml" and _version(path.stem) is not None
        known = usual or path.name == LEDGER
        if not known and not path.name.startswith("."):
            yield _stray(path.as_posix(), "no version: name it as 1.2.0.yaml, or remove it")
