"""Gate: hands a command to its station and answers when what came of it is on disk."""

import asyncio
import itertools
import os
from collections.abc import Mapping

from controller.core.errors import DrylineError, StoreError
from controller.core.event import Answer, Command, DeployOrder, Verb
from controller.line import Line

ANSWER_S = 2.0
SAVE_S = 2.0


class Gate:
    """The one way in for commands, whoever gives them: console, trials, tests."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._count = itertools.count(1)

    def command(
        self, station: str, verb: Verb, actor: str, reason: str, *, target: str = "",
        value: float | str | None = None, order: DeployOrder | None = None,
    ) -> Command:  # fmt: skip
        """A command with an id of its own."""
        return Command(
            id=f"{os.getpid()}-{next(self._count)}", actor=actor, station=station, verb=verb,
            target=target, value=value, reason=reason, order=order,
        )  # fmt: skip

    async def give(self, command: Command) -> Answer:
        """Give a command and wait for its answer and for the disk.

        DrylineError when the station does not answer in time: the command is then withdrawn and
        will not be done later. StoreError when it was done but could not be saved.
        """
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def reply(given: Answer) -> None:
            if not answer.done():
                answer.set_result(given)

        self.line.submit(command, reply)
        try:
            given = await asyncio.wait_for(answer, ANSWER_S)
        except TimeoutError:
            # An answer nobody waits for any more must not become an action.
            self.line.withdraw(command)
            raise DrylineError(
                f"{command.station} did not answer within {ANSWER_S:g} s; the command is withdrawn"
            ) from None
        if given.accepted:
            await self._saved(command)
        return given

    async def _saved(self, command: Command) -> None:
        try:
            async with asyncio.timeout(SAVE_S):
                await self.line.save()
        except (StoreError, TimeoutError) as error:
            why = str(error) or f"the disk did not answer within {SAVE_S:g} s"
            raise StoreError(
                f"{command.verb} of {command.station} is done, but not saved ({why}): it would be "
                "forgotten by a restart of the controller; it is tried again all the time"
            ) from error


def text_of(request: Mapping[str, object], key: str, default: str = "") -> str:
    """A text of a request; DrylineError when it is something else."""
    value = request.get(key, default)
    if not isinstance(value, str):
        raise DrylineError(f"{key} = {value!r}: must be a text")
    return value
