"""Values that asyncua has decoded, as the columns of `opcua_bulk`. Needs no asyncua to do so."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from controller.drivers.opcua_bulk import Changes

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LATEST_US: Final = (2**63 - 1) // 1000
_SCALARS: Final = frozenset((float, int, bool))


def listed(
    rows: Sequence[int], values: Sequence[Any], subscription: int = 0, number: int = 0
) -> Changes:
    """Columns of DataValues. What is no single number counts as of no type, and as NaN."""
    kinds, raw, status, source_ns = [], [], [], []
    for value in values:
        variant, code = value.Value, value.StatusCode
        found: Any = None if variant is None else variant.Value
        scalar = type(found) in _SCALARS
        kinds.append(variant.VariantType.value if scalar else 0)
        raw.append(float(found) if scalar else np.nan)
        status.append(0 if code is None else code.value)
        source_ns.append(_utc_ns(value.SourceTimestamp))
    return Changes(
        subscription,
        number,
        np.array(rows, np.int64),
        np.array(kinds, np.uint8),
        np.array(raw, np.float64),
        np.array(status, np.uint32),
        np.array(source_ns, np.int64),
    )


def _utc_ns(stamp: datetime | None) -> int:
    """0 where there is none, or none that could be ours."""
    if stamp is None:
        return 0
    us = (stamp - _EPOCH) // _MICROSECOND
    return us * 1000 if 0 < us < _LATEST_US else 0
