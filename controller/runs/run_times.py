"""Times of a run as people read them, exact to the nanosecond."""

from dataclasses import dataclass
from datetime import UTC, datetime

from controller.clock import NS


def utc_text(time_ns: int) -> str:
    """'2026-11-22T08:52:05.123456789Z'."""
    seconds, rest = divmod(time_ns, NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def short_utc(time_ns: int) -> str:
    """'2026-11-22 08:52:05Z'."""
    return f"{datetime.fromtimestamp(time_ns // NS, UTC):%Y-%m-%d %H:%M:%S}Z"


def length_text(length_ns: int) -> str:
    """'1:02:03.4', or '-0:00:01.0': hours, minutes, seconds and tenths, rounded down."""
    tenths = abs(length_ns) * 10 // NS
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if length_ns < 0 else ""
    return f"{sign}{hours}:{minutes:02d}:{rest // 10:02d}.{rest % 10}"


def after_text(time_ns: int, begun_ns: int) -> str:
    """A time as people say it of a run: '+0:12:03.4' after START."""
    text = length_text(time_ns - begun_ns)
    return text if text.startswith("-") else f"+{text}"


@dataclass(frozen=True, slots=True)
class Window:
    """start_ns <= time < stop_ns."""

    start_ns: int
    stop_ns: int
