"""Made-up requests to every route: none may be a fault of the program.

A few hundred by default; DRYLINE_FUZZ_CALLS=20000 for the full number.
"""

import os

import pytest

pytest.importorskip("schemathesis")

from tests.support.api_fuzz import fuzzed, hammer

CALLS = int(os.environ.get("DRYLINE_FUZZ_CALLS", "600"))


@pytest.mark.timeout(3600)
def test_no_made_up_request_is_a_fault_of_the_program(tmp_path, capsys):
    with fuzzed(tmp_path) as (line, loop):
        statuses, wrong = hammer(line, loop, CALLS)
    count = sum(statuses.values())
    with capsys.disabled():
        print(f"\n{count} calls: {dict(sorted(statuses.items()))}")
    assert wrong == []
    assert count >= CALLS // 2
