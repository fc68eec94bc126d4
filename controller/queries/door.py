"""The door for HTTP: a path and the pairs of a query string in, status and bytes out.

Whoever serves it has nothing to decide: it hands on what it got and sends what it is given.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson

from controller.core.errors import StoreError
from controller.explain import closest
from controller.queries.answers import BucketsAnswer, RawAnswer
from controller.queries.asks import (
    Ask,
    AtAsk,
    BucketsAsk,
    EventsAsk,
    Format,
    LatestAsk,
    RawAsk,
    RunsAsk,
    TagsAsk,
)
from controller.queries.csv_text import buckets_csv, raw_csv
from controller.queries.problems import AskError, AskProblem, UnknownName, understood

if TYPE_CHECKING:
    from controller.queries.service import HistoryService

JSON = "application/json"
PROBLEM = "application/problem+json"
CSV = "text/csv; charset=utf-8"

ASKS: Mapping[str, type[Ask]] = MappingProxyType(
    {
        "/tags": TagsAsk,
        "/raw": RawAsk,
        "/buckets": BucketsAsk,
        "/at": AtAsk,
        "/latest": LatestAsk,
        "/events": EventsAsk,
        "/runs": RunsAsk,
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over HTTP."""

    status: int
    content_type: str
    body: bytes


def answer_of(service: "HistoryService", path: str, params: Iterable[tuple[str, str]]) -> Answer:
    """The answer to one question."""
    try:
        ask = ask_of(path, params)
        return _written(_asked(service, ask), ask)
    except UnknownName as error:
        return _refusal(HTTPStatus.NOT_FOUND, error.title, error.problems)
    except AskError as error:
        return _refusal(HTTPStatus.BAD_REQUEST, error.title, error.problems)
    except StoreError as error:
        problem = AskProblem(what=str(error), do="mend the source and ask again, or ask another")
        title = "The history cannot be read now."
        return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, title, (problem,))


def ask_of(path: str, params: Iterable[tuple[str, str]]) -> Ask:
    """The question; AskError with everything that is wrong with it."""
    model = ASKS.get(path)
    if model is None:
        what, known = "there is no such path", ", ".join(ASKS)
        do = closest(path, ASKS).strip()
        raise UnknownName([AskProblem(what=what, field="path", value=path, allowed=known, do=do)])
    given, twice = _gathered(params, model)
    problems = [AskProblem(what="given twice", field=key, allowed="once") for key in twice]
    try:
        ask = understood(model, given)
    except AskError as error:
        problems += error.problems
    if problems:
        raise AskError(problems)
    return ask


def _gathered(
    params: Iterable[tuple[str, str]], model: type[Ask]
) -> tuple[dict[str, Any], list[str]]:
    """Values by field, those of a list together; and fields that came more often than once."""
    given: dict[str, Any] = {}
    twice: list[str] = []
    for key, value in params:
        field = model.model_fields.get(key)
        if field is not None and getattr(field.annotation, "__origin__", None) is tuple:
            given[key] = (*given.get(key, ()), value)
        elif key in given:
            twice.append(key)
        else:
            given[key] = value
    return given, list(dict.fromkeys(twice))


def _asked(service: "HistoryService", ask: Ask) -> object:
    match ask:
        case TagsAsk():
            return service.tags(ask)
        case RawAsk():
            return service.raw(ask)
        case BucketsAsk():
            return service.buckets(ask)
        case AtAsk():
            return service.at(ask)
        case LatestAsk():
            return service.latest(ask)
        case EventsAsk():
            return service.events(ask)
        case RunsAsk():
            return service.runs(ask)
        case _:
            raise TypeError(f"{type(ask).__name__} has no answer")


def _written(found: object, ask: Ask) -> Answer:
    if getattr(ask, "format", Format.JSON) is Format.CSV:
        if isinstance(found, BucketsAnswer):
            return Answer(HTTPStatus.OK, CSV, buckets_csv(found).encode())
        if isinstance(found, RawAnswer):
            return Answer(HTTPStatus.OK, CSV, _whole(found).encode())
    return Answer(HTTPStatus.OK, JSON, json_of(found))


def _whole(found: RawAnswer) -> str:
    if found.truncated:
        problem = AskProblem(
            what="more samples than the limit, and CSV has no place to say so",
            field="format",
            value=Format.CSV,
            do="ask for a shorter window, for buckets or for json; or use `dryline export`",
        )
        raise AskError([problem])
    return raw_csv(found)


def json_of(found: object) -> bytes:
    """An answer as JSON: columns as arrays, NaN and infinite numbers as null."""
    return orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY)


def _refusal(status: HTTPStatus, title: str, problems: Iterable[AskProblem]) -> Answer:
    content = {
        "title": title,
        "status": int(status),
        "problems": [asdict(problem) for problem in problems],
    }
    return Answer(int(status), PROBLEM, orjson.dumps(content, option=orjson.OPT_INDENT_2))
