"""One record out of many, by its number."""

import pytest

from controller.audit import reading
from controller.audit.reading import kept, numbered
from tests.support.audit_trails import TestClock, entry, lines_in, open_trail

COUNT = 60


@pytest.fixture
def trail(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK", 1_000)  # about two records
    with open_trail(tmp_path, TestClock()) as made:
        for k in range(COUNT - 1):
            made.append(entry("SET", reason="x" * (k * 37 % 600)))
        yield made.path


def test_every_number_is_found_and_no_other(trail):
    assert [numbered(trail, n).number for n in range(1, COUNT + 1)] == list(range(1, COUNT + 1))
    for number in (-1, 0, COUNT + 1, 10**9):
        assert numbered(trail, number) is None
    assert numbered(trail.with_name("nothing"), 1) is None


@pytest.mark.parametrize("spoilt", [0, 1, 30, COUNT - 1])
def test_lines_that_are_no_records_hide_only_themselves(trail, spoilt):
    lines = lines_in(trail)
    lines[spoilt] = b"\xff" * 3_000 + b"\n"
    trail.write_bytes(b"".join(lines))
    found = [numbered(trail, n) for n in range(1, COUNT + 1)]
    assert [r is None for r in found] == [k == spoilt for k in range(COUNT)]


def test_looking_touches_a_few_blocks_only(trail, monkeypatch):
    looked = []
    plain = reading.decode
    monkeypatch.setattr(reading, "decode", lambda line: looked.append(1) or plain(line))
    numbered(trail, 45)
    assert len(looked) < 25


def test_what_was_kept_of_a_broken_trail_is_looked_through_too(trail):
    record = numbered(trail, 7)
    trail.rename(trail.with_name(f"{trail.name}.broken-1"))
    assert kept(trail, 7, record.hash) == record
    assert kept(trail, 7, "0" * 64) == record
    assert kept(trail, COUNT + 1, record.hash) is None
