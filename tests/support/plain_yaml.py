"""A strict reader for the plain part of YAML 1.2 that our files keep to.

Block mappings, block lists of scalars, plain and double-quoted scalars, comments. Anything else
(tabs, anchors, flow collections, block scalars, doubled keys, a plain scalar that other parsers
read differently) is an error with its line, so what passes here means the same to every parser.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

_KEY = re.compile(r'([A-Za-z_][\w.-]*|"[^"\\]*"):(?: (.*))?$')
_PLAIN = re.compile(r"[A-Za-z0-9/.~-][^#\t]*$")
_SURPRISING = re.compile(r"(?i)(yes|no|on|off|y|n|~|null|[-+.]?\d[\d_:.eExXo+-]*)$")


class YamlError(ValueError):
    """A line that is not plain YAML."""


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    indent: int
    text: str


def read(text: str) -> dict[str, Any]:
    """The mapping of a file; YamlError names the first wrong line."""
    lines = list(_lines(text))
    if not lines or lines[0].indent:
        raise YamlError("line 1: the file must begin with a key in the first column")
    value, rest = _block(lines, 0)
    if rest < len(lines):
        raise YamlError(f"line {lines[rest].number}: indentation does not fit")
    if not isinstance(value, dict):
        raise YamlError("line 1: the file must be a mapping")
    return value


def _lines(text: str) -> Any:
    for number, raw in enumerate(text.splitlines(), 1):
        if "\t" in raw:
            raise YamlError(f"line {number}: a tab")
        stripped = raw.strip()
        if not stripped or stripped.startswith("#"):
            continue
        indent = len(raw) - len(raw.lstrip(" "))
        if indent % 2:
            raise YamlError(f"line {number}: indentation must be in steps of two")
        yield _Line(number, indent, stripped)


def _block(lines: list[_Line], at: int) -> tuple[Any, int]:
    first = lines[at]
    return _list(lines, at) if first.text.startswith("- ") else _mapping(lines, at)


def _mapping(lines: list[_Line], at: int) -> tuple[dict[str, Any], int]:
    indent = lines[at].indent
    out: dict[str, Any] = {}
    while at < len(lines) and lines[at].indent == indent:
        line = lines[at]
        match = _KEY.match(line.text)
        if not match:
            raise YamlError(f"line {line.number}: not a key: {line.text!r}")
        key = match[1].strip('"')
        if key in out:
            raise YamlError(f"line {line.number}: {key!r} stands twice")
        at += 1
        if match[2] is not None:
            out[key] = _scalar(match[2], line.number)
        elif at < len(lines) and lines[at].indent == indent + 2:
            out[key], at = _block(lines, at)
        else:
            out[key] = None
    return out, at


def _list(lines: list[_Line], at: int) -> tuple[list[Any], int]:
    indent = lines[at].indent
    out = []
    while at < len(lines) and lines[at].indent == indent:
        line = lines[at]
        if not line.text.startswith("- "):
            raise YamlError(f"line {line.number}: a key inside a list")
        out.append(_scalar(line.text[2:], line.number))
        at += 1
    return out, at


def _scalar(text: str, number: int) -> str | bool:
    if text.startswith('"'):
        try:
            value = json.loads(text)
        except ValueError:
            raise YamlError(f"line {number}: quotes do not close: {text}") from None
        return str(value)
    if text in ("true", "false"):
        return text == "true"
    if not _PLAIN.match(text) or ": " in text or text.endswith(":") or text.startswith("- "):
        raise YamlError(f"line {number}: quote this: {text}")
    if _SURPRISING.match(text):
        raise YamlError(f"line {number}: not every parser reads this as text, quote it: {text}")
    return text
