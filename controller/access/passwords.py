"""Fence of argon2: passwords as they are stored, and the rules for new ones.

Rules after OWASP ASVS 5 (V6.2): long rather than colourful, no forced composition, no expiry,
pasting welcome. Instead of a list of leaked passwords, which this project could not keep up to
date, the shapes such lists are made of are recognised: names that belong to the place, words that
everybody takes, years, runs along the keyboard or the alphabet, repetitions. Each such piece counts
as a single character, and enough must remain. Length 12, because nothing but the delay of a login
stands between a guesser and the plant; two or three unrelated words have it.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

import argon2

from controller.access.secret import Secret
from controller.core.errors import Refused

MIN_LENGTH, MAX_LENGTH = 12, 128
MIN_LEFT = 8  # characters, when every guessable piece counts as one
SHORTEST_WORD = 3  # names below are not looked for: they occur in everything
TIME_COST, MEMORY_KIB, LANES = 3, 64 * 1024, 1  # RFC 9106, second recommendation, in one lane
_WORDS = frozenset(
    ("password", "passwort", "pass", "passwd", "kennwort", "pasuwado", "letmein", "welcome",
     "secret", "himitsu", "admin", "administrator", "root", "user", "guest", "login", "master",
     "changeme", "default", "temp", "test", "hello", "iloveyou", "love", "dragon", "monkey",
     "football", "baseball", "sunshine", "princess", "shadow", "superman", "batman", "flower",
     "summer", "winter", "spring", "autumn", "monday", "friday", "january", "december", "tokyo",
     "osaka", "japan", "nippon", "sakura", "scada", "plant", "factory", "battery", "operator",
     "engineer", "approver", "viewer", "control", "console", "machine", "dryline", "coater",
     "calender", "enclosure", "electrode", "recipe")
)  # fmt: skip
_ROWS = ("1234567890", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm",
         "yxcvbnm", "1qaz2wsx3edc4rfv5tgb", "1q2w3e4r5t6y7u8i9o0p",
         "qawsedrftgyhujikolp", "abcdefghijklmnopqrstuvwxyz")  # fmt: skip
_RUNS = tuple(row for given in _ROWS for row in (given, given[::-1]))
_LOOKALIKES = str.maketrans("@4301!5$7", "aaeoiisst")
_YEAR = re.compile(r"(?:19|20)\d\d")
_REPEAT = re.compile(r"(.{1,6}?)\1{2,}|(.{3,}?)\2+")


class Match(Enum):
    """What a password is, compared with a stored one."""

    WRONG = "wrong"
    RIGHT = "right"
    OUTDATED = "outdated"  # right, but stored with parameters of former times


@dataclass(frozen=True, slots=True)
class Cost:
    """What a guess shall cost. Tests take less."""

    time: int = TIME_COST
    memory_kib: int = MEMORY_KIB
    lanes: int = LANES


class Passwords:
    """Hashes with argon2id, 0.1 to 0.3 s each: call it in a thread, one at a time.

    The parameters stand in every hash, so that they may be raised: a right password that was
    stored with others is OUTDATED and shall be stored anew.
    """

    def __init__(self, cost: Cost | None = None) -> None:
        cost = cost or Cost()
        self._hasher = argon2.PasswordHasher(cost.time, cost.memory_kib, cost.lanes)
        self._nobody = self._hasher.hash("of nobody")

    def hash(self, password: Secret) -> str:
        """What is stored."""
        return self._hasher.hash(_as_typed(password))

    def check(self, stored: str | None, password: Secret) -> Match:
        """Compare. stored: None for a user that does not exist, which takes the same time."""
        try:
            self._hasher.verify(stored or self._nobody, _as_typed(password))
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return Match.WRONG
        if not stored:
            return Match.WRONG
        outdated = self._hasher.check_needs_rehash(stored)
        return Match.OUTDATED if outdated else Match.RIGHT


def require_good(password: Secret, names: Collection[str]) -> None:
    """Refused with every reason why a password is not taken.

    names: of the user, the line and the company, which do not make it any longer.
    """
    text = password.reveal()
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH:
        told = f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters; this one has {len(text)}"
        raise Refused("password", [told])
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
        raise Refused("password", ["a password has no control characters"])
    if _characters_left(_as_typed(password), names) < MIN_LEFT:
        easy = (
            "too easy to guess: common words, names of this place, years, runs along the keys and "
            f"repetitions count as one character each, and {MIN_LEFT} are needed; take several "
            "unrelated words"
        )
        raise Refused("password", [easy])


def _as_typed(password: Secret) -> str:
    """NFKC: the same keys may arrive as different characters from a Japanese input method."""
    text = password.reveal()[: MAX_LENGTH + 1]
    return unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode())


def _characters_left(text: str, names: Collection[str]) -> int:
    """Characters, a guessable piece counting as one. Case and look-alikes hide nothing."""
    plain = text.casefold()
    parts = {part for name in names for part in re.split(r"[\W_]+", name.casefold())}
    words = _WORDS | {part for part in parts if len(part) >= SHORTEST_WORD}
    return min(_left(plain, words), _left(plain.translate(_LOOKALIKES), words))


def _left(text: str, words: Collection[str]) -> int:
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "\0").replace(word[::-1], "\0")
    text = _YEAR.sub("\0", text)
    count = k = 0
    shorter = _REPEAT.sub(lambda match: match[1] or match[2], text)
    while k < len(shorter):
        k += max(_run_at(shorter, k), 1)
        count += 1
    return count


def _run_at(text: str, start: int) -> int:
    """Length of the run along the keyboard, the alphabet or the digits that begins here; at least
    three characters."""
    longest = 0
    for row in _RUNS:
        place = row.find(text[start])
        length = 0
        while place >= 0 and row[place : place + 1] == text[start + length : start + length + 1]:
            if not row[place : place + 1]:
                break
            length, place = length + 1, place + 1
        longest = max(longest, length)
    return longest if longest >= SHORTEST_WORD else 0
