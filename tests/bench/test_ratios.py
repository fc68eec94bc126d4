"""No ratio to the thin loop beside ours has become twice as bad; absolute times are not looked at.

Runs by itself (`make test` sees to it): see tests/bench/ratios.py for what is measured and how the
ratios are taken anew.
"""

import pytest

from tests.bench import ratios
from tests.bench.ratio_pairs import PAIRS


@pytest.mark.parametrize("name", PAIRS)
def test_no_ratio_is_twice_as_bad_as_the_one_kept(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ratios.judged(name, ratios.kept())
    with capsys.disabled():
        print(f"\n{found}")
    assert not found.worse, str(found)
