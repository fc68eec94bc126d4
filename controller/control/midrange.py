"""Mid-ranging (valve position control): a slow actuator brings a fast one back to mid-range."""

from dataclasses import replace

from controller.control.pid import Pid
from controller.control.pid_config import LoopMode, PidConfig, Terms
from controller.core.errors import ConfigError, Problem
from controller.core.sample import GOOD

_MAN = LoopMode.MAN  # asked for at every scan


class MidRange:
    """The slow partner of a fast loop: its PV is the output of the fast loop.

    Integral-only, so it adds no kick of its own. It moves while the fast loop is in control, its
    limits included: a fast actuator at its end is what the slow one is there for. While the fast
    loop is in manual, tracking or fallback its output means nothing, and the slow one holds.
    Given a ready Pid it works on that one, which must be integral-only.
    Mode, set point (target for the fast output), limits and gain stay with `pid`.
    """

    __slots__ = ("pid",)

    def __init__(self, loop: PidConfig | Pid) -> None:
        if not isinstance(loop, Pid):
            loop = Pid(replace(loop, terms=Terms.INTEGRAL_ONLY))
        elif loop.config.terms is not Terms.INTEGRAL_ONLY:
            raise ConfigError(
                [
                    Problem(
                        file=f"loop {loop.config.name}",
                        line=None,
                        field="terms",
                        value=loop.config.terms.value,
                        message="a mid-ranging loop must be integral_only",
                    )
                ]
            )
        self.pid = loop

    def scan(self, now_s: float, fast: Pid, *, track: float | None = None) -> float:
        """Output of the slow actuator. track: as in Pid.scan."""
        pid = self.pid
        if track is None and pid.mode is not _MAN and not fast.in_control:
            track = pid.out
        return pid.scan(now_s, fast.out, GOOD, track=track)
