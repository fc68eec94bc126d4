"""Is this request one that our own page, or a script with a token, may send? Pure functions.

Browsers send cookies along with requests that any page makes. So a request that changes something,
and every WebSocket, must come from an origin on the list, to a host on the list, with a header and
a token that only our page knows. Nothing that a proxy adds is believed unless the proxy is named.
Headers are pairs as they came, so that one that is sent twice is seen.
"""

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from controller.access.chance import same
from controller.access.secret import Secret
from controller.access.settings import AccessSettings

Headers = Sequence[tuple[str, str]]
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
REQUESTED_WITH, CSRF_HEADER, OUR_PAGE = "x-requested-with", "x-csrf-token", "dryline"
_PROXY = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"})


@dataclass(frozen=True, slots=True)
class Denial:
    """status: of the answer; code: for machines; reason: for people."""

    status: int
    code: str
    reason: str


def wrong_host(headers: Headers, settings: AccessSettings) -> Denial | None:
    """The request names another host than ours: a name that an attacker lets point here."""
    values = _all(headers, "host")
    if len(values) != 1 or _host_name(values[0]) not in _lower(settings.hosts):
        return Denial(421, "host", "this name is not one of this server's")
    return None


def foreign_origin(
    method: str, headers: Headers, settings: AccessSettings, *, by_cookie: bool, socket: bool
) -> Denial | None:
    """The request comes from another site's page. by_cookie: that is how the user is known."""
    values = _all(headers, "origin")
    if values and (len(values) > 1 or values[0].lower() not in _lower(settings.origins)):
        return Denial(403, "origin", "requests from this page are not taken")
    changes = socket or method.upper() not in SAFE_METHODS
    if changes and by_cookie and not values:
        return Denial(403, "origin", "the browser did not say which page sent this")
    site = _all(headers, "sec-fetch-site")
    if by_cookie and changes and site and site != ["same-origin"]:
        return Denial(403, "origin", "requests from other sites are not taken")
    return None


def forged(method: str, headers: Headers, csrf: Secret) -> Denial | None:
    """A change that came with a cookie but not from our page. csrf: what the page must send."""
    if method.upper() in SAFE_METHODS:
        return None
    if _all(headers, REQUESTED_WITH) != [OUR_PAGE]:
        return Denial(403, "csrf", f"the header {REQUESTED_WITH} is missing")
    given = _all(headers, CSRF_HEADER)
    if len(given) != 1 or not same(given[0], csrf.reveal()):
        return Denial(403, "csrf", f"the header {CSRF_HEADER} is missing or of another session")
    return None


def two_credentials(headers: Headers, cookie_name: str) -> Denial | None:
    """A cookie and a token at once, or one of them twice: which one counts would be a guess."""
    bearers = _all(headers, "authorization")
    cookies = _cookies(headers, cookie_name)
    if len(bearers) + len(cookies) > 1:
        return Denial(400, "credentials", "send one cookie or one token, once")
    return None


def cookie_of(headers: Headers, name: str) -> Secret | None:
    """The value of our cookie."""
    found = _cookies(headers, name)
    return Secret(found[0]) if len(found) == 1 else None


def bearer_of(headers: Headers) -> Secret | None:
    """The token of a script; from the header only, addresses end up in logs."""
    values = _all(headers, "authorization")
    if len(values) != 1:
        return None
    scheme, _, token = values[0].partition(" ")
    return Secret(token.strip()) if scheme.lower() == "bearer" and token.strip() else None


def client_address(peer: str, headers: Headers, proxies: Collection[str] = ()) -> tuple[str, bool]:
    """Where a request comes from, and whether somebody passed it on.

    Behind a proxy that is not named, everybody would come from this machine and have the rights of
    its console: so a request that was passed on is never one of the console.
    """
    passed_on = any(name.lower() in _PROXY for name, _ in headers)
    if peer not in proxies:
        return peer, passed_on
    hops = [hop.strip() for value in _all(headers, "x-forwarded-for") for hop in value.split(",")]
    while hops:
        hop = hops.pop()
        if hop not in proxies:
            return (hop, True) if _is_address(hop) else (peer, True)
    return peer, True


def is_this_machine(address: str) -> bool:
    """An address that only programs of this machine can have, or its terminal."""
    if address in ("terminal", "localhost"):
        return True
    try:
        parsed = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def _all(headers: Headers, name: str) -> list[str]:
    return [value.strip() for key, value in headers if key.lower() == name]


def _cookies(headers: Headers, name: str) -> list[str]:
    pairs = (pair.partition("=") for value in _all(headers, "cookie") for pair in value.split(";"))
    return [value.strip() for key, _, value in pairs if key.strip() == name]


def _host_name(value: str) -> str:
    """Without the port: one server may listen at several."""
    name, colon, port = value.rpartition(":")
    return name.lower() if colon and port.isdigit() else value.lower()


def _lower(names: Collection[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
