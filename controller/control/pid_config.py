"""The settings of a loop and the words a loop speaks."""

import math
from dataclasses import dataclass
from enum import Enum, IntEnum

from controller.core.errors import ConfigError, Problem

LARGEST = 1e12  # whatever is not smaller is no measurement, gain or set point but a fault
SHORTEST_TI_S, LONGEST_TI_S = 1e-3, 1e9


class LoopMode(IntEnum):
    """Who decides the output (MAN) or the set point (AUTO the operator, CAS another loop)."""

    MAN = 0
    AUTO = 1
    CAS = 2


class LoopStatus(IntEnum):
    """What the loop did in its last scan."""

    OK = 0
    LIMITED_LOW = 1  # at its own lower output limit, or the loop below cannot go lower
    LIMITED_HIGH = 2
    FALLBACK = 3  # the PV is not usable
    TRACKING = 4  # follows the value in force downstream
    MANUAL = 5


class Direction(Enum):
    """Which way the output moves when the PV rises above the set point."""

    DIRECT = "direct"  # PV rises -> output rises: fan against frost point, cooling valve
    REVERSE = "reverse"  # PV rises -> output falls: heater, feeder


class Fallback(Enum):
    """What becomes of the output while the PV is bad."""

    HOLD = "hold"
    SAFE_VALUE = "safe_value"  # go there no faster than out_rate
    MANUAL = "manual"  # hold and hand over to the operator


class Resume(Enum):
    """What happens when a bad PV is good again."""

    AUTOMATIC = "automatic"  # control again, without a bump
    MANUAL = "manual"  # wait for the operator


class Terms(Enum):
    """Which parts of the law act."""

    PID = "pid"
    INTEGRAL_ONLY = "integral_only"  # rate of the output = kc / ti_s * error


class Algorithm(Enum):
    """How the integral is kept from winding up."""

    SIMPLE_PID = "simple_pid"  # conditional integration around simple-pid
    BACK_CALCULATION = "back_calculation"  # the excess is led back within ti_s (Astrom & Hagglund)


class Limited(IntEnum):
    """What the receiver of an output says: it cannot follow any lower, or any higher."""

    NONE = 0
    LOW = 1
    HIGH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PidConfig:
    """Settings of one loop, checked when built (ConfigError with every mistake at once).

    kc: output unit per PV unit, always positive, `direction` carries the sign. ti_s = 0: no
    integral action. derivative_n: the derivative is filtered with td_s / n. period_s = 0: every
    scan. out_rate, sp_rate: units per second. deadband: PV units either side of the set point
    within which the error counts as zero. sp: set point at start. safe_value: also the output
    before `initialise`. fallback_delay_s: so long the output is held before the fallback acts.
    """

    name: str
    kc: float
    ti_s: float
    direction: Direction
    out_low: float
    out_high: float
    sp_low: float
    sp_high: float
    sp: float
    td_s: float = 0.0
    period_s: float = 1.0
    out_rate: float = math.inf
    sp_rate: float = math.inf
    deadband: float = 0.0
    pv_filter_s: float = 0.0
    derivative_n: float = 8.0
    sp_weight: float = 1.0
    fallback: Fallback = Fallback.HOLD
    fallback_delay_s: float = 0.0
    safe_value: float | None = None  # None: out_low
    resume: Resume = Resume.AUTOMATIC
    terms: Terms = Terms.PID
    algorithm: Algorithm = Algorithm.SIMPLE_PID
    modes: tuple[LoopMode, ...] = (LoopMode.MAN, LoopMode.AUTO, LoopMode.CAS)
    pv_unit: str = ""
    out_unit: str = ""

    def __post_init__(self) -> None:
        problems = [
            self._problem(field, value, low, high)
            for field, value, low, high in self._ranges()
            if not low <= value <= high
        ]
        if LoopMode.MAN not in self.modes:
            problems.append(
                Problem(
                    file=f"loop {self.name}",
                    line=None,
                    field="modes",
                    value=", ".join(m.name for m in self.modes),
                    message="MAN must be among them",
                )
            )
        if problems:
            raise ConfigError(problems)

    @property
    def start_out(self) -> float:
        """The safe value, or the lower output limit when none is given."""
        return self.out_low if self.safe_value is None else self.safe_value

    def _ranges(self) -> tuple[tuple[str, float, float, float], ...]:
        lowest, smallest = -LARGEST, 1e-12
        return (
            ("kc", self.kc, smallest, 1e9),
            ("ti_s", self.ti_s, 0.0 if self.ti_s == 0.0 else SHORTEST_TI_S, LONGEST_TI_S),
            ("td_s", self.td_s, 0.0, 1e6),
            ("period_s", self.period_s, 0.0, 86_400.0),
            ("out_low", self.out_low, lowest, LARGEST),
            ("out_high", self.out_high, self.out_low, LARGEST),
            ("sp_low", self.sp_low, lowest, LARGEST),
            ("sp_high", self.sp_high, self.sp_low, LARGEST),
            ("sp", self.sp, self.sp_low, self.sp_high),
            ("out_rate", self.out_rate, smallest, math.inf),
            ("sp_rate", self.sp_rate, smallest, math.inf),
            ("deadband", self.deadband, 0.0, LARGEST),
            ("pv_filter_s", self.pv_filter_s, 0.0, 1e6),
            ("derivative_n", self.derivative_n, 1.0, 100.0),
            ("sp_weight", self.sp_weight, 0.0, 1.0),
            ("fallback_delay_s", self.fallback_delay_s, 0.0, 86_400.0),
            ("safe_value", self.start_out, self.out_low, self.out_high),
        )

    def _problem(self, field: str, value: float, low: float, high: float) -> Problem:
        return Problem(
            file=f"loop {self.name}",
            line=None,
            field=field,
            value=f"{value:g}",
            message=f"must be within {low:g} .. {high:g}",
        )
