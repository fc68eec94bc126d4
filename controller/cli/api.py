"""`dryline api`: the API of a line, beside its controllers."""

import asyncio
import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from controller.api.settings import ApiSettings
from controller.cli import SHIPPED_LINE, LineFolder, RunFolder, told
from controller.cli.recipes import RECIPES, Folder
from controller.clock import SystemClock
from controller.config import LineConfig, load_line
from controller.core.errors import DrylineError
from controller.epoch import shared_epoch
from controller.metrics.settings import OFF, parse_address
from controller.priority import give_way

NICER = 10  # the controller comes first, also while libraries are loaded here


def api(
    line: LineFolder = SHIPPED_LINE,
    run: RunFolder = Path("run"),
    listen: Annotated[
        str, typer.Option(help="ADDRESS:PORT, or off; default: [api] of line.toml.")
    ] = "",
    recipes: Folder = RECIPES,
    speed: Annotated[
        float, typer.Option(min=0.1, max=50.0, help="That of the simulated plant; 1: a real one.")
    ] = 1.0,
    epoch: Annotated[float | None, typer.Option(hidden=True)] = None,
    screens: Annotated[
        str, typer.Option(help="Folder of screens, read again when it changes; or off.")
    ] = "",
) -> None:
    """Start only the API: screens, scripts and the command line talk to the line through it."""
    config = told(lambda: load_line(line))
    settings = told(lambda: api_settings(config, listen, screens))
    told(lambda: _serve(config, run, recipes, settings, speed, epoch))
    logging.shutdown()
    os._exit(0)  # a question about history that nobody waits for any more must not hold us up


def _serve(
    config: LineConfig, run: Path, recipes: Path, settings: ApiSettings, speed: float,
    epoch: float | None,
) -> None:  # fmt: skip
    give_way(NICER)
    from controller.api.logs import start_logging  # noqa: PLC0415 - loads a web framework
    from controller.api.process import Plan, run_api  # noqa: PLC0415

    if epoch is None:
        epoch = shared_epoch(run, speed, SystemClock().now_s())
    clock = SystemClock(speed, epoch)
    start_logging(clock.link_s)
    plan = Plan(config=config, run=run, clock=clock, recipes=recipes, settings=settings)
    asyncio.run(run_api(plan))


def api_settings(config: LineConfig, listen: str, screens: str = "") -> ApiSettings:
    """Those of the line, with another address or folder where the command line gives one."""
    found = config.api
    if screens:
        folder = screens if screens == OFF else str(Path(screens).resolve())
        found = found.model_copy(update={"screens": folder})
    if not listen:
        return found
    if listen != OFF:
        try:
            parse_address(listen)
        except ValueError as error:
            raise DrylineError(f"--listen {listen!r}: {error}, or {OFF}") from None
    return found.model_copy(update={"listen": listen})


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(api)


def main() -> None:
    """The command alone, for `python -m controller.api`."""
    typer.run(api)
