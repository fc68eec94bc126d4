"""Commands that run something: up, sim, controller, check, score."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from controller.cli import (
    EXIT_FAILED,
    EXIT_INPUT,
    SHIPPED_LINE,
    AsJson,
    LineFolder,
    RunFolder,
    errors,
    print_json,
    screen,
    start_logging,
    told,
)
from controller.cli.api import api_settings
from controller.cli.children import Child, Children
from controller.cli.listening import listens, plcs_listen
from controller.clock import SystemClock
from controller.config import LineConfig, load_line
from controller.config import check as check_folder
from controller.core.errors import DrylineError
from controller.durable import make_folder
from controller.epoch import shared_epoch
from controller.exact_loop import run_exactly
from controller.metrics.settings import OFF, Endpoint, of_part, parse_address
from controller.operator_limits import OperatorLimits, limit_problems
from controller.part import part_of
from controller.process import RECIPES, run_controller

Speed = Annotated[
    float, typer.Option(min=0.1, max=50.0, help="Plant seconds per wall second (simulation only).")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all noise and disturbances.")]
Faults = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="Fault schedule (CSV).")
]
Epoch = Annotated[
    float | None,
    typer.Option(help="UTC seconds at which plant time and wall time were equal.", hidden=True),
]
Recipes = Annotated[Path, typer.Option(help="Folder of the recipes that may be deployed.")]
Stations = Annotated[
    list[str] | None,
    typer.Option("--station", help="Control only this station; may be given several times."),
]
_ORDERS_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, kill, a closed terminal

Metrics = Annotated[
    str,
    typer.Option(help="Show figures at ADDRESS:PORT, or off; default: [metrics] of line.toml."),
]


def up(  # noqa: PLR0913, PLR0917 - an argument for each option
    line: LineFolder = SHIPPED_LINE,
    run: RunFolder = Path("run"),
    speed: Speed = 1.0,
    seed: Seed = 1,
    faults: Faults = None,
    start: Annotated[bool, typer.Option(help="Also give START to every station.")] = False,
    split: Annotated[
        bool,
        typer.Option("--split", help="A controller for each station, started again if it ends."),
    ] = False,
    recipes: Recipes = RECIPES,
    metrics: Metrics = "",
    api: Annotated[
        bool, typer.Option("--api/--no-api", help="Also the API, for screens and scripts.")
    ] = True,
    listen: Annotated[
        str, typer.Option(help="Screens and API at ADDRESS:PORT, or off; default: line.toml.")
    ] = "",
    screens: Annotated[str, typer.Option(help="Folder of other screens, or off.")] = "",
    demo: Annotated[
        bool, typer.Option("--demo", help="Where there are no users, add one who may do all.")
    ] = False,
) -> None:
    """Start the simulated plant, the controller and the API as processes; Ctrl-C stops them all."""
    config = told(lambda: load_line(line))
    told(lambda: OperatorLimits(config))
    told(lambda: _endpoint(config, metrics))
    served = told(lambda: api_settings(config, listen, screens))
    make_folder(run)
    login, recipes = _demo(run, recipes) if demo and api else ("", recipes)
    common = ["--line", str(line), "--run", str(run), "--speed", str(speed)]
    common += ["--epoch", repr(shared_epoch(run, speed, SystemClock().now_s()))]
    plant = [*common, "--seed", str(seed), *(["--faults", str(faults)] if faults else [])]
    parts = [["--station", s.name] for s in config.stations] if split else [[]]
    at = [*(["--listen", listen] if listen else []), *(["--screens", screens] if screens else [])]
    names = list(config.line_stations)
    common += ["--recipes", str(recipes)]
    started = [
        Child("the plant", [sys.executable, "-m", "plc_sim", "run", *plant]),
        *(_controller_child([*common, *p, *_shown_at(metrics, names, p)], p) for p in parts),
        *([_api_child([*common, *at])] if api else []),
    ]
    for child in started[1:]:  # until the plant is there they could only tell of silent PLCs
        child.after = plcs_listen(config)
    children = Children(started, _told_plainly)
    with _ended(children):
        for order in _ORDERS_TO_END:
            if signal.getsignal(order) is not signal.SIG_IGN:  # as under nohup
                signal.signal(order, children.order_to_end)
        children.start()
        _greet(f"{config.title} is starting, {speed:g} x real time.", run)
        at_home = served.address
        if api and at_home is not None:
            children.watch_until(lambda: listens(at_home.host, at_home.port))
            if not children.ending:
                _greet(f"Screens:   {served.home}\n{login}")
        if start:
            _start_all(run, children)
        children.watch()


@contextlib.contextmanager
def _ended(children: Children) -> Iterator[None]:
    """Whatever happens, no process stays behind; a second order to end changes nothing."""
    try:
        yield
    finally:
        for order in _ORDERS_TO_END:
            signal.signal(order, signal.SIG_IGN)
        in_order = children.end()
    raise typer.Exit(0 if in_order else EXIT_FAILED)


def _greet(text: str, run: Path | None = None) -> None:
    lines = [text.rstrip()]
    if run is not None:
        lines.append(f"Watch it:  dryline watch enclosure --run {run}")
        lines.append(f"Start it:  dryline start all --run {run}     Stop it: Ctrl-C here")
    screen.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _demo(run: Path, recipes: Path) -> tuple[str, Path]:
    """How to log in, and the recipes. The password is shown to a person only: what is printed
    elsewhere is kept."""
    from controller.cli.demo import (  # noqa: PLC0415 - rarely used
        KEPT_IN,
        NAME,
        demo_login,
        demo_recipes,
    )

    password = told(lambda: demo_login(run))
    if password is None:
        return "", recipes
    own = told(lambda: demo_recipes(recipes, run))
    if sys.stdout.isatty():
        return f"Log in:    {NAME}, password {password.reveal()}\n", own
    return f"Log in:    {NAME}; the password is in {run / KEPT_IN}\n", own


def _told_plainly(text: str) -> None:
    errors.print(text, markup=False, highlight=False, soft_wrap=True)


def _controller_child(words: list[str], part: list[str]) -> Child:
    """Of the whole line, or of a part: that one may end without the others."""
    name = f"the controller of {part[-1]}" if part else "the controller"
    command = [sys.executable, "-m", "controller", "controller", *words]
    return Child(name, command, again=bool(part))


def _api_child(words: list[str]) -> Child:
    """Control does not need it: it is started again when it ends."""
    return Child("the API", [sys.executable, "-m", "controller", "api", *words], again=True)


def _endpoint(config: LineConfig, wanted: str) -> Endpoint | None:
    """Where a controller shows its figures. wanted: on the command line, "" for nothing said."""
    section = config.metrics
    if wanted == OFF or (section is None and not wanted):
        return None
    if not wanted and section is not None:
        part = [s.name for s in config.stations] if config.part else []
        address = of_part(parse_address(section.listen), config.line_stations, part)
        return Endpoint(address, section.tag_values)
    try:
        address = parse_address(wanted)
    except ValueError as error:
        raise DrylineError(f"--metrics {wanted!r}: {error}, or off") from None
    if not address.loopback and not (section and section.open_to_network):
        raise DrylineError(
            f"--metrics {wanted}: other machines could read there, without a password or "
            "encryption; [metrics] of line.toml must say open_to_network = true"
        )
    return Endpoint(address, section is not None and section.tag_values)


def _shown_at(metrics: str, stations: list[str], part: list[str]) -> list[str]:
    """The option of a child: each controller of a part has an address of its own."""
    if metrics in ("", OFF):
        return ["--metrics", metrics] if metrics else []
    return ["--metrics", str(of_part(parse_address(metrics), stations, part[-1:]))]


def _start_all(run: Path, children: Children) -> None:
    from controller.cli.operate import start_when_ready  # noqa: PLC0415 - only for --start

    start_when_ready(run, children.step)


def sim(
    line: LineFolder = SHIPPED_LINE,
    run: RunFolder = Path("run"),
    speed: Speed = 1.0,
    seed: Seed = 1,
    faults: Faults = None,
) -> None:
    """Start only the simulated plant (for a controller elsewhere, or another client)."""
    told(lambda: load_line(line))
    extra = ["--faults", str(faults)] if faults else []
    command = ["--line", str(line), "--run", str(run), "--speed", str(speed), "--seed", str(seed)]
    command += ["--epoch", repr(shared_epoch(run, speed, SystemClock().now_s()))]
    os.execv(sys.executable, [sys.executable, "-m", "plc_sim", "run", *command, *extra])  # noqa: S606


def controller(
    line: LineFolder = SHIPPED_LINE,
    run: RunFolder = Path("run"),
    speed: Speed = 1.0,
    epoch: Epoch = None,
    station: Stations = None,
    recipes: Recipes = RECIPES,
    metrics: Metrics = "",
) -> None:
    """Start only the controller. --speed must equal that of the simulated plant (1: a real one)."""
    config = told(lambda: part_of(load_line(line), station or ()))
    endpoint = told(lambda: _endpoint(config, metrics))
    start_logging()
    if epoch is None:
        epoch = shared_epoch(run, speed, SystemClock().now_s())
    clock = SystemClock(speed, epoch)
    told(lambda: run_exactly(run_controller(config, run, clock, recipes, endpoint)))


def check(line: LineFolder = SHIPPED_LINE, json: AsJson = False) -> None:
    """Check line.toml and the I/O list; print a summary, or every mistake with file and line."""
    config, problems = told(lambda: check_folder(line))
    if config is not None and (problems := limit_problems(config)):
        config = None
    if json:
        rows = [
            {"file": p.file, "line": p.line, "field": p.field, "value": p.value,
             "message": p.message}
            for p in problems
        ]  # fmt: skip
        print_json({"ok": config is not None, "problems": rows})
    elif config is not None:
        screen.print(config.summary(), markup=False, highlight=False)
    else:
        for p in problems:
            errors.print(str(p), style="red", markup=False, highlight=False, soft_wrap=True)
        errors.print(f"{len(problems)} problem(s); nothing was started.", markup=False)
    if config is None:
        raise typer.Exit(EXIT_INPUT)


def score(
    hours: Annotated[float, typer.Option(min=0.1, help="Plant hours of each experiment.")] = 8.0,
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Seeds of the dew-point runs.")] = 3,
    json: AsJson = False,
) -> None:
    """Run the reference experiments in lockstep and print what physics and loops reach."""
    command = ["score", "--hours", str(hours), "--seeds", str(seeds), *(["--json"] if json else [])]
    os.execv(sys.executable, [sys.executable, "-m", "plc_sim", *command])  # noqa: S606


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (up, sim, controller, check, score):
        app.command()(command)
