"""The life of a Sparkplug session, as a table.

    OFFLINE --connected--> WAITING --host online--> ONLINE

A node without a primary host is told `HOST_ONLINE` as soon as it is connected.
"""

from enum import Enum


class Phase(Enum):
    """Where a session stands."""

    OFFLINE = "offline"  # no connection
    WAITING = "waiting"  # connected, nothing published: the primary host is not there
    ONLINE = "online"  # born


class Turn(Enum):
    """What happens to it."""

    CONNECTED = "connected"
    HOST_ONLINE = "host online"
    HOST_OFFLINE = "host offline"
    REBIRTH = "rebirth"  # a host asks for it
    LOST = "lost"  # the connection: the broker publishes the will
    ENDED = "ended"  # by us


class Act(Enum):
    """What it has to do then."""

    NOTHING = "nothing"
    BIRTH = "birth"  # NBIRTH and a DBIRTH for every device that is there
    DEATH = "death"  # NDEATH, then disconnect: after a DISCONNECT no broker publishes the will


TABLE: dict[tuple[Phase, Turn], tuple[Phase, Act]] = {
    (Phase.OFFLINE, Turn.CONNECTED): (Phase.WAITING, Act.NOTHING),
    (Phase.WAITING, Turn.HOST_ONLINE): (Phase.ONLINE, Act.BIRTH),
    (Phase.WAITING, Turn.LOST): (Phase.OFFLINE, Act.NOTHING),
    (Phase.WAITING, Turn.ENDED): (Phase.OFFLINE, Act.DEATH),
    (Phase.ONLINE, Turn.REBIRTH): (Phase.ONLINE, Act.BIRTH),
    (Phase.ONLINE, Turn.HOST_OFFLINE): (Phase.OFFLINE, Act.DEATH),
    (Phase.ONLINE, Turn.LOST): (Phase.OFFLINE, Act.NOTHING),
    (Phase.ONLINE, Turn.ENDED): (Phase.OFFLINE, Act.DEATH),
}


def after(phase: Phase, turn: Turn) -> tuple[Phase, Act]:
    """Phase and act; what is not in the table changes nothing."""
    return TABLE.get((phase, turn), (phase, Act.NOTHING))
