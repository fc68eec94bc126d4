"""Carrying out what somebody wants of a station: recorded, asked, answered, recorded.

The audit record of the intent is durable before the controller is asked, that of the outcome
before the person is told. What brings a station to rest does not wait for a disk.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from controller.access.chance import short_id
from controller.access.identity import Identity
from controller.api.asking import Controllers
from controller.api.commands import CommandBook, CommandRecord, CommandState
from controller.api.logs import members
from controller.api.problems import Problem
from controller.api.recording import Recording
from controller.audit.record import Category, Entry, Result
from controller.audit.refusals import mark_recorded
from controller.audit.trail import SAFE_VERBS
from controller.console import ANSWER_S

log = logging.getLogger("dryline.api")

NS_PER_MS = 1_000_000
REST_WAITS_S = 0.3  # for the audit trail, before a STOP goes out all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What shall be done. request: to the console, without the actor; read_back: the outcome is to
    be compared with what the PLC holds. content: what a record calls the new value."""

    station: str
    verb: str
    request: Mapping[str, Any]
    target: str = ""
    old: float | str | None = None
    content: float | str | None = None
    reason: str = ""
    category: Category = Category.COMMAND
    read_back: bool = False
    timeout_s: float = ANSWER_S


class Carrier:
    """Gives orders to the controllers."""

    def __init__(
        self, controllers: Controllers, book: CommandBook, recording: Recording,
        now_ns: Callable[[], int],
    ) -> None:  # fmt: skip
        self._controllers, self._book, self._recording = controllers, book, recording
        self._now_ns = now_ns

    async def carry_out(self, identity: Identity, order: Order) -> CommandRecord:
        """The record of what was done; Problem with its id when it was not, or nobody knows."""
        record = self._book.begin(
            CommandRecord(
                id=short_id(), actor=identity.actor.name, station=order.station, verb=order.verb,
                target=order.target, requested=order.content, reason=order.reason,
                asked_ns=self._now_ns(),
            )
        )  # fmt: skip
        entry = _entry(identity, order, record.id)
        try:
            await self._before(order, entry)
        except Problem as problem:
            self._end(record, CommandState.REJECTED, problem.code, problem.reasons)
            raise
        try:
            reply = await self._controllers.ask(
                order.station,
                {**order.request, "actor": record.actor, "id": record.id},
                order.timeout_s,
            )
        except Problem as problem:
            unknown = problem.code == "no answer"
            state = CommandState.UNKNOWN if unknown else CommandState.REJECTED
            self._end(record, state, problem.code, problem.reasons)
            await self._after(entry, Result.FAILED, problem.code, problem.reasons)
            raise _with_id(problem, record.id) from None
        return await self._answered(record, entry, order, reply)

    async def _answered(
        self, record: CommandRecord, entry: Entry, order: Order, reply: Mapping[str, Any]
    ) -> CommandRecord:
        if not reply.get("accepted"):
            code, reasons = str(reply.get("code")), [str(r) for r in reply.get("reasons", ())]
            self._end(record, CommandState.REJECTED, code, reasons)
            await self._after(entry, Result.REFUSED, code, reasons)
            raise _with_id(Problem(code, reasons), record.id)
        state = CommandState.ACCEPTED if order.read_back else CommandState.CONFIRMED
        rest = {k: v for k, v in reply.items() if k not in ("accepted", "code", "reasons")}
        done = self._book.keep(
            replace(record, state=state, done_ns=self._now_ns(), result=rest or None)
        )
        _tell(done)
        await self._after(entry, Result.DONE, "ok", ())
        return done

    async def _before(self, order: Order, entry: Entry) -> None:
        if order.verb in SAFE_VERBS:
            await self._recording.note_soon(entry, REST_WAITS_S)
        else:
            await self._recording.append(entry)

    async def _after(
        self, entry: Entry, result: Result, code: str, reasons: list[str] | tuple[str, ...]
    ) -> None:
        told = replace(entry, result=result, code=code, detail="; ".join(reasons))
        if entry.action in SAFE_VERBS:
            await self._recording.note_soon(told, REST_WAITS_S)
        else:
            await self._recording.note(told)

    def _end(
        self, record: CommandRecord, state: CommandState, code: str,
        reasons: list[str] | tuple[str, ...],
    ) -> None:  # fmt: skip
        ended = replace(
            record, state=state, code=code, reasons=tuple(reasons), done_ns=self._now_ns()
        )
        _tell(self._book.keep(ended))


def _entry(identity: Identity, order: Order, own: str) -> Entry:
    actor = identity.actor
    return Entry(
        category=order.category, action=order.verb, actor=actor.name, source=actor.source,
        station=order.station, target=order.target, old=order.old, new=order.content,
        reason=order.reason, command=own,
    )  # fmt: skip


def _tell(record: CommandRecord) -> None:
    """One line for a command, whatever became of it."""
    took_ms = round(((record.done_ns or record.asked_ns) - record.asked_ns) / NS_PER_MS)
    said = members(
        id=record.id, by=record.actor, station=record.station, verb=record.verb,
        target=record.target, value="" if record.requested is None else record.requested,
        state=record.state.value, code=record.code, why="; ".join(record.reasons),
        reason=record.reason, plant_ms=took_ms,
    )  # fmt: skip
    log.info("command %s", said)


def _with_id(problem: Problem, own: str) -> Problem:
    problem.extra["command"] = own
    mark_recorded(problem)
    return problem
