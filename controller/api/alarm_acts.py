"""What people do to alarms through the API: at once, or in two steps where much depends on it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from controller.access.demands import DEMANDS, Act
from controller.access.identity import Identity, require_act
from controller.access.roles import Permission
from controller.alarms.definition import AlarmDefinition, Priority
from controller.api.alarm_watch import AlarmImage
from controller.api.carrying import Carrier, Order
from controller.api.changes import Changes
from controller.api.commands import CommandRecord
from controller.api.line_facts import LineFacts
from controller.api.problems import Problem
from controller.api.proposals import Change, Proposal
from controller.audit.record import Category

OP = "alarm"
ACTS: Mapping[str, Act] = {
    "acknowledge": Act.ACKNOWLEDGE,
    "reset": Act.ACKNOWLEDGE,
    "shelve": Act.SHELVE,
    "unshelve": Act.ACKNOWLEDGE,
    "take-out": Act.OUT_OF_SERVICE,
    "put-back": Act.OUT_OF_SERVICE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmWish:
    """name: an act of `controller.alarms.acts`; more: what it needs beside alarm and reason."""

    alarm: str
    name: str
    reason: str
    more: Mapping[str, Any]


class AlarmActs:
    """Acts on alarms. table: every alarm that is defined, by id."""

    def __init__(
        self, image: AlarmImage, facts: LineFacts, changes: Changes, carrier: Carrier,
        table: Mapping[str, AlarmDefinition],
    ) -> None:  # fmt: skip
        self._image, self._facts, self._changes = image, facts, changes
        self._carrier, self._table = carrier, table

    @property
    def table(self) -> Collection[AlarmDefinition]:
        """Every alarm that there is."""
        return self._table.values()

    def defined(self, alarm: str) -> AlarmDefinition | None:
        """An alarm of the table, by id."""
        return self._table.get(alarm)

    async def do(self, identity: Identity, wish: AlarmWish) -> CommandRecord | dict[str, Any]:
        """The record of what was done; or a proposal, where two steps are asked for."""
        station = self._station(wish.alarm)
        act = self._act(wish)
        require_act(identity, act, wish.reason, station)
        engineer = Permission.BYPASS in identity.permissions
        request = {"op": OP, "station": station, "alarm": wish.alarm, "act": wish.name,
                   "reason": wish.reason, "engineer": engineer, **wish.more}  # fmt: skip
        if DEMANDS[act].two_steps:
            change = Change(
                station=station, verb=wish.name, target=wish.alarm, request=request,
                value=wish.more.get("for_s"),
            )  # fmt: skip
            return self._changes.open(identity, change, wish.reason, act)
        return await self._carry(identity, station, wish.name, wish.alarm, wish.reason, request)

    async def execute(self, identity: Identity, proposal: Proposal) -> CommandRecord:
        """The second step."""
        change = proposal.change
        return await self._carry(
            identity, change.station, change.verb, change.target, proposal.reason, change.request
        )

    async def _carry(  # each is a part of the record
        self, identity: Identity, station: str, name: str, alarm: str, reason: str,
        request: Mapping[str, Any],
    ) -> CommandRecord:  # fmt: skip
        order = Order(
            station=station, verb=name, target=alarm, reason=reason, category=Category.ALARM,
            request=request,
        )  # fmt: skip
        return await self._carrier.carry_out(identity, order)

    def _act(self, wish: AlarmWish) -> Act:
        act = ACTS[wish.name]
        shown, defined = self._image.find(wish.alarm), self._table.get(wish.alarm)
        priority = shown.get("priority") if shown else defined.priority if defined else None
        if wish.name == "shelve" and priority == Priority.CRITICAL:
            return Act.SHELVE_CRITICAL
        return act

    def _station(self, alarm: str) -> str:
        """Whose controller has an alarm: it says so itself, or the table or the name does."""
        shown, defined = self._image.find(alarm), self._table.get(alarm)
        if shown is not None:
            return str(shown["asked"])
        if defined is not None and defined.station:
            return defined.station
        if alarm.startswith("LINE."):  # of the whole line, or of the part with these stations
            named = alarm.split(".")
            of = [name for name, facts in self._facts.stations.items() if facts.prefix in named]
            return next(iter([*of, *self._facts.stations]))
        raise Problem("unknown", ["no such alarm, or it is normal"])
