"""One alarm as it stands: its condition, its state, who has put it aside and until when."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from controller.alarms.definition import AlarmDefinition
from controller.alarms.limit import ON_DELAY_OVER, ON_SAMPLE, AlarmLimit, Condition, Seen
from controller.alarms.rates import Chatter
from controller.alarms.states import STANDING, AlarmState
from controller.core.errors import Refused

NS = 1_000_000_000
MAX_SHELVED_NS = 8 * 3600 * NS  # one shift: whoever takes over has to think about it again
STALE_NS = 24 * 3600 * NS
MAX_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who acts on an alarm. engineer: he may put a critical alarm aside."""

    actor: str
    engineer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """Who has shelved an alarm or taken it out of service, why, and until when.

    until_ns: 0 out of service, which a person ends. one_shot: back as soon as the alarm has gone.
    """

    actor: str
    reason: str
    since_ns: int
    until_ns: int = 0
    one_shot: bool = False


class Alarm:
    """The condition of one definition, judged sample by sample, and what became of it.

    limit: what holds now, NaN where only a recipe gives one and none does. occurrence: counts its
    comings. remark: which of several is meant, said behind the text. judged: False while the state
    of the station suppresses it: then its condition is unknown, and judging begins anew, with its
    delays, when that is over.
    """

    __slots__ = (
        "_deadband",
        "_off_delay_s",
        "_on_delay_s",
        "_sign",
        "_since_s",
        "aside",
        "chatter",
        "condition",
        "definition",
        "first",
        "judged",
        "limit",
        "occurrence",
        "quality",
        "raised_ns",
        "relative",
        "remark",
        "since_ns",
        "state",
        "value",
    )

    def __init__(self, definition: AlarmDefinition) -> None:
        self.definition = definition
        self.state = AlarmState.NORMAL
        self.condition = Condition.NORMAL
        self.occurrence = 0
        self.raised_ns = self.since_ns = 0
        self.value, self.quality = math.nan, 0
        self.aside: Aside | None = None
        self.chatter = Chatter()
        self.first = self.remark = ""
        self.judged = True
        self._since_s = 0.0
        self._sign = 1.0 if definition.above else -1.0
        self.limit = math.nan
        self.relative = False
        self._deadband = self._on_delay_s = self._off_delay_s = 0.0
        self.use(None)

    def use(self, given: AlarmLimit | None) -> None:
        """Judge by the limit of a recipe, or again by that of the definition."""
        d = self.definition
        limit = given.limit if given else d.limit
        self.limit = math.nan if limit is None else limit
        self.relative = given is None and bool(d.reference)
        self._deadband = given.deadband if given else d.deadband
        self._on_delay_s = given.on_delay_s if given else d.on_delay_s
        self._off_delay_s = given.off_delay_s if given else d.off_delay_s

    @property
    def armed(self) -> bool:
        """There is a limit to judge by."""
        return not math.isnan(self.limit)

    @property
    def text(self) -> str:
        """What is wrong, with the remark where there is one."""
        return f"{self.definition.text}: {self.remark}" if self.remark else self.definition.text

    @property
    def active(self) -> bool:
        """The condition holds, as far as is known."""
        return self.condition >= Condition.ACTIVE

    def judge(self, now_s: float, value: float, seen_bad: bool) -> bool:
        """Judge one value; True when the condition has come or gone by it.

        A bad one neither raises nor clears, and takes a running delay back.
        """
        over = self._sign * (value - self.limit)
        if seen_bad:
            seen = Seen.BAD
        elif over > 0.0:
            seen = Seen.BEYOND
        else:
            seen = Seen.INSIDE if over <= -self._deadband else Seen.BETWEEN
        old = self.condition
        new = ON_SAMPLE[old][seen]
        if new is not old:
            self._since_s = now_s
        if not seen_bad and now_s - self._since_s >= self._delay_s(new):
            new = ON_DELAY_OVER[new]
        self.condition = new
        return (old >= Condition.ACTIVE) is not (new >= Condition.ACTIVE)

    def cut_short(self, now_s: float) -> bool:
        """End the on-delay if at least half of it is over; True when the condition has come by it.

        For a trip that waits as long as the alarm of its cause: it must not be the faster one.
        """
        if self.condition is not Condition.RISING:
            return False
        if 2.0 * (now_s - self._since_s) < self._on_delay_s:
            return False
        self.condition = Condition.ACTIVE
        return True

    def _delay_s(self, condition: Condition) -> float:
        if condition is Condition.RISING:
            return self._on_delay_s
        return self._off_delay_s if condition is Condition.FALLING else 0.0

    def forget(self) -> None:
        """Judge anew: the condition is unknown."""
        self.condition = Condition.NORMAL

    def stale(self, now_ns: int) -> bool:
        """Standing for more than 24 h."""
        return self.state in STANDING and now_ns - self.raised_ns > STALE_NS

    def plain(self) -> dict[str, Any]:
        """For the memory of the station."""
        return {
            "state": self.state.value,
            "active": self.active,
            "occurrence": self.occurrence,
            "raised_ns": self.raised_ns,
            "since_ns": self.since_ns,
            "value": self.value if math.isfinite(self.value) else None,
            "quality": self.quality,
            "first": self.first,
            "chatter": self.chatter.plain(),
            "aside": asdict(self.aside) if self.aside else None,
        }

    @property
    def pristine(self) -> bool:
        """There is nothing to remember."""
        return self.state is AlarmState.NORMAL and self.occurrence == 0 and not self.active

    def recall(self, plain: Mapping[str, Any], now_ns: int) -> None:
        """From the memory of the station; KeyError, TypeError or ValueError when it is broken.

        What was active stays active until a good value says otherwise. A shelf never lasts longer
        than it may from now on, whatever the clock did meanwhile.
        """
        state = AlarmState(plain["state"])
        aside = Aside(**plain["aside"]) if plain["aside"] else None
        if (state in (AlarmState.SHELVED, AlarmState.OUT_OF_SERVICE)) is (aside is None):
            raise ValueError(f"{state.value} and {aside}")
        if aside and aside.until_ns:
            until_ns = min(aside.until_ns, now_ns + MAX_SHELVED_NS)
            aside = Aside(**{**asdict(aside), "until_ns": until_ns})
        chatter = Chatter()
        chatter.recall([int(t) for t in plain["chatter"]])
        value = plain["value"]
        occurrence, raised_ns, since_ns, quality = (
            int(plain[key]) for key in ("occurrence", "raised_ns", "since_ns", "quality")
        )
        self.state, self.aside, self.chatter = state, aside, chatter
        self.condition = Condition.ACTIVE if plain["active"] else Condition.NORMAL
        self.occurrence, self.raised_ns, self.since_ns = occurrence, raised_ns, since_ns
        self.value, self.quality = math.nan if value is None else float(value), quality
        self.first = str(plain["first"])


