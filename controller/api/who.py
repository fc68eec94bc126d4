"""Who asks: the identity behind a request, and whether a browser was tricked into sending it."""

import getpass
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.datastructures import State
from starlette.requests import HTTPConnection

from controller.access import web_guard
from controller.access.door import Door
from controller.access.identity import TERMINAL, Identity, Via
from controller.access.roles import Permission, Role
from controller.access.secret import Secret
from controller.access.web_guard import Denial, Headers
from controller.access.web_headers import cookie_name
from controller.api.pools import Pools
from controller.api.problems import Problem
from controller.core.errors import Refused

AT_TERMINAL = "dryline.terminal"  # in the scope of what came through the run folder's socket
ACTOR = "x-dryline-actor"  # there: in whose name, as the option --by has it
USER = "x-dryline-user"  # there: the user of this machine who typed it


@dataclass(frozen=True, slots=True)
class Caller:
    """identity: None for a stranger; forwarded: a proxy passed the request on; own: the cookie."""

    identity: Identity | None
    address: str
    forwarded: bool
    own: Secret | None = None
    token: Secret | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """Finds out who asks. encrypted: cookies have the name that needs it."""

    door: Door
    pools: Pools
    proxies: frozenset[str]
    encrypted: bool

    async def caller(self, connection: HTTPConnection, method: str, *, socket: bool) -> Caller:
        """Who sent this; Problem when the request contradicts itself or was sent by a trick."""
        if connection.scope.get(AT_TERMINAL):
            return Caller(_terminal(headers_of(connection)), TERMINAL, forwarded=False)
        headers, settings = headers_of(connection), self.door.settings
        peer = connection.client.host if connection.client else ""
        address, forwarded = web_guard.client_address(peer, headers, self.proxies)
        name = cookie_name(encrypted=self.encrypted)
        deny(web_guard.two_credentials(headers, name))
        own, token = web_guard.cookie_of(headers, name), web_guard.bearer_of(headers)
        by_cookie = own is not None
        deny(
            web_guard.foreign_origin(method, headers, settings, by_cookie=by_cookie, socket=socket)
        )
        identity = await self._identity(own, token, address)
        return Caller(identity, address, forwarded, own if identity else None, token)

    async def _identity(
        self, own: Secret | None, token: Secret | None, address: str
    ) -> Identity | None:
        if own is not None:
            try:
                return await self.pools.door.do(self.door.of_cookie, own)
            except Refused:
                return None
        if token is not None:
            return await self.pools.door.do(self.door.of_token, token, address)
        return None

    def require_our_page(self, caller: Caller, method: str, headers: Headers) -> None:
        """A change that came with a cookie, or a login, was sent by our own page."""
        if caller.own is not None:
            deny(web_guard.forged(method, headers, self.door.csrf_of(caller.own)))
        elif caller.token is None and caller.address != TERMINAL:
            sent = [v for key, v in headers if key.lower() == web_guard.REQUESTED_WITH]
            if sent != [web_guard.OUR_PAGE]:
                raise Problem("csrf", [f"the header {web_guard.REQUESTED_WITH} is missing"])


def headers_of(connection: HTTPConnection) -> Headers:
    """As pairs, so that one that was sent twice is seen."""
    return [(k.decode("latin-1"), v.decode("latin-1")) for k, v in connection.headers.raw]


def deny(denial: Denial | None) -> None:
    """A denial of the guard as a problem."""
    if denial is not None:
        raise Problem(denial.code, [denial.reason], status=denial.status)


def _terminal(headers: Headers) -> Identity:
    """Whoever owns the run folder; only he can open its socket."""
    typed = _header(headers, USER) or getpass.getuser()
    user = _header(headers, ACTOR) or typed
    address = TERMINAL if user == typed else f"{TERMINAL} of {typed}"
    return Identity(
        user=user, display=user, roles=frozenset(Role), permissions=frozenset(Permission),
        via=Via.TERMINAL, address=address, key=TERMINAL,
    )  # fmt: skip


def _header(headers: Headers, name: str) -> str:
    given = [value for key, value in headers if key.lower() == name]
    return _shown(unquote(given[0])) if given and given[0] else ""


def _shown(name: str) -> str:
    text = "".join(c for c in name if c.isprintable())[:80].strip()
    return text or getpass.getuser()


def known(state: State) -> Identity:
    """The identity of a request that a route which needs one was given."""
    identity: Identity | None = state.caller.identity
    if identity is None:
        raise Problem("session", ["log in first"])
    return identity
