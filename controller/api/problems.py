"""What goes wrong, as an answer: problem bodies (RFC 9457) with a code that never changes.

A program acts on `code`, a person reads `title` and `reasons`. Nothing of the inside is told.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import orjson

from controller.core.errors import ConfigError, DrylineError, Refused, StoreError
from controller.queries.problems import AskError, UnknownName

PROBLEM = "application/problem+json"
TYPE = "urn:dryline:problem:"
MAX_REASONS = 50
MAX_REASON = 2_000

_S = HTTPStatus
STATUS: Mapping[str, HTTPStatus] = MappingProxyType(
    {
        "session": _S.UNAUTHORIZED,
        "token": _S.UNAUTHORIZED,
        "login": _S.UNAUTHORIZED,
        "forbidden": _S.FORBIDDEN,
        "idle": _S.FORBIDDEN,
        "ticket": _S.FORBIDDEN,
        "author": _S.FORBIDDEN,
        "invitation": _S.FORBIDDEN,
        "reset": _S.FORBIDDEN,
        "beyond": _S.FORBIDDEN,
        "origin": _S.FORBIDDEN,
        "csrf": _S.FORBIDDEN,
        "unknown": _S.NOT_FOUND,
        "no simulator": _S.NOT_FOUND,
        "path": _S.NOT_FOUND,
        "method": _S.METHOD_NOT_ALLOWED,
        "gone": _S.GONE,
        "changed": _S.PRECONDITION_FAILED,
        "too large": _S.REQUEST_ENTITY_TOO_LARGE,
        "media type": _S.UNSUPPORTED_MEDIA_TYPE,
        "wait": _S.TOO_MANY_REQUESTS,
        "busy": _S.SERVICE_UNAVAILABLE,
        "trail": _S.SERVICE_UNAVAILABLE,
        "store": _S.SERVICE_UNAVAILABLE,
        "history": _S.SERVICE_UNAVAILABLE,
        "not controlled": _S.SERVICE_UNAVAILABLE,
        "no answer": _S.GATEWAY_TIMEOUT,
        "too long": _S.GATEWAY_TIMEOUT,
        "internal": _S.INTERNAL_SERVER_ERROR,
        "request": _S.UNPROCESSABLE_ENTITY,
        "value": _S.UNPROCESSABLE_ENTITY,
        "range": _S.UNPROCESSABLE_ENTITY,
        "reason": _S.UNPROCESSABLE_ENTITY,
        "recipe": _S.UNPROCESSABLE_ENTITY,
        "kind": _S.UNPROCESSABLE_ENTITY,
        "name": _S.UNPROCESSABLE_ENTITY,
        "password": _S.UNPROCESSABLE_ENTITY,
        "roles": _S.UNPROCESSABLE_ENTITY,
        "code": _S.UNPROCESSABLE_ENTITY,
        "time": _S.UNPROCESSABLE_ENTITY,
        "key used": _S.UNPROCESSABLE_ENTITY,
        "key": _S.BAD_REQUEST,
        "credentials": _S.BAD_REQUEST,
        "question": _S.BAD_REQUEST,
    }
)  # whatever a station refuses otherwise stands against its state: 409
TITLES: Mapping[HTTPStatus, str] = MappingProxyType(
    {
        _S.BAD_REQUEST: "The request is not understood.",
        _S.UNAUTHORIZED: "Log in first.",
        _S.FORBIDDEN: "You may not do this.",
        _S.NOT_FOUND: "There is no such thing.",
        _S.METHOD_NOT_ALLOWED: "This cannot be done here.",
        _S.CONFLICT: "It was refused.",
        _S.GONE: "It is over.",
        _S.PRECONDITION_FAILED: "Somebody else changed it meanwhile.",
        _S.REQUEST_ENTITY_TOO_LARGE: "The request is too large.",
        _S.UNSUPPORTED_MEDIA_TYPE: "The request is of a type that is not taken.",
        _S.MISDIRECTED_REQUEST: "This server has another name.",
        _S.UNPROCESSABLE_ENTITY: "Something in the request is wrong.",
        _S.TOO_MANY_REQUESTS: "Too many tries.",
        _S.INTERNAL_SERVER_ERROR: "The program has a fault; it is in its log.",
        _S.SERVICE_UNAVAILABLE: "It cannot be done now.",
        _S.GATEWAY_TIMEOUT: "No answer in time: look at what became of it.",
    }
)


class Problem(DrylineError):
    """An answer that says no. extra: further members of the body; headers: of the answer."""

    def __init__(
        self, code: str, reasons: Sequence[str], *, status: int = 0,
        extra: Mapping[str, Any] = MappingProxyType({}),
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        self.code, self.reasons = code, tuple(reasons)
        self.status = status or int(STATUS.get(code, HTTPStatus.CONFLICT))
        self.extra, self.headers = dict(extra), dict(headers)
        super().__init__(f"{code}: {'; '.join(self.reasons)}")

    @property
    def body(self) -> bytes:
        """As it is sent."""
        title = TITLES.get(HTTPStatus(self.status), HTTPStatus(self.status).phrase)
        content = {
            "type": TYPE + self.code.replace(" ", "-"),
            "title": title,
            "status": self.status,
            "code": self.code,
            "reasons": [_tidy(reason) for reason in self.reasons[:MAX_REASONS]],
            **self.extra,
        }
        return orjson.dumps(content, default=str)


def problem_of(error: DrylineError) -> Problem:
    """What an error of the program's own tree is to whoever asked."""
    match error:
        case Problem():
            return error
        case Refused():
            headers = {"Retry-After": _seconds(error.reasons)} if error.code == "wait" else {}
            return Problem(error.code, error.reasons, headers=headers)
        case ConfigError():
            return Problem("recipe", [str(problem) for problem in error.problems])
        case UnknownName():
            return Problem("unknown", [str(problem) for problem in error.problems])
        case AskError():
            return Problem("question", [str(problem) for problem in error.problems])
        case StoreError():
            return Problem("store", ["a store cannot be read or written now; its log says why"])
    return Problem("failed", [str(error)])


def _seconds(reasons: Sequence[str]) -> str:
    """How long to wait, out of the words of the throttle."""
    digits = "".join(c if c.isdigit() else " " for c in " ".join(reasons)).split()
    return digits[-1] if digits else "1"


def _tidy(reason: str) -> str:
    """Text that JSON can hold, of a bounded length."""
    text = reason.encode("utf-8", "replace").decode()
    return text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]}..."
