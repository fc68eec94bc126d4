"""What a library may log of what strangers send: a few lines a minute, short, each on one line."""

import logging

A_MINUTE_S = 60.0
MOST_EQUAL = 5  # lines of one text within a minute
MAX_LINE = 300
LIBRARY = (
    "asyncua.uaprotocol",
    "asyncua.server.binary_server_asyncio",
    "asyncua.server.uaprocessor",
)


class Quiet(logging.Filter):
    """Lets the same message through a few times a minute, then says how many it left out."""

    def __init__(self) -> None:
        super().__init__()
        self._since_s: dict[str, float] = {}
        self._count: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """False for one too many. What is counted is the program's text, not the stranger's."""
        text, now_s = str(record.msg)[:100], record.created
        if not 0.0 <= now_s - self._since_s.get(text, -A_MINUTE_S) < A_MINUTE_S:
            left_out = self._count.get(text, 0) - MOST_EQUAL
            self._since_s[text], self._count[text] = now_s, 0
            more = f" (and {left_out} more in the last minute)" if left_out > 0 else ""
        else:
            more = ""
        self._count[text] += 1
        if self._count[text] > MOST_EQUAL:
            return False
        record.msg, record.args = _one_line(record.getMessage()) + more, ()
        return True


def _one_line(text: str) -> str:
    short = text if len(text) <= MAX_LINE else f"{text[:MAX_LINE]}..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)


def quieten() -> None:
    """Once a process, however many servers it has."""
    for name in LIBRARY:
        logger = logging.getLogger(name)
        if not any(isinstance(f, Quiet) for f in logger.filters):
            logger.addFilter(Quiet())
