"""Where the files of a run folder lie, of the whole line and of its parts.

A controller of the whole line has `controller.sock` and the history file of line.toml,
`history.db`. A controller of a part has files of its own beside them: `controller-coater.sock` and
`history-coater.db`, with several stations `controller-coater+calender.sock`. `live.sock` is where a
controller gives its tags to mirrors, `api.sock` where the API of the line answers its owner.
"""

from collections.abc import Iterator
from pathlib import Path

from controller.config import LineConfig

SOCKET = "controller.sock"
LIVE = "live.sock"
API = "api.sock"
JOINT = "+"  # between the stations of a part, as in LineConfig.part


def socket_path(run: Path, part: str) -> Path:
    """The console socket of the controller of a part; "": of the whole line."""
    return _of_part(run / SOCKET, part)


def live_path(run: Path, part: str) -> Path:
    """The socket at which the controller of a part gives its tags to mirrors."""
    return _of_part(run / LIVE, part)


def api_socket(run: Path) -> Path:
    """The socket at which the API of the line takes the owner of the run folder at his word."""
    return run / API


def live_sockets(run: Path) -> dict[str, Path]:
    """Every such socket by its part, whether somebody serves it or not."""
    return dict(_parts_of(run / LIVE))


def history_path(config: LineConfig, run: Path) -> Path:
    """The history that the controller of this configuration writes."""
    return _of_part(run / config.history.path, config.part)


def sockets(run: Path) -> dict[str, Path]:
    """Every console socket of a controller by its part, whether somebody listens or not."""
    return dict(_parts_of(run / SOCKET))


def histories(config: LineConfig, run: Path) -> list[Path]:
    """Every history of a line in a run folder; where there is none, the one that would be."""
    known = set(config.line_stations)
    whole = run / config.history.path
    found = [p for part, p in _parts_of(whole) if not part or known >= set(part.split(JOINT))]
    return found or [whole]


def _of_part(whole: Path, part: str) -> Path:
    return whole.with_name(f"{whole.stem}-{part}{whole.suffix}") if part else whole


def _parts_of(whole: Path) -> Iterator[tuple[str, Path]]:
    """The file of the whole line and its siblings of parts, those that exist, by part."""
    before, after = f"{whole.stem}-", whole.suffix
    for path in sorted(whole.parent.iterdir()) if whole.parent.is_dir() else ():
        if path == whole:
            yield "", path
        elif path.name.startswith(before) and path.name.endswith(after):
            yield path.name.removeprefix(before).removesuffix(after), path
