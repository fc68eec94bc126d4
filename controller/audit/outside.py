"""Heads of the trail as events of the history, which goes on to sinks on other machines."""

from collections.abc import Iterable

from controller.audit.anchor import Anchor
from controller.core.event import Event, EventKind

SUBJECT = "audit trail"


def head_event(head: Anchor, time_ns: int) -> Event:
    """The event that keeps a head. time_ns: as other events of the line have it."""
    return Event(
        time_ns=time_ns, kind=EventKind.SYSTEM, station="", subject=SUBJECT,
        text=f"head {head.number}:{head.hash}", data={"number": head.number, "hash": head.hash},
    )  # fmt: skip


def heads_in(events: Iterable[Event], origin: str = "the history") -> list[Anchor]:
    """The heads that events of a history keep."""
    found = []
    for event in events:
        number, content_hash = event.data.get("number"), event.data.get("hash")
        if event.kind is not EventKind.SYSTEM or event.subject != SUBJECT:
            continue
        if isinstance(number, int) and isinstance(content_hash, str):
            found.append(Anchor(number, content_hash, origin))
    return found
