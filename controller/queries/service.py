"""The history service: everything that may be asked, from Python and ready for HTTP.

One object for any number of threads. It keeps nothing between two questions.
"""

from collections.abc import Callable, Iterable, Mapping

from controller.history.source import HistorySource
from controller.queries.answers import (
    BucketsAnswer,
    EventsAnswer,
    RawAnswer,
    RunsAnswer,
    TagFacts,
    TagsAnswer,
    ValuesAnswer,
)
from controller.queries.asks import (
    AtAsk,
    BucketsAsk,
    EventsAsk,
    LatestAsk,
    RawAsk,
    RunsAsk,
    SourceAsk,
    TagsAsk,
)
from controller.queries.door import Answer, answer_of
from controller.queries.problems import AskProblem, UnknownName
from controller.queries.record_answers import events_answer, runs_answer
from controller.queries.series_answers import Asked, buckets_answer, raw_answer, values_answer
from controller.run_store import RunReader


class HistoryService:
    """Answers questions about the history of a line.

    sources: by name, the first is asked when a question names none. open_runs: opens the runs of
    the line; called once a question. now_ns: UTC nanoseconds of plant time, for "now" and "-1h".

    Every method raises AskError when the question cannot be answered as it is, and StoreError when
    the source cannot answer.
    """

    def __init__(
        self,
        sources: Mapping[str, HistorySource],
        open_runs: Callable[[], RunReader],
        now_ns: Callable[[], int],
    ) -> None:
        self._sources = dict(sources)
        self._open_runs = open_runs
        self._now_ns = now_ns

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources."""
        return tuple(self._sources)

    def close(self) -> None:
        """Let go of all sources."""
        for source in self._sources.values():
            source.close()

    def tags(self, ask: TagsAsk) -> TagsAnswer:
        """Which tags there are, by station and name; of several units of a tag the last."""
        asked, text = self._asked(ask), ask.text.casefold()
        found = {
            tag.name: TagFacts.of(tag)
            for tag in asked.source.tags()
            if not ask.station or tag.station == ask.station
            if text in tag.name.casefold() or text in tag.description.casefold()
        }
        tags = sorted(found.values(), key=lambda tag: (tag.station, tag.name))
        return TagsAnswer(source=asked.name, zone=ask.zone, tags=tuple(tags))

    def raw(self, ask: RawAsk) -> RawAnswer:
        """Samples."""
        return raw_answer(ask, self._asked(ask))

    def buckets(self, ask: BucketsAsk) -> BucketsAnswer:
        """Aggregates."""
        return buckets_answer(ask, self._asked(ask))

    def at(self, ask: AtAsk) -> ValuesAnswer:
        """The values at a time."""
        asked = self._asked(ask)
        return values_answer(ask.tag, asked, ask.zone, ask.time_ns(asked.now_ns))

    def latest(self, ask: LatestAsk) -> ValuesAnswer:
        """The newest values; whether they still hold is told for now."""
        return values_answer(ask.tag, self._asked(ask), ask.zone, None)

    def events(self, ask: EventsAsk) -> EventsAnswer:
        """Events, newest first."""
        return events_answer(ask, self._asked(ask))

    def runs(self, ask: RunsAsk) -> RunsAnswer:
        """Runs, newest first."""
        with self._open_runs() as reader:
            return runs_answer(ask, reader, self._now_ns())

    def answer(self, path: str, params: Iterable[tuple[str, str]]) -> Answer:
        """The answer to a GET: path as "/raw", and the decoded pairs of its query string.

        Never raises for what was asked, nor for what the source cannot answer.
        """
        return answer_of(self, path, params)

    def _asked(self, ask: SourceAsk) -> Asked:
        name = ask.source or next(iter(self._sources), "")
        if name not in self._sources:
            known = ", ".join(self._sources) or "none"
            what = "there is no such source"
            problem = AskProblem(what=what, field="source", value=name, allowed=known)
            raise UnknownName([problem])
        return Asked(name, self._sources[name], self._now_ns())
