"""A reader of line protocol, written from its specification and from nothing of ours.

It walks over the text character by character; where servers are known to differ (a backslash in
front of a delimiter that is itself preceded by one, a backslash at the end of a tag) it refuses.
"""

import re
from dataclasses import dataclass

Value = float | int | str | bool

SAFE_NAME = re.compile(r"[^\x00-\x1f\x7f]+")
INTEGER = re.compile(r"-?\d+i")
FLOAT = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
TIME = re.compile(r"-?\d+")


@dataclass(frozen=True)
class Point:
    """One point as a server understands it."""

    measurement: str
    tags: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, Value], ...]
    time_ns: int

    def tag(self, key: str) -> str:
        return dict(self.tags).get(key, "")

    def field(self, key: str) -> Value | None:
        return dict(self.fields).get(key)

    @property
    def key(self) -> tuple[str, tuple[tuple[str, str], ...], int]:
        """What a server tells points apart by."""
        return self.measurement, self.tags, self.time_ns


class NotLineProtocol(ValueError):
    """The text breaks the specification."""


def read_body(text: str) -> list[Point]:
    """All points of a body."""
    return [read_line(line) for line in text.split("\n") if line and not line.startswith("#")]


def read_line(text: str) -> Point:
    """One point."""
    return _Reader(text).point()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def point(self) -> Point:
        measurement = self.name(", ", "measurement")
        tags = []
        while self.peek() == ",":
            self.at += 1
            key = self.name(",= ", "tag key")
            self.expect("=")
            tags.append((key, self.name(",= ", "tag value")))
        self.expect(" ")
        fields = [self.pair()]
        while self.peek() == ",":
            self.at += 1
            fields.append(self.pair())
        self.expect(" ")
        stamp = self.text[self.at :]
        self.require(bool(TIME.fullmatch(stamp)), f"time stamp {stamp!r}")
        self.require(-(2**63) < int(stamp) < 2**63, "time stamp out of range")
        self.require(len(dict(tags)) == len(tags), "a tag key is there twice")
        self.require(len(dict(fields)) == len(fields), "a field key is there twice")
        return Point(measurement, tuple(sorted(tags)), tuple(fields), int(stamp))

    def name(self, delimiters: str, what: str) -> str:
        out = []
        while (char := self.peek()) and char not in delimiters:
            if char == "\\":
                following = self.text[self.at + 1 : self.at + 2]
                self.require(bool(following), f"{what} ends with a backslash")
                self.require(following != "\\", f"two backslashes in {what}: servers differ")
                if following in ",= ":
                    char = following
                    self.at += 1
            out.append(char)
            self.at += 1
        self.require(bool(out), f"{what} is empty")
        found = "".join(out)
        self.require(bool(SAFE_NAME.fullmatch(found)), f"control character in {what} {found!r}")
        return found

    def pair(self) -> tuple[str, Value]:
        key = self.name(",= ", "field key")
        self.expect("=")
        return key, self.quoted() if self.peek() == '"' else self.bare()

    def quoted(self) -> str:
        self.at += 1
        out = []
        while (char := self.peek()) != '"':
            self.require(bool(char), "text without end")
            if char == "\\" and self.text[self.at + 1 : self.at + 2] in ('"', "\\"):
                self.at += 1
                char = self.peek()
            out.append(char)
            self.at += 1
        self.at += 1
        return "".join(out)

    def bare(self) -> Value:
        start = self.at
        while self.peek() not in ("", ",", " "):
            self.at += 1
        word = self.text[start : self.at]
        if word in ("t", "T", "true", "True", "TRUE"):
            return True
        if word in ("f", "F", "false", "False", "FALSE"):
            return False
        if INTEGER.fullmatch(word):
            number = int(word[:-1])
            self.require(-(2**63) <= number < 2**63, f"integer {word} out of range")
            return number
        self.require(bool(FLOAT.fullmatch(word)), f"field value {word!r}")
        return float(word)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def expect(self, char: str) -> None:
        self.require(self.peek() == char, f"expected {char!r}")
        self.at += 1

    def require(self, is_right: bool, told: str) -> None:
        if not is_right:
            raise NotLineProtocol(f"{told} at {self.at} of {self.text!r}")
