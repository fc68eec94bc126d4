"""What people do to alarms, as a request of the console or of the API asks for it."""

from collections.abc import Callable, Mapping

from controller.alarms.alarm import NS, By
from controller.alarms.board import AlarmBoard, Told
from controller.core.errors import DrylineError

Request = Mapping[str, object]
Act = Callable[[AlarmBoard, str, int, By, Request], Told]


def act(board: AlarmBoard, request: Request, utc_ns: int, by: By) -> Told:
    """Do what a request asks; Refused when it may not be, DrylineError when it makes no sense.

    act: one of ACTS; alarm: its id; reason. acknowledge: occurrence, the one that was seen. shelve:
    for_s, one_shot.
    """
    name = request.get("act")
    work = ACTS.get(name) if isinstance(name, str) else None
    if work is None:
        raise DrylineError(f"no act {name!r} on alarms; acts: {', '.join(ACTS)}")
    return work(board, _text(request, "alarm"), utc_ns, by, request)


def _acknowledge(board: AlarmBoard, alarm: str, utc_ns: int, by: By, request: Request) -> Told:
    occurrence = request.get("occurrence")
    if not isinstance(occurrence, int) or isinstance(occurrence, bool):
        raise DrylineError(f"occurrence = {occurrence!r}: the number of the coming that was seen")
    return board.acknowledge(alarm, occurrence, utc_ns, by, _text(request, "reason"))


def _reset(board: AlarmBoard, alarm: str, utc_ns: int, by: By, request: Request) -> Told:
    return board.reset(alarm, utc_ns, by, _text(request, "reason"))


def _shelve(board: AlarmBoard, alarm: str, utc_ns: int, by: By, request: Request) -> Told:
    for_s = request.get("for_s")
    if not isinstance(for_s, int | float) or isinstance(for_s, bool) or not 0 < for_s < 1e6:
        raise DrylineError(f"for_s = {for_s!r}: how many seconds the alarm shall be shelved")
    until_ns = utc_ns + int(for_s * NS)
    once = request.get("one_shot", False) is True
    return board.shelve(alarm, until_ns, utc_ns, by, _text(request, "reason"), one_shot=once)


def _unshelve(board: AlarmBoard, alarm: str, utc_ns: int, by: By, request: Request) -> Told:
    return board.unshelve(alarm, utc_ns, by, _text(request, "reason"))


def _take_out(board: AlarmBoard, alarm: str, utc_ns: int, by: By, request: Request) -> Told:
    return board.take_out(alarm, utc_ns, by, _text(request, "reason"))


def _put_back(board: AlarmBoard, alarm: str, utc_ns: int, by: By, request: Request) -> Told:
    return board.put_back(alarm, utc_ns, by, _text(request, "reason"))


ACTS: Mapping[str, Act] = {
    "acknowledge": _acknowledge,
    "reset": _reset,
    "shelve": _shelve,
    "unshelve": _unshelve,
    "take-out": _take_out,
    "put-back": _put_back,
}


def _text(request: Request, key: str) -> str:
    value = request.get(key, "")
    if not isinstance(value, str):
        raise DrylineError(f"{key} = {value!r}: must be a text")
    return value
