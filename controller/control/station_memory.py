"""What of a station must survive a restart of the program, and how it comes back from that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, Self

from controller.control.loop import Loop
from controller.control.pid_config import LoopMode
from controller.control.recipe_desk import RecipeMemory
from controller.control.states import State, restored
from controller.core.errors import Refused
from controller.core.event import EventKind
from controller.core.run import MasterRecipe

if TYPE_CHECKING:
    from controller.control.station import Station


@dataclass(slots=True)
class Memory:
    """What of a station must survive a restart of the program, as plain values."""

    state: str = State.IDLE.name
    reason: str = ""
    loops: dict[str, dict[str, float]] = field(default_factory=dict)
    settings: dict[str, float] = field(default_factory=dict)
    recipes: RecipeMemory = field(default_factory=RecipeMemory)
    alarms: dict[str, Any] = field(default_factory=dict)
    bypasses: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """A memory as `asdict` and JSON have left it; TypeError when a field is not known."""
        return cls(**{**plain, "recipes": RecipeMemory(**plain.get("recipes", {}))})


def memory_of(station: "Station") -> Memory:
    """The memory of a station now."""
    loops = {
        key: {"wanted": float(x.wanted), "sp": x.pid.sp_target, "kc": x.pid.kc,
              "ti_s": x.pid.ti_s, "td_s": x.pid.td_s}
        for key, x in station.loops.items()
    }  # fmt: skip
    settings = {key: station.v[k] for key, k in station.settings.items()}
    procedure = station.procedure
    return Memory(
        procedure.state.name, procedure.reason, loops, settings, station.recipes.memory(),
        station.alarm_desk.board.state(), station.interlock_desk.memory(),
    )  # fmt: skip


def _bring_back_loop(station: "Station", loop: Loop, saved: Mapping[str, float]) -> None:
    """What cannot be taken any more stays as the program has it, and is told."""
    pid = loop.pid
    try:
        mode = LoopMode(int(saved["wanted"]))
        loop.wanted = mode if mode in pid.config.modes else loop.wanted
        pid.tune(*(saved.get(key, getattr(pid, key)) for key in ("kc", "ti_s", "td_s")))
        if "sp" in saved and isfinite(saved["sp"]) and pid.mode is not LoopMode.CAS:
            pid.set_sp(min(max(saved["sp"], pid.sp_low), pid.sp_high))
    except (Refused, ValueError, OverflowError) as error:
        station.tell(EventKind.SYSTEM, loop.name, f"{loop.name} as remembered: {error}")


def bring_back(station: "Station", memory: Memory, masters: Mapping[str, MasterRecipe]) -> None:
    """Held if it was active, never in motion; an open run goes on where it was."""
    for key, value in memory.settings.items():
        if key in station.settings and isfinite(value):
            _, low, high, *_ = station.SETTINGS[key]
            station.v[station.settings[key]] = min(max(value, low), high)
    for key, saved in memory.loops.items():
        loop = station.loops.get(key)
        if loop is not None:
            _bring_back_loop(station, loop, saved)
    # Before the recipe, whose limits may bring alarms that are remembered.
    for problem in station.alarm_desk.board.restore(memory.alarms, station.utc_ns):
        station.tell(EventKind.SYSTEM, station.name, problem)
    station.recipes.recall(memory.recipes, masters)
    station.interlock_desk.recall(memory.bypasses, station.utc_ns)
    state = State[memory.state]
    back = restored(state)
    why = memory.reason if back is state else f"controller restarted in {state.name}"
    if back is State.HELD and not why.endswith("UNHOLD to continue"):
        why += "; UNHOLD to continue"
    station.procedure.force(back, why)
