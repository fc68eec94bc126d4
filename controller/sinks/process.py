"""The process of the sinks of one controller: it reads the store and talks to servers.

It is the controller's child and ends with it: when the pipe on its standard input closes, its
controller is gone. It ends by itself, to be started again, when a configuration has changed.
"""

import importlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from pydantic import BaseModel

from controller.clock import SystemClock
from controller.core.errors import ConfigError
from controller.priority import give_way
from controller.sinks.forwarder import Forwarder, Plan, Session, Target
from controller.sinks.places import SinkConfig, SinkPlaces, Site

log = logging.getLogger("dryline.sinks")

NICENESS = 10  # control, history and people come first
PERIOD_S = 1.0
STDIN = 0
FILES_OF_SETTINGS = ("token_file", "password_file", "ca_file", "cert_file", "key_file")

Stamp = tuple[int, int]


class Work(NamedTuple):
    """What the process is to do.

    store: the history it reads; line, part: names in what is sent; files are named from folder.
    """

    store: Path
    run: Path
    line: str
    part: str
    folder: Path
    sinks: tuple[SinkConfig, ...]


def connect(sink: SinkConfig, folder: Path) -> Target:
    """A connection."""
    target: Target = _module(sink).Sink(sink.settings, folder)
    return target


def _module(sink: SinkConfig) -> ModuleType:
    """The kind in the config is the module name."""
    return importlib.import_module(f"controller.sinks.{sink.kind}")


def session_of(work: Work, sink: SinkConfig, clock: SystemClock) -> Session | None:
    """What the lanes of a sink share, if its kind has a class Session."""
    make = getattr(_module(sink), "Session", None)
    if make is None:
        return None
    places = SinkPlaces(work.run, sink.name, work.part)
    session: Session = make(
        sink.settings, Site(work.line, work.part, work.store, work.folder, places), clock
    )
    return session


def plan_of(work: Work, sink: SinkConfig, clock: SystemClock) -> Plan:
    """What a sink is made of."""
    settings, session = sink.settings, session_of(work, sink, clock)
    return Plan(
        name=sink.name,
        store=work.store,
        places=SinkPlaces(work.run, sink.name, work.part),
        line=work.line,
        connect=session.connect if session else partial(connect, sink, work.folder),
        batch_points=getattr(settings, "batch_points", 5000),
        backfill_points_per_s=getattr(settings, "backfill_points_per_s", 0.0),
        session=session,
    )


def run_sinks(work: Work, clock: SystemClock, reload: Callable[[], Sequence[SinkConfig]]) -> bool:
    """Run until told to end; False when a lane has failed. Raises StoreError at the start.

    reload: the sinks as the configuration has them now.
    """
    for sink in work.sinks:
        _module(sink)  # loading libraries takes long enough without being polite
    give_way(NICENESS)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    threading.Thread(target=_follow_parent, args=(ended,), daemon=True).start()
    watch = ConfigWatch(work, reload)
    with ExitStack() as stack:
        running = []
        for sink in work.sinks:
            forwarder = Forwarder(plan_of(work, sink, clock), clock)
            stack.callback(forwarder.stop)
            running.append(forwarder)
        for forwarder in running:
            stack.callback(forwarder.halt)  # all are told before the first is waited for
            forwarder.start()
        log.info("sinks run: %s", ", ".join(sink.name for sink in work.sinks))
        while not ended.wait(PERIOD_S):
            for forwarder in running:
                forwarder.publish()
            if any(forwarder.broken.is_set() for forwarder in running):
                return False
            if watch.changed():
                log.info("the configuration of the sinks has changed: they begin again with it")
                break
    return True


class ConfigWatch:
    """Notices that settings of sinks, or files that they name, are other ones."""

    def __init__(self, work: Work, reload: Callable[[], Sequence[SinkConfig]]) -> None:
        self._work, self._reload = work, reload
        self._line_file = work.folder / "line.toml"
        self._line_stamp = _stamp(self._line_file)
        self._files = {path: _stamp(path) for path in _named_files(work)}

    def changed(self) -> bool:
        """Whether to begin again. A configuration with mistakes changes nothing."""
        if any(_stamp(path) != stamp for path, stamp in self._files.items()):
            return True
        stamp = _stamp(self._line_file)
        if stamp == self._line_stamp:
            return False
        self._line_stamp = stamp
        try:
            found = self._reload()
        except ConfigError as error:
            log.warning("the changed configuration is not used by the sinks: %s", error)
            return False
        return _settings(found) != _settings(self._work.sinks)


def _settings(sinks: Sequence[SinkConfig]) -> dict[str, BaseModel]:
    return {sink.name: sink.settings for sink in sinks}


def _named_files(work: Work) -> list[Path]:
    names = [getattr(s.settings, key, "") for s in work.sinks for key in FILES_OF_SETTINGS]
    return [work.folder / name for name in names if name]


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _follow_parent(ended: threading.Event) -> None:
    while os.read(STDIN, 1024):  # not sys.stdin, whose lock would hold up the end
        pass
    ended.set()
