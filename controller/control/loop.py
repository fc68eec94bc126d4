"""Loop: a Pid wired to tags, with the mode it is meant to have while the station runs."""

from dataclasses import replace

from controller.control.pid import Pid
from controller.control.pid_config import Limited, LoopMode, LoopStatus
from controller.core.errors import Refused
from controller.core.tag import HistoryRule, Kind, Tag, Writer

_FIELDS = ("SP", "WSP", "OP", "MODE", "STATUS")
_MAN = LoopMode.MAN  # asked for at every scan


class Loop:
    """Tags NAME.SP (target), .WSP (working set point), .OP, .MODE and .STATUS around one Pid.

    name: "ENC.L1". pv, out: tags; out may be "" for a loop whose output only feeds another one.
    wanted: the mode taken while the station is in a state where loops run. gains_follow: what the
    station schedules the gains by, so that nobody tunes them by hand; "" when they are free.
    """

    def __init__(
        self,
        name: str,
        pid: Pid,
        *,
        pv: str,
        out: str = "",
        wanted: LoopMode = LoopMode.AUTO,
        gains_follow: str = "",
    ) -> None:
        self.name = name
        self.pid = pid
        self.pv = pv
        self.out = out
        self.wanted = wanted
        self.gains_follow = gains_follow
        self.active = False
        self._resting = float("nan")  # output of a pid that has left the adopted value alone
        self._pv = self._out = self._base = -1

    def tags(self, station: str) -> tuple[Tag, ...]:
        """The tags this loop publishes, in the order they must stand in the table."""
        c = self.pid.config
        span_sp, span_out = c.sp_high - c.sp_low, c.out_high - c.out_low
        modes = tuple(m.name for m in LoopMode)
        status = tuple(s.name.lower().replace("_", " ") for s in LoopStatus)

        def real(field: str, what: str, unit: str, low: float, high: float, span: float) -> Tag:
            rule = HistoryRule(deadband=span / 2000, max_interval_s=60)
            return Tag(
                name=f"{self.name}.{field}",
                station=station,
                description=f"{c.name}: {what}",
                writer=Writer.STATION,
                unit=unit,
                low=low,
                high=high,
                history=rule,
            )

        def code(field: str, what: str, labels: tuple[str, ...]) -> Tag:
            return Tag(
                name=f"{self.name}.{field}",
                station=station,
                description=f"{c.name}: {what}",
                writer=Writer.STATION,
                low=0,
                high=len(labels) - 1,
                kind=Kind.ENUM,
                resolution=1,
                labels=labels,
            )

        return (
            real("SP", "set point", c.pv_unit, c.sp_low, c.sp_high, span_sp),
            real("WSP", "working set point", c.pv_unit, c.sp_low, c.sp_high, span_sp),
            real("OP", "output", c.out_unit, c.out_low, c.out_high, span_out),
            code("MODE", "mode", modes),
            code("STATUS", "status", status),
        )

    def bind(self, offset: dict[str, int]) -> None:
        """Look up the offsets of the tags in the station's image."""
        self._pv = offset[self.pv]
        self._out = offset[self.out] if self.out else -1
        self._base = offset[f"{self.name}.SP"]

    def keep_to(self, rate_per_s: float) -> None:
        """Move the output no faster than this: what follows it could not, and the integral would
        wind up against it."""
        config = self.pid.config
        self.pid.config = replace(config, out_rate=min(config.out_rate, rate_per_s))

    def adopt(self, v: list[float], held: float) -> None:
        """Take what the plant holds as the output, so that the first step is bumpless.

        A value outside the limits of the loop stays as it is until the loop is made to move it.
        """
        self.pid.initialise(held)
        self._resting = self.pid.out
        if self._out >= 0:
            v[self._out] = held

    def start_from(self, v: list[float], value: float) -> None:
        """Put the output, taken into the limits, where the loop shall take it over."""
        self.pid.initialise(value)
        self._resting = float("nan")
        if self._out >= 0:
            v[self._out] = self.pid.out

    def set_out(self, value: float) -> None:
        """Change the output by hand; Refused unless the loop is in MAN."""
        self.pid.set_out(value)
        self._resting = float("nan")

    def activate(self, active: bool) -> None:
        """Enter (wanted mode) or leave (MAN) the states in which loops run."""
        self.active = active
        self.pid.set_mode(self.wanted if active else LoopMode.MAN)

    def want(self, mode: LoopMode) -> None:
        """Change the mode now if the loop is active, and for the next time it becomes active."""
        if mode not in self.pid.config.modes:
            names = ", ".join(m.name for m in self.pid.config.modes)
            raise Refused(
                "mode_not_allowed", [f"{self.name}: mode {mode.name} is not one of {names}"]
            )
        if self.active:
            self.pid.set_mode(mode)
        self.wanted = mode

    def scan(  # the pid's own arguments, passed through
        self,
        now_s: float,
        v: list[float],
        q: list[int],
        ff: float = 0.0,
        remote_sp: float = float("nan"),
        track: float | None = None,
        limited: Limited = Limited.NONE,
    ) -> float:
        """Scan the pid and write its output and its tags into the station's image."""
        k = self._pv
        out = self.pid.scan(
            now_s, v[k], q[k], ff=ff, remote_sp=remote_sp, track=track, limited=limited
        )
        self.publish(v)
        return out

    def publish(self, v: list[float]) -> None:
        """Write output and tags, for a pid that another block has scanned."""
        pid = self.pid
        out = pid.out
        if self._out >= 0 and (out != self._resting or pid.mode is not _MAN):
            self._resting = float("nan")
            v[self._out] = out
        b = self._base
        v[b : b + 5] = (pid.sp_target, pid.sp, out, pid.mode, pid.status)
