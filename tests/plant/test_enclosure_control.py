"""What feedback can reach on the frost point: a plain PI with feed-forward over eight hours."""

from dataclasses import dataclass, field
from functools import cache

import pytest

from plc_sim.logic.pass_box import BoxState
from plc_sim.models.surroundings import Scenario
from plc_sim.plc import Mode
from tests.support.enclosure_rig import Rig

HOUR = 3600.0
SET_POINT = -65.0


@dataclass
class FrostPointLoop:
    """Frost point on fan, fan on regeneration temperature; scripts leak and grey-room upset."""

    closed: bool = True
    feed_forward: bool = True
    fan: float = 60.0
    t_reg: float = 140.0
    errors_k: list[float] = field(default_factory=list)
    seconds: int = 0
    _error: float | None = None
    _pv: float = SET_POINT
    _box_s: float = -1e9
    _box: float = 0.0

    def __call__(self, rig: Rig) -> None:
        self.seconds += 1
        now = rig.now_s
        rig.fault("door_seal_leak", 2.0 if 4 * HOUR < now < 6 * HOUR else 0.0)
        rig.around.grey_forced_degc = -12.0 if 2.5 * HOUR < now < 3.5 * HOUR else -20.0
        state = rig.tag("ENC.PB.STATE")
        if state == BoxState.INNER_OPEN and self._box != state:
            self._box_s = now
        self._box = state
        if self.closed and self.seconds % 5 == 0:
            self._act(rig, now)
        if now > 1.5 * HOUR:
            self.errors_k.append(rig.frost_point - SET_POINT)

    def _act(self, rig: Rig, now: float) -> None:
        self._pv += 0.5 * (rig.tag("ENC.DP.ZONE") - self._pv)
        error = self._pv - SET_POINT
        if self._error is not None:
            change = 20.0 * (error - self._error + 5.0 / 90.0 * error)
            self.fan = min(100.0, max(40.0, self.fan + change))
        self._error = error
        ahead = 0.0
        if self.feed_forward:
            gloves = any(rig.tag(f"ENC.GLOVE.{k:02d}") for k in range(1, 25))
            ahead = 8.0 * gloves + 10.0 * (now - self._box_s < 60.0)
        fan = min(100.0, max(40.0, self.fan + ahead))
        if self.seconds % 60 == 0:
            self.t_reg = min(170.0, max(100.0, self.t_reg + 0.05 * (fan - 55.0)))
        rig.set({"DHU.FAN.SP": fan, "DHU.TREG.SP": self.t_reg})


@cache
def controlled(seed: int) -> tuple[FrostPointLoop, Rig]:
    """The shift with feedback and feed-forward; shared, to be read only."""
    loop = FrostPointLoop()
    return loop, eight_hours(seed, loop)


def eight_hours(seed: int, loop: FrostPointLoop) -> Rig:
    rig = Rig(seed=seed, scenario=Scenario(), soaked=False, start_frost_point_degc=-50.0)
    rig.start(
        {
            "DHU.FAN.SP": loop.fan,
            "DHU.TREG.SP": loop.t_reg,
            "DHU.FREG.SP": 60.0,
            "ENC.PB.SP": -35.0,
        }
    )
    rig.outer = loop
    rig.run(8 * HOUR)
    assert rig.mode is Mode.RUN
    assert rig.trip == "none"
    return rig


def within_1_k(loop: FrostPointLoop) -> float:
    return sum(abs(e) <= 1.0 for e in loop.errors_k) / len(loop.errors_k)


@pytest.mark.parametrize("seed", [1, 2])
def test_feedback_with_feed_forward_holds_the_frost_point_within_one_kelvin(seed):
    loop, rig = controlled(seed)
    assert within_1_k(loop) > 0.98
    assert max(loop.errors_k) < 3.0
    assert rig.model.truth()["saving_pct"] > 50.0
    assert abs(rig.model.water_residual()) < 1e-9


def test_without_control_the_frost_point_wanders():
    loop = FrostPointLoop(closed=False, fan=54.0)
    eight_hours(1, loop)
    assert 0.3 < within_1_k(loop) < 0.75
    assert max(loop.errors_k) > 3.0


def test_feed_forward_helps():
    without = FrostPointLoop(feed_forward=False)
    eight_hours(1, without)
    assert within_1_k(controlled(1)[0]) > within_1_k(without)
