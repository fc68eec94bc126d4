"""Commands as their actors see them: asked, accepted or refused, and what the PLC reads back.

Kept in memory for as long as screens show them; the lasting record is the audit trail and the
journal of the station.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

MOST = 5_000


class CommandState(StrEnum):
    """How far a command has come."""

    SENT = "sent"  # to the controller
    ACCEPTED = "accepted"  # by the station, in a scan: it is done
    REJECTED = "rejected"  # by the station: nothing is done
    UNKNOWN = "unknown"  # the controller did not answer in time: look
    CONFIRMED = "confirmed"  # what was asked for is what is read back
    MISMATCH = "mismatch"  # something else is read back
    TIMEOUT = "timeout"  # nothing is read back: the link is down


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRecord:
    """One command and its three numbers.

    requested: as it was asked; accepted: the set point in the controller; read_back: from the PLC,
    None where it is not sent there. version: of the target, after it. Times: UTC ns.
    """

    id: str
    actor: str
    station: str
    verb: str
    target: str = ""
    requested: float | str | None = None
    accepted: float | str | None = None
    read_back: float | None = None
    reason: str = ""
    state: CommandState = CommandState.SENT
    code: str = "ok"
    reasons: tuple[str, ...] = ()
    result: dict[str, Any] | None = None
    version: int = 0
    asked_ns: int = 0
    done_ns: int | None = None
    change: int = 0

    def plain(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.id, "actor": self.actor, "station": self.station, "verb": self.verb,
            "target": self.target, "requested": self.requested, "accepted": self.accepted,
            "read_back": self.read_back, "reason": self.reason, "state": self.state.value,
            "code": self.code, "reasons": list(self.reasons), "result": self.result,
            "version": self.version, "asked_ns": self.asked_ns, "done_ns": self.done_ns,
        }  # fmt: skip


class CommandBook:
    """The newest commands, and the version of each target: one more with every change of it.

    first: the version of what was not changed yet, greater with every start of the process, so that
    what somebody saw before a restart is never taken for what is there after it.
    """

    def __init__(self, first: int = 0) -> None:
        self._first = first
        self._records: OrderedDict[str, CommandRecord] = OrderedDict()
        self._versions: dict[tuple[str, str], int] = {}
        self._last: dict[tuple[str, str], str] = {}
        self._open: set[str] = set()
        self.change = 0  # counts every change of any record

    def keep(self, record: CommandRecord) -> CommandRecord:
        """Take a new record, or a newer state of one."""
        self.change += 1
        kept = replace(record, change=self.change)
        self._records.pop(record.id, None)
        self._records[record.id] = kept
        if kept.state is CommandState.ACCEPTED:
            self._open.add(kept.id)
        else:
            self._open.discard(kept.id)
        if len(self._records) > MOST:
            oldest, _ = self._records.popitem(last=False)
            self._open.discard(oldest)
        return kept

    def begin(self, record: CommandRecord) -> CommandRecord:
        """A command goes out: from now on nobody changes its target who has not seen that."""
        place = (record.station, record.target or record.verb)
        self._versions[place] = self._versions.get(place, self._first) + 1
        self._last[place] = record.id
        return self.keep(replace(record, version=self._versions[place]))

    def find(self, own: str) -> CommandRecord | None:
        """The record of an id, as long as it is kept."""
        return self._records.get(own)

    def version(self, station: str, target: str) -> int:
        """Of a target now."""
        return self._versions.get((station, target), self._first)

    def last(self, station: str, target: str) -> CommandRecord | None:
        """The newest change of a target."""
        return self._records.get(self._last.get((station, target), ""))

    def newest(self, limit: int, station: str = "", target: str = "") -> list[CommandRecord]:
        """Newest first."""
        found = (
            record for record in reversed(self._records.values())
            if record.station == (station or record.station)
            if record.target == (target or record.target)
        )  # fmt: skip
        return [record for record, _ in zip(found, range(limit), strict=False)]

    def newer(self, actor: str, change: int) -> Iterator[CommandRecord]:
        """What changed after a change number, of one actor's commands, oldest first."""
        found = []
        for record in reversed(self._records.values()):
            if record.change <= change:
                break
            if record.actor == actor:
                found.append(record)
        yield from reversed(found)

    def open(self) -> list[CommandRecord]:
        """Those that wait for a read-back."""
        return [self._records[own] for own in self._open]
