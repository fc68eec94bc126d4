"""Strangers cannot fill the log of a simulated PLC, nor forge a line in it."""

import logging

from plc_sim.servers.quiet_log import A_MINUTE_S, MAX_LINE, MOST_EQUAL, Quiet


def record(text: str, *args: object, at_s: float = 1000.0) -> logging.LogRecord:
    found = logging.LogRecord("x", logging.WARNING, "f", 1, text, args, None)
    found.created = at_s
    return found


def passed(quiet: Quiet, *records: logging.LogRecord) -> list[str]:
    return [r.getMessage() for r in records if quiet.filter(r)]


def test_what_repeats_is_counted_whoever_fills_in_the_text() -> None:
    quiet = Quiet()
    flood = [record("bad header %s", f"stranger {k}") for k in range(10_000)]
    assert len(passed(quiet, *flood)) == MOST_EQUAL
    assert passed(quiet, record("other")) == ["other"]
    (line,) = passed(quiet, record("bad header %s", "again", at_s=1000.0 + A_MINUTE_S))
    assert line == f"bad header again (and {10_000 - MOST_EQUAL} more in the last minute)"


def test_a_clock_that_was_set_back_silences_nobody() -> None:
    quiet = Quiet()
    passed(quiet, *(record("bad header") for _ in range(10)))
    assert len(passed(quiet, record("bad header", at_s=10.0))) == 1


def test_a_line_stays_one_short_line() -> None:
    (line,) = passed(Quiet(), record("got %s", "a\r\n2026 INFO forged\x1b[2J\u2028" + "x" * 9000))
    assert line.startswith(r"got a\r\n2026 INFO forged\x1b[2J\u2028xxx")
    assert len(line) < 2 * MAX_LINE
    assert line.isprintable()