def shelf(
    alarm: Alarm, by: By, reason: str, now_ns: int, until_ns: int, *, one_shot: bool
) -> Aside:
    """What a shelving leaves behind; Refused with everything that speaks against it."""
    d = alarm.definition
    wrong = _against(alarm, by, reason, "shelved")
    if not d.shelvable:
        wrong.append(("shelvable", f"{d.id} may not be shelved: it protects people or the plant"))
    if not 0 < until_ns - now_ns <= MAX_SHELVED_NS:
        told = f"{d.id}: {(until_ns - now_ns) / NS:g} s is not within 0 .. "
        wrong.append(("time", f"{told}{MAX_SHELVED_NS // NS} s"))
    _refuse(wrong)
    return Aside(
        actor=by.actor, reason=reason.strip(), since_ns=now_ns, until_ns=until_ns, one_shot=one_shot
    )


def out_of_service(alarm: Alarm, by: By, reason: str, now_ns: int) -> Aside:
    """What taking out of service leaves behind; Refused with everything that speaks against it."""
    _refuse(_against(alarm, by, reason, "taken out of service"))
    return Aside(actor=by.actor, reason=reason.strip(), since_ns=now_ns)


def _against(alarm: Alarm, by: By, reason: str, what: str) -> list[tuple[str, str]]:
    d = alarm.definition
    wrong = []
    if not reason.strip():
        wrong.append(("reason", f"{d.id}: an alarm that is {what} needs a reason"))
    elif len(reason) > MAX_REASON:
        wrong.append(("reason", f"{d.id}: a reason has at most {MAX_REASON} characters"))
    if d.priority == 1 and not by.engineer:
        wrong.append(("role", f"{d.id} is critical: only an engineer may have it {what}"))
    return wrong


def _refuse(wrong: list[tuple[str, str]]) -> None:
    if wrong:
        raise Refused(wrong[0][0], [text for _, text in wrong])
