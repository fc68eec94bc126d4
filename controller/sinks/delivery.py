"""Delivery of one batch, piece by piece: the line that a server refuses is found and set aside."""

from collections import deque
from collections.abc import Sequence

from controller.sinks.answers import Answer
from controller.sinks.batch import Batch, Delivered
from controller.sinks.ledger import Refused

MAX_POSTS = 512  # refusals of one batch; then what is refused is set aside in larger pieces
SUSPICIOUS = 31  # refusals without one line taken: the batch was halved four times
PROBES = 16  # single lines posted then, before it is said that everything is refused
TOO_OLD = "retention"  # word of servers for points that they would delete at once


class Delivery:
    """Pieces of a batch that have no answer yet; the first one is posted next.

    A refused piece is halved and both halves go to the end, so that the same small number of posts
    finds a line wherever it is, and one good line anywhere is found early.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._attempts = 0
        self.begin_again()

    def begin_again(self) -> None:
        """Forget all answers."""
        self._pieces = deque([range(len(self._batch.lines))])
        self._refusals = self._taken = 0
        self._refused: list[Refused] = []
        self._probes: int | None = None  # left; None before they are needed
        self._attempts += 1

    @property
    def done(self) -> bool:
        """Whether every line has had its answer."""
        return not self._pieces

    def piece(self) -> Sequence[str]:
        """The lines to be posted next."""
        lines = self._pieces[0]
        return self._batch.lines[lines.start : lines.stop]

    def stored(self) -> None:
        """The server took the piece."""
        self._taken += len(self._pieces.popleft())

    def too_large(self, answer: Answer) -> None:
        """The piece is too large for the server: in halves."""
        if len(self._pieces[0]) == 1:
            self._set_aside(answer)
        else:
            self._halve()

    def refused(self, answer: Answer) -> bool:
        """Something in the piece is wrong. False: everything is refused, the lines are not it."""
        self._refusals += 1
        single = len(self._pieces[0]) == 1
        suspicious = self._refusals >= SUSPICIOUS and not self._taken
        too_old = suspicious and TOO_OLD in answer.reason.lower()
        if single or too_old or self._refusals > MAX_POSTS:
            self._set_aside(answer)
        else:
            self._halve()
        if suspicious and not too_old and self._probes is None:
            self._probe()
        elif self._probes:
            self._probes -= 1
            return bool(self._probes or self._taken or self.done)
        return True

    def result(self) -> Delivered:
        """What became of the batch."""
        return Delivered(self._batch, self._taken, tuple(self._refused))

    def _halve(self) -> None:
        lines = self._pieces.popleft()
        middle = (lines.start + lines.stop) // 2
        self._pieces += (range(lines.start, middle), range(middle, lines.stop))

    def _probe(self) -> None:
        """Put single lines in front, from all over the batch; others at every attempt."""
        probed: list[range] = []
        for lines in list(self._pieces)[:PROBES]:
            self._pieces.remove(lines)
            at = lines[self._attempts % len(lines)]
            rest = range(lines.start, at), range(at + 1, lines.stop)
            self._pieces += (piece for piece in rest if piece)
            probed.append(range(at, at + 1))
        self._pieces.extendleft(probed)
        self._probes = len(probed)

    def _set_aside(self, answer: Answer) -> None:
        lines = tuple(self.piece())
        self._pieces.popleft()
        self._refused.append(Refused(self._batch.origin, lines, str(answer)))
