"""The processes that `dryline up` starts: watched, some of them started again, ended together."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

STOP_S = 5.0
PERIOD_S = 0.2
FIRST_BACK_OFF_S = 1.0
LAST_BACK_OFF_S = 30.0
PATIENT_S = 20.0  # what another waits for may never come
HEALTHY_S = 30.0  # a process that lived this long starts from the first back-off again


@dataclass
class Child:
    """One process.

    again: when it ends it is started again, else its end is the end of all. after: it is started
    first when this is so, or after PATIENT_S all the same; None: with the others.
    """

    name: str
    command: Sequence[str]
    again: bool = False
    after: Callable[[], bool] | None = None
    back_off_s: float = FIRST_BACK_OFF_S
    begun_s: float = 0.0
    due_s: float | None = None  # when it is to be started again
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it, now."""
        self.begun_s, self.due_s = time.monotonic(), None
        self.process = subprocess.Popen(self.command)  # noqa: S603 - our own modules

    @property
    def code(self) -> int | None:
        """Exit code of the last process; None while it runs."""
        return self.process.poll() if self.process is not None else None

    def wait_a_while(self) -> float:
        """Seconds until the next start; longer each time it dies young."""
        now_s = time.monotonic()
        if now_s - self.begun_s >= HEALTHY_S:
            self.back_off_s = FIRST_BACK_OFF_S
        wait_s, self.back_off_s = self.back_off_s, min(LAST_BACK_OFF_S, 2.0 * self.back_off_s)
        self.due_s = now_s + wait_s
        return wait_s


class Children:
    """All of them. say: takes a sentence for the person at the terminal."""

    def __init__(self, children: Sequence[Child], say: Callable[[str], None]) -> None:
        self._children, self._say = tuple(children), say
        self._begun_s = 0.0
        self.ending = False

    def order_to_end(self, *_: object) -> None:
        """Takes a signal: no step is done any more. It raises nothing: an exception in the middle
        of `Popen.poll` leaves its lock taken, and nobody could wait for that process again."""
        self.ending = True

    def start(self) -> None:
        """Start every one that waits for nothing."""
        self._begun_s = time.monotonic()
        for child in self._children:
            if child.after is None:
                child.start()

    def step(self) -> bool:
        """Start what has waited for another, and again what has ended and may; False when one has
        ended that may not, or all are to end."""
        if self.ending:
            return False
        for child in self._children:
            if child.process is None:
                if child.after is None or child.after() or self._waited_enough():
                    child.start()
            elif child.due_s is not None:
                if time.monotonic() >= child.due_s:
                    child.start()
            elif child.code is not None:
                if not child.again:
                    return False
                how = f"code {child.code}" if child.code >= 0 else f"signal {-child.code}"
                wait_s = child.wait_a_while()
                self._say(f"{child.name} has ended ({how}); it is started again in {wait_s:g} s")
        return True

    def watch_until(self, done: Callable[[], bool]) -> bool:
        """Whether it came to be so before a process ended that is not started again, within
        PATIENT_S."""
        while not done():
            if self._waited_enough() or not self.step():
                return False
            time.sleep(PERIOD_S)
        return True

    def _waited_enough(self) -> bool:
        return time.monotonic() - self._begun_s >= PATIENT_S

    def watch(self) -> None:
        """Return when a process has ended that is not started again, or all are to end."""
        while self.step():
            time.sleep(PERIOD_S)

    def end(self) -> bool:
        """End all in order, last first; False when one had failed or did not end in order."""
        failed = any(child.code for child in self._children if not child.again)
        alive = [c.process for c in reversed(self._children) if c.process and c.code is None]
        for process in alive:
            process.send_signal(signal.SIGTERM)
        for process in alive:
            _wait(process)
        # A child that was told to end before it could listen dies of the signal: code below 0.
        return not failed and all(process.returncode <= 0 for process in alive)


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
