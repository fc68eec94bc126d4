"""`python -m controller.sinks`: the process of the sinks, started by its controller.

It reads only its own sections of line.toml and loads no protocol library, so that it is small and
there at once.
"""

import argparse
import logging
import sys
from dataclasses import replace
from pathlib import Path

from controller.clock import SystemClock
from controller.config import MAX_TOML_BYTES, installed_modules
from controller.core.errors import ConfigError, DrylineError
from controller.line_file import LINE_FILE, DriverSection, parse_line
from controller.sinks.places import SinkConfig
from controller.sinks.process import Work, run_sinks
from controller.text_file import read_text

log = logging.getLogger("dryline.sinks")


def sinks_of(folder: Path) -> tuple[SinkConfig, ...]:
    """The sinks of line.toml; ConfigError when anything in that file but a driver is wrong."""
    text, problems, _ = read_text(folder / LINE_FILE, LINE_FILE, MAX_TOML_BYTES, "restore it")
    if text is None:
        raise ConfigError(problems)
    parsed = parse_line(text, LINE_FILE, replace(installed_modules(), settings_of=_any_driver))
    if parsed.problems or parsed.sections is None:
        raise ConfigError(parsed.problems)
    return tuple(
        SinkConfig(name=name, kind=section.kind, settings=parsed.sink_settings[name])
        for name, section in parsed.sections.sinks.items()
    )


def _any_driver(_: str) -> type[DriverSection]:
    return DriverSection


def main() -> int:
    """Run the sinks until the controller that started them ends, or their configuration changes."""
    words = argparse.ArgumentParser(prog="python -m controller.sinks", description=__doc__)
    words.add_argument("--folder", type=Path, required=True, help="folder of line.toml")
    words.add_argument("--run", type=Path, required=True, help="run folder")
    words.add_argument("--store", type=Path, required=True, help="history to read")
    words.add_argument("--line", required=True, help="name of the line")
    words.add_argument("--part", default="", help="part of the line")
    words.add_argument("--speed", type=float, default=1.0, help="plant seconds per wall second")
    words.add_argument("--epoch", type=float, help="UTC seconds at which both times were equal")
    given = words.parse_args()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    try:
        work = Work(
            store=given.store, run=given.run, line=given.line, part=given.part,
            folder=given.folder, sinks=sinks_of(given.folder),
        )  # fmt: skip
        clock = SystemClock(given.speed, given.epoch)
        return 0 if run_sinks(work, clock, lambda: sinks_of(given.folder)) else 1
    except DrylineError as error:
        log.error("the sinks cannot run: %s", error)  # noqa: TRY400 - a sentence for a person
        return 1


if __name__ == "__main__":
    sys.exit(main())
