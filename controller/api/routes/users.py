"""Users, their roles, and tokens for scripts. Every change takes the password again."""

from collections import Counter
from functools import partial
from typing import Annotated, Any

from fastapi import Path, Response

from controller.access.demands import Act
from controller.access.identity import Identity, Via, require_act
from controller.access.roles import TABLE, Role
from controller.access.script_tokens import Scope, ScriptToken
from controller.access.secret import Secret
from controller.access.sessions import Session
from controller.access.users import User
from controller.api import bodies
from controller.api.declared import Anybody, Routes
from controller.api.openapi import json_of
from controller.api.parts import Parts
from controller.api.problems import Problem
from controller.api.routes.common import By, OfParts, answer, nothing
from controller.audit.export import utc_text
from controller.clock import NS

routes = Routes("users")
Who = Annotated[str, Path(max_length=200, description="name of a user")]
OwnId = Annotated[str, Path(max_length=40, description="id of a session")]
_USER = {"name": "sato", "display": "Sato", "roles": ["operator"], "active": True,
         "second_factor": False, "made": "2026-11-22T10:45:00.000Z"}  # fmt: skip
_TOKEN = {"id": "3f9a0c11d2", "label": "reports", "owner": "sato", "permissions": ["view"],
          "expires": "2027-02-20T10:45:00.000Z", "ended": ""}  # fmt: skip
_SESSION = {"id": "3f9a0c11d2aa01b4", "user": "sato", "address": "10.0.0.5", "strong": False,
            "begun": "2026-11-22T10:45:00.000Z", "quiet_s": 12.0, "left_s": 40_000.0,
            "windows": 1, "own": True}  # fmt: skip
_CODES = ("ticket", "reason", "name", "roles", "password", "exists", "last administrator")


@routes.get("/users", Act.USERS, answers=json_of({"users": [_USER]}))
async def users(parts: OfParts) -> Response:
    """Everybody there is or was."""
    found = await parts.pools.door.do(parts.door.desk.users)
    return answer({"users": [_user(user) for user in found]})


@routes.get("/roles", Act.LOOK, answers=json_of({"roles": {"viewer": ["view"]}}))
async def roles() -> Response:
    """Which role has which permissions."""
    return answer({"roles": {role.value: sorted(TABLE[role]) for role in Role}})


@routes.post("/users", Act.USERS, status=201, ticket=True, codes=_CODES, answers=json_of(_USER))
async def add(body: bodies.NewUser, by: By, parts: OfParts) -> Response:
    """A new user."""
    require_act(by, Act.USERS, body.reason)
    user = await parts.pools.passwords.do(
        parts.door.desk.add, by.actor, body.name, body.roles, Secret(body.password), body.display,
        body.reason,
    )  # fmt: skip
    return answer(_user(user), 201)


@routes.put("/users/{user}/roles", Act.USERS, ticket=True, codes=_CODES, answers=json_of(_USER))
async def set_roles(user: Who, body: bodies.UserRoles, by: By, parts: OfParts) -> Response:
    """All roles that somebody shall have from now on; his sessions end."""
    require_act(by, Act.USERS, body.reason)
    found = await parts.pools.door.do(
        parts.door.desk.set_roles, by.actor, user, body.roles, body.reason
    )
    return answer(_user(found))


@routes.post("/users/{user}/disable", Act.USERS, status=204, ticket=True, codes=_CODES)
async def disable(user: Who, body: bodies.Why, by: By, parts: OfParts) -> Response:
    """Let somebody in no more; his sessions end, his tokens are refused."""
    require_act(by, Act.USERS, body.reason)
    await parts.pools.door.do(parts.door.desk.disable, by.actor, user, body.reason)
    return nothing()


@routes.post("/users/{user}/enable", Act.USERS, status=204, ticket=True, codes=_CODES)
async def enable(user: Who, body: bodies.Why, by: By, parts: OfParts) -> Response:
    """Let a disabled user in again."""
    require_act(by, Act.USERS, body.reason)
    await parts.pools.door.do(parts.door.desk.enable, by.actor, user, body.reason)
    return nothing()


@routes.put("/users/{user}/password", Act.USERS, status=204, ticket=True, codes=_CODES)
async def set_password(user: Who, body: bodies.NewPassword, by: By, parts: OfParts) -> Response:
    """Give somebody another password; his sessions end."""
    require_act(by, Act.USERS, body.reason)
    await parts.pools.passwords.do(
        parts.door.desk.set_password, by.actor, user, Secret(body.password), body.reason
    )
    return nothing()


@routes.post(
    "/users/{user}/reset", Act.USERS, status=201, ticket=True, repeats=False,
    codes=("own", "disabled", *_CODES),
    answers=json_of({"code": "ABCDE-FGHJK-...", "good_for_s": 3600.0}, "Shown this once."),
)  # fmt: skip
async def make_reset(user: Who, body: bodies.Why, by: By, parts: OfParts) -> Response:
    """A code with which somebody chooses a new password; the old one and his sessions end."""
    require_act(by, Act.USERS, body.reason)
    code = await parts.pools.door.do(parts.door.desk.make_reset, by.actor, user, body.reason)
    return answer({"code": code.reveal(), "good_for_s": parts.door.settings.reset_s}, 201)


