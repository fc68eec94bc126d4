"""The command line: `dryline COMMAND`. Exit codes: 0 done, 1 refused or failed, 2 wrong input."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console as Screen

from controller.clock import NS
from controller.core.errors import ConfigError, DrylineError

SHIPPED_LINE = Path(__file__).resolve().parent.parent / "lines" / "pilot"
EXIT_FAILED = 1
EXIT_INPUT = 2
UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

# ":CD:" in a fingerprint is no picture of a disk.
screen = Screen(emoji=False)
errors = Screen(stderr=True, emoji=False)

LineFolder = Annotated[
    Path, typer.Option("--line", help="Folder with line.toml and its I/O list.", show_default=False)
]
RunFolder = Annotated[
    Path, typer.Option("--run", help="Folder for history, station memory and sockets.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]

Result = TypeVar("Result")


def told(work: Callable[[], Result]) -> Result:
    """Run; a mistake of the user becomes a message and an exit code, never a traceback."""
    try:
        return work()
    except ConfigError as error:
        for problem in error.problems:
            errors.print(str(problem), style="red", markup=False, highlight=False, soft_wrap=True)
        errors.print(f"{len(error.problems)} problem(s); nothing was started.", markup=False)
        raise typer.Exit(EXIT_INPUT) from None
    except (DrylineError, LookupError, ValueError, OSError) as error:
        text = str(error).strip("'\"")
        errors.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(EXIT_FAILED) from None


def span_ns(text: str, option: str) -> int:
    """Nanoseconds of '90s', '30m', '8h' or '29d'; DrylineError names the option."""
    number, unit = text[:-1], text[-1:]
    if unit not in UNITS_S or not number.replace(".", "", 1).isdigit():
        raise DrylineError(f"{option} {text!r}: a number and s, m, h or d, for example 30m")
    return int(float(number) * UNITS_S[unit] * NS)


def start_logging(level: int = logging.INFO) -> None:
    """Quiet libraries, our own changes of state on standard error."""
    logging.basicConfig(
        level=level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", stream=sys.stderr
    )
    for noisy in ("asyncua", "pymodbus", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def print_json(value: Any) -> None:
    """Plain JSON on standard output, nothing around it."""
    screen.print_json(data=value)
