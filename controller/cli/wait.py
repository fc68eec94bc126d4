"""`dryline wait`: until stations are in a state; what one does between two commands."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from controller.cli import (
    EXIT_FAILED,
    EXIT_INPUT,
    AsJson,
    RunFolder,
    errors,
    print_json,
    screen,
    span_ns,
    told,
)
from controller.cli.operate import Station
from controller.clock import NS
from controller.consoles import controlled, status
from controller.control.states import State, when_done
from controller.core.errors import DrylineError

POLL_S = 0.2
SILENCE_S = 30.0  # wall time: a controller that is started, or restarted, answers within it

Json = dict[str, Any]


@dataclass(slots=True)
class Watched:
    """One station on its way to a state. stay_ns: how long it has to be in it, plant time."""

    name: str
    wanted: State
    stay_ns: int = 0
    reached: bool = False
    elsewhere: str = ""  # where it has come to rest instead, and why
    _since_ns: int | None = None  # in the state, without a break
    _seen: tuple[object, ...] | None = None

    def look(self, found: Json, now_ns: int) -> Iterator[str]:
        """Take what a station says of itself; yields what is new in it, for a person.

        A state counts only while the link is up: until then nobody knows what the PLC does.
        """
        here = found["link_up"] and found["state"] == self.wanted.name
        self._since_ns = None if not here else now_ns if self._since_ns is None else self._since_ns
        self.reached = self._since_ns is not None and now_ns - self._since_ns >= self.stay_ns
        # A state that ends by itself, or at the end of a window, may still lead to the wanted one.
        at_rest = found["link_up"] and when_done(State[found["state"]]) is None
        if at_rest and not here:
            why = f": {found['reason']}" if found["reason"] else ""
            self.elsewhere = f"{self.name} is {found['state']}, not {self.wanted.name}{why}"
        seen = (
            (found["state"], found["step"], found["recipe"]["prompt"]) if found["link_up"] else ()
        )
        if seen != self._seen:
            self._seen = seen
            yield from self._sentences(found)

    def _sentences(self, found: Json) -> Iterator[str]:
        if not found["link_up"]:
            yield f"{self.name}: no link to its PLC"
            return
        step = f", {found['step']}" if found["step"] else ""
        yield f"{self.name}: {found['state']}{step}"
        if prompt := found["recipe"]["prompt"]:
            yield f"{self.name} asks: {prompt} (`dryline confirm {self.name}`)"


def wait(
    station: Station,
    state: Annotated[str, typer.Argument(help="IDLE, EXECUTE, HELD, COMPLETED ...")],
    within: Annotated[str, typer.Option(help="At most so long: 90s, 30m, 8h.")] = "1h",
    stay: Annotated[str, typer.Option("--for", help="Until it was in it so long.")] = "0s",
    run: RunFolder = Path("run"),
    json: AsJson = False,
) -> None:
    """Wait until a station is in a state, in plant time.

    Exit code 1 when the time is over, or when it rests in a state that only a command can end.
    """
    wanted = _state(state)
    within_ns = told(lambda: span_ns(within, "--within"))
    stay_ns = told(lambda: span_ns(stay, "--for"))
    answer = told(lambda: _status(run))
    begun_ns = now_ns = int(answer["time_ns"])
    names = answer["line_stations"] if station == "all" else [station]
    watched = [Watched(name, wanted, stay_ns) for name in names]
    while True:
        for text in told(partial(_news, watched, answer)):
            if not json:
                _say(text)
        reached = all(one.reached for one in watched)
        if reached or any(one.elsewhere for one in watched) or now_ns - begun_ns > within_ns:
            break
        time.sleep(POLL_S)
        answer = told(lambda: _status(run))
        now_ns = int(answer["time_ns"])
    waited_s = (now_ns - begun_ns) / NS
    if json:
        states = {name: answer["stations"][name]["state"] for name in names}
        print_json({"reached": reached, "waited_s": waited_s, "states": states})
    elif reached:
        _say(f"{', '.join(names)}: {wanted.name} after {waited_s / 60.0:.1f} min")
    else:
        _tell_why_not(watched, answer, within)
    if not reached:
        raise typer.Exit(EXIT_FAILED)


def _state(text: str) -> State:
    try:
        return State[text.upper()]
    except KeyError:
        names = ", ".join(state.name for state in State)
        errors.print(f"no state {text!r}; states: {names}", style="red", markup=False)
        raise typer.Exit(EXIT_INPUT) from None


def _news(watched: Sequence[Watched], answer: Json) -> list[str]:
    now_ns = int(answer["time_ns"])
    return [text for w in watched for text in w.look(controlled(answer, w.name), now_ns)]


def _status(run: Path) -> Json:
    """What all stations say; a controller that has just been started gets time to answer."""
    deadline = time.monotonic() + SILENCE_S
    while True:
        try:
            answer = status(run)
        except DrylineError:
            if time.monotonic() > deadline:
                raise
        else:
            if not answer["uncontrolled"] or time.monotonic() > deadline:
                return answer
        time.sleep(POLL_S)


def _tell_why_not(watched: Sequence[Watched], answer: Json, within: str) -> None:
    for one in watched:
        if one.reached:
            continue
        found = answer["stations"][one.name]
        late = f"{one.name} is {found['state']}, not {one.wanted.name}, after {within}"
        errors.print(one.elsewhere or late, style="red", markup=False, highlight=False,
                     soft_wrap=True)  # fmt: skip
        for reason in found["waiting_for"]:
            errors.print(f"  waits for {reason}", markup=False, highlight=False, soft_wrap=True)


def _say(text: str) -> None:
    screen.print(text, markup=False, highlight=False, soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(wait)
