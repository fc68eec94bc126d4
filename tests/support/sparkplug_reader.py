"""A reader of Sparkplug B payloads, from the published schema and from nothing of ours.

It takes messages apart into lists of fields first and looks them up in tables of the schema then.
"""

import struct
from dataclasses import dataclass, field
from typing import Any

METRIC = {
    1: "name", 2: "alias", 3: "timestamp", 4: "datatype", 5: "is_historical", 6: "is_transient",
    7: "is_null", 8: "metadata", 9: "properties", 10: "int_value", 11: "long_value",
    12: "float_value", 13: "double_value", 14: "boolean_value", 15: "string_value",
}  # fmt: skip
PROPERTY = {
    1: "type", 2: "is_null", 3: "int_value", 4: "long_value", 5: "float_value",
    6: "double_value", 7: "boolean_value", 8: "string_value",
}  # fmt: skip
SIGNED = {1: 8, 2: 16, 3: 32, 4: 64}  # bits, by data type
VALUES = ("int", "long", "float", "double", "boolean", "string")


@dataclass(frozen=True)
class ReadMetric:
    """A metric as a host understands it; value by its data type where that is given."""

    fields: dict[str, Any]
    value: Any
    properties: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        return self.fields.get(name)


@dataclass(frozen=True)
class ReadPayload:
    """A payload as a host understands it."""

    timestamp: int | None
    seq: int | None
    metrics: list[ReadMetric]


def read_payload(content: bytes) -> ReadPayload:
    """The payload; ValueError or IndexError when it is none."""
    found = _split(content)
    known = {1: "timestamp", 2: "metrics", 3: "seq"}
    assert set(found) <= set(known), found.keys()
    metrics = [_metric(piece) for piece in found.get(2, [])]
    return ReadPayload(_only(found, 1), _only(found, 3), metrics)


def _metric(content: bytes) -> ReadMetric:
    fields = _named(content, METRIC)
    properties = {}
    if "properties" in fields:
        parts = _split(fields["properties"])
        keys, values = parts.get(1, []), parts.get(2, [])
        assert len(keys) == len(values)
        for key, value in zip(keys, values, strict=True):
            named = _named(value, PROPERTY)
            properties[key.decode()] = _value(named, named.get("type"))
    return ReadMetric(fields, _value(fields, fields.get("datatype")), properties)


def _value(fields: dict[str, Any], datatype: int | None) -> Any:
    given = [(kind, fields[f"{kind}_value"]) for kind in VALUES if f"{kind}_value" in fields]
    if fields.get("is_null"):
        assert not given
        return None
    ((kind, raw),) = given
    match kind:
        case "string":
            return raw.decode()
        case "double":
            return struct.unpack("<d", raw)[0]
        case "float":
            return struct.unpack("<f", raw)[0]
        case "boolean":
            return bool(raw)
        case _:
            bits = SIGNED.get(datatype or (4 if kind == "long" else 3), 64)
            return raw - (1 << bits) if raw >= 1 << (bits - 1) else raw


def _named(content: bytes, names: dict[int, str]) -> dict[str, Any]:
    found = {names[number]: values for number, values in _split(content).items()}
    assert all(len(values) == 1 for values in found.values()), found
    plain = {name: values[0] for name, values in found.items()}
    if "name" in plain:
        plain["name"] = plain["name"].decode()
    return plain


def _only(found: dict[int, list[Any]], number: int) -> Any:
    values = found.get(number, [None])
    assert len(values) == 1
    return values[0]


def _split(content: bytes) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    stream = list(content)
    while stream:
        key = _pop_varint(stream)
        match key % 8:
            case 0:
                value: Any = _pop_varint(stream)
            case 1:
                value = _pop(stream, 8)
            case 2:
                value = _pop(stream, _pop_varint(stream))
            case 5:
                value = _pop(stream, 4)
            case wire:
                raise ValueError(f"wire type {wire}")
        found.setdefault(key // 8, []).append(value)
    return found


def _pop(stream: list[int], n: int) -> bytes:
    if len(stream) < n:
        raise ValueError("cut short")
    piece, stream[:n] = bytes(stream[:n]), []
    return piece


def _pop_varint(stream: list[int]) -> int:
    digits = []
    while True:
        byte = stream.pop(0)
        digits.append(byte % 128)
        if byte < 128:
            return sum(digit * 128**k for k, digit in enumerate(digits))
