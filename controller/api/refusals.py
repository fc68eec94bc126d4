"""Audit records of changes that were refused before anything was asked of a station."""

from collections.abc import Mapping
from types import MappingProxyType

import orjson
from fastapi import Request

from controller.access.identity import Identity
from controller.api.declared import Declared
from controller.api.problems import Problem
from controller.audit.record import Category, Entry, Result, Value

MAX_TEXT = 200
_CATEGORIES: Mapping[str, Category] = MappingProxyType(
    {
        "session": Category.LOGIN,
        "users": Category.USER,
        "recipes": Category.RECIPE,
        "deployments": Category.DEPLOY,
        "alarms": Category.ALARM,
    }
)  # the rest are commands


def refusal(
    request: Request, declared: Declared, by: Identity, problem: Problem, body: bytes
) -> Entry:
    """What somebody wanted, in the words of his request, and why it was refused."""
    said = _said(body)
    verb = _text(said.get("verb"))
    path = request.path_params
    target = _text(said.get("target")) or _text(said.get("recipe")) or _path_target(path)
    return Entry(
        category=_CATEGORIES.get(declared.group, Category.COMMAND),
        action=verb or f"{request.method} {declared.path}", actor=by.actor.name,
        source=by.actor.source, station=_text(path.get("station")), target=target,
        new=_value(said.get("value")), reason=_text(said.get("reason")), result=Result.REFUSED,
        code=problem.code, detail="; ".join(problem.reasons),
    )  # fmt: skip


def _said(body: bytes) -> Mapping[str, object]:
    try:
        found = orjson.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _path_target(path: Mapping[str, object]) -> str:
    """What the address names beside the station; a token of a proposal names nothing."""
    return "/".join(_text(v) for k, v in path.items() if k not in ("station", "token"))


def _text(value: object) -> str:
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def _value(value: object) -> Value:
    match value:
        case str():
            return _text(value)
        case bool() | int() | float():
            return value
    return None
