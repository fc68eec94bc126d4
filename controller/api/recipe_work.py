"""Recipes through the API: looking, comparing, drafting, releasing with a signature.

Everything here blocks on the disk and runs in a thread.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from controller.access.desk import UserDesk
from controller.access.identity import Identity, Via
from controller.access.ledger_witness import LedgerWitness, against_release, require_signed
from controller.access.secret import Secret
from controller.access.signature import Signature, Wanted
from controller.api import bodies
from controller.api.problems import Problem
from controller.audit.refusals import mark_recorded
from controller.audit.trail import Trail
from controller.core.errors import ConfigError, Refused
from controller.core.errors import Problem as FileProblem
from controller.core.recipe import RecipeId, Version
from controller.core.run import BUILT_IN
from controller.recipe_diff import Proven, as_json, diff
from controller.recipe_file import as_plain, parse_recipe
from controller.recipe_kind import RecipeKind
from controller.recipe_ledger import Action, Entry
from controller.recipe_library import Listed, Stored
from controller.recipe_schema import schema
from controller.recipe_store import RecipeStore, Rehearsal
from controller.run_store import STORE, RunReader
from controller.runs.recipe_changes import proven_ranges

MAX_TEXT = 256 * 1024
NEWEST = "newest"
Plain = dict[str, Any]
Signing = Callable[[Identity, Secret, Wanted], Signature]


@dataclass(frozen=True, slots=True)
class RecipeWork:
    """root: folder of the recipes, which no answer names; run: of the runs that prove ranges."""

    store: RecipeStore
    kinds: Mapping[str, RecipeKind]
    root: Path
    run: Path
    trail: Trail
    desk: UserDesk
    sign: Signing

    # -- looking ---------------------------------------------------------------------------------

    def every(self, kind: str, name: str) -> list[Plain]:
        """Every version with its status and what is wrong with it."""
        if kind and kind not in self.kinds:
            raise Problem("unknown", [f"no such kind; kinds: {', '.join(self.kinds)}"])
        return [self._listed(x) for x in self.store.every(kind, name)]

    def shown(self, kind: str, name: str, version: str) -> Plain:
        """One version: header, formula, phases, limits, history, signatures."""
        with self.told():
            own = self.find(kind, name, version)
            stored = self.store.load(own)
            history = [e for e in self.store.ledger(kind, name) if e.version == str(own.version)]
        return {
            **as_plain(stored.recipe), "recipe": str(own), "status": stored.status.value,
            "content_hash": stored.content_hash, "text": stored.file.text,
            "history": [_entry(e) for e in history],
            "signatures": self._signatures(own, history), "parameters": self._parameters(kind),
        }  # fmt: skip

    def phases(self, kind: str, title: str) -> list[Plain]:
        """The phases of a deployed recipe, KIND/NAME@VERSION; none of the built-in procedure."""
        if title == BUILT_IN:
            return []
        with self.told():
            recipe = self.store.load(self.store.find(kind, title.partition("/")[2])).recipe
        return [
            {"number": number, "name": phase.name, "title": phase.title,
             "timeout_s": phase.timeout_s, "prompt": phase.prompt.text if phase.prompt else ""}
            for number, phase in enumerate(recipe.phases, 1)
        ]  # fmt: skip

    def compared(self, kind: str, old: str, new: str) -> Plain:
        """What changed between two versions, in process words."""
        with self.told():
            first = self.store.load(self.store.find(kind, old))
            named = f"{first.recipe.id.name}@{new}" if new[:1].isdigit() else new
            second = self.store.load(self.store.find(kind, named))
            return as_json(diff(first.recipe, second.recipe, self.kinds[kind], self._proven(kind)))

    def validated(self, kind: str, name: str, version: str, text: str) -> Plain:
        """Everything that is wrong with a text, with line and column; nothing is kept."""
        own = self._id(kind, name, version)
        _, problems = parse_recipe(text, f"{version}.yaml", own, self.kinds)
        return {"ok": not problems, "problems": [self._row(p) for p in problems]}

    def schema(self, kind: str) -> Plain:
        """The JSON Schema of a kind."""
        if kind not in self.kinds:
            raise Problem("unknown", [f"no such kind; kinds: {', '.join(self.kinds)}"])
        return schema(self.kinds[kind])

    # -- changing --------------------------------------------------------------------------------

    def take(self, kind: str, name: str, version: str, text: str, author: str) -> Plain:
        """A draft as somebody wrote it."""
        own = self._id(kind, name, version)
        with self.told():
            self.store.take(own, text, author)
        return self.shown(kind, name, version)

    def derive(self, kind: str, name: str, body: bodies.Derive, author: str) -> Plain:
        """A draft made from a version."""
        own = self._id(kind, name, body.version)
        with self.told():
            base = self.store.find(kind, body.base)
            self.store.create(base, own.version, author, body.reason, name, body.values)
        return self.shown(kind, name, body.version)

    def release(
        self, own: RecipeId, body: bodies.Release, by: Identity, made: Rehearsal | None
    ) -> Plain:
        """Fix a draft for good: checked, signed, then entered into the ledger. made: what came of
        a rehearsal of this line; one that somebody brings is marked as his."""
        brought, rehearsal = body.rehearsal, made
        if brought is not None and made is None:
            rehearsal = Rehearsal(**brought.model_dump(), brought_by=by.actor.name)
        witness = self._witness(by, body.ticket)
        try:
            with self.told():
                self._require_seen(own, body.content_hash)
                entry = self.store.release(
                    own, by.user, body.reason, rehearsal, body.override, witness
                )
        except (Refused, Problem) as error:
            witness.refused(own, Action.RELEASE, body.reason, error.code, error.reasons)
            mark_recorded(error)
            raise
        return {"recipe": str(own), "entry": _entry(entry), "signature": entry.signature}

    def _require_seen(self, own: RecipeId, content_hash: str) -> None:
        if self.store.load(own).content_hash != content_hash:
            raise Problem("changed", ["the draft is not what you looked at: look again"])

    def obsolete(self, own: RecipeId, by: Identity, reason: str) -> Plain:
        """Retire a released version."""
        witness = self._witness(by, "")
        try:
            with self.told():
                entry = self.store.obsolete(own, by.user, reason, witness)
        except (Refused, Problem) as error:
            witness.refused(own, Action.OBSOLETE, reason, error.code, error.reasons)
            mark_recorded(error)
            raise
        return {"recipe": str(own), "entry": _entry(entry)}

    def require_signed(self, stored: Stored) -> None:
        """Refused("unsigned") where there are users and none of them has signed a release."""
        if self.desk.users():
            require_signed(self.trail.path, stored)

    def _witness(self, by: Identity, ticket: str) -> LedgerWitness:
        signing = partial(self.sign, by, Secret(ticket)) if by.via is Via.SESSION else None
        users = self.desk.users()
        return LedgerWitness(trail=self.trail, by=by.actor, users=users, signing=signing)

    # -- parts -----------------------------------------------------------------------------------

    def _parameters(self, kind: str) -> list[Plain]:
        """What may be given in a recipe of a kind: words, unit, range, what good runs had, and the
        interlock that watches where it ends up."""
        known, proven = self.kinds[kind], self._proven(kind)
        return [
            {"parameter": p.name, "text": p.text, "unit": p.unit, "low": p.low, "high": p.high,
             "labels": list(p.labels), "tag": p.tag, "proven": proven.get(p.name),
             "interlock": known.interlocks.get(p.tag, "")}
            for p in known.parameters
        ]  # fmt: skip

    def find(self, kind: str, name: str, version: str) -> RecipeId:
        """A version that is there; "newest" for the newest."""
        return self.store.find(kind, name if version == NEWEST else f"{name}@{version}")

    def _id(self, kind: str, name: str, version: str) -> RecipeId:
        if kind not in self.kinds:
            raise Problem("unknown", [f"no such kind; kinds: {', '.join(self.kinds)}"])
        try:
            return RecipeId(kind, name, Version.parse(version))
        except ValueError as error:
            raise Problem("value", [f"version {error}"]) from None

    def _proven(self, kind: str) -> Proven:
        if not (self.run / STORE).is_file():
            return {}
        with RunReader(self.run / STORE) as reader:
            return proven_ranges(reader.good_recipes(kind), self.kinds)

    def _signatures(self, own: RecipeId, history: Sequence[Entry]) -> list[Plain]:
        """Those of a version, each with everything that speaks against it."""
        return [
            {**entry.signature, "against": against_release(self.trail.path, own, entry)}
            for entry in history
            if entry.signature is not None
        ]

    @contextmanager
    def told(self) -> Iterator[None]:
        """Problems of files name them inside the folder of the recipes, not where that lies."""
        try:
            yield
        except ConfigError as error:
            rows = [self._row(p) for p in error.problems]
            told = [f"{r['file']}:{r['line'] or 1}: {r['field']}: {r['message']}" for r in rows]
            raise Problem("recipe", told, extra={"problems": rows}) from None
        except Refused as error:
            raise Refused(error.code, [self._inside(r) for r in error.reasons]) from None

    def _row(self, p: FileProblem) -> Plain:
        return {
            "file": self._inside(p.file), "line": p.line, "column": getattr(p, "column", None),
            "field": p.field, "value": p.value, "message": self._inside(p.message),
        }  # fmt: skip

    def _inside(self, text: str) -> str:
        return text.replace(f"{self.root.as_posix()}/", "")

    def _listed(self, x: Listed) -> Plain:
        return {
            "recipe": str(x.id), "kind": x.id.kind, "name": x.id.name,
            "version": str(x.id.version), "status": x.status.value, "title": x.title,
            "author": x.author, "last": _entry(x.entry) if x.entry else None,
            "problems": [self._row(p) for p in x.problems],
        }  # fmt: skip


def _entry(entry: Entry) -> Plain:
    plain: Plain = entry.model_dump(mode="json")
    return plain