@routes.post("/users/{user}/remove-factor", Act.USERS, status=204, ticket=True, codes=_CODES)
async def remove_factor(user: Who, body: bodies.Why, by: By, parts: OfParts) -> Response:
    """Take away the second factor of somebody who lost telephone and codes."""
    require_act(by, Act.USERS, body.reason)
    await parts.pools.door.do(parts.door.desk.remove_factor, by.actor, user, body.reason)
    return nothing()


@routes.get("/sessions", Act.USERS, answers=json_of({"sessions": [_SESSION]}))
async def sessions(by: By, parts: OfParts) -> Response:
    """Everybody who is logged in, from where, and how many windows he has open."""
    return answer({"sessions": await open_sessions(parts, by)})


@routes.post("/sessions/{own}/end", Act.USERS, status=204, ticket=True, codes=_CODES)
async def end_session(own: OwnId, body: bodies.Why, by: By, parts: OfParts) -> Response:
    """Log somebody out; his windows close."""
    require_act(by, Act.USERS, body.reason)
    await parts.pools.door.do(parts.door.desk.end_session, by.actor, own, body.reason)
    return nothing()


@routes.get("/session/open", Anybody.KNOWN, answers=json_of({"sessions": [_SESSION]}))
async def own_sessions(by: By, parts: OfParts) -> Response:
    """Where you are logged in."""
    return answer({"sessions": await open_sessions(parts, by, by.user)})


@routes.post("/session/open/{own}/end", Anybody.KNOWN, status=204, codes=("unknown",))
async def end_own_session(own: OwnId, by: By, parts: OfParts) -> Response:
    """End one of your own sessions, as that of a panel where you forgot to log out."""
    if by.via is not Via.SESSION:
        raise Problem("forbidden", ["only a person has sessions"])
    work = partial(parts.door.desk.end_session, by.actor, own, user=by.user)
    await parts.pools.door.do(work)
    return nothing()


@routes.get("/tokens", Act.USERS, answers=json_of({"tokens": [_TOKEN]}))
async def tokens(parts: OfParts) -> Response:
    """Every token there is or was; never the secret part."""
    found = await parts.pools.door.do(parts.door.desk.tokens)
    return answer({"tokens": [_token(token) for token in found]})


@routes.post(
    "/tokens", Act.USERS, status=201, ticket=True, repeats=False, codes=("token", *_CODES),
    answers=json_of({"secret": "dryline_3f9a0c11d2_...", **_TOKEN}, "Shown this once."),
)  # fmt: skip
async def make_token(body: bodies.NewToken, by: By, parts: OfParts) -> Response:
    """A token for a script: for what it is said to do, for a while."""
    require_act(by, Act.USERS, body.reason)
    scope = Scope(
        label=body.label, permissions=frozenset(body.permissions), address=body.address,
        days=body.days, stations=frozenset(body.stations) if body.stations else None,
    )  # fmt: skip
    secret, made = await parts.pools.door.do(
        parts.door.desk.make_token, by.actor, body.owner, scope
    )
    return answer({"secret": secret.reveal(), **_token(made)}, 201)


@routes.post("/tokens/{token}/end", Act.USERS, status=204, ticket=True, codes=_CODES)
async def end_token(
    token: Annotated[str, Path(max_length=40)], body: bodies.Why, by: By, parts: OfParts
) -> Response:
    """Make a token good for nothing."""
    require_act(by, Act.USERS, body.reason)
    await parts.pools.door.do(parts.door.desk.end_token, by.actor, token, body.reason)
    return nothing()


async def open_sessions(parts: Parts, by: Identity, user: str = "") -> list[dict[str, Any]]:
    """Sessions as plain values, of one user when he is named."""
    found = await parts.pools.door.do(parts.door.desk.sessions, user)
    windows = Counter(c.client.identity.key for c in parts.hub.connections)
    return [_session(one, parts, by, windows[one.key]) for one in found]


def _session(one: Session, parts: Parts, by: Identity, windows: int) -> dict[str, Any]:
    begun_s = parts.door.settings.session_s - one.left_s
    begun_ns = parts.given.now().utc_ns - round(begun_s * NS)
    return {
        "id": one.id, "user": one.user.name, "address": one.address, "strong": one.strong,
        "begun": utc_text(begun_ns), "quiet_s": round(one.quiet_s, 1),
        "left_s": round(one.left_s, 1), "windows": windows, "own": one.key == by.key,
    }  # fmt: skip


def _user(user: User) -> dict[str, Any]:
    return {
        "name": user.name, "display": user.display, "active": user.active,
        "roles": [role.value for role in Role if role in user.roles],
        "second_factor": user.factor, "made": utc_text(user.made_ns),
    }  # fmt: skip


def _token(token: ScriptToken) -> dict[str, Any]:
    return {
        "id": token.id, "label": token.label, "owner": token.owner,
        "permissions": sorted(p.value for p in token.permissions),
        "stations": None if token.stations is None else sorted(token.stations),
        "address": token.address, "made": utc_text(token.made_ns),
        "expires": utc_text(token.expires_ns),
        "used": utc_text(token.used_ns) if token.used_ns else "", "ended": token.ended,
    }  # fmt: skip
