"""Deployments through the API: proposed with what changes, signed with the password, executed.

A signature names station, recipe and content. The controller takes the recipe inside one scan; a
deployment that somebody else made meanwhile is a conflict, and the answer says whose.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

from controller.access.demands import Act
from controller.access.identity import Identity, require_act
from controller.access.secret import Secret
from controller.access.signature import PURPOSE, Meaning, Signature, Wanted, returns_of
from controller.api.carrying import Carrier, Order
from controller.api.changes import Changes
from controller.api.commands import CommandRecord
from controller.api.problems import Problem
from controller.api.proposals import Change, Proposal
from controller.audit.record import Category
from controller.console import Json
from controller.core.errors import ConfigError, Refused
from controller.core.recipe import RecipeId
from controller.core.run import BUILT_IN
from controller.deploy import released
from controller.recipe_diff import as_json, diff
from controller.recipe_library import RecipeLibrary, Stored

DEPLOY, ROLLBACK, TRIAL, END_TRIAL = "DEPLOY", "ROLLBACK", "TRIAL", "END TRIAL"
DEPLOY_S = 10.0  # reading and checking a recipe, one scan, the disk
InThread = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What shows that somebody entered his password: a ticket of his session; at the terminal the
    password itself."""

    ticket: Secret
    password: Secret
    code: Secret


Signing = Callable[[Identity, Proven, Wanted], Signature | None]


@dataclass(frozen=True, slots=True)
class Tools:
    """files, passwords: run work in threads of those pools; ask: one question to a controller;
    sign: None where there are no users; signed: Refused for a release that nobody has signed;
    told: in it, problems of recipes do not name the folder they lie in."""

    library: RecipeLibrary
    kinds: Mapping[str, Any]
    files: InThread
    passwords: InThread
    ask: Callable[..., Any]
    sign: Signing
    signed: Callable[[Stored], None]
    told: Callable[[], AbstractContextManager[None]]


