"""Strict YAML 1.2: a text becomes plain values with the place of each, or every mistake in it.

The subset that means the same to every reader: mappings with text keys, lists, scalars of the core
schema. Tags, anchors, aliases, merge keys, directives, several documents, doubled keys, nan, inf
and numbers that other readers take otherwise (010, 0x10) are refused. The only file that knows the
YAML library; it is used for its events, so nothing is ever expanded or constructed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from controller.core.errors import Problem
from controller.explain import dotted
from controller.text_file import shown

KeyPath = tuple[str | int, ...]  # names, and numbers inside lists

MAX_LINE = 2000  # characters: longer lines are a damaged file, and slow to scan
MAX_DEPTH = 16
MAX_NODES = 8000
MAX_KEY = 80  # characters
_ODD = re.compile(  # control characters, other line ends, surrogates, and what is no character
    r"[^\t\n\x20-\x7e\xa0-\u2027\u202f-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010fffd]"
)
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|nan)", re.IGNORECASE)
_OTHERWISE = re.compile(r"[-+]?(?:0[0-9_]+|0[xob][0-9a-fA-F_]+|[0-9][0-9_]*\.|\.[0-9]+|[0-9_]+)")
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "": None}
_OTHER_WORDS = frozenset({"True", "TRUE", "False", "FALSE", "Null", "NULL", "~"})
MAX_NUMBER = 40  # characters


@dataclass(frozen=True, slots=True)
class Span:
    """Where something stands: line and column from 1, and offsets into the text."""

    line: int
    column: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedProblem(Problem):
    """A problem that knows its column."""

    column: int | None = None

    def __str__(self) -> str:
        place = ":".join(str(x) for x in (self.file, self.line, self.column) if x is not None)
        found = f" = {self.value}" if self.value else ""
        return f"{place}: {self.field}{found}: {self.message}"


@dataclass(slots=True)
class Tree:
    """The value of the whole text and the place of each key and each value in it.

    told: where something is wrong already; the value there is None or of no use. complete: False
    when the text could not be read to its end, so that nothing can be called missing.
    """

    value: object = None
    keys: dict[KeyPath, Span] = field(default_factory=dict)
    values: dict[KeyPath, Span] = field(default_factory=dict)
    told: set[KeyPath] = field(default_factory=set)
    complete: bool = False

    def place(self, path: KeyPath, *, of_key: bool = False) -> Span:
        """Place of a value (or of its key), or of the nearest thing around it that is there."""
        first = self.keys if of_key else self.values
        for end in range(len(path), 0, -1):
            found = first.get(path[:end]) if end == len(path) else self.keys.get(path[:end])
            if found := found or self.values.get(path[:end]):
                return found
        return Span(1, 1, 0, 0)


def read_yaml(text: str, file: str) -> tuple[Tree, list[PlacedProblem]]:
    """The tree as far as the text could be read, and every problem in the order of the text."""
    reader = _Reader(file)
    if reader.fits(text):
        reader.read(text)
    return reader.tree, sorted(reader.problems, key=lambda p: (p.line or 0, p.column or 0))


@dataclass(slots=True)
class _Open:
    """A mapping or list that has not ended. key: the key whose value comes next."""

    path: KeyPath
    value: dict[str, object] | list[object]
    key: str | None = None
    skip: bool = False  # the value belongs to a key that cannot be used


class _Reader:
    """Builds the tree from the events of one text; goes on after everything but broken syntax."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.tree = Tree()
        self.problems: list[PlacedProblem] = []
        self._stack: list[_Open] = []
        self._documents = 0
        self._broken = 0  # numbers the keys that cannot be used
        self._line = 1

    def _wrong(
        self, line: int, column: int | None, path: KeyPath, value: str, message: str
    ) -> None:
        self.tree.told.add(path)
        self.problems.append(
            PlacedProblem(
                file=self._file,
                line=line,
                column=column,
                field=dotted(path),
                value=value,
                message=message,
            )
        )

    def fits(self, text: str) -> bool:
        """Whether the text may be parsed at all: no odd characters, no endless lines."""
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > MAX_LINE:
                told = f"line of {len(line)} characters: at most {MAX_LINE}"
                self._wrong(number, None, (), "", told)
            elif odd := _ODD.search(line):
                told = f"character U+{ord(odd[0]):04X} is not allowed: retype this place"
                self._wrong(number, odd.start() + 1, (), "", told)
        return not self.problems

    def read(self, text: str) -> None:
        """Take all events; stops at broken syntax, a second document, or too much of anything."""
        try:
            for count, event in enumerate(self._events(text)):
                if count > MAX_NODES or len(self._stack) > MAX_DEPTH or self._documents > 1:
                    self._too_much(event)
                    return
                self._line = event.start_mark.line + 1
                self._take(event)
            self.tree.complete = True
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            source = text.split("\n")[line - 1 : line]
            reason = " ".join(str(error.problem or error.context or "").split())
            self._wrong(line, column, (), shown("".join(source).strip()), f"not YAML: {reason}")
        except (YAMLError, ValueError, OverflowError, RecursionError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            self._wrong(self._line, None, (), "", f"not YAML, on this line or below: {reason}")
        if not self.problems and not isinstance(self.tree.value, dict):
            self._wrong(1, 1, (), "", "must be a mapping that begins with 'format: 1'")

    @staticmethod
    def _events(text: str) -> Iterator[Event]:
        yield from YAML(typ="safe", pure=True).parse(text)

    def _too_much(self, event: Event) -> None:
        span = _span(event)
        if self._documents > 1:
            told = "a second document: keep one recipe a file, without '---' in it"
        elif len(self._stack) > MAX_DEPTH:
            told = f"nested too deeply: at most {MAX_DEPTH} levels"
        else:
            told = f"more than {MAX_NODES} items: this is not the file meant"
        self._wrong(span.line, span.column, (), "", told)

    def _take(self, event: Event) -> None:
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
            if event.version or event.tags:
                self._wrong(event.start_mark.line + 1, 1, (), "", "directive: remove this line")
        elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            self._stack.pop()
        elif isinstance(event, NodeEvent):
            parent = self._stack[-1] if self._stack else None
            if parent is not None and isinstance(parent.value, dict) and parent.key is None:
                parent.key = self._key(event, parent)
                return
            self._node(event, parent)

    def _key(self, event: NodeEvent, parent: _Open) -> str:
        """The text of a key. A key that cannot be used gets a name that no reader will ask for."""
        span, path = _span(event), parent.path
        wrong, name = "", ""
        if not isinstance(event, ScalarEvent):
            wrong = "a key must be plain text"
            self._skip_collection(event, path)
        else:
            name = str(event.value)
            wrong = self._marks(event)
            if not name.isprintable() or len(name) > MAX_KEY:
                name, wrong = "", f"a key must be one line of at most {MAX_KEY} characters"
            elif event.implicit[0] and name == "<<":
                wrong = "merge keys are not allowed: write the keys out"
            elif event.implicit[0] and not isinstance(_plain(name)[0], str):
                wrong = "a key must be text: put it in quotes"
            elif isinstance(parent.value, dict) and name in parent.value:
                line = self.tree.keys[(*path, name)].line
                wrong = f"key given twice, first on line {line}: keep one"
        if not wrong:
            self.tree.keys[(*path, name)] = span
            return name
        self._wrong(span.line, span.column, (*path, name) if name else path, "", wrong)
        parent.skip = True
        self._broken += 1
        return f"(unusable key {self._broken})"

    def _skip_collection(self, event: NodeEvent, path: KeyPath) -> None:
        """A list or mapping as a key: open it, so that its end finds it."""
        if isinstance(event, SequenceStartEvent):
            self._stack.append(_Open(path, []))
        elif isinstance(event, MappingStartEvent):
            self._stack.append(_Open(path, {}))

    def _node(self, event: NodeEvent, parent: _Open | None) -> None:
        path: KeyPath = ()
        if parent is not None:
            at = len(parent.value) if isinstance(parent.value, list) else str(parent.key)
            path = (*parent.path, at)
        span = _span(event)
        self.tree.values[path] = span
        marks = self._marks(event)
        if marks:
            self._wrong(span.line, span.column, path, "", marks)
        value: object = None
        if isinstance(event, ScalarEvent):
            text = event.value
            value, wrong = _plain(text) if event.implicit[0] else (text, "")
            if event.implicit[0] and not text and not marks:
                span = self.tree.keys.get(path, span)  # its own place is on the next line
                wrong = "nothing here: write a value, or null where that is allowed"
            if odd := _ODD.search(text):
                value, wrong = None, f"character U+{ord(odd[0]):04X} is not allowed"
            if wrong:
                self._wrong(span.line, span.column, path, shown(text) if text else "", wrong)
        elif isinstance(event, (MappingStartEvent, SequenceStartEvent)):
            opened = _Open(path, {} if isinstance(event, MappingStartEvent) else [])
            self._stack.append(opened)
            value = opened.value
        self._put(parent, value)

    def _put(self, parent: _Open | None, value: object) -> None:
        if parent is None:
            self.tree.value = value
        elif isinstance(parent.value, list):
            parent.value.append(value)
        else:
            if not parent.skip:
                parent.value[str(parent.key)] = value
            parent.key, parent.skip = None, False

    @staticmethod
    def _marks(event: NodeEvent) -> str:
        """What is wrong with the marks before a node."""
        if isinstance(event, AliasEvent):
            return f"alias *{event.anchor}: write the value out"
        if event.anchor is not None:
            return f"anchor &{event.anchor}: remove it"
        tag = getattr(event, "ctag", None)
        return f"tag {tag}: remove it" if tag is not None and str(tag) != "None" else ""


def _span(event: Event) -> Span:
    start, stop = event.start_mark, event.end_mark
    return Span(start.line + 1, start.column + 1, start.index, stop.index)


def _plain(text: str) -> tuple[object, str]:
    """The value of a plain scalar, and what is wrong with it."""
    if text in _WORDS:
        return _WORDS[text], ""
    if text in _OTHER_WORDS:
        return None, f"write {'null' if text[0] in '~Nn' else text.lower()}"
    if _NOT_FINITE.fullmatch(text):
        return None, "must be a finite number"
    if len(text) <= MAX_NUMBER:
        if _INTEGER.fullmatch(text):
            return int(text), ""
        if _FLOAT.fullmatch(text):
            number = float(text)
            return (number, "") if isfinite(number) else (None, "must be a finite number")
        if _OTHERWISE.fullmatch(text) and text.strip("_"):
            return None, "number that not every reader takes as the same: write it as 10 or 0.5"
    elif _FLOAT.fullmatch(text):
        return None, f"number of more than {MAX_NUMBER} characters"
    return text, ""
