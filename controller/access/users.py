"""Users in the store: reading them, and the single steps of changing them inside a transaction.

A user is never deleted: the audit trail names him, and his name must not come to mean another
person. Every change of what he may do raises the version of the user, and a session is only good
for the version it began with.
"""

import json
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from controller.access.database import Change, Row
from controller.access.roles import Role
from controller.access.secret import Secret
from controller.core.errors import Refused

NAME = re.compile(r"[a-z][a-z0-9._-]{0,31}")
MAX_DISPLAY = 80
_FIELDS = "name, display, roles, active, version, made_ns, password_ns, factor_key != ''"


class Ended(StrEnum):
    """Why a session ended."""

    LOGOUT = "logout"
    ROLES = "roles"
    PASSWORD = "password"  # noqa: S105 - a reason, not a password
    DISABLED = "disabled"
    FACTOR = "factor"
    EXPIRED = "expired"
    RESTARTED = "restarted"  # the machine was
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class User:
    """One person. version: counts every change of rights; factor: has a second one."""

    name: str
    display: str
    roles: frozenset[Role]
    active: bool
    version: int
    made_ns: int
    password_ns: int
    factor: bool


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a login is checked against."""

    user: User
    password: str
    factor_key: Secret
    factor_step: int

    def __repr__(self) -> str:
        return f"Credentials(user={self.user.name!r})"


def tidy_name(text: str) -> str:
    """A user name as it is stored; Refused when it can be none. ASCII: no look-alikes."""
    name = unicodedata.normalize("NFKC", text).strip().casefold()
    if not NAME.fullmatch(name):
        told = "a user name begins with a letter a to z and has at most 32 of a-z 0-9 . _ -"
        raise Refused("name", [told])
    return name


def found(change: Change, name: str) -> User | None:
    """A user by the stored name."""
    row = change.row(f"SELECT {_FIELDS} FROM user WHERE name = ?", name)  # noqa: S608
    return _user(row) if row else None


def require_found(change: Change, name: str) -> User:
    """A user, or Refused("unknown")."""
    user = found(change, name)
    if user is None:
        raise Refused("unknown", [f"no user {name!r}"])
    return user


def credentials(change: Change, name: str) -> Credentials | None:
    """What a login of this name is checked against."""
    row = change.row(
        f"SELECT {_FIELDS}, password, factor_key, factor_step FROM user WHERE name = ?",  # noqa: S608
        name,
    )
    return Credentials(_user(row[:8]), row[8], Secret(row[9]), row[10]) if row else None


def all_users(change: Change) -> list[User]:
    """Everybody, by name."""
    return [_user(r) for r in change.rows(f"SELECT {_FIELDS} FROM user ORDER BY name")]  # noqa: S608


def administrators(change: Change) -> list[User]:
    """Who can administer users now."""
    return [u for u in all_users(change) if u.active and Role.ADMINISTRATOR in u.roles]


def insert(
    change: Change, name: str, display: str, roles: Collection[Role], password: str, now_ns: int
) -> User:
    """A new user. password: hashed."""
    if found(change, name) is not None:
        raise Refused("exists", [f"user {name!r} is there already, or was: names are not reused"])
    change.run(
        "INSERT INTO user VALUES (?, ?, ?, ?, 1, 1, ?, ?, '', '', 0)",
        name, tidy_display(display, name), _text(roles), password, now_ns, now_ns,
    )  # fmt: skip
    return require_found(change, name)


def set_roles(change: Change, user: User, roles: Collection[Role]) -> None:
    """Other roles; the sessions he has end."""
    change.run("UPDATE user SET roles = ? WHERE name = ?", _text(roles), user.name)
    _changed(change, user, Ended.ROLES)


def set_active(change: Change, user: User, *, active: bool) -> None:
    """Let somebody in again, or no more."""
    change.run("UPDATE user SET active = ? WHERE name = ?", int(active), user.name)
    _forget_reset(change, user)
    _changed(change, user, Ended.DISABLED)


def set_password(change: Change, user: User, password: str, now_ns: int) -> None:
    """Another password, hashed; the sessions he has end."""
    change.run(
        "UPDATE user SET password = ?, password_ns = ? WHERE name = ?", password, now_ns, user.name
    )
    _forget_reset(change, user)
    _changed(change, user, Ended.PASSWORD)


def void_password(change: Change, user: User) -> None:
    """No password fits any more until there is another; the sessions he has end."""
    change.run("UPDATE user SET password = '' WHERE name = ?", user.name)
    _forget_reset(change, user)
    _changed(change, user, Ended.PASSWORD)


def renew_hash(change: Change, user: User, before: str, password: str) -> None:
    """The same password, hashed with the parameters of today."""
    change.run(
        "UPDATE user SET password = ? WHERE name = ? AND password = ?", password, user.name, before
    )


def require_administrator_left(change: Change) -> None:
    """Refused("last administrator") when a change would leave nobody to administer users."""
    if not administrators(change):
        told = "nobody could administer users any more: give another person that role first"
        raise Refused("last administrator", [told])


def changed_factor(change: Change, user: User) -> None:
    """His second factor is another one, or none: the sessions he has end."""
    _changed(change, user, Ended.FACTOR)


def end_sessions(change: Change, why: Ended, where: str, *values: object) -> int:
    """End open sessions and tell who holds connections for them. where: SQL of this package."""
    hashes = change.rows(f"SELECT hash FROM session WHERE ended = '' AND {where}", *values)  # noqa: S608
    for (own,) in hashes:
        change.run("UPDATE session SET ended = ? WHERE hash = ?", why.value, own)
        change.run("INSERT INTO ending (hash, why) VALUES (?, ?)", own, why.value)
        change.run("DELETE FROM ticket WHERE session = ?", own)
    return len(hashes)


def roles_text(roles: Collection[Role]) -> str:
    """Roles as people read them."""
    return ", ".join(role.value for role in Role if role in roles) or "none"


def _changed(change: Change, user: User, why: Ended) -> None:
    change.run("UPDATE user SET version = version + 1 WHERE name = ?", user.name)
    end_sessions(change, why, "user = ?", user.name)


def _forget_reset(change: Change, user: User) -> None:
    """A code that was made for another state of things is good no more."""
    change.run("DELETE FROM reset WHERE user = ?", user.name)


def tidy_display(display: str, name: str) -> str:
    """The name that screens show: one line, nothing that a terminal obeys."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in display).split())
    return shown[:MAX_DISPLAY] or name


def _text(roles: Collection[Role]) -> str:
    return json.dumps(sorted(role.value for role in roles))


def _user(row: Row) -> User:
    name, display, roles, active, version, made_ns, password_ns, factor = row
    known = frozenset(Role(role) for role in json.loads(roles))
    return User(name, display, known, bool(active), version, made_ns, password_ns, bool(factor))
