"""Smith predictor: a loop that controls what the process does now instead of what the gauge sees.

O. J. M. Smith, "Closer control of loops with dead time", Chem. Eng. Prog. 53 (1957) 217.
"""

import math
from dataclasses import dataclass
from enum import Enum

from controller.control.deadtime import DeadTime
from controller.control.pid import Pid
from controller.control.pid_config import LARGEST, Limited
from controller.control.shaping import FirstOrder, MovingAverage
from controller.core.sample import FIRST_BAD


class Prediction(Enum):
    """Whether the loop sees the predicted or the measured value."""

    OFF = "off"
    ON = "on"


_ON = Prediction.ON  # asked for at every scan


@dataclass(frozen=True, slots=True, kw_only=True)
class SmithModel:
    """First order plus transport.

    gain: PV unit per output unit, signed. tau_s: time constant. distance_m: from the place of
    action to the gauge. gauge_s: dead time of the gauge itself, independent of speed. average_m:
    metres over which the PV given to `scan` is averaged, so that the model is averaged alike.
    """

    gain: float
    tau_s: float
    distance_m: float
    gauge_s: float = 0.0
    average_m: float = 0.0


class SmithLoop:
    """A Pid behind a Smith predictor. Modes, set point and tuning stay with `pid`.

    The PV handed to the loop is pv + (model without dead time) - (model with dead time). Switching
    the prediction does not move the output. The model follows the output in force in every mode, so
    it is right when the loop takes over.
    """

    __slots__ = (
        "_at_gauge",
        "_lag",
        "_last_s",
        "_mean",
        "_on_web",
        "corrected_pv",
        "model",
        "pid",
        "prediction",
    )

    def __init__(self, pid: Pid, model: SmithModel, prediction: Prediction = Prediction.ON) -> None:
        self.pid = pid
        self.model = model
        self.prediction = prediction
        start = model.gain * pid.out
        self._lag = FirstOrder(model.tau_s, start)
        self._on_web = DeadTime(start)
        self._at_gauge = DeadTime(start)
        self._mean = MovingAverage()
        self._last_s = 0.0
        self.corrected_pv = 0.0

    def scan(
        self,
        now_s: float,
        pv: float,
        pv_quality: int,
        position_m: float,
        *,
        ff: float = 0.0,
        remote_sp: float = math.nan,
        track: float | None = None,
        limited: Limited = Limited.NONE,
    ) -> float:
        """The output for this scan. position_m: metres of web passed at the place of action.

        The rest is as in Pid.scan. The feed-forward part of the output is not given to the model:
        it cancels a disturbance the model does not know, and both together leave the PV at rest.
        """
        pid = self.pid
        model = self.model
        drive = model.gain * (pid.out - (ff if -LARGEST < ff < LARGEST else 0.0))
        now_value = self._lag.step(drive, now_s - self._last_s)
        self._last_s = now_s
        late_value = self._on_web.push(position_m, now_value, model.distance_m)
        if model.gauge_s > 0.0:
            late_value = self._at_gauge.push(now_s, late_value, model.gauge_s)
        if model.average_m > 0.0:
            mean = self._mean.push(position_m, late_value, model.average_m)
            late_value = late_value if math.isnan(mean) else mean
        if self.prediction is _ON and pv_quality < FIRST_BAD:
            pv += now_value - late_value
        self.corrected_pv = pv
        return pid.scan(
            now_s, pv, pv_quality, ff=ff, remote_sp=remote_sp, track=track, limited=limited
        )

    def switch(self, prediction: Prediction) -> None:
        """Switch the prediction on or off without a bump."""
        if prediction is not self.prediction:
            self.prediction = prediction
            self.pid.rebalance()

    def settle(self) -> None:
        """Tell the model that the process has been at rest with the present output."""
        rest = self.model.gain * self.pid.out
        self._lag.reset(rest)
        self._on_web.reset(rest)
        self._at_gauge.reset(rest)
        self._mean.reset()
        self.pid.rebalance()
