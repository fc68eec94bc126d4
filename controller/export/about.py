"""What a file of history says about itself: software, line, tags, window, run. As JSON."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from controller.clock import NS
from controller.core.errors import DrylineError
from controller.core.tag import HistoryRule, Kind, Tag, Writer
from controller.export.layouts import Extent
from controller.history.results import StoredTag
from controller.queries.local_time import local_text

FORMAT = 1
KEY = b"dryline"  # of the metadata of a Parquet file


class TagFacts(BaseModel):
    """A tag as a file describes it."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    name: str
    unit: str
    station: str
    description: str
    kind: Kind
    resolution: float
    low: float
    high: float
    labels: tuple[str, ...]
    max_interval_s: float

    def tag(self) -> Tag:
        """The tag."""
        return Tag(
            name=self.name,
            station=self.station,
            description=self.description,
            writer=Writer.DEVICE,
            unit=self.unit,
            low=self.low,
            high=self.high,
            kind=self.kind,
            resolution=self.resolution,
            labels=self.labels,
            history=HistoryRule(max_interval_s=self.max_interval_s),
        )


class _About(BaseModel):
    model_config = ConfigDict(extra="ignore")

    format: int
    tags: tuple[TagFacts, ...]


def about_text(extent: Extent, facts: Mapping[str, object]) -> str:
    """The facts of a file, one line. facts: whatever else there is to say, JSON values."""
    every = {"every_s": extent.every_ns / NS} if extent.every_ns else {}
    window = {"start_ns": extent.start_ns, "stop_ns": extent.stop_ns}
    words = {"start": local_text(extent.start_ns), "stop": local_text(extent.stop_ns)}
    whole = {
        "format": FORMAT,
        **facts,
        "window": window | words,
        **every,
        "tags": [_plain(tag) for tag in extent.tags],
    }
    return json.dumps(whole, ensure_ascii=True, default=str)


def _plain(tag: StoredTag) -> dict[str, Any]:
    found = asdict(tag)
    del found["id"]  # of one store
    return found


def tags_about(text: str, where: str) -> tuple[TagFacts, ...]:
    """The tags that a file describes; DrylineError when it cannot be understood."""
    try:
        about = _About.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DrylineError(f"{where}: facts about its tags: {place}: {first['msg']}") from None
    if about.format > FORMAT:
        raise DrylineError(f"{where}: written by a newer Dryline (format {about.format})")
    return about.tags


def as_tags(stored: Iterable[StoredTag]) -> list[Tag]:
    """Tags of a store, to be put into another or again into the same."""
    return [TagFacts.model_validate(_plain(tag) | {"kind": Kind(tag.kind)}).tag() for tag in stored]
