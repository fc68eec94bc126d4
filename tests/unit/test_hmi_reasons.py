"""Why something was refused, in Japanese: every sentence that the source can say to a person."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from controller.access.roles import Permission
from controller.alarms.states import AlarmState
from tests.support.hmi_words import HOLES, JAPANESE, leftover_english, plant_catalogue
from tests.support.javascript import run_module
from tests.support.refusal_words import refusal_sentences

# What only programs and terminals are told, each with a language of its own.
NOT_ON_SCREENS = frozenset({"cli", "sinks", "queries", "desk.py"})
TRANSLATE = """
    import { phrases } from "./phrases.js";
    const look = phrases(JSON.parse(read("i18n/plant.ja.json")));
    tell(input.map((words) => look(words) ?? null));
"""


def japanese(place: Path, sentences: Sequence[str]) -> list[str | None]:
    found = run_module(place, TRANSLATE, list(sentences))
    assert isinstance(found, list)
    return found


def filled(template: str) -> tuple[str, list[str]]:
    """With a value in each hole that no other hole has."""
    values: list[str] = []

    def value(_: re.Match[str]) -> str:
        values.append(f"V{len(values)}")
        return values[-1]

    return HOLES.sub(value, template), values


def test_every_reason_of_a_refusal_has_japanese_words_with_all_its_values(tmp_path: Path) -> None:
    sentences = refusal_sentences(NOT_ON_SCREENS)
    assert len(sentences) > 180
    given = {template: filled(template) for template in sentences}
    found = japanese(tmp_path, [words for words, _ in given.values()])
    without, english, lost = [], [], []
    for (template, (words, values)), text in zip(given.items(), found, strict=True):
        where = f"{sentences[template]}: {template!r} -> {text!r}"
        if text is None or not JAPANESE.search(text):
            without.append(where)
        elif leftover_english(text):
            english.append(where)
        elif any(value not in text for value in values if value in words):
            lost.append(where)
    assert without == []
    assert english == []
    assert lost == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            "COAT.TROLL2.SP: the link to the PLC is down",
            "COAT.TROLL2.SP：PLC との通信が切れています",
        ),
        (
            "START is not enabled in EXECUTE; enabled: STOP, HOLD, PAUSE, ABORT",
            "運転 では 始動 を実行できません（実行できるもの：STOP, HOLD, PAUSE, ABORT）",
        ),
        ("too many tries: wait 12 s", "試行が多すぎます。12 秒待ってください"),
        ("sato may not read audit", "sato には「監査証跡の閲覧」の権限がありません"),
        (
            "coat-film.speed = 9: operators may choose 1 to 5; further only an engineer, "
            "with a reason",
            "coat-film.speed = 9：オペレーターの設定範囲は 1 ～ 5 です。"
            "これを超える設定は技術者が理由を付けて行います",
        ),
        (
            "coater/nmc-standard@1.1.0 is draft: release it first",
            "coater/nmc-standard@1.1.0 は下書きです。先に承認してください",
        ),
        (
            "COAT.TROLL2.HI cannot be shelved: it is out-of-service",
            "COAT.TROLL2.HI は保留できません（現在：使用停止中）",
        ),
        ("something that nobody ever wrote", None),
    ],
)
def test_sentences_as_they_are_said(tmp_path: Path, words: str, text: str | None) -> None:
    assert japanese(tmp_path, [words]) == [text]


def test_permissions_and_states_of_alarms_in_a_reason_are_japanese(tmp_path: Path) -> None:
    given = [f"sato may not {p.value.replace('_', ' ')}" for p in Permission]
    given += [f"A1 has nothing to reset: it is {state.value}" for state in AlarmState]
    found = japanese(tmp_path, given)
    assert [w for w, t in zip(given, found, strict=True) if t is None] == []
    assert [t for t in found if t and re.search(r"[a-z]{2,}", t.replace("sato", ""))] == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            "passed: 1 seed, 15 min of production each, ready after 25.6 min, no alarm",
            "合格：シード 1 個、生産 各 15 分、準備 25.6 分、警報なし",
        ),
        (
            "failed: 3 seeds, 5 min of production each: not in EXECUTE after 1:01:45: STARTING",
            "不合格：シード 3 個、生産 各 5 分：1:01:45 経過しても EXECUTE になりません：始動中",
        ),
        (
            "seed 2: not quiet at the end: CAL.TENS lolo alarm at 0:27:31 for 12 s: 4, limit 10",
            "シード 2：終わりまでに収まりませんでした："
            "CAL.TENS lolo 警報（0:27:31 から 12 秒間）：値 4、限界 10",
        ),
        (
            "CAL.TENS hi alarm at 0:27:31 for 12 s; 3 times, 31 s in all (4.5 % of production)",
            "CAL.TENS hi 警報（0:27:31 から 12 秒間、計 3 回 31 秒、生産時間の 4.5 %）",
        ),
        (
            "held at 0:30:01 in EXECUTE: door 2 open [CAL.V = 5 -> 0 m/min]",
            "0:30:01 に 運転 から保持：扉 2 開［CAL.V = 5 -> 0 m/min］",
        ),
        (
            "phase 1 thread took 55 s of the 60 s until it times out",
            "フェーズ 1 通紙 は 55 秒かかりました（時間超過まで 60 秒）",
        ),
    ],
)
def test_verdicts_of_rehearsals(tmp_path: Path, words: str, text: str) -> None:
    assert japanese(tmp_path, [words]) == [text]


def test_no_value_makes_one_sentence_look_like_another(tmp_path: Path) -> None:
    """Each template is met by its own line of the catalogue, whatever stands in its holes."""
    catalogue = plant_catalogue()
    own = [t for t in refusal_sentences(NOT_ON_SCREENS) if t in catalogue]
    assert len(own) > 150
    given = [filled(template) for template in own]
    wanted = []
    for template, (_, values) in zip(own, given, strict=True):
        text = catalogue[template]
        for hole, value in zip(HOLES.findall(template), values, strict=True):
            text = text.replace(hole, value)
        wanted.append(text)
    assert japanese(tmp_path, [words for words, _ in given]) == wanted
