"""Which window is meant: what a person says, within what the history has."""

from collections.abc import Sequence
from datetime import UTC, tzinfo

from controller.core.errors import DrylineError
from controller.history.results import StoredTag
from controller.history.source import HistorySource
from controller.queries.local_time import TimeError, parse_moment

Window = tuple[int, int]


def window_of(
    source: HistorySource,
    tags: Sequence[StoredTag],
    since: str = "",
    until: str = "",
    zone: tzinfo = UTC,
) -> Window:
    """start_ns <= time < stop_ns; what is not said is where the samples of the tags begin or end.

    since, until: as `local_time.parse_moment` reads them; -8h counts from the newest sample of the
    tags, in plant time. DrylineError when there is nothing between.
    """
    spans = [span for tag in tags if (span := source.span(tag.name)) is not None]
    if not spans:
        raise DrylineError(f"the history has no samples of {_names(tags)}")
    oldest, newest = min(s[0] for s in spans), max(s[1] for s in spans)
    start_ns = _moment(since, "--from", newest, zone) if since else oldest
    stop_ns = _moment(until, "--to", newest, zone) if until else newest + 1
    if stop_ns <= start_ns:
        raise DrylineError("--to is not after --from: there is nothing between")
    return start_ns, stop_ns


def _moment(text: str, option: str, newest_ns: int, zone: tzinfo) -> int:
    try:
        return parse_moment(text, zone).at(newest_ns)
    except TimeError as error:
        raise DrylineError(f"{option}: {error}") from error


def _names(tags: Sequence[StoredTag]) -> str:
    return ", ".join(tag.name for tag in tags[:3]) + (" ..." if len(tags) > 3 else "")
