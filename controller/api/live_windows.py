"""The windows at the live socket one by one: how each keeps up with what it is sent."""

from typing import Any

from controller.access.identity import Identity
from controller.access.roles import Permission
from controller.api.live import Connection, LiveHub

Plain = dict[str, Any]


def windows_of(hub: LiveHub, by: Identity, now_s: float) -> list[Plain]:
    """A row each, oldest first: all of them for who administers users, else those of the asker's
    own session. now_s: link time."""
    every = Permission.ADMINISTER in by.permissions
    seen = [c for c in hub.connections if every or c.client.identity.key == by.key]
    return [_row(c, by, now_s) for c in sorted(seen, key=lambda c: c.number)]


def _row(connection: Connection, by: Identity, now_s: float) -> Plain:
    client, pace = connection.client, connection.client.pace
    identity = client.identity
    last_s = pace.acknowledged_s
    return {
        "number": connection.number, "user": identity.actor.name, "via": identity.via.value,
        "address": identity.address, "own": identity.key == by.key,
        "open_s": round(now_s - pace.begun_s, 1),
        "acknowledged_age_s": None if last_s is None else round(now_s - last_s, 2),
        "waiting": client.waiting, "conflated": pace.conflated, "stalls": pace.stalls,
    }  # fmt: skip
