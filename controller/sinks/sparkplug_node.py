"""An edge node: which messages it publishes, in which order, with which numbers. Pure.

The rules are those of Sparkplug 3.0.0: an NBIRTH has the sequence number 0 and every message after
it one more, up to 255 and from 0 again; the number of the session (bdSeq) in an NBIRTH is that of
the NDEATH that was left with the broker; data of a device only while it is born.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from controller.sinks.sparkplug_lines import EventKey, Key, Reading
from controller.sinks.sparkplug_metrics import (
    MS,
    NODE,
    Catalogue,
    Definition,
    birth_metric,
    data_metric,
    is_away,
)
from controller.sinks.sparkplug_payload import DataType, Metric, Payload, encode

NAMESPACE = "spBv1.0"
REBIRTH = "Node Control/Rebirth"
BD_SEQ = "bdSeq"
NUMBERS = 256
METRICS_A_MESSAGE = 500
TEXT_A_MESSAGE = 65_536  # characters of events; some brokers take no message above 128 KiB
RECENT_MS = 10_000  # events older than that before a birth are of the past


class Message(NamedTuple):
    """What is published."""

    topic: str
    payload: bytes


class Topics(NamedTuple):
    """The names of one edge node."""

    group: str
    node: str

    def of(self, verb: str, device: str = "") -> str:
        """spBv1.0/GROUP/VERB/NODE, or with a device behind it."""
        return "/".join((NAMESPACE, self.group, verb, self.node, *([device] if device else [])))

    @staticmethod
    def state_of(host: str) -> str:
        """Where a primary host says that it is online."""
        return f"{NAMESPACE}/STATE/{host}"


class UnknownMetricError(ValueError):
    """A reading of a metric that no birth has named."""


class EdgeNode:
    """What hosts know of this node, and what is to be published so that they know more."""

    def __init__(self, topics: Topics, now_ms: Callable[[], int]) -> None:
        self.topics = topics
        self._now_ms = now_ms
        self._catalogue = Catalogue()
        self._known: dict[Key, Reading] = {}  # newest of each metric, as hosts were told it
        self._recent_ms = 0  # time from which on events are news
        self._born: set[str] = set()
        self._seq = 0
        self._bd_seq = 0

    def learn(self, catalogue: Catalogue, newest: Mapping[Key, Reading]) -> None:
        """Take the metrics there are and their newest values, for the next births."""
        self._catalogue, self._known = catalogue, dict(newest)

    def death(self, bd_seq: int) -> Message:
        """The NDEATH of a session that begins: its will, and its farewell when it ends itself."""
        self._bd_seq = bd_seq
        self._born.clear()
        number = Metric(name=BD_SEQ, time_ms=self._now_ms(), datatype=DataType.INT64, value=bd_seq)
        payload = Payload(time_ms=self._now_ms(), metrics=(number,))
        return Message(self.topics.of("NDEATH"), encode(payload))

    def births(self) -> list[Message]:
        """NBIRTH and the DBIRTH of every device that is there."""
        now_ms = self._now_ms()
        self._seq, self._born, self._recent_ms = 0, set(), now_ms - RECENT_MS
        control = (
            Metric(name=BD_SEQ, time_ms=now_ms, datatype=DataType.INT64, value=self._bd_seq),
            Metric(name=REBIRTH, time_ms=now_ms, datatype=DataType.BOOLEAN, value=False),
        )
        messages = [self._message("NBIRTH", NODE, [*control, *self._birth_metrics(NODE, now_ms)])]
        for device in self._catalogue.devices:
            if not self._is_away(device):
                messages.append(self._birth(device))
        return messages

    def data(self, readings: Iterable[Reading]) -> list[Message]:
        """The messages that tell some readings, devices that come to life or die included.

        UnknownMetricError when one is of a metric that is not known, ValueError when a value does
        not fit its metric; nothing is changed then.
        """
        by_device: dict[str, list[tuple[Reading, Definition, Metric]]] = {}
        told_ms: dict[Key, int] = {}
        for reading in readings:
            definition = self._catalogue.find(reading.key)
            if definition is None:
                raise UnknownMetricError(str(reading.key))
            is_historical = definition.is_former or self._is_of_the_past(reading, told_ms)
            metric = data_metric(definition, reading, is_historical=is_historical)
            by_device.setdefault(definition.device, []).append((reading, definition, metric))
        messages = []
        for device, found in by_device.items():
            messages += self._of_device(device, found)
        return messages

    def _of_device(
        self, device: str, found: list[tuple[Reading, Definition, Metric]]
    ) -> list[Message]:
        messages = []
        is_there = device == NODE or device in self._born
        if not is_there and any(m.is_historical or not is_away(r) for r, _, m in found):
            messages.append(self._birth(device))
            is_there = True
        if is_there:
            verb = "NDATA" if device == NODE else "DDATA"
            for piece in _pieces([metric for _, _, metric in found]):
                messages.append(self._message(verb, device, piece))
        for reading, _, metric in found:
            if not metric.is_historical:
                self._known[reading.key] = reading
        if device in self._born and self._is_away(device):
            self._born.discard(device)
            messages.append(self._message("DDEATH", device, []))
        return messages

    def _is_of_the_past(self, reading: Reading, told_ms: dict[Key, int]) -> bool:
        """Whether hosts know something newer; told_ms: times of what stands before in a message."""
        key, time_ms = reading.key, reading.time_ns // MS
        if isinstance(key, EventKey):
            return time_ms < self._recent_ms
        known = self._known.get(key)
        newest_ms = told_ms.get(key, -1 if known is None else known.time_ns // MS)
        if time_ms <= newest_ms:
            return True
        told_ms[key] = time_ms
        return False

    def _is_away(self, device: str) -> bool:
        """Whether everything that is known of a device says that its PLC is not there."""
        return all(is_away(self._known.get(key)) for key, _ in self._catalogue.of(device))

    def _birth(self, device: str) -> Message:
        self._born.add(device)
        return self._message("DBIRTH", device, self._birth_metrics(device, self._now_ms()))

    def _birth_metrics(self, device: str, now_ms: int) -> list[Metric]:
        return [
            birth_metric(definition, self._known.get(key), now_ms)
            for key, definition in self._catalogue.of(device)
        ]

    def _message(self, verb: str, device: str, metrics: list[Metric]) -> Message:
        payload = Payload(time_ms=self._now_ms(), metrics=metrics, seq=self._seq)
        self._seq = (self._seq + 1) % NUMBERS
        return Message(self.topics.of(verb, device), encode(payload))


def _pieces(metrics: list[Metric]) -> Iterable[list[Metric]]:
    """Metrics in messages of a size that brokers take."""
    piece: list[Metric] = []
    size = 0
    for metric in metrics:
        length = len(metric.value) if isinstance(metric.value, str) else 0
        if piece and (len(piece) >= METRICS_A_MESSAGE or size + length > TEXT_A_MESSAGE):
            yield piece
            piece, size = [], 0
        piece.append(metric)
        size += length
    if piece:
        yield piece
