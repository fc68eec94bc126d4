"""docs/reference/api.md: every route of the API, from the declarations in the code."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from controller.access.demands import DEMANDS
from controller.access.roles import TABLE, Role
from controller.api.app import PREFIX
from controller.api.declared import Anybody, Declared
from controller.api.problems import STATUS, TITLES
from controller.api.routes import ALL

Table = Callable[[Sequence[str], Iterable[Sequence[object]]], str]


def api(note: str, table: Table) -> str:
    """The page."""
    parts = [
        f"""{note}
# API

Everything is under `{PREFIX}`, but for `/healthz`, `/readyz` and `/metrics`. A running API gives
the same as an OpenAPI document at `{PREFIX}/openapi.json`. See
[use the API](../how-to/use-the-api.md) for how to log in and how to change something, and
[live protocol](live-protocol.md) for the WebSocket at `{PREFIX}/live`.

A route needs one of the permissions in its row; which role has which is in the table at the end.
K: the request needs a header `Idempotency-Key`. P: it needs a ticket of a password that was entered
again for just this (`POST session/reauth` with the permission class as `purpose` and the path as
`subject`), sent as `X-Dryline-Ticket`.
"""
    ]
    head = ("route", "needs", "", "what it does")
    every = [declared for group in ALL for declared, _ in group.all]
    for group, found in groupby(every, key=lambda declared: declared.group):
        parts.append(f"\n## {group.capitalize()}\n\n{table(head, map(_row, found))}")
    parts.append(_errors(table))
    parts.append(_roles(table))
    return "".join(parts)


def _row(declared: Declared) -> tuple[str, str, str, str]:
    path = declared.path.removeprefix("//") if declared.path[:2] == "//" else declared.path[1:]
    marks = "K" if declared.changes and declared.repeats and _known(declared) else ""
    marks += "P" if declared.ticket else ""
    return f"`{declared.method} {path}`", _needs(declared), marks, declared.words


def _known(declared: Declared) -> bool:
    return declared.needs is not Anybody.OPEN


def _needs(declared: Declared) -> str:
    if declared.needs is Anybody.OPEN:
        return "nothing"
    if declared.needs is Anybody.KNOWN:
        return "a login"
    return ", ".join(sorted({DEMANDS[act].permission.value for act in declared.acts}))


def _errors(table: Table) -> str:
    rows = [
        (f"`{code}`", int(status), TITLES[status])
        for code, status in sorted(STATUS.items(), key=lambda item: (item[1], item[0]))
    ]
    return f"""
## Errors

Every error is a problem body (RFC 9457, `application/problem+json`) with `type`, `title`, `status`,
`code` and `reasons`: programs act on `code`, people read the reasons. What a station or a recipe
refuses for the state it is in has a code of its own and status 409.

{table(("code", "status", "title"), rows)}"""


def _roles(table: Table) -> str:
    rows = [(role.value, ", ".join(sorted(TABLE[role]))) for role in Role]
    return f"\n## Roles\n\n{table(('role', 'permissions'), rows)}"
