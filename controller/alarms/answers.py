"""What the console and the API answer about alarms; whoever serves them records what is told."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from controller.alarms.acts import act
from controller.alarms.alarm import By
from controller.alarms.board import AlarmBoard, Told
from controller.alarms.rates import FloodWatch
from controller.alarms.view import alarms_json
from controller.core.errors import DrylineError

Json = dict[str, Any]


def listed(
    station: AlarmBoard, line: AlarmBoard, utc_ns: int, flood: FloodWatch | None = None
) -> Json:
    """The alarms of a station that are not normal, and beside them those of the line itself.

    comings: the last of all that this controller's flood is counted from, so that the floods of
    several controllers can be told as one.
    """
    own = alarms_json([station], utc_ns, flood)
    comings = [list(coming) for coming in flood.recent] if flood else []
    return {
        **own, "line": alarms_json([line], utc_ns)["alarms"],
        "operator": flood.operator if flood else "", "comings": comings,
    }  # fmt: skip


def acted(
    boards: Iterable[AlarmBoard],
    request: Mapping[str, object],
    utc_ns: int,
    by: By,
    tell: Callable[[AlarmBoard, Told], None],
) -> Json:
    """Do what a request asks on the board that has the alarm; Refused when it may not be.

    tell: takes what changed.
    """
    name = request.get("alarm")
    found = (b for b in boards if isinstance(name, str) and name in b.alarms)
    board = next(found, None)
    if board is None:
        raise DrylineError(f"no alarm {name!r} on this station; `dryline alarms table` lists them")
    told = act(board, request, utc_ns, by)
    tell(board, told)
    return {"accepted": True, "code": "ok", "reasons": [], "told": [t.text for t in told]}
