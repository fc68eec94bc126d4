"""Commands around the recipe of a running station: deploy, rollback, deployed, confirm, lot."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from controller.cli import EXIT_FAILED, AsJson, RunFolder, errors, print_json, screen, told
from controller.cli.operate import command
from controller.cli.ordering import order
from controller.cli.signing import PasswordFile
from controller.clock import NS

DEPLOY_S = 10.0  # reading and checking a recipe, one scan, the disk

StationName = Annotated[str, typer.Argument(help="enclosure, coater or calender")]
Actor = Annotated[str, typer.Option("--by", help="Who does it, if not the user of this machine.")]
Because = Annotated[str, typer.Option(help="The run whose result led to it.")]
Expect = Annotated[
    int | None, typer.Option(help="Number of the deployment you saw; by default the newest now.")
]


def ask_of(
    run: Path, station: str, by: str, password_file: Path | None = None, **request: Any
) -> dict[str, Any]:
    """One question about a station, in somebody's name."""
    body = {"actor": by, "station": station, **request}
    return told(lambda: order(run, body, DEPLOY_S, password_file))


def require_accepted(answer: dict[str, Any], what: str) -> None:
    """Print every reason of a refusal and leave."""
    if answer["accepted"]:
        return
    errors.print(f"{what}: refused ({answer['code']})", style="red", highlight=False)
    for reason in answer["reasons"]:
        errors.print(f"  - {reason}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(EXIT_FAILED)


def expected_by(run: Path, station: str, expect: int | None) -> int:
    """Number of the deployment that somebody has seen: as given, else the newest now."""
    if expect is not None:
        return expect
    seen = ask_of(run, station, "", op="recipe")["requested"]
    return int(seen["number"]) if seen else 0


def deploy(  # noqa: PLR0913, PLR0917 - an argument for each option
    station: StationName,
    recipe: Annotated[str, typer.Argument(help="NAME@VERSION, NAME (the newest), or built-in")],
    reason: Annotated[str, typer.Option(help="Why; recorded.")],
    by: Actor = "",
    because: Because = "",
    expect: Expect = None,
    password_file: PasswordFile = None,
    run: RunFolder = Path("run"),
    json: AsJson = False,
) -> None:
    """Give a station the recipe that its next START takes; a run under way keeps its own."""
    answer = ask_of(
        run, station, by, password_file, op="deploy", recipe=recipe, reason=reason, because=because,
        expected=expected_by(run, station, expect),
    )  # fmt: skip
    _report(station, answer, json)


def rollback(
    station: StationName,
    reason: Annotated[str, typer.Option(help="Why; recorded.")],
    by: Actor = "",
    because: Because = "",
    expect: Expect = None,
    password_file: PasswordFile = None,
    run: RunFolder = Path("run"),
    json: AsJson = False,
) -> None:
    """Deploy the recipe that was deployed before the present one."""
    answer = ask_of(
        run, station, by, password_file, op="rollback", reason=reason, because=because,
        expected=expected_by(run, station, expect),
    )  # fmt: skip
    _report(station, answer, json)


def _report(station: str, answer: dict[str, Any], json: bool) -> None:
    if json:
        print_json(answer)
        if not answer["accepted"]:
            raise typer.Exit(EXIT_FAILED)
        return
    require_accepted(answer, station)
    now, number = answer["requested"], answer["deployment"]
    when = f"at the next START; run {answer['run']} keeps its own" if answer["run"] else "at START"
    if now["number"] == number:
        _say(f"{station}: deployment {number}, {now['recipe']}, taken {when}")
    else:
        _say(f"{station}: deployment {number} is done, and since then {_named(now)} is requested")


def deployed(station: StationName, run: RunFolder = Path("run"), json: AsJson = False) -> None:
    """Show which recipe a station is to follow, which it follows, and where the PLC differs."""
    answer = ask_of(run, station, "", op="recipe")
    if json:
        print_json(answer)
        return
    _say(f"requested  {_named(answer['requested'])}")
    if answer["run"]:
        phase = f", phase {answer['phase']}" if answer["phase"] else ""
        of = f"run {answer['run']}, {answer['run_s'] / 60.0:.1f} min{phase}"
        _say(f"current    {_named(answer['current'])}; {of}")
    for drift in answer["drift"]:
        errors.print(f"drift      {drift['text']}", style="yellow", markup=False, highlight=False)
    if answer["prompt"]:
        _say(f"asks       {answer['prompt']}")
    for d in reversed(answer["deployments"]):
        _say(f"{d['number']:3}  {_time(d['time_ns'])}  {_short(d)}  {d['actor']}: {d['reason']}")
        if d["because"]:
            _say(f"     because of run {d['because']}")
        if signature := d.get("signature"):
            _say(f"     signed by {signature['signer']}, audit record {signature['number']}")


def _named(deployment: dict[str, Any] | None) -> str:
    if deployment is None or not deployment["number"]:
        return "built-in (nothing was deployed)"
    return f"{_short(deployment)}, deployment {deployment['number']} by {deployment['actor']}"


def _short(deployment: dict[str, Any]) -> str:
    """NAME@VERSION: the station says the kind."""
    return str(deployment["recipe"]).rpartition("/")[2]


def _time(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / NS, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _say(text: str) -> None:
    screen.print(text, markup=False, highlight=False, soft_wrap=True)


def confirm(
    station: StationName,
    run: RunFolder = Path("run"),
    reason: Annotated[str, typer.Option(help="A remark; recorded.")] = "",
    json: AsJson = False,
) -> None:
    """Confirm that what the prompt of the present phase asks for has been done."""
    command(run, station, json, verb="CONFIRM", reason=reason)


def lot(
    station: StationName,
    way: Annotated[str, typer.Argument(help="in or out")],
    name: Annotated[str, typer.Argument(help="Name of the lot")],
    run: RunFolder = Path("run"),
    reason: Annotated[str, typer.Option(help="A remark; recorded.")] = "",
    json: AsJson = False,
) -> None:
    """Note a lot of material that goes into a run or comes out of it."""
    command(run, station, json, verb="LOT", target=way, value=name, reason=reason)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for function in (deploy, rollback, deployed, confirm, lot):
        app.command()(function)
