"""The desk: what the controller answers to whoever asks at its console."""

import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict

from controller.alarms.alarm import By
from controller.alarms.answers import acted, listed
from controller.alarms.board import AlarmBoard, Told
from controller.alarms.view import counts
from controller.audit.anchor import Anchor
from controller.audit.outside import head_event
from controller.console import Json
from controller.control.command_desk import TO_MOTION
from controller.control.station import Station
from controller.core.errors import DrylineError, Refused
from controller.core.event import Event, EventKind, Verb
from controller.core.sample import quality_text
from controller.deploy import Deployer, answer_json, recipe_status
from controller.gate import Gate, text_of
from controller.historian import Historian
from controller.line import SOFTWARE, Line
from controller.line_health import OWN
from controller.operator_limits import OperatorLimits
from controller.trials import Trials

HEALTH_S = 1.0
JOURNAL_S = 1.0
CHANGING = frozenset({"command", "deploy", "rollback", "trial", "trial_end", "alarm"})
CONSOLE = "console"  # subject of the events about what was given here past the audit trail
HASH_DIGITS = 64


class Desk:
    """Answers the console, one operation after another."""

    def __init__(
        self, line: Line, historian: Historian, gate: Gate, deployer: Deployer, trials: Trials
    ) -> None:
        self._line, self._historian = line, historian
        self._gate, self._deployer = gate, deployer
        self._limits = OperatorLimits(line.config)
        self._operations: dict[str, Callable[[Json], Awaitable[Json]]] = {
            "command": self._command,
            "tags": self._tags,
            "status": self._status,
            "deploy": deployer.deploy,
            "rollback": deployer.rollback,
            "recipe": deployer.shown,
            "trial": trials.begin,
            "trial_end": trials.end,
            "trials": trials.shown,
            "alarms": self._alarms,
            "alarm": self._alarm,
            "audit_head": self._audit_head,
        }
        self._since_ns = line.clock.utc_ns()

    async def publish(self) -> None:
        """Show the historian's figures as tags once a second."""
        while True:
            self._line.publish_health(self._historian.status)
            await self._line.clock.sleep_link(HEALTH_S)

    async def answer(self, request: Json) -> Json:
        """One request of the console."""
        _require_writable(request)
        op = request.get("op")
        work = self._operations.get(op) if isinstance(op, str) else None
        if work is None:
            names = ", ".join(self._operations)
            raise DrylineError(f"no operation {op!r}; operations: {names}")
        past_trail = op in CHANGING and not request.get("id")
        try:
            reply = await work(request)
        except Refused as error:
            reply = self._refused(request, error)
        except DrylineError as error:  # it may have been done all the same
            if past_trail:
                failed = {"accepted": False, "code": "failed", "reasons": [str(error)]}
                self._tell_console(request, failed)
            raise
        if past_trail:
            self._tell_console(request, reply)
        return reply

    def _tell_console(self, request: Json, reply: Json) -> None:
        """Who has an id has an audit record, too; of the rest the API makes one when it reads
        this."""
        name = str(request.get("station", ""))
        what = str(next(request[k] for k in ("verb", "act", "op") if request.get(k))).upper()
        of = next((str(request[k]) for k in ("target", "alarm", "recipe") if request.get(k)), "")
        value = request.get("value")
        actor, code = str(request.get("actor") or "console"), str(reply.get("code", "ok"))
        data = {
            "op": request["op"], "action": what, "target": of,
            "value": value if isinstance(value, int | float | str) else None,
            "reason": str(request.get("reason", "")), "accepted": reply.get("accepted", True),
            "code": code, "why": "; ".join(map(str, reply.get("reasons", ()))),
        }  # fmt: skip
        text = f"{what} {of}".rstrip() + f" was given at the console, not through the API: {code}"
        self._historian.event(
            Event(
                time_ns=self._line.clock.utc_ns(), kind=EventKind.SYSTEM, station=name,
                subject=CONSOLE, text=text, actor=actor, data=data,
            )
        )  # fmt: skip

    async def _audit_head(self, request: Json) -> Json:
        """Keep a head of the audit trail in history, and so wherever that is sent to."""
        number, content = request.get("number"), request.get("hash")
        if type(number) is not int or not isinstance(content, str) or len(content) != HASH_DIGITS:
            raise DrylineError("audit_head: the number of a record and its hash")
        self._historian.event(head_event(Anchor(number, content), self._line.clock.utc_ns()))
        return {"accepted": True, "code": "ok", "reasons": []}

    async def _command(self, request: Json) -> Json:
        names = ", ".join(v.value for v in Verb if v is not Verb.DEPLOY)
        try:
            verb = Verb(text_of(request, "verb").upper())
        except ValueError:
            raise DrylineError(f"no verb {request.get('verb')!r}; verbs: {names}") from None
        if verb is Verb.DEPLOY:
            raise DrylineError("DEPLOY is an operation of its own: deploy, rollback")
        value = request.get("value")
        if value is not None and not isinstance(value, float | int | str):
            raise DrylineError(f"value {value!r}: a number or a text")
        station, target = text_of(request, "station"), text_of(request, "target")
        reason = text_of(request, "reason")
        if verb is Verb.SET:
            self._limits.require(station, target, value, reason, engineer=_engineer(request))
        if verb in TO_MOTION:
            await self._deployer.require_unchanged(station)
        command = self._gate.command(
            station, verb, text_of(request, "actor", "console"), reason, target=target, value=value,
            own=text_of(request, "id"),
        )  # fmt: skip
        return answer_json(await self._gate.give(command))

    async def _alarms(self, request: Json) -> Json:
        """The alarms of a station that are not normal, and those of the line itself."""
        line, board = self._line, self._station(request).alarm_desk.board
        return listed(board, line.alarms.board, line.clock.utc_ns(), line.flood)

    async def _alarm(self, request: Json) -> Json:
        """Do what somebody asks for to an alarm; see `controller.alarms.acts`."""
        line, desk = self._line, self._station(request).alarm_desk
        actor = text_of(request, "actor", "console")
        by = By(actor=actor, engineer=_engineer(request))

        def tell(board: AlarmBoard, told: Told) -> None:
            (desk.told if board is desk.board else line.alarms_told)(told)

        boards = [desk.board, line.alarms.board]
        answer = acted(boards, request, line.clock.utc_ns(), by, tell)
        await self._gate.saved(f"{request.get('act')} of {request.get('alarm')}")
        # What a person did is in the journal before he is told so; a disk that refuses has an
        # alarm of its own.
        await self._historian.flush_async(JOURNAL_S)
        return answer

    def _station(self, request: Json) -> Station:
        name = text_of(request, "station")
        found = self._line.stations.get(name)
        if found is None:
            names = ", ".join(self._line.stations)
            raise DrylineError(f"no station {name!r}; stations: {names}")
        return found

    def _refused(self, request: Json, error: Refused) -> Json:
        """What was refused before its station heard of it is recorded all the same."""
        station = self._line.stations.get(str(request.get("station", "")))
        if station is not None:
            keys = ("verb", "act", "op")
            what = text_of(request, next(key for key in keys if request.get(key))).upper()
            of, reason = text_of(request, "recipe"), text_of(request, "reason")
            of = of or text_of(request, "alarm")
            text = f"{what} {of}".rstrip() + f": refused ({'; '.join(error.reasons)})"
            station.tell(
                EventKind.COMMAND, what, text, text_of(request, "actor", "console"), reason=reason
            )
        return {"accepted": False, "code": error.code, "reasons": list(error.reasons)}

    async def _tags(self, request: Json) -> Json:
        station = text_of(request, "station")
        table = self._line.table
        own = (*self._line.stations, OWN)  # a neighbour's tags are to be asked of its controller
        if station and station not in own:
            raise DrylineError(f"no station {station!r}; stations: {', '.join(own)}")
        rows = []
        for tag, value, quality, time_ns in zip(
            table.tags, table.value.tolist(), table.quality.tolist(), table.time_ns.tolist(),
            strict=True,
        ):  # fmt: skip
            if tag.station != station if station else tag.station not in own:
                continue
            label = tag.labels[int(value)] if 0 <= value < len(tag.labels) else ""
            rows.append(
                {"tag": tag.name, "value": value, "unit": tag.unit, "text": label,
                 "quality": quality_text(quality), "time_ns": time_ns}
            )  # fmt: skip
        return {"time_ns": self._line.clock.utc_ns(), "tags": rows}

    async def _status(self, request: Json) -> Json:
        now_s = self._line.clock.now_s()
        stations = {name: _station_status(s, now_s) for name, s in self._line.stations.items()}
        status = self._historian.status
        history = {
            "stored": status.stored, "queued": status.queued, "dropped": status.dropped,
            "failing": status.failing, "error": status.error,
        }  # fmt: skip
        return {
            "line": self._line.config.name,
            "time_ns": self._line.clock.utc_ns(),
            "stations": stations,
            "history": history,
            "line_stations": list(self._line.config.line_stations),
            "controllers": [self._whoami(history)],
        }

    def _whoami(self, history: Json) -> Json:
        """This process among the controllers of a line."""
        line = self._line
        return {
            "part": line.config.part,
            "stations": list(line.stations),
            "pid": os.getpid(),
            "since_ns": self._since_ns,
            "software": SOFTWARE,
            "history": history,
            "record": line.record.failure,
            "insecure": list(line.insecure),
            "real_time": asdict(line.real_time),
            "alarms": [
                {
                    "tag": a.tag,
                    "level": a.name,
                    "text": a.text,
                    "action": a.action,
                    "since_ns": a.since_ns,
                }
                for a in line.alarms.active
            ],
            "reads": {name: _neighbour_status(line, name) for name in line.neighbours},
        }


