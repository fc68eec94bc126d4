"""Who asks: the answer to every request before it is looked at."""

from dataclasses import dataclass
from enum import Enum

from controller.access.demands import DEMANDS, Act
from controller.access.roles import Permission, Role
from controller.core.errors import Refused

TERMINAL = "terminal"
WHILE_IDLE = frozenset({Permission.VIEW, Permission.REST})


class Via(Enum):
    """How somebody is known."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a kind, not a token
    TERMINAL = TERMINAL


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is named in the audit trail, and the address he came from."""

    name: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One user, or a script of his.

    permissions: what is possible now, after every restriction; stations: None for all; key: of the
    session or token, not secret; idle: nothing was done for a while: look, or bring to rest, or
    enter the password again; strong: came with a second factor; limited: why he may only look.
    """

    user: str
    display: str
    roles: frozenset[Role]
    permissions: frozenset[Permission]
    via: Via
    address: str
    key: str
    stations: frozenset[str] | None = None
    label: str = ""
    idle: bool = False
    strong: bool = False
    limited: str = ""

    @property
    def actor(self) -> Actor:
        """As the audit trail and the records of runs name him."""
        name = f"token {self.label} of {self.user}" if self.via is Via.TOKEN else self.user
        return Actor(name, self.address)


def require(identity: Identity, permission: Permission, station: str = "") -> None:
    """Refused("forbidden") or Refused("idle") when somebody may not do this now."""
    if permission not in identity.permissions:
        why = identity.limited or f"{identity.actor.name} may not {permission.replace('_', ' ')}"
        raise Refused("forbidden", [why])
    if station and identity.stations is not None and station not in identity.stations:
        raise Refused("forbidden", [f"{identity.actor.name} has nothing to do with {station}"])
    if identity.idle and permission not in WHILE_IDLE:
        raise Refused("idle", ["nothing was done here for a while: enter your password again"])


def require_act(identity: Identity, act: Act, reason: str, station: str = "") -> None:
    """The same for a class of actions, with the reason that it may ask for."""
    demand = DEMANDS[act]
    require(identity, demand.permission, station)
    if demand.reason and not reason.strip():
        raise Refused("reason", ["say why: this is recorded with a reason"])
