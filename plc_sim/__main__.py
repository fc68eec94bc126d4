"""Entry point of the simulated plant: `python -m plc_sim run|station|score|rehearse`."""

import asyncio
import errno
import logging
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from controller.clock import SystemClock
from controller.config import LineConfig, load_line
from controller.core.errors import ConfigError, DrylineError
from plc_sim.fault_file import read_schedule
from plc_sim.plant import Plant
from plc_sim.plant_process import EXIT_PORT, run_plant
from plc_sim.rehearsal.command import read_wish, run_command
from plc_sim.score import print_score
from plc_sim.station_process import run_station

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

Line = Annotated[Path, typer.Option("--line")]
Run = Annotated[Path, typer.Option("--run")]
Speed = Annotated[float, typer.Option()]
Epoch = Annotated[float | None, typer.Option()]
SetPointLog = Annotated[bool, typer.Option("--set-point-log")]


@app.command()
def run(
    line: Line,
    run: Run,
    speed: Speed = 1.0,
    epoch: Epoch = None,
    seed: Annotated[int, typer.Option()] = 1,
    faults: Annotated[Path | None, typer.Option()] = None,
    set_point_log: SetPointLog = False,
) -> None:
    """Physics in this process, one child process a PLC.

    --set-point-log: each PLC notes what was asked and what came to act in RUN/NAME.setpoints.csv.
    """
    _start_logging()
    config = _load(line)
    run.mkdir(parents=True, exist_ok=True)
    clock = SystemClock(speed, epoch)
    plant = Plant(seed=seed)
    try:
        for injection in read_schedule(faults) if faults else ():
            plant.faults.add(injection)
        command = ["station", "--line", str(line), "--run", str(run), "--speed", str(speed)]
        command += ["--epoch", repr(clock.epoch_utc_s)]
        command += ["--set-point-log"] if set_point_log else []
        _run(run_plant(config, plant, run, clock, command))
    except DrylineError as error:
        _fail(str(error), 2 if isinstance(error, ConfigError) else 1)


@app.command()
def station(
    name: str, line: Line, run: Run, speed: Speed = 1.0, epoch: Epoch = None,
    set_point_log: SetPointLog = False,
) -> None:  # fmt: skip
    """One PLC with its protocol server."""
    _start_logging()
    config = _load(line)
    try:
        clock = SystemClock(speed, epoch)
        _run(run_station(config, name, run, clock, logged=set_point_log))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        _fail(f"PLC of {name}: {error.strerror}: another line runs on these ports", EXIT_PORT)


@app.command()
def score(
    hours: Annotated[float, typer.Option()] = 8.0,
    seeds: Annotated[int, typer.Option()] = 3,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Reference experiments in lockstep."""
    print_score(hours, seeds, as_json=json)


@app.command()
def rehearse(wish: str) -> None:
    """A recipe on the plant in lockstep; wish: JSON, see plc_sim.rehearsal.command.Wish."""
    raise typer.Exit(run_command(read_wish(wish)))


def _load(folder: Path) -> LineConfig:
    try:
        return load_line(folder)
    except ConfigError as error:
        _fail(str(error), 2)
        raise


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine until SIGTERM or SIGINT, then let it end in order."""

    async def until_told() -> None:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            return

    asyncio.run(until_told())


def _start_logging() -> None:
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for noisy in ("asyncua", "pymodbus", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _fail(text: str, code: int) -> None:
    sys.stderr.write(text + "\n")
    raise typer.Exit(code)


if __name__ == "__main__":
    app()