def _engineer(request: Json) -> bool:
    """Whoever asks may do what only engineers may: the owner of the run folder may, unless who
    asks for somebody says that he may not."""
    return request.get("engineer", True) is True


def _require_writable(request: Json) -> None:
    """Half a character, which JSON can say, is nothing that a record could hold."""
    try:
        json.dumps(request, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise DrylineError("the request has half of a character pair (\\ud800 ...)") from None


def _neighbour_status(line: Line, station: str) -> Json:
    """What is read of a station that another controller runs."""
    table, region = line.table, line.table.region(station)
    rows = range(region.start, region.split)
    tags = {
        table.tags[k].name: {
            "value": float(table.value[k]), "quality": quality_text(int(table.quality[k]))
        }
        for k in rows
    }  # fmt: skip
    return {"link_up": line.neighbours[station].up, "tags": tags}


def _station_status(station: Station, now_s: float) -> Json:
    procedure, timing = station.procedure, station.timing
    step = procedure.step
    return {
        "state": procedure.state.name,
        "reason": procedure.reason,
        "step": step.name if step else "",
        "left_s": round(procedure.step_left_s(now_s), 1),
        "timeout_s": step.timeout_s if step else 0.0,
        "waiting_for": list(procedure.waiting_for()),
        "cannot_start": list(station.interlock_desk.unmet()),
        "interlocks": list(station.interlock_desk.rows()),
        "alarms": counts(station.alarm_desk.board),
        "recipe": recipe_status(station),
        "link_up": timing.link_up,
        "faulted": station.faulted,
        "late_ms": timing.late_ms,
        "overruns": timing.overruns,
        "loops": {
            key: {
                "mode": loop.pid.mode.name,
                "status": loop.pid.status.name,
                "pv": loop.pid.pv,
                "sp": loop.pid.sp_target,
                "out": loop.pid.out,
                "kc": loop.pid.kc,
                "ti_s": loop.pid.ti_s,
                "td_s": loop.pid.td_s,
            }
            for key, loop in station.loops.items()
        },
    }
