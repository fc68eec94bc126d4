"""Two steps to a change: what is proposed, seen by a person with its effect, is then executed.

A proposal is good for one execution, by the one who made it, for a short time, and only while
what it was made from is still true. So nobody acts on an old picture: whoever executes names
the server time of the last frame seen, and a frame that is too old refuses.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.access.demands import DEMANDS, Act
from controller.core.errors import Refused

GOOD_FOR_S = 15.0
SIGNED_FOR_S = 60.0  # where a difference is to be read and a password to be typed, with gloves
SEEN_S = 2.0  # so old may the last frame be that a person saw
AHEAD_S = 0.5  # so far may it lie ahead of what this process knows
MOST = 1000  # open ones; beyond it the oldest go
TOKEN_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be done: a command without the person and the reason.

    was: what the value is now as the person saw it, None where there is none; version: of what
    it changes, refused when somebody else changed it meanwhile. request: what the controller is
    asked beside that, for what is more than a command of a station (a deployment, an alarm).
    returns: of a trial, what comes back by itself and is signed with it.
    """

    station: str
    verb: str
    target: str = ""
    value: float | str | None = None
    was: float | str | None = None
    version: int | None = None
    request: Mapping[str, Any] = field(default_factory=dict)
    returns: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A change somebody looks at. until_s: on the monotonic clock of this process; act: its class,
    which says what is asked of the person."""

    token: str
    actor: str
    change: Change
    reason: str
    until_s: float
    act: Act = Act.LEAD


def good_for_s(act: Act) -> float:
    """How long a proposal of a class is good."""
    return SIGNED_FOR_S if DEMANDS[act].password else GOOD_FOR_S


class Proposals:
    """The open proposals of one API. Told the time."""

    def __init__(self) -> None:
        self._open: dict[str, Proposal] = {}

    def __len__(self) -> int:
        return len(self._open)

    def propose(
        self, actor: str, change: Change, reason: str, now_s: float, act: Act = Act.LEAD
    ) -> Proposal:
        """Open a proposal; those that are over are forgotten."""
        for token in [t for t, p in self._open.items() if p.until_s < now_s]:
            del self._open[token]
        while len(self._open) >= MOST:
            del self._open[next(iter(self._open))]
        proposal = Proposal(
            token=secrets.token_urlsafe(TOKEN_BYTES),
            actor=actor,
            change=change,
            reason=reason,
            until_s=now_s + good_for_s(act),
            act=act,
        )
        self._open[proposal.token] = proposal
        return proposal

    def take(self, token: str, actor: str, now_s: float) -> Proposal:
        """The proposal, which can be taken once. Refused: unknown, used, over, or another's."""
        proposal = self._open.get(token)
        if proposal is None or proposal.actor != actor:
            # Whose it is, or was, is nobody else's business.
            raise Refused("gone", ["the proposal is unknown, was used or is over: propose again"])
        del self._open[token]
        if now_s > proposal.until_s:
            told = f"the proposal is over after {good_for_s(proposal.act):g} s: propose again"
            raise Refused("gone", [told])
        return proposal

    def withdraw(self, token: str, actor: str) -> bool:
        """Forget a proposal of somebody; whether there was one."""
        proposal = self._open.get(token)
        if proposal is None or proposal.actor != actor:
            return False
        del self._open[token]
        return True


def require_fresh(seen_ns: int, now_ns: int, speed: float) -> None:
    """Refused when the last frame a person saw is too old; times are UTC nanoseconds of the plant.

    speed: plant seconds in a second of the wall, in which people see.
    """
    age_s = (now_ns - seen_ns) / 1e9 / speed
    if age_s > SEEN_S:
        raise Refused(
            "stale", [f"the picture is {age_s:.1f} s old, at most {SEEN_S:g} s: look again"]
        )
    if age_s < -AHEAD_S:
        raise Refused("stale", ["the time of the last frame seen lies in the future: look again"])
