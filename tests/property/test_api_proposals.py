"""Two steps to a change, whoever does what in which order: nothing late, nothing twice, nothing of
somebody else, nothing over a change that was not seen."""

import asyncio
from dataclasses import dataclass

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from controller.access.identity import Identity, Via
from controller.access.roles import Permission, Role
from controller.api.carrying import Carrier
from controller.api.changes import Changes, Wish
from controller.api.commands import CommandBook, CommandRecord
from controller.api.line_facts import LineFacts
from controller.api.mirror import Mirror
from controller.api.problems import Problem
from controller.api.proposals import GOOD_FOR_S, SEEN_S
from controller.config import load_line
from controller.core.errors import Refused
from controller.core.event import Verb
from controller.live_frames import Frame, Hello, TagMeta
from tests.support.line_under_test import SHIPPED

FACTS = LineFacts.of(load_line(SHIPPED))
TARGETS = ("COAT.V.LINE.SP", "COAT.FEED.SP")
T0_NS = 1_795_317_022_000_000_000
STEP_S = 0.25


def person(name: str) -> Identity:
    may = frozenset({Permission.VIEW, Permission.OPERATE, Permission.REST})
    return Identity(
        user=name, display=name, roles=frozenset({Role.OPERATOR}), permissions=may,
        via=Via.SESSION, address="10.0.0.5", key=f"key of {name}",
    )  # fmt: skip


PEOPLE = (person("sato"), person("mori"))


class Noting(Carrier):
    """Carries nothing out, and notes what it should have."""

    def __init__(self, book: CommandBook) -> None:
        self._book = book
        self.done: list[tuple[str, float]] = []

    async def carry_out(self, identity, order):
        record = self._book.begin(
            CommandRecord(id=str(len(self.done)), actor=identity.user, station=order.station,
                          verb=order.verb, target=order.target, requested=order.content)
        )  # fmt: skip
        self.done.append((order.target, float(order.content)))
        return record


@dataclass
class Open:
    """What the model knows of a proposal."""

    token: str
    owner: Identity
    target: str
    value: float
    made_s: float
    changes: int
    over: bool = False


class TwoSteps(RuleBasedStateMachine):
    proposals = Bundle("proposals")

    def __init__(self) -> None:
        super().__init__()
        self.now_s, self.number = 100.0, 0
        self.mirror, self.book = Mirror(), CommandBook(first=7)
        self.carrier = Noting(self.book)
        self.changes = Changes(
            FACTS, self.mirror, self.carrier, self.book, lambda: self.now_s
        )  # fmt: skip
        self.count = dict.fromkeys(TARGETS, 0)
        self.wanted: list[tuple[str, float]] = []
        tags = tuple(TagMeta(n, "coater", n, "", "real", 0.0, 20.0, 0.01, ()) for n in TARGETS)
        hello = Hello("b", "pilot", "", 1.0, 0.1, ("coater",), tags)
        self.mirror.attach(hello, self.now_s)
        self.talk()

    @property
    def plant_ns(self) -> int:
        return T0_NS + round(self.now_s * 1e9)

    @rule()
    def talk(self) -> None:
        """The controller is heard."""
        self.number += 1
        n = len(TARGETS)
        frame = Frame(self.number, self.plant_ns, np.ones(n), np.zeros(n, np.uint8),
                      np.full(n, self.plant_ns, np.int64))  # fmt: skip
        self.mirror.apply("", frame, self.now_s)

    @rule(steps=st.integers(1, 80))
    def time_passes(self, steps: int) -> None:
        self.now_s += steps * STEP_S

    @rule(
        target=proposals, who=st.sampled_from(PEOPLE), tag=st.sampled_from(TARGETS),
        value=st.integers(0, 20),
    )  # fmt: skip
    def propose(self, who: Identity, tag: str, value: int) -> Open:
        wish = Wish(station="coater", verb=Verb.SET, target=tag, value=float(value))
        told = self.changes.propose(who, wish)
        return Open(told["token"], who, tag, float(value), self.now_s, self.count[tag])

    @rule(one=proposals, who=st.sampled_from(PEOPLE), ago=st.integers(-4, 16))
    def execute(self, one: Open, who: Identity, ago: int) -> None:
        """seen so many quarters of a second ago."""
        seen_s = self.now_s - ago * STEP_S
        seen_ms = (T0_NS + round(seen_s * 1e9)) // 1_000_000
        mine, in_time = who is one.owner, self.now_s <= one.made_s + GOOD_FOR_S
        fresh = -2 * STEP_S <= ago * STEP_S <= SEEN_S
        unseen = self.count[one.target] != one.changes
        allowed = mine and not one.over and in_time and fresh and not unseen
        one.over = one.over or mine
        try:
            proposal = self.changes.take(who, one.token, seen_ms)
            asyncio.run(self.changes.execute(who, proposal))
        except (Refused, Problem):
            assert not allowed, f"refused, but {one}"
            return
        assert allowed, f"executed, but {one}"
        self.count[one.target] += 1
        self.wanted.append((one.target, one.value))

    @rule(one=proposals, who=st.sampled_from(PEOPLE))
    def withdraw(self, one: Open, who: Identity) -> None:
        self.changes.withdraw(who, one.token)
        one.over = one.over or who is one.owner

    @invariant()
    def only_what_was_allowed_was_done(self) -> None:
        assert self.carrier.done == self.wanted


TwoSteps.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestTwoSteps = TwoSteps.TestCase
