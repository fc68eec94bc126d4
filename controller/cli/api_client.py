"""The command line's way through the API: by the socket in the run folder, as its owner.

When an API runs there, commands go through it: one way in, one audit trail. When none does, they go
to the controller's console, as they also do for whoever must bring a station to rest while the API
stands still.
"""

import getpass
import http.client
import json
import secrets
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from controller.access.signature import Proof
from controller.core.errors import DrylineError, Refused
from controller.run_folder import api_socket

Json = dict[str, Any]
BASE = "/api/v1"
FIRST_ERROR = 400
LOOK_S = 5.0
DO_S = 15.0  # reading and checking a recipe, one scan, the disk
REST = frozenset({"STOP", "HOLD", "ABORT"})
GIVEN = frozenset({"SET", "BYPASS", "UNBYPASS"})  # their reason is never made up
NO_REASON = "no reason was given at the terminal"
NOWHERE = (FileNotFoundError, ConnectionRefusedError)
ALARM_ROUTES: Mapping[str, str] = MappingProxyType(
    {
        "acknowledge": "ack",
        "reset": "reset",
        "shelve": "shelve",
        "unshelve": "unshelve",
        "take-out": "out-of-service",
        "put-back": "in-service",
    }
)


_INTERLOCK: Mapping[str, str] = MappingProxyType({"BYPASS": "bypass", "UNBYPASS": "restore"})


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """To the socket in the folder."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class ApiClient:
    """One person's questions to the API of a run folder. OSError when nobody is there, or answers
    in time."""

    def __init__(self, run: Path, actor: str) -> None:
        self._path, self._actor = api_socket(run), actor

    def ask(
        self, method: str, path: str, body: Json | None = None, within_s: float = LOOK_S
    ) -> Json:
        """The answer; a Problem body has `code` and `reasons`. status: under "status"."""
        connection = _Unix(self._path, within_s)
        headers = {
            "X-Dryline-Actor": quote(self._actor), "X-Dryline-User": quote(getpass.getuser()),
            "Idempotency-Key": secrets.token_hex(16), "Content-Type": "application/json",
        }  # fmt: skip
        try:
            content = json.dumps(body) if body is not None else None
            connection.request(method, BASE + path, content, headers)
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        try:
            found = json.loads(raw) if raw else {}
        except ValueError:
            raise DrylineError(
                f"the API gave an answer that makes no sense: {raw[:80]!r}"
            ) from None
        return {**found, "http": answer.status}


def give(run: Path, request: Mapping[str, Any], proof: Proof | None = None) -> Json | None:
    """What the console would answer to a request, by way of the API; None when there is no API to
    take it, and it is to be given to the console. proof: of who signs, where that is asked for."""
    if not api_socket(run).exists():
        return None
    client = ApiClient(run, str(request.get("actor", "")))
    way = _WAYS.get(str(request.get("op")))
    if way is None:
        return None
    try:
        proposed = way(client, request)
        if proposed.get("code") == "reason" and request.get("verb") not in GIVEN:
            proposed = way(client, {**request, "reason": NO_REASON})
    except (*NOWHERE, TimeoutError, http.client.HTTPException, ConnectionError):
        return None  # nothing is done by a proposal
    if proposed.get("code") == "not controlled":
        return None  # it has just been started, and has not heard the controllers yet
    if "token" not in proposed:
        return _answer(proposed)
    return _executed(client, proposed, request, proof)


def change(run: Path, method: str, path: str, body: Json) -> Json | None:
    """A change in one step by way of the API; Refused as the API refuses it, None when no API runs
    for this folder. DrylineError when nobody knows whether it was done."""
    if not api_socket(run).exists():
        return None
    try:
        answer = ApiClient(run, getpass.getuser()).ask(method, path, body, DO_S)
    except NOWHERE:
        return None
    except (OSError, http.client.HTTPException) as error:
        told = f"the API did not answer ({type(error).__name__}): look at what became of it"
        raise DrylineError(told) from error
    if answer["http"] >= FIRST_ERROR:
        raise Refused(str(answer.get("code", "failed")), answer.get("reasons", []))
    return answer


def _executed(
    client: ApiClient, proposed: Json, request: Mapping[str, Any], proof: Proof | None
) -> Json | None:
    body = {"seen_t": proposed["t"]}
    if proof is not None:
        body |= {"password": proof.password.reveal(), "code": proof.code.reveal()}
    try:
        done = client.ask("POST", f"/changes/{proposed['token']}/execute", body, DO_S)
    except (OSError, http.client.HTTPException) as error:
        if str(request.get("verb", "")).upper() in REST:
            return None  # once more does no harm, and it must come to rest
        told = f"the API did not answer ({type(error).__name__}): look at what became of it"
        raise DrylineError(told) from error
    return _answer(done)


def _answer(said: Json) -> Json:
    """As a console says it."""
    if said["http"] < 300:
        rest = said.get("result") or {}
        return {"accepted": True, "code": "ok", "reasons": [], **rest}
    return {"accepted": False, "code": said.get("code", "failed"),
            "reasons": said.get("reasons", [])}  # fmt: skip


def _command(client: ApiClient, request: Mapping[str, Any]) -> Json:
    verb = str(request["verb"]).upper()
    if verb in _INTERLOCK:
        return _interlock(client, request, verb)
    body = {"verb": verb, "reason": request.get("reason", "")}
    if request.get("target"):
        body |= {"target": request["target"], "value": request.get("value")}
    return client.ask("POST", f"/stations/{_quoted(request, 'station')}/changes", body)


def _interlock(client: ApiClient, request: Mapping[str, Any], verb: str) -> Json:
    body = _some(request, "reason")
    if request.get("value") is not None:
        body["for_s"] = request["value"]
    place = f"/stations/{_quoted(request, 'station')}/interlocks/{_quoted(request, 'target')}"
    return client.ask("POST", f"{place}/{_INTERLOCK[verb]}", body)


def _deploy(client: ApiClient, request: Mapping[str, Any]) -> Json:
    body = _some(request, "recipe", "expected", "reason", "because")
    return client.ask("POST", f"/stations/{_quoted(request, 'station')}/deployments", body, DO_S)


def _rollback(client: ApiClient, request: Mapping[str, Any]) -> Json:
    body = _some(request, "expected", "reason", "because")
    return client.ask("POST", f"/stations/{_quoted(request, 'station')}/rollback", body, DO_S)


def _trial(client: ApiClient, request: Mapping[str, Any]) -> Json:
    body = _some(request, "recipe", "question", "minutes", "metres", "expected")
    return client.ask("POST", f"/stations/{_quoted(request, 'station')}/trials", body, DO_S)


def _trial_end(client: ApiClient, request: Mapping[str, Any]) -> Json:
    body = _some(request, "reason")
    return client.ask("POST", f"/stations/{_quoted(request, 'station')}/trials/end", body)


def _alarm(client: ApiClient, request: Mapping[str, Any]) -> Json:
    body = _some(request, "reason", "occurrence", "for_s", "one_shot")
    route = ALARM_ROUTES[str(request["act"])]
    return client.ask("POST", f"/alarms/{_quoted(request, 'alarm')}/{route}", body, DO_S)


_WAYS: Mapping[str, Callable[[ApiClient, Mapping[str, Any]], Json]] = MappingProxyType(
    {
        "command": _command,
        "deploy": _deploy,
        "rollback": _rollback,
        "trial": _trial,
        "trial_end": _trial_end,
        "alarm": _alarm,
    }
)

ORDERS = frozenset(_WAYS)


def _some(request: Mapping[str, Any], *names: str) -> Json:
    return {name: request[name] for name in names if request.get(name) is not None}


def _quoted(request: Mapping[str, Any], name: str) -> str:
    return quote(str(request[name]), safe="")
