"""Whatever is written as line protocol is read back as it was by a reader of its own."""

import math
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.sinks import line_protocol
from tests.support.line_protocol_reader import read_body, read_line

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NASTY = st.text(st.sampled_from(list(' ,="\\#\n\r\t\x00\x7f\u2028é😀ab')), max_size=12)
NAMES = TEXT | NASTY
VALUES = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | NAMES
)
TIMES = st.integers(-(2**62), 2**62)


def plain(text: str) -> str:
    """What of a name can arrive."""
    kept = ("/" if c == "\\" else " " if is_control(c) else c for c in text)
    return "".join(kept).strip()


def without_controls(text: str) -> str:
    return "".join(" " if is_control(c) else c for c in text)


def is_control(char: str) -> bool:
    return ord(char) < 32 or char in "\x7f\x85\u2028\u2029"


def test_what_is_replaced_are_the_characters_that_could_end_a_line() -> None:
    replaced = {c for c in map(chr, range(0x3000)) if is_control(c)}
    breaks = {c for c in map(chr, range(0x3000)) if len(f"a{c}b".splitlines()) > 1}
    assert breaks <= replaced
    assert all(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in replaced)


@settings(max_examples=400, deadline=None)
@example("a\\", {"b\\,": "c\\ "}, {"d": 'e\\"'}, 0)
@given(
    NAMES.filter(plain),
    st.dictionaries(NAMES, NAMES, max_size=4),
    st.dictionaries(st.text("abc_ =,\\", min_size=1).filter(plain), VALUES, min_size=1, max_size=4),
    TIMES,
)
def test_a_point_is_read_back(
    name: str, tags: dict[str, str], fields: dict[str, float | str], time_ns: int
) -> None:
    keys = {plain(key): plain(value) for key, value in tags.items()}
    if len(keys) < len(tags) or "" in keys or len({plain(k) for k in fields}) < len(fields):
        return  # names that differ only in what cannot be said: not ours
    text = line_protocol.line(line_protocol.series(name, tags), fields, time_ns)
    point = read_line(text)
    wanted = plain(name)
    assert point.measurement == ("_" + wanted[1:] if wanted.startswith("#") else wanted)
    assert dict(point.tags) == {key: value for key, value in keys.items() if value}
    assert point.time_ns == time_ns
    found = dict(point.fields)
    for key, value in fields.items():
        arrived = found.pop(plain(key))
        assert arrived == (without_controls(value) if isinstance(value, str) else value)
        assert type(arrived) is type(value)
        if isinstance(value, float):
            assert math.copysign(1.0, value) == math.copysign(1.0, arrived)
    assert not found


@pytest.mark.parametrize("name", ["", " ", "\n"])
def test_a_measurement_without_a_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="needs a name"):
        line_protocol.measurement(name)


SAMPLES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.floats(),
        st.integers(0, 255),
        st.integers(0, 5) | TIMES,
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(SAMPLES)
def test_columns_become_one_point_a_row(rows: list[tuple[int, float, int, int]]) -> None:
    tags, values, quality, time_ns = zip(*rows, strict=True)
    number = np.array(values, np.float64)
    has_value = np.isfinite(number) & (np.array(quality) < 128)
    series = {k: line_protocol.series("cell", {"tag": f"T {k}"}) for k in range(4)}
    lines = line_protocol.sample_lines(
        series,
        np.array(tags, np.int32),
        number,
        np.array(quality, np.uint8),
        np.array(time_ns, np.int64),
        has_value,
    )
    points = read_body(line_protocol.body(lines).decode())
    assert len(points) == len(rows)
    for point, row, whole in zip(points, rows, has_value, strict=True):
        tag, value, code, stamp = row
        assert (point.tag("tag"), point.time_ns) == (f"T {tag}", stamp)
        assert point.field("quality") == code
        assert point.field("value") == (value if whole else None)
