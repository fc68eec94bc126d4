"""The command line: `dryline COMMAND`. Exit codes: 0 done, 1 refused or failed, 2 wrong input."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console as Screen

from controller.core.errors import ConfigError, DrylineError

SHIPPED_LINE = Path(__file__).resolve().parent.parent / "lines" / "pilot"
EXIT_FAILED = 1
EXIT_INPUT = 2

screen = Screen()
errors = Screen(stderr=True)

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
