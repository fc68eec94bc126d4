"""Two steps to a change: once, by the same person, in time, on a fresh picture."""

import pytest

from controller.access.demands import Act
from controller.api import proposals
from controller.api.proposals import (
    GOOD_FOR_S,
    SIGNED_FOR_S,
    Change,
    Proposals,
    require_fresh,
)
from controller.core.errors import Refused
from controller.core.event import Verb

CHANGE = Change(station="coater", verb=Verb.SET, target="COAT.L5.SP", value=12.0, was=10.0)
NS = 10**9


def test_a_proposal_is_taken_once():
    desk = Proposals()
    made = desk.propose("ann", CHANGE, "thicker", 0.0)
    assert desk.take(made.token, "ann", 1.0).change == CHANGE
    with pytest.raises(Refused, match="used") as refused:
        desk.take(made.token, "ann", 1.1)
    assert refused.value.code == "gone"


def test_nobody_else_takes_it_and_it_stays_there_for_its_owner():
    desk = Proposals()
    made = desk.propose("ann", CHANGE, "", 0.0)
    with pytest.raises(Refused, match="unknown"):
        desk.take(made.token, "bob", 1.0)
    assert not desk.withdraw(made.token, "bob")
    assert desk.take(made.token, "ann", 2.0)


@pytest.mark.parametrize(("after_s", "good"), [(GOOD_FOR_S, True), (GOOD_FOR_S + 0.1, False)])
def test_a_proposal_is_good_for_a_short_time(after_s, good):
    desk = Proposals()
    made = desk.propose("ann", CHANGE, "", 0.0)
    if good:
        assert desk.take(made.token, "ann", after_s)
    else:
        with pytest.raises(Refused, match="over"):
            desk.take(made.token, "ann", after_s)


def test_what_is_signed_may_be_read_and_typed_for_longer():
    desk = Proposals()
    made = desk.propose("ann", CHANGE, "", 0.0, Act.DEPLOY)
    assert desk.take(made.token, "ann", SIGNED_FOR_S)
    made = desk.propose("ann", CHANGE, "", 0.0, Act.DEPLOY)
    with pytest.raises(Refused, match=f"over after {SIGNED_FOR_S:g} s"):
        desk.take(made.token, "ann", SIGNED_FOR_S + 0.1)


def test_withdrawn_is_gone():
    desk = Proposals()
    made = desk.propose("ann", CHANGE, "", 0.0)
    assert desk.withdraw(made.token, "ann")
    with pytest.raises(Refused):
        desk.take(made.token, "ann", 0.1)


def test_tokens_are_never_the_same_and_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(proposals, "MOST", 50)
    desk = Proposals()
    tokens = {desk.propose("ann", CHANGE, "", 0.0).token for _ in range(200)}
    assert len(tokens) == 200
    assert len(desk) == 50
    desk.propose("ann", CHANGE, "", GOOD_FOR_S + 1)
    assert len(desk) == 1


@pytest.mark.parametrize(
    ("age_s", "speed", "fresh"),
    [(0.0, 1, True), (1.9, 1, True), (2.1, 1, False), (19.0, 10, True), (21.0, 10, False),
     (-0.4, 1, True), (-0.6, 1, False)],
)  # fmt: skip
def test_nobody_acts_on_an_old_picture(age_s, speed, fresh):
    now_ns = 1000 * NS
    seen_ns = now_ns - round(age_s * NS)
    if fresh:
        require_fresh(seen_ns, now_ns, speed)
    else:
        with pytest.raises(Refused, match="look again") as refused:
            require_fresh(seen_ns, now_ns, speed)
        assert refused.value.code == "stale"
