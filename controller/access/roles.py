"""Roles, permissions, and which role has which: one table, everything else is denied.

viewer < operator < engineer: each may do what the one before it may. approver and administrator
stand beside them, on a viewer's ground: who approves recipes or administers users does not thereby
run machines. A person may have several roles; the permissions add up, and the audit trail shows
who gave them. Author and approver of one version are different people whatever their roles are.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum, auto
from types import MappingProxyType

from controller.core.event import Verb


class Role(StrEnum):
    """What a person is, for this line."""

    VIEWER = auto()
    OPERATOR = auto()
    ENGINEER = auto()
    APPROVER = auto()
    ADMINISTRATOR = auto()


class Permission(StrEnum):
    """What may be done."""

    VIEW = auto()  # live values, history, alarms, runs, recipes; nothing changes
    REST = auto()  # STOP, HOLD, ABORT: bring a station to rest
    OPERATE = auto()  # start and lead a station, set points within the operator's limits, modes
    ACKNOWLEDGE = auto()  # and silence
    SHELVE = auto()  # an alarm that is not critical, for a while
    TRIM = auto()  # outputs in manual
    TUNE = auto()  # gains, alarm limits, set points beyond the operator's limits
    BYPASS = auto()  # force, out of service, interlock bypass, shelving of critical alarms
    DRAFT = auto()  # write, rehearse and submit recipes, plan trials, sign as author or reviewer
    APPROVE = auto()  # release, reject or retire a recipe
    DEPLOY = auto()  # and roll back
    EXPORT = auto()  # take history and runs away
    READ_AUDIT = auto()  # look at, verify and export the audit trail
    ADMINISTER = auto()  # users, roles, tokens
    CONFIGURE = auto()  # certificates, trust, sinks, backups, the answer to a broken trail


_VIEWER = frozenset({Permission.VIEW})
_OPERATOR = _VIEWER | {
    Permission.REST,
    Permission.OPERATE,
    Permission.ACKNOWLEDGE,
    Permission.SHELVE,
    Permission.TRIM,
}
_ENGINEER = _OPERATOR | {
    Permission.TUNE,
    Permission.BYPASS,
    Permission.DRAFT,
    Permission.DEPLOY,
    Permission.EXPORT,
    Permission.READ_AUDIT,
}
TABLE: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.VIEWER: _VIEWER,
        Role.OPERATOR: _OPERATOR,
        Role.ENGINEER: _ENGINEER,
        Role.APPROVER: _VIEWER | {Permission.APPROVE, Permission.DEPLOY, Permission.READ_AUDIT},
        Role.ADMINISTRATOR: _VIEWER
        | {
            Permission.EXPORT,
            Permission.READ_AUDIT,
            Permission.ADMINISTER,
            Permission.CONFIGURE,
        },
    }
)
# What asks for a person who enters the password again is nothing for a script.
FOR_TOKENS = frozenset(Permission) - {
    Permission.APPROVE,
    Permission.DEPLOY,
    Permission.BYPASS,
    Permission.ADMINISTER,
    Permission.CONFIGURE,
}
STRONG_ROLES = frozenset({Role.ENGINEER, Role.APPROVER, Role.ADMINISTRATOR})


def permissions_of(roles: Collection[Role]) -> frozenset[Permission]:
    """What people with these roles may do; nothing without a role."""
    return frozenset().union(*(TABLE[role] for role in roles))


_VERBS: Mapping[Verb, Permission] = MappingProxyType(
    {
        Verb.STOP: Permission.REST,
        Verb.HOLD: Permission.REST,
        Verb.ABORT: Permission.REST,
        Verb.RESET: Permission.OPERATE,
        Verb.START: Permission.OPERATE,
        Verb.UNHOLD: Permission.OPERATE,
        Verb.PAUSE: Permission.OPERATE,
        Verb.RESUME: Permission.OPERATE,
        Verb.RESTART: Permission.OPERATE,
        Verb.COMPLETE: Permission.OPERATE,
        Verb.CONFIRM: Permission.OPERATE,
        Verb.LOT: Permission.OPERATE,
        Verb.SET: Permission.OPERATE,  # within the operator's limits; see `demands.Act`
        Verb.MODE: Permission.OPERATE,
        Verb.TUNE: Permission.TUNE,
        Verb.DEPLOY: Permission.DEPLOY,
        Verb.BYPASS: Permission.BYPASS,
        Verb.UNBYPASS: Permission.BYPASS,
    }
)


def permission_for(verb: Verb) -> Permission:
    """The least that a command asks for; a verb that is not in the table is nobody's."""
    try:
        return _VERBS[verb]
    except KeyError:
        raise LookupError(f"nobody may {verb}: it is not in the table of permissions") from None
