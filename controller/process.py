"""The controller process: historian, line, console, and an orderly end."""

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from controller import run_folder
from controller.clock import SystemClock
from controller.config import LineConfig
from controller.console import Console
from controller.core.errors import StoreError
from controller.deploy import Deployer
from controller.desk import Desk
from controller.gate import Gate
from controller.historian import Historian, HistorianSettings
from controller.line import Line, history_tags
from controller.line_security import Certificates, anchored
from controller.live_stream import LiveStream
from controller.metrics.figures import Shown
from controller.metrics.settings import Endpoint
from controller.real_time import ask_for, follow
from controller.recipe_kind import recipe_kinds
from controller.recipe_library import RecipeLibrary
from controller.run_folder import history_path, live_path, socket_path
from controller.run_store import STORE
from controller.sinks.ledger_reader import SentByAll
from controller.sinks.places import ledgers as ledgers_of
from controller.sinks.status import SinkStatus
from controller.sinks.watch import SinkWatch, command_of
from controller.station_lock import StationLocks
from controller.supervise import Supervisor
from controller.trials import Trials

if TYPE_CHECKING:
    from controller.metrics.service import MetricsService

log = logging.getLogger("dryline.controller")
SOCKET = run_folder.SOCKET
CLOSE_S = 3.0
LEAVE_S = 1.0
SWITCH_S = 0.0005  # so long a scan that is due waits for a thread that reads a recipe
RECIPES = Path("recipes")


async def run_controller(
    config: LineConfig,
    run: Path,
    clock: SystemClock,
    recipes: Path = RECIPES,
    metrics: Endpoint | None = None,
) -> None:
    """Run until SIGTERM or SIGINT; then flush and leave within five seconds.

    metrics: where figures are shown; None for nowhere.
    """
    sys.setswitchinterval(SWITCH_S)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    config = anchored(config, run)
    names = [s.name for s in config.stations]
    shown = Shown(config, clock, metrics is not None and metrics.tag_values)
    with StationLocks(run, names, config.part, clock.utc_ns()), _metrics(shown, metrics) as service:
        await _run(shown, run, clock, ended, recipes, service)


def _metrics(
    shown: Shown, endpoint: Endpoint | None
) -> "AbstractContextManager[MetricsService | None]":
    """The service that shows figures, from now on; nothing when nobody wants them."""
    if endpoint is None:
        return nullcontext()
    from controller.metrics.service import MetricsService  # noqa: PLC0415 - loads its library

    return MetricsService(shown, endpoint.address)


async def _run(
    shown: Shown,
    run: Path,
    clock: SystemClock,
    ended: asyncio.Event,
    recipes: Path,
    metrics: "MetricsService | None",
) -> None:
    config = shown.config
    settings = _settings(config)
    ledgers = ledgers_of(run, config.sinks, config.part)
    sent = SentByAll(ledgers) if ledgers else None
    historian = Historian(
        history_path(config, run), history_tags(config), clock, settings, sent,
        begun=partial(follow, config.realtime_priority),
    )  # fmt: skip
    shown.history = lambda: historian.status
    await historian.start_async()
    socket = socket_path(run, config.part)
    try:
        line = shown.line = Line(config, clock, historian, run / STORE)
        library = RecipeLibrary(recipes, recipe_kinds(config))
        gate = Gate(line)
        deployer = Deployer(gate, library)
        trials = Trials(gate, deployer, library)
        desk = Desk(line, historian, gate, deployer, trials)
        keep_for_good()
        stream = LiveStream(live_path(run, config.part), line)
        async with Supervisor(clock) as supervisor, stream, Console(socket, desk.answer):
            certificates = Certificates(config, run, clock, line.tell)
            certificates.look()
            line.first_to_expire = lambda: certificates.first
            hurry(line)
            line.keep(supervisor)
            supervisor.keep("certificates", certificates.run)
            supervisor.keep("line health", desk.publish)
            supervisor.keep("trials", trials.run)
            supervisor.keep("live stream", stream.publish)
            if config.sinks:
                shown.sinks = _keep_sinks(supervisor, line, historian, run, clock)
            if metrics is not None:
                supervisor.keep("metrics", metrics.run)
            log.info("controller runs, console at %s", socket)
            await ended.wait()
            shown.ending = True
        await _leave(line)
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(historian.close_async(CLOSE_S), CLOSE_S + 1.0)


def _settings(config: LineConfig) -> HistorianSettings:
    history = config.history
    return HistorianSettings(
        commit_interval_s=history.commit_interval_s,
        raw_days=history.raw_days,
        ten_s_days=history.ten_s_days,
        minute_days=history.minute_days,
        max_bytes=history.max_mb * 10**6,
        outbox_bytes=history.outbox_mb * 10**6,
    )


def keep_for_good() -> None:
    """Take what is there now out of garbage collection.

    To go through all modules and tags of a line takes longer than a scan period, and reading a
    recipe makes enough new objects to set that off.
    """
    gc.collect()
    gc.freeze()


def hurry(line: Line) -> None:
    """Give this thread the priority that line.toml asks for; where it is refused the line runs on
    without, and says so."""
    line.real_time = ask_for(line.config.realtime_priority)
    if line.real_time.refused:
        log.warning("%s", line.real_time.refused)
        line.tell(line.real_time.refused)


def _keep_sinks(
    supervisor: Supervisor, line: Line, historian: Historian, run: Path, clock: SystemClock
) -> Callable[[], Sequence[SinkStatus]]:
    """Have the sinks fed from history, by a process of their own; what they tell of themselves."""
    config = line.config
    watch = SinkWatch(
        config.sinks, run, config.part, clock, historian,
        command=command_of(config, run, historian.path, clock),
        durable=historian.flush,
    )  # fmt: skip
    line.sink_figures = watch.figures
    supervisor.keep("sinks", watch.run)
    supervisor.keep("figures of the sinks", watch.follow)
    return lambda: watch.statuses


async def _leave(line: Line) -> None:
    """Save what stations must remember; a disk that refuses or is silent does not hold us up."""
    try:
        async with asyncio.timeout(LEAVE_S):
            await line.save()
            await asyncio.to_thread(line.record.close)
    except (StoreError, TimeoutError) as error:
        log.error("runs and station memory are not saved: %s", error or "no answer of the disk")  # noqa: TRY400
    line.tell("controller stopped in order", process="controller stopped")
