"""What the console and the API answer about alarms; whoever serves them records what is told."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from controller.alarms.acts import act
from controller.alarms.alarm import By
from controller.alarms.board import AlarmBoard, Told
from controller.alarms.rates import FloodWatch
from controller.alarms.view import alarms_json
from controller.core.errors import DrylineError, Refused

Json = dict[str, Any]


def listed(
    station: AlarmBoard, line: AlarmBoard, utc_ns: int, flood: FloodWatch | None = None
) -> Json:
    """The alarms of a station that are not normal, and beside them those of the line itself."""
    own = alarms_json([station], utc_ns, flood)
    return {**own, "line": alarms_json([line], utc_ns)["alarms"]}


def acted(
    boards: Iterable[AlarmBoard],
    request: Mapping[str, object],
    utc_ns: int,
    by: By,
    tell: Callable[[AlarmBoard, Told], None],
) -> Json:
    """Do what a request asks on the board that has the alarm. tell: takes what changed.

    A refusal is an answer, as for every command.
    """
    name = request.get("alarm")
    board = next((b for b in boards if name in b.alarms), None)
    if board is None:
        raise DrylineError(f"no alarm {name!r} on this station; `dryline alarms table` lists them")
    try:
        told = act(board, request, utc_ns, by)
    except Refused as error:
        return {"accepted": False, "code": error.code, "reasons": list(error.reasons)}
    tell(board, told)
    return {"accepted": True, "told": [t.text for t in told]}
