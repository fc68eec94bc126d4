"""A host application of tests: Debian's mosquitto_sub, our own reader, and the rules of Sparkplug.

Every message is judged as it comes in: births before data, sequence numbers without a gap, aliases
known, deaths that fit their birth. `broken` holds what was against a rule.
"""

import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from tests.support import debian
from tests.support.mosquitto import Mosquitto
from tests.support.sparkplug_reader import ReadMetric, ReadPayload, read_payload

READY_S = 60.0
PROBE = "spBv1.0/probe"


@dataclass(frozen=True)
class Told:
    """One value of a metric in a data message."""

    time_ms: int
    value: Any
    quality: int  # the exact one
    code: int  # of Sparkplug
    is_historical: bool


@dataclass(frozen=True)
class Arrived:
    """One message."""

    verb: str
    device: str
    qos: int
    payload: ReadPayload

    def metric(self, name: str) -> ReadMetric:
        (found,) = [m for m in self.payload.metrics if m.name == name]
        return found


@dataclass
class Node:
    """What a host knows of an edge node. values: data by DEVICE and metric, "" for the node."""

    seq: int | None = None  # None: it is dead
    bd_seq: int | None = None
    aliases: dict[int, tuple[str, str, int]] = field(default_factory=dict)
    born: set[str] = field(default_factory=set)
    messages: list[Arrived] = field(default_factory=list)
    values: dict[tuple[str, str], list[Told]] = field(default_factory=lambda: defaultdict(list))
    broken: list[str] = field(default_factory=list)

    def take(self, message: Arrived) -> None:
        """Judge a message and remember it."""
        self.messages.append(message)
        for problem in getattr(self, f"_{message.verb.lower()}")(message):
            self.broken.append(f"#{len(self.messages)} {message.verb} {message.device}: {problem}")

    def verbs(self) -> list[str]:
        """Kind and device of every message, data of the same device in a row as one."""
        found: list[str] = []
        for message in self.messages:
            word = f"{message.verb} {message.device}".strip()
            if not (found and found[-1] == word and message.verb in ("NDATA", "DDATA")):
                found.append(word)
        return found

    def of(self, verb: str) -> list[Arrived]:
        """The messages of a kind."""
        return [message for message in self.messages if message.verb == verb]

    def _nbirth(self, message: Arrived) -> list[str]:
        problems = [] if message.payload.seq == 0 else [f"seq {message.payload.seq}"]
        self.aliases, self.born, self.seq = {}, set(), 0
        named = {m.name: m for m in message.payload.metrics}
        if named["Node Control/Rebirth"].fields.get("alias") is not None:
            problems.append("an alias of Rebirth")
        if named["Node Control/Rebirth"].value is not False:
            problems.append("Rebirth is not false")
        if named["bdSeq"].datatype != 4:
            problems.append("bdSeq is no Int64")
        self.bd_seq = named["bdSeq"].value
        plain = [
            m for m in message.payload.metrics if m.name not in ("bdSeq", "Node Control/Rebirth")
        ]
        return problems + self._names("", plain) + self._stamped(message)

    def _dbirth(self, message: Arrived) -> list[str]:
        problems = self._next(message) + self._names(message.device, message.payload.metrics)
        self.born.add(message.device)
        return problems + self._stamped(message)

    def _ndata(self, message: Arrived) -> list[str]:
        return self._next(message) + self._data(message) + self._stamped(message)

    def _ddata(self, message: Arrived) -> list[str]:
        unborn = [] if message.device in self.born else ["data before birth"]
        return unborn + self._ndata(message)

    def _ddeath(self, message: Arrived) -> list[str]:
        unborn = [] if message.device in self.born else ["death before birth"]
        self.born.discard(message.device)
        return unborn + self._next(message)

    def _ndeath(self, message: Arrived) -> list[str]:
        (metric,) = message.payload.metrics
        problems = [] if message.payload.seq is None else ["an NDEATH with a seq"]
        if self.seq is not None and metric.value != self.bd_seq:
            problems.append(f"bdSeq {metric.value} after a birth with {self.bd_seq}")
        if message.qos != 1:
            problems.append("not of quality 1")
        self.seq, self.born = None, set()
        return problems

    def _next(self, message: Arrived) -> list[str]:
        if self.seq is None:
            return ["before any NBIRTH"]
        wanted, self.seq = (self.seq + 1) % 256, message.payload.seq
        return [] if message.payload.seq == wanted else [f"seq {self.seq} instead of {wanted}"]

    def _names(self, device: str, metrics: list[ReadMetric]) -> list[str]:
        problems = []
        for metric in metrics:
            if not metric.name or metric.alias is None or metric.datatype is None:
                problems.append(f"incomplete: {metric.fields}")
            known = self.aliases.get(metric.alias)
            if known is not None and known[:2] != (device, metric.name):
                problems.append(f"alias {metric.alias} of {metric.name} is that of {known}")
            self.aliases[metric.alias] = device, metric.name, metric.datatype
        return problems

    def _data(self, message: Arrived) -> list[str]:
        problems = []
        for metric in message.payload.metrics:
            device, name, _ = self.aliases.get(metric.alias, ("?", "?", 0))
            if device != message.device:
                problems.append(f"alias {metric.alias} is unknown")
            if metric.name is not None or metric.datatype is not None:
                problems.append("a name or a type in data")
            told = Told(
                metric.timestamp, metric.value, metric.properties.get("DrylineQuality", 0),
                metric.properties.get("Quality", 192), bool(metric.is_historical),
            )  # fmt: skip
            self.values[device, name].append(told)
        return problems

    @staticmethod
    def _stamped(message: Arrived) -> list[str]:
        times = [message.payload.timestamp, *(m.timestamp for m in message.payload.metrics)]
        return ["without a time"] if None in times else []


class SparkplugHost:
    """Listens to everything of one group. As a context it is there when it begins."""

    def __init__(self, broker: Mosquitto, group: str = "works", *, tls: Sequence[str] = ()) -> None:
        self._broker, self._group, self._tls = broker, group, tls
        self.nodes: dict[str, Node] = defaultdict(Node)
        self.others: list[str] = []
        self._probed = threading.Event()
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        command = [debian.require("mosquitto_sub", "mosquitto-clients"), *self._broker.words()]
        command += ["-q", "1", "-c", "-i", "test-host", "-F", "%t %q %r %x", *self._tls]
        topics = ["-t", f"spBv1.0/{self._group}/#", "-t", PROBE]
        self._process = subprocess.Popen([*command, *topics], stdout=subprocess.PIPE)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        until_s = time.monotonic() + READY_S
        while not self._probed.wait(0.1):
            assert time.monotonic() < until_s
            self._broker.publish(PROBE, b"x", self._tls)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._thread.join()
        self._process.__exit__(None, None, None)

    def node(self, name: str = "small") -> Node:
        """An edge node."""
        return self.nodes[name]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            topic, qos, retain, content = (line.decode().rstrip("\n") + " ").split(" ")[:4]
            if topic == PROBE:
                self._probed.set()
                continue
            _, _, verb, name, *device = topic.split("/")
            if verb in ("NCMD", "DCMD"):
                continue
            node = self.nodes[name]
            if retain != "0":
                node.broken.append(f"{topic} is retained")
            payload = read_payload(bytes.fromhex(content))
            node.take(Arrived(verb, "/".join(device), int(qos), payload))
