"""How the health screen judges many numbers. Run by Node."""

from pathlib import Path
from random import Random
from statistics import median_low

import pytest

from tests.support.javascript import run_module

SCRIPT = 'import { spread } from "./spread.js";\ntell(spread(input));'


@pytest.mark.parametrize("count", [10, 99, 100, 101, 600])
def test_a_spread_is_by_nearest_rank(tmp_path: Path, count: int) -> None:
    numbers = [Random(count).gauss(10.0, 3.0) for _ in range(count)]
    found = run_module(tmp_path, SCRIPT, numbers)
    assert isinstance(found, dict)
    ordered = sorted(numbers)
    assert found["p50"] == median_low(ordered)
    assert sum(n <= found["p99"] for n in ordered) >= 0.99 * count
    below = [n for n in ordered if n < found["p99"]]
    assert len(below) < 0.99 * count
    assert found["max"] == ordered[-1]


def test_of_few_numbers_nothing_is_said(tmp_path: Path) -> None:
    assert run_module(tmp_path, SCRIPT, [1.0] * 9) is None
