"""Reads the part of Flux that our dashboards use, as a tree; what it does not know is an error."""

import re
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*)
  | (?P<duration>\d+(?:ns|us|ms|mo|s|m|h|d|w|y)\b)
  | (?P<number>\d+(?:\.\d+)?)
  | (?P<string>"(?:[^"\\]|\\.)*")
  | (?P<regex>(?<=~\ )/(?:[^/\\\n]|\\.)+/)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<operator>\|>|=>|==|!=|<=|>=|=~|!~|[-+*/<>=.,:(){}\[\]])
    """,
    re.VERBOSE,
)
LEVELS = (
    ("or",), ("and",), ("==", "!=", "<", "<=", ">", ">=", "=~", "!~"), ("+", "-"), ("*", "/"),
)  # fmt: skip


class FluxError(ValueError):
    """A place that is not the Flux we know."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node. kind: call, pipe, lambda, member, name, string, number, duration, regex, bool,
    record, list, binary, minus; parts: of that kind."""

    kind: str
    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """A query. bound: names and their expressions, in order; results: the other expressions."""

    imports: tuple[str, ...]
    bound: dict[str, Node]
    results: tuple[Node, ...]


def read(text: str) -> Script:
    """The tree of a query; FluxError names the first wrong place."""
    return _Reader(text).script()


def walk(node: Any) -> list[Node]:
    """A node and everything below it."""
    if isinstance(node, Node):
        return [node, *(n for part in node.parts for n in walk(part))]
    if isinstance(node, tuple | list):
        return [n for item in node for n in walk(item)]
    if isinstance(node, dict):
        return [n for item in node.values() for n in walk(item)]
    return []


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise FluxError(f"at {at}: {text[at : at + 20]!r}")
            kind = str(match.lastgroup)
            if kind != "space":
                self._tokens.append((kind, match[0], at))
            at = match.end()
        self._at = 0

    def script(self) -> Script:
        imports, bound, results = [], {}, []
        while self._is("import"):
            self._next()
            imports.append(self._take("string").strip('"'))
        while self._at < len(self._tokens):
            if self._kind() == "name" and self._peek(1) == "=":
                name = self._next()
                self._next()
                if name in bound:
                    raise FluxError(f"{name} is bound twice")
                bound[name] = self._expression()
            else:
                results.append(self._expression())
        if not results:
            raise FluxError("the query gives nothing")
        return Script(tuple(imports), bound, tuple(results))

    def _expression(self) -> Node:
        left = self._binary(0)
        while self._is("|>"):
            self._next()
            call = self._postfix()
            if call.kind != "call":
                raise FluxError(f"|> leads to a {call.kind}, not to a call")
            left = Node("pipe", (left, call))
        return left

    def _binary(self, level: int) -> Node:
        if level == len(LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self._peek() in LEVELS[level]:
            operator = self._next()
            left = Node("binary", (operator, left, self._binary(level + 1)))
        return left

    def _unary(self) -> Node:
        if self._is("-"):
            self._next()
            return Node("minus", (self._unary(),))
        return self._postfix()

    def _postfix(self) -> Node:
        node = self._primary()
        while True:
            if self._is("."):
                self._next()
                node = Node("member", (node, self._take("name")))
            elif self._is("["):
                self._next()
                node = Node("member", (node, self._take("string").strip('"')))
                self._expect("]")
            elif self._is("(") and node.kind in ("name", "member"):
                self._next()
                node = Node("call", (node, self._pairs(")")))
            else:
                return node

    def _primary(self) -> Node:
        kind, text = self._kind(), self._peek()
        if kind in ("string", "number", "duration", "regex"):
            self._next()
            return Node(kind, (text[1:-1] if kind in ("string", "regex") else text,))
        if kind == "name":
            self._next()
            if text in ("true", "false"):
                return Node("bool", (text == "true",))
            return Node("name", (text,))
        if text == "(":
            return self._lambda_or_group()
        if text == "{":
            return self._record()
        if text == "[":
            self._next()
            items = []
            while not self._is("]"):
                items.append(self._expression())
                self._separator("]")
            self._next()
            return Node("list", tuple(items))
        raise FluxError(f"unexpected {text!r}")

    def _lambda_or_group(self) -> Node:
        self._expect("(")
        if self._kind() == "name" and self._peek(1) == ")" and self._peek(2) == "=>":
            name = self._next()
            self._expect(")")
            self._expect("=>")
            return Node("lambda", (name, self._expression()))
        inner = self._expression()
        self._expect(")")
        return inner

    def _record(self) -> Node:
        self._expect("{")
        base = None
        if self._kind() == "name" and self._peek(1) == "with":
            base = self._next()
            self._next()
        return Node("record", (base, self._pairs("}")))

    def _pairs(self, end: str) -> dict[str, Node]:
        """`name: expression` up to the end."""
        pairs: dict[str, Node] = {}
        while not self._is(end):
            name = self._take("name")
            self._expect(":")
            if name in pairs:
                raise FluxError(f"{name} is given twice")
            pairs[name] = self._expression()
            self._separator(end)
        self._next()
        return pairs

    def _separator(self, end: str) -> None:
        if self._is(","):
            self._next()
        elif not self._is(end):
            raise FluxError(f"expected , or {end}, found {self._peek()!r}")

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at][1] if at < len(self._tokens) else ""

    def _kind(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _is(self, text: str) -> bool:
        return self._peek() == text and self._kind() != "string"

    def _next(self) -> str:
        text = self._peek()
        self._at += 1
        return text

    def _expect(self, text: str) -> None:
        if not self._is(text):
            raise FluxError(f"expected {text!r}, found {self._peek()!r}")
        self._next()

    def _take(self, kind: str) -> str:
        if self._kind() != kind:
            raise FluxError(f"expected a {kind}, found {self._peek()!r}")
        return self._next()
