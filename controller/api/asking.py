"""Asking the controllers: the consoles of a run folder, with errors that may go out to a network.

What a console says to the person at the machine names sockets and folders; that stays here.
"""

from pathlib import Path
from typing import Protocol

from controller.api.problems import Problem
from controller.console import ANSWER_S, Json
from controller.consoles import line_status, station_reply
from controller.core.errors import DrylineError


class Controllers(Protocol):
    """What the API needs of the controllers; tests bring their own."""

    async def ask(self, station: str, request: Json, timeout_s: float = ANSWER_S) -> Json:
        """One question to the controller of a station."""
        ...

    async def status(self) -> Json:
        """What all of them say of themselves."""
        ...


class Consoles:
    """The controllers of a run folder."""

    def __init__(self, run: Path) -> None:
        self._run = run

    async def ask(self, station: str, request: Json, timeout_s: float = ANSWER_S) -> Json:
        """Problem("no answer") when it may have been done all the same."""
        try:
            return await station_reply(self._run, station, request, timeout_s)
        except DrylineError as error:
            raise _told(station, error) from error

    async def status(self) -> Json:
        """As `consoles.line_status`; Problem("not controlled") when nobody answers."""
        try:
            return await line_status(self._run)
        except DrylineError as error:
            raise _told("the line", error) from error


def _told(station: str, error: DrylineError) -> Problem:
    cause, text = error.__cause__, str(error)
    nobody = Problem("not controlled", [f"nobody controls {station} now"])
    if isinstance(cause, FileNotFoundError | ConnectionRefusedError):
        return nobody
    if isinstance(cause, TimeoutError | OSError) or "(TimeoutError)" in text:
        told = f"the controller of {station} did not answer in time: look at what became of it"
        return Problem("no answer", [told])
    if text.startswith("nobody ") or "does not answer" in text:
        return nobody
    return Problem("unknown" if text.startswith("no station") else "failed", [text])
