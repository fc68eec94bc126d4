"""One record of the audit trail and the one line of text that it is.

A line is canonical JSON in ASCII (keys sorted, no blanks), the SHA-256 of which is its last member:

    {"action":"START","actor":"sato", ... ,"utc_ns":1767225600000000000,"hash":"<64 digits>"}

So every byte of the file counts, and a person needs no program of ours to check a line: the hash is
that of the line up to `,"hash"`, with a closing brace.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from controller.audit.moment import Moment

Value = str | int | float | bool | None
FIRST_PREVIOUS = "0" * 64
MAX_TEXT = 1_000
MAX_LINE = 256 * 1024
_MEMBER = b',"hash":"'
_END = len(_MEMBER) + 64 + len(b'"}\n')


class Category(StrEnum):
    """What a record is about."""

    LOGIN = "login"  # in, out, failed, password entered again
    USER = "user"  # made, changed, disabled; passwords, second factors
    TOKEN = "token"  # noqa: S105 - of scripts: made, ended, refused
    COMMAND = "command"  # of a station: accepted or refused, and how it ended
    ALARM = "alarm"  # acknowledged, shelved, out of service
    RECIPE = "recipe"  # drafts, releases
    DEPLOY = "deploy"
    SIGNATURE = "signature"
    SETTING = "setting"  # certificates, trust, limits
    EXPORT = "export"  # history, runs or this trail given out
    CLOCK = "clock"  # the wall clock was set
    PROCESS = "process"  # programs of the line: started, stopped
    TRAIL = "trail"  # this trail itself: begun, broken, continued


class Result(StrEnum):
    """What became of it."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What somebody did.

    actor: a user, "token NAME of USER", or "" for the program itself; source: the address it came
    from, or "terminal"; command: id of the command, the same in all records about it; signature:
    members of an electronic signature. Texts are cut at 1,000 characters.
    """

    category: Category
    action: str
    actor: str
    source: str
    station: str = ""
    target: str = ""
    old: Value = None
    new: Value = None
    reason: str = ""
    result: Result = Result.ACCEPTED
    code: str = "ok"
    detail: str = ""
    command: str = ""
    signature: Mapping[str, str | int] | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """An entry with its place in the chain. late: written after the moment it speaks of, because
    the disk refused then."""

    number: int
    moment: Moment
    late: bool
    previous: str
    hash: str
    entry: Entry


def encode(
    entry: Entry, number: int, moment: Moment, previous: str, late: bool
) -> tuple[bytes, str]:
    """The line of a record, with its line end, and its hash."""
    members = {key: _plain(value) for key, value in asdict(entry).items()}
    members |= {
        "number": number, "utc_ns": moment.utc_ns, "mono_ns": moment.mono_ns, "boot": moment.boot,
        "previous": previous, "late": late,
    }  # fmt: skip
    body = _canonical(members)
    own = hash_of(body)
    return body[:-1] + _MEMBER + own.encode() + b'"}\n', own


def decode(line: bytes) -> Record | None:
    """The record of a line, or None when any byte of it is not as it was written."""
    cut = len(line) - _END
    if cut < 1 or len(line) > MAX_LINE or line[cut : cut + len(_MEMBER)] != _MEMBER:
        return None
    if not line.endswith(b'"}\n'):
        return None
    body = line[:cut] + b"}"
    own = line[cut + len(_MEMBER) : -3]
    if own != hash_of(body).encode():
        return None
    try:
        members = json.loads(body)
        if _canonical(members) != body:
            return None
        return _record(members, own.decode("ascii"))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def hash_of(body: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(body).hexdigest()


def _record(members: dict[str, Any], own: str) -> Record:
    number, late, previous = members.pop("number"), members.pop("late"), members.pop("previous")
    moment = Moment(members.pop("utc_ns"), members.pop("mono_ns"), members.pop("boot"))
    if not isinstance(number, int) or not isinstance(previous, str):
        raise TypeError("number or previous")
    members["category"] = Category(members["category"])
    members["result"] = Result(members["result"])
    return Record(number, moment, bool(late), previous, own, Entry(**members))


def _canonical(members: Mapping[str, Any]) -> bytes:
    text = json.dumps(members, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def _plain(value: object) -> object:
    """What JSON can hold and give back unchanged; anything else (a secret, an object) is an error
    of the program."""
    match value:
        case str():
            return _cut(str(value))
        case float() if not math.isfinite(value):
            return str(value)
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {str(key): _plain(member) for key, member in value.items()}
    raise TypeError(f"{type(value).__name__} does not belong into an audit record")


def _cut(text: str) -> str:
    text = text.encode("utf-8", "backslashreplace").decode()  # lone surrogates
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]}... ({len(text)} characters)"
