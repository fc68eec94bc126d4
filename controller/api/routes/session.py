"""Logging in and out, the password again, second factors, and the first administrator."""

from dataclasses import replace

from fastapi import Request, Response

from controller.access.demands import Act
from controller.access.identity import Identity, Via
from controller.access.secret import Secret
from controller.access.totp import address as totp_address
from controller.access.web_headers import no_cookie, session_cookie
from controller.api import bodies
from controller.api.declared import Anybody, Routes
from controller.api.openapi import json_of
from controller.api.parts import Parts
from controller.api.problems import Problem
from controller.api.routes.common import By, OfCaller, OfParts, answer, nothing

routes = Routes("session")
WHOAMI = {
    "user": "sato", "display": "Sato", "roles": ["operator"], "permissions": ["view", "operate"],
    "via": "session", "idle": False, "strong": False, "limited": "", "csrf": "6f9e...",
    "encrypted": True,
}  # fmt: skip


@routes.post(
    "/session", Anybody.OPEN, status=201, repeats=False, codes=("login", "wait"),
    answers=json_of(WHOAMI, "Logged in; the cookie of the session is set."),
)  # fmt: skip
async def login(body: bodies.Login, request: Request, caller: OfCaller, parts: OfParts) -> Response:
    """Log in. The cookie is for the browser; `csrf` is sent with every change."""
    found = await parts.pools.passwords.do(
        parts.door.login, body.name, Secret(body.password), Secret(body.code), caller.address,
        forwarded=caller.forwarded,
    )  # fmt: skip
    request.state.caller = replace(caller, identity=found.identity)  # the log names him
    response = answer(_whoami(found.identity, parts, found.csrf), 201)
    encrypted = parts.given.encrypted
    response.headers["set-cookie"] = session_cookie(found.own, encrypted=encrypted)
    return response


@routes.get("/session", Anybody.KNOWN, answers=json_of(WHOAMI, "Who is logged in."))
async def whoami(by: By, caller: OfCaller, parts: OfParts) -> Response:
    """Who is logged in, and what he may do now."""
    csrf = parts.door.csrf_of(caller.own) if caller.own else Secret("")
    return answer(_whoami(by, parts, csrf))


@routes.delete("/session", Anybody.KNOWN, status=204, repeats=False)
async def logout(caller: OfCaller, parts: OfParts) -> Response:
    """Log out; the sockets of the session are closed, too."""
    if caller.own is not None:
        await parts.pools.door.do(parts.door.logout, caller.own)
    response = nothing()
    response.headers["set-cookie"] = no_cookie(encrypted=parts.given.encrypted)
    return response


@routes.post(
    "/session/reauth", Anybody.KNOWN, repeats=False, codes=("login", "wait"),
    answers=json_of({"ticket": "q3Zx...", "good_for_s": 60.0}, "A ticket, good once."),
)  # fmt: skip
async def reauth(body: bodies.Again, by: By, parts: OfParts) -> Response:
    """Enter the password again: to go on after a pause, or for one purpose on one subject."""
    door, pool = parts.door, parts.pools.passwords
    if not body.purpose:
        await pool.do(door.wake, by, Secret(body.password))
        return answer({"ticket": "", "good_for_s": 0.0})
    ticket = await pool.do(
        door.ticket, by, Secret(body.password), Secret(body.code), body.purpose, body.subject
    )
    return answer({"ticket": ticket.reveal(), "good_for_s": door.settings.ticket_s})


@routes.put("/session/password", Anybody.KNOWN, status=204, repeats=False, codes=("login", "wait"))
async def change_password(body: bodies.OwnPassword, by: By, parts: OfParts) -> Response:
    """Choose another password; every session of yours ends."""
    await parts.pools.passwords.do(
        parts.door.change_own_password, by, Secret(body.old), Secret(body.new)
    )
    return nothing()


@routes.post(
    "/session/reset", Anybody.OPEN, status=204, repeats=False, codes=("reset", "wait", "password")
)  # fmt: skip
async def reset_password(body: bodies.ResetPassword, caller: OfCaller, parts: OfParts) -> Response:
    """Choose a new password with the code of an administrator; log in with it afterwards."""
    await parts.pools.passwords.do(
        parts.door.reset_password, body.name, Secret(body.code), Secret(body.password),
        Secret(body.factor), caller.address, forwarded=caller.forwarded,
    )  # fmt: skip
    return nothing()


@routes.post(
    "/session/factor", Anybody.KNOWN, repeats=False, codes=("ticket",),
    answers=json_of({"key": "JBSW...", "address": "otpauth://totp/..."}, "A key."),
)  # fmt: skip
async def begin_factor(request: Request, by: By, parts: OfParts) -> Response:
    """Begin to set up a second factor: a key for the telephone, shown this once."""
    await _own_ticket(request, by, parts)
    key = await parts.pools.door.do(parts.door.desk.begin_factor, by.actor, by.user)
    where = totp_address(key, by.user, parts.facts.title)
    return answer({"key": key.reveal(), "address": where.reveal()})


@routes.put(
    "/session/factor", Anybody.KNOWN, repeats=False, codes=("code", "ticket"),
    answers=json_of({"codes": ["ABCDE-FGHJK-MNPQR-STVWX"]}, "Codes for a lost telephone."),
)  # fmt: skip
async def finish_factor(
    body: bodies.FactorCode, request: Request, by: By, parts: OfParts
) -> Response:
    """Finish it with a code; your sessions end, log in with a code from now on."""
    await _own_ticket(request, by, parts)
    work = parts.door.desk.finish_factor
    codes = await parts.pools.door.do(work, by.actor, by.user, Secret(body.code))
    return answer({"codes": [code.reveal() for code in codes]})


async def _own_ticket(request: Request, by: Identity, parts: Parts) -> None:
    """Whoever finds a browser open must not make it his own."""
    if by.via is not Via.SESSION:
        raise Problem("forbidden", ["only a person has a second factor"])
    ticket = Secret(request.headers.get("x-dryline-ticket", ""))
    work = parts.door.redeem
    await parts.pools.door.do(work, by, ticket, Act.LOOK.value, request.url.path)


@routes.get(
    "/setup", Anybody.OPEN, answers=json_of({"needed": False}, "Whether it is needed.")
)  # fmt: skip
async def setup_needed(parts: OfParts) -> Response:
    """Whether the first administrator is still to be set up."""
    has = await parts.pools.door.do(parts.door.desk.has_administrator)
    return answer({"needed": not has})


@routes.post(
    "/setup", Anybody.OPEN, status=201, repeats=False,
    codes=("invitation", "wait", "password", "name"),
    answers=json_of({"user": "chief"}, "There is an administrator now: log in."),
)  # fmt: skip
async def setup(body: bodies.FirstAdministrator, caller: OfCaller, parts: OfParts) -> Response:
    """Set up the first administrator with the code of `dryline user invite`."""
    user = await parts.pools.passwords.do(
        parts.door.accept_invitation, Secret(body.code), body.name, Secret(body.password),
        body.display, caller.address, forwarded=caller.forwarded,
    )  # fmt: skip
    return answer({"user": user.name}, 201)


def _whoami(by: Identity, parts: Parts, csrf: Secret) -> dict[str, object]:
    return {
        "user": by.user, "display": by.display, "roles": sorted(by.roles),
        "permissions": sorted(by.permissions), "via": by.via.value, "idle": by.idle,
        "strong": by.strong, "limited": by.limited, "csrf": csrf.reveal(),
        "stations": None if by.stations is None else sorted(by.stations),
        "encrypted": parts.given.encrypted,
    }  # fmt: skip
