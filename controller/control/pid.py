"""The loop block: everything a plant expects of a PID controller around a bare PID law."""

import math

from controller.control.pid_config import (
    LARGEST,
    LONGEST_TI_S,
    SHORTEST_TI_S,
    Direction,
    Fallback,
    Limited,
    LoopMode,
    LoopStatus,
    PidConfig,
    Resume,
    Terms,
)
from controller.control.pid_law import LAWS, Law
from controller.core.errors import Refused
from controller.core.sample import FIRST_BAD

_NAN = math.nan
_MAN, _CAS = LoopMode.MAN, LoopMode.CAS
_OK, _MANUAL = LoopStatus.OK, LoopStatus.MANUAL
_LIMITED_LOW, _LIMITED_HIGH = LoopStatus.LIMITED_LOW, LoopStatus.LIMITED_HIGH
_FREE, _STUCK_LOW, _STUCK_HIGH = Limited.NONE, Limited.LOW, Limited.HIGH


class Pid:
    """One loop. Scan it every station scan; it keeps its own period on absolute deadlines.

    Whenever the loop takes the output over (from manual, tracking, fallback, another mode), the
    first output equals the last one and the integral is written to fit. Public attributes are for
    reading: sp (working), sp_target, pv (filtered, last usable), out, mode, status, error (sp - pv,
    PV unit), ff_held and sp_held (feed-forward or remote set point unusable, last one stays).
    """

    __slots__ = (
        "_acting",
        "_deadband",
        "_demand",
        "_derivative_s",
        "_due_s",
        "_failed_at_s",
        "_ff",
        "_filter_s",
        "_fresh",
        "_grid_s",
        "_kd",
        "_kp",
        "_kw",
        "_last_s",
        "_law",
        "_longest_s",
        "_period_s",
        "_pv_lag",
        "_pv_rate",
        "_ramp_from_pv",
        "_shaped",
        "_taking_over",
        "_tolerance_s",
        "config",
        "error",
        "ff_held",
        "kc",
        "mode",
        "out",
        "out_high",
        "out_low",
        "pv",
        "sp",
        "sp_held",
        "sp_high",
        "sp_low",
        "sp_target",
        "status",
        "td_s",
        "ti_s",
    )

    def __init__(self, config: PidConfig) -> None:
        self.config = config
        self.mode = LoopMode.MAN
        self.status = LoopStatus.MANUAL
        self.out_low, self.out_high = config.out_low, config.out_high
        self.sp_low, self.sp_high = config.sp_low, config.sp_high
        self.sp = self.sp_target = config.sp
        self.out = config.start_out
        self.pv = config.sp
        self.error = 0.0
        self.ff_held = self.sp_held = False
        self._acting = 1.0 if config.direction is Direction.REVERSE else -1.0
        self._deadband = config.deadband
        self._filter_s = config.pv_filter_s
        self._period_s = config.period_s
        # The first scan may have come late, and those after it in time.
        self._tolerance_s = min(0.02, 0.2 * config.period_s)
        self._longest_s = 2.0 * config.period_s or 1.0
        self._law: Law = LAWS[config.algorithm]()
        self._due_s = self._grid_s = -math.inf
        self._last_s = 0.0
        self._failed_at_s = _NAN
        self._ff = self._demand = self._shaped = 0.0
        self._pv_lag = self._pv_rate = 0.0
        self._fresh = self._taking_over = self._ramp_from_pv = True
        self._set_gains(config.kc, config.ti_s, config.td_s)

    def scan(
        self,
        now_s: float,
        pv: float,
        pv_quality: int,
        *,
        ff: float = 0.0,
        remote_sp: float = _NAN,
        track: float | None = None,
        limited: Limited = Limited.NONE,
    ) -> float:
        """The output for this scan; between two periods the last one.

        now_s: plant time, never running backwards. ff: added to the output, output unit.
        remote_sp: set point in CAS. track: the value in force downstream, while this loop does not
        decide it (a loop is frozen by giving it its own `out`). limited: the receiver is at a
        limit, the output may only move away from it. A bad PV never reaches the law.
        """
        if now_s < self._due_s and track is None and pv_quality < FIRST_BAD:
            return self.out
        if now_s >= self._grid_s:
            self._advance(now_s)
        self._due_s = self._grid_s
        usable = pv_quality < FIRST_BAD and -LARGEST < pv < LARGEST
        dt_s = self._measure(now_s, pv) if usable else 0.0
        self._fresh = not usable
        if track is not None:
            return self._follow(track)
        if self.mode is _MAN:
            self._failed_at_s = _NAN
            self._release(_MANUAL)
            return self.out
        if not usable:
            return self._fall_back(now_s)
        return self._control(dt_s, ff, remote_sp, limited)

    def set_mode(self, mode: LoopMode) -> None:
        """Change the mode; the output does not move by it."""
        if mode not in self.config.modes:
            allowed = ", ".join(m.name for m in self.config.modes)
            raise self._refused("mode_not_allowed", f"mode {mode.name} is not one of {allowed}")
        if mode is self.mode:
            return
        if self.mode is _MAN:
            self._ramp_from_pv = True
        self.mode = mode
        self._taking_over = True
        self._due_s = -math.inf
        self.sp_held = False

    def set_sp(self, value: float) -> None:
        """Change the set point (PV unit); refused in CAS, where another loop owns it."""
        if self.mode is _CAS:
            raise self._refused("wrong_mode", "set point belongs to the cascade while in CAS")
        self._check("set point", value, self.sp_low, self.sp_high, self.config.pv_unit)
        self.sp_target = value

    def set_out(self, value: float) -> None:
        """Change the output by hand (output unit); refused unless in MAN."""
        if self.mode is not _MAN:
            raise self._refused(
                "wrong_mode", f"output belongs to the loop while in {self.mode.name}"
            )
        self._check("output", value, self.out_low, self.out_high, self.config.out_unit)
        self.out = value

    def tune(self, kc: float, ti_s: float, td_s: float) -> None:
        """Change the gains; the output does not move by it. Cheap enough for every scan."""
        if kc == self.kc and ti_s == self.ti_s and td_s == self.td_s:
            return
        unit = f"{self.config.out_unit or '1'} per {self.config.pv_unit or '1'}"
        self._check("kc", kc, 1e-12, 1e9, unit)
        self._check("ti_s", ti_s, 0.0 if ti_s == 0.0 else SHORTEST_TI_S, LONGEST_TI_S, "s")
        self._check("td_s", td_s, 0.0, 1e6, "s")
        self._set_gains(kc, ti_s, td_s)
        if not self._taking_over:
            self._law.seat(self._demand - self._kp * self._shaped - self._rest())

    def limit_out(self, low: float, high: float) -> None:
        """Narrow or widen the output limits within those of the config; they act at once."""
        config = self.config
        if not config.out_low <= low <= high <= config.out_high:
            self._check("output limit", low, config.out_low, config.out_high, "")
            self._check("output limit", high, low, config.out_high, config.out_unit)
        self.out_low, self.out_high = low, high
        self.out = min(max(self.out, low), high)

    def limit_sp(self, low: float, high: float) -> None:
        """Narrow or widen the set point limits within those of the config."""
        self._check("set point limit", low, self.config.sp_low, self.config.sp_high, "")
        self._check("set point limit", high, low, self.config.sp_high, self.config.pv_unit)
        self.sp_low, self.sp_high = low, high
        self.sp_target = min(max(self.sp_target, low), high)

    def initialise(self, out: float) -> None:
        """Start from what the plant holds (output unit, taken into the limits); no bump follows."""
        self._check("read-back", out, -LARGEST, LARGEST, self.config.out_unit)
        self.out = min(max(out, self.out_low), self.out_high)
        self.rebalance()

    def rebalance(self) -> None:
        """Make the next scan keep the output, whatever has changed about the PV meanwhile."""
        self._taking_over = True
        self._due_s = -math.inf

    @property
    def saturated(self) -> bool:
        """True while the output cannot follow the law any further."""
        return self.status is _LIMITED_LOW or self.status is _LIMITED_HIGH

    @property
    def in_control(self) -> bool:
        """True while the loop itself decides its output."""
        status = self.status
        return status is _OK or status is _LIMITED_LOW or status is _LIMITED_HIGH

    @property
    def cascade_track(self) -> float | None:
        """What the loop above must pass as `track`: None while this loop follows it."""
        return None if self.mode is _CAS and self.in_control else self.sp_target

    @property
    def cascade_limited(self) -> Limited:
        """What the loop above must pass as `limited`: where this loop cannot follow."""
        reverse = self._acting > 0.0
        if self.sp_target >= self.sp_high:
            return _STUCK_HIGH
        if self.sp_target <= self.sp_low:
            return _STUCK_LOW
        if self.status is _LIMITED_HIGH:
            return _STUCK_HIGH if reverse else _STUCK_LOW
        if self.status is _LIMITED_LOW:
            return _STUCK_LOW if reverse else _STUCK_HIGH
        return _FREE

    def _set_gains(self, kc: float, ti_s: float, td_s: float) -> None:
        self.kc, self.ti_s, self.td_s = kc, ti_s, td_s
        whole = self.config.terms is Terms.PID
        self._kp = kc if whole else 0.0
        self._kd = kc * td_s if whole else 0.0
        self._kw = self._kp * (1.0 - self.config.sp_weight)
        self._derivative_s = td_s / self.config.derivative_n
        self._law.tune(self._kp, kc / ti_s if ti_s > 0.0 else 0.0)

    def _advance(self, now_s: float) -> None:
        """Next deadline on the grid that began with the first scan; missed ones are skipped."""
        period_s = self._period_s
        if period_s == 0.0:
            self._grid_s = now_s
        elif self._grid_s == -math.inf:
            self._grid_s = now_s + period_s - self._tolerance_s
        else:
            self._grid_s += period_s * (1 + int((now_s - self._grid_s) / period_s))

    def _measure(self, now_s: float, pv: float) -> float:
        """Filter the PV and its rate; returns the seconds this step stands for."""
        dt_s = min(now_s - self._last_s, self._longest_s)  # a pause is not integrated afterwards
        self._last_s = now_s
        if self._fresh:
            self.pv = self._pv_lag = pv
            self._pv_rate = 0.0
        elif dt_s > 0.0:
            if self._filter_s > 0.0:
                pv = self.pv + (pv - self.pv) * dt_s / (self._filter_s + dt_s)
            self.pv = pv
            self._pv_rate = (pv - self._pv_lag) / (self._derivative_s + dt_s)
            self._pv_lag += self._pv_rate * dt_s
        self.error = self.sp - self.pv
        return dt_s

    def _control(self, dt_s: float, ff: float, remote_sp: float, limited: Limited) -> float:
        if not math.isnan(self._failed_at_s) and self._stays_manual():
            return self.out
        self.ff_held = not -LARGEST < ff < LARGEST
        if not self.ff_held:
            self._ff = ff
        self._move_sp(dt_s, remote_sp)
        self.error = self.sp - self.pv
        shaped = self._acting * self.error
        if self._deadband > 0.0:
            inside = min(max(shaped, -self._deadband), self._deadband)
            shaped -= inside
        self._shaped = shaped
        rest = self._rest()
        if self._taking_over:
            self._taking_over = False
            self._demand = self.out
            self._law.seat(self.out - self._kp * shaped - rest)
            self._judge(limited)
        elif dt_s > 0.0:
            self._step(dt_s, shaped, rest, limited)
        return self.out

    def _step(self, dt_s: float, shaped: float, rest: float, limited: Limited) -> None:
        out = self.out
        low, high = self.out_low, self.out_high
        if limited is not _FREE:
            if limited is _STUCK_HIGH:
                high = out
            else:
                low = out
        reach = self.config.out_rate * dt_s
        low, high = max(low, out - reach), min(high, out + reach)
        demand = self._law.step(shaped, dt_s, rest, low, high)
        self._demand = demand
        self.out = high if demand > high else low if demand < low else demand
        self._judge(limited)

    def _rest(self) -> float:
        """What is added to P and I: feed-forward, derivative, and what sp_weight takes away."""
        return self._ff - self._acting * (self._kd * self._pv_rate + self._kw * self.sp)

    def _judge(self, limited: Limited) -> None:
        if self.out >= self.out_high or limited is _STUCK_HIGH:
            self.status = _LIMITED_HIGH
        elif self.out <= self.out_low or limited is _STUCK_LOW:
            self.status = _LIMITED_LOW
        else:
            self.status = _OK

    def _move_sp(self, dt_s: float, remote_sp: float) -> None:
        if self.mode is _CAS:
            self.sp_held = not -LARGEST < remote_sp < LARGEST
            if not self.sp_held:
                self.sp_target = min(max(remote_sp, self.sp_low), self.sp_high)
        target, rate = self.sp_target, self.config.sp_rate
        if rate == math.inf:
            self.sp = target
            return
        if self._ramp_from_pv:
            self._ramp_from_pv = False
            self.sp = min(max(self.pv, self.sp_low), self.sp_high)
            return
        reach = rate * max(dt_s, 0.0)
        self.sp = min(max(target, self.sp - reach), self.sp + reach)

    def _release(self, status: LoopStatus) -> None:
        """Somebody else decides the output now."""
        self.status = status
        self._taking_over = True

    def _follow(self, track: float) -> float:
        if -LARGEST < track < LARGEST:
            self.out = min(max(track, self.out_low), self.out_high)
        self._failed_at_s = _NAN
        self._release(LoopStatus.TRACKING)
        return self.out

    def _fall_back(self, now_s: float) -> float:
        if math.isnan(self._failed_at_s):
            self._failed_at_s = self._last_s = now_s
        self._release(LoopStatus.FALLBACK)
        self._ramp_from_pv = True
        config = self.config
        dt_s = min(now_s - self._last_s, self._longest_s)
        self._last_s = now_s
        if now_s - self._failed_at_s < config.fallback_delay_s:
            return self.out
        if config.fallback is Fallback.SAFE_VALUE:
            reach = config.out_rate * dt_s if config.out_rate < math.inf else math.inf
            target = min(max(config.start_out, self.out - reach), self.out + reach)
            self.out = min(max(target, self.out_low), self.out_high)
        elif config.fallback is Fallback.MANUAL:
            self.mode = _MAN
        return self.out

    def _stays_manual(self) -> bool:
        """The PV is good again: True when the operator has to take over."""
        self._failed_at_s = _NAN
        if self.config.resume is Resume.AUTOMATIC:
            return False
        self.mode = _MAN
        self.status = _MANUAL
        return True

    def _check(self, what: str, value: float, low: float, high: float, unit: str) -> None:
        if low <= value <= high:
            return
        code = "out_of_range" if math.isfinite(value) else "not_a_number"
        allowed = f"{low:g} .. {high:g} {unit}".rstrip()
        raise self._refused(code, f"{what} {value:g} is not within {allowed}")

    def _refused(self, code: str, reason: str) -> Refused:
        return Refused(code, (f"{self.config.name}: {reason}",))
