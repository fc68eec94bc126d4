"""Rounding to the step in which a tag is meaningful."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from controller.core.tag import Tag
from controller.history.codec import EXACT_INTEGER, Floats, ValueCodec, scale_of


class Rounding:
    """Rounds the values of a line's tags to their resolutions; resolution 0 leaves them alone.

    The result is the double that the chunk codec restores, so rounded values compress well.
    """

    def __init__(self, tags: Sequence[Tag]) -> None:
        self._divisor = np.zeros(len(tags))  # 0: not rounded
        self._step = np.ones(len(tags))
        for k, tag in enumerate(tags):
            choice = scale_of(tag.resolution)
            if choice is None:
                continue
            divides = choice[0] is ValueCodec.DIVIDED
            self._divisor[k], self._step[k] = (choice[1], 1.0) if divides else (1.0, choice[1])

    def apply(self, tags: NDArray[np.int32], values: Floats) -> Floats:
        """Rounded values; what is not finite or too large to round stays as it is."""
        divisor, step = self._divisor[tags], self._step[tags]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            steps = np.rint(values * divisor / step) + 0.0  # no negative zero
            rounded = steps * step / divisor
            return np.where((divisor > 0) & (np.abs(steps) < EXACT_INTEGER), rounded, values)
