"""Tokens for scripts: scoped, hashed, expiring, and recognisable where they should not be.

A token reads `dryline_ID_SECRET`. The id is no secret: lists and the audit trail name it, and a
search for the prefix finds tokens that were left in a repository. It gives what it was made for
and its owner still may; it ends with its owner.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass

from controller.access.chance import hash_of, same, short_id, unguessable
from controller.access.database import Change, Row
from controller.access.roles import FOR_TOKENS, Permission, permissions_of
from controller.access.secret import Secret
from controller.access.settings import DAY_S, HOUR_S
from controller.access.users import User, found
from controller.audit.moment import Moment
from controller.clock import NS
from controller.core.errors import Refused

PREFIX = "dryline"
MAX_DAYS = 366
MAX_LABEL = 40
NO_TOKEN = "this token is not valid: it is unknown, over, or its owner is"  # noqa: S105
_SHAPE = re.compile(rf"{PREFIX}_([0-9a-f]{{10}})_([A-Za-z0-9_-]{{43}})")
_FIELDS = (
    "id, owner, label, permissions, stations, address, made_ns, expires_ns, used_ns, ended, hash"
)


@dataclass(frozen=True, slots=True)
class ScriptToken:
    """stations: None for all; address: the only one it is good from, "" for any; times: UTC."""

    id: str
    owner: str
    label: str
    permissions: frozenset[Permission]
    stations: frozenset[str] | None
    address: str
    made_ns: int
    expires_ns: int
    used_ns: int
    ended: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a new token shall be good for."""

    label: str
    permissions: frozenset[Permission]
    stations: frozenset[str] | None = None
    address: str = ""
    days: int = 90


def make(change: Change, owner: User, scope: Scope, moment: Moment) -> tuple[Secret, ScriptToken]:
    """A new token; it is shown this once."""
    _require_possible(owner, scope)
    own, secret = short_id(), unguessable()
    expires_ns = moment.utc_ns + round(scope.days * DAY_S * NS)
    change.run(
        "INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '')",
        own, hash_of(secret), owner.name, scope.label.strip(), _text(scope.permissions),
        "" if scope.stations is None else _text(scope.stations), scope.address, moment.utc_ns,
        expires_ns,
    )  # fmt: skip
    return Secret(f"{PREFIX}_{own}_{secret.reveal()}"), require_token(change, own)


def _require_possible(owner: User, scope: Scope) -> None:
    reasons = []
    label = scope.label.strip()
    if not label or len(label) > MAX_LABEL or not label.isprintable():
        reasons.append(f"a label says what the token is for, in at most {MAX_LABEL} characters")
    if not scope.permissions:
        reasons.append("name at least one permission")
    possible = permissions_of(owner.roles) & FOR_TOKENS
    for permission in sorted(scope.permissions - possible):
        why = "not for scripts" if permission not in FOR_TOKENS else f"{owner.name} may not either"
        reasons.append(f"{permission.value}: {why}")
    if not 1 <= scope.days <= MAX_DAYS:
        reasons.append(f"{scope.days} days: a token lasts 1 to {MAX_DAYS}")
    if not owner.active:
        reasons.append(f"{owner.name} is disabled")
    if reasons:
        raise Refused("token", reasons)


def look_up(change: Change, text: Secret, address: str, moment: Moment) -> ScriptToken:
    """The token of a header, with the permissions it has now; Refused("token")."""
    match = _SHAPE.fullmatch(text.reveal())
    row = _row(change, match[1]) if match else None
    stored = row[-1] if row else "0" * 64
    right = same(stored, hash_of(Secret(match[2] if match else "")))
    if row is None or not right:
        raise Refused("token", [NO_TOKEN])
    token = _token(row)
    owner = found(change, token.owner)
    over = moment.utc_ns >= token.expires_ns or moment.utc_ns < token.made_ns
    if token.ended or over or owner is None or not owner.active:
        raise Refused("token", [NO_TOKEN])
    if token.address and token.address != address:
        raise Refused("token", [NO_TOKEN])
    return token


def named(change: Change, text: Secret) -> str:
    """The id of a token that is or was there, "" for anything else: it may be a secret."""
    match = _SHAPE.fullmatch(text.reveal())
    return match[1] if match and _row(change, match[1]) else ""


def permissions_now(change: Change, token: ScriptToken) -> frozenset[Permission]:
    """What it was made for, as far as its owner still may."""
    owner = found(change, token.owner)
    return token.permissions & permissions_of(owner.roles) if owner else frozenset()


def used(change: Change, token: ScriptToken, moment: Moment) -> None:
    """Note that it is in use; once an hour is enough to find the forgotten ones."""
    change.run("UPDATE token SET used_ns = ? WHERE id = ?", moment.utc_ns, token.id)


def use_is_noted(token: ScriptToken, moment: Moment) -> bool:
    """Its use was noted within the last hour."""
    return 0 <= moment.utc_ns - token.used_ns < HOUR_S * NS


def end(change: Change, own: str, why: str) -> ScriptToken:
    """It is good for nothing from now on."""
    token = require_token(change, own)
    change.run("UPDATE token SET ended = ? WHERE id = ? AND ended = ''", why, own)
    return token


def require_token(change: Change, own: str) -> ScriptToken:
    """A token by its id, or Refused("unknown")."""
    row = _row(change, own)
    if row is None:
        raise Refused("unknown", [f"no token {own!r}"])
    return _token(row)


def all_tokens(change: Change) -> list[ScriptToken]:
    """Every token there is or was, newest first."""
    rows = change.rows(f"SELECT {_FIELDS} FROM token ORDER BY made_ns DESC, id")  # noqa: S608
    return [_token(row) for row in rows]


def _row(change: Change, own: str) -> Row | None:
    return change.row(f"SELECT {_FIELDS} FROM token WHERE id = ?", own)  # noqa: S608


def _text(names: Collection[str]) -> str:
    return json.dumps(sorted(names))


def _token(row: Row) -> ScriptToken:
    own, owner, label, permissions, stations, *times = row[:10]
    address, made_ns, expires_ns, used_ns, ended = times
    return ScriptToken(
        own, owner, label, frozenset(Permission(p) for p in json.loads(permissions)),
        frozenset(json.loads(stations)) if stations else None, address, made_ns, expires_ns,
        used_ns, ended,
    )  # fmt: skip
