"""Stores as earlier versions left them are read and brought up, with every sample as it was.

Each file under tests/golden/history was written by the version in its name, with the samples of
`samples_of_a_line` sealed in two goes and the last of them in the journal. To add one for a new
version of the store: python -m tests.unit.test_history_golden FILE
"""

import shutil
import sys
from pathlib import Path

import pytest

from controller.history import Reader, Store
from controller.history.schema import VERSION
from tests.support.history import (
    T0_NS,
    Row,
    assert_buckets,
    batch,
    expected_buckets,
    new_store,
    seal,
)

GOLDEN = sorted((Path(__file__).parents[1] / "golden/history").glob("version-*.db"))
TAGS = ("FAST", "BESIDE", "SLOW", "ODD")
FAR = T0_NS + 10**15


def samples_of_a_line() -> list[Row]:
    """Two tags of one poll at 10 Hz with jitter, a slow one, and one with what is seldom."""
    rows: list[Row] = []
    for k in range(2_400):
        jitter_ns = k * k % 997 * 1000
        time_ns = T0_NS + k * 100_000_000 + jitter_ns
        rows.append((1, (k * 7919 % 1009) / 100, 130 if k % 499 == 5 else 0, time_ns))
        rows.append((2, 50 + (k % 40) / 8, 0, time_ns))
        if k % 10 == 0:
            rows.append((3, 20.5, 0, T0_NS + k * 100_000_000))
            rows.append((4, (k - 1200) ** 3 / 7, 64 if k % 70 == 0 else 0, time_ns))
    return rows


def write(path: Path) -> None:
    """A store with these samples."""
    rows = samples_of_a_line()
    store = new_store(path, *TAGS)
    for start, stop in ((0, 2_000), (2_000, 4_800)):
        store.commit(batch(rows[start:stop]))
        seal(store)
    store.commit(batch(rows[4_800:]))
    store.close()


def check(path: Path) -> None:
    rows = samples_of_a_line()
    with Reader(path) as reader:
        for tag, name in enumerate(TAGS, 1):
            found = reader.raw(name, 0, FAR)
            lists = (found.time_ns.tolist(), found.values.tolist(), found.quality.tolist())
            assert list(zip(*lists, strict=True)) == [(t, v, q) for g, v, q, t in rows if g == tag]
            buckets = reader.buckets(name, T0_NS, T0_NS + 240 * 10**9, 4)
            assert buckets.damaged == 0
            assert_buckets(buckets, expected_buckets(rows, tag, buckets.edges_ns.tolist()))


def test_there_is_one_of_this_version() -> None:
    assert f"version-{VERSION}.db" in [path.name for path in GOLDEN]


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.stem)
def test_what_an_earlier_version_wrote_is_read_as_it_was(golden: Path, tmp_path: Path) -> None:
    path = shutil.copy(golden, tmp_path / "history.db")
    check(path)
    store = Store.open(path)
    assert store.found_broken == []
    seal(store)
    store.close()
    check(path)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
