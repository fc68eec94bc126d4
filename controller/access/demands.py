"""What each class of action asks of the person: permission, two steps, reason, password again."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from types import MappingProxyType

from controller.access.roles import Permission
from controller.core.event import Verb


class Act(StrEnum):
    """Classes of actions."""

    LOOK = auto()
    ACKNOWLEDGE = auto()
    SHELVE = auto()
    SHELVE_CRITICAL = auto()
    REST = auto()  # STOP, HOLD, ABORT
    LEAD = auto()  # the other commands of a station, prompts, lots, modes
    SET = auto()  # a set point within the operator's limits
    SET_BEYOND = auto()
    OUTPUT = auto()  # an output in manual
    TUNE = auto()
    ALARM_LIMIT = auto()
    FORCE = auto()
    OUT_OF_SERVICE = auto()
    BYPASS_INTERLOCK = auto()
    DRAFT = auto()
    RELEASE = auto()
    DEPLOY = auto()
    EXPORT = auto()
    READ_AUDIT = auto()
    USERS = auto()
    CONFIGURE = auto()


@dataclass(frozen=True, slots=True)
class Demand:
    """two_steps: propose, then execute; reason: one must be given; password: a ticket of a
    password that was entered again for just this; highlighted: shown first in the audit trail."""

    permission: Permission
    two_steps: bool = False
    reason: bool = False
    password: bool = False
    highlighted: bool = False


_MARKED = {"two_steps": True, "reason": True, "highlighted": True}

DEMANDS: Mapping[Act, Demand] = MappingProxyType(
    {
        Act.LOOK: Demand(Permission.VIEW),
        Act.ACKNOWLEDGE: Demand(Permission.ACKNOWLEDGE),
        Act.SHELVE: Demand(Permission.SHELVE, reason=True),
        Act.SHELVE_CRITICAL: Demand(Permission.BYPASS, **_MARKED),
        Act.REST: Demand(Permission.REST, two_steps=True),
        Act.LEAD: Demand(Permission.OPERATE, two_steps=True),
        Act.SET: Demand(Permission.OPERATE, two_steps=True),
        Act.SET_BEYOND: Demand(Permission.TUNE, two_steps=True, reason=True),
        Act.OUTPUT: Demand(Permission.TRIM, two_steps=True),
        Act.TUNE: Demand(Permission.TUNE, two_steps=True, reason=True),
        Act.ALARM_LIMIT: Demand(Permission.TUNE, two_steps=True, reason=True),
        Act.FORCE: Demand(Permission.BYPASS, **_MARKED),
        Act.OUT_OF_SERVICE: Demand(Permission.BYPASS, **_MARKED),
        Act.BYPASS_INTERLOCK: Demand(Permission.BYPASS, **_MARKED),
        Act.DRAFT: Demand(Permission.DRAFT, reason=True),
        Act.RELEASE: Demand(Permission.APPROVE, two_steps=True, reason=True, password=True),
        Act.DEPLOY: Demand(Permission.DEPLOY, two_steps=True, reason=True, password=True),
        Act.EXPORT: Demand(Permission.EXPORT),
        Act.READ_AUDIT: Demand(Permission.READ_AUDIT),
        Act.USERS: Demand(Permission.ADMINISTER, password=True, **_MARKED),
        Act.CONFIGURE: Demand(Permission.CONFIGURE, password=True, **_MARKED),
    }
)
_REST = frozenset({Verb.STOP, Verb.HOLD, Verb.ABORT})


def act_of(verb: Verb, *, beyond_limits: bool = False, output: bool = False) -> Act:
    """The class of a command. beyond_limits: a set point that operators may not reach; output: the
    target of a SET is an output in manual, not a set point."""
    if verb in _REST:
        return Act.REST
    match verb:
        case Verb.SET if beyond_limits:
            return Act.SET_BEYOND
        case Verb.SET:
            return Act.OUTPUT if output else Act.SET
        case Verb.TUNE:
            return Act.TUNE
        case Verb.DEPLOY:
            return Act.DEPLOY
        case Verb.BYPASS | Verb.UNBYPASS:
            return Act.BYPASS_INTERLOCK
    return Act.LEAD
