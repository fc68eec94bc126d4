"""Commands that act on a running line: start, stop, set, mode, tune, fault, plc."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from controller.cli import EXIT_FAILED, AsJson, RunFolder, errors, print_json, screen, told
from controller.cli.ordering import order
from controller.console import ask
from controller.consoles import owner, status
from controller.core.errors import DrylineError

PLANT_SOCKET = "plant.sock"
READY_S = 60.0

Station = Annotated[str, typer.Argument(help="enclosure, coater, calender ... or all")]
Reason = Annotated[str, typer.Option(help="Why; recorded with the command.")]
VERBS = {
    "start": "Start the station: it brings itself from cold to production.",
    "stop": "Stop the station in order.",
    "hold": "Hold the station where it is; unhold continues.",
    "unhold": "Continue a held station.",
    "pause": "Pause the station.",
    "resume": "Continue a paused station.",
    "abort": "Stop at once.",
    "reset": "Clear a latched trip and return to idle.",
    "restart": "Run the start procedure again from execute.",
    "complete": "End the run in order.",
}


def _stations(run: Path, station: str) -> list[str]:
    """Of "all" every station of the line: one that nobody controls refuses, it is not left out."""
    return list(status(run)["line_stations"]) if station == "all" else [station]


def _ask(run: Path, request: dict[str, Any], asked_for: str) -> dict[str, Any]:
    """Of "all", one that cannot be asked counts as a refusal: the others get their command."""
    try:
        return order(run, request)
    except DrylineError as error:
        if asked_for != "all":
            raise
        return {"accepted": False, "code": "not controlled", "reasons": [str(error)]}


def command(run: Path, station: str, json: bool, **request: Any) -> None:
    """Send one command to one or all stations and report what became of it."""
    refused = False
    answers = {}
    for name in told(lambda: _stations(run, station)):
        body = {"op": "command", "station": name, **request}
        answer = told(lambda b=body: _ask(run, b, station))  # type: ignore[misc]
        answers[name] = answer
        refused = refused or not answer["accepted"]
        if json:
            continue
        if answer["accepted"]:
            screen.print(f"{name}: accepted", style="green", highlight=False)
        else:
            errors.print(f"{name}: refused ({answer['code']})", style="red", highlight=False)
            for reason in answer["reasons"]:
                errors.print(f"  - {reason}", markup=False, highlight=False, soft_wrap=True)
    if json:
        print_json(answers)
    if refused:
        raise typer.Exit(EXIT_FAILED)


def _verb(verb: str) -> Callable[..., None]:
    def run_verb(
        station: Station,
        run: RunFolder = Path("run"),
        reason: Reason = "",
        json: AsJson = False,
    ) -> None:
        command(run, station, json, verb=verb, reason=reason)

    run_verb.__doc__ = VERBS[verb]
    return run_verb


def set_point(
    tag: Annotated[str, typer.Argument(help="For example ENC.L1.SP, COAT.V.LINE.SP, ENC.SET.DP")],
    value: Annotated[float, typer.Argument(help="In the tag's unit.")],
    station: Annotated[str, typer.Option(help="Found from the tag when left out.")] = "",
    run: RunFolder = Path("run"),
    reason: Reason = "",
    json: AsJson = False,
) -> None:
    """Change a set point, a loop's set point, an output in manual, or a procedure setting."""
    name = station or told(lambda: owner(run, tag))
    command(run, name, json, verb="SET", target=tag, value=value, reason=reason)


def mode(
    loop: Annotated[str, typer.Argument(help="For example ENC.L1")],
    wanted: Annotated[str, typer.Argument(help="MAN, AUTO or CAS")],
    run: RunFolder = Path("run"),
    reason: Reason = "",
    json: AsJson = False,
) -> None:
    """Change the mode of a loop."""
    name = told(lambda: owner(run, f"{loop}.MODE"))
    command(run, name, json, verb="MODE", target=loop, value=wanted, reason=reason)


