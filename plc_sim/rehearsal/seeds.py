"""Many rehearsals at once: as many processes as the machine has cores, one job after the other.

A worker that dies costs the job it was at, which is reported, and another takes its place; Ctrl-C
ends all of them. The order in which they finish has no influence on any result.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import cast

from controller.core.errors import DrylineError
from plc_sim.rehearsal.case import Case
from plc_sim.rehearsal.rehearse import rehearse
from plc_sim.rehearsal.result import Result

END_S = 5.0
Progress = Callable[[int, float, float], None]  # job, plant seconds done, plant seconds expected


@dataclass(frozen=True, slots=True)
class Job:
    """A case, and whether its trace comes back with the result."""

    case: Case
    keep_trace: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result, or why there is none."""

    case: Case
    result: Result | None
    error: str = ""


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    job: int


def run_all(jobs: Sequence[Job], progress: Progress, workers: int = 0) -> list[Outcome]:
    """The outcome of every job, in their order. workers: 0 for one a core; 1 for this process."""
    count = min(workers or os.cpu_count() or 1, len(jobs))
    if count <= 1:
        return [_here(k, job, progress) for k, job in enumerate(jobs)]
    return _Pool(jobs, progress, count).run()


def _here(number: int, job: Job, progress: Progress) -> Outcome:
    return _attempt(job, lambda done_s, all_s: progress(number, done_s, all_s))


def _attempt(job: Job, progress: Callable[[float, float], None]) -> Outcome:
    try:
        result = rehearse(job.case, progress)
    except (DrylineError, LookupError, ValueError) as error:
        return Outcome(job.case, None, str(error).strip("'\""))
    return Outcome(job.case, result if job.keep_trace else replace(result, trace=None))


class _Pool:
    """The processes under way."""

    def __init__(self, jobs: Sequence[Job], progress: Progress, count: int) -> None:
        self._jobs, self._progress, self._count = jobs, progress, count
        self._waiting = deque(range(len(jobs)))
        self._live: dict[Connection, _Worker] = {}
        self._done: dict[int, Outcome] = {}

    def run(self) -> list[Outcome]:
        """Until every job has an outcome."""
        try:
            while len(self._done) < len(self._jobs):
                while self._waiting and len(self._live) < self._count:
                    self._begin(self._waiting.popleft())
                for one in wait(list(self._live)):
                    self._hear(cast(Connection, one))  # wait() hands back what it got
        finally:
            for worker in self._live.values():
                worker.process.terminate()
            for connection, worker in self._live.items():
                connection.close()
                _end(worker.process)
        return [self._done[k] for k in range(len(self._jobs))]

    def _begin(self, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs,), daemon=True)
        # Ctrl-C is for this process, which ends its workers; they inherit that it is blocked.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        process.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()  # else the end of the worker would not be seen
        self._live[ours] = _Worker(process, number)
        self._give(ours, number)

    def _give(self, connection: Connection, number: int) -> None:
        self._live[connection].job = number
        with suppress(OSError):  # it is dead: that is heard, and told, where it is waited for
            connection.send(self._jobs[number])

    def _hear(self, connection: Connection) -> None:
        worker = self._live[connection]
        try:
            said = connection.recv()
        except (EOFError, OSError):
            del self._live[connection]
            connection.close()
            _end(worker.process)
            self._done[worker.job] = Outcome(
                self._jobs[worker.job].case, None,
                f"its process died (exit code {worker.process.exitcode})",
            )  # fmt: skip
            return
        if not isinstance(said, Outcome):
            self._progress(worker.job, *said)
            return
        self._done[worker.job] = said
        if self._waiting:
            self._give(connection, self._waiting.popleft())
        else:
            del self._live[connection]
            connection.close()  # the worker sees it and ends
            _end(worker.process)


def _work(parent: Connection) -> None:
    """In the worker: rehearse what comes and say what came of it, until nobody is there."""
    with suppress(EOFError, OSError):
        while True:
            job: Job = parent.recv()
            parent.send(_attempt(job, lambda done_s, all_s: parent.send((done_s, all_s))))


def _end(process: SpawnProcess) -> None:
    process.join(END_S)
    if process.is_alive():
        process.kill()
        process.join()
