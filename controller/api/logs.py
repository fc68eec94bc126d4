"""What the API writes into its log: one line for a change of state, and never two for one.

Text from outside is escaped, so that nobody forges a line, and what a flood of bad requests
repeats is counted instead of repeated.
"""

import json
import logging
import re
import sys
from collections.abc import Callable

UNQUOTED = re.compile(r"[A-Za-z0-9_./:@+-]{1,200}", re.ASCII)
MAX_VALUE = 300
REPEATED_S = 60.0
MOST_EQUAL = 5  # lines of one text within REPEATED_S


def members(**values: object) -> str:
    """'user=sato station=coater reason="too cold"'; empty ones are left out."""
    return " ".join(f"{key}={_quoted(value)}" for key, value in values.items() if value != "")


def _quoted(value: object) -> str:
    text = str(value)
    if UNQUOTED.fullmatch(text):
        return text
    return json.dumps(text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}...")


class OneLine(logging.Formatter):
    """Whatever a message contains, it stays on its line; the trace of a fault follows it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - of logging
        """The line, control characters escaped."""
        return escaped(super().formatMessage(record))


def escaped(text: str) -> str:
    """Nothing that a terminal obeys or that begins another line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode()


class NotTooOften(logging.Filter):
    """Lets the same text through a few times a minute, then says how often it was left out."""

    def __init__(self, link_s: Callable[[], float]) -> None:
        super().__init__()
        self._link_s = link_s
        self._since_s: dict[str, float] = {}
        self._count: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """False for one too many."""
        text, now_s = str(record.msg)[:100], self._link_s()
        if now_s - self._since_s.get(text, -REPEATED_S) >= REPEATED_S:
            left_out = self._count.get(text, 0) - MOST_EQUAL
            if len(self._since_s) > 1000:
                self._since_s.clear()
                self._count.clear()
            self._since_s[text], self._count[text] = now_s, 0
            if left_out > 0:
                record.msg = f"{record.msg} (and {left_out} more in the last minute)"
        self._count[text] += 1
        return self._count[text] <= MOST_EQUAL


def start_logging(link_s: Callable[[], float]) -> None:
    """On standard error; libraries only when something is wrong, and not too often."""
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(OneLine())
    root = logging.getLogger()
    root.handlers[:] = [out]
    root.setLevel(logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    for noisy in ("uvicorn", "uvicorn.error", "websockets"):
        logger = logging.getLogger(noisy)
        logger.setLevel(logging.WARNING)
        logger.addFilter(NotTooOften(link_s))
