"""The simulated plant of a demonstration: its faults and its PLCs, where there is one.

A real line has no such thing: the plant's console lies in the run folder only while a simulated
plant runs there.
"""

from pathlib import Path

from controller.api.problems import Problem
from controller.console import Json, reply_in, talk
from controller.core.errors import DrylineError

SOCKET = "plant.sock"
ANSWER_S = 3.0
NONE = "no simulated plant runs here"


class Simulator:
    """The console of the simulated plant of a run folder."""

    def __init__(self, run: Path) -> None:
        self._path = run / SOCKET

    async def ask(self, request: Json) -> Json:
        """One question; Problem("no simulator") where there is none."""
        if not self._path.exists():
            raise Problem("no simulator", [NONE])
        try:
            line = await talk(self._path, request, ANSWER_S)
        except (FileNotFoundError, ConnectionRefusedError):  # left behind by one that died
            raise Problem("no simulator", [NONE]) from None
        except (OSError, TimeoutError):
            raise Problem("no answer", ["the simulated plant does not answer"]) from None
        try:
            return reply_in(self._path, line)
        except DrylineError as error:
            raise Problem("value", [str(error)]) from None

    async def shown(self) -> Json:
        """Everything about it; `running` false where there is none."""
        try:
            table = await self.ask({"op": "table"})
            active = await self.ask({"op": "faults"})
            status = await self.ask({"op": "status"})
        except Problem as problem:
            if problem.code != "no simulator":
                raise
            return {"running": False, "faults": [], "plcs": {}}
        levels = {(row["station"], row["name"]): row["level"] for row in active["active"]}
        return {
            "running": True,
            "faults": [
                {**row, "active": levels.get((row["station"], row["name"]))}
                for row in table["faults"]
            ],
            "plcs": {name: plc["state"] for name, plc in status["stations"].items()},
        }
