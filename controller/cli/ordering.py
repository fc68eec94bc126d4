"""Giving an order from the command line: by way of the API, or, when none runs, directly.

Either way it is in the audit trail of the run folder, if there is one: not running an API is no way
to do something unseen.
"""

import getpass
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

from controller.access.chance import short_id
from controller.access.identity import TERMINAL
from controller.audit.moment import moments
from controller.audit.record import Category, Entry, Result
from controller.audit.trail import SAFE_VERBS, TRAIL, Trail
from controller.cli import errors
from controller.cli.api_client import ORDERS, give
from controller.cli.signing import proof_of, users_of
from controller.console import ANSWER_S, Json
from controller.consoles import ask_station
from controller.core.errors import DrylineError, StoreError
from controller.run_folder import api_socket

NO_API = "no API runs for this run folder: given to the controller itself"
NO_ANSWER = "the API does not answer: given to the controller itself"
SIGNED = frozenset({"deploy", "rollback", "trial"})
NO_SIGNATURE = (
    "there are users on this line, so a deployment is signed, and the API takes signatures: "
    "start it with `dryline api`; nothing was done"
)
_CATEGORIES = {
    "command": Category.COMMAND,
    "alarm": Category.ALARM,
    "trial_end": Category.COMMAND,
}  # of the other orders: deployments


def order(
    run: Path, request: Mapping[str, Any], within_s: float = ANSWER_S,
    password_file: Path | None = None,
) -> Json:  # fmt: skip
    """What the station answers, with the way the order took under "way"; DrylineError when it
    cannot be asked. A question that changes nothing goes to the controller. A deployment on a line
    with users asks for the password of one of them."""
    body = {"actor": getpass.getuser(), **request}
    if not body["actor"]:
        body["actor"] = getpass.getuser()
    if body.get("op") not in ORDERS:
        return ask_station(run, body["station"], body, within_s)
    users = users_of(run) if body["op"] in SIGNED else []
    proof = proof_of(body["actor"], users, password_file) if users else None
    if proof is not None:
        body["actor"] = proof.name
    answer = give(run, body, proof)
    if answer is not None:
        return {**answer, "way": "api"}
    if proof is not None:
        raise DrylineError(NO_SIGNATURE)
    _say(NO_ANSWER if api_socket(run).exists() else NO_API)
    return {**_directly(run, body, within_s), "way": "controller"}


def _directly(run: Path, body: Json, within_s: float) -> Json:
    entry = _entry(body)
    with ExitStack() as stack:
        trail = _trail(run, entry, stack)
        if trail is None:
            return ask_station(run, body["station"], body, within_s)
        body = {**body, "id": entry.command}
        _before(trail, entry)
        try:
            answer = ask_station(run, body["station"], body, within_s)
        except DrylineError as error:
            trail.note(_ended(entry, Result.FAILED, "no answer", str(error)))
            raise
        accepted = bool(answer["accepted"])
        result = Result.DONE if accepted else Result.REFUSED
        reasons = "; ".join(answer["reasons"])
        trail.note(_ended(entry, result, str(answer["code"]), reasons))
    return answer


def _trail(run: Path, entry: Entry, stack: ExitStack) -> Trail | None:
    """The trail of the run folder, if it has one; what brings to rest goes out without it."""
    if not (run / TRAIL).exists():
        return None
    try:
        return stack.enter_context(Trail(run / TRAIL, moments()))
    except StoreError as error:
        if entry.action not in SAFE_VERBS:
            raise DrylineError(f"{error}; nothing was done") from error
        _say(f"{error}; done all the same")
        return None


def _before(trail: Trail, entry: Entry) -> None:
    """What brings a station to rest does not wait for a disk."""
    if entry.action in SAFE_VERBS:
        trail.note(entry)
        return
    try:
        trail.append(entry)
    except StoreError as error:
        raise DrylineError(f"{error}; nothing was done") from error


def _entry(body: Json) -> Entry:
    op, by, user = str(body["op"]), str(body["actor"]), getpass.getuser()
    what = body.get("verb") or body.get("act") or op.replace("_", " ")
    value = body.get("value")
    return Entry(
        category=_CATEGORIES.get(op, Category.DEPLOY), action=str(what).upper(), actor=by,
        source=TERMINAL if by == user else f"{TERMINAL} of {user}", station=str(body["station"]),
        target=str(body.get("target") or body.get("alarm") or body.get("recipe") or ""),
        new=value if isinstance(value, int | float | str) else None,
        reason=str(body.get("reason") or ""), command=short_id(),
    )  # fmt: skip


def _ended(entry: Entry, result: Result, code: str, detail: str) -> Entry:
    return Entry(
        category=entry.category, action=entry.action, actor=entry.actor, source=entry.source,
        station=entry.station, target=entry.target, new=entry.new, reason=entry.reason,
        result=result, code=code, detail=detail, command=entry.command,
    )  # fmt: skip


@cache
def _say(text: str) -> None:
    """Once a command, whatever the number of stations."""
    errors.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
