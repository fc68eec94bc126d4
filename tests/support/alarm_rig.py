"""A board over a hand-made image, and a hand that moves its values, its time and its station."""

from controller.alarms.alarm import By
from controller.alarms.board import AlarmBoard
from controller.alarms.definition import AlarmDefinition, Priority
from controller.alarms.states import AlarmState
from controller.alarms.transition import Transition, events
from controller.control.states import State
from controller.core.event import Event
from controller.core.sample import GOOD
from controller.core.tag import Tag, Writer

NS = 1_000_000_000
T0_NS = 1_767_225_600 * NS
OPERATOR = By(actor="ann")
ENGINEER = By(actor="eve", engineer=True)


def definition(name: str = "hi", **given) -> AlarmDefinition:
    """An alarm on T.PV above 90 with a dead-band of 5, where nothing else is given."""
    usual = {
        "tag": "T.PV", "name": name, "above": name in ("hi", "hihi"), "limit": 90.0,
        "deadband": 5.0, "priority": Priority.MEDIUM, "text": "too much", "cause": "a cause",
        "consequence": "a consequence", "action": "do something", "respond_s": 60.0,
        "station": "tiny",
    }  # fmt: skip
    return AlarmDefinition(**{**usual, **given})


class Rig:
    """tags: names of the image, device tags unless they end in .SP; all Good, values 0 but PV."""

    def __init__(
        self, *definitions: AlarmDefinition, tags: tuple[str, ...] = ("T.PV",), link: str = ""
    ) -> None:
        self.tags = [
            Tag(
                name=name, station="tiny", description=f"{name} of the cell", unit="%",
                writer=Writer.STATION if name.endswith((".SP", ".UP")) else Writer.DEVICE,
            )
            for name in tags
        ]  # fmt: skip
        self.definitions, self.link = definitions or (definition(),), link
        self.board = AlarmBoard(self.definitions, self.tags, link)
        self.v = dict.fromkeys(tags, 0.0)
        self.q = dict.fromkeys(tags, GOOD)
        self.now_s = 0.0
        self.station: State | None = None
        self.told: list[Transition] = []

    @property
    def utc_ns(self) -> int:
        return T0_NS + round(self.now_s * NS)

    def scan(self, value: float | None = None, *, after_s: float = 0.1, tag: str = "T.PV") -> str:
        """Let time pass, scan, and tell what moved: 'raise clear'."""
        if value is not None:
            self.v[tag] = value
        self.now_s += after_s
        told = self.board.scan(
            self.now_s, self.utc_ns, list(self.v.values()), list(self.q.values()), self.station
        )
        self.told.extend(told)
        return " ".join(t.move.value for t in told)

    def state(self, alarm: str = "T.PV.hi") -> AlarmState:
        return self.board.alarms[alarm].state

    def occurrence(self, alarm: str = "T.PV.hi") -> int:
        return self.board.alarms[alarm].occurrence

    def ack(self, alarm: str = "T.PV.hi", occurrence: int | None = None, by: By = OPERATOR) -> None:
        seen = self.occurrence(alarm) if occurrence is None else occurrence
        self.told.extend(self.board.acknowledge(alarm, seen, self.utc_ns, by))

    def shelve(
        self,
        for_s: float = 60.0,
        alarm: str = "T.PV.hi",
        by: By = OPERATOR,
        reason: str = "sensor is cleaned",
        *,
        one_shot: bool = False,
    ) -> None:
        until_ns = self.utc_ns + round(for_s * NS)
        self.told.extend(
            self.board.shelve(alarm, until_ns, self.utc_ns, by, reason, one_shot=one_shot)
        )

    def restart(self) -> tuple[str, ...]:
        """Another program takes over with what the first one remembered."""
        memory = self.board.state()
        self.board = AlarmBoard(self.definitions, self.tags, self.link)
        return self.board.restore(memory, self.utc_ns)

    def events(self) -> list[Event]:
        return events(self.told)
