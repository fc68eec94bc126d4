"""Finding the controller to ask: the whole line's, or the one of the station in question.

On one run folder the whole line may be controlled by one process, or its stations by several
(`controller.part`). Whoever asks names the station or the tag; which process that is, is found
here, and what all of them say is put together as if it came from one.
"""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from controller.console import ANSWER_S, Json, nobody_answers, reply_in, talk
from controller.core.errors import DrylineError
from controller.run_folder import JOINT, SOCKET, sockets

_GONE = (FileNotFoundError, ConnectionRefusedError, NotADirectoryError)  # nobody has the socket


def ask_station(run: Path, station: str, request: Json, timeout_s: float = ANSWER_S) -> Json:
    """One question to the controller of a station; DrylineError when nobody controls it now."""
    return asyncio.run(station_reply(run, station, request, timeout_s))


def status(run: Path) -> Json:
    """What all controllers of a run folder say; see `line_status`."""
    return asyncio.run(line_status(run))


async def station_reply(
    run: Path, station: str, request: Json, timeout_s: float = ANSWER_S
) -> Json:
    """`ask_station` for who has an event loop."""
    covering = {part: path for part, path in sockets(run).items() if _covers(part, station)}
    for path in sorted(covering.values()):
        try:
            line = await talk(path, request, timeout_s)
        except _GONE:
            continue  # left behind by a controller that died
        except (OSError, TimeoutError) as error:
            raise nobody_answers(path, error) from error
        return reply_in(path, line)
    state = await line_status(run)
    if station in state["uncontrolled"]:
        raise _uncontrolled(station, state)
    raise DrylineError(f"no station {station!r}; stations: {', '.join(state['line_stations'])}")


async def line_status(run: Path) -> Json:
    """What all controllers of a run folder say, as if it came from one.

    stations: of all; controllers: who answers, with what it keeps to itself (pid, since_ns, its
    history and what it reads of others); uncontrolled: stations of the line that nobody has;
    silent: parts whose controller is there and does not answer; history: of all together.
    """
    answers, silent = await ask_all(run, {"op": "status"})
    if not answers:
        path = next(iter(silent.values()), run / SOCKET)
        raise nobody_answers(path, TimeoutError() if silent else FileNotFoundError())
    stations = {name: s for answer in answers for name, s in answer["stations"].items()}
    line = list(dict.fromkeys(name for answer in answers for name in _line(answer)))
    return {
        "line": answers[0]["line"],
        "time_ns": max(answer["time_ns"] for answer in answers),
        "stations": {name: stations[name] for name in line if name in stations},
        "history": _history([answer["history"] for answer in answers]),
        "controllers": [c for answer in answers for c in answer.get("controllers", ())],
        "uncontrolled": [n for n in line if n not in stations and not _hidden(n, silent)],
        "silent": list(silent),
        "line_stations": line,
    }


def owner(run: Path, tag: str) -> str:
    """The station that has a tag, among those that are controlled now."""
    state = status(run)
    for name in state["stations"]:
        rows = ask_station(run, name, {"op": "tags", "station": name})["tags"]
        if any(row["tag"] == tag for row in rows):
            return str(name)
    without = [*state["uncontrolled"], *state["silent"]]
    more = f" among the stations controlled now, without {', '.join(without)}" if without else ""
    raise DrylineError(f"no tag {tag!r} on this line{more}; `dryline tags` lists them")


def controlled(state: Json, station: str) -> Json:
    """The status of one station out of that of all; DrylineError when nobody has it now."""
    found: Json | None = state["stations"].get(station)
    if found is not None:
        return found
    if station in state["line_stations"]:
        raise _uncontrolled(station, state)
    raise DrylineError(f"no station {station!r} on this line; `dryline status` lists them")


def _uncontrolled(station: str, state: Json) -> DrylineError:
    if station not in state["uncontrolled"]:
        return DrylineError(f"the controller of {station} does not answer; is it stopped?")
    return DrylineError(
        f"nobody controls {station} now; controlled: {', '.join(state['stations'])}. "
        f"Start its controller with `dryline controller --station {station}`"
    )


async def ask_all(run: Path, request: Json) -> tuple[list[Json], dict[str, Path]]:
    """All at once: the answers, and the sockets by part of the controllers that did not answer.

    Such a socket may be gone by now, when its controller was ending.
    """
    places = sockets(run)
    lines = await asyncio.gather(
        *(talk(path, request, ANSWER_S) for path in places.values()), return_exceptions=True
    )
    answers, silent = [], {}
    for (part, path), line in zip(places.items(), lines, strict=True):
        if isinstance(line, bytes) and line:
            answers.append(reply_in(path, line))
        elif not isinstance(line, _GONE):
            if not isinstance(line, bytes | OSError | TimeoutError):
                raise line
            silent[part] = path
    return answers, silent


def _covers(part: str, station: str) -> bool:
    return not part or station in part.split(JOINT)


def _hidden(station: str, silent: Iterable[str]) -> bool:
    return any(_covers(part, station) for part in silent)


def _line(answer: Json) -> list[str]:
    """The line's stations; a controller of an older version names only its own."""
    return list(answer.get("line_stations") or answer["stations"])


def _history(parts: Sequence[Json]) -> Json:
    """The figures of several historians together."""
    return {
        **{key: sum(part[key] for part in parts) for key in ("stored", "queued", "dropped")},
        "failing": any(part["failing"] for part in parts),
        "error": "; ".join(part["error"] for part in parts if part["error"]),
    }
