"""Every word of the screens in both languages."""

import json
import re
from pathlib import Path

import pytest

from tests.support.hmi_words import JAPANESE, leftover_english, plant_words, texts, used_keys
from tests.support.javascript import run_module

HOLE = re.compile(r"\{(\w+)\}")
# Names of states, modes and things that are the same in both languages.
SAME = {"lamp.plc", "alarm.aside_by"}


def test_both_languages_have_the_same_keys_with_the_same_holes() -> None:
    english, japanese = texts("en"), texts("ja")
    assert set(english) == set(japanese)
    for key, text in english.items():
        assert set(HOLE.findall(text)) == set(HOLE.findall(japanese[key])), key
        assert text.strip() == text
        assert text


def test_japanese_texts_are_japanese() -> None:
    plain = {k for k, text in texts("ja").items() if not JAPANESE.search(text)}
    assert plain <= SAME


def test_every_text_that_a_module_names_exists_and_every_text_is_used() -> None:
    keys, literals, beginnings = used_keys()
    known = set(texts("en"))
    assert keys - known == set()
    for beginning in beginnings:
        assert any(key.startswith(beginning) for key in known), beginning
    drawn = {k for k in known if k.startswith(("mimic.", "kind.", "problem.", "quality."))}
    unused = {k for k in known - keys - literals - drawn if not k.startswith(tuple(beginnings))}
    assert unused == set()


def test_everything_the_plant_says_has_a_japanese_text(tmp_path: Path) -> None:
    words = sorted({w for w in plant_words() if w and re.search("[a-z]", w)})
    assert len(words) > 400
    found = run_module(
        tmp_path,
        """
        import { phrases } from "./phrases.js";
        const look = phrases(JSON.parse(read("i18n/plant.ja.json")));
        tell(input.map((words) => [words, look(words) ?? ""]));
        """,
        words,
    )
    assert isinstance(found, list)
    assert [words for words, text in found if not JAPANESE.search(text)] == []
    assert [text for _, text in found if leftover_english(text)] == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("film gap", "A"),
        ("film gap set point", "A SP"),
        ("film gap set point, held by device", "A SP (held)"),
        ("roll 1 (X = 2.5 degC, wanted 80)", "R1 (X = 2.5 degC -> 80)"),
        ("nothing of this", None),
    ],
)
def test_phrases_are_put_together_of_parts(tmp_path: Path, words: str, text: str | None) -> None:
    catalogue = {
        "film gap": "A", "{a} set point": "{a} SP", "{a}, held by device": "{a} (held)",
        "roll {n}": "R{n}", "{what} ({tag} = {v}, wanted {sp})": "{what} ({tag} = {v} -> {sp})",
    }  # fmt: skip
    script = f"""
        import {{ phrases }} from "./phrases.js";
        tell(phrases({json.dumps(catalogue)})(input) ?? null);
    """
    assert run_module(tmp_path, script, words) == text
