"""Alarms as the scan sees them: an image in, changes of state out. `board` adds what people do."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from controller.alarms.alarm import Alarm
from controller.alarms.definition import WINDOW_S, AlarmDefinition, bad_value, from_recipe
from controller.alarms.limit import AlarmLimit
from controller.alarms.states import AlarmState, Move, next_state
from controller.alarms.transition import Transition
from controller.alarms.watch import Watch, Watches
from controller.control.states import State
from controller.core.sample import FIRST_BAD, Quality, quality_text
from controller.core.tag import Tag, Writer

NS = 1_000_000_000
WINDOW_NS = int(WINDOW_S * NS)
NEVER_NS = 2**62
_OF_THE_LINK = (Quality.BAD_LINK, Quality.BAD_STALE)  # the link has an alarm of its own
_TRIPPED = (State.ABORTING, State.ABORTED)
_NOTHING: tuple[Transition, ...] = ()


class ScannedAlarms:
    """All alarms over one image of values and qualities.

    tags: of the image, in its order; a definition whose tags are not among them lies in `missing`.
    link_up: tag that is 0 while the link is down, when bad values are the link's and no news.
    """

    def __init__(
        self, definitions: Iterable[AlarmDefinition], tags: Sequence[Tag], link_up: str = ""
    ) -> None:
        self._tags = {tag.name: tag for tag in tags}
        self._at = {tag.name: k for k, tag in enumerate(tags)}
        self._link = self._at.get(link_up, -1)
        self._state: State | None = None
        self._told: list[Transition] = []
        self._watches = Watches(self._at)
        self._picked: tuple[int, ...] = ()
        self._bad_open = True
        self._disarmed: list[Alarm] = []
        self._adopted: set[str] = set()  # alarms of bad values that only a recipe has use for
        self._shelf_ends_ns = NEVER_NS
        self._groups: dict[str, tuple[int, str]] = {}
        self._settling: dict[str, float] = {}  # what has a meaning again, and when it is judged
        self._settled_s = math.inf
        self.alarms: dict[str, Alarm] = {}
        missing = []
        for definition in definitions:
            if all(name in self._at for name in definition.tags):
                self._add(definition)
            else:
                missing.append(definition)
        self.missing = tuple(missing)
        self._watches.group(self.alarms.values())

    # -- the scan --------------------------------------------------------------------------------

    def scan(
        self,
        now_s: float,
        utc_ns: int,
        v: Sequence[float],
        q: Sequence[int],
        state: State | None = None,
    ) -> tuple[Transition, ...]:
        """Judge the image; what changed. state: of the station, None where there is none."""
        if state is not self._state:
            if state in _TRIPPED:
                self._cut_short(state, now_s, utc_ns, v, q)
            self._enter(state, now_s, utc_ns)
        elif now_s >= self._settled_s:
            self._let_settled(now_s, utc_ns)
        watches = self._watches
        for w in watches.plain:
            x = v[w.at]
            if not w.low < x < w.high:
                self._judge(w, now_s, utc_ns, x, q)
        for w in watches.computed:
            x = w.read(now_s, v, q)
            if not w.low < x < w.high:
                self._judge(w, now_s, utc_ns, x, q)
        picked = watches.pick(q)
        if self._bad_open or picked != self._picked:
            self._picked = picked
            self._judge_qualities(now_s, utc_ns, q, link_down=self._link >= 0 and not v[self._link])
        if utc_ns >= self._shelf_ends_ns:
            self._end_shelves(utc_ns)
        if self._disarmed:
            self._clear_disarmed(utc_ns)
        return self._take() if self._told else _NOTHING

    def _judge(self, w: Watch, now_s: float, utc_ns: int, x: float, q: Sequence[int]) -> None:
        quality = max(q[k] for k in w.inputs)
        bad = quality >= FIRST_BAD or not -math.inf < x < math.inf
        for alarm in w.alarms:
            if alarm.judge(now_s, x, bad):
                self._changed(alarm, x, quality, utc_ns)
        w.rest()

    def _judge_qualities(
        self, now_s: float, utc_ns: int, q: Sequence[int], *, link_down: bool
    ) -> None:
        """A bad value is alarmed once for its tag, unless the link is what made it bad."""
        still_open = False
        for k, alarm in self._watches.qualities:
            quality = q[k]
            bad = quality >= FIRST_BAD
            of_link = bad and (link_down or quality in _OF_THE_LINK)
            if alarm.judge(now_s, float(bad), of_link):
                told = quality_text(quality) if bad else ""
                self._changed(alarm, math.nan, quality, utc_ns, told)
            still_open = still_open or bad or bool(alarm.condition)
        self._bad_open = still_open

    def _changed(
        self, alarm: Alarm, value: float, quality: int, utc_ns: int, reason: str = ""
    ) -> None:
        """The condition has come or gone."""
        alarm.value, alarm.quality = value, quality
        if alarm.active:
            self._move(alarm, Move.RAISE, utc_ns, reason=reason)
            return
        gone = Move.LATCH if alarm.definition.latching else Move.CLEAR
        self._move(alarm, gone, utc_ns, reason=reason)
        aside = alarm.aside
        if alarm.state is AlarmState.SHELVED and aside and aside.one_shot:
            self._unshelve(alarm, utc_ns, "", "the alarm has gone once")

    def _enter(self, state: State | None, now_s: float, utc_ns: int) -> None:
        """The station has come to another state: what has no meaning there is suppressed."""
        self._state = state
        reason = f"station is {state.name}" if state else ""
        for alarm in self.alarms.values():
            d = alarm.definition
            meant = state is None or state not in d.suppressed_in
            if not meant:
                self._settling.pop(d.id, None)
            elif d.settle_s and (not alarm.judged or alarm.state is AlarmState.SUPPRESSED):
                self._settling.setdefault(d.id, now_s + d.settle_s)
            alarm.judged = meant and d.id not in self._settling
            self._settle(alarm, utc_ns, reason)
            if not alarm.judged:
                alarm.forget()
        self._settled_s = min(self._settling.values(), default=math.inf)
        self._regroup()

    def _cut_short(
        self, state: State, now_s: float, utc_ns: int, v: Sequence[float], q: Sequence[int]
    ) -> None:
        """A trip has stopped the station: what is about to come and would be suppressed comes now.

        Half of the delay must be over, so that what the stop itself brings stays suppressed.
        """
        for w in (*self._watches.plain, *self._watches.computed):
            x, quality = w.read(now_s, v, q), max(q[k] for k in w.inputs)
            bad = quality >= FIRST_BAD or not math.isfinite(x)
            for alarm in w.alarms:
                if state not in alarm.definition.suppressed_in or alarm.active:
                    continue
                if alarm.judge(now_s, x, bad) or alarm.cut_short(now_s):
                    self._changed(alarm, x, quality, utc_ns)

    def _let_settled(self, now_s: float, utc_ns: int) -> None:
        """Judge what has had its time to come up."""
        for key in [key for key, until_s in self._settling.items() if now_s >= until_s]:
            del self._settling[key]
            self.alarms[key].judged = True
            self._settle(self.alarms[key], utc_ns, "the process has had its time to settle")
        self._settled_s = min(self._settling.values(), default=math.inf)
        self._regroup()

    def _settle(self, alarm: Alarm, utc_ns: int, reason: str = "") -> None:
        """Bring an alarm to where its condition and the state of the station want it."""
        if not alarm.judged:
            self._move(alarm, Move.SUPPRESS, utc_ns, reason=reason)
            return
        self._move(alarm, Move.RELEASE, utc_ns, reason=reason)
        if alarm.active and alarm.state is AlarmState.NORMAL:
            self._move(alarm, Move.RAISE, utc_ns)

    def _move(
        self, alarm: Alarm, move: Move, utc_ns: int, actor: str = "", reason: str = ""
    ) -> bool:
        """Make one move of the table and tell it; False where it leads nowhere."""
        before, after = alarm.state, next_state(alarm.state, move)
        if after is None:
            return False
        if move is Move.RAISE:
            alarm.occurrence += 1
            alarm.raised_ns = utc_ns
            alarm.chatter.came(utc_ns)
            alarm.first = self._first_of(alarm.definition, utc_ns)
            reason = reason or alarm.remark
        alarm.state, alarm.since_ns = after, utc_ns
        self._told.append(
            Transition(
                alarm=alarm.definition, occurrence=alarm.occurrence, before=before, after=after,
                move=move, time_ns=utc_ns, value=alarm.value, limit=alarm.limit,
                quality=alarm.quality, actor=actor, reason=reason, first=alarm.first,
                relative=alarm.relative,
            )
        )  # fmt: skip
        return True

    def _first_of(self, definition: AlarmDefinition, utc_ns: int) -> str:
        if not definition.group:
            return ""
        began_ns, first = self._groups.get(definition.group, (-NEVER_NS, ""))
        if not 0 <= utc_ns - began_ns <= WINDOW_NS:
            first = definition.id
            self._groups[definition.group] = utc_ns, first
        return first

    def _take(self) -> tuple[Transition, ...]:
        told, self._told = tuple(self._told), []
        return told

    # -- shelves and limits that end by themselves -----------------------------------------------

    def _end_shelves(self, utc_ns: int) -> None:
        for alarm in self.alarms.values():
            aside = alarm.aside
            if aside and alarm.state is AlarmState.SHELVED and utc_ns >= aside.until_ns:
                self._unshelve(alarm, utc_ns, "", "its time is over")
        self._find_shelf_end()

    def _unshelve(self, alarm: Alarm, utc_ns: int, actor: str, reason: str) -> None:
        alarm.aside = None
        self._move(alarm, Move.UNSHELVE, utc_ns, actor, reason)
        self._settle(alarm, utc_ns)

    def _find_shelf_end(self) -> None:
        self._shelf_ends_ns = min(
            (
                a.aside.until_ns
                for a in self.alarms.values()
                if a.aside and a.state is AlarmState.SHELVED
            ),
            default=NEVER_NS,
        )

    def use_limits(self, limits: Mapping[str, Sequence[AlarmLimit]]) -> None:
        """Judge by the limits of a recipe from now on, tag -> limits; states stay as they are.

        A level that the recipe does not name keeps the limit of its definition. A limit that no
        definition knows gets an alarm of its own.
        """
        given = {f"{tag}.{x.level.value}": x for tag, own in limits.items() for x in own}
        for tag, own in limits.items():
            for x in own:
                if f"{tag}.{x.level.value}" not in self.alarms and tag in self._at:
                    self._adopt(tag, x)
        for key, alarm in self.alarms.items():
            alarm.use(given.get(key))
            if key in self._adopted and alarm.definition.tag not in limits:
                alarm.limit = math.nan
        self._regroup()

    def _adopt(self, tag: str, limit: AlarmLimit) -> None:
        known = self._tags[tag]
        own = from_recipe(tag, limit.level, known.station, known.description)
        self._add(own)
        if known.writer is Writer.DEVICE and f"{tag}.bad" not in self.alarms:
            bad = bad_value(tag, [own], station=known.station, key="recipe:bad")
            self._add(bad)
            self._adopted.add(bad.id)

    def _add(self, definition: AlarmDefinition) -> None:
        tag = self._tags[definition.tag]
        known = replace(definition, unit=definition.unit or tag.unit, labels=tag.labels)
        alarm = Alarm(known)
        alarm.judged = self._state is None or self._state not in known.suppressed_in
        self.alarms[known.id] = alarm

    def _regroup(self) -> None:
        for alarm in self.alarms.values():
            if not alarm.armed and not alarm.active:
                alarm.forget()
        self._disarmed = [a for a in self.alarms.values() if a.active and not a.armed]
        self._watches.group(self.alarms.values())
        self._bad_open = True

    def _clear_disarmed(self, utc_ns: int) -> None:
        """What the recipe gave a limit for has none any more."""
        for alarm in self._disarmed:
            alarm.forget()
            self._changed(alarm, alarm.value, alarm.quality, utc_ns, "it has no limit any more")
        self._disarmed = []
