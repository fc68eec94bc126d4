"""Made-up requests to every route: none may be a fault of the program.

20,000 of them; DRYLINE_FUZZ_CALLS for another number.
"""

import os
import time

import pytest

from tests.support.api_fuzz import fuzzed, hammer

CALLS = int(os.environ.get("DRYLINE_FUZZ_CALLS", "20000"))


@pytest.mark.timeout(3600)
def test_no_made_up_request_is_a_fault_of_the_program(tmp_path, capsys):
    begun_s = time.process_time()
    with fuzzed(tmp_path) as (line, loop):
        found = hammer(line, loop, CALLS)
    took_s = time.process_time() - begun_s
    with capsys.disabled():
        print(f"\n{found.calls} calls in {took_s:.0f} s of a core: "
              f"{dict(sorted(found.statuses.items()))}")  # fmt: skip
    assert found.wrong == []
    assert found.calls >= CALLS
    assert found.statuses[200] > CALLS / 20
