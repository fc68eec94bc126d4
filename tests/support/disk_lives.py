"""Short lives of the stores on a disk that fails, each with the promises it gave.

Started with the library of disk_faults.c, as `python -m tests.support.disk_lives FOLDER`, this is a
program that plays lives: one JSON `Case` a line on standard input, one JSON `Outcome` a line on
standard output. Every life has a process of its own, forked from this one, so that its death shows;
what it leaves is looked at by this one, on a disk that does not fail any more.
"""

import json
import logging
import os
import shutil
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from controller.core.errors import StoreError
from tests.support.disk_faults import FOR_GOOD, Faults
from tests.support.history_life import HistoryLife
from tests.support.ledger_life import LedgerLife
from tests.support.stations_life import StationsLife

Life = HistoryLife | StationsLife | LedgerLife
LIVES: Mapping[str, type[Life]] = {
    "history": HistoryLife,
    "stations": StationsLife,
    "ledger": LedgerLife,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Which life, and which of its calls (or syncs) fail: `n` of them from number `k` on (0: none).

    log: record the calls there, leave what is there, and look at nothing.
    """

    life: str
    k: int = 0
    n: int = 1
    error: str = "EIO"
    halved: bool = False
    syncs: bool = False
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a case. calls: so many were counted; promised: steps acknowledged; wrong: what
    must not be, "" if nothing; said: errors by which the life was refused a beginning."""

    case: Case
    calls: int = 0
    struck: bool = False
    promised: int = 0
    wrong: str = ""
    said: str = ""


def play(case: Case, folder: Path, faults: Faults) -> Outcome:
    """One life in a process of its own, and a look at what it left."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 1
        try:
            with os.fdopen(writing, "w") as stream:
                json.dump(_live(case, folder, faults), stream)
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as stream:
        raw = stream.read()
    _, status = os.waitpid(child, 0)
    if status or not raw:
        return Outcome(case=case, wrong=f"died with status {status}")
    found = json.loads(raw)
    if not case.log:
        faults.disarm()
        found["wrong"] = found["wrong"] or _look(case, folder, found["promised"])
        shutil.rmtree(folder, ignore_errors=True)
    return Outcome(case=case, **found)


def _live(case: Case, folder: Path, faults: Faults) -> dict[str, object]:
    passing = case.n < FOR_GOOD
    if case.log:
        folder.mkdir()
        faults.concern(folder, case.log)
    if case.k:
        faults.arm(case.k, case.n, case.error, halved=case.halved, syncs=case.syncs)
    said = wrong = ""
    life = LIVES[case.life](folder, faults)
    try:
        for _ in range(2 + case.n if passing else 1):
            try:
                life.run(passing=passing)
                break
            except StoreError as error:  # refused a beginning; a passing fault lets it try again
                said = str(error)
        else:
            wrong = f"no beginning though the fault has passed: {said}" if passing else ""
        if passing and not wrong and life.promised < life.STEPS:
            wrong = f"did not go on by itself: {life.promised} of {life.STEPS}"
    except BaseException:  # noqa: BLE001 - whatever leaves a life is what the sweep looks for
        wrong = traceback.format_exc()
    struck, calls = faults.struck, faults.calls
    return {
        "calls": calls, "struck": struck, "promised": life.promised, "said": said, "wrong": wrong,
    }  # fmt: skip


def _look(case: Case, folder: Path, promised: int) -> str:
    try:
        LIVES[case.life](folder).check(promised)
    except BaseException:  # noqa: BLE001 - told as an outcome
        return traceback.format_exc()
    return ""


def main() -> None:
    """Play what is asked for, until there is no more."""
    logging.disable()  # of what fails there are figures
    root, faults = Path(sys.argv[1]), Faults()
    with suppress(BrokenPipeError):
        for number, line in enumerate(sys.stdin):
            case = Case(**json.loads(line))
            outcome = play(case, root / f"{case.life}-{number}", faults)
            print(json.dumps(asdict(outcome)), flush=True)


if __name__ == "__main__":
    main()
