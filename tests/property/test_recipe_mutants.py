"""However a recipe is mutilated: problems with a place, or a recipe that comes back the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.recipe import Recipe, RecipeId, Version
from controller.core.tag import Kind
from controller.recipe_file import dump, parse_recipe
from tests.support.recipe_kinds import film, shipped_kinds

KINDS = shipped_kinds()
OWN = RecipeId("coater", "test-film", Version(1, 2, 0))
GOOD = film("1.2.0")
_MARKS = ["", "'", '"', "[", "]", "{", "}", ",", ":", ": ", "- ", "? ", "&a ", "*a", "!x ", "|",
          ">-", "%", "@", "`", "#", " #", "---\n", "...\n", "<<: ", "\n", "\t", " ", "  ", "=",
          "\\", "~"]  # fmt: skip
_VALUES = [".nan", "-.inf", "1e400", "9" * 50, "-1", "0", "0.5", "010", "0x1f", "true", "null",
           "hold", "=feed", "=roll_temperature", "=", "run", ".CMD", ".PERMIT", "COAT.CMD", "[]",
           "{}", "'", "1.2.0", "\ud7ff", "\U0001f600", "\u2028", "\x85", "\x07"]  # fmt: skip
WORDS = sorted(set(GOOD.replace("{", " ").replace("}", " ").replace(",", " ").split()))
PIECES = st.sampled_from([*_MARKS, *_VALUES]) | st.sampled_from(WORDS) | st.text(max_size=4)


@st.composite
def mutilated(draw: st.DrawFn) -> str:
    """The text with up to six cuts and insertions."""
    text = GOOD
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.sampled_from([0, 0, 1, 1, 2, 5, 20, 200]))
        piece = draw(PIECES | st.integers(0, len(text)).map(lambda k, t=text: t[k : k + 60]))
        text = text[:start] + piece + text[start + length :]
    return text


@st.composite
def words_changed(draw: st.DrawFn) -> str:
    """The text with one to four of its words replaced: right YAML, wrong recipe, mostly."""
    text = GOOD
    for _ in range(draw(st.integers(1, 4))):
        word = draw(st.sampled_from([w for w in WORDS if w in text]))
        spots = [k for k in range(len(text)) if text.startswith(word, k)]
        at = draw(st.sampled_from(spots))
        text = text[:at] + draw(st.sampled_from([*_VALUES, *WORDS])) + text[at + len(word) :]
    return text


def judge(text: str) -> None:
    found, problems = parse_recipe(text, "x.yaml", OWN, KINDS)
    assert (found is None) == bool(problems)
    for problem in problems:
        assert problem.message
        assert "\n" not in str(problem)
        assert problem.line is not None
        assert 1 <= problem.line <= text.count("\n") + 2
    if found is not None:
        again, _ = parse_recipe(dump(found.recipe, KINDS["coater"]), "x.yaml", OWN, KINDS)
        assert again is not None
        assert again.recipe == found.recipe
        check_ranges(found.recipe)


def check_ranges(recipe: Recipe) -> None:
    """Whatever passed is inside the ranges of parameters and tags."""
    kind = KINDS["coater"]
    for p in kind.parameters:
        assert p.low <= recipe.formula[p.name].value <= p.high
    for phase in recipe.phases:
        pairs = [*phase.set.items(), *((r.tag, r.target) for r in phase.ramps)]
        for name, target in pairs:
            tag = kind.tags[name]
            assert tag.settable
            assert tag.low <= target.value <= tag.high
        for ramp in phase.ramps:
            assert kind.tags[ramp.tag].kind is Kind.REAL
        assert all(kind.tags[u.tag].readable for u in phase.until)


@settings(max_examples=400, deadline=None)
@given(text=mutilated())
def test_mutilated_recipe_gives_problems_or_a_recipe(text: str) -> None:
    judge(text)


@settings(max_examples=300, deadline=None)
@given(text=words_changed())
def test_recipe_with_other_words_gives_problems_or_a_recipe(text: str) -> None:
    judge(text)


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=200))
def test_arbitrary_text_is_refused_with_problems(text: str) -> None:
    found, problems = parse_recipe(text, "x.yaml", OWN, KINDS)
    assert found is None
    assert problems


@pytest.mark.parametrize("piece", ["[", "{", "- ", "? ", "{a: ", "[[", "!x ", "&a "])
def test_piece_repeated_without_end_is_refused(piece: str) -> None:
    for text in (piece * 600, "\n".join(" " * k + piece for k in range(600))):
        found, problems = parse_recipe(text, "x.yaml", OWN, KINDS)
        assert found is None
        assert problems
