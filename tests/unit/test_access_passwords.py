"""Passwords: how they are kept, and which ones are taken."""

import copy
import json
import pickle
import traceback

import pytest

from controller.access.passwords import Cost, Match, Passwords, require_good
from controller.access.secret import Secret
from controller.core.errors import Refused
from tests.support.access_rig import CHEAP

NAMES = ("sato", "Hanako Sato", "pilot line 3")


def taken(text, names=NAMES):
    try:
        require_good(Secret(text), names)
    except Refused:
        return False
    return True


@pytest.mark.parametrize(
    "text",
    ["wagtail orbit ember", "correct-horse-battery", "茶碗と雪と提灯が三つある夜更", "Kx7!pQz2#mWv",
     "x" * 3 + "fjord quilt zebra", "a1" + "gravel mitten pond" * 2],
)  # fmt: skip
def test_long_and_unrelated_is_good(text):
    assert taken(text)


@pytest.mark.parametrize(
    "text",
    ["", "short", "elevenchars", "aaaaaaaaaaaaaaaa", "abcabcabcabcabc", "password1234",
     "Password2024!", "P@ssw0rd2024!!", "qwertyuiop12", "1234567890123", "qwertyqwertyqwerty",
     "letmeinletmein", "abcdefghijklmnop", "zyxwvutsrqpon", "satosatosato", "HanakoSato2025",
     "pilot line 3 pilot", "dryline-operator", "coater-calender1", "1q2w3e4r5t6y",
     "drowssap123456", "sakura2026sakura", "１２３４５６７８９０１２"],
)  # fmt: skip
def test_what_is_short_or_made_of_guessable_pieces_is_not_taken(text):
    assert not taken(text)


def test_no_composition_is_asked_for_and_length_has_an_end():
    assert taken("wagtailorbitember")
    assert taken("wagtail orbit ember " * 6 + "xq")
    assert not taken("wagtail orbit ember " * 7)


@pytest.mark.parametrize(
    "text", ["wagtail\norbit ember", "wagtail\0orbit ember", "wag\ud800 orbit ember"]
)
def test_control_characters_and_broken_text_are_not_taken(text):
    assert not taken(text)


def test_the_reason_does_not_repeat_the_password():
    with pytest.raises(Refused) as refused:
        require_good(Secret("qwertyuiop12"), [])
    assert "qwertyuiop12" not in str(refused.value)


def test_a_password_is_right_or_wrong():
    passwords = Passwords(CHEAP)
    stored = passwords.hash(Secret("wagtail orbit ember"))
    assert stored.startswith("$argon2id$")
    assert "wagtail" not in stored
    assert passwords.check(stored, Secret("wagtail orbit ember")) is Match.RIGHT
    assert passwords.check(stored, Secret("wagtail orbit embeR")) is Match.WRONG
    assert passwords.check(stored, Secret("")) is Match.WRONG
    assert passwords.check(None, Secret("wagtail orbit ember")) is Match.WRONG
    assert passwords.check("nonsense", Secret("wagtail orbit ember")) is Match.WRONG


def test_two_hashes_of_one_password_differ():
    passwords = Passwords(CHEAP)
    assert passwords.hash(Secret("x")) != passwords.hash(Secret("x"))


def test_a_hash_with_parameters_of_former_times_is_outdated():
    stored = Passwords(CHEAP).hash(Secret("wagtail orbit ember"))
    stronger = Passwords(Cost(time=2, memory_kib=16, lanes=1))
    assert stronger.check(stored, Secret("wagtail orbit ember")) is Match.OUTDATED
    assert stronger.check(stored, Secret("wrong")) is Match.WRONG


def test_full_width_letters_of_an_input_method_are_the_same_keys():
    passwords = Passwords(CHEAP)
    stored = passwords.hash(Secret("wagtail orbit ember"))
    assert passwords.check(stored, Secret("ｗａｇｔａｉｌ ｏｒｂｉｔ ｅｍｂｅｒ")) is Match.RIGHT


def test_the_shipped_cost_is_that_of_the_recommendation():
    cost = Cost()
    assert (cost.time, cost.memory_kib) == (3, 65_536)


def test_a_secret_does_not_show_itself():
    secret = Secret("wagtail")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>20}", repr([secret])]
    error = ValueError(secret)
    shown += traceback.format_exception(error)
    for work in (json.dumps, pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError) as refused:
            work(secret)
        shown.append(str(refused.value))
    assert not [text for text in shown if "wagtail" in text]
    assert secret.reveal() == "wagtail"
