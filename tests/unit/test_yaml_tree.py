"""Strict YAML: values, places, and what it does not take."""

import pytest

from controller.yaml_tree import Tree, read_yaml


def read(text: str) -> Tree:
    tree, problems = read_yaml(text, "x.yaml")
    assert [str(p) for p in problems] == []
    return tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-65", -65),
        ("+3", 3),
        ("0", 0),
        ("-0.5", -0.5),
        ("1e3", 1000.0),
        ("1.5E-2", 0.015),
        ("true", True),
        ("false", False),
        ("null", None),
        ("run", "run"),
        ("yes", "yes"),
        ("on", "on"),
        ('"5"', "5"),
        ("'true'", "true"),
        ('"a\\tb"', "a\tb"),
        ("1.2.0", "1.2.0"),
        ("2026-01-01", "2026-01-01"),
        ("12:30", "12:30"),
        ("=frost_point", "=frost_point"),
        ("[1, two, {three: 3}]", [1, "two", {"three": 3}]),
        (">-\n  folded\n  text", "folded text"),
    ],
)
def test_scalar_means_what_the_core_schema_says(text: str, value: object) -> None:
    tree = read(f"k: {text}\n")
    assert tree.value == {"k": value}
    assert isinstance(tree.value, dict)
    assert type(tree.value["k"]) is type(value)


@pytest.mark.parametrize(
    "text",
    ["010", "0x1F", "0o17", "0b1", "1_000", ".5", "5.", "-.5", "~", "Null", "True", "FALSE",
     ".nan", ".NaN", ".inf", "-.INF", "+.inf", "1e400", "9" * 41, ""],
)  # fmt: skip
def test_scalar_that_readers_take_differently_is_refused(text: str) -> None:
    tree, problems = read_yaml(f"k: {text}\n", "x.yaml")
    assert [(p.line, p.field) for p in problems] == [(1, "k")]
    assert tree.value == {"k": None}
    assert tree.told == {("k",)}


def test_places_are_lines_and_columns_of_keys_and_values() -> None:
    text = "# first\nouter:\n  - {inner: 5}\n  - name: 'x'\n"
    tree = read(text)
    inner = tree.place(("outer", 0, "inner"))
    assert (inner.line, inner.column) == (3, 13)
    assert text[inner.start : inner.stop] == "5"
    key = tree.place(("outer", 0, "inner"), of_key=True)
    assert (key.line, key.column) == (3, 6)
    name = tree.place(("outer", 1, "name"))
    assert text[name.start : name.stop] == "'x'"


def test_place_of_what_is_missing_is_the_nearest_thing_around_it() -> None:
    tree = read("outer:\n  inner: 5\n")
    around = tree.place(("outer", "other", "deep"))
    assert (around.line, around.column) == (1, 1)
    assert (tree.place(("nothing",)).line, tree.place(()).line) == (1, 1)


def test_reading_goes_on_behind_marks_and_doubled_keys() -> None:
    text = "a: &x 1\nb: *x\nc: !!str 2\na: 3\n<<: {d: 4}\ne: 5\n"
    tree, problems = read_yaml(text, "x.yaml")
    assert [(p.line, p.field) for p in problems] == [
        (1, "a"), (2, "b"), (3, "c"), (4, "a"), (5, '"<<"'),
    ]  # fmt: skip
    assert tree.complete
    assert isinstance(tree.value, dict)
    assert tree.value["e"] == 5
    assert tree.value["a"] == 1


def test_aliases_are_never_expanded() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + k)}: &{chr(98 + k)} [*{chr(97 + k)}, *{chr(97 + k)}]\n" for k in range(20)
    )
    tree, problems = read_yaml(bomb, "x.yaml")
    assert len(problems) == 21 + 40
    assert len(repr(tree.value)) < 1000


def test_broken_syntax_names_its_place_and_what_stood_before_it() -> None:
    tree, problems = read_yaml("a: 1\na: 2\nb: [1, 2\nc: 3\n", "x.yaml")
    assert [p.line for p in problems] == [2, 4]
    assert "not YAML" in problems[-1].message
    assert not tree.complete


@pytest.mark.parametrize("depth", [15, 16])
def test_nesting_is_limited(depth: int) -> None:
    _, problems = read_yaml("k: " + "[" * depth + "]" * depth + "\n", "x.yaml")
    assert bool(problems) is (depth == 16)


def test_problem_shows_file_line_column_path_and_value() -> None:
    _, problems = read_yaml("a:\n  b: 010\n", "r/1.0.0.yaml")
    assert str(problems[0]).startswith("r/1.0.0.yaml:2:6: a.b = '010': number that not every")
