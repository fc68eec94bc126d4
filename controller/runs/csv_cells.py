"""CSV in which no text can become a formula, and from which every text can be had back.

A spreadsheet takes what begins with = + - @ (or their full-width kin) for a formula; some skip
blanks or quotes before it, and one that expects another separator than the comma finds beginnings
in the middle of our cells. So an apostrophe is put wherever a cell could be taken to begin (at its
beginning and after each comma, semicolon, tab, bar or line break in it), if what follows

- is one of these characters, after any blanks, quotes and invisible characters; or
- is an apostrophe itself, so that taking one off each such place gives the text back exactly.

A cell that begins with a tab or a line break gets one too. Numbers (not texts that look like one)
stay as they are: -65.0.
"""

import math
import re
from collections.abc import Iterable

Cell = str | int | float | None

END_OF_LINE = "\r\n"  # RFC 4180
NUL = "\u2400"  # stands for the NUL character, at which many programs stop reading
_BREAKS = "\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029"
_SEPARATORS = f"[,;|{_BREAKS}]"
_SKIPPED = (
    r'(?:(?![\t-\r\x1c-\x1e\x85\u2028\u2029])[\s"\x01-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160'
    r"\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    r"\uffa0\ufff0-\ufffb])"
)
_TRIGGERS = "[=+@\\-＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋−﬩]"
_RISKY = rf"(?:'|{_SKIPPED}*{_TRIGGERS})"
_PLACES = re.compile(rf"\A(?={_RISKY}|[{_BREAKS}])|(?<={_SEPARATORS})(?={_RISKY})")
_MARKS = re.compile(rf"(?:\A|(?<={_SEPARATORS}))'")
_QUOTED = re.compile(r'[,"\r\n]')


def text_cell(text: str) -> str:
    """A text that no spreadsheet evaluates; `plain_text` undoes it."""
    return _PLACES.sub("'", text)


def plain_text(cell: str) -> str:
    """The text that `text_cell` was given."""
    return _MARKS.sub("", cell)


def number_cell(value: float) -> str:
    """A number with full precision; NaN, Infinity or '-Infinity where it is not finite."""
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else text_cell("Infinity" if value > 0 else "-Infinity")


def clean(text: str) -> str:
    """Without what a UTF-8 file of text cannot hold: NUL becomes a symbol, a lone surrogate its
    number."""
    return text.replace("\0", NUL).encode("utf-8", "backslashreplace").decode()


def line(cells: Iterable[Cell]) -> str:
    """One line of a CSV file with its line end; None is an empty cell.

    No negative number comes first: read with another separator it would begin a cell that goes on
    with the text after it.
    """
    return ",".join(_written(cell) for cell in cells) + END_OF_LINE


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return number_cell(cell)
    text = text_cell(clean(cell))
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if _QUOTED.search(text) else text
