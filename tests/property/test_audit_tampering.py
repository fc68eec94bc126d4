"""Nothing can be done to a trail that `verify` does not find, and it names the first bad record."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.audit.anchor import Anchor
from controller.audit.record import FIRST_PREVIOUS, MAX_LINE, decode
from controller.audit.verify import Damage, verify
from tests.support.audit_trails import (
    TestClock,
    anchor_of,
    chain_anew,
    entry,
    forged,
    lines_in,
    open_trail,
)

COUNT = 25
EDITS = 500


@pytest.fixture(scope="module")
def trail(tmp_path_factory):
    """The lines of a trail, its anchors, and a place to put altered ones."""
    folder = tmp_path_factory.mktemp("trail")
    clock = TestClock()
    with open_trail(folder, clock) as made:
        for k in range(COUNT - 1):
            clock.pass_s(1.0)
            made.append(entry("SET", target="COAT.SP", old=k, new=k + 0.5, reason=f"trial {k}"))
        path = made.path
    anchors, _ = anchor_of(folder).read()
    assert len(lines_in(path)) == COUNT
    assert max(a.number for a in anchors) == COUNT
    return lines_in(path), anchors, folder / "altered.jsonl"


def found(trail, raw, anchors=None):
    _, own, path = trail
    path.write_bytes(raw)
    return verify(path, own if anchors is None else anchors).finding


def test_the_untouched_trail_is_intact(trail):
    lines, _, _ = trail
    assert found(trail, b"".join(lines)) is None


# -- one kind of edit each: the number of the first bad record, and the kinds that may be told ----


def flip(lines, _, chance):
    raw = bytearray(b"".join(lines))
    k = chance.randrange(len(raw))
    raw[k] ^= 1 << chance.randrange(8)
    number = b"".join(lines)[:k].count(b"\n") + 1
    return bytes(raw), number, {Damage.ALTERED, Damage.CUT}


def delete(lines, _, chance):
    first = chance.randrange(COUNT - 1)
    count = chance.randrange(1, COUNT - first)
    return b"".join(lines[:first] + lines[first + count :]), first + 1, {Damage.DELETED}


def swap(lines, _, chance):
    a, b = sorted(chance.sample(range(COUNT), 2))
    changed = list(lines)
    changed[a], changed[b] = changed[b], changed[a]
    return b"".join(changed), a + 1, {Damage.MOVED}


def insert_copy(lines, _, chance):
    place, copied = chance.randrange(COUNT), chance.randrange(COUNT)
    if copied == place:
        place += 1
    changed = [*lines[:place], lines[copied], *lines[place:]]
    first = place + 1
    damage = {Damage.INSERTED} if copied < place else {Damage.MOVED}
    return b"".join(changed), first, damage


def insert_words(lines, _, chance):
    place = chance.randrange(COUNT + 1)
    word = chance.choice([b"\n", b"{}\n", b"nothing\n", b"[" * 5000 + b"\n", b"\xff\xfe\n"])
    return b"".join([*lines[:place], word, *lines[place:]]), place + 1, {Damage.INSERTED}


def insert_forged(lines, records, chance):
    place = chance.randrange(1, COUNT)
    line = forged(records[place], records[place - 1].hash, action="ABORT")
    return b"".join([*lines[:place], line, *lines[place:]]), place + 1, {Damage.INSERTED}


def append_forged(lines, records, _):
    last = records[-1]
    number = last.number + 1
    made = type(last)(number, last.moment, False, last.hash, "", last.entry)
    line = forged(made, last.hash)
    return b"".join([*lines, line]), number, {Damage.UNFINISHED}


def alter_with_own_hash(lines, records, chance):
    k = chance.randrange(COUNT - 1)
    changed = list(lines)
    changed[k] = forged(records[k], records[k].previous, actor="nobody")
    return b"".join(changed), k + 1, {Damage.ALTERED}


def cut_tail(lines, _, chance):
    raw = b"".join(lines)
    k = chance.randrange(1, len(raw))
    whole = raw[:k].endswith(b"\n")
    return raw[:k], raw[:k].count(b"\n") + 1, {Damage.BEHIND if whole else Damage.CUT}


def old_copy(lines, _, chance):
    kept = chance.randrange(COUNT)
    return b"".join(lines[:kept]), kept + 1, {Damage.BEHIND}


DEEDS = [flip, delete, swap, insert_copy, insert_words, insert_forged, append_forged,
         alter_with_own_hash, cut_tail, old_copy]  # fmt: skip


@pytest.mark.parametrize("seed", range(10))
def test_random_edits_are_found_and_the_first_bad_record_is_named(trail, seed):
    lines, _, _ = trail
    records = [decode(line) for line in lines]
    chance = random.Random(seed)
    missed, misnamed = [], []
    for k in range(EDITS // 10):
        deed = DEEDS[k % len(DEEDS)]
        raw, number, kinds = deed(lines, records, chance)
        finding = found(trail, raw)
        if finding is None:
            missed.append((deed.__name__, number))
        elif finding.number != number or finding.damage not in kinds:
            misnamed.append((deed.__name__, number, finding))
    assert (missed, misnamed) == ([], [])


def test_every_bit_of_every_byte_counts(trail):
    lines, _, path = trail
    raw = b"".join(lines[-3:])
    head = b"".join(lines[:-3])
    missed = []
    for k in range(len(raw)):
        altered = bytearray(raw)
        altered[k] ^= 1 << (k % 8)
        if found(trail, head + altered) is None:
            missed.append(k)
    assert missed == []
    assert path.exists()


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_stretch_put_in_place_of_any_other_is_found(trail, data):
    lines, _, _ = trail
    raw = b"".join(lines)
    start = data.draw(st.integers(0, len(raw)))
    stop = min(len(raw), start + data.draw(st.integers(0, 600)))
    put = data.draw(st.one_of(st.binary(max_size=60), st.sampled_from(lines)))
    altered = raw[:start] + put + raw[stop:]
    assert (found(trail, altered) is not None) == (altered != raw)


# -- a forger who computes the hashes anew -------------------------------------------------------


@pytest.mark.parametrize("begin", [0, 1, 12, COUNT - 1])
def test_a_chain_made_anew_differs_from_its_anchor(trail, begin):
    lines, _, _ = trail
    records = [decode(line) for line in lines]
    anew = lines[:begin] + chain_anew(records, begin, actor="nobody")
    finding = found(trail, b"".join(anew))
    assert finding.damage is Damage.REWRITTEN
    assert finding.number >= begin + 1
    assert found(trail, b"".join(anew), anchors=[]) is None  # which is why there are anchors


def test_more_anchors_narrow_down_where_a_chain_was_made_anew(trail):
    lines, anchors, _ = trail
    records = [decode(line) for line in lines]
    more = [Anchor(n, records[n - 1].hash, "history") for n in (5, 10, 15)]
    anew = lines[:12] + chain_anew(records, 12, actor="nobody")
    finding = found(trail, b"".join(anew), [*anchors, *more])
    assert (finding.number, finding.damage) == (15, Damage.REWRITTEN)
    assert "after record 10" in finding.text
    assert "history" in finding.text


def test_a_trail_that_begins_late_does_so_only_after_a_break(trail):
    lines, _, _ = trail
    finding = found(trail, b"".join(lines[7:]))
    assert (finding.number, finding.damage) == (1, Damage.DELETED)
    record = decode(lines[7])
    pretended = forged(record, FIRST_PREVIOUS, action="continued", category="trail")
    assert found(trail, pretended + b"".join(lines[8:])) is not None


def test_no_trail_and_an_empty_one_are_findings(trail):
    _, anchors, path = trail
    assert (found(trail, b"").number, found(trail, b"").damage) == (1, Damage.BEHIND)
    path.unlink()
    assert verify(path, anchors).finding.damage is Damage.MISSING


def test_a_line_without_end_is_refused_at_its_limit(trail):
    lines, _, _ = trail
    huge = b"x" * (MAX_LINE * 5)
    for raw in (huge, huge + b"\n"):
        finding = found(trail, b"".join(lines[:5]) + raw)
        assert finding.number == 6
