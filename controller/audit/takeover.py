"""What was done past the trail, as the histories of the controllers tell it: read, and recorded.

A controller does what the owner of the run folder asks at its console, API or not, and tells so in
its history. From there it comes into the trail, at the latest when the API is started again. The
records name the event they were made of, so that each is taken over once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from controller.audit.export import utc_text
from controller.audit.reading import newest_first
from controller.audit.record import Category, Entry, Result, Value
from controller.audit.trail import PROGRAM, Trail
from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.history.feed import Feed

CONSOLE = "console"  # source of what is taken over, and subject of its events
AT_ONCE = 500
STARTED, STOPPED = "API started", "API stopped"
_CATEGORIES = {
    "deploy": Category.DEPLOY,
    "rollback": Category.DEPLOY,
    "trial": Category.DEPLOY,
    "alarm": Category.ALARM,
}
_TRIAL = "trial "  # so begins the actor of what a trial does by itself


@dataclass(slots=True)
class Takeover:
    """How far each history was read. read: id of the newest event, by the identity of a store;
    since_ns: when the API was started last; known: what was taken over since then. A history that
    was restored has another identity, and must not be taken over once more."""

    trail: Trail
    read: dict[str, int] = field(default_factory=dict)
    since_ns: int = 0
    known: set[Entry] = field(default_factory=set)

    @classmethod
    def of(cls, trail: Trail) -> "Takeover":
        """As the trail says: everything since the API was started last, and what it knew then."""
        found = cls(trail)
        for record in newest_first(trail.path):
            if record.entry.source == CONSOLE:
                _reach(found.read, record.entry.command)
                found.known.add(replace(record.entry, command=""))
            if record.entry.action == STARTED and record.entry.category is Category.PROCESS:
                for place in record.entry.detail.split():
                    _reach(found.read, place)
                found.since_ns = record.moment.utc_ns
                break
        return found

    @property
    def places(self) -> str:
        """How far it is read, for the record of a start."""
        return " ".join(f"{number}@{store}" for store, number in sorted(self.read.items()))

    def look(self, histories: Sequence[Path]) -> int:
        """Take over what is new in these histories; how much it was. StoreError when the trail
        cannot be written: nothing is lost, the next look finds it again."""
        return sum(self._look(path) for path in histories if path.exists())

    def _look(self, path: Path) -> int:
        try:
            feed = Feed(path)
        except StoreError:  # it is just being made, or repaired: the next look finds it
            return 0
        taken = 0
        with feed:
            store = f"{feed.identity() & (2**64 - 1):x}"
            since_ns = self.since_ns if store not in self.read else 0
            while events := feed.events(self.read.get(store, 0), AT_ONCE):
                made = [
                    entry
                    for one in events
                    if one.event.time_ns >= since_ns
                    and (entry := entry_of(one.event, f"{one.id}@{store}")) is not None
                    and replace(entry, command="") not in self.known
                ]
                if made:
                    self.trail.append(*made)
                self.read[store] = events[-1].id
                taken += len(made)
        return taken


def entry_of(event: Event, place: str) -> Entry | None:
    """The record of an event, None for one that is no affair of the trail. place: of the event."""
    return next(_made(event, place), None)


def _made(event: Event, place: str) -> Iterator[Entry]:
    at = f"at {utc_text(event.time_ns)}"
    data = event.data
    if event.kind is EventKind.SYSTEM and event.subject == CONSOLE and "op" in data:
        accepted = data.get("accepted") is True
        yield Entry(
            category=_CATEGORIES.get(str(data["op"]), Category.COMMAND),
            action=str(data.get("action", "")), actor=event.actor, source=CONSOLE,
            station=event.station, target=str(data.get("target", "")), new=_value(data),
            reason=str(data.get("reason", "")),
            result=Result.DONE if accepted else Result.REFUSED,
            code=str(data.get("code", "ok")), detail=_joined(data.get("why"), at), command=place,
        )  # fmt: skip
    elif event.kind is EventKind.SYSTEM and isinstance(data.get("process"), str):
        yield Entry(
            category=Category.PROCESS, action=str(data["process"]), actor=PROGRAM, source=CONSOLE,
            result=Result.DONE, detail=_joined(event.text, at), command=place,
        )  # fmt: skip
    elif event.kind is EventKind.COMMAND and event.actor.startswith(_TRIAL):
        yield Entry(
            category=Category.DEPLOY, action=event.subject, actor=event.actor, source=CONSOLE,
            station=event.station, result=Result.DONE, reason=str(data.get("reason", "")),
            detail=_joined(event.text, at), command=place,
        )  # fmt: skip


def _joined(why: object, at: str) -> str:
    return f"{why}; {at}" if why else at


def _value(data: Mapping[str, object]) -> Value:
    value = data.get("value")
    return value if isinstance(value, str | int | float) else None


def _reach(read: dict[str, int], place: str) -> None:
    number, _, store = place.partition("@")
    if store and number.isdigit():
        read[store] = max(read.get(store, 0), int(number))
