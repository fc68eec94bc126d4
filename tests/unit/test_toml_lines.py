"""The line numbers that the scanner finds for the keys of a TOML text."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.toml_lines import KeyPath, key_lines, line_of, nested_line

TEXT = '''# title
[line]
name = "pilot"   # = "not a key"
text = """first
[no.table]
second = 1"""
raw = \'\'\'
a = "b"\'\'\'
ranges = [
  [0, 39],  # ]
  [
    40, 79],
]

[ stations . "coater 1" ]
driver = { protocol = "opcua", "end.point" = "x" }
a.b.c = 1
a.b.d = 1979-05-27 07:32:00

[[shift]]
start = 6
[[shift]]
start = 14
[shift.crew]
size = 3
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("line",), 2),
        (("line", "name"), 3),
        (("line", "text"), 4),
        (("line", "raw"), 7),
        (("line", "ranges"), 9),
        (("line", "ranges", 0), 10),
        (("line", "ranges", 1), 11),
        (("line", "ranges", 1, 1), 12),
        (("stations",), 15),
        (("stations", "coater 1"), 15),
        (("stations", "coater 1", "driver", "protocol"), 16),
        (("stations", "coater 1", "driver", "end.point"), 16),
        (("stations", "coater 1", "a", "b", "c"), 17),
        (("stations", "coater 1", "a", "b", "d"), 18),
        (("shift", 0, "start"), 21),
        (("shift", 1, "start"), 23),
        (("shift", 1, "crew", "size"), 25),
    ],
)
def test_key_stands_on_its_line(path: KeyPath, line: int) -> None:
    assert key_lines(TEXT)[path] == line


def _paths(value: object, path: KeyPath = ()) -> list[KeyPath]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, item in value.items():
            found += _paths(item, (*path, key))
    elif isinstance(value, list):
        for k, item in enumerate(value):
            found += _paths(item, (*path, k))
    return found


def test_scanner_finds_exactly_the_keys_that_the_parser_finds() -> None:
    assert set(key_lines(TEXT)) == set(_paths(tomllib.loads(TEXT)))


def test_windows_line_ends_do_not_move_lines() -> None:
    text = TEXT.replace("\n", "\r\n")
    assert key_lines(text)[("shift", 1, "crew", "size")] == 25


def test_missing_key_is_told_at_the_table_around_it() -> None:
    lines = key_lines(TEXT)
    assert line_of(lines, ("stations", "coater 1", "driver", "port")) == 16
    assert line_of(lines, ("history", "path")) is None


def test_brackets_are_counted_outside_strings_and_comments_only() -> None:
    assert nested_line('a = "[[[["\n# [[[[\nb = [[\n[[1]]]]', 3) == 4
    assert nested_line('a = "[[[["\n# [[[[\nb = [[1]]', 3) is None


_KEYS = st.text("ab-_1", min_size=1, max_size=3) | st.text(min_size=1, max_size=4).map(
    lambda text: '"' + "".join(f"\\u{ord(c):04x}" for c in text if ord(c) < 0xD800) + '"'
)
_SCALARS = st.sampled_from(
    ["1", "-2.5e3", "true", '"x = [1] # y"', "'{a = 1}'", '"""a\n[b]\nc = 1"""', "1979-05-27"]
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3).map(lambda xs: "[" + ",\n # ]\n ".join(xs) + "\n]"),
    max_leaves=6,
)
_LINES = st.lists(
    st.tuples(st.lists(_KEYS, min_size=1, max_size=3), _VALUES).map(
        lambda pair: " . ".join(pair[0]) + " = " + pair[1]
    )
    | st.lists(_KEYS, min_size=1, max_size=3).map(lambda keys: "[" + ".".join(keys) + "]")
    | st.lists(_KEYS, min_size=1, max_size=2).map(lambda keys: "[[" + ".".join(keys) + "]]")
    | st.just("# = [comment"),
    max_size=8,
).map("\n".join)


@settings(max_examples=400, deadline=None)
@given(_LINES)
def test_scanner_agrees_with_the_parser_on_every_valid_text(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        key_lines(text)
        return
    lines = key_lines(text)
    assert set(lines) == set(_paths(document))
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


@settings(max_examples=400, deadline=None)
@given(st.text("[]{}=,.\"'#\n\\ ab1", max_size=60))
def test_scanner_never_fails_on_a_text_that_is_not_toml(text: str) -> None:
    assert isinstance(key_lines(text), dict)


def test_deep_nesting_is_skipped_and_the_next_key_is_found() -> None:
    text = "a = " + "[" * 5000 + "]" * 5000 + "\nb = 1\n"
    assert key_lines(text)[("b",)] == 2
