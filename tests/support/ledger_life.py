"""A life of a sink's ledger: rows taken over, gaps, refused lines, notes; and its promises."""

import sqlite3
from contextlib import closing
from pathlib import Path

from controller.core.errors import StoreError
from controller.sinks.ledger import Gap, Ledger, Refused
from controller.sinks.ledger_reader import position_and_totals, quarantine, untold
from tests.support.disk_faults import Faults

CHECKPOINT_PAGES = 40
TRIES = 100
SENT = 10  # samples a step
NOW_NS = 1_767_225_600 * 10**9


def _nobody(_: int) -> None:
    """Takes marks where nothing is recorded."""


class LedgerLife:
    """promised: steps that were acknowledged, each of which takes over one row."""

    STEPS = 45

    def __init__(self, folder: Path, faults: Faults | None = None) -> None:
        self.path = folder / "sinks" / "plant.db"
        self._faults = faults
        self._mark = faults.mark if faults else _nobody
        self.promised = 0

    def run(self, *, passing: bool) -> None:
        """Live once; StoreError when the disk does not even let it begin."""
        with closing(Ledger(self.path)) as ledger:
            ledger._connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            for step in range(1, self.STEPS + 1):
                for _ in range(TRIES if passing else 2):
                    try:
                        _take(ledger, step)
                    except StoreError:
                        continue
                    assert ledger.position.live == step
                    self.promised = step
                    self._mark(step)
                    break
                else:
                    return

    def check(self, promised: int) -> None:
        """Everything promised is there, whole and once; AssertionError says what is not."""
        if not self.path.exists() and not promised:
            return
        with closing(Ledger(self.path)) as ledger:
            assert ledger.damaged is None
        with closing(sqlite3.connect(self.path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        position, totals = position_and_totals(self.path)
        step = position.live
        assert promised <= step <= min(promised + 1, self.STEPS), f"lost: {step} of {promised}"
        assert totals.sent == SENT * step
        assert position.gaps == tuple(Gap(k, k) for k in range(1, step + 1) if k % 3 == 0)
        kept = quarantine(self.path)
        assert [e.body for e in kept] == [f"line {k}" for k in range(step, 0, -1)]
        assert [n.text for n in untold(self.path)] == [f"note {k}" for k in range(1, step + 1)]


def _take(ledger: Ledger, step: int) -> None:
    with ledger.step(NOW_NS + step) as change:
        change.live(step)
        change.count("sent", SENT)
        if step % 3 == 0:
            change.add_gap(Gap(step, step))
        change.refuse([Refused("journal", (f"line {step}",), "no")])
        change.tell(f"note {step}")
