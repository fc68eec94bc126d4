"""Threads for work that blocks, apart by its kind, so that none can keep the others waiting."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from controller.api.problems import Problem

P = ParamSpec("P")
R = TypeVar("R")


class Pool:
    """A few threads and a bounded queue; who comes when it is full is told to try again.

    A caller that gives up (its client went away, its time is over) does not stop what a thread has
    begun: the place stays taken until the thread is done.
    """

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self.name = name
        self._most = threads + waiting
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._turn = threading.Lock()
        self.inside = 0
        self.turned_away = 0

    async def do(self, work: Callable[P, R], *args: P.args, **more: P.kwargs) -> R:
        """The result of work done in a thread. Problem("busy") when too many wait."""
        return await asyncio.wrap_future(self._begun(work, *args, **more))

    async def do_within(
        self, wait_s: float, work: Callable[P, R], *args: P.args, **more: P.kwargs
    ) -> bool:
        """Work that is done in any case, but waited for no longer than so; whether it is done.
        Problem("busy") when too many wait."""
        waited = asyncio.wrap_future(self._begun(work, *args, **more))
        done, _ = await asyncio.wait((waited,), timeout=wait_s)
        return bool(done)

    def _begun(self, work: Callable[P, R], *args: P.args, **more: P.kwargs) -> Future[R]:
        with self._turn:
            if self.inside >= self._most:
                self.turned_away += 1
                told = f"too many requests for {self.name} at once: try again in a second"
                raise Problem("busy", [told], headers={"Retry-After": "1"})
            self.inside += 1
        try:
            future = self._threads.submit(work, *args, **more)
        except BaseException:
            self._left()
            raise
        future.add_done_callback(self._left)
        return future

    def close(self) -> None:
        """Begin nothing any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _left(self, _: Future[R] | None = None) -> None:
        with self._turn:
            self.inside -= 1


class Pools:
    """door: users, sessions, tokens; passwords: what hashes, one at a time; trail: audit records;
    answers: those that are kept for who asks again; history: questions about history; files:
    recipes, runs, exports."""

    def __init__(self) -> None:
        self.door = Pool("sessions", 2, 500)
        self.passwords = Pool("logins", 1, 30)
        self.trail = Pool("audit records", 4, 500)
        self.answers = Pool("kept answers", 1, 200)
        self.history = Pool("history", 2, 30)
        self.files = Pool("files", 2, 30)

    def close(self) -> None:
        """All of them."""
        for pool in self.all():
            pool.close()

    def all(self) -> tuple[Pool, ...]:
        """Every pool."""
        return self.door, self.passwords, self.trail, self.answers, self.history, self.files
