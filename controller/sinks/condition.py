"""The condition of a sink: that of its lanes together, and which changes people are told."""

import logging
import threading
from enum import IntEnum

from controller.core.errors import StoreError
from controller.core.ports import Clock
from controller.sinks.ledger import Ledger

log = logging.getLogger("dryline.sinks")
TOLD_AFTER_S = 5.0  # a server that does not answer for a moment is no news


class State(IntEnum):
    """What a sink does. The worst of its lanes counts."""

    OFF = 0  # its process does not run
    SENDING = 1  # everything up to now is sent, or on its way
    BACKFILL = 2  # beside that, what an outage left behind
    WAITING = 3  # the server does not answer or asks to wait: tried again for ever
    DISK = 4  # the local disk refuses
    STOPPED = 5  # the server refuses everything: its configuration is to be changed


BROKEN = (State.WAITING, State.DISK, State.STOPPED)


class Condition:
    """Shared by the lanes of a sink."""

    def __init__(self, name: str, ledger: Ledger, clock: Clock) -> None:
        self._name, self._ledger, self._clock = name, ledger, clock
        self._turn = threading.Condition()
        self._recoveries = 0
        self._lanes: dict[str, tuple[State, str]] = {}
        self._broken_since_s: float | None = None
        self._told = State.SENDING

    def now(self) -> tuple[State, str]:
        """State and reason."""
        with self._turn:
            return self._worst()

    def report(self, lane: str, state: State, reason: str = "") -> None:
        """A lane tells how it is."""
        with self._turn:
            before, _ = self._lanes.get(lane, (State.SENDING, ""))
            self._lanes[lane] = state, reason
            if before in BROKEN and state not in BROKEN:
                self._recoveries += 1
                self._turn.notify_all()
            state, reason = self._worst()
            now_s = self._clock.link_s()
            if state not in BROKEN:
                self._mended(now_s)
            else:
                self._broken(state, reason, now_s)

    def rest(self, seconds: float, asked_s: float, until: threading.Event) -> None:
        """Rest between two steps of a lane; less when another lane finds its server again.

        But not less than the server asked for, and no longer than until the event, after which
        somebody calls `wake`.
        """
        with self._turn:
            seen = self._recoveries
            self._turn.wait_for(until.is_set, asked_s)
            self._turn.wait_for(
                lambda: until.is_set() or self._recoveries != seen, max(0.0, seconds - asked_s)
            )

    def wake(self) -> None:
        """Nobody rests any longer for whom the event of `rest` is set."""
        with self._turn:
            self._turn.notify_all()

    def _worst(self) -> tuple[State, str]:
        return max(self._lanes.values(), default=(State.SENDING, ""))

    def _broken(self, state: State, reason: str, now_s: float) -> None:
        if self._broken_since_s is None:
            self._broken_since_s = now_s
        patient = state is State.WAITING and now_s - self._broken_since_s < TOLD_AFTER_S
        if patient or state <= self._told:
            return
        text = {
            State.WAITING: "does not take data, which waits on disk",
            State.DISK: "cannot note on disk what it sent, and waits",
            State.STOPPED: "has stopped: its configuration is to be changed",
        }[state]
        if self._tell(f"sink {self._name} {text}: {reason}", reason=reason):
            self._told = state

    def _mended(self, now_s: float) -> None:
        since_s, self._broken_since_s = self._broken_since_s, None
        if self._told not in BROKEN or since_s is None:
            return
        away_s = round(now_s - since_s, 1)
        if self._tell(f"sink {self._name} takes data again after {away_s:g} s", away_s=away_s):
            self._told = State.SENDING
        else:
            self._broken_since_s = since_s

    def _tell(self, text: str, **facts: object) -> bool:
        try:
            with self._ledger.step(self._clock.utc_ns()) as step:
                step.tell(text, **facts)
        except StoreError as error:
            log.warning("%s (not noted: %s)", text, error)
            return False
        log.info("%s", text)
        return True
