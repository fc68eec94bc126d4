"""What an answer of a server means, as a table, and how long to wait before the next try."""

import random
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import Enum

FIRST_BACK_OFF_S = 0.5
LAST_BACK_OFF_S = 8.0
LONGEST_WAIT_S = 300.0  # however long a server asks for
STOPPED_S = 180.0  # between tries while nothing but a changed setting is expected to mend it
NOT_ASKED = -1  # status when our own settings cannot even be tried
SHOWN = 300  # characters of a server's reason that are kept


class Verdict(Enum):
    """What to do with what was posted."""

    STORED = "stored"  # it is safe there
    LATER = "later"  # the same again, for ever
    REFUSED = "refused"  # something in it is wrong: find it and set it aside
    TOO_LARGE = "too large"  # the same in smaller pieces
    STOPPED = "stopped"  # the configuration is wrong: no line would be taken


TABLE: dict[int, Verdict] = {
    NOT_ASKED: Verdict.STOPPED,
    400: Verdict.REFUSED,
    401: Verdict.STOPPED,
    403: Verdict.STOPPED,
    404: Verdict.STOPPED,
    408: Verdict.LATER,
    413: Verdict.TOO_LARGE,
    422: Verdict.REFUSED,
    425: Verdict.LATER,
    429: Verdict.LATER,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a server, or that there was none (status 0), or no question (NOT_ASKED).

    reason: in words, for people; wait_s: how long the server asks to be left alone.
    """

    status: int
    reason: str = ""
    wait_s: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """What to do. No answer and what the table does not know: 2xx is stored, 5xx later."""
        if self.status in TABLE:
            return TABLE[self.status]
        if 200 <= self.status < 300:
            return Verdict.STORED
        return Verdict.LATER if self.status == 0 or self.status >= 500 else Verdict.STOPPED

    def __str__(self) -> str:
        told = " ".join(self.reason.split())[:SHOWN]
        return f"{self.status}: {told}" if self.status > 0 else told or "no answer"


def asked_wait_s(retry_after: str, date: str = "") -> float:
    """Seconds a Retry-After header asks for; 0 when it says nothing.

    A point in time counts from the server's own Date header: the two clocks need not agree.
    """
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT_S)
    until, now = _time(text), _time(date)
    if until is None or now is None:
        return 0.0
    return min(max((until - now).total_seconds(), 0.0), LONGEST_WAIT_S)


def _time(text: str) -> datetime | None:
    """An HTTP date; None when it is none."""
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return when if when.tzinfo else None


class BackOff:
    """Waits that double up to a limit, each somewhere between its half and its whole."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()  # noqa: S311 - spreads clients, guards nothing
        self._next_s = FIRST_BACK_OFF_S

    def reset(self) -> None:
        """It works again."""
        self._next_s = FIRST_BACK_OFF_S

    def wait_s(self, asked_s: float = 0.0) -> float:
        """Seconds until the next try; never less than the server asked for."""
        wait_s = self._next_s * self._chance.uniform(0.5, 1.0)
        self._next_s = min(LAST_BACK_OFF_S, 2.0 * self._next_s)
        return max(wait_s, asked_s)
