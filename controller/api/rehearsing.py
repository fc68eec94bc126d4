"""Rehearsals for people at screens: one at a time, at the lowest priority, in a process of its own.

The simulated plant is another package: where it is not installed there are none. A rehearsal that
was under way when this process ended is over, and says so.
"""

import asyncio
import json
import logging
import math
import os
import signal
import sys
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from controller.access.chance import short_id
from controller.api.problems import Problem
from controller.api.rehearsal_files import (
    MOST_KEPT,
    OPEN,
    Job,
    JobState,
    RehearsalFiles,
    Wanted,
)

log = logging.getLogger("dryline.api")

PACKAGE = "plc_sim"
PROGRAM = (sys.executable, "-m", "controller")
MOST_WAITING = 5
VERDICTS = frozenset({0, 1})  # exit codes: passed, not passed
MAX_LINE = 4_096
MOST_SAID = 20  # lines of standard error that are kept


class Rehearsals:
    """All of a run folder. line, recipes: folders; now_ns: UTC."""

    def __init__(self, run: Path, line: Path, recipes: Path, now_ns: Callable[[], int]) -> None:
        self.files = RehearsalFiles(run)
        self._line, self._recipes, self._now_ns = line, recipes, now_ns
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._process: asyncio.subprocess.Process | None = None
        self._more = asyncio.Event()
        self._read = False

    @property
    def possible(self) -> bool:
        """The simulated plant is installed."""
        return find_spec(PACKAGE) is not None

    # -- what people want ------------------------------------------------------------------------

    def ask(self, wanted: Wanted, by: str) -> Job:
        """A rehearsal that waits for its turn; Problem when there can be none."""
        if not self.possible:
            raise Problem("no simulator", ["the simulated plant is not installed here"])
        if sum(1 for job in self._jobs.values() if job.state is JobState.WAITING) >= MOST_WAITING:
            told = f"{MOST_WAITING} rehearsals wait already: try again later"
            raise Problem("busy", [told], headers={"Retry-After": "60"})
        job = Job(id=short_id(), wanted=wanted, by=by, asked_ns=self._now_ns())
        self._jobs[job.id] = job
        self._more.set()
        return job

    def end(self, own: str) -> Job:
        """End one that waits or runs."""
        job = self.find(own)
        if job.state not in OPEN:
            raise Problem("gone", ["it is over already"])
        ended = self._keep(replace(job, state=JobState.ENDED, ended_ns=self._now_ns()))
        if job.state is JobState.RUNNING:
            self._kill()
        never_begun = [
            j.id for j in self._jobs.values() if j.state not in OPEN and j.begun_ns is None
        ]
        for oldest in never_begun[:-MOST_KEPT]:
            del self._jobs[oldest]
        return ended

    def find(self, own: str) -> Job:
        """One of them; Problem("unknown")."""
        job = self._jobs.get(own)
        if job is None:
            raise Problem("unknown", ["no such rehearsal; the oldest are not kept"])
        return job

    def every(self) -> list[Job]:
        """Newest first."""
        return list(reversed(self._jobs.values()))

    # -- doing them ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Do what waits, one after another, for ever."""
        if not self._read:
            for job in await asyncio.to_thread(self.files.left):
                self._jobs.setdefault(job.id, job)
            self._read = True
        self._give_up()
        while True:
            waiting = [job for job in self._jobs.values() if job.state is JobState.WAITING]
            if not waiting:
                self._more.clear()
                await self._more.wait()
                continue
            await self._do(waiting[0])
            for own in self._forgotten():
                await asyncio.to_thread(self.files.forget, own)

    def _give_up(self) -> None:
        """What was under way when this service failed, on a full disk say, is over."""
        for job in [j for j in self._jobs.values() if j.state is JobState.RUNNING]:
            said = ("it could not be carried out: the log of the API says why",)
            self._keep(
                replace(job, state=JobState.REFUSED, said=said, ended_ns=self._now_ns())
            )  # fmt: skip

    async def _do(self, job: Job) -> None:
        job = await self._tell(replace(job, state=JobState.RUNNING, begun_ns=self._now_ns()))
        if job.state is not JobState.RUNNING:
            return  # somebody ended it before it began
        words = job.wanted.words(self.files.of(job.id), self._recipes, self._line)
        command = [*PROGRAM, *words]
        log.info("rehearsal %s of %s begins", job.id, job.wanted.recipe)
        process = self._process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE, limit=MAX_LINE, start_new_session=True,
        )  # fmt: skip
        try:
            if self._jobs[job.id].state is not JobState.RUNNING:
                self._kill()  # somebody ended it before it was there
            said = await self._follow(job.id, process)
            code = await process.wait()
        finally:
            self._kill()
            await process.wait()
            self._process = None
        job = self._jobs[job.id]
        if job.state is JobState.RUNNING:
            # The record says that there is a verdict: libraries may write on standard error, too.
            record = await asyncio.to_thread(self.files.record, job.id)
            done = code in VERDICTS and record is not None
            job = replace(
                job, state=JobState.DONE if done else JobState.REFUSED,
                done_pct=100 if done else job.done_pct, said=() if done else tuple(said),
                ended_ns=self._now_ns(),
            )  # fmt: skip
        job = await self._tell(job)
        log.info("rehearsal %s: %s", job.id, job.state.value)

    async def _tell(self, job: Job) -> Job:
        """Note it, then tell it: what people have seen outlives this process. Who ends it while it
        is being noted has the last word. What it is then."""
        while True:
            before = self._jobs[job.id].state
            try:
                await asyncio.to_thread(self.files.note, job)
            except OSError:
                self._keep(job)  # so that it is not begun again; _give_up says that it is over
                raise
            now = self._jobs[job.id]
            if now.state is before:
                return self._keep(job)
            job = replace(job, state=now.state, ended_ns=now.ended_ns)

    async def _follow(self, own: str, process: asyncio.subprocess.Process) -> list[str]:
        """Progress as it is told; what else is said."""
        said: list[str] = []
        stream = process.stderr
        while stream is not None:
            try:
                line = await stream.readline()
            except ValueError:  # a line that is too long
                continue
            if not line:
                break
            text = line.decode("utf-8", "replace").rstrip()
            done = _progress(text)
            if done is None:
                said.append(text.replace(f"{self._recipes}/", ""))
            else:
                self._keep(replace(self._jobs[own], done_pct=done))
        return self._told(own, said)

    def _told(self, own: str, said: list[str]) -> list[str]:
        """What is wrong, for people at screens; a fault of the program is for the log."""
        if any(line.startswith("Traceback") for line in said):
            log.error("rehearsal %s: %s", own, " | ".join(said[-MOST_SAID:]))
            return ["the program has a fault; it is in its log"]
        return said[-MOST_SAID:]

    def _keep(self, job: Job) -> Job:
        self._jobs[job.id] = job
        return job

    def _kill(self) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _forgotten(self) -> list[str]:
        """The oldest of what is over, which is too much."""
        over = [job.id for job in self._jobs.values() if job.state not in OPEN]
        oldest = over[: max(0, len(over) - MOST_KEPT)]
        for own in oldest:
            del self._jobs[own]
        return oldest


def _progress(text: str) -> int | None:
    """The hundredth of a line that tells it; None for any other line."""
    if not text.startswith('{"done_pct"'):
        return None
    try:
        told = json.loads(text)["done_pct"]
    except (ValueError, LookupError, TypeError):
        return None
    return int(told) if isinstance(told, int | float) and math.isfinite(told) else None
