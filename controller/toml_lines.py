"""Where each key of a TOML text stands: the standard library's parser gives no line numbers.

The scanner runs beside the parser, on a text the parser has accepted; on any other text it does
not fail either, it then only knows fewer keys.
"""

import re
import tomllib
from collections.abc import Mapping

KeyPath = tuple[str | int, ...]  # names, and numbers inside arrays

MAX_DEPTH = 64  # brackets nested deeper than this are skipped, not looked into

_TOKEN = re.compile(
    r'''(?P<string>"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')'''
    r"""|(?P<comment>\#[^\n]*)|(?P<newline>\n)|(?P<blank>[ \t\r]+)"""
    r"""|(?P<mark>[][{},=])|(?P<bare>[^][{},=#"'\s]+)|(?P<other>.)""",
    re.DOTALL,
)
_OPEN, _CLOSE, _NEWLINE = ("[", "{"), ("]", "}"), "\n"


def key_lines(text: str) -> dict[KeyPath, int]:
    """Line (from 1) of every table, key and array element of a TOML text.

    A table opened more than once (by its header, by a dotted key) stands where it is named first.
    """
    return _Scanner(text).document()


def line_of(lines: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    """Line of the key, or of the nearest table around it that is in the file."""
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


def nested_line(text: str, depth: int) -> int | None:
    """The first line on which more than `depth` brackets are open."""
    level = 0
    line = 1
    for match in _TOKEN.finditer(text):
        token = match.group()
        level += (token in _OPEN) - (token in _CLOSE)
        if level > depth:
            return line
        line += token.count("\n")
    return None


class _Scanner:
    """One pass over the tokens of a text."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, int]] = []
        line = 1
        for match in _TOKEN.finditer(text):
            token = match.group()
            if match.lastgroup not in ("comment", "blank"):
                self._tokens.append((token, line))
            line += token.count("\n")
        self._at = 0
        self._lines: dict[KeyPath, int] = {}
        self._counts: dict[KeyPath, int] = {}  # elements of each [[array of tables]] so far

    def document(self) -> dict[KeyPath, int]:
        """Scan everything."""
        table: KeyPath = ()
        while self._at < len(self._tokens):
            mark = self._peek()
            if mark == "[":
                table = self._header()
            elif mark in (_NEWLINE, ",", *_CLOSE):
                self._at += 1
            else:
                self._pair(table, 0)
        return self._lines

    def _peek(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _line(self) -> int:
        return self._tokens[min(self._at, len(self._tokens) - 1)][1]

    def _header(self) -> KeyPath:
        """[a.b] or [[a.b]]: returns the path of the table it opens."""
        line = self._line()
        self._at += 1
        is_array = self._peek() == "["
        names = self._key("]")
        path: KeyPath = ()
        for position, name in enumerate(names, 1):
            path += (name,)
            self._lines.setdefault(path, line)
            if is_array and position == len(names):
                self._counts[path] = self._counts.get(path, 0) + 1
            if path in self._counts:
                path += (self._counts[path] - 1,)
                self._lines.setdefault(path, line)
        return path

    def _pair(self, table: KeyPath, depth: int) -> None:
        """key = value"""
        line, start = self._line(), self._at
        path = table
        for name in self._key("="):
            path += (name,)
            self._lines.setdefault(path, line)
        self._value(path, depth)
        if self._at == start:  # text that is not TOML: go on behind it
            self._at += 1

    def _key(self, end: str) -> list[str]:
        """Names of a dotted key, up to and including the mark `end`."""
        names: list[str] = []
        while (token := self._peek()) not in ("", _NEWLINE):
            self._at += 1
            if token == end:
                while end == "]" and self._peek() == "]":
                    self._at += 1
                break
            if token[0] in "\"'":
                names.append(_unquoted(token))
            elif token not in (*_OPEN, *_CLOSE, ",", "="):
                names += [name for name in token.split(".") if name]
        return names

    def _value(self, path: KeyPath, depth: int) -> None:
        opening = self._peek()
        if opening not in _OPEN:
            while self._peek() not in ("", _NEWLINE, ",", *_CLOSE):
                self._at += 1
            return
        if depth >= MAX_DEPTH:
            self._skip()
            return
        self._at += 1
        index = 0
        while (token := self._peek()) not in ("", *_CLOSE):
            if token in (",", _NEWLINE):
                self._at += 1
            elif opening == "{":
                self._pair(path, depth + 1)
            else:
                self._lines.setdefault((*path, index), self._line())
                start = self._at
                self._value((*path, index), depth + 1)
                self._at = max(self._at, start + 1)
                index += 1
        self._at += 1

    def _skip(self) -> None:
        """Go behind the bracket that closes the one here."""
        level = 0
        while token := self._peek():
            self._at += 1
            level += (token in _OPEN) - (token in _CLOSE)
            if level == 0:
                return


def _unquoted(token: str) -> str:
    try:
        return str(tomllib.loads(f"k = {token}")["k"])
    except tomllib.TOMLDecodeError:
        return token.strip("\"'")
