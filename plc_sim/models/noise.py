"""Standard normal noise drawn in blocks, so that no array code runs inside a model's step."""

from collections.abc import Iterator
from itertools import repeat

import numpy as np

_BLOCK = 4096


class Noise:
    """A stream of standard normal numbers from one seeded generator."""

    __slots__ = ("_next", "_rng")

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._next = self._stream().__next__

    def _stream(self) -> Iterator[float]:
        for size in repeat(_BLOCK):
            yield from self._rng.standard_normal(size).tolist()

    def draw(self) -> float:
        """The next number."""
        return self._next()
