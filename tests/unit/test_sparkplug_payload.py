"""Payloads of Sparkplug B against bytes worked out by hand from the specification."""

import pytest

from controller.sinks.sparkplug_payload import (
    DataType,
    Metric,
    NotSparkplugError,
    Payload,
    Property,
    decode,
    encode,
    varint,
)

# 1486144502122 = 0x15A03D7 F96A: in groups of seven bits, lowest first: EA F2 F5 A8 A0 2B.
TIME_MS, TIME = 1_486_144_502_122, "ea f2 f5 a8 a0 2b"
VALUE_TIME_MS, VALUE_TIME = 1_479_123_452_194, "a2 82 83 95 86 2b"

# The example of chapter 6: timestamp, one metric of 28 bytes (name, alias 1, timestamp, String,
# "Test"), seq 2.
EXAMPLE = Payload(
    time_ms=TIME_MS,
    metrics=(
        Metric(
            name="My Metric", alias=1, time_ms=VALUE_TIME_MS, datatype=DataType.STRING, value="Test"
        ),
    ),
    seq=2,
)
EXAMPLE_BYTES = (
    f"08 {TIME} 12 1c 0a 09 4d 79 20 4d 65 74 72 69 63 10 01 18 {VALUE_TIME} 20 0c"
    " 7a 04 54 65 73 74 18 02"
)

STALE = {"Quality": Property(DataType.INT32, 500)}
DATA = Payload(
    time_ms=TIME_MS,
    metrics=(
        Metric(alias=300, time_ms=VALUE_TIME_MS, is_historical=True, properties=STALE),
        Metric(alias=1, time_ms=1, value=-1.5),
        Metric(alias=2, time_ms=1, value=-1),
        Metric(alias=3, time_ms=1, value=False),
    ),
    seq=255,
)
DATA_BYTES = (
    f"08 {TIME} 12 20 10 ac 02 18 {VALUE_TIME} 28 01 38 01"  # alias, time, historical, null
    " 4a 10 0a 07 51 75 61 6c 69 74 79 12 05 08 03 18 f4 03"  # Quality: Int32, 500
    " 12 0d 10 01 18 01 69 00 00 00 00 00 00 f8 bf"  # double_value, little end first
    " 12 0f 10 02 18 01 58 ff ff ff ff ff ff ff ff ff 01"  # long_value: two's complement
    " 12 06 10 03 18 01 70 00 18 ff 01"  # boolean_value, then seq 255
)


@pytest.mark.parametrize(("payload", "wanted"), [(EXAMPLE, EXAMPLE_BYTES), (DATA, DATA_BYTES)])
def test_bytes_are_those_of_the_specification(payload: Payload, wanted: str) -> None:
    assert encode(payload).hex(" ") == wanted
    assert decode(bytes.fromhex(wanted)) == payload


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(0, "00"), (127, "7f"), (128, "80 01"), (300, "ac 02"), (2**64 - 1, "ff " * 9 + "01")],
)
def test_a_varint_has_seven_bits_a_byte(value: int, wanted: str) -> None:
    assert varint(value).hex(" ") == wanted


@pytest.mark.parametrize("value", [-1, 2**64])
def test_what_does_not_fit_is_no_varint(value: int) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        varint(value)


@pytest.mark.parametrize(
    ("value", "datatype"),
    [(2**63, DataType.INT64), (-(2**63) - 1, DataType.INT64), (2**31, DataType.INT32)],
)
def test_an_integer_that_does_not_fit_its_type_is_an_error(value: int, datatype: DataType) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode(Payload(metrics=(Metric(datatype=datatype, value=value),)))


@pytest.mark.parametrize(
    "content",
    ["08", "08 ff ff ff ff ff ff ff ff ff ff 01", "12 05 0a", "12 03 0a 01 ff", "0b", "0a 01 61",
     "12 02 69 00", "12 06 4a 04 0a 02 61 62"],
    ids=["no number", "endless number", "cut short", "not UTF-8", "group", "text for a number",
         "short double", "key without value"],
)  # fmt: skip
def test_what_is_no_payload_is_told(content: str) -> None:
    with pytest.raises(NotSparkplugError):
        decode(bytes.fromhex(content))


def test_unknown_fields_are_passed_over() -> None:
    body = "22 04 75 75 69 64"  # uuid, which Dryline never writes
    assert decode(bytes.fromhex(f"{EXAMPLE_BYTES} {body}")) == EXAMPLE


def test_a_float_of_another_publisher_is_read() -> None:
    assert decode(bytes.fromhex("12 05 65 00 00 c0 3f")).metrics[0].value == 1.5


def test_nothing_at_all_is_an_empty_payload() -> None:
    assert decode(b"") == Payload()
