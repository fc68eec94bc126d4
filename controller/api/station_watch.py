"""What every station does, as its controller tells it, with the tick of each change, for screens.

Times that run down are told as points in time, so that nothing changes while nothing happens.
"""

import logging
from collections.abc import Mapping
from typing import Any

from controller.api.asking import Controllers
from controller.api.mirror import Mirror
from controller.api.problems import Problem
from controller.core.ports import Clock

log = logging.getLogger("dryline.api")

LOOK_S = 0.5
NS_PER_MS = 1_000_000
SAME_MS = 1_500  # two estimates of one point in time are at most so far apart
Plain = dict[str, Any]
Said = Mapping[str, Any]


class StationImage:
    """The stations as they were said last. changed: tick of the last change of any.

    line: everything that the controllers said, as `consoles.line_status`; None before they did.
    """

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._rows: dict[str, Plain] = {}
        self._ticks: dict[str, int] = {}
        self.changed = 0
        self.line: Said | None = None

    def find(self, station: str) -> Plain | None:
        """A station as screens show it, None before it was heard of."""
        return self._rows.get(station)

    def take(self, line: Said) -> bool:
        """Take over what the controllers say now; whether a screen would show it."""
        self.line = line
        t_ms = int(line["time_ns"]) // NS_PER_MS
        said = {name: _shown(name, s, t_ms) for name, s in line["stations"].items()}
        silent = {name: {**self._rows[name], "controlled": False} for name in self._gone(said)}
        found = {name: _steady(row, self._rows.get(name)) for name, row in (said | silent).items()}
        new = [name for name, row in found.items() if self._rows.get(name) != row]
        if not new:
            return False
        self.changed = self._mirror.stir()
        self._ticks |= dict.fromkeys(new, self.changed)
        self._rows = found
        return True

    def since(self, position: int) -> list[Plain]:
        """Those that changed since a position."""
        return [row for name, row in self._rows.items() if self._ticks[name] > position]

    def _gone(self, said: Mapping[str, Plain]) -> list[str]:
        return [name for name in self._rows if name not in said]


class StationWatch:
    """Asks the controllers twice a second what their stations do."""

    def __init__(self, controllers: Controllers, image: StationImage, clock: Clock) -> None:
        self._controllers, self._image, self._clock = controllers, image, clock

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await self.look()
            await self._clock.sleep_link(LOOK_S)

    async def look(self) -> None:
        """Ask once. When nobody answers the tags are Bad, and everything else stays as it was."""
        try:
            self._image.take(await self._controllers.status())
        except Problem as problem:
            log.debug("stations: %s", problem)


def _shown(name: str, said: Said, t_ms: int) -> Plain:
    """A station as frames tell of it."""
    recipe = said.get("recipe") or {}
    left_s, run_s = float(said.get("left_s", 0.0)), float(recipe.get("run_s", 0.0))
    rows = said.get("interlocks", ())
    return {
        "s": name, "controlled": True, "state": said["state"], "reason": said["reason"],
        "step": said["step"], "until_t": t_ms + round(1000 * left_s) if left_s > 0 else None,
        "timeout_s": said.get("timeout_s", 0.0), "waiting_for": said["waiting_for"],
        "cannot_start": said.get("cannot_start", []),
        "unmet": [row for row in rows if not row["ok"] or row["bypass"] or row["latched"]],
        "link_up": said["link_up"], "faulted": said["faulted"],
        "requested": _titled(recipe.get("requested")), "current": _titled(recipe.get("current")),
        "pending": bool(recipe.get("pending")), "run": recipe.get("run", ""),
        "run_since_t": t_ms - round(1000 * run_s) if recipe.get("run") else None,
        "phase": recipe.get("phase", 0), "prompt": recipe.get("prompt", ""),
        "drift": len(recipe.get("drift", ())),
    }  # fmt: skip


def _titled(deployment: Said | None) -> Plain | None:
    if not deployment:
        return None
    return {key: deployment.get(key) for key in ("number", "recipe", "actor", "trial")}


def _steady(row: Plain, before: Plain | None) -> Plain:
    """Points in time are estimated anew each time; a small difference is none."""
    if before is None:
        return row
    for key in ("until_t", "run_since_t"):
        new, old = row[key], before[key]
        same = (row["step"], row["run"]) == (before["step"], before["run"])
        if same and new is not None and old is not None and abs(new - old) <= SAME_MS:
            row[key] = old
    return row
