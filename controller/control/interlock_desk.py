"""The interlocks of one station: what must hold for START, what trips it, what is bypassed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from controller.control.interlock import (
    MAX_BYPASS_NS,
    NS,
    Bypass,
    Bypasses,
    Permissive,
    Permissives,
    Trip,
    Trips,
)
from controller.core.errors import Refused
from controller.core.event import Command, EventKind
from controller.core.sample import FIRST_BAD

if TYPE_CHECKING:
    from controller.control.station import Station


class InterlockDesk:
    """Permissives, trips and bypasses of one station; part of its scan.

    bypassed: how many are out of force, as the tag PREFIX.INTERLOCK.BYPASSED shows it.
    """

    def __init__(
        self,
        station: "Station",
        permissives: Sequence[tuple[str, Permissive]],
        trips: Sequence[tuple[str, Trip]],
    ) -> None:
        self._s = station
        self._permissive_at = [station.at(tag) for tag, _ in permissives]
        self.permissives = Permissives([p for _, p in permissives])
        self._trip_at = [station.at(tag) for tag, _ in trips]
        self.trips = Trips([t for _, t in trips])
        self._groups = (self.permissives.bypasses, self.trips.bypasses)
        # One list of names for both, so that a bypass needs no more than a name.
        Bypasses([*self.permissives.conditions, *(t.cause for t in self.trips.causes)])
        self.bypassed = 0.0

    # -- what they do ----------------------------------------------------------------------------

    def scan_trips(self, now_s: float) -> None:
        """Hold the station for every trip that latches now."""
        if not self._trip_at:
            return
        s = self._s
        for tripped in self.trips.scan(now_s, *self._seen(self._trip_at)):
            first = self.trips.first_out
            after = "" if tripped.first_out else f", after {first}"
            s.tell(EventKind.INTERLOCK, tripped.name, f"{tripped.text}{after}", first_out=first)
            s.hold(f"interlock: {tripped.text}")

    def expire(self, utc_ns: int) -> None:
        """Put back in force what was bypassed until now; nothing to do while `bypassed` is 0."""
        for group in self._groups:
            for bypass in group.expire(utc_ns):
                self._ended(bypass, "its time is over", "")

    def require_permissives(self) -> None:
        """Refused with every reason why the station cannot start."""
        self.permissives.require(*self._seen(self._permissive_at))

    def unmet(self) -> tuple[str, ...]:
        """Every reason why the station cannot start, with its live value."""
        return self.permissives.unmet(*self._seen(self._permissive_at))

    def reset_trips(self) -> None:
        """Clear the controller's own trips; Refused while a cause is still there."""
        self.trips.reset(*self._seen(self._trip_at))

    def _seen(self, at: Sequence[int]) -> tuple[list[float], list[int]]:
        v, q = self._s.v, self._s.q
        return list(map(v.__getitem__, at)), list(map(q.__getitem__, at))

    # -- bypasses --------------------------------------------------------------------------------

    def bypass(self, command: Command) -> None:
        """Put a condition out of force. target: its name; value: for how many seconds."""
        s, name, lasts_s = self._s, command.target, command.value
        group = self._group(name)
        if (
            isinstance(lasts_s, bool)
            or not isinstance(lasts_s, float | int)
            or not abs(lasts_s) < 1e6
        ):
            raise Refused("value", [f"BYPASS of {name}: for how many seconds? {lasts_s!r}"])
        new = Bypass(
            name=name, actor=command.actor, reason=command.reason.strip(), since_ns=s.utc_ns,
            until_ns=s.utc_ns + int(lasts_s * NS),
        )  # fmt: skip
        group.add(new)
        self._count()
        text = f"{name} is bypassed for {lasts_s:g} s: {new.reason}"
        s.tell(
            EventKind.INTERLOCK, name, text, command.actor,
            reason=new.reason, until_ns=new.until_ns, bypassed=True,
        )  # fmt: skip

    def unbypass(self, command: Command) -> None:
        """End a bypass before its time."""
        ended = self._group(command.target).remove(command.target)
        if ended is None:
            raise Refused("bypass", [f"{command.target} is not bypassed"])
        self._ended(ended, command.reason.strip() or "ended before its time", command.actor)

    def _ended(self, bypass: Bypass, reason: str, actor: str) -> None:
        self._count()
        self._s.changed = True
        text = f"{bypass.name} is no longer bypassed: {reason}"
        self._s.tell(EventKind.INTERLOCK, bypass.name, text, actor, reason=reason, bypassed=False)

    def _group(self, name: str) -> Bypasses:
        for group in self._groups:
            if name in group:
                return group
        known = [c.name for c in self.permissives.conditions]
        known += [t.cause.name for t in self.trips.causes]
        told = f"no interlock {name!r} in {self._s.name}; interlocks: {', '.join(known)}"
        raise Refused("unknown", [told])

    def _count(self) -> None:
        self.bypassed = float(sum(len(group.in_force) for group in self._groups))

    # -- memory ----------------------------------------------------------------------------------

    def memory(self) -> list[dict[str, Any]]:
        """The bypasses, as plain values."""
        return [asdict(b) for group in self._groups for b in group.in_force]

    def recall(self, plain: Sequence[Mapping[str, Any]], utc_ns: int) -> None:
        """Come back after a restart; none lasts longer than it may from now on.

        What is over, or what this program does not know any more, is in force again and told.
        """
        for remembered in plain:
            try:
                self._recall(Bypass(**remembered), utc_ns)
            except TypeError as error:
                told = f"a bypass could not be read and is over: {error}"
                self._s.tell(EventKind.INTERLOCK, self._s.name, told)
        self._count()

    def _recall(self, bypass: Bypass, utc_ns: int) -> None:
        until_ns = min(bypass.until_ns, utc_ns + MAX_BYPASS_NS)
        since_ns = max(min(bypass.since_ns, utc_ns), until_ns - MAX_BYPASS_NS)
        if until_ns <= utc_ns:
            self._ended(bypass, "its time was over when the controller started", "")
            return
        try:
            group = self._group(bypass.name)
            group.add(replace(bypass, since_ns=since_ns, until_ns=until_ns))
        except Refused as refused:
            self._ended(bypass, "; ".join(refused.reasons), "")

    # -- for a reader ----------------------------------------------------------------------------

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every interlock with its live value, as plain values; permissives first."""
        values, qualities = self._seen(self._permissive_at)
        for k, c in enumerate(self.permissives.conditions):
            met = c.met(values[k], qualities[k])
            row = self._row("permissive", c, self._permissive_at[k], self._groups[0], k)
            yield row | {"ok": met, "latched": False, "first_out": False}
        values, qualities = self._seen(self._trip_at)
        for k, trip in enumerate(self.trips.causes):
            holds = trip.cause.holds(values[k]) and qualities[k] < FIRST_BAD
            row = self._row("trip", trip.cause, self._trip_at[k], self._groups[1], k)
            yield row | {
                "ok": not (holds or self.trips.latched[k]),
                "latched": self.trips.latched[k],
                "first_out": self.trips.first_out == trip.cause.name,
            }

    def _row(self, kind: str, c: Permissive, at: int, group: Bypasses, k: int) -> dict[str, Any]:
        bypass = next((b for b in group.in_force if b.name == c.name), None)
        s = self._s
        return {
            "name": c.name,
            "kind": kind,
            "tag": s.tag_at(at).name,
            "text": c.text,
            "wanted": c.wanted(),
            "shown": c.shown(s.v[at], s.q[at]),
            "remedy": c.remedy,
            "bypassable": c.bypassable,
            "bypass": None if bypass is None else asdict(bypass),
        }
