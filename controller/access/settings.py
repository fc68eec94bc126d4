"""What a site may decide about access; the defaults are what the documents promise."""

from dataclasses import dataclass

from controller.access.roles import Role

MINUTE_S, HOUR_S, DAY_S = 60.0, 3_600.0, 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSettings:
    """consoles: addresses of the panels of the control room, treated as this machine's own when
    logins are delayed; second_factor_for: roles that do nothing but look until they have one;
    hosts, origins: by which names browsers may call the API, origins with scheme and port.
    """

    line: str = "dryline"
    consoles: frozenset[str] = frozenset()
    second_factor_for: frozenset[Role] = frozenset()
    hosts: frozenset[str] = frozenset({"localhost", "127.0.0.1", "[::1]"})
    origins: frozenset[str] = frozenset()
    idle_s: float = 5 * MINUTE_S  # without an action a session may only look
    session_s: float = 12 * HOUR_S  # a shift
    ticket_s: float = MINUTE_S  # a password that was entered again
    invitation_s: float = HOUR_S  # the code for the first administrator
    reset_s: float = HOUR_S  # the code for who lost his password
    token_days: int = 90
    proven_days: int = 30  # an address from which a user has logged in counts as known
