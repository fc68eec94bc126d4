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
from dataclasses import asdict, replace
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


def play(library: Path, folder: Path, cases: Sequence[Case]) -> Iterator[Outcome]:
    """Outcomes of cases, in an order of their own."""
    shares = [cases[k::PROGRAMS] for k in range(min(PROGRAMS, len(cases)))]
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
                    env=environment(library, root),
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


def recordings(library: Path, folder: Path, cases: Sequence[Case]) -> list[Recording]:
    """What lives did, one recording a case in their order."""
    logs = [folder / f"{k}.log" for k in range(len(cases))]
    asked = [replace(case, log=str(log)) for case, log in zip(cases, logs, strict=True)]
    for outcome in play(library, folder / "lives", asked):
        assert not outcome.wrong, outcome.wrong
    return [Recording(log) for log in logs]


def look_after(calls: Recording, at: int, folder: Path, life: str, chance: random.Random, *,
               torn: bool) -> int:  # fmt: skip
    """The power goes after so many calls; what was promised by then."""
    folder.mkdir()
    cut = calls.cut(at, chance, torn=torn)
    LIVES[life](cut.write(folder)).check(cut.promised)
    return cut.promised


@pytest.mark.timeout(600)
@pytest.mark.parametrize("torn", [False, True], ids=["clean", "torn"])
@pytest.mark.parametrize("life", LIVES)
def test_a_power_cut_loses_nothing_that_was_promised(
    library: Path, tmp_path: Path, life: str, *, torn: bool
) -> None:
    (calls,) = recordings(library, tmp_path, [Case(life=life)])
    chance = random.Random(f"{life} {torn}")
    places = [chance.randrange(1, len(calls) + 1) for _ in range(CUTS)]
    promises = [
        look_after(calls, at, tmp_path / f"cut-{k}", life, chance, torn=torn)
        for k, at in enumerate(places)
    ]
    assert max(promises) > LIVES[life].STEPS // 2
    assert {Op.WRITE, Op.SYNC} & {calls.calls[at - 1].op for at in places}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("life", LIVES)
def test_a_power_cut_after_a_sync_that_failed_loses_nothing_that_was_promised(
    library: Path, tmp_path: Path, life: str
) -> None:
    (tmp_path / "whole").mkdir()
    (whole,) = recordings(library, tmp_path / "whole", [Case(life=life)])
    syncs = sum(c.op in (Op.SYNC, Op.SYNC_FOLDER) for c in whole.calls)
    chance = random.Random(life)
    early = range(1, CUTS // 2 + 1)  # while a store is made
    failing = [*early, *(chance.randint(len(early), syncs * 3 // 4) for _ in early)]
    cases = [Case(life=life, k=k, syncs=True) for k in failing]
    failed = 0
    for number, calls in enumerate(recordings(library, tmp_path, cases)):
        places = [k for k, c in enumerate(calls.calls, 1) if c.op is Op.SYNC_FAILED]
        failed += bool(places)
        for torn in (False, True):
            at = chance.randrange(places[-1] if places else 1, len(calls) + 1)
            folder = tmp_path / f"cut-{number}-{torn}"
            look_after(calls, at, folder, life, chance, torn=torn)
    assert failed > CUTS // 2
