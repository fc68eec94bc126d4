"""The dry room to compare the enclosure with: a number somebody answers for, not a reading."""

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controller.api.problems import Problem
from controller.core.errors import StoreError
from controller.whole_file import replace_file

FILE = "energy-baseline.json"
MAX_BYTES = 64 * 1024
_TURN = threading.Lock()  # one API for a run folder: nobody else replaces its file
METHOD = (
    "mean power of a simulated dry room of 120 m2 in production and steady weather, run at fixed "
    "settings; replace it by what your own room takes over the same days"
)


class Baseline(BaseModel):
    """kw: mean power of the dry room; uncertainty_pct: of it, either way; method: where the number
    comes from; limit_degc: only time in which the frost point is no higher counts; version: one
    more with each change, 0 for the one that comes with the program."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    kw: Annotated[float, Field(gt=0.0, le=100_000.0)] = 92.7
    uncertainty_pct: Annotated[float, Field(ge=0.0, lt=100.0)] = 15.0
    method: Annotated[str, Field(min_length=1, max_length=2_000)] = METHOD
    limit_degc: Annotated[float, Field(ge=-110.0, le=20.0)] = -60.0
    version: Annotated[int, Field(ge=0, lt=2**31)] = 0
    by: Annotated[str, Field(max_length=200)] = ""
    reason: Annotated[str, Field(max_length=2_000)] = ""
    since_ns: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @property
    def span_kw(self) -> tuple[float, float]:
        """Lowest and highest."""
        part = self.uncertainty_pct / 100.0
        return self.kw * (1.0 - part), self.kw * (1.0 + part)

    def saving(self, air_kw: float) -> dict[str, float]:
        """Share of the dry room that is saved, with what the uncertainty makes of it; below 0 the
        enclosure takes more."""
        low, high = self.span_kw
        return {
            "share": 1.0 - air_kw / self.kw, "low": 1.0 - air_kw / low,
            "high": 1.0 - air_kw / high,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class BaselineStore:
    """The baseline of a run folder. Blocks."""

    run: Path

    def read(self) -> Baseline:
        """The newest; StoreError when its file is none."""
        path = self.run / FILE
        try:
            with path.open("rb") as stream:
                return Baseline.model_validate_json(stream.read(MAX_BYTES))
        except FileNotFoundError:
            return Baseline()
        except (OSError, ValidationError) as error:
            raise StoreError(f"{path}: no baseline can be read: {error}") from error

    def replace(self, new: Baseline, expected: int) -> Baseline:
        """Put another one in its place, if it still is the one that was seen."""
        with _TURN:
            return self._replace(new, expected)

    def _replace(self, new: Baseline, expected: int) -> Baseline:
        now = self.read()
        if now.version != expected:
            told = f"{now.by or 'nobody'} made version {now.version}, you saw {expected}"
            raise Problem("changed", [f"{told}: look again"], extra={"version": now.version})
        kept = new.model_copy(update={"version": now.version + 1})
        try:
            replace_file(self.run / FILE, json.dumps(kept.model_dump(), indent=1) + "\n")
        except OSError as error:
            raise StoreError(f"{self.run / FILE}: cannot be written: {error}") from error
        return kept