class Deployments:
    """Deploy, roll back, begin and end trials."""

    def __init__(self, changes: Changes, carrier: Carrier, tools: Tools) -> None:
        self._changes, self._carrier, self._tools = changes, carrier, tools

    async def shown(self, station: str) -> Json:
        """What is requested, what runs, and every deployment of a station."""
        self._changes.station(station)
        found: Json = await self._tools.ask(station, {"op": "recipe", "station": station})
        return found

    async def propose(
        self, identity: Identity, station: str, verb: str, wish: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The first step. wish: recipe (but for a rollback), expected, reason, because ..."""
        facts = self._changes.station(station)
        self._changes.source(station)
        require_act(identity, Act.DEPLOY, str(wish.get("reason", "")), station)
        shown = await self.shown(station)
        now = shown["requested"]
        _require_expected(now, int(wish["expected"]))
        recipe = _before(shown) if verb == ROLLBACK else str(wish["recipe"])
        found = await self._tools.files(self._compared, facts.kind, recipe, now)
        title, content = found.title, found.content_hash
        returns = await self._tools.files(self._returns, found, wish) if verb == TRIAL else ""
        request = {"op": verb.lower(), "station": station, **wish}
        if verb != ROLLBACK:
            request["recipe"] = title.partition("/")[2] or BUILT_IN
        change = Change(
            station=station, verb=verb, target=title, value=content,
            was=now["recipe"] if now else BUILT_IN, request=request, returns=returns,
        )  # fmt: skip
        wanted = _wanted(change, str(wish["reason"]))
        more = {
            "recipe": title, "content_hash": content, "requested": now, "run": shown["run"],
            "diff": found.changed, "returns": returns,
            "text": f"{title} on {station}, from its next START on{_then(returns)}",
            "sign": {"purpose": PURPOSE, "subject": wanted.ticket_subject},
        }  # fmt: skip
        return self._changes.open(identity, change, str(wish["reason"]), Act.DEPLOY, more)

    async def execute(
        self, identity: Identity, proposal: Proposal, proven: Proven
    ) -> CommandRecord:
        """The second step: signed, then carried out. The station keeps the signature."""
        change = proposal.change
        work = partial(self._tools.sign, identity, proven, _wanted(change, proposal.reason))
        signature = await self._tools.passwords(work)
        plain = signature.plain() if signature else None
        order = Order(
            station=change.station, verb=change.verb, target=change.target, old=change.was,
            content=change.value, reason=proposal.reason, category=Category.DEPLOY,
            request={**change.request, "signature": plain}, timeout_s=DEPLOY_S,
        )  # fmt: skip
        record = await self._carrier.carry_out(identity, order)
        if plain is not None and record.result is not None:
            record.result["signature"] = plain
        return record

    def propose_end(self, identity: Identity, station: str, reason: str) -> dict[str, Any]:
        """End a trial before its time: its base comes back, its run is completed."""
        self._changes.station(station)
        self._changes.source(station)
        if not reason.strip():
            raise Problem("reason", ["say why: this is recorded with a reason"])
        require_act(identity, Act.LEAD, reason, station)
        request = {"op": "trial_end", "station": station, "reason": reason}
        change = Change(station=station, verb=END_TRIAL, request=request)
        return self._changes.open(identity, change, reason, Act.LEAD)

    def _compared(self, kind: str, recipe: str, now: Json | None) -> "_Found":
        """What shall be deployed, and what it changes."""
        library = self._tools.library
        if recipe == BUILT_IN:
            return _Found(BUILT_IN, "", None, None)
        given, _, name = recipe.rpartition("/")
        if given not in ("", kind):
            raise Problem("kind", [f"{recipe} is not for a station of kind {kind}"])
        with self._tools.told():
            stored = released(library, library.find(kind, name))
            self._tools.signed(stored)
        changed = self._changed(kind, stored, now)
        return _Found(str(stored.recipe.id), stored.content_hash, changed, stored.recipe.base)

    def _returns(self, found: "_Found", wish: Mapping[str, Any]) -> str:
        """What comes back when a trial is over, which its signature covers; Problem when nothing
        can."""
        if found.base is None:
            told = "was derived from nothing: there is no way back"
            raise Problem("trial", [f"{found.title} {told}"])
        with self._tools.told():
            base = released(self._tools.library, found.base)
        minutes, metres = wish.get("minutes"), wish.get("metres")
        in_metres = minutes is None and metres is not None
        window = f"{metres:g} m" if in_metres else f"{minutes or 0:g} min"
        return returns_of(str(base.recipe.id), base.content_hash, window)

    def _changed(self, kind: str, stored: Stored, now: Json | None) -> dict[str, Any] | None:
        """In process words; None where there is nothing to compare with."""
        title = now["recipe"] if now else BUILT_IN
        if title == BUILT_IN:
            return None
        library = self._tools.library
        try:
            old = library.load(library.find(kind, title.partition("/")[2]))
        except (ConfigError, Refused):  # it is gone, or of another kind; that is no reason to wait
            return None
        return as_json(diff(old.recipe, stored.recipe, self._tools.kinds[kind]))


@dataclass(frozen=True, slots=True)
class _Found:
    """changed: in process words, None where there is nothing to compare with; base: of which it
    was derived."""

    title: str
    content_hash: str
    changed: dict[str, Any] | None
    base: RecipeId | None


def _then(returns: str) -> str:
    """The end of a sentence about a trial."""
    title, _, rest = returns.partition(" ")
    return f"; {title} comes back by itself after {rest.partition(' after ')[2]}" if title else ""


def _wanted(change: Change, reason: str) -> Wanted:
    return Wanted(
        meaning=Meaning.DEPLOYED, subject=change.target, content_hash=str(change.value or ""),
        reason=reason, station=change.station, returns=change.returns,
    )  # fmt: skip


def _require_expected(now: Json | None, expected: int) -> None:
    number = int(now["number"]) if now else 0
    if number == expected:
        return
    told = f"deployment {number} is requested now, you saw {expected}"
    if now:
        told = f"{now['actor']} deployed {now['recipe']} (deployment {number}) meanwhile"
    extra = {"by": now["actor"], "when_ns": now["time_ns"], "recipe": now["recipe"]} if now else {}
    raise Problem("conflict", [f"{told}: look at it first"], extra=extra)


def _before(shown: Json) -> str:
    """What a rollback will deploy: as the controller finds it (`deploy.Deployer.rollback`)."""
    done = shown["deployments"]
    now = done[-1]["recipe"] if done else BUILT_IN
    for one in reversed(done):
        if one["recipe"] != now and not one["trial"]:
            return str(one["recipe"])
    if done and done[0]["number"] == 1 and now != BUILT_IN:
        return BUILT_IN
    raise Problem("unknown", [f"there was no other recipe than {now}"])
