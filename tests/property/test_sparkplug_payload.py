"""Whatever is written as Sparkplug B is read back as it was, also by a reader of its own."""

import struct
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from controller.sinks.sparkplug_payload import (
    DataType,
    Metric,
    NotSparkplugError,
    Payload,
    Property,
    decode,
    encode,
)
from tests.support.sparkplug_reader import read_payload

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
UINT64 = st.integers(0, 2**64 - 1)
VALUES = {
    DataType.DOUBLE: st.floats(allow_nan=False),
    DataType.INT64: st.integers(-(2**63), 2**63 - 1),
    DataType.INT32: st.integers(-(2**31), 2**31 - 1),
    DataType.BOOLEAN: st.booleans(),
    DataType.STRING: TEXT,
}


@st.composite
def properties(draw: st.DrawFn) -> dict[str, Property]:
    found = {}
    for key in draw(st.lists(TEXT, max_size=3, unique=True)):
        datatype = draw(st.sampled_from(list(VALUES)))
        found[key] = Property(datatype, draw(st.none() | VALUES[datatype]))
    return found


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    datatype = draw(st.sampled_from(list(VALUES)))
    return Metric(
        name=draw(st.none() | TEXT),
        alias=draw(st.none() | UINT64),
        time_ms=draw(st.none() | UINT64),
        datatype=datatype,
        value=draw(st.none() | VALUES[datatype]),
        is_historical=draw(st.booleans()),
        properties=draw(properties()),
    )


PAYLOADS = st.builds(
    Payload,
    time_ms=st.none() | UINT64,
    metrics=st.lists(metrics(), max_size=4).map(tuple),
    seq=st.none() | st.integers(0, 255),
)


@given(PAYLOADS)
def test_what_was_written_is_read(payload: Payload) -> None:
    assert decode(encode(payload)) == payload


@given(PAYLOADS)
def test_another_reader_reads_the_same(payload: Payload) -> None:
    found = read_payload(encode(payload))
    assert (found.timestamp, found.seq) == (payload.time_ms, payload.seq)
    for read, written in zip(found.metrics, payload.metrics, strict=True):
        assert (read.name, read.alias, read.timestamp) == (
            written.name, written.alias, written.time_ms,
        )  # fmt: skip
        assert bool(read.is_historical) == written.is_historical
        assert exact(read.value) == exact(written.value)
        wanted = {key: exact(p.value) for key, p in written.properties.items()}
        assert {key: exact(v) for key, v in read.properties.items()} == wanted


def exact(value: object) -> object:
    """A value in which 0.0 and -0.0, and 1 and True, differ."""
    return struct.pack("<d", value) if isinstance(value, float) else (type(value), value)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_payload_or_told_to_be_none(content: bytes) -> None:
    try:
        payload = decode(content)
    except NotSparkplugError:
        return
    assert all(isinstance(metric, Metric) for metric in payload.metrics)


@given(PAYLOADS, st.data())
def test_a_payload_that_was_cut_is_never_read_as_whole(
    payload: Payload, data: st.DataObject
) -> None:
    content = encode(payload)
    if not content:
        return
    cut = content[: data.draw(st.integers(0, len(content) - 1))]
    with suppress(NotSparkplugError):
        assert decode(cut) != payload
