"""Planning of Modbus requests, decoding and encoding of their words."""

import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.errors import ConfigError, WriteFailed
from controller.core.point import READ_BACK, Access, Point, Wire
from controller.core.sample import Quality
from controller.core.tag import HistoryRule, Kind
from controller.drivers.modbus_blocks import MAX_WORDS_READ, Plan, plan
from controller.drivers.modbus_codec import OUTPUT_ADDRESS, Area, Batch
from tests.support.modbus_peers import enclosure_points, index_of, table_of

RANGES = {
    Area.HOLDING: ((0, 39), (40, 79), (80, 119), (200, 229)),
    Area.DISCRETE: ((0, 63),),
}
WIDE = {Area.HOLDING: ((0, 999),), Area.DISCRETE: ((0, 4999),)}


def _point(tag: str, address: str, wire: Wire = Wire.INT16, **changes: object) -> Point:
    point = Point(
        tag=tag,
        station="enclosure",
        description=tag,
        unit="",
        low=-1000.0,
        high=1000.0,
        kind=Kind.REAL,
        access=Access.READ,
        address=address,
        wire=wire,
        scale=0.1,
        scan_s=1.0,
        resolution=0.1,
        history=HistoryRule(),
    )
    return replace(point, **changes)


def _plan(points: list[Point], ranges: object = RANGES, bridge_gap: int = 16) -> Plan:
    return plan(points, ranges, bridge_gap)


def _requests(p: Plan) -> list[list[tuple[str, int, int]]]:
    return [[(b.area.value, b.start, b.count) for b in g.blocks] for g in p.groups]


def _batch(points: list[Point]) -> Batch:
    return Batch(_plan(points).blocks, index_of(table_of(points)))


def _decode(points: list[Point], *payloads: bytes) -> dict[str, tuple[float, int]]:
    batch = _batch(points)
    values, quality = batch.decode(payloads, np.full(len(points), 5.0))
    rows = zip(values.tolist(), quality.tolist(), strict=True)
    return dict(zip(batch.names, rows, strict=True))


def test_the_enclosure_needs_three_fast_requests_and_one_of_each_other_kind() -> None:
    p = _plan(enclosure_points())
    starts = [[(area, start) for area, start, _ in group] for group in _requests(p)]
    assert starts == [[("di", 0), ("hr", 0), ("hr", 42)], [("hr", 80)], [("hr", 200)]]
    assert [g.period_s for g in p.groups] == [0.2, 5.0, 10.0]
    assert all(0.0 < g.phase_s < 0.2 for g in p.groups[1:])


def test_gaps_are_bridged_up_to_the_limit_and_never_over_an_undefined_address() -> None:
    near = [_point("A", "hr:0"), _point("B", "hr:17")]
    assert _requests(_plan(near)) == [[("hr", 0, 18)]]
    far = [_point("A", "hr:0"), _point("B", "hr:18")]
    assert _requests(_plan(far)) == [[("hr", 0, 1), ("hr", 18, 1)]]
    assert _requests(_plan(near, bridge_gap=0)) == [[("hr", 0, 1), ("hr", 17, 1)]]
    across = [_point("A", "hr:39"), _point("B", "hr:40")]
    assert _requests(_plan(across)) == [[("hr", 39, 1), ("hr", 40, 1)]]


def test_requests_stay_inside_the_limits_of_the_protocol() -> None:
    words = [_point(f"T{k}", f"hr:{k}") for k in range(300)]
    assert _requests(_plan(words, WIDE)) == [
        [("hr", 0, 120), ("hr", 120, 120), ("hr", 240, 60)],
    ]
    bits = [_point(f"T{k}", f"di:{k}", Wire.BIT, scale=1.0) for k in range(2500)]
    assert _requests(_plan(bits, WIDE)) == [[("di", 0, 2000), ("di", 2000, 500)]]


def test_a_pair_of_words_is_never_torn_apart() -> None:
    points = [_point(f"T{k}", f"hr:{k}") for k in range(119)]
    points.append(_point("PAIR", "hr:119", Wire.UINT32))
    assert _requests(_plan(points, WIDE)) == [[("hr", 0, 119), ("hr", 119, 2)]]


def test_a_slow_point_between_fast_ones_rides_along() -> None:
    points = [
        _point("A", "hr:0"),
        _point("SLOW", "hr:1", scan_s=60.0),
        _point("B", "hr:2"),
        _point("FAR", "hr:90", scan_s=60.0),
    ]
    p = _plan(points)
    assert _requests(p) == [[("hr", 0, 3)], [("hr", 90, 1)]]
    assert p.groups[0].blocks[0].names == ("A", "SLOW", "B")


