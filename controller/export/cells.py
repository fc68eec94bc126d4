"""Cells of a column as numbers: whole columns at once, and what is wrong with which cell."""

import math
from collections.abc import Sequence
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from controller.core.sample import Quality, quality_text
from controller.export.blocks import Texts, same_text
from controller.export.incoming import TIME_NS, Cells
from controller.export.iso_times import times_of
from controller.history.codec import Floats, Ints
from controller.history.source import BEGINNING, END

UNSAID = -1  # as a quality: the file does not say
_SEVERITIES = {"good": 0, "uncertain": 64, "bad": 128}
_QUALITIES = {quality_text(q).casefold(): q for q in range(255, -1, -1)}
_WORDS = {"true": 1.0, "false": 0.0}
Wrongs = dict[int, str]


def texts_of(cells: Cells) -> Texts:
    """Any column as Texts."""
    if isinstance(cells, Texts):
        return cells
    column = cells_of(cells)
    if column and column[0] == column[-1] and column.count(column[0]) == len(column):
        return same_text(column[0], len(column))
    words = list(dict.fromkeys(column))
    code = {word: k for k, word in enumerate(words)}
    return Texts(np.fromiter(map(code.__getitem__, column), np.int32, len(column)), words)


def cells_of(cells: Cells) -> Sequence[str]:
    """Any column as cells of text."""
    if isinstance(cells, Texts):
        return [cells.words[code] or "" for code in cells.codes.tolist()]
    return [str(cell) for cell in cells.tolist()] if isinstance(cells, np.ndarray) else cells


def instants(name: str, cells: Cells, zone: tzinfo | None) -> tuple[Ints, Wrongs]:
    """UTC nanoseconds; `name` of the column says whether it has texts or counts nanoseconds."""
    if isinstance(cells, np.ndarray) and cells.dtype.kind == "M":
        time_ns = cells.view(np.int64)
    elif name.strip().lower() == TIME_NS:
        time_ns, wrong = _counts(cells)
        if wrong:
            return time_ns, wrong
    elif isinstance(cells, np.ndarray):
        text = f"is a bare number: name the column {TIME_NS} if it counts nanoseconds since 1970"
        return np.zeros(len(cells), np.int64), dict.fromkeys(range(len(cells)), text)
    else:
        return times_of(cells_of(cells), zone)
    outside = np.flatnonzero((time_ns <= BEGINNING) | (time_ns >= END)).tolist()
    return time_ns, dict.fromkeys(outside, "is outside the years 1824 to 2116")


def _counts(cells: Cells) -> tuple[Ints, Wrongs]:
    if isinstance(cells, np.ndarray) and cells.dtype.kind == "i":
        return cells, {}
    out, wrong = np.zeros(len(cells_of(cells)), np.int64), {}
    for k, cell in enumerate(cells_of(cells)):
        sign, digits = cell[:1] == "-", cell.lstrip("-")
        if cell.isascii() and digits.isdigit() and len(cell) - sign == len(digits) < 20:
            out[k] = max(min(int(cell), END), BEGINNING)
        else:
            wrong[k] = "is no whole number of nanoseconds"
    return out, wrong


def numbers(cells: Cells, *, comma: bool = False) -> tuple[Floats, NDArray[np.bool_], Wrongs]:
    """Values, which cells are empty (their values are NaN), and what is wrong.

    comma: the cells have decimal commas.
    """
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "if":
        values = cells.astype(np.float64)
        return values, np.isnan(values), {}
    column = cells_of(cells)
    joined = "".join(column)
    if not joined:
        return np.full(len(column), np.nan), np.ones(len(column), np.bool_), {}
    if joined.isascii() and "_" not in joined:
        try:
            values = np.array([float(cell) if cell else math.nan for cell in column], np.float64)
        except ValueError:
            pass
        else:
            return values, np.array([not cell for cell in column], np.bool_), {}
    return _one_by_one(column, comma=comma)


def _one_by_one(column: Sequence[str], *, comma: bool) -> tuple[Floats, NDArray[np.bool_], Wrongs]:
    values, empty = np.full(len(column), np.nan), np.zeros(len(column), np.bool_)
    wrong = {}
    for k, cell in enumerate(column):
        word = cell.strip().removeprefix("'").casefold()
        empty[k] = not word
        if not word:
            continue
        try:
            values[k] = _WORDS[word] if word in _WORDS else _number(word, comma=comma)
        except ValueError:
            wrong[k] = "is no number; a number, NaN, Infinity, true, false or nothing"
    return values, empty, wrong


def _number(word: str, *, comma: bool) -> float:
    if not word.isascii() or "_" in word:
        raise ValueError(word)
    return float(word.replace(",", ".") if comma else word)


def qualities(cells: Cells) -> tuple[NDArray[np.int16], Wrongs]:
    """Quality of each row, UNSAID where the cell is empty."""
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "if":
        unsaid = np.isnan(cells.astype(np.float64))
        fits = unsaid | ((cells >= 0) & (cells <= 255) & (cells == np.floor(cells)))
        bad = np.flatnonzero(~fits).tolist()
        found = np.where(fits & ~unsaid, cells, UNSAID).astype(np.int16)
        return found, dict.fromkeys(bad, "is no quality; 0 to 255")
    texts = texts_of(cells)
    codes: list[int] = []
    wrong: Wrongs = {}
    for number, word in enumerate(texts.words):
        code = _quality(word or "")
        codes.append(UNSAID if code is None else code)
        if code is None:
            text = "is no quality; 0 to 255, or Good, Uncertain, Bad, with or without a reason"
            wrong |= dict.fromkeys(np.flatnonzero(texts.codes == number).tolist(), text)
    return np.array(codes, np.int16)[texts.codes], wrong


def _quality(word: str) -> int | None:
    text = word.strip().casefold()
    if not text:
        return UNSAID
    if text in _SEVERITIES:
        return _SEVERITIES[text]
    if text in _QUALITIES:
        return _QUALITIES[text]
    return int(text) if text.isascii() and text.isdigit() and int(text) <= 255 else None


def said_by_value(values: Floats, empty: NDArray[np.bool_]) -> NDArray[np.int16]:
    """The quality of a value of which a file says none."""
    out = np.where(np.isfinite(values), int(Quality.GOOD), int(Quality.BAD_NOT_A_NUMBER))
    return np.where(empty, int(Quality.BAD_NO_DATA), out).astype(np.int16)