def tune(
    loop: Annotated[str, typer.Argument(help="For example ENC.L1")],
    kc: Annotated[float, typer.Argument(help="Gain, output unit per PV unit.")],
    ti_s: Annotated[float, typer.Argument(help="Integral time, s.")],
    td_s: Annotated[float, typer.Argument(help="Derivative time, s.")] = 0.0,
    run: RunFolder = Path("run"),
    reason: Reason = "",
    json: AsJson = False,
) -> None:
    """Change the gains of a loop; its output does not move by it."""
    name = told(lambda: owner(run, f"{loop}.MODE"))
    gains = f"{kc!r},{ti_s!r},{td_s!r}"
    command(run, name, json, verb="TUNE", target=loop, value=gains, reason=reason)


def fault(
    station: Annotated[str, typer.Argument(help="enclosure, coater or calender; or list")] = "list",
    name: Annotated[str, typer.Argument(help="For example heater_failure, or F5")] = "",
    after: Annotated[float, typer.Option(help="Starts in so many plant seconds.")] = 0.0,
    for_: Annotated[
        float | None, typer.Option("--for", help="Lasts so long, plant seconds; default for ever.")
    ] = None,
    level: Annotated[float | None, typer.Option(help="Strength; default from the table.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="End the fault now.")] = False,
    run: RunFolder = Path("run"),
    json: AsJson = False,
) -> None:
    """Inject a fault into the simulated plant, end one, or list what there is."""
    plant = run / PLANT_SOCKET
    if station == "list":
        rows = told(lambda: ask(plant, {"op": "table"}))["faults"]
        active = told(lambda: ask(plant, {"op": "faults"}))["active"]
        if json:
            print_json({"faults": rows, "active": active})
            return
        on = {(a["station"], a["name"]): a["level"] for a in active}
        for r in rows:
            mark = f"  ACTIVE at {on[key]:g}" if (key := (r["station"], r["name"])) in on else ""
            text = f"{r['id']:4} {r['station']:10} {r['name']:18} {r['level']:g} {r['unit']:8}"
            screen.print(f"{text} {r['effect']}{mark}", markup=False, highlight=False)
        return
    request: dict[str, Any] = {"op": "clear", "station": station, "name": name}
    if not clear:
        request |= {"op": "fault", "after_s": after, "for_s": for_, "level": level}
    answer = told(lambda: ask(plant, request))
    if json:
        print_json(answer)
    elif clear:
        screen.print(f"{station}: {name} cleared", highlight=False)
    else:
        screen.print(f"{station}: {answer['fault']} at {answer['level']:g}", highlight=False)


def plc(
    station: Annotated[str, typer.Argument(help="enclosure, coater or calender")],
    action: Annotated[str, typer.Argument(help="pause, resume, kill, stop, start, restart")],
    run: RunFolder = Path("run"),
) -> None:
    """Pause, stop or restart the simulated PLC of one station; the others go on."""
    request = {"op": "station", "station": station, "action": action}
    told(lambda: ask(run / PLANT_SOCKET, request))
    screen.print(f"PLC of {station}: {action}", highlight=False)


def start_when_ready(run: Path, alive: Callable[[], bool]) -> None:
    """Wait until all links are up, then give START to every station."""
    deadline = time.monotonic() + READY_S
    while alive() and time.monotonic() < deadline:
        try:
            found = status(run)
        except DrylineError:
            found = {"stations": {}, "line_stations": ["?"]}
        stations = found["stations"]
        complete = set(stations) == set(found["line_stations"])
        if complete and all(s["link_up"] for s in stations.values()):
            for name, s in stations.items():
                if s["state"] == "IDLE":
                    command(run, name, json=False, verb="START", reason="dryline up --start")
            return
        time.sleep(0.2)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for verb in VERBS:
        app.command(name=verb)(_verb(verb))
    # Frost points are negative: "-63" must not be taken for an option.
    app.command(name="set", context_settings={"ignore_unknown_options": True})(set_point)
    for function in (mode, tune, fault, plc):
        app.command()(function)