def test_outputs_are_read_back_in_one_fast_request_whatever_their_gaps() -> None:
    points = [
        _point("W1", "hr:42", access=Access.WRITE, scan_s=60.0),
        _point("W2", "hr:79", access=Access.WRITE, scan_s=60.0),
    ]
    p = _plan(points, bridge_gap=0)
    assert _requests(p) == [[("hr", 42, 38)]]
    assert p.blocks[0].names == ("W1" + READ_BACK, "W2" + READ_BACK)
    assert p.outputs.words == 38


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([_point("A", "s=A")], r"A address = s=A: allowed: hr:N"),
        ([_point("A", "hr:-1")], "allowed: hr:N"),
        ([_point("A", "hr:120")], r"outside the ranges .*0-39, 40-79, 80-119, 200-229"),
        ([_point("A", "hr:39", Wire.UINT32)], "outside the ranges"),
        ([_point("A", "di:64", Wire.BIT)], "outside the ranges"),
        ([_point("A", "hr:1", Wire.BIT)], "allowed here: int16, uint16, uint32"),
        ([_point("A", "di:1", Wire.INT16)], "allowed here: bit"),
        ([_point("A", "hr:41", access=Access.WRITE)], "behind the ticket"),
        ([_point("A", "di:41", Wire.BIT, access=Access.WRITE)], "behind the ticket"),
        ([_point("A", "hr:80", access=Access.WRITE)], "one defined range"),
        (
            [
                _point("A", "hr:42", Wire.UINT32, access=Access.WRITE),
                _point("B", "hr:43", access=Access.WRITE),
            ],
            "overlaps A",
        ),
    ],
)
def test_an_address_that_cannot_be_is_a_mistake_of_the_list(points: list[Point], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        _plan(points)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as e:
        _plan([_point("A", "x:1"), _point("B", "hr:150"), _point("C", "hr:1")])
    assert [p.field for p in e.value.problems] == ["A address", "B address"]


def test_words_become_numbers() -> None:
    points = [
        _point("INT", "hr:0"),
        _point("INVALID", "hr:1"),
        _point("LOWEST", "hr:2", low=-3276.7),
        _point("UINT", "hr:3", Wire.UINT16, scale=1.0, high=65535.0),
        _point("MARK", "hr:4", Wire.UINT16, scale=1.0, high=65535.0),
        _point("PAIR", "hr:5", Wire.UINT32, scale=0.01, high=42949672.95),
        _point("STEP", "hr:7", scale=2.5, low=-1e6),
    ]
    payload = struct.pack(">hhhHHIh", -612, -32768, -32767, 65535, 0x8000, 0xFFFE0001, 3)
    assert _plan(points).blocks[0].payload_bytes == len(payload)
    good = int(Quality.GOOD)
    assert _decode(points, payload) == {
        "INT": (-61.2, good),
        "INVALID": (5.0, int(Quality.BAD_SENSOR)),
        "LOWEST": (-3276.7, good),
        "UINT": (65535.0, good),
        "MARK": (32768.0, good),
        "PAIR": (42948362.25, good),
        "STEP": (7.5, good),
    }


def test_a_value_outside_its_range_is_uncertain_and_one_at_the_limit_is_good() -> None:
    points = [_point(f"T{k}", f"hr:{k}", low=-80.0, high=-20.0, scale=0.1) for k in range(4)]
    got = _decode(points, struct.pack(">4h", -801, -800, -200, -199))
    assert [q for _, q in got.values()] == [66, 0, 0, 66]


def test_bits_are_taken_from_the_low_end_of_each_byte() -> None:
    points = [_point(f"B{k}", f"di:{k}", Wire.BIT, scale=1.0) for k in (0, 7, 8, 17)]
    block = _plan(points).blocks[0]
    assert (block.count, block.payload_bytes) == (18, 3)
    got = _decode(points, bytes((0b10000000, 0b00000001, 0b00000010)))
    assert [v for v, _ in got.values()] == [0.0, 1.0, 1.0, 1.0]


def _writer(tag: str, address: str, wire: Wire = Wire.INT16, **changes: object) -> Point:
    return _point(tag, address, wire, access=Access.WRITE, **changes)


def test_outputs_become_words_in_address_order_and_holes_keep_what_is_held() -> None:
    points = [
        _writer("LATER", "hr:47", scale=1.0),
        _writer("INT", "hr:42"),
        _writer("PAIR", "hr:44", Wire.UINT32, scale=1.0, high=4e9),
    ]
    outputs = _plan(points).outputs
    held = np.array([9, 9, 9, 9, 77, 9], np.uint16)
    words = outputs.encode(np.array([8.0, -61.26, 0x12345678]), held)
    assert words == [0x10000 - 613, 9, 0x1234, 0x5678, 77, 8]
    assert held.tolist() == [9, 9, 9, 9, 77, 9]


@pytest.mark.parametrize("value", [-80.06, -19.94, np.nan, np.inf, -np.inf, 1e308])
def test_an_output_outside_its_range_is_named(value: float) -> None:
    outputs = _plan([_writer("SP", "hr:42", low=-80.0, high=-20.0)]).outputs
    with pytest.raises(WriteFailed, match=r"SP = .*outside -80 to -20"):
        outputs.encode(np.array([value]), np.zeros(1, np.uint16))


@pytest.mark.parametrize(("value", "word"), [(-80.04, 64736), (-19.96, 65336)])
def test_what_rounds_into_the_range_may_be_written(value: float, word: int) -> None:
    outputs = _plan([_writer("SP", "hr:42", low=-80.0, high=-20.0)]).outputs
    assert outputs.encode(np.array([value]), np.zeros(1, np.uint16)) == [word]


def test_the_invalid_marker_and_what_the_wire_cannot_carry_are_never_written() -> None:
    outputs = _plan([_writer("SP", "hr:42", low=-1e6, high=1e6, scale=1.0)]).outputs
    for value in (-32768.0, 32768.0):
        with pytest.raises(WriteFailed):
            outputs.encode(np.array([value]), np.zeros(1, np.uint16))


def test_a_wrong_number_of_outputs_is_refused() -> None:
    outputs = _plan([_writer("SP", "hr:42")]).outputs
    with pytest.raises(WriteFailed, match="1 outputs expected"):
        outputs.encode(np.zeros(2), np.zeros(1, np.uint16))


_places = st.lists(
    st.tuples(
        st.integers(0, 299),
        st.sampled_from([Wire.INT16, Wire.UINT16, Wire.UINT32, Wire.BIT]),
        st.sampled_from([0.2, 1.0, 5.0, 10.0, 60.0]),
        st.booleans(),
    ),
    max_size=60,
)


def _points_of(places: list[tuple[int, Wire, float, bool]]) -> list[Point]:
    points = []
    written: set[int] = set()
    for k, (place, wire, scan_s, write) in enumerate(places):
        area = "di" if wire is Wire.BIT else "hr"
        address = place % 64 if wire is Wire.BIT else place
        size = 2 if wire is Wire.UINT32 else 1
        span = set(range(address, address + size))
        last = address + size - 1
        if area == "hr" and not any(a <= address and last <= b for a, b in RANGES[Area.HOLDING]):
            continue
        access = Access.READ
        inside = address >= OUTPUT_ADDRESS and address + size - 1 <= 79
        if write and area == "hr" and inside and not written & span:
            access = Access.WRITE
            written |= span
        points.append(_point(f"T{k}", f"{area}:{address}", wire, scan_s=scan_s, access=access))
    return points


@given(_places, st.integers(0, 119))
def test_every_plan_reads_each_point_once_and_only_defined_addresses(
    places: list[tuple[int, Wire, float, bool]], bridge_gap: int
) -> None:
    points = _points_of(places)
    p = _plan(points, bridge_gap=bridge_gap)
    names = sorted(n for b in p.blocks for n in b.names)
    assert names == sorted(q.tag + (READ_BACK if q.access is Access.WRITE else "") for q in points)
    for block in p.blocks:
        last = block.start + block.count - 1
        assert any(a <= block.start and last <= b for a, b in RANGES[block.area])
        assert block.count <= MAX_WORDS_READ
        assert all(block.start <= s.start and s.stop - 1 <= last for s in block.spans)
    if any(q.access is Access.WRITE for q in points):
        stop = OUTPUT_ADDRESS + p.outputs.words
        assert any(
            b.area is Area.HOLDING and b.start <= OUTPUT_ADDRESS and stop <= b.start + b.count
            for b in p.groups[0].blocks
        )


@given(st.lists(st.floats(-3276.7, 3276.7), min_size=1, max_size=38))
def test_what_is_encoded_decodes_to_within_half_a_step(values: list[float]) -> None:
    points = [
        _writer(f"T{k}", f"hr:{OUTPUT_ADDRESS + k}", low=-3276.7, high=3276.7)
        for k in range(len(values))
    ]
    words = _plan(points).outputs.encode(np.array(values), np.zeros(len(values), np.uint16))
    decoded, quality = _batch(points).decode(
        [struct.pack(f">{len(words)}H", *words)], np.zeros(2 * len(values))
    )
    assert np.abs(decoded - values).max() <= 0.05 + 1e-9
    assert not quality.any()


def test_several_answers_are_decoded_in_one_pass_each_with_its_own_time() -> None:
    points = [
        _point("B1", "di:3", Wire.BIT, scale=1.0),
        _point("B2", "di:60", Wire.BIT, scale=1.0),
        _point("A", "hr:1"),
        _point("FAR", "hr:90"),
        _point("PAIR", "hr:200", Wire.UINT32, scale=1.0, high=1e9),
    ]
    blocks = _plan(points).blocks
    assert [str(b) for b in blocks] == ["di:3-3", "di:60-60", "hr:1-1", "hr:90-90", "hr:200-201"]
    got = _decode(points, b"\0", b"\1", b"\0\1", b"\0\2", b"\0\3\0\4")
    assert {k: v for k, (v, _) in got.items()} == {
        "B1": 0.0,
        "B2": 1.0,
        "A": 0.1,
        "FAR": 0.2,
        "PAIR": 196612.0,
    }
    batch = _batch(points)
    times = dict(zip(batch.names, batch.times([1, 2, 3, 4, 5]).tolist(), strict=True))
    assert times == {"B1": 1, "B2": 2, "A": 3, "FAR": 4, "PAIR": 5}
