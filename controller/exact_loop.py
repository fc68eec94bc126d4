"""An event loop whose timers end when they should, not at the next full millisecond.

The selectors of Python wait in whole milliseconds, rounded up: a timer comes half a millisecond
late on average, and with it a scan and what it writes. On Linux a timer of the kernel among what
is waited for ends the wait exactly, for all timers of the loop alike and without a wake-up more:
one call into the kernel for a turn of the loop. On other systems it is the usual loop.
"""

import asyncio
import ctypes
import os
import select
import selectors
import struct
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_MONOTONIC = 1
_FLAGS = 0o2004000  # not blocking; closed in programs that are started
_PLAN = struct.Struct("@qqqq")  # again after s, ns (never); first after s, ns
_NS = 1_000_000_000
_LONGEST_S = 60.0  # beyond it milliseconds are exact enough


def run_exactly(work: Coroutine[Any, Any, T]) -> T:
    """As asyncio.run, with exact timers where the system has them."""
    with asyncio.Runner(loop_factory=exact_loop) as runner:
        return runner.run(work)


def exact_loop() -> asyncio.AbstractEventLoop:
    """A loop with exact timers; the usual one where there are none."""
    if sys.platform == "linux":
        try:
            return asyncio.SelectorEventLoop(ExactSelector())
        except (OSError, AttributeError):  # no file left, or a C library without such timers
            return asyncio.new_event_loop()
    return asyncio.new_event_loop()


if sys.platform == "linux":

    class ExactSelector(selectors.EpollSelector):
        """Waits no longer than it is asked to. OSError or AttributeError where it cannot.

        The loop is not told of the timer: only the kernel has it among what it looks at. It is
        edge-triggered, so one that has run out ends one wait and need not be read.
        """

        def __init__(self) -> None:
            super().__init__()
            try:
                self._timer = _timer()
                listed: select.epoll = self._selector  # type: ignore[attr-defined]
                listed.register(self._timer, select.EPOLLIN | select.EPOLLET)
            except BaseException:
                super().close()
                raise

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            """As every selector. timeout: seconds; None for ever, 0 and below not at all."""
            if timeout is not None and 0.0 < timeout < _LONGEST_S:
                seconds, ns = divmod(max(1, int(timeout * _NS)), _NS)
                _libc.timerfd_settime(self._timer, 0, _PLAN.pack(0, 0, seconds, ns), None)
            return super().select(timeout)  # if the timer should fail, a millisecond later

        def close(self) -> None:
            """Give everything back."""
            super().close()
            os.close(self._timer)

    _libc = ctypes.PyDLL(None, use_errno=True)  # its calls return at once: they keep the lock

    def _timer() -> int:
        if struct.calcsize("@l") != struct.calcsize("@q"):
            raise OSError("times of this system have another layout")
        found: int = _libc.timerfd_create(_MONOTONIC, _FLAGS)
        if found < 0:
            raise OSError(ctypes.get_errno(), "no timer")
        return found
