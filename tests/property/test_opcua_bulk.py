"""Notifications decoded in bulk against the library's own decoder: the same columns, always."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from hypothesis import given
from hypothesis import strategies as st

from controller.drivers.opcua_bulk import Changes, changes, utc_ns
from controller.drivers.opcua_objects import listed

COLUMNS = ("rows", "kinds", "values", "status", "source_ns")
LOWEST = datetime(1601, 1, 2, tzinfo=UTC)
Kind = ua.VariantType


def whole(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low = -(2 ** (bits - 1)) if signed else 0
    return st.integers(low, low + 2**bits - 1)


NUMBERS = {
    Kind.Boolean: st.booleans(),
    Kind.SByte: whole(8, signed=True),
    Kind.Byte: whole(8, signed=False),
    Kind.Int16: whole(16, signed=True),
    Kind.UInt16: whole(16, signed=False),
    Kind.Int32: whole(32, signed=True),
    Kind.UInt32: whole(32, signed=False),
    Kind.Int64: whole(64, signed=True),
    Kind.UInt64: whole(64, signed=False),
    Kind.Float: st.floats(width=32),
    Kind.Double: st.floats(),
}
STAMPS = st.datetimes(LOWEST.replace(tzinfo=None), timezones=st.just(UTC))
TEXTS = st.none() | st.text(max_size=30)
ODD = st.one_of(
    st.just(ua.Variant(None, Kind.Null)),
    TEXTS.map(lambda text: ua.Variant(text, Kind.String)),
    STAMPS.map(lambda stamp: ua.Variant(stamp, Kind.DateTime)),
)
CODES = st.sampled_from([0, 0x480, 0x40900000, 0x80310000, 0x808C0000]) | whole(32, signed=False)
PICOS = st.none() | whole(16, signed=False)


def number(kind: ua.VariantType) -> st.SearchStrategy[ua.Variant]:
    return NUMBERS[kind].map(lambda value: ua.Variant(value, kind))


def item(variants: st.SearchStrategy[ua.Variant | None]) -> st.SearchStrategy[object]:
    def build(row, variant, code, source, server, picos, server_picos):
        status = None if code is None else ua.StatusCode(code)
        value = ua.DataValue(variant, status, source, server, picos, server_picos)
        if variant is None:
            object.__setattr__(value, "Value", None)
        return ua.MonitoredItemNotification(row, value)

    codes, stamps = st.none() | CODES, st.none() | STAMPS
    rows = st.integers(0, 2**32 - 1)
    return st.builds(build, rows, variants, codes, stamps, stamps, PICOS, PICOS)


ANY = st.sampled_from(list(NUMBERS)).flatmap(number)
SAME = st.sampled_from(list(NUMBERS)).flatmap(lambda kind: st.lists(item(number(kind)), min_size=1))
MIXED = st.lists(item(ANY | ODD | st.none()), min_size=1, max_size=40)
# Layouts that hold for a while, as servers send them, and change in the middle of a message.
RUNS = st.lists(
    st.tuples(item(ANY | ODD), st.integers(1, 30)), min_size=1, max_size=5
).map(lambda runs: [one for one, count in runs for _ in range(count)])  # fmt: skip


def message(*parts: object, results: int = 0, available: int = 0) -> bytes:
    response = ua.PublishResponse()
    response.ResponseHeader.Timestamp = datetime(2026, 11, 23, tzinfo=UTC)
    response.ResponseHeader.RequestHandle = 77
    parameters = response.Parameters = ua.PublishResult()
    parameters.SubscriptionId = 5
    parameters.AvailableSequenceNumbers = list(range(available))
    parameters.NotificationMessage.SequenceNumber = 4_000_000_000
    parameters.NotificationMessage.PublishTime = datetime(2026, 11, 23, tzinfo=UTC)
    parameters.NotificationMessage.NotificationData = list(parts)
    parameters.Results = [ua.StatusCode(0)] * results
    return bytes(struct_to_binary(response))


def of_items(items: list[object], **more: int) -> bytes:
    return message(ua.DataChangeNotification(MonitoredItems=items), **more)


def by_library(body: bytes) -> Changes:
    parameters = struct_from_binary(ua.PublishResponse, Buffer(body)).Parameters
    found = parameters.NotificationMessage
    items = [i for part in found.NotificationData for i in part.MonitoredItems]
    rows, values = [i.ClientHandle for i in items], [i.Value for i in items]
    return listed(rows, values, parameters.SubscriptionId, found.SequenceNumber)


def same(body: bytes) -> None:
    found, wanted = changes(body), by_library(body)
    assert found is not None
    assert (found.subscription, found.number) == (wanted.subscription, wanted.number)
    for name in COLUMNS:
        ours, theirs = getattr(found, name), getattr(wanted, name)
        assert ours.dtype == theirs.dtype
        if name == "kinds":  # of what is no number only that it is none counts
            ours, theirs = (np.where(np.isin(k, NUMBER_KINDS), k, 0) for k in (ours, theirs))
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
        assert ours.flags.writeable


NUMBER_KINDS = [kind.value for kind in NUMBERS]


@given(SAME, st.integers(0, 3), st.integers(0, 3))
def test_items_of_one_type(items: list[object], results: int, available: int) -> None:
    same(of_items(items, results=results, available=available))


@given(MIXED)
def test_items_of_any_layout(items: list[object]) -> None:
    same(of_items(items))


@given(RUNS)
def test_layouts_that_change_in_the_middle(items: list[object]) -> None:
    same(of_items(items))


@given(MIXED, st.data())
def test_a_message_that_is_cut_short_or_too_long_is_left_to_the_library(
    items: list[object], data: st.DataObject
) -> None:
    body = of_items(items)
    assert changes(body[: data.draw(st.integers(0, len(body) - 1))]) is None
    assert changes(body + b"\0") is None


@given(MIXED, st.data())
def test_damaged_bytes_never_raise_and_never_give_columns_of_other_lengths(
    items: list[object], data: st.DataObject
) -> None:
    body = bytearray(of_items(items))
    for place in data.draw(st.lists(st.integers(0, len(body) - 1), min_size=1, max_size=4)):
        body[place] = data.draw(st.integers(0, 255))
    found = changes(bytes(body))
    if found is not None:
        assert {len(getattr(found, name)) for name in COLUMNS} == {len(found.rows)}
        assert len(found.rows) > 0


@given(st.binary(max_size=200))
def test_any_bytes_at_all(body: bytes) -> None:
    changes(body)


ONE = ua.MonitoredItemNotification(1, ua.DataValue(ua.Variant(1.5, Kind.Double)))
ARRAY = ua.MonitoredItemNotification(1, ua.DataValue(ua.Variant([1.0, 2.0], Kind.Double)))
POINT = ua.MonitoredItemNotification(1, ua.DataValue(ua.Variant(ua.NodeId(3), Kind.NodeId)))


@pytest.mark.parametrize(
    "body",
    [
        message(),
        message(ua.StatusChangeNotification()),
        message(ua.DataChangeNotification(), ua.StatusChangeNotification()),
        message(*[ua.DataChangeNotification(MonitoredItems=[ONE])] * 2),
        of_items([]),
        of_items([ONE, ARRAY]),
        of_items([POINT, ONE]),
        bytes(struct_to_binary(ua.ReadResponse())),
        bytes(struct_to_binary(ua.ServiceFault())),
        b"",
    ],
    ids=["keep-alive", "status", "both", "two", "none", "array", "node", "read", "fault", "empty"],
)
def test_anything_else_is_left_to_the_library(body: bytes) -> None:
    assert changes(body) is None


def test_a_refused_publish_is_left_to_the_library() -> None:
    response = ua.PublishResponse()
    response.ResponseHeader.ServiceResult = ua.StatusCode(0x80780000)
    part = ua.DataChangeNotification(MonitoredItems=[ONE])
    response.Parameters.NotificationMessage.NotificationData = [part]
    assert changes(bytes(struct_to_binary(response))) is None


@given(st.integers(-(2**63), 2**63 - 1))
def test_times_are_those_of_the_library_or_none(ticks: int) -> None:
    stamp = ua.win_epoch_to_datetime(ticks)
    value = ua.DataValue(ua.Variant(1.0), SourceTimestamp=stamp)
    wanted = listed([0], [value]).source_ns
    assert utc_ns(np.array([ticks])) == wanted
    if datetime(1970, 1, 1, tzinfo=UTC) < stamp < datetime(2262, 1, 1, tzinfo=UTC):
        us = (stamp - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        assert wanted == us * 1000
