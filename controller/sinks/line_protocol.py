"""Points as InfluxDB line protocol: escaping by the specification, columns to text at once.

    measurement,tag=value,tag=value field=1.5,other=2i,text="a \\"word\\"" 1767225600000000000

Measurements and tags cannot hold control characters, and servers do not agree on a backslash in
them, so those become a blank and a slash. Text fields keep everything but control characters.
There is no NaN and no infinity in line protocol: such a field is left out.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Field = float | int | str

_BLANKS = dict.fromkeys([*range(32), 127, 0x85, 0x2028, 0x2029], " ")
_NAME = str.maketrans(_BLANKS | {"\\": "/"})
_MEASUREMENT = str.maketrans({",": "\\,", " ": "\\ "})
_TAG = str.maketrans({",": "\\,", " ": "\\ ", "=": "\\="})
_TEXT = str.maketrans(_BLANKS | {"\\": "\\\\", '"': '\\"'})


def measurement(text: str) -> str:
    """A measurement, escaped; ValueError when nothing is left of it."""
    found = stored_measurement(text)
    if not found:
        raise ValueError("a measurement needs a name")
    return found.translate(_MEASUREMENT)


def stored_measurement(text: str) -> str:
    """A measurement as a server knows it, without escapes."""
    found = stored_name(text)
    return "_" + found[1:] if found.startswith("#") else found  # "#" would make a comment of it


def tag(text: str) -> str:
    """A tag key or value, escaped; "" when nothing is left of it."""
    return stored_name(text).translate(_TAG)


def text_field(text: str) -> str:
    """A text as field value, in its quotes."""
    return f'"{text.translate(_TEXT)}"'


def series(name: str, tags: Mapping[str, str]) -> str:
    """Measurement and tags of a point, keys in order; tags without a value are left out."""
    pairs = ((tag(key), tag(value)) for key, value in sorted(tags.items()))
    return ",".join([measurement(name), *(f"{key}={value}" for key, value in pairs if value)])


def line(of_series: str, fields: Mapping[str, Field], time_ns: int) -> str:
    """One point. ValueError when no field can be written."""
    parts = [f"{tag(key)}={text}" for key, value in fields.items() if (text := _field(value))]
    if not parts:
        raise ValueError("a point needs a field")
    return f"{of_series} {','.join(parts)} {time_ns}"


def sample_lines(
    of_series: Mapping[int, str],
    tags: NDArray[np.int32],
    values: NDArray[np.float64],
    quality: NDArray[np.uint8],
    time_ns: NDArray[np.int64],
    has_value: NDArray[np.bool_],
) -> list[str]:
    """A point for every row: fields `value` (where it has one) and `quality`.

    of_series: measurement and tags by number of the tag; KeyError when one is missing.
    """
    beginnings = {number: f"{text} value=" for number, text in of_series.items()}
    endings, ending_of = _endings(quality, time_ns)
    rows = zip(tags.tolist(), values.tolist(), ending_of, strict=True)
    if has_value.all():
        return [f"{beginnings[k]}{v!r},{endings[e]}" for k, v, e in rows]
    return [
        f"{beginnings[k]}{v!r},{endings[e]}" if whole else f"{of_series[k]} {endings[e]}"
        for (k, v, e), whole in zip(rows, has_value.tolist(), strict=True)
    ]


def _endings(quality: NDArray[np.uint8], time_ns: NDArray[np.int64]) -> tuple[list[str], list[int]]:
    """Each text that stands behind the value, and which of them a row has.

    The samples of one scan have one time: there are far fewer endings than rows.
    """
    times, at = np.unique(time_ns, return_inverse=True)
    pairs, ending_of = np.unique(at * 256 + quality, return_inverse=True)
    stamps = times.tolist()
    endings = [f"quality={pair & 255}i {stamps[pair >> 8]}" for pair in pairs.tolist()]
    return endings, ending_of.tolist()


def body(lines: Sequence[str]) -> bytes:
    """Lines as they are posted."""
    return "\n".join(lines).encode("utf-8", "replace")


def stored_name(text: str) -> str:
    """A tag key or value as a server knows it, without escapes."""
    return text.translate(_NAME).strip()


def _field(value: Field) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value}i"
        case float():
            return repr(value) if math.isfinite(value) else ""
        case _:
            return text_field(value)
