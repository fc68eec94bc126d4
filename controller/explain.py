"""Turn the findings of pydantic into problems of a file: line, key, value, what is allowed."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import EnumMeta
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from controller.core.errors import Problem
from controller.text_file import SHOWN, shown
from controller.toml_lines import KeyPath, line_of

_TYPES: Mapping[object, str] = {
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    bool: "true or false",
}
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WRONG_TYPE = ("_type", "_parsing", "_from_float", "is_instance_of")


def closest(value: str, known: Iterable[str]) -> str:
    """`did you mean 'x'? ` when one of the known words is near, else nothing."""
    if len(value) > SHOWN:
        return ""
    by_fold = {word.casefold(): word for word in known}
    near = difflib.get_close_matches(value.casefold(), by_fold, n=1, cutoff=0.65)
    return f"did you mean {by_fold[near[0]]!r}? " if near else ""


def quoted(words: Iterable[str]) -> str:
    """Words as a list for a sentence."""
    return ", ".join(repr(str(word)) for word in words)


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake: where below the model, what stands there, and our words for it.

    of_key: the key itself is the mistake, not its value.
    """

    path: KeyPath
    value: str
    message: str
    of_key: bool


def findings(
    error: ValidationError, model: type[BaseModel], hidden: Sequence[str] = ()
) -> list[Finding]:
    """One finding for each of pydantic's. hidden: fields that do not come from the file."""
    return [
        Finding(
            path=tuple(found["loc"]),
            value="" if found["type"] == "missing" else shown(found["input"]),
            message=_message(found, model, hidden),
            of_key=found["type"] == "extra_forbidden",
        )
        for found in error.errors(include_url=False)
        if found["loc"][:1] not in {(name,) for name in hidden}
    ]


def problems_of(
    error: ValidationError,
    model: type[BaseModel],
    file: str,
    lines: Mapping[KeyPath, int],
    base: KeyPath = (),
    hidden: Sequence[str] = (),
) -> list[Problem]:
    """One problem for each finding. base: where in the file the model stands; hidden: as there."""
    return [
        Problem(
            file=file,
            line=line_of(lines, path := (*base, *found.path)),
            field=dotted(path),
            value=found.value,
            message=found.message,
        )
        for found in findings(error, model, hidden)
    ]


def dotted(path: Sequence[str | int]) -> str:
    """A key path as it would be written in the file."""
    parts = (str(part) if _BARE.fullmatch(str(part)) else f'"{part}"' for part in path)
    return ".".join(parts) or "file"


def _message(found: ErrorDetails, model: type[BaseModel], hidden: Sequence[str]) -> str:
    kind, loc = found["type"], found["loc"]
    if kind == "extra_forbidden":
        owner = _model_at(model, loc[:-1])
        names = [] if owner is None else [n for n in owner.model_fields if n not in hidden]
        known = f"known here: {quoted(names)}" if names else "no keys are known here"
        return f"unknown key: {closest(str(loc[-1]), names)}{known}"
    field = _field_at(model, loc)
    whole = None if loc and isinstance(loc[-1], int) and _model_at(model, loc) else field
    words = _allowed(whole) if whole else _table(_bare(_annotation_at(model, loc)))
    allowed = f"; allowed: {words}" if words else ""
    if kind == "missing":
        return f"missing: add it{allowed}"
    if kind in ("enum", "literal_error"):
        near = closest(str(found["input"]), _choices(field)) if field else ""
        return f"not one of the choices{allowed}{'; ' + near.strip() if near else ''}"
    if kind == "value_error":
        return str(found.get("ctx", {}).get("error", found["msg"]))
    if kind.endswith(_WRONG_TYPE):
        return f"wrong type{allowed or ': ' + found['msg']}"
    if allowed:
        return f"out of range{allowed}" if "than" in kind else f"not accepted{allowed}"
    return found["msg"]


def _model_at(model: type[BaseModel], loc: Sequence[str | int]) -> type[BaseModel] | None:
    """The model that validates the table at `loc`."""
    if not loc:
        return model
    annotation = _bare(_annotation_at(model, loc))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def _bare(annotation: object) -> object:
    """`X` for `X | None`, else the annotation as it is."""
    if get_origin(annotation) in (Union, UnionType):
        others = [a for a in get_args(annotation) if a is not NoneType]
        return others[0] if len(others) == 1 else annotation
    return annotation


def _field_at(model: type[BaseModel], loc: Sequence[str | int]) -> FieldInfo | None:
    """The field at `loc`, or around it if it is an element of an array."""
    while len(loc) > 1 and isinstance(loc[-1], int):
        loc = loc[:-1]
    owner = _model_at(model, loc[:-1])
    return owner.model_fields.get(str(loc[-1])) if owner and loc else None


def _table(annotation: object) -> str:
    if get_origin(annotation) is list:
        return "an array"
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return "a table" if is_model or get_origin(annotation) is dict else ""


def _annotation_at(model: type[BaseModel], loc: Sequence[str | int]) -> object:
    annotation: Any = model
    for part in loc:
        annotation = _bare(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            field = annotation.model_fields.get(str(part))
            annotation = field.annotation if field else None
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        elif get_origin(annotation) is list and isinstance(part, int):
            annotation = get_args(annotation)[0]
        else:
            return None
    return annotation


def _choices(field: FieldInfo) -> list[str]:
    if get_origin(field.annotation) is Literal:
        return [str(choice) for choice in get_args(field.annotation)]
    if isinstance(field.annotation, EnumMeta):
        return [str(member.value) for member in field.annotation]
    return []


def _allowed(field: FieldInfo) -> str:
    """What a field takes, in words, from its type, its limits and its description."""
    if choices := _choices(field):
        words = [quoted(choices)]
    else:
        annotation = _bare(field.annotation)
        name = _TYPES.get(annotation) or _table(annotation)
        words = [", ".join(word for word in (name, *_limits(field.metadata)) if word)]
    if field.description:
        words.append(f"({field.description})")
    return " ".join(word for word in words if word)


def _limits(metadata: Iterable[object]) -> list[str]:
    words = []
    for item in metadata:
        match item:
            case Ge(ge=limit):
                words.append(f"at least {limit}")
            case Gt(gt=limit):
                words.append(f"above {limit}")
            case Le(le=limit):
                words.append(f"at most {limit}")
            case Lt(lt=limit):
                words.append(f"below {limit}")
            case MinLen(min_length=limit) if limit:
                words.append("not empty" if limit == 1 else f"{limit} or more long")
            case MaxLen(max_length=limit):
                words.append(f"no longer than {limit}")
    return words
