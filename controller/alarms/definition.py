"""What an alarm is: which value against which limit, how grave, and what a person does about it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import Self

from controller.alarms.limit import Level
from controller.control.states import State

NEVER: frozenset[State] = frozenset()
_NO_PRODUCTION = frozenset(State) - {State.EXECUTE}
_TRIPPED = frozenset({State.ABORTING, State.ABORTED})
BAD = "bad"  # name of the alarm of a tag whose value is Bad
WINDOW_S = 10.0  # alarms of a group that come so soon after its first belong to the same cause


class Priority(IntEnum):
    """How soon somebody must act, and what it costs not to."""

    CRITICAL = 1
    HIGH = 2
    MEDIUM = 3
    LOW = 4


class Measure(Enum):
    """What is compared with the limit; tag and reference are the inputs."""

    VALUE = "value"  # the tag
    DEVIATION = "deviation"  # tag - reference
    APART = "apart"  # |tag - reference|
    IMBALANCE = "imbalance"  # |tag - reference| in % of their mean
    SILENCE = "silence"  # time without a pulse, in periods of a pulse; reference: rev/h
    QUALITY = "quality"  # 1 while the tag is Bad for a reason of its own, else 0


LEVELS = {level.value: level for level in Level}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmDefinition:
    """One alarm. In the table of a station kind a leading "." stands for the prefix.

    name: level of the limit (hi, hihi, lo, lolo: a recipe may replace that limit) or a condition in
    one word (open, tripped). limit: of the measure; None: only a recipe gives it. above: beyond is
    above the limit. respond_s: time a person has. group: alarms of one cause, for first-out.
    suppressed_in: station states in which the alarm has no meaning; settle_s: so long after them
    the process has to come up first. latching: stays until it is reset. subject: what the alarm is
    called after where that is not the tag. key: under which a catalogue has the texts in another
    language, the same for all stations of a kind.
    """

    tag: str
    name: str
    above: bool
    limit: float | None
    priority: Priority
    text: str
    cause: str
    consequence: str
    action: str
    respond_s: float
    deadband: float = 0.0
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0
    measure: Measure = Measure.VALUE
    reference: str = ""
    subject: str = ""
    unit: str = ""
    labels: tuple[str, ...] = ()
    group: str = ""
    suppressed_in: frozenset[State] = NEVER
    settle_s: float = 0.0
    shelvable: bool = True
    latching: bool = False
    station: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        """ValueError on what no board could judge."""
        wrong = [
            f"{field} = {value:g}"
            for field, value in (
                ("deadband", self.deadband),
                ("on_delay_s", self.on_delay_s),
                ("off_delay_s", self.off_delay_s),
                ("respond_s", self.respond_s),
                ("settle_s", self.settle_s),
                ("limit", abs(self.limit or 0.0)),
            )
            if not 0.0 <= value < math.inf
        ]
        if self.latching and self.suppressed_in:
            wrong.append("latching and suppressed: one would hide the other")
        if (self.measure in (Measure.VALUE, Measure.QUALITY)) is bool(self.reference):
            wrong.append(f"{self.measure.value} with reference {self.reference!r}")
        if wrong:
            raise ValueError(f"alarm {self.id}: {'; '.join(wrong)}")

    @property
    def id(self) -> str:
        """'ENC.H2S.hihi': what it is called after, and its level or condition."""
        return f"{self.subject or self.tag}.{self.name}"

    @property
    def level(self) -> Level | None:
        """The level whose limit a recipe may replace; None for a named condition."""
        return LEVELS.get(self.name)

    @property
    def tags(self) -> tuple[str, ...]:
        """Its inputs."""
        return (self.tag, self.reference) if self.reference else (self.tag,)

    def placed(self, kind: str, station: str, prefix: str) -> Self:
        """The same for one station of a kind: prefix in front, catalogue key filled in."""
        return replace(
            self,
            tag=_full(prefix, self.tag),
            reference=_full(prefix, self.reference),
            subject=_full(prefix, self.subject),
            station=station,
            key=self.key or f"{kind}:{self.id}",
        )


def bad_value(
    tag: str, of: Sequence[AlarmDefinition], *, station: str = "", key: str = ""
) -> AlarmDefinition:
    """The alarm of an alarmed tag that is Bad. of: the alarms that are blind then.

    A trip does not suppress it: to a PLC a dead sensor may be the cause itself.
    """
    together = frozenset.intersection(*(d.suppressed_in for d in of)) - _TRIPPED
    grave = any(d.priority <= Priority.HIGH for d in of)
    return AlarmDefinition(
        tag=tag, name=BAD, above=True, limit=0.5, measure=Measure.QUALITY, station=station,
        priority=Priority.MEDIUM if grave else Priority.LOW, on_delay_s=5.0, off_delay_s=5.0,
        text="the value of an alarmed tag is bad",
        cause="the instrument or its input has failed, is out of range or sends no number",
        consequence="the alarms of this tag are blind; a loop on it has gone to its fallback",
        action="check the sensor and its wiring; until it is mended watch a neighbouring value, "
        "or hold the station",
        respond_s=600.0, suppressed_in=together, key=key,
    )  # fmt: skip


def from_recipe(tag: str, level: Level, station: str, title: str) -> AlarmDefinition:
    """The alarm of a limit that a recipe gives and the station kind does not know.

    It is about the product, so it is judged in production only.
    """
    beyond = "above" if level in (Level.HI, Level.HIHI) else "below"
    what = title or tag
    return AlarmDefinition(
        tag=tag, name=level.value, above=beyond == "above", limit=None, station=station,
        priority=Priority.MEDIUM, text=f"{what} {beyond} the limit of the recipe",
        cause=f"{what} has left the range that the recipe allows",
        consequence="the product of this run may be outside what the recipe promises",
        action="compare the trend with the recipe; hold the station and the lot if it does not "
        "come back, and tell the engineer of the recipe",
        respond_s=600.0, key=f"recipe:{level.value}", suppressed_in=_NO_PRODUCTION,
    )  # fmt: skip


def _full(prefix: str, name: str) -> str:
    return prefix + name if name[:1] == "." else name
