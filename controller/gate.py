"""Gate: hands a command to its station and answers when what came of it is on disk."""

import asyncio
import itertools
import os
from collections.abc import Mapping
from contextlib import suppress

from controller.core.errors import DrylineError, Refused, StoreError
from controller.core.event import Answer, Command, DeployOrder, Verb
from controller.line import Line

ANSWER_S = 1.4
SAVE_S = 0.5  # at least, and what the station has left of ALL_S
ALL_S = 1.9  # with the reading of a recipe, two seconds
SLOW_SCANS = 1.5  # periods until a slow station must have answered
MAX_TEXT = 2_000
TO_RUN = frozenset({Verb.START, Verb.RESTART})
TO_RECORD = TO_RUN | {Verb.DEPLOY}  # begin what must not be forgotten


class Gate:
    """The one way in for commands, whoever gives them: console, trials, tests.

    How long it waits, in seconds: `answer_s` for a station (a slow one is given its own time),
    `all_s` for station and disk together, `save_s` for the disk at least.
    """

    def __init__(
        self, line: Line, *, answer_s: float = ANSWER_S, all_s: float = ALL_S,
        save_s: float = SAVE_S,
    ) -> None:  # fmt: skip
        self.line, self.answer_s, self.all_s, self.save_s = line, answer_s, all_s, save_s
        self._count = itertools.count(1)

    def command(
        self, station: str, verb: Verb, actor: str, reason: str, *, target: str = "",
        value: float | str | None = None, order: DeployOrder | None = None, own: str = "",
    ) -> Command:  # fmt: skip
        """A command with an id of its own, or the one that its audit record has."""
        return Command(
            id=own or f"{os.getpid()}-{next(self._count)}", actor=actor, station=station, verb=verb,
            target=target, value=value, reason=reason, order=order,
        )  # fmt: skip

    async def give(self, command: Command) -> Answer:
        """Give a command and wait for its answer and for the disk.

        DrylineError when the station does not answer in time: the command is then withdrawn and
        will not be done later. StoreError when it was done but could not be saved. Refused when it
        begins something that the disk would not take now.
        """
        line, begun_s = self.line, self.line.clock.link_s()
        if command.verb in TO_RECORD:
            await self._require_disk(command.verb)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        line.submit(command, answer.set_result)
        wait_s = max(self.answer_s, SLOW_SCANS * line.stations[command.station].setup.period_s)
        try:
            await asyncio.wait([answer], timeout=wait_s)
        finally:
            # An answer nobody waits for any more must not become an action. Between this look and
            # the withdrawal no scan can come.
            if not answer.done():
                line.withdraw(command)
        if not answer.done():
            raise DrylineError(
                f"{command.station} did not answer within {wait_s:g} s; the command is withdrawn"
            )
        given = answer.result()
        if given.accepted:
            within_s = max(self.save_s, self.all_s - (line.clock.link_s() - begun_s))
            await self.saved(f"{command.verb} of {command.station}", within_s)
        return given

    async def _require_disk(self, verb: Verb) -> None:
        """What begins now must survive a restart, and what a run does must be in history."""
        line, reasons = self.line, []
        if verb in TO_RECORD and line.record.failure:
            with suppress(StoreError, TimeoutError):  # perhaps it takes it again
                async with asyncio.timeout(self.save_s):
                    await line.save()
        if verb in TO_RECORD and line.record.failure:
            reasons.append(f"runs and station memory cannot be saved ({line.record.failure})")
        if verb in TO_RUN and line.history_failure:
            reasons.append(f"history cannot be stored ({line.history_failure})")
        if reasons:
            raise Refused("disk", [f"{r}: free the disk, then try again" for r in reasons])

    async def saved(self, what: str, within_s: float | None = None) -> None:
        """Commit what was done; StoreError says that it was done and is not on disk yet."""
        within_s = self.save_s if within_s is None else within_s
        try:
            async with asyncio.timeout(within_s):
                await self.line.save()
        except (StoreError, TimeoutError) as error:
            why = str(error) or f"the disk did not answer within {within_s:.1f} s"
            raise StoreError(
                f"{what} is done, but not saved ({why}): it would be "
                "forgotten by a restart of the controller; it is tried again all the time"
            ) from error


def text_of(request: Mapping[str, object], key: str, default: str = "") -> str:
    """A text of a request; DrylineError when it is something else, or too long to be recorded."""
    value = request.get(key, default)
    if not isinstance(value, str):
        raise DrylineError(f"{key} = {value!r}: must be a text")
    if len(value) > MAX_TEXT:
        raise DrylineError(f"{key}: {len(value)} characters, at most {MAX_TEXT} are recorded")
    return value
