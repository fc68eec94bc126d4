"""Entry point of the `dryline` command and of `python -m controller`."""
# ruff: noqa: E402 - what is imported below is work, too

import sys

from controller.priority import step_back

step_back(sys.argv[1:])

import typer

from controller.cli import (
    alarms,
    api,
    audit,
    backup,
    deploy,
    export,
    interlocks,
    look,
    operate,
    recipes,
    rehearse,
    release,
    run,
    runs,
    sinks,
    trials,
    trust,
    users,
    wait,
)

app = typer.Typer(
    name="dryline",
    help="Run and watch the pilot line: simulated plant, controller, history.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
run.add_to(app)
api.add_to(app)
operate.add_to(app)
wait.add_to(app)
look.add_to(app)
alarms.add_to(app)
interlocks.add_to(app)
export.add_to(app)
release.add_to(app)
recipes.add_to(app)
rehearse.add_to(app)
deploy.add_to(app)
runs.add_to(app)
trials.add_to(app)
sinks.add_to(app)
trust.add_to(app)
backup.add_to(app)
users.add_to(app)
audit.add_to(app)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
