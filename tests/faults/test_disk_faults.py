"""The local stores on a disk that fails at every possible call, and after power cuts.

History, station store and ledger live short lives (tests/support/*_life.py) with a library loaded
that fails their k-th call, or records all of them for a model of what a power cut leaves. Whatever
happens: what was acknowledged is there, whole and once, and nothing else.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path

import pytest

from tests.support.disk_faults import FOR_GOOD, Op, Recording, build, environment
from tests.support.disk_lives import LIVES, Case, Outcome
from tests.support.line_under_test import ROOT

NIGHTLY = bool(os.environ.get("DRYLINE_NIGHTLY"))
CALLS = 500
PROGRAMS = 2
PATTERNS = ((1, False), (6, True), (FOR_GOOD, False))  # once; six, the first in half; for good
CUTS = 200 if NIGHTLY else 20  # of each kind


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("library"))


def play(
    library: Path, folder: Path, cases: Sequence[Case], log: Path | None = None
) -> Iterator[Outcome]:
    """Outcomes of cases, in an order of their own."""
    shares = [cases[k::PROGRAMS] for k in range(PROGRAMS)]
    programs = []
    for k, share in enumerate(shares):
        root = folder / str(k)
        root.mkdir(parents=True, exist_ok=True)
        asked = folder / f"{k}.jsonl"
        asked.write_text("".join(json.dumps(asdict(case)) + "\n" for case in share))
        with asked.open() as words:
            programs.append(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.support.disk_lives", str(root)],
                    cwd=ROOT,
                    env=environment(library, root, log),
                    stdin=words,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
    for program in programs:
        with program:
            assert program.stdout is not None
            for line in program.stdout:
                found = json.loads(line)
                yield Outcome(**found | {"case": Case(**found["case"])})
        assert program.returncode == 0


def sweep(life: str) -> list[Case]:
    """Every call with both errors; the patterns take turns, at night each has all."""
    cases = []
    for k, (number, error) in product(range(1, CALLS + 1), enumerate(("EIO", "ENOSPC"))):
        chosen = PATTERNS if NIGHTLY else (PATTERNS[(k + number) % len(PATTERNS)],)
        cases += [Case(life=life, k=k, n=n, error=error, halved=h) for n, h in chosen]
    return cases


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("life", LIVES)
def test_no_failing_call_damages_a_store_or_makes_a_false_promise(
    library: Path, tmp_path: Path, life: str
) -> None:
    cases = sweep(life)
    outcomes = list(play(library, tmp_path, cases))
    assert len(outcomes) == len(cases)
    wrong = [f"{o.case}\n{o.wrong}" for o in outcomes if o.wrong]
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong[:3])
    assert all(o.struck for o in outcomes)  # the lives are long enough
    refused = sum(bool(o.said) for o in outcomes)
    passing = [o for o in outcomes if o.case.n < FOR_GOOD]
    assert all(o.promised == LIVES[life].STEPS for o in passing)
    lasting = sorted(o.promised for o in outcomes if o.case.n == FOR_GOOD)
    assert lasting[-1] > lasting[0] == 0
    print(
        f"\n{life}: {len(outcomes)} lives, calls 1..{CALLS}; {refused} refused a beginning,"
        f" in words; {len(passing)} passing faults, all went on by themselves"
    )


def recording(library: Path, folder: Path, case: Case) -> Recording:
    log = folder / "calls.log"
    folder.mkdir()
    (outcome,) = play(library, folder / "life", [case], log)
    assert not outcome.wrong, outcome.wrong
    return Recording(log)


def look_after(cut_folder: Path, life: str, promised: int) -> None:
    LIVES[life](cut_folder).check(promised)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("torn", [False, True], ids=["clean", "torn"])
@pytest.mark.parametrize("life", LIVES)
def test_a_power_cut_loses_nothing_that_was_promised(
    library: Path, tmp_path: Path, life: str, *, torn: bool
) -> None:
    calls = recording(library, tmp_path / "recorded", Case(life=life, record=True))
    chance = random.Random(f"{life} {torn}")
    met: set[Op] = set()
    promises = []
    for number in range(CUTS):
        at = chance.randrange(1, len(calls) + 1)
        cut = calls.cut(at, chance, torn=torn)
        met.add(calls.calls[at - 1].op)
        promises.append(cut.promised)
        folder = tmp_path / f"cut-{number}"
        folder.mkdir()
        look_after(cut.write(folder) / f"{life}-0", life, cut.promised)
    assert max(promises) > LIVES[life].STEPS // 2
    assert {Op.WRITE, Op.SYNC} & met


@pytest.mark.timeout(600)
@pytest.mark.parametrize("life", LIVES)
def test_a_power_cut_after_a_sync_that_failed_loses_nothing_that_was_promised(
    library: Path, tmp_path: Path, life: str
) -> None:
    whole = recording(library, tmp_path / "whole", Case(life=life, record=True))
    counted = [c.op for c in whole.calls if c.op is not Op.MARK]
    syncs = [k for k, op in enumerate(counted, 1) if op in (Op.SYNC, Op.SYNC_FOLDER)]
    chance = random.Random(life)
    failed = 0
    for number in range(CUTS):
        case = Case(life=life, k=chance.choice(syncs), error="EIO", record=True)
        calls = recording(library, tmp_path / f"life-{number}", case)
        places = [k for k, c in enumerate(calls.calls, 1) if c.op is Op.SYNC_FAILED]
        failed += bool(places)
        for piece in range(2):
            at = chance.randrange(places[-1] if places else 1, len(calls) + 1)
            folder = tmp_path / f"cut-{number}-{piece}"
            folder.mkdir()
            cut = calls.cut(at, chance, torn=bool(piece))
            look_after(cut.write(folder) / f"{life}-0", life, cut.promised)
    assert failed > CUTS // 4
