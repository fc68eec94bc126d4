"""Two steps to a change of a station: what is proposed, and executing it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from controller.access.demands import DEMANDS, Act, act_of
from controller.access.identity import Identity, require_act
from controller.api.carrying import Carrier, Order
from controller.api.commands import CommandBook, CommandRecord, CommandState
from controller.api.line_facts import LineFacts, StationFacts, needs_target
from controller.api.mirror import Mirror, Source
from controller.api.problems import Problem
from controller.api.proposals import Change, Proposal, Proposals, good_for_s, require_fresh
from controller.control.states import State
from controller.core.event import Verb
from controller.core.sample import FIRST_BAD, quality_text

NS_PER_MS = 1_000_000
_DID = {
    CommandState.SENT: "is changing",
    CommandState.REJECTED: "tried to change",
    CommandState.UNKNOWN: "perhaps changed",
}
COMMAND = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants of a station. version: of the target, as he saw it."""

    station: str
    verb: Verb
    target: str = ""
    value: float | str | None = None
    reason: str = ""
    version: int | None = None


class Changes:
    """Proposals, and what becomes of them. link_s: wall seconds, monotonic."""

    def __init__(
        self, facts: LineFacts, mirror: Mirror, carrier: Carrier, book: CommandBook,
        link_s: Callable[[], float],
    ) -> None:  # fmt: skip
        self._facts, self._mirror, self._carrier = facts, mirror, carrier
        self._book, self._link_s = book, link_s
        self.proposals = Proposals()

    @property
    def now_ns(self) -> int:
        """Plant time now, as the frames of the live socket tell it."""
        return self._mirror.now_ns(self._link_s())

    # -- the first step --------------------------------------------------------------------------

    def propose(self, identity: Identity, wish: Wish) -> dict[str, Any]:
        """Open a proposal; Refused or Problem when it could not be executed."""
        facts = self.station(wish.station)
        self.source(wish.station)
        beyond = self._beyond(identity, wish)
        act = act_of(wish.verb, beyond_limits=beyond, output=wish.target in facts.outputs)
        require_act(identity, act, wish.reason, wish.station)
        self._require_target(wish, facts)
        self._require_version(wish.station, wish.target or wish.verb, wish.version)
        change = Change(
            station=wish.station, verb=wish.verb, target=wish.target, value=wish.value,
            was=self.value(_shown_tag(wish)),
            version=self._book.version(wish.station, wish.target or wish.verb),
            request={
                "op": COMMAND, "station": wish.station, "verb": wish.verb.value,
                "target": wish.target, "value": wish.value, "reason": wish.reason,
                **({"engineer": beyond} if wish.verb is Verb.SET else {}),
            },
        )  # fmt: skip
        return self.open(identity, change, wish.reason, act)

    def open(
        self,
        identity: Identity,
        change: Change,
        reason: str,
        act: Act,
        shown: Mapping[str, object] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """A proposal as it is answered: what it changes, from what to what, and what it asks."""
        proposal = self.proposals.propose(_who(identity), change, reason, self._link_s(), act)
        demand, tag = DEMANDS[act], change.target
        facts = self._facts.stations[change.station]
        return {
            "token": proposal.token, "good_for_s": good_for_s(act), "t": self.now_ns // NS_PER_MS,
            "station": change.station, "verb": change.verb, "target": tag,
            "from": change.was, "to": change.value, "unit": self._unit(tag),
            "read_back": self.value(facts.written.get(tag, "")),
            "state": self.state_of(facts), "version": change.version, "act": act.value,
            "reason_needed": demand.reason, "password_needed": demand.password,
            "text": _told(change, self._unit(tag)), **shown,
        }  # fmt: skip

    # -- the second step -------------------------------------------------------------------------

    def take(self, identity: Identity, token: str, seen_ms: int) -> Proposal:
        """The proposal, to be executed now; Refused when it is over, or the picture is too old."""
        proposal = self.proposals.take(token, _who(identity), self._link_s())
        change = proposal.change
        source = self.source(change.station)
        now_ns = source.now_ns(self._link_s())
        require_fresh(seen_ms * NS_PER_MS, now_ns, source.hello.speed)
        require_act(identity, proposal.act, proposal.reason, change.station)
        if change.version is not None:
            self._require_version(change.station, change.target or change.verb, change.version)
        return proposal

    def withdraw(self, identity: Identity, token: str) -> bool:
        """Forget a proposal; whether there was one."""
        return self.proposals.withdraw(token, _who(identity))

    async def execute(self, identity: Identity, proposal: Proposal) -> CommandRecord:
        """Carry out what was taken; the record as it is when the station has answered."""
        change = proposal.change
        order = Order(
            station=change.station, verb=change.verb, target=change.target, old=change.was,
            content=change.value, reason=proposal.reason, request=change.request,
            read_back=change.verb == Verb.SET,
        )  # fmt: skip
        return await self._carrier.carry_out(identity, order)

    # -- what holds now --------------------------------------------------------------------------

    def station(self, name: str) -> StationFacts:
        """A station of the line; Problem("unknown")."""
        facts = self._facts.stations.get(name)
        if facts is None:
            known = ", ".join(self._facts.stations)
            raise Problem("unknown", [f"no such station on this line; stations: {known}"])
        return facts

    def source(self, station: str) -> Source:
        """Who controls a station and speaks; Problem("not controlled")."""
        source = self._mirror.controllers().get(station)
        if source is None or source.silent:
            raise Problem("not controlled", [f"nobody is heard who controls {station}"])
        return source

    def state_of(self, facts: StationFacts) -> str:
        """The state of its procedure by name, "" when it is not known."""
        code = self.value(f"{facts.prefix}.SERVICE.STATE")
        try:
            return State(int(code)).name if code is not None else ""
        except ValueError:
            return ""

    def _beyond(self, identity: Identity, wish: Wish) -> bool:
        """It goes beyond what operators may choose; Problem("beyond") to one of them."""
        if wish.verb is not Verb.SET:
            return False
        limits = self._facts.limits
        told = limits.beyond(wish.station, wish.target, wish.value)
        span = limits.of(wish.station, wish.target)
        if not told or span is None or self._out_of_range(wish.target, wish.value):
            return False  # nobody may choose what the range does not hold: that is told instead
        may = identity.permissions
        if DEMANDS[Act.SET].permission in may and DEMANDS[Act.SET_BEYOND].permission not in may:
            more = {"low": span[0], "high": span[1]}
            raise Problem(
                "beyond", [f"{told}; further only an engineer, with a reason"], extra=more
            )
        return True

    def _require_target(self, wish: Wish, facts: StationFacts) -> None:
        verb, target, value = wish.verb, wish.target, wish.value
        if not needs_target(verb):
            if target or value is not None:
                raise Problem("value", [f"{verb} takes neither target nor value"])
            return
        if not target or value is None:
            raise Problem("value", [f"{verb} needs a target and a value"])
        if verb is Verb.SET:
            self._require_settable(target, value, facts)
        elif verb in (Verb.MODE, Verb.TUNE) and target not in facts.loops:
            known = ", ".join(facts.loops)
            raise Problem("unknown", [f"no such loop in {facts.name}; loops: {known}"])

    def _require_settable(self, target: str, value: float | str, facts: StationFacts) -> None:
        if not facts.settable(target) or target not in self._mirror:
            raise Problem("unknown", [f"no such set point in {facts.name}"])
        if isinstance(value, str) or not math.isfinite(value):
            raise Problem("value", [f"{target}: the value must be a number"])
        if self._out_of_range(target, value):
            tag = self._mirror.tags[self._mirror.index(target)]
            told = f"{target} = {value:g}: allowed {tag.low:g} to {tag.high:g} {tag.unit}".rstrip()
            raise Problem("range", [told], extra={"low": tag.low, "high": tag.high})

    def _out_of_range(self, target: str, value: object) -> bool:
        if target not in self._mirror or not isinstance(value, float | int):
            return False
        tag = self._mirror.tags[self._mirror.index(target)]
        return not tag.low <= value <= tag.high

    def _require_version(self, station: str, target: str, version: int | None) -> None:
        now = self._book.version(station, target)
        if version is None or version == now:
            return
        last = self._book.last(station, target)
        told = f"{target} has version {now}, you saw {version}: look again"
        if last is not None:
            did = _DID.get(last.state, "changed")
            told = f"{last.actor} {did} {target} to {last.requested} meanwhile: look again"
        raise Problem("changed", [told], extra={
            "version": now, "by": last.actor if last else "",
            "when_ns": last.done_ns if last else None, "value": last.requested if last else None,
        })  # fmt: skip

    def value(self, tag: str) -> float | str | None:
        """What the mirror shows, None when it may not be used."""
        if not tag or tag not in self._mirror:
            return None
        k = self._mirror.index(tag)
        value = float(self._mirror.value[k])
        if self._mirror.quality[k] >= FIRST_BAD or not math.isfinite(value):
            return None
        labels = self._mirror.tags[k].labels
        return labels[int(value)] if 0 <= value < len(labels) else value

    def quality(self, tag: str) -> str:
        """Why a value may not be used, in words."""
        return quality_text(int(self._mirror.quality[self._mirror.index(tag)]))

    def _unit(self, tag: str) -> str:
        return self._mirror.tags[self._mirror.index(tag)].unit if tag in self._mirror else ""


def _shown_tag(wish: Wish) -> str:
    """The tag that shows what a wish changes."""
    match wish.verb:
        case Verb.SET:
            return wish.target
        case Verb.MODE:
            return f"{wish.target}.MODE"
    return ""


def _who(identity: Identity) -> str:
    """One person's proposals are no other's, nor those of another session of his."""
    return f"{identity.via.value}:{identity.key}:{identity.user}"


def _told(change: Change, unit: str) -> str:
    """'COAT.V.LINE.SP: 5 -> 6 m/min'."""
    if change.value is None:
        return f"{change.verb} {change.station}"
    was = "unknown" if change.was is None else _text(change.was)
    return f"{change.target}: {was} -> {_text(change.value)} {unit}".rstrip()


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
