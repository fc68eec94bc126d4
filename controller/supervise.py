"""The only place that starts tasks: keep services running, each alone.

A bare task group would let one failing driver cancel its siblings. Here every service has its own
fence: it fails, is reported once, waits a little longer each time, and starts again, while its
siblings run undisturbed. Cancellation passes through.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Self

from controller.core.errors import DriverError
from controller.core.ports import Clock

log = logging.getLogger("dryline.supervise")

FIRST_BACK_OFF_S = 0.1
LAST_BACK_OFF_S = 1.0
HEALTHY_S = 5.0  # a service that ran this long starts from the first back-off again
EXIT_S = 3.0
CANCEL_AGAIN_S = 0.5  # a library may swallow a cancellation that meets the answer it waited for


class Supervisor:
    """Owns the tasks of the program. Use as an async context; leaving it ends them all."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leaving = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=EXIT_S)

    def keep(
        self,
        name: str,
        service: Callable[[], Awaitable[None]],
        on_failure: Callable[[Exception], None] | None = None,
    ) -> None:
        """Run `service` for ever: when it ends or fails, start it again after a back-off."""
        self._start(name, self._keep(name, service, on_failure))

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep(
        self,
        name: str,
        service: Callable[[], Awaitable[None]],
        on_failure: Callable[[Exception], None] | None,
    ) -> None:
        back_off_s = FIRST_BACK_OFF_S
        said = ""
        while True:
            begun_s = self._clock.link_s()
            try:
                await _whole(service(), lambda: self._leaving)
                said = ""
            except Exception as error:
                if self._clock.link_s() - begun_s > HEALTHY_S:
                    said = ""  # it ran well in between, so this is news
                text = f"{type(error).__name__}: {error}"
                if text != said:
                    known = isinstance(error, DriverError)
                    log.warning("%s failed: %s", name, text, exc_info=None if known else error)
                    said = text
                if on_failure is not None:
                    on_failure(error)
            if self._clock.link_s() - begun_s > HEALTHY_S:
                back_off_s = FIRST_BACK_OFF_S
            await self._clock.sleep_link(back_off_s)
            back_off_s = min(LAST_BACK_OFF_S, 2.0 * back_off_s)


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Run several parts of one service; the first to fail ends the others and is what is raised.

    No asyncio.TaskGroup: up to Python 3.12 it leaves its caller counted as cancelled after a
    failure, and waits for ever for a part whose library swallowed the one cancellation it sends.
    """
    ending = False
    errors: list[BaseException] = []

    def note(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            errors.append(error)

    parts = [asyncio.create_task(_whole(work, lambda: ending)) for work in works]
    for part in parts:
        part.add_done_callback(note)
    try:
        await asyncio.wait(parts, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        ending = True
        await _ended(parts)
    if errors:
        raise errors[0]


async def _ended(parts: Sequence[asyncio.Task[None]]) -> None:
    """Cancel until all have ended; who is cancelled meanwhile passes it on afterwards."""
    asked: asyncio.CancelledError | None = None
    while waiting := [part for part in parts if not part.done()]:
        for part in waiting:
            part.cancel()
        try:
            await asyncio.wait(waiting, timeout=CANCEL_AGAIN_S)
        except asyncio.CancelledError as error:
            asked = error
    if asked is not None:
        raise asked


async def _whole(work: Awaitable[None], asked: Callable[[], bool]) -> None:
    """Await; a cancellation that nobody asked for counts as a failure, not as an order to end.

    A library that cancels one of its own futures would otherwise end a service in silence. asked:
    whether the owner wants it to end; what the task counts is not to be relied on, see `together`.
    """
    try:
        await work
    except asyncio.CancelledError:
        if asked():
            raise
        raise DriverError("cancelled from inside") from None
