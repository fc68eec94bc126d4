"""Cursors: where the next page of an answer begins, and of which question it is.

A cursor holds the window in nanoseconds, so that "now" does not move from page to page. It is
text, because programs that count in floats would round it.
"""

import re
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from controller.queries.local_time import LATEST_NS
from controller.queries.problems import AskError, AskProblem

_CURSOR = re.compile(r"[0-9a-f]{8}(\.-?\d{1,19}){4}", re.ASCII)


class Cursor(NamedTuple):
    """Where to go on. place: which tag, or how many of one time were given; time_ns: from when."""

    place: int
    time_ns: int
    start_ns: int
    stop_ns: int


def write_cursor(cursor: Cursor, question: Sequence[object]) -> str:
    """As text. question: what has to be the same on the next page."""
    return ".".join([_mark(question), *map(str, cursor)])


def read_cursor(text: str, question: Sequence[object]) -> Cursor:
    """From text; AskError when it is none, or of another question."""
    if not _CURSOR.fullmatch(text):
        raise _refused(text, "this is no cursor")
    mark, *numbers = text.split(".")
    if mark != _mark(question):
        raise _refused(text, "this cursor is of another question")
    cursor = Cursor(*map(int, numbers))
    if cursor.place < 0 or cursor.start_ns >= cursor.stop_ns or max(map(abs, cursor)) > LATEST_NS:
        raise _refused(text, "this is no cursor")
    return cursor


def _mark(question: Sequence[object]) -> str:
    return f"{zlib.crc32(repr(tuple(question)).encode()):08x}"


def _refused(text: str, what: str) -> AskError:
    do = "repeat the question as it was, with `next` of its answer; or begin without cursor"
    return AskError([AskProblem(what=what, field="cursor", value=text, do=do)])
