"""What an edge node makes of messages from the broker. Dryline takes no commands from there.

The one thing that a host may ask for is a rebirth, which changes nothing but what hosts know. All
else is refused and told to people.
"""

import json
from typing import NamedTuple

from controller.sinks.sparkplug_node import REBIRTH, Topics
from controller.sinks.sparkplug_payload import NotSparkplugError, Payload, decode
from controller.sinks.sparkplug_phases import Turn

MAX_PAYLOAD = 65_536
SHOWN = 80  # characters of a foreign name that are repeated
NAMES_SHOWN = 5


class Heard(NamedTuple):
    """What a message means. refused: in words, what was asked for; is_echo: our own birth."""

    turn: Turn | None = None
    refused: str = ""
    is_echo: bool = False


class Ears:
    """Listens for one edge node. primary_host: "" for none."""

    def __init__(self, topics: Topics, primary_host: str = "", *, echo: bool = True) -> None:
        self._commands = topics.of("NCMD")
        self._device_commands = topics.of("DCMD") + "/"
        self._birth = topics.of("NBIRTH")
        self._state = Topics.state_of(primary_host) if primary_host else ""
        self._state_ms = -1
        self._echo = echo

    def subscriptions(self) -> list[tuple[str, int]]:
        """Topics with their quality of service."""
        found = [(self._commands, 1), (f"{self._device_commands}+", 1)]
        if self._state:
            found.append((self._state, 1))
        if self._echo:
            found.append((self._birth, 0))
        return found

    def begin(self) -> None:
        """A connection is new: what was heard on an earlier one no longer counts."""
        self._state_ms = -1

    def hear(self, topic: str, content: bytes) -> Heard:
        """What a message means."""
        if topic == self._birth:
            return Heard(is_echo=True)
        if topic == self._state:
            return Heard(self._host_state(content))
        if topic == self._commands:
            return _command(content)
        if topic.startswith(self._device_commands):
            device = _shown(topic.removeprefix(self._device_commands))
            return Heard(refused=f"{_asked_for(content)} of device {device}")
        return Heard()

    def _host_state(self, content: bytes) -> Turn | None:
        """JSON with `online` and `timestamp`; an older one than the last says nothing."""
        try:
            found = json.loads(content[:MAX_PAYLOAD])
            online, time_ms = found["online"], found["timestamp"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        if not isinstance(online, bool) or not isinstance(time_ms, int):
            return None
        if time_ms < self._state_ms:
            return None
        self._state_ms = time_ms
        return Turn.HOST_ONLINE if online else Turn.HOST_OFFLINE


def _command(content: bytes) -> Heard:
    try:
        metrics = _payload(content).metrics
    except NotSparkplugError as error:
        return Heard(refused=f"a command that cannot be read ({error})")
    others = [metric.name for metric in metrics if metric.name != REBIRTH]
    asks = any(metric.name == REBIRTH and metric.value is True for metric in metrics)
    refused = _asked_for(content) if others else ""
    return Heard(Turn.REBIRTH if asks else None, refused)


def _asked_for(content: bytes) -> str:
    try:
        metrics = _payload(content).metrics
    except NotSparkplugError:
        return "a command that cannot be read"
    names = [_shown(m.name or f"alias {m.alias}") for m in metrics if m.name != REBIRTH]
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"a command to write {', '.join(names[:NAMES_SHOWN]) or 'nothing'}{more}"


def _payload(content: bytes) -> Payload:
    if len(content) > MAX_PAYLOAD:
        raise NotSparkplugError(f"{len(content)} bytes")
    return decode(content)


def _shown(text: str) -> str:
    """A foreign name that cannot play tricks in a log or on a screen."""
    return "".join(c if c.isprintable() else "?" for c in text)[:SHOWN]
